//! Examples for imported rules, which bring none: made from their patterns, and kept only if the pattern finds them.

use std::collections::BTreeSet;

use regex_automata::meta::Regex;

use super::super::pattern::{compile_pattern, parse_pattern};
use super::super::template::{expand, expand_pair};
use super::sample::{Variant, sample};
use super::{Example, Imported};

/// What an example stands in.
const AROUND: &[(&str, &str)] = &[("", ""), (" ", " "), ("\n", "\n"), ("\"", "\""), ("x = ", ";")];

/// Gives a rule its two `finds` and one `ignores`, or says that none could be made.
pub(super) fn give(rule: &mut Imported) {
    if give_all(rule).is_none() {
        rule.finds.clear();
        rule.ignores.clear();
        rule.unproven = Some("no example could be made from its pattern".into());
    }
}

fn give_all(rule: &mut Imported) -> Option<()> {
    let path = match &rule.path {
        Some(pattern) => Some(matching(pattern)?),
        None => None,
    };
    let proposals = match (&rule.pattern, &rule.value) {
        (Some(pattern), _) => of_pattern(pattern, &rule.id)?,
        (None, Some(value)) => of_value(rule.words.first()?, value)?,
        (None, None) => return None,
    };
    let mut texts = BTreeSet::new();
    for (text, secret) in proposals {
        if rule.finds.len() < 2 && texts.insert(text.clone()) {
            rule.finds.push(Example { text, about: secret, path: path.clone() });
        }
    }
    let [first, _] = &rule.finds[..] else { return None };
    let masked = first.text.replace(&first.about, &"x".repeat(12));
    let mut ignores =
        vec![Example { text: masked, about: "a mask, and no credential".into(), path: path.clone() }];
    for allow in rule.allow.iter().filter(|allow| !allow.all) {
        let allowed = allow.path.iter().find_map(|pattern| matching(pattern));
        // The path has to be one that the rule is for, or it proves nothing.
        let own = |path: &String| match rule.path.as_deref().map(compile_pattern) {
            Some(Ok(regex)) => regex.is_match(path.as_bytes()),
            _ => true,
        };
        let text = first.text.clone();
        ignores.extend(allowed.filter(own).map(|path| Example {
            text,
            about: allow.why.clone(),
            path: Some(path),
        }));
    }
    rule.ignores = ignores;
    Some(())
}

/// A text that a pattern of paths matches.
fn matching(pattern: &str) -> Option<String> {
    let hir = parse_pattern(pattern).ok()?;
    let regex = compile_pattern(pattern).ok()?;
    [Variant::Shortest, Variant::Longest].into_iter().find_map(|variant| {
        let text = expand(&sample(&hir, variant)?.0, "path");
        (!text.is_empty() && regex.is_match(text.as_bytes())).then_some(text)
    })
}

/// Texts, and the credentials in them, that the pattern finds.
fn of_pattern(pattern: &str, id: &str) -> Option<Vec<(String, String)>> {
    let hir = parse_pattern(pattern).ok()?;
    let regex = compile_pattern(pattern).ok()?;
    let mut proposals = Vec::new();
    for variant in [Variant::Shortest, Variant::Longest] {
        let Some((text, Some(secret))) = sample(&hir, variant) else { continue };
        let secret = text[secret].to_owned();
        for (before, after) in AROUND {
            let text = format!("{before}{text}{after}");
            // The seeds of the examples are those that a check of the rule takes.
            let found = |number: usize| finds(&regex, &text, &secret, &format!("{id}/{number}"));
            if !secret.is_empty() && found(0) && found(1) {
                proposals.push((text, secret.clone()));
                break;
            }
        }
    }
    // A pattern with one form: the same in other surroundings.
    if let [(text, secret)] | [(text, secret), _] = &proposals[..] {
        let (text, secret) = (text.trim().to_owned(), secret.clone());
        let more = AROUND.iter().map(|(before, after)| (format!("{before}{text}{after}"), secret.clone()));
        let more: Vec<_> =
            more.filter(|(text, secret)| finds(&regex, text, secret, &format!("{id}/1"))).collect();
        proposals.extend(more);
    }
    Some(proposals)
}

/// Whether the pattern finds the credential, and it alone, when the templates are filled in.
fn finds(regex: &Regex, text: &str, secret: &str, seed: &str) -> bool {
    if !text.contains(secret) {
        return false;
    }
    let (text, expanded) = expand_pair(text, &[secret], seed);
    let secret = &expanded[0];
    let mut captures = regex.create_captures();
    regex.search_captures(&regex_automata::Input::new(text.as_bytes()), &mut captures);
    captures
        .get_group_by_name("secret")
        .is_some_and(|span| text.as_bytes()[span.range()] == *secret.as_bytes())
}

/// Assignments to a key with the word in it.
fn of_value(word: &str, value: &str) -> Option<Vec<(String, String)>> {
    let (secret, _) = sample(&parse_pattern(value).ok()?, Variant::Shortest)?;
    let upper = word.to_ascii_uppercase();
    Some(vec![
        (format!("{upper}_KEY={secret}"), secret.clone()),
        (format!("\"{word}_token\": \"{secret}\""), secret),
    ])
}
