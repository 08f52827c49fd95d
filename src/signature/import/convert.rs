//! One rule there, one rule here, with a note for whatever is not the same.

use std::collections::BTreeSet;

use regex_syntax::hir::{Hir, HirKind};

use super::super::automaton::compile_pattern;
use super::super::literal::{always_has, derive};
use super::super::pattern::parse_pattern;
use super::super::{Allow, Confidence, RuleSet};
use super::gitleaks::{Allowlist, Rule};
use super::go_regex::translate;
use super::{Import, Imported, Note, example, filter};

/// Which rules a shared list is for.
#[derive(Clone, Copy)]
pub(super) struct Reach<'r> {
    /// Each imported rule's id there and here.
    pub(super) own: &'r [(String, String)],
    /// Whether the rules of this program stand in for those that the list was for as well.
    pub(super) all: bool,
    /// Whether there are no other imported rules.
    pub(super) alone: bool,
}

/// Imports a rule, or notes why it is left out.
pub(super) fn rule(import: &mut Import, rule: &Rule, place: &str) {
    let mut changes = Vec::new();
    let id = if rule.id.is_empty() { &rule.description } else { &rule.id };
    let note = |left_out: bool, message: String| Note {
        place: place.to_owned(),
        rule: Some(id.clone()),
        left_out,
        message,
    };
    match converted(rule, &mut changes) {
        Ok(mut imported) => {
            imported.from.clone_from(id);
            if imported.extends.is_none() {
                imported.id = free_id(import, id, &mut changes, &mut imported.also);
                imported.source = Some(source(rule, place));
                example::give(&mut imported);
            }
            import.notes.extend(changes.into_iter().map(|message| note(false, message)));
            import.rules.push(imported);
        }
        Err(reason) => import.notes.push(note(true, reason)),
    }
}

fn source(rule: &Rule, place: &str) -> String {
    let file = place.rsplit_once(':').map_or(place, |(file, _)| file);
    let file = file.rsplit(['/', '\\']).next().unwrap_or(file);
    if rule.tags.is_empty() {
        format!("imported from {file}")
    } else {
        format!("imported from {file}; tags: {}", rule.tags.join(", "))
    }
}

/// An id that nobody has yet.
fn free_id(import: &Import, id: &str, changes: &mut Vec<String>, also: &mut BTreeSet<String>) -> String {
    let wanted = kebab(id);
    let embedded = RuleSet::embedded();
    let taken = |id: &str| embedded.named(id).is_some() || import.rules.iter().any(|rule| rule.id == id);
    if !taken(&wanted) {
        if wanted != id {
            changes.push(format!("its id is `{wanted}` here"));
        }
        return wanted;
    }
    let free =
        (1..).map(|n| if n == 1 { format!("{wanted}-imported") } else { format!("{wanted}-imported-{n}") });
    let free = free.into_iter().find(|id| !taken(id)).unwrap_or_default();
    changes.push(format!("its id is taken here, so it is `{free}`; both are used"));
    if embedded.named(&wanted).is_some() {
        also.insert(wanted);
    }
    free
}

/// An id as this program has them.
pub(super) fn kebab(id: &str) -> String {
    let mut kebab = String::new();
    for c in id.chars().take(80) {
        if c.is_ascii_alphanumeric() {
            kebab.push(c.to_ascii_lowercase());
        } else if !kebab.is_empty() && !kebab.ends_with('-') {
            kebab.push('-');
        }
    }
    let kebab = kebab.trim_end_matches('-');
    if kebab.is_empty() { "imported-rule".into() } else { kebab.into() }
}

