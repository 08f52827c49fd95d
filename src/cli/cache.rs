//! `layersift cache`, and where the cache is: in the folder for such things of the user, unless a setting names another.

use std::env::var_os;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::anyhow;
use layersift::report::Detail;
use layersift::scan::cache::{Cache, Kept, Stats};
use serde_json::json;

use super::args::{CacheArgs, CacheCommand};
use super::config::configured;
use super::exit::{Exit, OrStop, Stopped};
use super::output::Output;
use super::settings::Settings;
use super::terminal::warn;
use super::values::size;

const DAY: u64 = 24 * 60 * 60;

pub(crate) fn run(args: &CacheArgs) -> Result<Exit, Stopped> {
    let typed = args.cache_dir.as_ref().map(|folder| ("cache-dir", folder.display().to_string()));
    let typed: Vec<_> = typed.into_iter().collect();
    let settings = configured(args.config.as_deref(), &typed).or_stop(Exit::Usage)?.settings;
    let nowhere = || anyhow!("there is no folder for a cache: name one with --cache-dir");
    let folder = folder(&settings).ok_or_else(nowhere).or_stop(Exit::Usage)?;
    if let CacheCommand::Clear = args.command {
        Cache::clear(&folder).or_stop(Exit::Failed)?;
        return Ok(Exit::Clean);
    }
    let cache = Cache::open(&folder).or_stop(Exit::Failed)?;
    match &args.command {
        CacheCommand::Stats { format } => {
            let stats = cache.stats().unwrap_or_default();
            let file = Cache::file(&folder).display().to_string();
            Output::Stdout.write(|out| write_stats(out, &file, &stats, format)).or_stop(Exit::Failed)?;
        }
        CacheCommand::Prune { max_age, max_size } => {
            let default = Kept::default();
            let age = max_age.map_or(default.age, |days| Duration::from_secs(days.saturating_mul(DAY)));
            let bytes = max_size.as_deref().map(size).transpose();
            let bytes = bytes.map_err(|error| anyhow!("--max-size: {error}")).or_stop(Exit::Usage)?;
            let removed = cache.prune(&Kept { age, bytes: bytes.unwrap_or(default.bytes) });
            let told = match removed {
                1 => "1 report was removed".to_owned(),
                removed => format!("{removed} reports were removed"),
            };
            Output::Stdout.write(|out| writeln!(out, "{told}")).or_stop(Exit::Failed)?;
        }
        CacheCommand::Clear => {}
    }
    Ok(if tell(&cache) { Exit::Clean } else { Exit::Failed })
}

/// The cache of a scan, unless there is none or it has to show the credentials, of which the cache knows no text.
pub(crate) fn open(settings: &Settings, show_secrets: bool) -> Option<Arc<Cache>> {
    if settings.no_cache || show_secrets {
        return None;
    }
    match Cache::open(&folder(settings)?) {
        Ok(cache) => Some(Arc::new(cache)),
        Err(error) => {
            if settings.detail > Detail::Brief {
                warn(&format!("{error}; everything is scanned anew (--no-cache says so in silence)"));
            }
            None
        }
    }
}

/// Says what went wrong with the cache, and keeps it from growing without end.
pub(crate) fn settle(cache: &Cache) {
    cache.prune(&Kept::default());
    tell(cache);
}

/// Says what went wrong; returns whether nothing did.
fn tell(cache: &Cache) -> bool {
    let notices = cache.notices();
    for notice in &notices {
        warn(notice);
    }
    notices.is_empty()
}

/// The folder of the cache (XDG Base Directory Specification): none if nothing says where it could be.
pub(crate) fn folder(settings: &Settings) -> Option<PathBuf> {
    if let Some(folder) = &settings.cache_dir {
        return Some(folder.clone());
    }
    let absolute = |name: &str| var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let caches = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")));
    caches.map(|caches| caches.join("layersift"))
}

fn write_stats(out: &mut dyn Write, file: &str, stats: &Stats, format: &str) -> std::io::Result<()> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let days = stats.oldest.map(|oldest| now.saturating_sub(oldest) / DAY);
    let Stats { reports, bytes, images, .. } = stats;
    if format == "json" {
        let stats =
            json!({"file": file, "reports": reports, "bytes": bytes, "images": images, "oldest_days": days});
        return writeln!(out, "{stats}");
    }
    writeln!(out, "file     {file}")?;
    writeln!(out, "reports  {reports}")?;
    writeln!(out, "bytes    {bytes}")?;
    writeln!(out, "images   {images}")?;
    match days {
        Some(days) => writeln!(out, "oldest   used {days} days ago"),
        None => Ok(()),
    }
}
