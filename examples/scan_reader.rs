//! Scans whatever can be read, in one pass and without a file: `docker save app | cargo run --example scan_reader`.

use std::error::Error;
use std::io::{self, Read};

use layersift::scan::{Options, ScanError, Scanner};
use layersift::signature::RuleSet;
use layersift::source::Input;

fn main() -> Result<(), Box<dyn Error>> {
    for line in leaks("standard input", io::stdin())? {
        println!("{line}");
    }
    Ok(())
}

/// A line for each credential. What prints it is redacted: the text of a credential leaves only by `Secret::expose`.
pub fn leaks(name: &str, image: impl Read + Send + 'static) -> Result<Vec<String>, ScanError> {
    let scanner = Scanner::new(RuleSet::embedded(), Options { jobs: 2, ..Options::default() });
    let outcome = scanner.scan(&Input::reader(name, image), &())?;
    let line = |finding: &layersift::findings::Finding| {
        let places = finding.places.len();
        format!("{} {}: {} in {places} places", finding.severity.as_str(), finding.name, finding.secret)
    };
    Ok(outcome.findings.iter().map(line).collect())
}
