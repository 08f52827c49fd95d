//! Scans the images named on the command line and prints their findings, one line each.
use layersift::scan::{Options, Scanner};
use layersift::signature::RuleSet;
use layersift::source::Input;

fn main() {
    let scanner = Scanner::new(RuleSet::embedded(), Options::default());
    for argument in std::env::args_os().skip(1) {
        match scanner.scan(&Input::from(argument), &()) {
            Ok(outcome) => {
                for finding in &outcome.findings {
                    println!("{} {}", finding.rule, finding.secret);
                    for place in &finding.places { println!("    {:?}", place); }
                }
                for problem in &outcome.problems { println!("{problem:?}"); }
                println!("{} {} findings, {} hidden; {:?}", outcome.format, outcome.findings.len(), outcome.hidden, outcome.coverage.total());
            }
            Err(error) => eprintln!("{error}"),
        }
    }
}
