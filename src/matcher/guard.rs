//! Between the stages: whether what stands right around a literal lets a rule find anything there.
//!
//! A literal is often a word that stands everywhere. Before a pattern is searched or an assignment parsed, a few bytes
//! beside the literal are looked at: those that the pattern itself demands there, or, for rules of words, that the word
//! is one and that a value of the rule's alphabet and length stands within reach. What is refused here would be found by
//! nobody; the second stage asks again, so it makes no difference whether somebody looked here first.

use regex_automata::meta::Regex;

use super::assign::REACH;
use super::escape;
use super::keyed::{BLOCK, STATEMENT, may_be_word};
use super::verify::{FEW_STARTS, Scene, compile};
use crate::signature::context::{Context, Row};
use crate::signature::{Demand, Rule, Shape};

/// What one rule demands.
#[derive(Debug)]
pub(super) struct Guard {
    demand: Demand,
    /// Whether the literal must be a word of its own.
    word: bool,
    /// The paths of files that the rule is for.
    path: Option<Regex>,
    /// Most bytes of a match before its literal.
    before: usize,
}

impl Guard {
    pub(super) fn new(rule: &Rule) -> Self {
        let word = matches!(rule.shape(), Shape::Keyed { .. }) && !rule.judged();
        let before = rule.anchor().before_max;
        Self { demand: rule.demand(), word, path: rule.path().map(compile), before }
    }

    /// Whether the rule may find something at the candidate.
    pub(super) fn admits(&self, scene: Scene<'_>) -> bool {
        self.beside(scene) && self.fits_path(scene.around.path)
    }

    /// Whether the rule is for a file of that path.
    pub(super) fn fits_path(&self, path: Option<&[u8]>) -> bool {
        self.path.as_ref().is_none_or(|pattern| path.is_some_and(|path| pattern.is_match(path)))
    }

    /// Whether what the rule demands stands around the literal.
    fn beside(&self, scene: Scene<'_>) -> bool {
        let Scene { candidate, text, .. } = scene;
        let (from, to) = (candidate.at, candidate.at + candidate.length);
        match &self.demand {
            Demand::Around(context) => context.admits(text, from, to) || self.behind_escape(scene, context),
            Demand::Value { class, length } => {
                let row = Row { class: *class, length: *length, within: FARTHEST };
                let before = &text[from.saturating_sub(STATEMENT)..from];
                (!self.word || may_be_word(text, &(from..to)))
                    && (row.stands_in(&text[to..]) || row.stands_in(before))
            }
        }
    }
}

impl Guard {
    /// Whether the literal is admitted if an escape ends before it, and nothing before that counts.
    fn behind_escape(&self, scene: Scene<'_>, context: &Context) -> bool {
        let Scene { candidate, text, .. } = scene;
        let (from, to) = (candidate.at, candidate.at + candidate.length);
        let near = from.saturating_sub(self.before.min(FEW_STARTS));
        let escaped =
            text[near.saturating_sub(8)..from].iter().any(|byte| matches!(byte, b'\\' | b'%' | b'm'));
        escaped
            && (near..=from).any(|start| {
                escape::ends(&text[..start]) && context.admits(&text[start..], from - start, to - start)
            })
    }
}

