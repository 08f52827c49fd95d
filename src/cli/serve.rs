//! `layersift serve` and `layersift worker`: the configuration becomes a service, which runs until it is told to stop.

use std::env::{current_dir, var_os};
use std::ffi::OsString;
use std::net::TcpListener;
use std::path::{Path, PathBuf, absolute};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, anyhow};
use layersift::digest::Digest;
use layersift::report::ReportOptions;
use layersift::scan::cache::Cache;
use layersift::serve::config::{Config, Fault, Faults, Place, Table};
use layersift::serve::judge::Judge;
use layersift::serve::log::Log;
use layersift::serve::store::{Store, Tables};
use layersift::serve::{ServeError, Service, Surroundings};
use layersift::source::Input;
use serde::Deserialize;

use super::args::{ServeArgs, ServiceArgs};
use super::config::{Config as Scans, Origins, configured, line_of, merge, read};
use super::exit::{Exit, OrStop, Stopped};
use super::formats::Styles;
use super::output::Output;
use super::scan::Job;
use super::suppress::{LARGEST_BASELINE, lists};
use super::terminal::warn;

/// How often a request is made again while a worker waits for it: what fails then is tried again by the queue.
const RETRIES: u32 = 2;

/// The file with the database, in the folder of the service.
const DATABASE: &str = "service-1.sqlite";
/// The folder with what layers yielded, there.
const LAYERS: &str = "layers";

pub(crate) fn run(args: &ServeArgs) -> Result<Exit, Stopped> {
    let asked = asked(&args.service, Serves::Hooks { listen: args.listen.as_deref() })?;
    let listen = asked.service.listen;
    let ready = ready(asked)?;
    if args.check {
        return check(&ready);
    }
    let service = service(ready)?;
    if args.sweep_now {
        service.sweep_now().or_stop(Exit::Failed)?;
    }
    let listener = TcpListener::bind(listen).with_context(|| format!("cannot listen at {listen}"));
    serve(&service, Some(listener.or_stop(Exit::Failed)?))
}

pub(crate) fn work(args: &ServiceArgs) -> Result<Exit, Stopped> {
    let service = service(ready(asked(args, Serves::Nobody)?)?)?;
    serve(&service, None)
}

/// Says what would be done with the database, and does nothing of it.
fn check(ready: &Ready) -> Result<Exit, Stopped> {
    let config = &ready.service;
    // What scans is put together and thrown away: bases that cannot be read, and memory that is not enough.
    ready.job.scanner_for(None, config.workers.max(1))?;
    let tables = match &config.database {
        Some((url, _)) => Tables::on_server(&String::from_utf8_lossy(url.expose())).or_stop(Exit::Failed)?,
        None => Tables::in_file(&config.data.join(DATABASE))
            .with_context(|| format!("in {}", config.data.display()))
            .or_stop(Exit::Failed)?,
    };
    let here = ready.job.fingerprint_key.check();
    if let Some(there) = tables.made_with.clone().filter(|there| *there != here) {
        return Err(ServeError::OtherKey { there, here }).or_stop(Exit::Failed);
    }
    ready.cautions.iter().for_each(|caution| warn(caution));
    let told = format!("the configuration is right, and {}", condition(&tables, config.database.is_some()));
    Output::Stdout.write(|out: &mut dyn std::io::Write| writeln!(out, "{told}")).or_stop(Exit::Failed)?;
    Ok(Exit::Clean)
}

/// What is there, and what becomes of it when the service begins.
fn condition(tables: &Tables, on_server: bool) -> String {
    match (tables.version, tables.newest) {
        (0, _) if on_server => {
            "the database answers; it is empty, and its tables are made when the service begins".to_owned()
        }
        (0, _) => "there is no database yet: it is made when the service begins".to_owned(),
        (there, newest) if there < newest => format!(
            "the database answers; its tables are brought from version {there} to {newest} when the service begins: make a \
             backup before"
        ),
        _ => "the database answers".to_owned(),
    }
}

