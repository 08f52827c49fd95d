//! `layersift rules`: list, show, check.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, anyhow};
use layersift::matcher;
use layersift::signature::{Rule, RuleSet, Shape};

use super::args::RulesCommand;
use super::exit::{Exit, OrStop, Stopped};
use super::output::Output;
use super::terminal::complain;

pub(crate) fn run(command: &RulesCommand) -> Result<Exit, Stopped> {
    match command {
        RulesCommand::List => {
            let rules = RuleSet::embedded();
            Output::Stdout.write(|out| list(out, rules.rules())).or_stop(Exit::Failed)?;
        }
        RulesCommand::Show { id } => {
            let rules = RuleSet::embedded();
            let unknown = || anyhow!("there is no rule `{id}`: `layersift rules list` names them");
            let rule = rules.named(id).ok_or_else(unknown).or_stop(Exit::Usage)?;
            Output::Stdout.write(|out| show(out, rule)).or_stop(Exit::Failed)?;
        }
        RulesCommand::Check { path: None } => return check(&RuleSet::embedded()),
        RulesCommand::Check { path: Some(path) } => {
            let files = files(path).or_stop(Exit::Failed)?;
            let files = files.iter().map(|(name, text)| (name.as_str(), text.as_str()));
            return check(&Arc::new(RuleSet::parse(files).or_stop(Exit::Findings)?));
        }
    }
    Ok(Exit::Clean)
}

/// Name and text of a rule file, or of every one of a folder.
fn files(path: &Path) -> anyhow::Result<Vec<(String, String)>> {
    let mut paths = vec![path.to_owned()];
    if path.is_dir() {
        let entries = fs::read_dir(path).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        let entries = entries.with_context(|| format!("cannot read {}", path.display()))?;
        paths = entries.into_iter().map(|entry| entry.path()).collect();
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
        paths.sort();
        if paths.is_empty() {
            return Err(anyhow!("there is no rule file (*.toml) in {}", path.display()));
        }
    }
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok((path.display().to_string(), text))
    };
    paths.into_iter().map(read).collect()
}

/// Says what is wrong with the rules, or how many are right.
fn check(rules: &Arc<RuleSet>) -> Result<Exit, Stopped> {
    let complaints = matcher::check(rules);
    for complaint in &complaints {
        complain(&complaint.to_string());
    }
    if !complaints.is_empty() {
        return Ok(Exit::Findings);
    }
    let message = match rules.rules().len() {
        1 => "1 rule is right".to_owned(),
        count => format!("{count} rules are right"),
    };
    Output::Stdout.write(|out| writeln!(out, "{message}")).or_stop(Exit::Failed)?;
    Ok(Exit::Clean)
}

fn list(out: &mut dyn Write, rules: &[Rule]) -> io::Result<()> {
    let width = rules.iter().map(|rule| rule.id().len()).max().unwrap_or(0);
    for rule in rules {
        let (severity, confidence) = (rule.severity().as_str(), rule.confidence().as_str());
        writeln!(out, "{:width$}  {severity:8}  {confidence:9}  {}", rule.id(), rule.name())?;
    }
    Ok(())
}

fn show(out: &mut dyn Write, rule: &Rule) -> io::Result<()> {
    let mut line = |key: &str, value: &str| writeln!(out, "{key:11} {value}");
    line("id", rule.id())?;
    line("name", rule.name())?;
    line("provider", rule.provider())?;
    line("severity", rule.severity().as_str())?;
    line("confidence", rule.confidence().as_str())?;
    line("why", rule.why())?;
    line("revoke", rule.revoke().unwrap_or("-"))?;
    match rule.shape() {
        Shape::Pattern(pattern) => line("pattern", pattern)?,
        Shape::Keyed { words, and, value, .. } => {
            line("words", &words.join(", "))?;
            line("and", &and.join(", "))?;
            line("value", value)?;
        }
    }
    line("checksum", rule.checksum().map_or("-", |checksum| checksum.name))?;
    if let Some(entropy) = rule.entropy() {
        line("entropy", &format!("{entropy} bits a character or more"))?;
    }
    if let Some(path) = rule.path() {
        line("path", path)?;
    }
    if let Some(source) = rule.source() {
        line("source", source)?;
    }
    for find in rule.finds() {
        line("finds", &find.text)?;
    }
    for ignore in rule.ignores() {
        line("ignores", &format!("{} ({})", ignore.text, ignore.why))?;
    }
    Ok(())
}
