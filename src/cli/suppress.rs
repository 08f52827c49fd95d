//! Reads from the disk what suppresses findings: ignore files and baselines.
//!
//! The ignore file is the nearest one upwards from the working folder, as `layersift.toml` is, unless settings name
//! others. What is named has to be there and has to be right: a list that is passed over would fail a build for findings
//! that somebody had accepted, and one that is misread would let others through.

use std::fs::File;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, anyhow};
use layersift::findings::suppress::{Baseline, Date, Entry, Suppressions, day_of, entries};
use layersift::report::Detail;
use layersift::report::side::Side;
use layersift::secret::FingerprintKey;

use super::exit::{Exit, OrStop, Stopped};
use super::settings::Settings;
use super::terminal::inform;

/// The name of the ignore file.
const FILE: &str = ".layersiftignore";
/// More than anybody reviews.
const LARGEST_LIST: u64 = 16 << 20;
/// A report is a baseline too, and may be large.
pub(crate) const LARGEST_BASELINE: u64 = 1 << 30;
/// More than any report that is compared or judged.
const LARGEST_REPORT: u64 = 512 << 20;

/// What the settings suppress, for a run in `folder`.
pub(crate) fn suppressions(
    settings: &Settings,
    folder: &Path,
    key: &FingerprintKey,
    show_known: bool,
) -> anyhow::Result<Suppressions> {
    let today = today();
    if settings.no_ignore {
        return Ok(Suppressions { inline: false, today, ..Suppressions::default() });
    }
    let mut entries = Vec::new();
    for file in ignore_files(settings, folder) {
        entries.extend(read_entries(&file, folder)?);
        if settings.detail == Detail::Full {
            inform(&format!("what to ignore is taken from {}", file.display()));
        }
    }
    let baselines = settings.baselines.iter().map(|path| baseline(path, folder, key));
    let baselines = baselines.collect::<anyhow::Result<_>>()?;
    Ok(Suppressions { entries, inline: !settings.no_inline_ignore, baselines, show_known, today })
}

/// The baseline, or the report that is taken for one, at `path`.
pub(crate) fn baseline(path: &Path, folder: &Path, key: &FingerprintKey) -> anyhow::Result<Baseline> {
    Ok(Baseline::parse(&shown(path, folder), &read(path, LARGEST_BASELINE)?, key)?)
}

/// The report in the file at `path`; what is none ends the run with `none`.
pub(crate) fn report(path: &Path, none: Exit) -> Result<Side, Stopped> {
    let bytes = read(path, LARGEST_REPORT).or_stop(Exit::Failed)?;
    Side::of_report(&path.display().to_string(), &bytes).or_stop(none)
}

/// The day by the clock of this machine, in UTC.
pub(crate) fn today() -> Date {
    day_of(SystemTime::now())
}

/// The files in which [`suppressions`] finds what they are: ignore files, then baselines.
pub(crate) fn lists(settings: &Settings, folder: &Path) -> Vec<PathBuf> {
    if settings.no_ignore {
        return Vec::new();
    }
    ignore_files(settings, folder).into_iter().chain(settings.baselines.iter().cloned()).collect()
}

pub(crate) fn ignore_files(settings: &Settings, folder: &Path) -> Vec<PathBuf> {
    if !settings.ignore_files.is_empty() {
        return settings.ignore_files.clone();
    }
    let nearest = folder.ancestors().map(|folder| folder.join(FILE)).find(|file| file.is_file());
    nearest.into_iter().collect()
}

fn read_entries(path: &Path, folder: &Path) -> anyhow::Result<Vec<Entry>> {
    let text = String::from_utf8(read(path, LARGEST_LIST)?);
    let text = text.map_err(|_| anyhow!("cannot read {}: it is not UTF-8", path.display()))?;
    Ok(entries(&shown(path, folder), &text)?)
}

/// A file that is no larger than `largest`.
pub(crate) fn read(path: &Path, largest: u64) -> anyhow::Result<Vec<u8>> {
    let read = || {
        let length = File::open(path)?.metadata()?.len();
        if length > largest {
            return Err(io::Error::other(format!("it has {length} bytes, and at most {largest} are read")));
        }
        std::fs::read(path)
    };
    read().with_context(|| format!("cannot read {}", path.display()))
}

/// How a file is named in reports: as seen from the working folder, so that a report is the same on every machine.
pub(crate) fn shown(path: &Path, folder: &Path) -> String {
    for (up, ancestor) in folder.ancestors().enumerate() {
        if let Ok(below) = path.strip_prefix(ancestor)
            && ancestor.components().any(|part| matches!(part, Component::Normal(_)))
        {
            return std::iter::repeat_n(Path::new(".."), up)
                .collect::<PathBuf>()
                .join(below)
                .display()
                .to_string();
        }
    }
    path.display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_from_the_working_folder() {
        let folder = Path::new("/home/me/project/sub");
        for (path, name) in [
            ("/home/me/project/sub/.layersiftignore", ".layersiftignore"),
            ("/home/me/project/.layersiftignore", "../.layersiftignore"),
            ("/home/me/ignore.toml", "../../ignore.toml"),
            ("/etc/ignore.toml", "/etc/ignore.toml"),
            ("ci/ignore.toml", "ci/ignore.toml"),
        ] {
            assert_eq!(shown(Path::new(path), folder), name);
        }
    }

    #[test]
    fn the_nearest_ignore_file_is_read_unless_others_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("a/b");
        std::fs::create_dir_all(&deep).unwrap();
        let entry = |reason: &str| format!("[[ignore]]\nrule = \"*\"\nreason = \"{reason}\"\n");
        std::fs::write(folder.path().join(FILE), entry("nearest")).unwrap();
        std::fs::write(folder.path().join("other"), entry("other")).unwrap();
        let mut settings = Settings::default();
        let reasons = |settings: &Settings| {
            let read = suppressions(settings, &deep, &FingerprintKey::default(), false).unwrap();
            read.entries.into_iter().map(|entry| (entry.at, entry.reason)).collect::<Vec<_>>()
        };
        assert_eq!(reasons(&settings), [("../../.layersiftignore:1".to_owned(), "nearest".to_owned())]);
        settings.ignore_files = vec![folder.path().join("other")];
        assert_eq!(reasons(&settings), [("../../other:1".to_owned(), "other".to_owned())]);
        settings.no_ignore = true;
        assert_eq!(reasons(&settings), []);
        settings = Settings { ignore_files: vec!["/no/such/file".into()], ..Settings::default() };
        assert!(suppressions(&settings, &deep, &FingerprintKey::default(), false).is_err());
    }
}
