//! Scans a saved image, or the folder of an OCI layout: `cargo run --example scan_path -- app.tar`.

use std::error::Error;
use std::path::{Path, PathBuf};

use layersift::findings::Outcome;
use layersift::scan::{Options, ScanError, Scanner};
use layersift::signature::RuleSet;
use layersift::source::Input;

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os().nth(1).map_or_else(|| "testdata/demo/leaky.tar.gz".into(), PathBuf::from);
    println!("{}", verdict(&scan(&path)?));
    Ok(())
}

/// A scanner may be shared by threads and used for any number of images.
fn scan(path: &Path) -> Result<Outcome, ScanError> {
    let scanner = Scanner::new(RuleSet::embedded(), Options::default());
    scanner.scan(&Input::Path(path.to_owned()), &())
}

/// "Clean" means that nothing was found and that everything was looked at.
pub fn verdict(outcome: &Outcome) -> String {
    match (outcome.findings.len(), outcome.has_gaps()) {
        (0, false) => format!("{}: clean", outcome.source),
        (0, true) => format!("{}: {} notes and gaps", outcome.source, outcome.problems.len()),
        (leaks, _) => format!("{}: {leaks} credentials leak", outcome.source),
    }
}

/// What the tests call.
pub fn of(path: &Path) -> Result<String, ScanError> {
    scan(path).map(|outcome| verdict(&outcome))
}
