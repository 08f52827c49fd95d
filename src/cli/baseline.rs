//! `layersift baseline`: what is known, in a file that a team keeps, reviews and shortens.
//!
//! The file is that of `scan --write-baseline`. It is sorted by fingerprint and changes only where findings do, so a
//! difference of two versions is what changed, and no more.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::Path;

use anyhow::anyhow;
use layersift::findings::Outcome;
use layersift::findings::suppress::{Baseline, Changes, Item};
use layersift::report::side::Side;
use layersift::report::{Detail, printable, write_baseline};
use layersift::scan::Scanner;
use layersift::source::Input;

use super::args::{BaselineCommand, GatherArgs};
use super::cache;
use super::diff::is_report;
use super::exit::{Exit, Gate, OrStop, Stopped};
use super::interrupt::Interrupt;
use super::output::Output;
use super::scan::{Job, scan};
use super::suppress::{LARGEST_BASELINE, baseline, read, today};
use super::terminal::{inform, warn};

pub(crate) fn run(command: &BaselineCommand) -> Result<Exit, Stopped> {
    match command {
        BaselineCommand::Create { gather, force } => create(gather, *force),
        BaselineCommand::Update { gather, keep_gone } => update(gather, *keep_gone),
        BaselineCommand::Show { file, format } => show(file, format),
    }
}

fn create(args: &GatherArgs, force: bool) -> Result<Exit, Stopped> {
    let file = &args.file;
    if file.exists() && !force {
        let file = file.display();
        let error = anyhow!(
            "{file} is there: `layersift baseline update {file} …` keeps what it says, --force writes it anew"
        );
        return Err(error).or_stop(Exit::Usage);
    }
    let gathered = Gathered::new(args)?;
    gathered.write(args, &Baseline::default(), false)
}

fn update(args: &GatherArgs, keep_gone: bool) -> Result<Exit, Stopped> {
    let gathered = Gathered::new(args)?;
    let older = baseline(&args.file, Path::new(""), &gathered.job.fingerprint_key).or_stop(Exit::Usage)?;
    if older.is_report() {
        let file = args.file.display();
        let error = anyhow!(
            "{file} is a report, and would be lost: `layersift baseline create` makes a baseline of it"
        );
        return Err(error).or_stop(Exit::Usage);
    }
    gathered.write(args, &older, keep_gone)
}

/// What the inputs have.
struct Gathered {
    job: Job,
    now: Baseline,
    gaps: u64,
}

impl Gathered {
    /// Scans the images, and reads the reports.
    fn new(args: &GatherArgs) -> Result<Self, Stopped> {
        let (reports, images): (Vec<_>, Vec<_>) =
            args.inputs.iter().partition(|name: &&OsString| is_report(Path::new(name)));
        let inputs: Vec<_> = images
            .into_iter()
            .map(|name| Input::parse(name.clone()))
            .collect::<Result<_, _>>()
            .or_stop(Exit::Usage)?;
        let job = Job::new((args.config.as_deref(), &args.settings.0), &inputs, false)?;
        let mut gathered = Self { now: Baseline::default(), gaps: 0, job };
        for report in reports {
            gathered.read(Path::new(report))?;
        }
        if !inputs.is_empty() {
            let scanner = gathered.job.scanner(cache::open(&gathered.job.settings, false))?;
            inputs.iter().try_for_each(|input| gathered.scan(&scanner, input))?;
            if let Some(cache) = scanner.cache() {
                cache::settle(cache);
            }
        }
        Ok(gathered)
    }

    fn read(&mut self, path: &Path) -> Result<(), Stopped> {
        let name = path.display().to_string();
        let bytes = read(path, LARGEST_BASELINE).or_stop(Exit::Failed)?;
        let known = Baseline::parse(&name, &bytes, &self.job.fingerprint_key).or_stop(Exit::Usage)?;
        if known.is_report() {
            self.gaps += Side::of_report(&name, &bytes).or_stop(Exit::Usage)?.gaps();
        }
        self.now.merge(known);
        Ok(())
    }

    fn scan(&mut self, scanner: &Scanner, input: &Input) -> Result<(), Stopped> {
        let outcome: Outcome = scan(scanner, input, &self.job.settings)
            .map_err(|error| anyhow!("{error}; the baseline was not written"))
            .or_stop(Exit::Failed)?;
        self.gaps += u64::try_from(outcome.gaps()).unwrap_or(u64::MAX);
        self.now.merge(Baseline::of("", [&outcome]));
        Ok(())
    }

