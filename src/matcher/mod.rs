//! Bytes in, credentials out: the same for any chunking and any number of threads.
//!
//! Matching has two stages. The prefilter finds where a literal of some rule stands; the second stage then looks at a
//! bounded window around it: the pattern, the checksum, the entropy, and whether the value is a placeholder. What a
//! candidate yields depends only on the bytes of its window ([`BEFORE`] before it, [`AFTER`] behind it), which is what
//! makes a scan in chunks give the findings of a scan of the whole.

mod allow;
pub mod assign;
mod check;
pub mod entropy;
mod escape;
mod famous;
mod guard;
mod heads;
mod joined;
pub mod judge;
mod keyed;
mod mark;
mod parts;
mod pattern;
pub mod placeholder;
mod prefilter;
pub mod reference;
mod resolve;
mod structured;
mod tried;
mod verify;
mod words;

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use self::assign::Style;
pub use self::check::{Checked, Complaint, check};
use self::guard::Guard;
pub use self::joined::JoinedHit;
use self::keyed::Memo;
pub use self::mark::{Mark, REACH};
pub use self::parts::{Companion, Join, NEAR, joins};
use self::pattern::Scratch;
pub use self::prefilter::Candidate;
use self::prefilter::Prefilter;
pub use self::resolve::{Claim, rank, resolve, specific};
pub use self::structured::FieldHit;
use self::tried::Tried;
use self::verify::{Compiled, Scene, Tier};
use crate::signature::checksum::Fact;
use crate::signature::structure::{Structure, structures};
use crate::signature::{Confidence, MAX_MATCH, Rule, RuleSet, Shape, literal};

/// Bytes before a candidate on which its matches may depend.
pub const BEFORE: usize = literal::MAX_BEFORE + NEAR;

/// Bytes from a candidate's start on which its matches may depend.
pub const AFTER: usize = MAX_MATCH + NEAR;

/// A rule set, ready to match.
#[derive(Debug)]
pub struct Matcher {
    rules: Arc<RuleSet>,
    prefilter: Prefilter,
    /// What each rule demands around its literals, derived when the first candidate needs it.
    guards: Vec<OnceLock<Guard>>,
    /// Patterns, compiled when the first candidate needs them.
    compiled: Vec<OnceLock<Compiled>>,
    /// The working memory of all of them.
    scratch: Arc<Scratch>,
    /// The formats whose fields rules ask for, each with these rules.
    asking: Vec<(&'static Structure, Vec<usize>)>,
}

/// Where a text comes from, as far as rules ask for it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Surroundings<'a> {
    /// Path of the file.
    pub path: Option<&'a [u8]>,
    /// For a text that is known to be one `name=value` pair: length of the name.
    pub pair: Option<usize>,
}

/// One credential in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// Index into the rule set.
    pub rule: usize,
    /// The credential, as bytes of the text.
    pub secret: Range<usize>,
    /// How sure it is.
    pub confidence: Confidence,
    /// The key of the assignment that it is the value of, if that was looked at.
    pub key: Option<Range<usize>>,
    /// What its proof tells of it.
    pub facts: Vec<Fact>,
}

impl Matcher {
    /// Prepares `rules` for matching.
    pub fn new(rules: Arc<RuleSet>) -> Self {
        Self::with_scratch(rules, Scratch::DEFAULT)
    }

    /// Prepares `rules` for matching. Searching patterns takes working memory, which is kept for the next search as long as
    /// it is no more than about `most` bytes in all.
    pub fn with_scratch(rules: Arc<RuleSet>, most: usize) -> Self {
        let prefilter = Prefilter::new(rules.rules());
        let guards = rules.rules().iter().map(|_| OnceLock::new()).collect();
        let compiled = rules.rules().iter().map(|_| OnceLock::new()).collect();
        let asking = asking(rules.rules());
        Self { rules, prefilter, guards, compiled, scratch: Scratch::new(most), asking }
    }

    /// The rules.
    pub fn rules(&self) -> &Arc<RuleSet> {
        &self.rules
    }

    /// The rule of a hit.
    pub fn rule(&self, hit: &Hit) -> &Rule {
        &self.rules.rules()[hit.rule]
    }

    /// First stage: shows every literal of every rule in `text`, each once, roughly in the order of their places.
    pub fn search(&self, text: &[u8], found: impl FnMut(Candidate)) {
        self.prefilter.search(text, found);
    }

    /// What [`Self::search`] shows, by place.
    pub fn candidates(&self, text: &[u8]) -> Vec<Candidate> {
        let mut all = Vec::new();
        self.search(text, |candidate| all.push(candidate));
        all.sort_unstable_by_key(|candidate| (candidate.at, candidate.literal));
        all
    }

    /// Second stage: what the candidate at `candidate.at` of `text` yields. `text` must reach [`BEFORE`] bytes before it
    /// and [`AFTER`] behind its start, or to the text's true ends.
    pub fn verify(
        &self,
        candidate: Candidate,
        text: &[u8],
        surroundings: Surroundings<'_>,
        out: &mut Vec<Hit>,
    ) {
        self.verify_scene(&Tried::default(), candidate, (text, surroundings), out);
    }

