//! The matching floors over real files, each alone, in bytes a second of one core: `cargo bench -- real PATH...`, of files
//! and of folders with all that is in them. A tar of a layer is a good file: most of its bytes are content.
//!
//! Every window of a file is given to each floor in turn, a few times, and the fastest counts; what a floor reports must be
//! the same each time. `cargo bench -- literals` prints the literals of all rules in hexadecimal digits, a line for each, for
//! whoever wants to give them to another searcher.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use layersift::content::encoding;
use layersift::limits::Limits;
use layersift::matcher::{AFTER, BEFORE, Matcher, Surroundings};
use layersift::signature::RuleSet;
use layersift::stream::{Compression, Decoder};

/// Bytes of a window.
const WINDOW: usize = 4 << 20;
/// Passes of each floor over each window.
const PASSES: usize = 3;

/// A floor: its name, and what it does with a window; it returns how many things it found.
struct Floor {
    name: &'static str,
    run: fn(&Matcher, &[u8]) -> usize,
}

const FLOORS: &[Floor] = &[
    Floor { name: "first stage (prefilter)", run: first },
    Floor { name: "both stages", run: both },
    Floor { name: "credentials in pieces", run: joined },
    Floor { name: "encoded texts", run: encoded },
    Floor { name: "files in digits", run: embedded },
];

/// Prints the speed of every floor over the files at `paths`.
pub(crate) fn run(paths: &[String]) {
    let matcher = Matcher::new(RuleSet::embedded());
    let mut survey = Survey { matcher, bytes: 0, sums: vec![(Duration::ZERO, 0); FLOORS.len()] };
    for path in paths {
        survey.path(Path::new(path));
    }
    println!("{} bytes", survey.bytes);
    let mut all = Duration::ZERO;
    for (floor, (time, found)) in FLOORS.iter().zip(&survey.sums).skip(1) {
        all += *time;
        println!("{:<24} {:>8.3} GB/s {found:>10} found", floor.name, survey.speed(*time));
    }
    println!("{:<24} {:>8.3} GB/s", "the whole matcher", survey.speed(all));
    let (time, found) = survey.sums[0];
    println!("{:<24} {:>8.3} GB/s {found:>10} found", FLOORS[0].name, survey.speed(time));
}

/// Prints the literals of all rules, in lower case as the first stage looks for them.
pub(crate) fn literals() {
    let rules = RuleSet::embedded();
    let all = rules.rules().iter().flat_map(|rule| &rule.anchor().literals);
    let all: std::collections::BTreeSet<Vec<u8>> = all.map(|literal| literal.to_ascii_lowercase()).collect();
    let mut out = std::io::stdout().lock();
    for literal in all {
        let digits = literal.iter().try_for_each(|byte| write!(out, "{byte:02x}"));
        digits.and_then(|()| writeln!(out)).expect("standard output is open");
    }
}

/// Decompresses a gzip file as the scan does, and nothing else; prints how many bytes came out in how many seconds.
pub(crate) fn inflate(path: &str) {
    let file = File::open(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let file = std::io::BufReader::with_capacity(1 << 20, file);
    let window = Limits::default().get(layersift::limits::Limit::WindowBytes);
    let started = Instant::now();
    let mut decoder = Decoder::new(file, Compression::Gzip, window);
    let (mut buffer, mut bytes) = (vec![0; 1 << 20], 0);
    loop {
        match decoder.read(&mut buffer).expect("the file is not damaged") {
            0 => break,
            read => bytes += read,
        }
    }
    println!("{bytes} bytes in {:.3} s", started.elapsed().as_secs_f64());
}

struct Survey {
    matcher: Matcher,
    bytes: u64,
    /// For each floor: its time, what it found.
    sums: Vec<(Duration, usize)>,
}

impl Survey {
    fn path(&mut self, path: &Path) {
        let kind = path.symlink_metadata().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        if kind.is_dir() {
            let mut entries: Vec<_> = path.read_dir().expect("the folder can be read").flatten().collect();
            entries.sort_by_key(std::fs::DirEntry::file_name);
            for entry in entries {
                self.path(&entry.path());
            }
        } else if kind.is_file() {
            let mut file = File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let mut window = vec![0; WINDOW];
            loop {
                let mut filled = 0;
                while filled < WINDOW {
                    match file.read(&mut window[filled..]).expect("the file can be read") {
                        0 => break,
                        read => filled += read,
                    }
                }
                self.window(&window[..filled]);
                if filled < WINDOW {
                    return;
                }
            }
        }
    }

    fn window(&mut self, text: &[u8]) {
        self.bytes += text.len() as u64;
        for (floor, (sum, total)) in FLOORS.iter().zip(&mut self.sums) {
            let mut fastest = Duration::MAX;
            let mut counts = [0; PASSES];
            for count in &mut counts {
                let started = Instant::now();
                *count = (floor.run)(&self.matcher, text);
                fastest = fastest.min(started.elapsed());
            }
            assert!(counts.iter().all(|count| *count == counts[0]), "{}: {counts:?}", floor.name);
            *sum += fastest;
            *total += counts[0];
        }
    }

    fn speed(&self, time: Duration) -> f64 {
        let megabytes = u32::try_from(self.bytes >> 10).unwrap_or(u32::MAX);
        f64::from(megabytes) * 1024.0 / time.as_secs_f64() / 1e9
    }
}

fn first(matcher: &Matcher, text: &[u8]) -> usize {
    let mut count = 0;
    matcher.search(text, |_| count += 1);
    count
}

fn both(matcher: &Matcher, text: &[u8]) -> usize {
    let (verifier, mut hits, mut count) = (matcher.verifier(), Vec::new(), 0);
    matcher.search(text, |candidate| {
        let from = candidate.at.saturating_sub(BEFORE);
        let window = &text[from..text.len().min(candidate.at + AFTER)];
        let local = candidate.moved(candidate.at - from);
        verifier.verify(local, from, (window, Surroundings::default()), &mut hits);
        count += hits.drain(..).count();
    });
    count
}

fn joined(matcher: &Matcher, text: &[u8]) -> usize {
    let mut count = 0;
    matcher.joined(text, 0..text.len(), Surroundings::default(), &mut |_| count += 1);
    count
}

fn encoded(_: &Matcher, text: &[u8]) -> usize {
    encoding::runs(text).len()
}

fn embedded(_: &Matcher, text: &[u8]) -> usize {
    let mut count = 0;
    encoding::embedded(text, &mut |_| count += 1);
    count
}
