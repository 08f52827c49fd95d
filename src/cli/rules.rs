//! `layersift rules`: list, show, check.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::anyhow;
use layersift::scan;
use layersift::signature::{Disabled, Find, Part, PartShape, Rule, RuleSet, Shape};
use serde_json::{Value, json};

use super::args::{Look, RulesCommand};
use super::config::configured;
use super::exit::{Exit, OrStop, Stopped};
use super::import;
use super::output::Output;
use super::ruleset::{effective, rule_files, texts};
use super::terminal::{complain, inform};

pub(crate) fn run(command: &RulesCommand) -> Result<Exit, Stopped> {
    match command {
        RulesCommand::List { look } => {
            let rules = rules(look).or_stop(Exit::Usage)?;
            let write =
                |out: &mut dyn Write| if look.is_json() { list_json(out, &rules) } else { list(out, &rules) };
            Output::Stdout.write(write).or_stop(Exit::Failed)?;
        }
        RulesCommand::Show { id, look } => {
            let rules = rules(look).or_stop(Exit::Usage)?;
            let (rule, by) = named(&rules, id).or_stop(Exit::Usage)?;
            let write = |out: &mut dyn Write| {
                if look.is_json() { pretty(out, &whole(rule, by)) } else { show(out, rule, by) }
            };
            Output::Stdout.write(write).or_stop(Exit::Failed)?;
        }
        RulesCommand::Import { files, output } => return import::run(files, output.as_deref()),
        RulesCommand::Check { paths } if paths.is_empty() => return check(&RuleSet::embedded()),
        RulesCommand::Check { paths } => {
            let files = rule_files(paths).or_stop(Exit::Failed)?;
            let rules = surroundings(paths, &files).extended(texts(&files)).or_stop(Exit::Findings)?;
            return check(&Arc::new(rules));
        }
    }
    Ok(Exit::Clean)
}

impl Look {
    fn is_json(&self) -> bool {
        self.format == "json"
    }
}

/// The rules that a scan with these settings would use.
fn rules(look: &Look) -> anyhow::Result<Arc<RuleSet>> {
    effective(&configured(look.config.as_deref(), &look.settings.0)?.settings)
}

/// The rule, and what disables it.
pub(crate) fn named<'r>(rules: &'r RuleSet, id: &str) -> anyhow::Result<(&'r Rule, Option<&'r str>)> {
    let disabled = || rules.disabled().iter().find(|disabled| disabled.rule.id() == id);
    let found = rules.named(id).map(|rule| (rule, None));
    found.or_else(|| disabled().map(|Disabled { rule, by }| (rule, Some(by.as_str())))).ok_or_else(|| {
        let remedy = match layersift::signature::nearest(id, rules.rules().iter().map(Rule::id)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "`layersift rules list` names them".to_owned(),
        };
        anyhow!("there is no rule `{id}`: {remedy}")
    })
}

/// The rules that files are checked against: those of the program, but for what the files are a newer form of. That is a
/// file of the same name that has rules of the same ids.
fn surroundings(paths: &[PathBuf], files: &[(String, String)]) -> RuleSet {
    let embedded = RuleSet::embedded();
    let mut newer = Vec::new();
    for (path, text) in texts(files) {
        let Some(name) = Path::new(path).file_name().and_then(|name| name.to_str()) else { continue };
        let alone = match RuleSet::parse([(path, text)]) {
            Ok(alone) => alone,
            Err(error) => {
                if embedded.rules().iter().any(|rule| rule.file() == name) {
                    inform(&format!(
                        "{name} is checked beside the rules of that name in this program: {error}"
                    ));
                }
                continue;
            }
        };
        let older = |rule: &Rule| embedded.named(rule.id()).is_some_and(|older| older.file() == name);
        if alone.rules().iter().any(older) {
            newer.push(name);
        }
    }
    if let [name, ..] = newer[..] {
        let what = if paths.len() == 1 && newer.len() > 1 {
            paths[0].display().to_string()
        } else {
            name.to_owned()
        };
        inform(&format!("{what} is checked in place of the rules of that name in this program"));
    }
    embedded.retained(|rule| !newer.contains(&rule.file()))
}