/// The rule, or why it cannot be one.
fn converted(rule: &Rule, changes: &mut Vec<String>) -> Result<Imported, String> {
    if rule.skip_report {
        return Err("it only serves other rules' `required`, and nothing does so here".into());
    }
    let mut imported = Imported { path: path(rule)?, entropy: entropy(rule)?, ..Imported::default() };
    match &rule.regex {
        Some(regex) if !regex.is_empty() => {
            let description = rule.description.trim();
            let name = if description.is_empty() { &rule.id } else { description };
            imported.name = Some(name.split(['\n', '.']).next().unwrap_or(name).chars().take(80).collect());
            imported.why = Some(if description.is_empty() {
                format!("It is what the rule {} looks for.", rule.id)
            } else {
                description.into()
            });
            shape(rule, regex, &mut imported, changes)?;
        }
        _ if RuleSet::embedded().named(&rule.id).is_some() => {
            imported.id.clone_from(&rule.id);
            imported.extends = Some(rule.id.clone());
            changes.push("it changes the rule of that id here, which is another than the one there".into());
        }
        _ if rule.path.is_some() => {
            return Err("it reports files by their path alone; a rule here looks at what is in them".into());
        }
        _ => return Err("it has no `regex`, and no rule of its id is here that it could change".into()),
    }
    for list in rule.allowlist.iter().chain(&rule.allowlists) {
        imported.allow.extend(allow(list, changes)?);
    }
    restrictions(rule, &mut imported, changes)?;
    Ok(imported)
}

fn path(rule: &Rule) -> Result<Option<String>, String> {
    rule.path.as_deref().filter(|path| !path.is_empty()).map(|path| usable(path, "path")).transpose()
}

/// A pattern that takes part in no credential, translated.
fn usable(pattern: &str, what: &str) -> Result<String, String> {
    let translated =
        translate(pattern, None).map_err(|error| format!("{what} `{pattern}`: {error}"))?.pattern;
    parse_pattern(&translated)
        .and_then(|_| compile_pattern(&translated))
        .map_err(|error| format!("{what} `{pattern}`: {error}"))?;
    Ok(translated)
}

fn entropy(rule: &Rule) -> Result<Option<f64>, String> {
    match rule.entropy {
        Some(bits) if bits > 8.0 || bits.is_nan() => {
            Err(format!("no text has an entropy of {bits} bits a character"))
        }
        bits => Ok(bits.filter(|bits| *bits > 0.0)),
    }
}

/// Keys that take nothing away from what is found: they ask whether it is valid, or what it may do.
const ABOUT_VALIDITY: &[&str] = &["validate", "analyze", "revoke", "specificity"];

/// What only that format can ask for besides.
fn restrictions(rule: &Rule, imported: &mut Imported, changes: &mut Vec<String>) -> Result<(), String> {
    let (harmless, unknown): (Vec<&String>, Vec<&String>) =
        rule.unknown.keys().partition(|key| ABOUT_VALIDITY.contains(&key.as_str()));
    if !harmless.is_empty() {
        let keys: Vec<String> = harmless.iter().map(|key| format!("`{key}`")).collect();
        changes.push(format!(
            "{} takes nothing away from what is found, and means nothing here",
            keys.join(", ")
        ));
    }
    if rule.confidence.as_deref() == Some("low") {
        imported.confidence = Some(Confidence::Review);
    }
    let filter = rule.filter.as_deref().map(filter::parse).unwrap_or_default();
    imported.entropy = more(imported.entropy, filter.entropy.filter(|bits| (0.0..=8.0).contains(bits)));
    for allow in filter.allow {
        imported.allow.push(translated(allow, "an imported filter")?);
    }
    let mut missing: Vec<String> = unknown.iter().map(|key| format!("`{key}` means nothing here")).collect();
    missing.extend(
        filter.rest.iter().map(|rest| format!("this condition of its `filter` means nothing here: {rest}")),
    );
    let required = || rule.required.iter().chain(&rule.components);
    if required().next().is_some() {
        let ids: Vec<&str> = required().map(|required| required.id.as_str()).collect();
        missing.push(format!("it is found without {} near it too (`required`)", ids.join(", ")));
    }
    if !missing.is_empty() {
        imported.confidence = Some(Confidence::Review);
        changes.push(format!("{}, so its confidence is review", missing.join("; ")));
    }
    Ok(())
}

/// The greater of two bounds.
fn more(one: Option<f64>, other: Option<f64>) -> Option<f64> {
    one.into_iter().chain(other).reduce(f64::max)
}