    fn verify_scene(
        &self,
        tried: &Tried,
        candidate: Candidate,
        (text, around): (&[u8], Surroundings<'_>),
        out: &mut Vec<Hit>,
    ) {
        let memo = Memo::default();
        for rule in self.prefilter.wanted(candidate, text) {
            let scene = Scene { candidate, text, around, memo: &memo, tried: Some((tried, rule)) };
            self.verify_rule(rule, scene, out);
        }
    }

    /// What of a candidate's matches can begin before `end`: so much of [`Self::verify`], and perhaps more.
    fn verify_before(
        &self,
        end: usize,
        candidate: Candidate,
        (text, around): (&[u8], Surroundings<'_>),
        out: &mut Vec<Hit>,
    ) {
        let (memo, tried) = (Memo::default(), Tried::default());
        for index in self.prefilter.wanted(candidate, text) {
            let scene = Scene { candidate, text, around, memo: &memo, tried: Some((&tried, index)) };
            let rule = &self.rules.rules()[index];
            let begins = match rule.shape() {
                Shape::Pattern(_) => candidate.at < end.saturating_add(rule.anchor().before_max),
                // The value stands behind its name.
                Shape::Keyed { .. } if rule.judged() => {
                    candidate.at < end
                        && self.guard(index).admits(scene)
                        && keyed::assignment(&scene).is_some_and(|found| found.value.start < end)
                }
                Shape::Keyed { .. } | Shape::Fields => true,
            };
            if begins {
                self.verify_rule(index, scene, out);
            }
        }
    }

    /// For the second stage over many candidates of one text.
    pub fn verifier(&self) -> Verifier<'_> {
        Verifier { matcher: self, tried: Tried::default() }
    }

    /// The rules whose patterns or words a candidate wakes, as indexes into the rule set: those that [`Self::verify`] does
    /// not refuse at a glance.
    pub fn woken<'t>(
        &'t self,
        candidate: Candidate,
        text: &'t [u8],
        surroundings: Surroundings<'t>,
    ) -> impl Iterator<Item = usize> + 't {
        let admits = move |index: &usize| {
            let scene = Scene { candidate, text, around: surroundings, memo: &Memo::default(), tried: None };
            self.guard(*index).admits(scene)
        };
        self.prefilter.wanted(candidate, text).filter(admits)
    }

    fn guard(&self, index: usize) -> &Guard {
        self.guards[index].get_or_init(|| Guard::new(&self.rules.rules()[index]))
    }

    fn verify_rule(&self, index: usize, scene: Scene<'_>, out: &mut Vec<Hit>) {
        if !self.guard(index).admits(scene) {
            return;
        }
        let rule = &self.rules.rules()[index];
        self.compiled(index).verify(rule, scene, &mut |secret, tier, key| {
            let Tier { confidence, facts } = tier;
            out.push(Hit { rule: index, secret, confidence, key, facts });
        });
        if self.scratch.is_over() {
            self.shed();
        }
    }

    fn compiled(&self, index: usize) -> &Compiled {
        self.compiled[index].get_or_init(|| Compiled::new(&self.rules.rules()[index], &self.scratch))
    }

    /// Gives up working memory: of patterns that were not used since the last time, and if that is not enough, of all.
    fn shed(&self) {
        for stale in [true, false] {
            if self.scratch.is_over() {
                self.compiled.iter().filter_map(OnceLock::get).for_each(|compiled| compiled.shed(stale));
            }
        }
    }

    /// Both stages over a whole text, one hit for each credential.
    pub fn scan(&self, text: &[u8], surroundings: Surroundings<'_>) -> Vec<Hit> {
        let mut hits = Vec::new();
        let verifier = self.verifier();
        self.search(text, |candidate| verifier.verify(candidate, 0, (text, surroundings), &mut hits));
        resolve(hits, &self.rules)
    }
}

/// The second stage over one text, window by window. What candidates yield is what [`Matcher::verify`] gives; what one of
/// them found out that others would find out again is kept.
#[derive(Debug)]
pub struct Verifier<'m> {
    matcher: &'m Matcher,
    tried: Tried,
}

impl Verifier<'_> {
    /// What the candidate yields in a window that starts at `base` of the text and reaches as far as [`Matcher::verify`]
    /// asks for.
    pub fn verify(
        &self,
        candidate: Candidate,
        base: usize,
        (window, surroundings): (&[u8], Surroundings<'_>),
        out: &mut Vec<Hit>,
    ) {
        self.tried.window(base);
        self.matcher.verify_scene(&self.tried, candidate, (window, surroundings), out);
    }
}

/// The formats that `rules` ask for.
fn asking(rules: &[Rule]) -> Vec<(&'static Structure, Vec<usize>)> {
    let asks = |row: &Structure, rule: &Rule| rule.asked().iter().any(|asked| asked.structure == row);
    let of =
        |row| rules.iter().enumerate().filter(|(_, rule)| asks(row, rule)).map(|(index, _)| index).collect();
    structures().map(|row| (row, of(row))).filter(|(_, rules): &(_, Vec<_>)| !rules.is_empty()).collect()
}

#[cfg(test)]
mod hostile;
