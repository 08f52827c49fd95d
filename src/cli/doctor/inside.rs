//! What is the program's own: its version, its settings, rules, lists and cache.

use std::env::{consts, current_dir, current_exe, var_os};
use std::path::PathBuf;

use layersift::findings::suppress::Suppressions;
use layersift::scan::cache::Cache;
use layersift::signature::RuleSet;

use super::{Patient, Row};
use crate::cli::cache::folder;
use crate::cli::config::{Said, said};
use crate::cli::policy::policy as effective_policy;
use crate::cli::ruleset::effective;
use crate::cli::suppress::{ignore_files, suppressions};

pub(super) fn program(_: &Patient<'_>) -> Vec<Row> {
    let build = if cfg!(debug_assertions) { "debug build, which is slow" } else { "release build" };
    let version = format!("{}, {} {}, {build}", env!("CARGO_PKG_VERSION"), consts::OS, consts::ARCH);
    let program = current_exe().map_or_else(|error| error.to_string(), |path| path.display().to_string());
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    vec![
        Row::fine("version", version),
        Row::fine("program", program),
        Row::fine("threads", format!("{cores} cores; --jobs takes fewer")),
    ]
}

pub(super) fn settings(patient: &Patient<'_>) -> Vec<Row> {
    let mut rows = vec![match &patient.config.file {
        Some(file) => Row::fine("file", file.display().to_string()),
        None => Row::absent("file", "no layersift.toml here or above"),
    }];
    for Said { name, by, adds_up } in said(patient.config, patient.flags) {
        let (last, others) =
            by.split_last().map_or((String::new(), &by[..0]), |(last, others)| (last.clone(), others));
        rows.push(Row::fine(
            name,
            match (others, adds_up) {
                ([], _) => format!("from {last}"),
                (_, true) => format!("from {}, which add up", by.join(" and ")),
                (others, false) => format!("from {last}, which wins over {}", others.join(" and ")),
            },
        ));
    }
    // What is only ever in the environment, and never shown.
    for name in ["LAYERSIFT_FINGERPRINT_KEY", "LAYERSIFT_PASSWORD"] {
        if var_os(name).is_some_and(|value| !value.is_empty()) {
            rows.push(Row::fine(name, "is set"));
        }
    }
    rows
}

pub(super) fn rules(patient: &Patient<'_>) -> Vec<Row> {
    let settings = &patient.config.settings;
    let embedded = RuleSet::embedded().rules().len();
    let mut rows = vec![match effective(settings) {
        Ok(rules) => {
            let disabled = rules.disabled().len();
            let of =
                format!("{} in use, {disabled} disabled; {embedded} are the program's", rules.rules().len());
            Row::fine("rules", of)
        }
        Err(error) => {
            Row::broken("rules", format!("{error:#}"), "mend the file, or name another with --rules")
        }
    }];
    rows.extend(settings.rules.iter().map(|path| Row::fine("own rules", path.display().to_string())));
    rows
}

pub(super) fn policy(patient: &Patient<'_>) -> Vec<Row> {
    let settings = &patient.config.settings;
    let mut rows = vec![match effective_policy(settings) {
        Ok(policy) => {
            let rules = policy.rules().len();
            let told = format!("{rules} in order; `layersift policy show` lists them");
            Row::fine("rules", if rules == 1 { "every finding fails".to_owned() } else { told })
        }
        Err(error) => {
            Row::broken("rules", format!("{error:#}"), "write a baseline, or leave --fail-on-new out")
        }
    }];
    let folder = current_dir().unwrap_or_default();
    let files = ignore_files(settings, &folder);
    rows.push(match suppressions(settings, &folder, &patient.config.fingerprint_key, false) {
        Ok(lists) => Row::fine("ignored", lists_found(&files, &lists)),
        Err(error) => Row::broken("ignored", format!("{error:#}"), "mend the file, or scan with --no-ignore"),
    });
    rows
}

fn lists_found(files: &[PathBuf], lists: &Suppressions) -> String {
    let files = match files {
        [] => "no ignore file".to_owned(),
        files => files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(", "),
    };
    let expired =
        lists.entries.iter().filter(|entry| entry.expires.is_some_and(|last| lists.today > last)).count();
    let known: usize = lists.baselines.iter().map(|baseline| baseline.items().len()).sum();
    let baselines: Vec<_> = lists.baselines.iter().map(|baseline| baseline.name().to_owned()).collect();
    let baselines = if baselines.is_empty() {
        "no baseline".to_owned()
    } else {
        format!("{known} known in {}", baselines.join(", "))
    };
    format!("{files}: {} entries, {expired} of them expired; {baselines}", lists.entries.len())
}

pub(super) fn cache(patient: &Patient<'_>) -> Vec<Row> {
    let settings = &patient.config.settings;
    if settings.no_cache {
        return vec![Row::absent("cache", "not used: --no-cache, or that setting")];
    }
    let Some(folder) = folder(settings) else {
        return vec![Row::absent("cache", "no folder for one: set XDG_CACHE_HOME or HOME, or --cache-dir")];
    };
    let remedy = "make the folder writable, name another with --cache-dir, or scan with --no-cache";
    match Cache::open(&folder) {
        Ok(cache) => {
            let stats = cache.stats().unwrap_or_default();
            let found = format!("{}: {} reports, {} bytes", folder.display(), stats.reports, stats.bytes);
            match cache.notices().first() {
                None => vec![Row::fine("cache", found)],
                Some(notice) => vec![Row::broken("cache", format!("{found}; {notice}"), remedy)],
            }
        }
        Err(error) => vec![Row::broken("cache", error.to_string(), remedy)],
    }
}
