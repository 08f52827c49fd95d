//! The matcher over content in memory: the first stage alone, both stages, and the search for UTF-16.
//!
//! The difference between the first two is the second stage. Every content has one credential in each megabyte.

use divan::Bencher;
use divan::counter::BytesCount;
use layersift::matcher::{Candidate, Hit, Matcher, Surroundings};
use layersift::signature::{Confidence, RuleSet};

use crate::support::content::{Content, KINDS, Kind};

/// Bytes of each content: more than the second-level cache of any core.
const SIZE: usize = 4 << 20;
const SAMPLES: u32 = 20;

/// Builds the automaton of all literals: the start of every process.
#[divan::bench(sample_count = SAMPLES)]
fn prepare(bencher: Bencher<'_, '_>) {
    let rules = RuleSet::embedded();
    bencher.bench(|| Matcher::new(rules.clone()));
}

/// The first stage: every literal of every rule.
#[divan::bench(args = KINDS, sample_count = SAMPLES, sample_size = 1)]
fn prefilter(bencher: Bencher<'_, '_>, kind: Kind) {
    let matcher = Matcher::new(RuleSet::embedded());
    let Content { bytes, secrets } = kind.content(SIZE, 1);
    let starts = |candidate: &Candidate| bytes[candidate.at..].starts_with(b"ghp_");
    assert!(matcher.candidates(&bytes).iter().filter(|candidate| starts(candidate)).count() >= secrets.len());
    let expected = count(&matcher, &bytes);
    bencher.counter(BytesCount::of_slice(&bytes)).bench(|| assert_eq!(count(&matcher, &bytes), expected));
}

fn count(matcher: &Matcher, bytes: &[u8]) -> usize {
    let mut count = 0;
    matcher.search(bytes, |_| count += 1);
    count
}

/// Both stages.
#[divan::bench(args = KINDS, sample_count = SAMPLES, sample_size = 1)]
fn scan(bencher: Bencher<'_, '_>, kind: Kind) {
    let matcher = Matcher::new(RuleSet::embedded());
    let content = kind.content(SIZE, 1);
    // Rules are compiled when a candidate first needs them; that is not what is measured here.
    check(&matcher.scan(&content.bytes, Surroundings::default()), &content);
    bencher
        .counter(BytesCount::of_slice(&content.bytes))
        .bench(|| check(&matcher.scan(&content.bytes, Surroundings::default()), &content));
}

fn check(hits: &[Hit], content: &Content) {
    let likely = hits.iter().filter(|hit| hit.confidence >= Confidence::Likely);
    let found = likely.map(|hit| &content.bytes[hit.secret.clone()]);
    assert!(found.eq(content.secrets.iter().map(String::as_bytes)), "exactly the planted credentials");
}
