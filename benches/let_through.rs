//! How much of real content the first stage lets through to the second: `cargo bench -- let-through PATH...`, of files and
//! of folders with all that is in them. And how fast it is there: the first stage alone, and both.
//!
//! Let through is what the second stage reads because of candidates: for a pattern, the bytes that an automaton of it
//! consumes from every start that is tried until it can match no more; for a rule of words, the name, and the value if
//! the name has one. Counted is the union of these, since a byte that ten rules read is one byte of the image.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::Path;
use std::time::{Duration, Instant};

use layersift::matcher::assign::{Bounds, around};
use layersift::matcher::{AFTER, BEFORE, Candidate, Matcher, Surroundings};
use layersift::signature::{Rule, RuleSet, Shape};
use regex_automata::hybrid::dfa::{Cache, DFA};
use regex_automata::util::{start, syntax};
use regex_automata::{Anchored, MatchKind};

/// Bytes of a window that are searched; more stand around them.
const STEP: usize = 4 << 20;
/// Rows of each table.
const ROWS: usize = 40;

/// Prints what is let through of the files at `paths`.
pub(crate) fn run(paths: &[String]) {
    let mut survey = Survey::new();
    for path in paths {
        survey.path(Path::new(path));
    }
    survey.print();
}

struct Survey {
    matcher: Matcher,
    automata: Vec<Option<(DFA, Cache)>>,
    /// Bytes of all content, bytes let through.
    bytes: usize,
    read: usize,
    literals: usize,
    /// Time of the first stage alone, and of both.
    first: Duration,
    both: Duration,
    /// For each rule: candidates that wake it, bytes that it reads.
    rules: Vec<Cost>,
    /// The same for each text that stands where a literal was found.
    texts: BTreeMap<String, Cost>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Cost {
    woken: usize,
    read: usize,
}

impl Survey {
    fn new() -> Self {
        let matcher = Matcher::new(RuleSet::embedded());
        let rules = matcher.rules().rules().len();
        Self {
            matcher,
            automata: (0..rules).map(|_| None).collect(),
            bytes: 0,
            read: 0,
            literals: 0,
            first: Duration::ZERO,
            both: Duration::ZERO,
            rules: vec![Cost::default(); rules],
            texts: BTreeMap::new(),
        }
    }

    /// A file, or a folder; links are not followed.
    fn path(&mut self, path: &Path) {
        let kind = path.symlink_metadata().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        if kind.is_dir() {
            let mut entries: Vec<_> = path.read_dir().expect("the folder can be read").flatten().collect();
            entries.sort_by_key(std::fs::DirEntry::file_name);
            for entry in entries {
                self.path(&entry.path());
            }
        } else if kind.is_file() {
            self.file(path);
        }
    }

    fn file(&mut self, path: &Path) {
        let mut file = File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let around = Surroundings { path: Some(path.as_os_str().as_encoded_bytes()), pair: None };
        let (mut text, mut from) = (Vec::new(), 0);
        loop {
            let had = text.len();
            text.resize(from + STEP + AFTER, 0);
            let mut filled = had;
            while filled < text.len() {
                match file.read(&mut text[filled..]).expect("the file can be read") {
                    0 => break,
                    count => filled += count,
                }
            }
            let last = filled < text.len();
            text.truncate(filled);
            let to = if last { filled } else { from + STEP };
            self.window(&text, from..to, around);
            self.bytes += to - from;
            if last {
                return;
            }
            let keep = to.saturating_sub(BEFORE);
            text.drain(..keep);
            from = to - keep;
        }
    }

    fn window(&mut self, text: &[u8], searched: Range<usize>, around: Surroundings<'_>) {
        self.time(text, around);
        let mut ranges: Vec<Range<usize>> = Vec::new();
        let candidates = self.matcher.candidates(text);
        for candidate in candidates.into_iter().filter(|candidate| searched.contains(&candidate.at)) {
            self.literals += 1;
            let woken: Vec<usize> = self.matcher.woken(candidate, text, around).collect();
            let found = &text[candidate.at..candidate.at + candidate.length];
            for index in woken {
                let range = self.reading(index, candidate, text);
                let name = String::from_utf8_lossy(found).to_lowercase();
                for cost in [&mut self.rules[index], self.texts.entry(name).or_default()] {
                    cost.woken += 1;
                    cost.read += range.len();
                }
                ranges.push(range);
            }
        }
        ranges.sort_by_key(|range| range.start);
        let mut end = 0;
        for range in ranges {
            self.read += range.end.saturating_sub(range.start.max(end));
            end = end.max(range.end);
        }
    }

    fn time(&mut self, text: &[u8], around: Surroundings<'_>) {
        let started = Instant::now();
        let mut count = 0_usize;
        self.matcher.search(text, |_| count += 1);
        self.first += started.elapsed();
        let (started, mut hits) = (Instant::now(), Vec::new());
        self.matcher.search(text, |candidate| {
            let from = candidate.at.saturating_sub(BEFORE);
            let window = &text[from..text.len().min(candidate.at + AFTER)];
            self.matcher.verify(candidate.moved(candidate.at - from), window, around, &mut hits);
        });
        self.both += started.elapsed();
    }

