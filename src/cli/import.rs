//! `layersift rules import`: rules of other scanners' configurations, as a rule file.
//!
//! What was imported is tried at once, on top of the rules of this program: rules that claim the same text are made to
//! say so, and examples that do not hold are taken away, so that `layersift rules check` has nothing to say of the file.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, anyhow};
use layersift::matcher;
use layersift::signature::RuleSet;
use layersift::signature::import::{Import, import};

use super::exit::{Exit, OrStop, Stopped};
use super::interrupt::Interrupt;
use super::output::Output;
use super::ruleset::read;
use super::terminal::{inform, warn};

/// Times that a file is tried and corrected; each correction leaves less to correct.
const ROUNDS: usize = 4;

/// Imports `files` into `output`, or writes to standard output.
pub(crate) fn run(files: &[PathBuf], output: Option<&Path>) -> Result<Exit, Stopped> {
    let files =
        files.iter().map(|path| named(path)).collect::<anyhow::Result<Vec<_>>>().or_stop(Exit::Failed)?;
    let mut imported = import(&files, &|path, from| load(path, from)).or_stop(Exit::Usage)?;
    let settled = settle(&mut imported).or_stop(Exit::Failed)?;
    let text = imported.to_toml();
    let output = Output::open(output, false, &Interrupt::listen()).or_stop(Exit::Failed)?;
    output.write(|out| out.write_all(text.as_bytes())).or_stop(Exit::Failed)?;
    if !settled {
        warn(
            "the rules still contradict each other or those of this program: `layersift rules check` says where",
        );
    }
    let told = tell(&imported);
    Ok(if settled { told } else { Exit::Partial })
}

fn named(path: &Path) -> anyhow::Result<(String, String)> {
    let text = read(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok((path.display().to_string(), text))
}

/// A file that another one names: beside that one, or from the working folder, where its own program looks.
fn load(path: &str, from: &str) -> Result<(String, String), String> {
    let beside = Path::new(from).parent().unwrap_or(Path::new("")).join(path);
    let found = if beside.is_file() { beside } else { PathBuf::from(path) };
    read(&found).map(|text| (found.display().to_string(), text)).map_err(|error| format!("{error:#}"))
}

/// Tries the rules and takes back what does not hold. Whether nothing is left to correct.
fn settle(imported: &mut Import) -> anyhow::Result<bool> {
    for _ in 0..ROUNDS {
        let text = imported.to_toml();
        let rules = RuleSet::embedded().extended([("the imported rules", text.as_str())]);
        let rules =
            rules.map_err(|error| anyhow!("{error}: this is a mistake of layersift; please report it"))?;
        let checked = matcher::check(&Arc::new(rules));
        if checked.wrong.is_empty() {
            return Ok(true);
        }
        for complaint in &checked.wrong {
            match &complaint.rival {
                Some(rival) => imported.share(&complaint.rule, rival),
                None => imported
                    .unproven(&complaint.rule, "the examples that were made from its pattern do not hold"),
            }
        }
    }
    Ok(false)
}

/// Says what became of the rules.
fn tell(imported: &Import) -> Exit {
    for note in imported.notes() {
        warn(&note.to_string());
    }
    let left_out = imported.notes().iter().filter(|note| note.left_out).count();
    inform(&format!(
        "{} imported, {} of them changed, {} without examples; {left_out} left out",
        match imported.count() {
            1 => "1 rule".to_owned(),
            count => format!("{count} rules"),
        },
        imported.changed(),
        imported.without_examples(),
    ));
    if left_out > 0 { Exit::Partial } else { Exit::Clean }
}