/// A list of an expression, its patterns translated.
fn translated(allow: Allow, why: &str) -> Result<Allow, String> {
    let all = |patterns: Vec<String>| {
        patterns.iter().map(|pattern| usable(pattern, "filter")).collect::<Result<Vec<_>, _>>()
    };
    Ok(Allow {
        why: why.into(),
        secret: all(allow.secret)?,
        matched: all(allow.matched)?,
        line: all(allow.line)?,
        path: all(allow.path)?,
        ..allow
    })
}

fn shape(rule: &Rule, regex: &str, imported: &mut Imported, changes: &mut Vec<String>) -> Result<(), String> {
    let groups = translate(regex, None)?.groups;
    let secret = match (rule.secret_group, groups) {
        (0, 1) => Some(1),
        (0, 0) => None,
        (0, _) => {
            changes.push(format!("it has {groups} groups and names none with `secretGroup`: all that it matches is the credential"));
            None
        }
        (group, _) if group > groups => {
            return Err(format!("secretGroup is {group}, and it has {groups} groups"));
        }
        (group, _) => Some(group),
    };
    let translated = translate(regex, secret)?.pattern;
    let pattern = if secret.is_some() { translated } else { format!("(?<secret>{translated})") };
    let hir = parse_pattern(&pattern)?;
    compile_pattern(&pattern)?;
    if hir.properties().minimum_len() == Some(0) {
        return Err("it matches where nothing stands".into());
    }
    let keywords: Vec<String> = rule.keywords.iter().map(|word| word.to_ascii_lowercase()).collect();
    if let Some(anchor) = derive(&hir) {
        if !keywords.is_empty() && !always_has(&hir, &keywords) {
            let mut message = format!(
                "its keywords ({}) had to stand somewhere in the file; here they need not",
                keywords.join(", ")
            );
            if anchor.literals.iter().any(|literal| literal.len() < DISTINCTIVE) {
                imported.confidence = Some(Confidence::Review);
                message += ", so its confidence is review";
            }
            changes.push(message);
        }
    } else if keywords.is_empty() {
        return Err("no literal of three bytes stands in every match, and it has no `keywords`: it would have to be tried at every byte".into());
    } else if always_has(&hir, &keywords) {
        words(&keywords, 2)?;
        imported.keywords = keywords;
    } else {
        let value = value_alone(&hir).ok_or(
            "no literal of three bytes stands in every match, its keywords need not stand in it, and it is more than the value of a key",
        )?;
        words(&keywords, 3)?;
        changes.push(format!("its keywords ({}) had to stand somewhere in the file; here one has to stand in the key of the value", keywords.join(", ")));
        imported.words = keywords;
        imported.value = Some(value.to_string());
        return Ok(());
    }
    imported.pattern = Some(pattern);
    Ok(())
}

/// Bytes of a literal that says enough by itself.
const DISTINCTIVE: usize = 6;

fn words(words: &[String], least: usize) -> Result<(), String> {
    match words.iter().find(|word| !(least..=64).contains(&word.len()) || !word.is_ascii()) {
        Some(word) => Err(format!("its keyword `{word}` is no word of {least} to 64 ASCII characters")),
        None if words.len() > 256 => Err("it has more than 256 keywords".into()),
        None => Ok(()),
    }
}

/// What the group `secret` matches, if nothing but boundaries stands around it.
fn value_alone(hir: &Hir) -> Option<&Hir> {
    match hir.kind() {
        HirKind::Capture(capture) if capture.name.as_deref() == Some("secret") => {
            // All that a pattern without groups matches may have its boundaries inside.
            Some(value_inside(&capture.sub).unwrap_or(&capture.sub))
        }
        HirKind::Concat(pieces) => only_one(pieces).and_then(value_alone),
        _ => None,
    }
}

fn value_inside(hir: &Hir) -> Option<&Hir> {
    match hir.kind() {
        HirKind::Concat(pieces) => only_one(pieces),
        _ => None,
    }
}

/// The only piece that is no boundary.
fn only_one(pieces: &[Hir]) -> Option<&Hir> {
    let mut others = pieces.iter().filter(|piece| !matches!(piece.kind(), HirKind::Look(_)));
    others.next().filter(|_| others.next().is_none())
}