    /// What the rule reads of `text` because of the candidate.
    fn reading(&mut self, index: usize, candidate: Candidate, text: &[u8]) -> Range<usize> {
        let rule = &self.matcher.rules().rules()[index];
        match rule.shape() {
            Shape::Keyed { .. } => assignment(candidate, text),
            // No literal wakes it.
            Shape::Fields => candidate.at..candidate.at,
            Shape::Pattern(pattern) => {
                let (automaton, cache) = self.automata[index].get_or_insert_with(|| automaton(pattern));
                matching(rule, candidate, text, automaton, cache)
            }
        }
    }

    fn print(self) {
        let share = |part: usize| 100.0 * float(part) / float(self.bytes);
        println!(
            "{} bytes, {} literals in them, let through {:.2} %",
            self.bytes,
            self.literals,
            share(self.read)
        );
        let speed = |time: Duration| float(self.bytes) / time.as_secs_f64() / 1e9;
        println!("first stage {:.2} GB/s, both {:.2} GB/s", speed(self.first), speed(self.both));
        let rules = self.matcher.rules().rules();
        let named = |(index, cost): (usize, &Cost)| (rules[index].id().to_owned(), *cost);
        table("rule", self.rules.iter().enumerate().map(named).collect(), share);
        table("literal", self.texts.clone().into_iter().collect(), share);
    }
}

fn table(of: &str, mut rows: Vec<(String, Cost)>, share: impl Fn(usize) -> f64) {
    rows.sort_by_key(|(_, cost)| std::cmp::Reverse((cost.read, cost.woken)));
    println!("\n{of:<40} {:>10} {:>12} {:>8}", "woken", "bytes", "%");
    for (name, cost) in rows.iter().take(ROWS).filter(|(_, cost)| cost.woken > 0) {
        println!("{name:<40} {:>10} {:>12} {:>8.3}", cost.woken, cost.read, share(cost.read));
    }
}

fn float(count: usize) -> f64 {
    let (high, low) = (u32::try_from(count >> 16).unwrap_or(u32::MAX), u16::try_from(count & 0xffff));
    f64::from(high) * 65536.0 + f64::from(low.unwrap_or(0))
}

fn automaton(pattern: &str) -> (DFA, Cache) {
    let automaton = DFA::builder()
        .syntax(syntax::Config::new().unicode(false).utf8(false))
        .configure(DFA::config().match_kind(MatchKind::LeftmostFirst).skip_cache_capacity_check(true))
        .build(pattern)
        .expect("the pattern of a rule compiles");
    let cache = automaton.create_cache();
    (automaton, cache)
}

/// From the first start of a match to the last byte that an automaton looks at.
fn matching(
    rule: &Rule,
    candidate: Candidate,
    text: &[u8],
    automaton: &DFA,
    cache: &mut Cache,
) -> Range<usize> {
    let anchor = rule.anchor();
    let Some(latest) = candidate.at.checked_sub(anchor.before_min) else { return candidate.at..candidate.at };
    let earliest = candidate.at.saturating_sub(anchor.before_max);
    let mut end = earliest;
    for start in earliest..=latest {
        let most = text.len().min(start + anchor.length_max).min(candidate.at + AFTER);
        end = end.max(consumed(&text[..most], start, automaton, cache));
    }
    earliest..end
}

fn consumed(text: &[u8], start: usize, automaton: &DFA, cache: &mut Cache) -> usize {
    let config = start::Config::new()
        .anchored(Anchored::Yes)
        .look_behind(start.checked_sub(1).map(|before| text[before]));
    let mut state = automaton.start_state(cache, &config).expect("an automaton has a start");
    for (at, byte) in text.iter().enumerate().skip(start) {
        state = automaton.next_state(cache, state, *byte).expect("the cache is large enough");
        if state.is_dead() {
            return at + 1;
        }
    }
    text.len()
}

/// The name around the word, and its value; a few bytes behind a name that has none.
fn assignment(candidate: Candidate, text: &[u8]) -> Range<usize> {
    let word = candidate.at..candidate.at + candidate.length;
    let from = candidate.at.saturating_sub(BEFORE);
    let window = &text[from..text.len().min(candidate.at + AFTER)];
    let local = word.start - from..word.end - from;
    if let Some(found) = around(window, local, Bounds { start: false, end: false }) {
        return from + found.key.start.min(found.value.start)..from + found.value.end;
    }
    let inside = |b: &&u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
    let before = text[..word.start].iter().rev().take(128).take_while(inside).count();
    let after = text[word.end..].iter().take(128).take_while(inside).count();
    word.start - before..text.len().min(word.end + after + NO_VALUE)
}

/// Bytes behind a name that are read to see that it has no value.
const NO_VALUE: usize = 8;
