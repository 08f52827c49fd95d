//! `layersift scan`: each input in turn, then one report and one exit code.

use std::env::current_dir;
use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::anyhow;
use layersift::findings::Outcome;
use layersift::findings::policy::Policy;
use layersift::findings::suppress::{Baseline, Suppressions, settle};
use layersift::image::Selection;
use layersift::problem::{Problem, ProblemKind};
use layersift::report::{Detail, ReportOptions, write_baseline};
use layersift::scan::cache::Cache;
use layersift::scan::{GivenBase, Options, Progress, ScanError, Scanner};
use layersift::secret::FingerprintKey;
use layersift::signature::RuleSet;
use layersift::source::engine::{self, Engine};
use layersift::source::registry::RepositoryName;
use layersift::source::{Input, Remote, SourceError};

use super::advice::cannot_scan;
use super::args::ScanArgs;
use super::cache;
use super::config::{Config, configured};
use super::exit::{Exit, Gate, OrStop, Stopped};
use super::formats::{self, Styles};
use super::interrupt::Interrupt;
use super::output::Output;
use super::policy::policy;
use super::progress::Bar;
use super::remote::{password_from_stdin, remote};
use super::ruleset::effective;
use super::settings::Settings;
use super::suppress::{baseline, suppressions};
use super::terminal::{complain, inform, is_dumb, report_options};
use super::values::moment;

pub(crate) fn run(args: &ScanArgs) -> Result<Exit, Stopped> {
    let engines = engines(args).or_stop(Exit::Usage)?;
    let mut inputs = if args.all_images { Vec::new() } else { inputs(args).or_stop(Exit::Usage)? };
    let mut job = Job::new((args.config.as_deref(), &args.settings.0), &inputs, args.password_stdin)?;
    let newer_than = args.newer_than.as_deref().map(|text| moment(text, SystemTime::now())).transpose();
    let newer_than = newer_than.map_err(|error| anyhow!("--newer-than: {error}")).or_stop(Exit::Usage)?;
    let (tags, history_only) = (args.tags.clone(), args.history_only);
    job.remote = Remote { tags, newer_than, history_only, ..job.remote };
    inputs.extend(images_of(&engines, &job.remote).or_stop(Exit::Failed)?);
    let settings = &job.settings;
    let interrupt = Interrupt::listen();
    let open =
        |path: Option<&Path>, private: bool| Output::open(path, private, &interrupt).or_stop(Exit::Failed);
    let reports =
        formats::open(&settings.formats, args.output.as_deref(), |path| open(path, args.show_secrets))?;
    let known = args.write_baseline.as_deref();
    let new_baseline = known.map(|path| open(Some(path), false)).transpose()?;
    let folder = current_dir().unwrap_or_default();
    let mut styles = Styles::new(settings, &job.rules, args.show_secrets, &folder).or_stop(Exit::Usage)?;
    styles.all(|options| options.tool.fingerprint_key = Some(job.fingerprint_key.check()));
    let scanner = job.scanner(cache::open(settings, args.show_secrets))?;
    styles.all(|options| options.started = Some(SystemTime::now()));
    let (mut outcomes, mut unreadable) = (Vec::new(), 0);
    for (index, input) in inputs.iter().enumerate() {
        // Of an engine, more images are scanned than were typed.
        let typed = args.images.get(index).map(OsString::as_os_str).unwrap_or_default();
        outcomes.push(scan(&scanner, input, settings).unwrap_or_else(|error| {
            unreadable += 1;
            complain(&cannot_scan(input, typed, &error));
            nothing(input, &error)
        }));
    }
    settle(&mut outcomes);
    job.policy.apply(&mut outcomes);
    if let Some(cache) = scanner.cache() {
        cache::settle(cache);
    }
    styles.all(|options| options.ended = Some(SystemTime::now()));
    formats::tell_other_images(&mut outcomes, &styles);
    let nothing_to_show = unreadable == inputs.len();
    formats::write(reports, &outcomes, &styles, nothing_to_show).or_stop(Exit::Failed)?;
    if let Some(file) = new_baseline {
        if unreadable > 0 {
            complain("the baseline was not written, because not every image could be read");
        } else {
            let new = job.baseline(&outcomes, known);
            file.write(|out| write_baseline(out, &new, &job.fingerprint_key.check()))
                .or_stop(Exit::Failed)?;
        }
    }
    let exit = Gate::new(settings).exit(&outcomes, unreadable);
    // The process ends: to give back the memory of compiled patterns would be a twentieth of a small scan.
    std::mem::forget(scanner);
    Ok(exit)
}