fn serve(service: &Arc<Service>, listener: Option<TcpListener>) -> Result<Exit, Stopped> {
    let (told, asked) = (Arc::clone(service), AtomicBool::new(false));
    let stop = move || {
        if asked.swap(true, Ordering::Relaxed) {
            // Who asks twice does not want to wait. What is under way comes back when its lease ends.
            std::process::exit(130);
        }
        told.stop();
    };
    ctrlc::set_handler(stop).or_stop(Exit::Failed)?;
    service.run(listener).or_stop(Exit::Failed)?;
    Ok(Exit::Clean)
}

#[derive(Deserialize)]
struct File {
    serve: Option<Table>,
}

/// What the file, the environment and what was typed say.
struct Asked {
    /// How is scanned.
    scans: Scans,
    /// How the service is set up.
    service: Config,
    /// What of that works, and should be set up otherwise.
    cautions: Vec<String>,
    /// Where everything is seen from, so that processes with one configuration do the same wherever they begin: the folder
    /// of the file.
    folder: PathBuf,
}

/// Who is listened to.
#[derive(Clone, Copy)]
enum Serves<'s> {
    /// Those who tell of pushes, at the address that was typed if one was.
    Hooks { listen: Option<&'s str> },
    /// Nobody: a worker.
    Nobody,
}

fn asked(args: &ServiceArgs, serves: Serves<'_>) -> Result<Asked, Stopped> {
    let (scans, folder) = scans(args.config.as_deref()).or_stop(Exit::Usage)?;
    let (service, cautions) = config(args, serves, scans.file.as_deref()).or_stop(Exit::Usage)?;
    Ok(Asked { scans, service, cautions, folder })
}

/// How is scanned, as seen from the folder of the configuration.
fn scans(named: Option<&Path>) -> anyhow::Result<(Scans, PathBuf)> {
    let scans = configured(named, &[])?;
    let Some(file) = &scans.file else { return Ok((scans, current_dir().unwrap_or_default())) };
    let file = absolute(file).with_context(|| format!("cannot find {}", file.display()))?;
    let folder = file.parent().unwrap_or(Path::new("")).to_owned();
    let origins =
        Origins { file: Some(&file), folder: &folder, environment: &|name| var_os(name), flags: &[] };
    Ok((merge(&origins)?, folder))
}

/// What the file, the environment and what was typed say of the service, and what should be set up otherwise.
fn config(
    args: &ServiceArgs,
    serves: Serves<'_>,
    file: Option<&Path>,
) -> anyhow::Result<(Config, Vec<String>)> {
    let text = file.map(|file| read(file).with_context(|| format!("cannot read {}", file.display())));
    let text = text.transpose()?.unwrap_or_default();
    let mut table = table(file.unwrap_or(Path::new("")), &text)?;
    let variable = |name: &str| var_os(name).filter(|value| !value.is_empty());
    let elsewhere = nearer(&mut table, args, serves, &variable);
    let checked = table.check(&variable);
    let mut faults = checked.as_ref().err().map_or_else(Vec::new, |Faults(faults)| faults.clone());
    if matches!(serves, Serves::Hooks { .. }) && table.hook.is_empty() {
        let why = "nobody could tell the service anything: name a hook, with [[serve.hook]]".to_owned();
        faults.push(Fault { place: Place { table: "hook", ..Place::default() }, why });
    }
    let told = |fault: &Fault| {
        let origin = elsewhere.iter().find(|(key, _)| fault.place == Place { key, ..Place::default() });
        match (origin, file, line_of(&text, &fault.place)) {
            (Some((_, origin)), _, _) => format!("{origin}: {fault}"),
            (None, Some(file), Some(line)) => format!("{}:{line}: {fault}", file.display()),
            (None, Some(file), None) => format!("{}: {fault}", file.display()),
            (None, None, _) => fault.to_string(),
        }
    };
    match checked {
        Ok(config) if faults.is_empty() => {
            let cautions = config.cautions.iter().map(told).collect();
            Ok((config, cautions))
        }
        _ => Err(anyhow!("{}", faults.iter().map(told).collect::<Vec<_>>().join("\n"))),
    }
}