/// Says what is wrong with the rules, or how many are right.
fn check(rules: &Arc<RuleSet>) -> Result<Exit, Stopped> {
    let checked = scan::check(rules);
    for note in &checked.notes {
        inform(&note.to_string());
    }
    for complaint in &checked.wrong {
        complain(&complaint.to_string());
    }
    if !checked.wrong.is_empty() {
        return Ok(Exit::Findings);
    }
    let unproven = if checked.notes.is_empty() { "" } else { ", as far as their examples go" };
    let message = match checked.count {
        1 => "1 rule is right".to_owned(),
        count => format!("{count} rules are right"),
    };
    Output::Stdout.write(|out| writeln!(out, "{message}{unproven}")).or_stop(Exit::Failed)?;
    Ok(Exit::Clean)
}

/// Every rule with what disables it, in the order of their ids.
fn all(rules: &RuleSet) -> Vec<(&Rule, Option<&str>)> {
    let disabled = rules.disabled().iter().map(|Disabled { rule, by }| (rule, Some(by.as_str())));
    let mut all: Vec<_> = rules.rules().iter().map(|rule| (rule, None)).chain(disabled).collect();
    all.sort_by_key(|(rule, _)| rule.id());
    all
}

fn list(out: &mut dyn Write, rules: &RuleSet) -> io::Result<()> {
    let all = all(rules);
    let width = all.iter().map(|(rule, _)| rule.id().len()).max().unwrap_or(0);
    for (rule, by) in all {
        let (severity, confidence) = (rule.severity().as_str(), rule.confidence().as_str());
        write!(out, "{:width$}  {severity:8}  {confidence:9}  {}", rule.id(), rule.name())?;
        match (by, rule.is_embedded()) {
            (Some(by), _) => writeln!(out, "  [disabled by {by}]")?,
            (None, false) => writeln!(out, "  [{}]", rule.file())?,
            (None, true) => writeln!(out)?,
        }
    }
    Ok(())
}

fn list_json(out: &mut dyn Write, rules: &RuleSet) -> io::Result<()> {
    let all: Vec<Value> = all(rules).into_iter().map(|(rule, by)| brief(rule, by)).collect();
    pretty(out, &json!({ "fingerprint": rules.fingerprint().to_string(), "rules": all }))
}

fn pretty(out: &mut dyn Write, value: &Value) -> io::Result<()> {
    writeln!(out, "{value:#}")
}

/// What a list says of a rule.
fn brief(rule: &Rule, by: Option<&str>) -> Value {
    json!({
        "id": rule.id(),
        "name": rule.name(),
        "provider": rule.provider(),
        "severity": rule.severity(),
        "confidence": rule.confidence(),
        "file": if rule.is_embedded() { None } else { Some(rule.file()) },
        "extends": rule.extends(),
        "disabled_by": by,
    })
}

