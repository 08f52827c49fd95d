//! `layersift serve` and `layersift worker`: the configuration becomes a service, which runs until it is told to stop.

use std::env::{current_dir, var_os};
use std::net::TcpListener;
use std::path::{Path, PathBuf, absolute};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, anyhow};
use layersift::digest::Digest;
use layersift::report::ReportOptions;
use layersift::scan::cache::Cache;
use layersift::serve::config::{Config, Faults, Table};
use layersift::serve::judge::Judge;
use layersift::serve::log::Log;
use layersift::serve::store::{Store, Tables};
use layersift::serve::{ServeError, Service, Surroundings};
use layersift::source::Input;
use serde::Deserialize;

use super::args::{ServeArgs, ServiceArgs};
use super::config::{Config as Scans, Origins, configured, merge, read};
use super::exit::{Exit, OrStop, Stopped};
use super::formats::Styles;
use super::output::Output;
use super::scan::Job;
use super::suppress::{LARGEST_BASELINE, lists};

/// How often a request is made again while a worker waits for it: what fails then is tried again by the queue.
const RETRIES: u32 = 2;

/// The file with the database, in the folder of the service.
const DATABASE: &str = "service-1.sqlite";
/// The folder with what layers yielded, there.
const LAYERS: &str = "layers";

pub(crate) fn run(args: &ServeArgs) -> Result<Exit, Stopped> {
    let asked = asked(&args.service, args.listen.as_deref())?;
    if asked.service.hooks.is_empty() {
        return Err(anyhow!(
            "serve.hook: nobody could tell the service anything; name a hook, with [[serve.hook]]"
        ))
        .or_stop(Exit::Usage);
    }
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
    let service = service(ready(asked(args, None)?)?)?;
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
    /// Where everything is seen from, so that processes with one configuration do the same wherever they begin: the folder
    /// of the file.
    folder: PathBuf,
}

fn asked(args: &ServiceArgs, listen: Option<&str>) -> Result<Asked, Stopped> {
    let (scans, folder) = scans(args.config.as_deref()).or_stop(Exit::Usage)?;
    let table = scans.file.as_deref().map(table).transpose().or_stop(Exit::Usage)?.unwrap_or_default();
    let service = config(args, listen, table)?;
    Ok(Asked { scans, service, folder })
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

/// What `table`, the environment and what was typed say of the service.
fn config(args: &ServiceArgs, listen: Option<&str>, table: Table) -> Result<Config, Stopped> {
    let variable = |name: &str| var_os(name).filter(|value| !value.is_empty());
    let text = |name: &str| variable(name).and_then(|value| value.into_string().ok());
    let table = Table {
        listen: listen.map(str::to_owned).or_else(|| text("LAYERSIFT_LISTEN")).or(table.listen),
        database: text("LAYERSIFT_DATABASE").or(table.database),
        data: args.data.clone().or_else(|| variable("LAYERSIFT_DATA").map(Into::into)).or(table.data),
        workers: args.workers.or(table.workers),
        ..table
    };
    table.check(&variable).map_err(|Faults(faults)| anyhow!("{}", faults.join("\n"))).or_stop(Exit::Usage)
}

fn table(file: &Path) -> anyhow::Result<Table> {
    let text = read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let parsed: Result<File, _> = toml::from_str(&text);
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
    job: Job,
    report: ReportOptions,
    judge: Judge,
}

fn ready(asked: Asked) -> Result<Ready, Stopped> {
    let Asked { scans, service, folder } = asked;
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
    Ok(Ready { service, job, report, judge })
}

/// The service, which may run.
fn service(ready: Ready) -> Result<Arc<Service>, Stopped> {
    let Ready { service: config, job, report, judge } = ready;
    let (store, cache) = kept(&config).or_stop(Exit::Failed)?;
    let scanner = job.scanner_for(Some(Arc::new(cache)), config.workers.max(1))?;
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = if host.trim().is_empty() { "host".to_owned() } else { host.trim().to_owned() };
    let log = Log::to(std::io::stderr());
    Service::new(Surroundings { config, store, scanner, report, judge, log, host }).or_stop(Exit::Failed)
}

/// What hides and judges findings, as the settings say.
fn judge(job: &mut Job, folder: &Path) -> anyhow::Result<Judge> {
    let files = lists(&job.settings, folder);
    let source = source(&files, job)?;
    let (lists, policy) = job.take_lists();
    let files = files.iter().map(|file| file.display().to_string()).collect();
    Ok(Judge::new(&source, lists, policy).read_from(files))
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
