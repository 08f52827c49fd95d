//! The first stage: one pass over all bytes that finds where any rule's literal stands.
//!
//! What it reports is a superset of what the rules match. It knows literals and positions, not rules' patterns.

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use crate::signature::Rule;

/// Looks for the literals of all rules at once.
#[derive(Debug)]
pub(super) struct Prefilter {
    automaton: AhoCorasick,
    /// For each pattern of the automaton: the rules that ask for it.
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
        let mut folded: Vec<Vec<u8>> = Vec::new();
        let mut wanted: Vec<Vec<Wanted>> = Vec::new();
        let mut known = std::collections::HashMap::new();
        for (index, rule) in rules.iter().enumerate() {
            let anchor = rule.anchor();
            for literal in &anchor.literals {
                let lower = literal.to_ascii_lowercase();
                let slot = *known.entry(lower.clone()).or_insert_with(|| {
                    folded.push(lower);
                    wanted.push(Vec::new());
                    folded.len() - 1
                });
                let exact = (!anchor.fold).then(|| literal.clone());
                wanted[slot].push(Wanted { rule: index, exact });
            }
        }
        let automaton = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::Standard)
            .kind(Some(AhoCorasickKind::DFA))
            .build(&folded)
            .expect("some thousand literals of some bytes each fit an automaton");
        Self { automaton, wanted }
    }

    /// Every literal in `text`, in the order of their ends.
    pub(super) fn candidates<'t>(&'t self, text: &'t [u8]) -> impl Iterator<Item = Candidate> + 't {
        self.automaton.find_overlapping_iter(text).map(|found| Candidate {
            at: found.start(),
            length: found.len(),
            literal: found.pattern().as_usize(),
        })
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
