//! The first stage: one pass over all bytes that finds where any rule's literal stands.
//!
//! What it reports is a superset of what the rules match. It knows literals and positions, not rules' patterns.

mod grams;

use self::grams::{Grams, HEAD, Literal};
use crate::signature::Rule;

/// Looks for the literals of all rules at once.
#[derive(Debug)]
pub(super) struct Prefilter {
    grams: Grams,
    literals: Vec<Literal>,
    /// For each literal: the rules that ask for it.
    wanted: Vec<Vec<Wanted>>,
}

/// A rule that asks for a literal.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    /// Index into the rule set.
    pub(super) rule: usize,
    /// The literal as it must stand, unless case does not count.
    exact: Option<Vec<u8>>,
}

/// A literal found in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    /// Offset of its first byte.
    pub at: usize,
    /// Bytes of it.
    pub length: usize,
    /// Which one.
    pub(super) literal: usize,
}

impl Candidate {
    /// The same literal at another offset: that of a text which starts elsewhere.
    #[must_use]
    pub fn moved(self, at: usize) -> Self {
        Self { at, ..self }
    }
}

impl Prefilter {
    pub(super) fn new(rules: &[Rule]) -> Self {
        let mut literals: Vec<Literal> = Vec::new();
        let mut wanted: Vec<Vec<Wanted>> = Vec::new();
        let mut known = std::collections::HashMap::new();
        for (index, rule) in rules.iter().enumerate() {
            let anchor = rule.anchor();
            for literal in &anchor.literals {
                let asked = Literal { bytes: literal.clone(), exact: !anchor.fold };
                let slot = *known.entry(literal.to_ascii_lowercase()).or_insert_with(|| {
                    literals.push(asked.clone());
                    wanted.push(Vec::new());
                    literals.len() - 1
                });
                if literals[slot] != asked {
                    literals[slot] = Literal { bytes: literal.to_ascii_lowercase(), exact: false };
                }
                let exact = asked.exact.then_some(asked.bytes);
                wanted[slot].push(Wanted { rule: index, exact });
            }
        }
        Self { grams: Grams::new(&literals), literals, wanted }
    }

    /// Shows every literal in `text`, each once. One that starts behind another may be shown before it.
    pub(super) fn search(&self, text: &[u8], mut found: impl FnMut(Candidate)) {
        self.grams.search(text, |at, literal| {
            let Literal { bytes, exact } = &self.literals[literal];
            let length = bytes.len();
            if length > HEAD {
                let rest = text.get(at + HEAD..at + length);
                let is = |rest: &[u8]| {
                    if *exact { *rest == bytes[HEAD..] } else { rest.eq_ignore_ascii_case(&bytes[HEAD..]) }
                };
                if !rest.is_some_and(is) {
                    return;
                }
            }
            found(Candidate { at, length, literal });
        });
    }

    /// The rules that a candidate in `text` wakes.
    pub(super) fn wanted<'t>(
        &'t self,
        candidate: Candidate,
        text: &'t [u8],
    ) -> impl Iterator<Item = usize> + 't {
        let found = &text[candidate.at..candidate.at + candidate.length];
        self.wanted[candidate.literal]
            .iter()
            .filter(move |wanted| wanted.exact.as_deref().is_none_or(|exact| exact == found))
            .map(|wanted| wanted.rule)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::signature::RuleSet;

    fn sorted(mut all: Vec<(usize, usize)>) -> Vec<(usize, usize)> {
        all.sort_unstable();
        all
    }

    fn searched(prefilter: &Prefilter, text: &[u8]) -> Vec<(usize, usize)> {
        let mut all = Vec::new();
        prefilter.search(text, |candidate| all.push((candidate.at, candidate.literal)));
        sorted(all)
    }

    /// Every literal at every place, one by one.
    fn naive(prefilter: &Prefilter, text: &[u8]) -> Vec<(usize, usize)> {
        let ends = |at: usize, Literal { bytes, exact }: &Literal| {
            text.get(at..at + bytes.len())
                .is_some_and(|here| if *exact { here == bytes } else { here.eq_ignore_ascii_case(bytes) })
        };
        let at = |at| {
            (0..)
                .zip(&prefilter.literals)
                .filter(move |(_, literal)| ends(at, literal))
                .map(move |(n, _)| (at, n))
        };
        sorted((0..text.len()).flat_map(at).collect())
    }

    fn of(literals: &[&str]) -> Prefilter {
        // Case counts in every third one.
        let literal =
            |(n, text): (usize, &&str)| Literal { bytes: text.as_bytes().to_vec(), exact: n % 3 == 2 };
        let literals: Vec<Literal> = literals.iter().enumerate().map(literal).collect();
        Prefilter { grams: Grams::new(&literals), wanted: vec![Vec::new(); literals.len()], literals }
    }

    #[test]
    fn every_literal_of_every_rule_is_found_at_any_place() {
        let prefilter = Prefilter::new(RuleSet::embedded().rules());
        for (number, literal) in prefilter.literals.iter().enumerate() {
            for (before, after) in [(0, 0), (1, 0), (0, 1), (61, 3), (62, 9), (63, 1), (4093, 7), (4096, 0)] {
                let Literal { bytes, exact } = literal;
                let upper =
                    if before % 2 == 0 && !exact { bytes.to_ascii_uppercase() } else { bytes.clone() };
                let text = [vec![b'\xff'; before], upper, vec![b' '; after]].concat();
                let found = searched(&prefilter, &text);
                assert!(found.contains(&(before, number)), "{} at {before}", bytes.escape_ascii());
            }
        }
    }

    #[test]
    fn literals_in_literals_are_all_found() {
        let prefilter = of(&["ab", "abc", "bcab", "abcabcabcabc", "_x_", "aaaa"]);
        for text in ["", "a", "ab", "abcab", "abcabcabcabcabcab", "ABCAB_X_x_", "aaaaaaaaaaaaaaaaaaaab"] {
            let text = text.repeat(300);
            assert_eq!(searched(&prefilter, text.as_bytes()), naive(&prefilter, text.as_bytes()), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_found_is_what_a_naive_search_finds(
            pieces in prop::collection::vec((0..5000_usize, 0..9_usize, any::<u8>()), 0..40),
            shift in 0..130_usize,
        ) {
            let prefilter = all();
            let mut text = vec![b'.'; shift];
            for (number, cut, byte) in pieces {
                // Literals, beginnings of literals, and bytes between them.
                let literal = &prefilter.literals[number % prefilter.literals.len()].bytes;
                text.extend_from_slice(&literal[..literal.len() - cut.min(literal.len())]);
                if byte < 0xa0 {
                    text.push(byte);
                }
            }
            prop_assert_eq!(searched(prefilter, &text), naive(prefilter, &text));
        }

        #[test]
        fn short_literals_are_found_among_few_letters(text in "[abc_A]{0,400}") {
            let prefilter = of(&["ab", "a_", "abc", "_ab", "aab_", "abcab", "__________", "cbacba"]);
            prop_assert_eq!(searched(&prefilter, text.as_bytes()), naive(&prefilter, text.as_bytes()));
        }
    }

    fn all() -> &'static Prefilter {
        static ALL: std::sync::OnceLock<Prefilter> = std::sync::OnceLock::new();
        ALL.get_or_init(|| Prefilter::new(RuleSet::embedded().rules()))
    }
}
