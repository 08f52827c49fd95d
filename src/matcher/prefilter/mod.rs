//! The first stage: one pass over all bytes that finds where any rule's literal stands.
//!
//! What it reports is a superset of what the rules match. It knows literals and positions, not rules' patterns.

mod grams;

use self::grams::{Grams, HEAD, Literal};
use crate::matcher::escape;
use crate::signature::Rule;
use crate::signature::context::Class;
use crate::signature::literal::Anchor;

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

/// What can stand right before and right behind the literals of an anchor, if something does.
fn beside(anchor: &Anchor) -> [Class; 2] {
    let [before, after] = anchor.beside.unwrap_or([Class::ANY; 2]);
    // At its end a text may be cut.
    let after = if after.has_edge() { Class::ANY } else { after };
    // An escape that ends there is no part of what the pattern sees.
    [before.or(Class::of(escape::LAST.iter().copied())), after]
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
            let [before, after] = beside(anchor);
            for bytes in &anchor.literals {
                let exact = !anchor.fold;
                let slot = *known.entry(bytes.to_ascii_lowercase()).or_insert_with(|| {
                    literals.push(Literal { bytes: bytes.clone(), exact, before, after });
                    wanted.push(Vec::new());
                    literals.len() - 1
                });
                literals[slot].widen(bytes, exact, [before, after]);
                wanted[slot].push(Wanted { rule: index, exact: exact.then(|| bytes.clone()) });
            }
        }
        Self { grams: Grams::new(&literals), literals, wanted }
    }

    /// Shows every literal in `text` beside which nothing stands that all its rules refuse, each once. One that starts behind another may be shown before it.
    pub(super) fn search(&self, text: &[u8], mut found: impl FnMut(Candidate)) {
        self.grams.search(text, |at, literal| {
            let Literal { bytes, exact, before, after } = &self.literals[literal];
            let length = bytes.len();
            let alone = at.checked_sub(1).is_none_or(|at| before.has(text[at]));
            if !alone || !text.get(at + length).map_or(after.has_edge(), |byte| after.has(*byte)) {
                return;
            }
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

    /// Every literal at every place, one by one: those that have to be found, for their neighbours allow it, and the others.
    fn naive(prefilter: &Prefilter, text: &[u8]) -> [Vec<(usize, usize)>; 2] {
        let is_at = |at: usize, literal: &Literal| {
            let here = text.get(at..at + literal.bytes.len());
            here.is_some_and(|here| {
                if literal.exact { here == literal.bytes } else { here.eq_ignore_ascii_case(&literal.bytes) }
            })
        };
        let allowed = |at: usize, literal: &Literal| {
            let before = at.checked_sub(1).is_none_or(|before| literal.before.has(text[before]));
            let after = text.get(at + literal.bytes.len());
            before && after.map_or(literal.after.has_edge(), |after| literal.after.has(*after))
        };
        let (mut must, mut may) = (Vec::new(), Vec::new());
        for (at, byte) in text.iter().enumerate() {
            let first = byte.to_ascii_lowercase();
            for (number, literal) in prefilter.literals.iter().enumerate() {
                if literal.bytes[0].to_ascii_lowercase() == first && is_at(at, literal) {
                    if allowed(at, literal) { &mut must } else { &mut may }.push((at, number));
                }
            }
        }
        [must, may]
    }

    /// Whether `found` is all that has to be found, and nothing that does not stand there.
    fn complete(prefilter: &Prefilter, text: &[u8]) -> Result<(), String> {
        let found = searched(prefilter, text);
        let [must, may] = naive(prefilter, text);
        let shown = |(at, number): &(usize, usize)| {
            format!("{} at {at} of {}", prefilter.literals[*number].bytes.escape_ascii(), text.escape_ascii())
        };
        let missed = must.iter().find(|place| !found.contains(place)).map(shown);
        let wrong = found.iter().find(|place| !must.contains(place) && !may.contains(place)).map(shown);
        let twice = found.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| shown(&pair[0]));
        missed.or(wrong).or(twice).map_or(Ok(()), Err)
    }

    fn of(literals: &[&str], neighbours: Class) -> Prefilter {
        // Case counts in every third one.
        let literal = |(n, text): (usize, &&str)| Literal {
            bytes: text.as_bytes().to_vec(),
            exact: n % 3 == 2,
            before: neighbours,
            after: neighbours,
        };
        let literals: Vec<Literal> = literals.iter().enumerate().map(literal).collect();
        Prefilter { grams: Grams::new(&literals), wanted: vec![Vec::new(); literals.len()], literals }
    }

    #[test]
    fn every_literal_of_every_rule_is_found_at_any_place() {
        let prefilter = Prefilter::new(RuleSet::embedded().rules());
        let any_of = |class: &Class| {
            // Bytes that no literal has first.
            let byte = (0x80..=0xff).chain(0..0x80).find(|byte| class.has(*byte));
            byte.expect("some byte can stand there")
        };
        for (number, literal) in prefilter.literals.iter().enumerate() {
            let Literal { bytes, exact, before, after } = literal;
            for (left, right) in [(0, 0), (1, 0), (0, 1), (61, 3), (62, 9), (63, 1)] {
                if right == 0 && *after != Class::ANY {
                    continue;
                }
                let folded = left % 2 == 0 && !exact;
                let literal = if folded { bytes.to_ascii_uppercase() } else { bytes.clone() };
                let text = [vec![any_of(before); left], literal, vec![any_of(after); right]].concat();
                let found = searched(&prefilter, &text);
                assert!(found.contains(&(left, number)), "{} at {left}", bytes.escape_ascii());
            }
        }
    }

    #[test]
    fn literals_are_found_where_two_pieces_meet() {
        let prefilter = of(&["token", "_x_", "abcdefghijk"], Class::ANY);
        for literal in ["token", "_x_", "abcdefghijk"] {
            for before in (32 << 10) - 16..(32 << 10) + 8 {
                let text = [vec![b'.'; before], literal.as_bytes().to_vec(), vec![b'.'; 9]].concat();
                assert_eq!(searched(&prefilter, &text).len(), 1, "{literal} at {before}");
            }
        }
    }

    #[test]
    fn literals_in_literals_are_all_found() {
        let prefilter = of(&["ab", "abc", "bcab", "abcabcabcabc", "_x_", "aaaa"], Class::ANY);
        for text in ["", "a", "ab", "abcab", "abcabcabcabcabcab", "ABCAB_X_x_", "aaaaaaaaaaaaaaaaaaaab"] {
            complete(&prefilter, text.repeat(300).as_bytes()).unwrap();
        }
    }

    #[test]
    fn neighbours_of_short_literals_are_derived_from_their_patterns() {
        let all = all();
        let literal = |bytes: &[u8]| all.literals.iter().find(|literal| literal.bytes == bytes).unwrap();
        // `\bAKIA[A-Z2-7]{16}`
        let key = literal(b"AKIA");
        assert!(!key.before.has(b'Z') && key.before.has(b'"') && key.before.has(b'n'));
        assert!(!key.after.has(b' ') && key.after.has(b'Q'));
        assert_eq!(literal(b"jira").before, Class::ANY);
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
            complete(prefilter, &text).map_err(TestCaseError::fail)?;
        }

        #[test]
        fn short_literals_are_found_among_few_letters(text in "[abc_A]{0,400}", told in any::<bool>()) {
            let neighbours = if told { Class::of(*b"a_") } else { Class::ANY };
            let literals = ["ab", "a_", "abc", "_ab", "aab_", "abcab", "__________", "cbacba"];
            complete(&of(&literals, neighbours), text.as_bytes()).map_err(TestCaseError::fail)?;
        }
    }

    fn all() -> &'static Prefilter {
        static ALL: std::sync::OnceLock<Prefilter> = std::sync::OnceLock::new();
        ALL.get_or_init(|| Prefilter::new(RuleSet::embedded().rules()))
    }
}