/// Bytes from a word's end to the start of the last value that it may name.
const FARTHEST: usize = if REACH > BLOCK + 64 { REACH } else { BLOCK + 64 };

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::keyed::Memo;
    use super::super::pattern::Scratch;
    use super::super::verify::Compiled;
    use super::super::{Matcher, Surroundings};
    use super::*;
    use crate::signature::RuleSet;
    use crate::signature::template::expand;

    /// Every notation in which a word names a value.
    const NOTATIONS: [&str; 22] = [
        "NAME=VALUE",
        "export NAME=\"VALUE\"",
        "  \"NAME\": \"VALUE\",",
        "NAME:  VALUE\n",
        "NAME: |\n            VALUE\n",
        "config['NAME'] = 'VALUE';",
        "\\\"NAME\\\":\\\"VALUE\\\"",
        "java -DNAME=VALUE -PNAME=VALUE x",
        "tool --NAME VALUE --NAME=VALUE",
        "[\"--NAME\", \"VALUE\"]",
        "<NAME a=\"b\">VALUE</NAME>",
        "<add key=\"NAME\" value=\"VALUE\"/>",
        "- name: NAME\n  value: VALUE\n",
        "<entry key=\"NAME\">VALUE</entry>",
        "setNAME(\"VALUE\")",
        "(\"NAME\", \"VALUE\")",
        "NAME := os.Getenv(\"NAME\", \"VALUE\")",
        "const char NAME[64] = \"VALUE\";",
        "static NAME: &'static str = \"VALUE\";",
        "NAME=${NAME:-VALUE}",
        "https://api.NAME.com/v1/x?a=b&key=VALUE",
        "user %22NAME%22%3D%22VALUE%22",
    ];

    #[test]
    fn what_a_rule_finds_is_admitted() {
        let matcher = Matcher::new(RuleSet::embedded());
        let mut found = 0;
        for (index, rule) in matcher.rules().rules().iter().enumerate() {
            let Shape::Keyed { words, and, .. } = rule.shape() else { continue };
            let name = [words[0].as_str(), and.first().map_or("key", String::as_str)].join("_");
            let secret = expand(&rule.finds()[0].secret, rule.id());
            let compiled = Compiled::new(rule, &Scratch::new(Scratch::DEFAULT));
            for notation in NOTATIONS {
                let text = notation.replace("NAME", &name).replace("VALUE", &secret).into_bytes();
                for candidate in matcher.candidates(&text) {
                    let woken = matcher.prefilter.wanted(candidate, &text).any(|wanted| wanted == index);
                    let around = Surroundings::default();
                    let scene = Scene { candidate, text: &text, around, memo: &Memo::default(), tried: None };
                    let mut hits = 0;
                    compiled.verify(rule, scene, &mut |_, _, _| hits += 1);
                    if woken && hits > 0 {
                        found += 1;
                        let shown = text.escape_ascii();
                        assert!(matcher.guard(index).admits(scene), "{}: {shown}", rule.id());
                    }
                }
            }
        }
        assert!(found > 8000, "only {found} are found");
    }

    #[test]
    fn words_that_name_no_value_wake_nobody() {
        let matcher = Matcher::new(RuleSet::embedded());
        for text in
            ["The flickr api is a service.", "import flickr_api", "flickr_key = None", "reflickr=VALUE"]
        {
            let text = text.replace("VALUE", &"0123456789abcdef".repeat(2)).into_bytes();
            let woken = |candidate| matcher.woken(candidate, &text, Surroundings::default()).count();
            assert_eq!(
                matcher.candidates(&text).into_iter().map(woken).sum::<usize>(),
                0,
                "{}",
                text.escape_ascii()
            );
        }
    }

    #[test]
    fn a_path_is_asked_for() {
        let rules = include_str!("../../signatures/github.toml");
        let (head, _) = rules.split_at(rules.find("[[rule.finds]]").unwrap());
        let proofs = "path = 'x'\n[[rule.finds]]\ntext = 'a'\nsecret = 'a'\n".to_owned()
            + "[[rule.finds]]\ntext = 'a'\nsecret = 'a'\n[[rule.ignores]]\ntext = 'b'\nwhy = 'c'\n";
        let rules = head.to_owned() + &proofs;
        let matcher = Matcher::new(Arc::new(RuleSet::parse([("x.toml", rules.as_str())]).unwrap()));
        let text = expand("ghp_{base62:30}{github-crc32}", "x").into_bytes();
        let candidate = matcher.candidates(&text)[0];
        let woken = |path| matcher.woken(candidate, &text, Surroundings { path, pair: None }).count();
        assert_eq!((woken(Some(&b"x"[..])), woken(Some(b"y")), woken(None)), (1, 0, 0));
    }
}