/// The engines that are named, if it is all of their images that are wanted.
fn engines(args: &ScanArgs) -> anyhow::Result<Vec<Engine>> {
    if !args.all_images {
        return Ok(Vec::new());
    }
    if args.history_only || !args.tags.is_empty() {
        return Err(anyhow!(
            "--history-only and --tags are for images in a registry, and not for --all-images"
        ));
    }
    let engine = |text: &OsString| {
        let name = text.to_str().unwrap_or_default();
        let known = Engine::named(name.strip_suffix(':').unwrap_or(name));
        known.ok_or_else(|| anyhow!("`{name}` is no engine: --all-images takes docker and podman"))
    };
    args.images.iter().map(engine).collect()
}

/// Every image of each of the engines.
fn images_of(engines: &[Engine], remote: &Remote) -> anyhow::Result<Vec<Input>> {
    let mut inputs = Vec::new();
    for engine in engines {
        let images = engine::images(*engine, remote);
        let images = images.map_err(|error| anyhow!("{error}; {}", error.remedy()))?;
        if images.is_empty() {
            return Err(anyhow!("{engine} has no image"));
        }
        inputs.extend(images.into_iter().map(|image| Input::Engine(*engine, image)));
    }
    Ok(inputs)
}

/// What `text` names, as the options say.
fn input(args: &ScanArgs, text: &OsString) -> anyhow::Result<Input> {
    if text.is_empty() {
        return Err(anyhow!("the name of an image is empty: is a variable that should hold it not set?"));
    }
    let name = text.to_str().unwrap_or_default();
    let name = name.strip_prefix("registry:").unwrap_or(name);
    if args.catalog {
        // Whatever could be the host of an image.
        let image = RepositoryName::at(name, "image").map_err(|_| anyhow!("`{name}` is no registry"))?;
        return Ok(Input::Catalog(image.domain().to_owned()));
    }
    Ok(if args.all_tags { Input::Repository(name.parse()?) } else { Input::parse(text.clone())? })
}