/// Puts what the environment and what was typed say in the place of what the file says; for which keys, and what said so.
fn nearer(
    table: &mut Table,
    args: &ServiceArgs,
    serves: Serves<'_>,
    variable: &dyn Fn(&str) -> Option<OsString>,
) -> Vec<(&'static str, &'static str)> {
    let text = |name: &str| variable(name).and_then(|value| value.into_string().ok());
    let typed = if let Serves::Hooks { listen } = serves { listen } else { None };
    let mut said = Vec::new();
    if let Some(listen) = typed.map(str::to_owned).or_else(|| text("LAYERSIFT_LISTEN")) {
        table.listen = Some(listen);
        said.push(("listen", if typed.is_some() { "--listen" } else { "LAYERSIFT_LISTEN" }));
    }
    if let Some(database) = text("LAYERSIFT_DATABASE") {
        table.database = Some(database);
        said.push(("database", "LAYERSIFT_DATABASE"));
    }
    if let Some(data) = args.data.clone().or_else(|| variable("LAYERSIFT_DATA").map(Into::into)) {
        table.data = Some(data);
        said.push(("data", if args.data.is_some() { "--data" } else { "LAYERSIFT_DATA" }));
    }
    if let Some(workers) = args.workers {
        table.workers = Some(workers);
        said.push(("workers", "--workers"));
    }
    said
}

/// The table of the service in the `text` of `file`.
fn table(file: &Path, text: &str) -> anyhow::Result<Table> {
    let parsed: Result<File, _> = toml::from_str(text);
    let parsed = parsed.map_err(|error| anyhow!("{}: {}", file.display(), error.to_string().trim_end()))?;
    Ok(parsed.serve.unwrap_or_default().rebased(file.parent().unwrap_or(Path::new(""))))
}

/// The database, and where it is kept what layers yield.
fn kept(config: &Config) -> anyhow::Result<(Arc<Store>, Cache)> {
    if let Some((url, key)) = &config.database {
        let store = Arc::new(Store::on_server(&String::from_utf8_lossy(url.expose()))?);
        let reports = store.reports();
        return Ok((store, Cache::shared(key, reports)));
    }
    let folder = &config.data;
    let cache = Cache::open(&folder.join(LAYERS))?;
    let store = Store::in_file(&folder.join(DATABASE)).with_context(|| format!("in {}", folder.display()))?;
    Ok((Arc::new(store), cache))
}

/// All that a service is made of but what it keeps: nothing is made or opened for it.
struct Ready {
    service: Config,
    configuration: Option<PathBuf>,
    cautions: Vec<String>,
    job: Job,
    report: ReportOptions,
    judge: Judge,
}

fn ready(asked: Asked) -> Result<Ready, Stopped> {
    let Asked { scans, mut service, cautions, folder } = asked;
    let configuration = scans.file.as_deref().map(whole);
    if service.database.is_none() {
        service.data = whole(&service.data);
    }
    // One login is for one registry.
    let registries: Vec<Input> =
        service.registries.iter().map(|allowed| Input::Catalog(allowed.name.clone())).collect();
    let mut job = Job::within(&folder, scans, &registries, false)?;
    if job.settings.jobs == 0 {
        // There are as many workers as cores, and each needs one.
        job.settings.jobs = 1;
    }
    job.remote.reach = Some(service.reach.clone());
    job.remote.retries = job.remote.retries.min(RETRIES);
    let mut report = Styles::new(&job.settings, &job.rules, false, &folder).or_stop(Exit::Usage)?.of_files();
    report.tool.fingerprint_key = Some(job.fingerprint_key.check());
    let judge = judge(&mut job, &folder).or_stop(Exit::Usage)?;
    Ok(Ready { service, configuration, cautions, job, report, judge })
}

