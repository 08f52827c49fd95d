//! Writes what was found in any format that the program has, here SARIF: `cargo run --example write_sarif -- app.tar > leaks.sarif`.

use std::error::Error;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use layersift::report::{Format, ReportOptions};
use layersift::scan::{Options, Scanner};
use layersift::signature::RuleSet;
use layersift::source::Input;

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os().nth(1).map_or_else(|| "testdata/demo/leaky.tar.gz".into(), PathBuf::from);
    write(&path, &mut io::stdout().lock())
}

/// Scans an image and writes a report of it.
pub fn write(path: &Path, out: &mut dyn Write) -> Result<(), Box<dyn Error>> {
    let scanner = Scanner::new(RuleSet::embedded(), Options::default());
    let outcome = scanner.scan(&Input::Path(path.to_owned()), &())?;
    let sarif = Format::named("sarif").ok_or("this version has no SARIF")?;
    (sarif.write)(out, &[outcome], &ReportOptions::default())?;
    Ok(())
}
