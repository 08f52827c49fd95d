//! Hands findings to whatever takes them, here a table of who has to revoke what: `cargo run --example own_sink -- app.tar`.
//!
//! What a credential is, whether it is deleted and what to do is known when all layers were read, so findings come at the end, and
//! only their number while a scan runs. They are plain values: a sink is a function that takes them.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use layersift::findings::{Finding, State};
use layersift::scan::{Options, Progress, Scanner};
use layersift::signature::RuleSet;
use layersift::source::Input;

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os().nth(1).map_or_else(|| "testdata/demo/leaky.tar.gz".into(), PathBuf::from);
    let mut owners = Owners::default();
    let seen = scan(&path, |finding| owners.take(finding))?;
    println!("{seen} matches, {:#?}", owners.0);
    Ok(())
}

/// By provider: where to revoke, and the fingerprints of what leaks. Nothing of it is secret.
#[derive(Debug, Default)]
pub struct Owners(pub BTreeMap<String, Vec<String>>);

impl Owners {
    /// Takes one finding.
    pub fn take(&mut self, finding: Finding) {
        let hidden =
            finding.places.iter().all(|place| place.state.is_some_and(|state| state != State::Visible));
        let note = if hidden { " (deleted, still extractable)" } else { "" };
        let revoke = finding.revoke.as_deref().unwrap_or("where it is trusted");
        let line = format!("{} {}{note}: revoke at {revoke}", finding.fingerprint, finding.name);
        self.0.entry(finding.provider).or_default().push(line);
    }
}

/// Counts matches as they are made, from any thread.
#[derive(Default)]
struct Counter(AtomicUsize);

impl Progress for Counter {
    fn expect(&self, _: u64) {}
    fn advance(&self, _: u64) {}
    fn layer(&self) {}
    fn found(&self, matches: usize) {
        self.0.fetch_add(matches, Ordering::Relaxed);
    }
}

/// Scans an image into `sink`; how many matches were made, of which one finding may have many.
pub fn scan(path: &Path, sink: impl FnMut(Finding)) -> Result<usize, Box<dyn Error>> {
    let scanner = Scanner::new(RuleSet::embedded(), Options::default());
    let counter = Counter::default();
    let outcome = scanner.scan(&Input::Path(path.to_owned()), &counter)?;
    outcome.findings.into_iter().for_each(sink);
    Ok(counter.0.into_inner())
}
