//! Whether the rules keep the promises of their own examples.
//!
//! Every `finds` must yield exactly its credential for its rule, every `ignores` nothing of it: with the prefilter and
//! without, with Unix and Windows line ends, alone and in the middle of a long line. And across rules: the text of an
//! example belongs to its rule, or to rules that say `also`.

use std::sync::Arc;

use super::verify::Scene;
use super::{AFTER, BEFORE, Candidate, Hit, Matcher, Surroundings};
use crate::signature::template::{expand, expand_pair};
use crate::signature::{Confidence, Rule, RuleSet, Shape};

/// What is wrong with one rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Complaint {
    /// Id of the rule.
    pub rule: String,
    /// What is wrong.
    pub message: String,
}

impl std::fmt::Display for Complaint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "rule `{}`: {}", self.rule, self.message)
    }
}

/// Everything that is wrong with `rules`; their examples are only tried if all patterns compile.
pub fn check(rules: &Arc<RuleSet>) -> Vec<Complaint> {
    let mut complaints: Vec<Complaint> = rules
        .rules()
        .iter()
        .filter_map(|rule| super::verify::try_compile(rule).err().map(|message| complaint(rule, message)))
        .collect();
    if complaints.is_empty() {
        let matcher = Matcher::new(Arc::clone(rules));
        for (index, rule) in rules.rules().iter().enumerate() {
            examples(&matcher, index, rule, &mut complaints);
        }
    }
    complaints.sort();
    complaints.dedup();
    complaints
}

fn complaint(rule: &Rule, message: impl Into<String>) -> Complaint {
    Complaint { rule: rule.id().into(), message: message.into() }
}

fn examples(matcher: &Matcher, index: usize, rule: &Rule, complaints: &mut Vec<Complaint>) {
    for (number, find) in rule.finds().iter().enumerate() {
        let (text, secret) = expand_pair(&find.text, &find.secret, &format!("{}/{number}", rule.id()));
        let path = find.path.as_deref().map(str::as_bytes);
        for (form, text) in forms(rule, &text) {
            let secret = if form == "with CRLF" { secret.replace('\n', "\r\n") } else { secret.clone() };
            let around = Surroundings { path, pair: None };
            if let Err(message) = one(matcher, index, &text, &secret, around) {
                let place = format!("finds {} ({form}), {}", number + 1, find.text);
                complaints.push(complaint(rule, format!("{place}: {message}")));
            }
        }
    }
    for (number, ignore) in rule.ignores().iter().enumerate() {
        let text = expand(&ignore.text, &format!("{}/ignores/{number}", rule.id()));
        let around = Surroundings { path: ignore.path.as_deref().map(str::as_bytes), pair: None };
        let hits = matcher.scan(text.as_bytes(), around);
        if hits.iter().any(|hit| hit.rule == index && hit.confidence > Confidence::Example) {
            let message = format!("ignores {}, {}: it is found ({})", number + 1, ignore.text, ignore.why);
            complaints.push(complaint(rule, message));
        }
    }
}

/// The forms in which an example is tried.
fn forms(rule: &Rule, text: &str) -> Vec<(&'static str, String)> {
    let line = ".".repeat(BEFORE + 100);
    let mut forms = vec![("as it is", text.to_owned()), ("with CRLF", text.replace('\n', "\r\n"))];
    // A bare value may go on to the end of its line, so only tokens are tried inside one.
    let token = matches!(rule.shape(), Shape::Pattern(_));
    if token && !text.contains('\n') {
        let behind = " ".repeat(AFTER + 100);
        forms.push(("in a long line", format!("{line} {text} {behind}{line}")));
    }
    forms
}

fn one(
    matcher: &Matcher,
    index: usize,
    text: &str,
    secret: &str,
    around: Surroundings<'_>,
) -> Result<(), String> {
    let bytes = text.as_bytes();
    let resolved = matcher.scan(bytes, around);
    let own: Vec<&Hit> = resolved.iter().filter(|hit| hit.rule == index).collect();
    let found = |hit: &Hit| String::from_utf8_lossy(&bytes[hit.secret.clone()]).into_owned();
    match own[..] {
        [hit] if found(hit) == secret => {}
        [hit] => return Err(format!("the credential is {secret}, found was {}", found(hit))),
        [] => return Err(nothing(matcher, index, bytes, secret, around)),
        _ => return Err(format!("found {} times", own.len())),
    }
    let mut slow = Vec::new();
    for candidate in every_position(matcher, index, bytes) {
        matcher.verify_rule(index, Scene { candidate, text: bytes, around }, &mut slow);
    }
    if slow.iter().any(|hit| found(hit) == secret) {
        return Ok(());
    }
    Err("the second stage alone does not find it".into())
}

/// Why nothing was found.
fn nothing(matcher: &Matcher, index: usize, bytes: &[u8], secret: &str, around: Surroundings<'_>) -> String {
    let resolved = matcher.scan(bytes, around);
    let mut hits = Vec::new();
    for candidate in matcher.candidates(bytes) {
        matcher.verify(candidate, bytes, around, &mut hits);
    }
    let claimed = hits.iter().any(|hit| hit.rule == index);
    let other = resolved.iter().find(|hit| bytes[hit.secret.clone()] == *secret.as_bytes());
    match other.filter(|_| claimed).or(resolved.first().filter(|_| claimed)) {
        Some(hit) => format!("rule `{}` claims it", matcher.rule(hit).id()),
        None => "nothing is found".into(),
    }
}

/// Where a literal of the rule stands, found without the prefilter.
fn every_position(matcher: &Matcher, index: usize, text: &[u8]) -> Vec<Candidate> {
    let anchor = matcher.rules.rules()[index].anchor();
    let mut found = Vec::new();
    for literal in &anchor.literals {
        for at in 0..(text.len() + 1).saturating_sub(literal.len()) {
            let here = &text[at..at + literal.len()];
            if here == &literal[..] || anchor.fold && here.eq_ignore_ascii_case(literal) {
                found.push(Candidate { at, length: literal.len(), literal: usize::MAX });
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_embedded_rule_keeps_the_promises_of_its_examples() {
        let complaints: Vec<String> = check(&RuleSet::embedded()).iter().map(ToString::to_string).collect();
        assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
    }

    #[test]
    fn a_rule_that_does_not_find_its_example_is_told() {
        let good = include_str!("../../signatures/github.toml");
        let bad = good.replacen("ghp_[", "ghq_[", 1);
        assert_ne!(good, bad);
        let rules = Arc::new(RuleSet::parse([("bad.toml", bad.as_str())]).unwrap());
        assert!(!check(&rules).is_empty());
    }
}
