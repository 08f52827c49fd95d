//! `layersift scan`: each input in turn, then one report and one exit code.

use std::env::current_dir;
use std::ffi::OsString;
use std::path::Path;
use std::time::SystemTime;

use anyhow::anyhow;
use layersift::findings::Outcome;
use layersift::findings::suppress::{Suppressions, settle};
use layersift::problem::{Problem, ProblemKind};
use layersift::report::{Detail, write_baseline};
use layersift::scan::{Options, Progress, ScanError, Scanner};
use layersift::secret::FingerprintKey;
use layersift::source::registry::Reference;
use layersift::source::{Input, Remote, SourceError};

use super::args::ScanArgs;
use super::cache;
use super::config::{Config, configured};
use super::exit::{Exit, Gate, OrStop, Stopped};
use super::formats::{self, Styles};
use super::interrupt::Interrupt;
use super::output::Output;
use super::progress::Bar;
use super::remote::{password_from_stdin, remote};
use super::ruleset::effective;
use super::settings::Settings;
use super::suppress::suppressions;
use super::terminal::{complain, inform, is_dumb};

pub(crate) fn run(args: &ScanArgs) -> Result<Exit, Stopped> {
    let Config { settings, file, fingerprint_key, password } =
        configured(args.config.as_deref(), &args.settings.0).or_stop(Exit::Usage)?;
    let inputs = inputs(args).or_stop(Exit::Usage)?;
    let password =
        if args.password_stdin { Some(password_from_stdin().or_stop(Exit::Usage)?) } else { password };
    let remote = remote(&settings, password, &inputs).or_stop(Exit::Usage)?;
    let remote = Remote { tags: args.tags.clone(), history_only: args.history_only, ..remote };
    let rules = effective(&settings).or_stop(Exit::Usage)?;
    if let Some(file) = file.filter(|_| settings.detail == Detail::Full) {
        inform(&format!("settings are taken from {}", file.display()));
    }
    let folder = current_dir().unwrap_or_default();
    let suppressions = suppressions(&settings, &folder, &fingerprint_key).or_stop(Exit::Usage)?;
    let interrupt = Interrupt::listen();
    let open =
        |path: Option<&Path>, private: bool| Output::open(path, private, &interrupt).or_stop(Exit::Failed);
    let reports =
        formats::open(&settings.formats, args.output.as_deref(), |path| open(path, args.show_secrets))?;
    let baseline = args.write_baseline.as_deref();
    let new_baseline = baseline.map(|path| open(Some(path), false)).transpose()?;
    let mut styles = Styles::new(&settings, &rules, args.show_secrets, &folder).or_stop(Exit::Usage)?;
    styles.all(|options| options.tool.fingerprint_key = Some(fingerprint_key.check()));
    let cache = cache::open(&settings, args.show_secrets);
    let scan_options = scan_options(&settings, &fingerprint_key, suppressions);
    let scanner = Scanner::new(rules, Options { cache: cache.clone(), remote, ..scan_options });
    styles.all(|options| options.started = Some(SystemTime::now()));
    let (mut outcomes, mut unreadable) = (Vec::new(), 0);
    for input in &inputs {
        outcomes.push(scan(&scanner, input, &settings).unwrap_or_else(|error| {
            unreadable += 1;
            complain(&error.to_string());
            nothing(input, &error)
        }));
    }
    settle(&mut outcomes);
    if let Some(cache) = cache {
        cache::settle(&cache);
    }
    styles.all(|options| options.ended = Some(SystemTime::now()));
    formats::tell_other_images(&mut outcomes, &styles);
    let nothing_to_show = unreadable == inputs.len();
    formats::write(reports, &outcomes, &styles, nothing_to_show).or_stop(Exit::Failed)?;
    if let Some(file) = new_baseline {
        if unreadable > 0 {
            complain("the baseline was not written, because not every image could be read");
        } else {
            file.write(|out| write_baseline(out, &outcomes, &fingerprint_key)).or_stop(Exit::Failed)?;
        }
    }
    let gate = Gate { fail_on: settings.fail_on, allow_partial: settings.allow_partial };
    Ok(gate.exit(&outcomes, unreadable))
}

/// What `text` names, as the options say.
fn input(args: &ScanArgs, text: &OsString) -> anyhow::Result<Input> {
    let name = text.to_str().unwrap_or_default();
    let name = name.strip_prefix("registry:").unwrap_or(name);
    if args.catalog {
        // Whatever could be the host of an image.
        let image: Reference =
            format!("{name}/image").parse().map_err(|_| anyhow!("`{name}` is no registry"))?;
        return Ok(Input::Catalog(image.name().domain().to_owned()));
    }
    Ok(if args.all_tags { Input::Repository(name.parse()?) } else { Input::parse(text.clone())? })
}

fn inputs(args: &ScanArgs) -> anyhow::Result<Vec<Input>> {
    let inputs = args.images.iter().map(|text| input(args, text)).collect::<anyhow::Result<Vec<_>>>()?;
    if !args.tags.is_empty() && !args.all_tags && !args.catalog {
        return Err(anyhow!("--tags chooses among many: give --all-tags or --catalog too"));
    }
    if let Some(other) = inputs.iter().find(|input| args.history_only && input.registry().is_none()) {
        return Err(anyhow!("--history-only is for images in a registry, and {other} is none"));
    }
    if inputs.iter().filter(|input| **input == Input::Stdin).count() > 1 {
        return Err(anyhow!("standard input (`-`) can be scanned once"));
    }
    if args.password_stdin && inputs.contains(&Input::Stdin) {
        return Err(anyhow!(
            "standard input cannot hold both an image (`-`) and a password (--password-stdin)"
        ));
    }
    Ok(inputs)
}

fn scan_options(settings: &Settings, key: &FingerprintKey, suppressions: Suppressions) -> Options {
    Options {
        limits: settings.limits.clone(),
        jobs: settings.jobs,
        selection: settings.selection.clone(),
        min_confidence: settings.min_confidence,
        fingerprint_key: key.clone(),
        suppressions,
        now: Some(SystemTime::now()),
        trust_digests: settings.trust_digests,
        ..Options::default()
    }
}

fn scan(scanner: &Scanner, input: &Input, settings: &Settings) -> Result<Outcome, ScanError> {
    let wanted = !settings.no_progress && settings.detail > Detail::Brief && !is_dumb();
    let bar = wanted.then(|| Bar::new(input)).flatten();
    let progress: &dyn Progress = bar.as_ref().map_or(&(), |bar| bar);
    scanner.scan(input, progress)
}

/// What is known of an input that could not be read at all: that it could not, and why.
fn nothing(input: &Input, error: &ScanError) -> Outcome {
    let problem = match error {
        ScanError::Source(SourceError::NotAnImage { found, remedy, .. }) => {
            let message = format!("this is not a saved image: {found}");
            Problem::new(ProblemKind::Unsupported, input.to_string(), message, remedy)
        }
        ScanError::Source(SourceError::Remote { source, .. }) => {
            Problem::new(ProblemKind::Unreadable, input.to_string(), source.to_string(), source.remedy())
        }
        error => {
            let remedy = "see that it is there and can be read, and scan it again";
            Problem::new(ProblemKind::Unreadable, input.to_string(), error.to_string(), remedy)
        }
    };
    Outcome { source: input.to_string(), problems: vec![problem], ..Outcome::default() }
}
