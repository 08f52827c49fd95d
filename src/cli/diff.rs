//! `layersift diff`: two images, two reports or one of each, and what changed from the one to the other.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use layersift::report::diff::{Diff, Side};
use layersift::scan::Scanner;
use layersift::source::Input;

use super::args::DiffArgs;
use super::cache;
use super::exit::{Exit, Gate, OrStop, Stopped};
use super::interrupt::Interrupt;
use super::output::Output;
use super::scan::{Job, scan};
use super::suppress::report;

pub(crate) fn run(args: &DiffArgs) -> Result<Exit, Stopped> {
    if args.old == "-" && args.new == "-" {
        return Err(anyhow!("standard input (`-`) can be read once")).or_stop(Exit::Usage);
    }
    let names = [&args.old, &args.new].into_iter().filter(|name| !is_report(Path::new(name)));
    let inputs: Vec<_> = names.cloned().map(Input::parse).collect::<Result<_, _>>().or_stop(Exit::Usage)?;
    let job = Job::new((args.config.as_deref(), &args.settings.0), &inputs, false)?;
    let (json, file) = form(&job, args.output.as_deref()).or_stop(Exit::Usage)?;
    let interrupt = Interrupt::listen();
    let output = Output::open(file.as_deref(), false, &interrupt).or_stop(Exit::Failed)?;
    let mut sides = Sides { job: &job, scanner: None };
    let (mut old, mut new) = (sides.side(&args.old)?, sides.side(&args.new)?);
    for side in [&mut old, &mut new] {
        side.judge(&job.policy);
    }
    if let Some(cache) = sides.scanner.as_ref().and_then(Scanner::cache) {
        cache::settle(cache);
    }
    let diff = Diff::new(&old, &new).or_stop(Exit::Usage)?;
    let options = job.report_options(file.is_some());
    output
        .write(|out| if json { diff.write_json(out) } else { diff.write_table(out, &options) })
        .or_stop(Exit::Failed)?;
    Ok(Gate::new(&job.settings).found_exit(diff.added(), diff.newer().gaps()))
}

/// Whether to write JSON, and the file to write to.
fn form(job: &Job, output: Option<&Path>) -> anyhow::Result<(bool, Option<PathBuf>)> {
    let [chosen] = &job.settings.formats[..] else {
        return Err(anyhow!("a comparison is written in one format: table or json"));
    };
    let json = match chosen.format.name {
        "table" => false,
        "json" => true,
        other => return Err(anyhow!("a comparison is written as table or json, not as {other}")),
    };
    Ok((json, chosen.file.clone().or_else(|| output.map(Path::to_owned))))
}

struct Sides<'j> {
    job: &'j Job,
    /// Made when the first image is scanned: a report needs no rules.
    scanner: Option<Scanner>,
}

impl Sides<'_> {
    /// A report is read, anything else is scanned.
    fn side(&mut self, name: &OsStr) -> Result<Side, Stopped> {
        let path = Path::new(name);
        if is_report(path) {
            return report(path, Exit::Failed);
        }
        if self.scanner.is_none() {
            self.scanner = Some(self.job.scanner(cache::open(&self.job.settings, false))?);
        }
        let scanner = self.scanner.as_ref().ok_or_else(|| anyhow!("no rules")).or_stop(Exit::Failed)?;
        let outcome = scan(scanner, &Input::parse(name.to_owned()).or_stop(Exit::Usage)?, &self.job.settings);
        let outcome = outcome.map_err(|error| anyhow!(error.to_string())).or_stop(Exit::Failed)?;
        let options = self.job.report_options(false);
        Side::of_outcome(&outcome, &options).or_stop(Exit::Failed)
    }
}

/// Whether a name is that of a report. The name decides and not the content, which for an image is somebody else's: an
/// image that begins like a report would be none.
pub(crate) fn is_report(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"))
}
