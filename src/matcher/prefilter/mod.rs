//! The first stage: one pass over all bytes that finds where any rule's literal stands.
//!
//! What it reports is a superset of what the rules match. It knows literals and positions, not rules' patterns.

mod grams;

use self::grams::Grams;
use crate::signature::Rule;

/// Looks for the literals of all rules at once.
#[derive(Debug)]
pub(super) struct Prefilter {
    grams: Grams,
    /// Every literal, in lower case.
    literals: Vec<Vec<u8>>,
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
        let mut literals: Vec<Vec<u8>> = Vec::new();
        let mut wanted: Vec<Vec<Wanted>> = Vec::new();
        let mut known = std::collections::HashMap::new();
        for (index, rule) in rules.iter().enumerate() {
            let anchor = rule.anchor();
            for literal in &anchor.literals {
                let lower = literal.to_ascii_lowercase();
                let slot = *known.entry(lower.clone()).or_insert_with(|| {
                    literals.push(lower);
                    wanted.push(Vec::new());
                    literals.len() - 1
                });
                let exact = (!anchor.fold).then(|| literal.clone());
                wanted[slot].push(Wanted { rule: index, exact });
            }
        }
        Self { grams: Grams::new(&literals), literals, wanted }
    }

    /// Shows every literal in `text`, each once. One that starts behind another may be shown before it.
    pub(super) fn search(&self, text: &[u8], mut found: impl FnMut(Candidate)) {
        self.grams.search(text, |at, literal| {
            let length = self.literals[literal].len();
            if text
                .get(at..at + length)
                .is_some_and(|here| here.eq_ignore_ascii_case(&self.literals[literal]))
            {
                found(Candidate { at, length, literal });
            }
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
        let ends = |at: usize, literal: &[u8]| {
            text.get(at..at + literal.len()).is_some_and(|here| here.eq_ignore_ascii_case(literal))
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
        let literals: Vec<Vec<u8>> = literals.iter().map(|literal| literal.as_bytes().to_vec()).collect();
        Prefilter { grams: Grams::new(&literals), wanted: vec![Vec::new(); literals.len()], literals }
    }

    #[test]
    fn every_literal_of_every_rule_is_found_at_any_place() {
        let prefilter = Prefilter::new(RuleSet::embedded().rules());
        for (number, literal) in prefilter.literals.iter().enumerate() {
            for (before, after) in [(0, 0), (1, 0), (0, 1), (61, 3), (62, 9), (63, 1), (4093, 7), (4096, 0)] {
                let upper = if before % 2 == 0 { literal.to_ascii_uppercase() } else { literal.clone() };
                let text = [vec![b'\xff'; before], upper, vec![b' '; after]].concat();
                let found = searched(&prefilter, &text);
                assert!(found.contains(&(before, number)), "{} at {before}", literal.escape_ascii());
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
            pieces in prop::collection::vec((0..2607_usize, 0..9_usize, any::<u8>()), 0..40),
            shift in 0..130_usize,
        ) {
            let prefilter = all();
            let mut text = vec![b'.'; shift];
            for (number, cut, byte) in pieces {
                // Literals, beginnings of literals, and bytes between them.
                let literal = &prefilter.literals[number % prefilter.literals.len()];
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