/// What a list lets pass: nothing, if it can never fit here.
fn allow(list: &Allowlist, changes: &mut Vec<String>) -> Result<Option<Allow>, String> {
    let all = list
        .condition
        .as_deref()
        .is_some_and(|word| ["and", "&&"].contains(&word.to_ascii_lowercase().as_str()));
    for key in list.unknown.keys() {
        changes.push(format!("`{key}` of an allowlist means nothing here"));
    }
    if !list.commits.is_empty() {
        let which =
            if all { "the list that asks for them never fits" } else { "they are left out of the list" };
        changes.push(format!("an image has no commits: {which}"));
    }
    let patterns = |patterns: &[String], what: &str| {
        patterns.iter().map(|pattern| usable(pattern, what)).collect::<Result<Vec<_>, _>>()
    };
    let regexes = patterns(&list.regexes, "allowlist")?;
    let description = list.description.trim();
    let mut allow = Allow {
        why: if description.is_empty() { "an imported allowlist".into() } else { description.into() },
        all,
        path: patterns(&list.paths, "allowlist")?,
        words: list.stopwords.clone(),
        ..Allow::default()
    };
    match list.regex_target.as_deref() {
        Some("match") => allow.matched = regexes,
        Some("line") => allow.line = regexes,
        None | Some("secret" | "") => allow.secret = regexes,
        Some(other) => return Err(format!("an allowlist has the regexTarget `{other}`, which there is not")),
    }
    let empty = allow.patterns().next().is_none() && allow.words.is_empty();
    let never = empty || all && !list.commits.is_empty();
    Ok((!never).then_some(allow))
}

/// Imports an expression of a whole configuration.
pub(super) fn shared_filter(import: &mut Import, text: &str, place: &str, reach: &Reach<'_>) {
    let mut note = |message: String| {
        import.notes.push(Note { place: place.to_owned(), rule: None, left_out: true, message });
    };
    let filter = filter::parse(text);
    if let Some(bits) = filter.entropy {
        note(format!("the filter of all rules asks for an entropy of {bits}, which only a rule can do here"));
    }
    for rest in filter.rest {
        note(format!("this condition of the filter of all rules means nothing here: {rest}"));
    }
    let translated: Vec<_> =
        filter.allow.into_iter().map(|allow| translated(allow, "an imported filter of all rules")).collect();
    for allow in translated {
        match allow {
            Ok(allow) => import.allow.extend(reach.anything().then(|| (reach.rules(), allow))),
            Err(error) => {
                import.notes.push(Note {
                    place: place.to_owned(),
                    rule: None,
                    left_out: true,
                    message: error,
                });
            }
        }
    }
}

impl Reach<'_> {
    /// The rules as a file names them; none are those of the file.
    fn rules(&self) -> Option<Vec<String>> {
        let own = || self.own.iter().map(|(_, id)| id.clone()).collect();
        if self.all { Some(vec!["*".to_owned()]) } else { (!self.alone).then(own) }
    }

    /// Whether there is any.
    fn anything(&self) -> bool {
        self.all || !self.own.is_empty()
    }
}

/// Imports a list of a whole configuration.
pub(super) fn shared(import: &mut Import, list: &Allowlist, place: &str, reach: &Reach<'_>) {
    let mut changes = Vec::new();
    let mut note = |left_out: bool, message: String| {
        import.notes.push(Note { place: place.to_owned(), rule: None, left_out, message });
    };
    let rules = if list.target_rules.is_empty() {
        reach.rules()
    } else {
        let mut ids = Vec::new();
        for target in &list.target_rules {
            let own = reach.own.iter().find(|(from, _)| from == target).map(|(_, id)| id);
            match own.or_else(|| RuleSet::embedded().named(target).map(|_| target)) {
                Some(id) => ids.push(id.clone()),
                None => note(true, format!("an allowlist is for `{target}`, and no such rule is here")),
            }
        }
        if ids.is_empty() {
            return;
        }
        Some(ids)
    };
    match allow(list, &mut changes) {
        Ok(allow) => {
            for message in changes {
                note(false, message);
            }
            let reached = reach.anything() || !list.target_rules.is_empty();
            import.allow.extend(allow.filter(|_| reached).map(|allow| (rules, allow)));
        }
        Err(reason) => note(true, reason),
    }
}