/// All that is known of a rule.
fn whole(rule: &Rule, by: Option<&str>) -> Value {
    let mut all = brief(rule, by);
    let finds: Vec<Value> = rule
        .finds()
        .iter()
        .map(|find| {
            let Find { text, secret, encoded, path, parts } = find;
            json!({ "text": text, "secret": secret, "encoded": encoded, "path": path, "parts": parts })
        })
        .collect();
    let ignores = rule
        .ignores()
        .iter()
        .map(|ignore| json!({ "text": ignore.text, "path": ignore.path, "why": ignore.why }));
    all["why"] = json!(rule.why());
    all["revoke"] = json!(rule.revoke());
    all["source"] = json!(rule.source());
    match rule.shape() {
        Shape::Pattern(pattern) => all["pattern"] = json!(pattern),
        Shape::Keyed { words, and, .. } => {
            all["words"] = json!(words);
            all["and"] = json!(and);
        }
        Shape::Fields => {}
    }
    if !matches!(rule.shape(), Shape::Pattern(_)) || !rule.asked().is_empty() {
        all["value"] = json!(rule.value());
    }
    all["judged"] = json!(rule.judged());
    let fields = rule.asked().iter().map(|asked| format!("{}.{}", asked.structure.name, asked.field));
    all["fields"] = json!(fields.collect::<Vec<_>>());
    all["checksum"] = json!(rule.checksum().map(|checksum| checksum.name));
    all["entropy"] = json!(rule.entropy());
    all["path"] = json!(rule.path());
    all["also"] = json!(rule.also());
    all["placed"] = json!(rule.placed());
    all["public"] = json!(rule.public());
    let part = |part: &Part| json!({ "name": part.name, "rule": part.rule(), "pattern": part.pattern() });
    all["parts"] = rule.parts().iter().map(part).collect();
    all["finds"] = json!(finds);
    all["ignores"] = json!(ignores.collect::<Vec<_>>());
    let allow = rule.allow().iter().map(|allow| {
        json!({
            "why": allow.why, "all": allow.all, "secret": allow.secret, "match": allow.matched, "line": allow.line,
            "path": allow.path, "words": allow.words,
        })
    });
    all["allow"] = json!(allow.collect::<Vec<_>>());
    all["unproven"] = json!(rule.unproven());
    all
}

fn show(out: &mut dyn Write, rule: &Rule, by: Option<&str>) -> io::Result<()> {
    let mut line = |key: &str, value: &str| writeln!(out, "{key:11} {value}");
    line("id", rule.id())?;
    line("name", rule.name())?;
    line("provider", rule.provider())?;
    line("severity", rule.severity().as_str())?;
    line("confidence", rule.confidence().as_str())?;
    if !rule.is_embedded() {
        line("file", rule.file())?;
    }
    if let Some(base) = rule.extends() {
        line("extends", base)?;
    }
    if let Some(by) = by {
        line("disabled by", by)?;
    }
    line("why", rule.why())?;
    line("revoke", rule.revoke().unwrap_or("-"))?;
    match rule.shape() {
        Shape::Pattern(pattern) => line("pattern", pattern)?,
        Shape::Keyed { words, and, value, .. } => {
            line("words", &words.join(", "))?;
            line("and", &and.join(", "))?;
            line("value", value)?;
        }
        Shape::Fields => rule.value().map_or(Ok(()), |value| line("value", value))?,
    }
    for asked in rule.asked() {
        line("field", &format!("{}.{} ({})", asked.structure.name, asked.field, asked.structure.about))?;
    }
    line("checksum", rule.checksum().map_or("-", |checksum| checksum.name))?;
    if let Some(entropy) = rule.entropy() {
        line("entropy", &format!("{entropy} bits a character or more"))?;
    }
    if let Some(path) = rule.path() {
        line("path", path)?;
    }
    if !rule.also().is_empty() {
        line("also", &rule.also().join(", "))?;
    }
    if let Some(source) = rule.source() {
        line("source", source)?;
    }
    for part in rule.parts() {
        let of = match &part.shape {
            PartShape::Rule(id) => format!("{}, which {id} finds", part.name),
            PartShape::Pattern(pattern) => format!("{}: {pattern}", part.name),
        };
        line("part", &of)?;
    }
    for find in rule.finds() {
        line("finds", &find.text)?;
    }
    for ignore in rule.ignores() {
        line("ignores", &format!("{} ({})", ignore.text, ignore.why))?;
    }
    for allow in rule.allow() {
        let all = if allow.all { "all of " } else { "" };
        let patterns: Vec<&str> = allow.patterns().chain(allow.words.iter().map(String::as_str)).collect();
        line("allow", &format!("{all}{} ({})", patterns.join(", "), allow.why))?;
    }
    if let Some(why) = rule.unproven() {
        line("unproven", why)?;
    }
    Ok(())
}
