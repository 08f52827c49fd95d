//! The rules that a run uses: those of the program, those of the user's files on top, and the choice among them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use layersift::signature::RuleSet;

use super::settings::Settings;

/// Bytes that one rule file may have.
const LARGEST: u64 = 16 << 20;

/// What the settings ask for.
pub(crate) fn effective(settings: &Settings) -> anyhow::Result<Arc<RuleSet>> {
    let mut rules = RuleSet::embedded();
    if !settings.rules.is_empty() {
        let files = rule_files(&settings.rules)?;
        rules = Arc::new(rules.extended(texts(&files))?);
    }
    let choice = &settings.choice;
    if !choice.only.is_empty() || !choice.disable.is_empty() || rules.rules().is_empty() {
        rules = Arc::new(rules.chosen(choice)?);
    }
    Ok(rules)
}

/// Name and text of every rule file of `paths`, which are files or folders.
pub(crate) fn rule_files(paths: &[PathBuf]) -> anyhow::Result<Vec<(String, String)>> {
    let mut files = Vec::new();
    for path in paths {
        for path in expanded(path)? {
            let text = read(&path).with_context(|| format!("cannot read the rules in {}", path.display()))?;
            files.push((path.display().to_string(), text));
        }
    }
    Ok(files)
}

/// The files as the library wants them.
pub(crate) fn texts(files: &[(String, String)]) -> impl Iterator<Item = (&str, &str)> + Clone {
    files.iter().map(|(name, text)| (name.as_str(), text.as_str()))
}

/// The file, or the rule files of the folder in the order of their names.
fn expanded(path: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let entries = fs::read_dir(path).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let entries = entries.with_context(|| format!("cannot read the rules in {}", path.display()))?;
    let mut paths: Vec<_> = entries.into_iter().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    paths.sort();
    if paths.is_empty() {
        bail!("there is no rule file (*.toml) in {}", path.display());
    }
    Ok(paths)
}

/// The text of a rule file.
pub(crate) fn read(path: &Path) -> anyhow::Result<String> {
    let length = fs::metadata(path)?.len();
    if length > LARGEST {
        bail!("it has {length} bytes, and a rule file at most {LARGEST}");
    }
    Ok(fs::read_to_string(path)?)
}