    /// Writes it in the place of `older`, and says what changed.
    fn write(mut self, args: &GatherArgs, older: &Baseline, keep_gone: bool) -> Result<Exit, Stopped> {
        let looked_everywhere = self.gaps == 0;
        // What is not there may only not have been seen.
        let keep = keep_gone || !looked_everywhere;
        let changes = self.now.succeed(older, today(), args.reason.as_deref(), keep);
        let output = Output::open(Some(&args.file), false, &Interrupt::listen()).or_stop(Exit::Failed)?;
        let key = self.job.fingerprint_key.check();
        output.write(|out| write_baseline(out, &self.now, &key)).or_stop(Exit::Failed)?;
        if self.job.settings.detail > Detail::Brief {
            let told = |out: &mut dyn Write| tell(out, args, &self.now, older, &changes);
            Output::Stdout.text(told).or_stop(Exit::Failed)?;
        }
        if !looked_everywhere {
            let kept = if changes.kept.is_empty() { "" } else { ", so nothing was dropped" };
            warn(&format!("not everything could be looked at{kept}: `layersift scan` says what"));
        }
        Ok(Gate::new(&self.job.settings).found_exit([], self.gaps))
    }
}

fn tell(
    out: &mut dyn Write,
    args: &GatherArgs,
    now: &Baseline,
    older: &Baseline,
    changes: &Changes,
) -> io::Result<()> {
    let line = |sign: char, fingerprint: &str, item: Option<&Item>| {
        let rule = item.map_or("", |item| &item.rule);
        let place = item.and_then(|item| item.places.first()).map_or("", String::as_str);
        format!("{sign} {}  {}  {}", short(fingerprint), printable(rule), printable(place))
    };
    for fingerprint in &changes.added {
        writeln!(out, "{}", line('+', fingerprint, now.items().get(fingerprint)))?;
    }
    for fingerprint in &changes.gone {
        writeln!(out, "{}", line('-', fingerprint, older.items().get(fingerprint)))?;
    }
    let kept = match changes.kept.len() {
        0 => String::new(),
        kept => format!(", {kept} not found and kept"),
    };
    let (added, gone, file) = (changes.added.len(), changes.gone.len(), args.file.display());
    writeln!(out, "{file}: {} known, {added} of them new, {gone} gone{kept}", now.items().len())
}

/// The digits of a fingerprint that reports for people show.
fn short(fingerprint: &str) -> &str {
    fingerprint.get(..12).unwrap_or(fingerprint)
}

fn show(file: &Path, format: &str) -> Result<Exit, Stopped> {
    let bytes = read(file, LARGEST_BASELINE).or_stop(Exit::Failed)?;
    let known = Baseline::read(&file.display().to_string(), &bytes).or_stop(Exit::Usage)?;
    let key = known.key().unwrap_or_default().to_owned();
    let write = |out: &mut dyn Write| {
        if format == "json" { write_baseline(out, &known, &key) } else { write_table(out, &known) }
    };
    Output::Stdout.text(write).or_stop(Exit::Failed)?;
    if known.is_report() {
        inform(&format!("{} is a report, which a scan takes for a baseline too", file.display()));
    }
    Ok(Exit::Clean)
}

/// What is known longest comes first.
fn write_table(out: &mut dyn Write, known: &Baseline) -> io::Result<()> {
    let mut items: Vec<_> = known.items().iter().collect();
    items.sort_by_key(|(fingerprint, item)| {
        (item.first_seen.is_none(), item.first_seen, &item.rule, *fingerprint)
    });
    for (fingerprint, item) in &items {
        let since = item.first_seen.map_or_else(|| "-         ".to_owned(), |day| day.to_string());
        let (rule, redacted) = (printable(&item.rule), printable(&item.redacted));
        writeln!(out, "{since}  {}  {rule}  {redacted}", short(fingerprint))?;
        for place in &item.places {
            writeln!(out, "            {}", printable(place))?;
        }
        if let Some(reason) = &item.reason {
            writeln!(out, "            reason: {}", printable(reason))?;
        }
    }
    let without = items.iter().filter(|(_, item)| item.reason.is_none()).count();
    writeln!(out, "{} known, {without} of them without a reason", items.len())
}