fn inputs(args: &ScanArgs) -> anyhow::Result<Vec<Input>> {
    let inputs = args.images.iter().map(|text| input(args, text)).collect::<anyhow::Result<Vec<_>>>()?;
    let choosing = [("--tags", !args.tags.is_empty()), ("--newer-than", args.newer_than.is_some())];
    if let Some((option, _)) = choosing.iter().find(|(_, given)| *given && !args.all_tags && !args.catalog) {
        return Err(anyhow!("{option} chooses among many: give --all-tags or --catalog too"));
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

/// What a scan depends on beside its inputs.
pub(crate) struct Job {
    pub(crate) settings: Settings,
    pub(crate) rules: Arc<RuleSet>,
    pub(crate) policy: Policy,
    pub(crate) fingerprint_key: FingerprintKey,
    suppressions: Suppressions,
    pub(super) remote: Remote,
    bases: Vec<Input>,
    /// Which platforms of bases in a registry may be those of the images.
    base_selection: Selection,
}

impl Job {
    /// What this process asks for by the file that was named, the environment and what was typed, to scan `inputs`.
    pub(crate) fn new(
        (config, typed): (Option<&Path>, &[(&'static str, String)]),
        inputs: &[Input],
        password_stdin: bool,
    ) -> Result<Self, Stopped> {
        let config = configured(config, typed).or_stop(Exit::Usage)?;
        Self::within(&current_dir().unwrap_or_default(), config, inputs, password_stdin)
    }

    /// The same of what was asked for already. The nearest ignore file is looked for from `folder`.
    pub(crate) fn within(
        folder: &Path,
        config: Config,
        inputs: &[Input],
        password_stdin: bool,
    ) -> Result<Self, Stopped> {
        let Config { settings, file, fingerprint_key, password } = config;
        let password =
            if password_stdin { Some(password_from_stdin().or_stop(Exit::Usage)?) } else { password };
        let bases = settings.bases.iter().map(|name| Input::parse(name.clone().into_os_string()));
        let bases: Vec<Input> = bases.collect::<Result<_, _>>().or_stop(Exit::Usage)?;
        let remote = remote(&settings, password, &[inputs, &bases].concat()).or_stop(Exit::Usage)?;
        let rules = effective(&settings).or_stop(Exit::Usage)?;
        if let Some(file) = file.filter(|_| settings.detail == Detail::Full) {
            inform(&format!("settings are taken from {}", file.display()));
        }
        let policy = policy(&settings).or_stop(Exit::Usage)?;
        let show_known = settings.fail_on_new || policy.asks_for_known();
        let suppressions =
            suppressions(&settings, folder, &fingerprint_key, show_known).or_stop(Exit::Usage)?;
        // Of an image in a registry one platform is scanned; what a file holds is not known before it is read.
        let remote_only = inputs.iter().all(|input| input.registry().is_some());
        let base_selection = match &settings.selection {
            Selection::Available if !remote_only => Selection::All,
            selection => selection.clone(),
        };
        Ok(Self { settings, rules, policy, fingerprint_key, suppressions, remote, bases, base_selection })
    }

    /// What hides and judges findings; the scanner of this job does not hide any from then on.
    pub(crate) fn take_lists(&mut self) -> (Suppressions, Policy) {
        let nothing = Suppressions { inline: false, ..Suppressions::default() };
        (std::mem::replace(&mut self.suppressions, nothing), self.policy.clone())
    }

    /// What scans so, with that cache.
    pub(crate) fn scanner(&self, cache: Option<Arc<Cache>>) -> Result<Scanner, Stopped> {
        self.scanner_for(cache, 1)
    }

    /// The same for so many scans at a time, which share the memory.
    pub(crate) fn scanner_for(
        &self,
        cache: Option<Arc<Cache>>,
        scans_at_once: usize,
    ) -> Result<Scanner, Stopped> {
        let settings = &self.settings;
        let options = Options {
            limits: settings.limits.clone(),
            jobs: settings.jobs,
            max_memory: settings.max_memory,
            scans_at_once,
            selection: settings.selection.clone(),
            min_confidence: settings.min_confidence,
            fingerprint_key: self.fingerprint_key.clone(),
            suppressions: self.suppressions.clone(),
            now: Some(SystemTime::now),
            cache,
            trust_digests: settings.trust_digests,
            remote: self.remote.clone(),
            ..Options::default()
        };
        options.check().or_stop(Exit::Usage)?;
        let selection = &self.base_selection;
        let read =
            |base| GivenBase::read(base, &options, selection).map_err(|error| anyhow!("as a base: {error}"));
        let bases = self.bases.iter().map(read).collect::<Result<_, _>>().or_stop(Exit::Failed)?;
        Ok(Scanner::new(Arc::clone(&self.rules), Options { bases, ..options }))
    }

    /// What is known after `outcomes`, in the place of the baselines of this run, and of that in the file at `path` if
    /// there is one.
    fn baseline(&self, outcomes: &[Outcome], path: Option<&Path>) -> Baseline {
        let mut new = Baseline::of("", outcomes);
        let mut older = Baseline::default();
        for baseline in &self.suppressions.baselines {
            older.merge(baseline.clone());
        }
        // What is there may be anything: then nothing is taken from it.
        let there = path.and_then(|path| baseline(path, Path::new(""), &self.fingerprint_key).ok());
        older.merge(there.unwrap_or_default());
        // What could not be looked at may still hold what is not found.
        let keep = outcomes.iter().any(Outcome::has_gaps);
        new.succeed(&older, self.suppressions.today, None, keep);
        new
    }

    /// How what shows no credentials is written, to a file or not.
    pub(crate) fn report_options(&self, to_file: bool) -> ReportOptions {
        let mut options = report_options(&self.settings, &self.rules, to_file, false);
        options.tool.fingerprint_key = Some(self.fingerprint_key.check());
        options
    }
}

pub(crate) fn scan(scanner: &Scanner, input: &Input, settings: &Settings) -> Result<Outcome, ScanError> {
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
        ScanError::Source(error @ SourceError::Remote { source, .. }) => {
            let message = format!("{source}{}", error.tried());
            Problem::new(ProblemKind::Unreadable, input.to_string(), message, source.remedy())
        }
        error => {
            let remedy = "see that it is there and can be read, and scan it again";
            Problem::new(ProblemKind::Unreadable, input.to_string(), error.to_string(), remedy)
        }
    };
    Outcome { source: input.to_string(), problems: vec![problem], ..Outcome::default() }
}