/// The service, which may run.
fn service(ready: Ready) -> Result<Arc<Service>, Stopped> {
    let Ready { service: config, configuration, job, report, judge, .. } = ready;
    let (store, cache) = kept(&config).or_stop(Exit::Failed)?;
    let scanner = job.scanner_for(Some(Arc::new(cache)), config.workers.max(1))?;
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = if host.trim().is_empty() { "host".to_owned() } else { host.trim().to_owned() };
    let log = Log::to(std::io::stderr());
    Service::new(Surroundings { config, configuration, store, scanner, report, judge, log, host })
        .or_stop(Exit::Failed)
}

/// What hides and judges findings, as the settings say.
fn judge(job: &mut Job, folder: &Path) -> anyhow::Result<Judge> {
    let files = lists(&job.settings, folder);
    let source = source(&files, job)?;
    let (lists, policy) = job.take_lists();
    let files = files.iter().map(|file| whole(file).display().to_string()).collect();
    Ok(Judge::new(&source, lists, policy).read_from(files))
}

/// The path seen from wherever somebody reads it. What the environment and what is typed name is seen from the working folder.
fn whole(path: &Path) -> PathBuf {
    absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// The same for who judges alike: what stands in the lists and in the rules, and not where they are.
fn source(files: &[PathBuf], job: &Job) -> anyhow::Result<Vec<u8>> {
    let mut source = Vec::new();
    for file in files {
        // What cannot be read ended the start already.
        source.extend(Digest::of(&super::suppress::read(file, LARGEST_BASELINE)?).bytes());
    }
    let mut rules = job.policy.rules().to_vec();
    for rule in &mut rules {
        rule.at = None;
    }
    let settings = &job.settings;
    let inline = !settings.no_ignore && !settings.no_inline_ignore;
    let show_known = settings.fail_on_new || job.policy.asks_for_known();
    source.extend(format!("{inline} {show_known} {rules:?}").into_bytes());
    Ok(source)
}

#[cfg(test)]
mod tests {
    use super::*;

    const IGNORE: &str = "[[ignore]]\nrule = \"jwt\"\nreason = \"of the tests\"\n";

    /// The lists that a service with the configuration in `folder` has, and what it judges by.
    fn judged(folder: &Path, policy: &str, ignore: &str) -> (Vec<PathBuf>, Vec<u8>) {
        let file = folder.join("layersift.toml");
        std::fs::write(&file, policy).unwrap();
        std::fs::write(folder.join(".layersiftignore"), ignore).unwrap();
        let (scans, seen_from) = scans(Some(&file)).unwrap();
        assert_eq!(seen_from, folder);
        let Ok(job) = Job::within(&seen_from, scans, &[], false) else { panic!("it is right") };
        let files = lists(&job.settings, &seen_from);
        let source = source(&files, &job).unwrap();
        (files, source)
    }

    #[test]
    fn lists_beside_the_configuration_count_and_it_does_not_matter_where_it_stands() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let deep = other.path().join("a/b");
        std::fs::create_dir_all(&deep).unwrap();
        let rule = "[[policy.rule]]\nname = \"low\"\naction = \"pass\"\nseverity = \"low\"\n";
        let (files, source) = judged(one.path(), rule, IGNORE);
        assert_eq!(files, [one.path().join(".layersiftignore")]);
        let moved = format!("# Moved.\n\n{rule}");
        assert_eq!(judged(&deep, &moved, IGNORE).1, source);
        assert_ne!(judged(&deep, &moved, &IGNORE.replace("jwt", "aws-*")).1, source);
        assert_ne!(judged(&deep, &moved.replace("pass", "warn"), IGNORE).1, source);
        assert_ne!(judged(&deep, &format!("no-ignore = true\n{moved}"), IGNORE).1, source);
    }
}
