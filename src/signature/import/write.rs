//! The rule file of an import: what came over as rules, and what did not as comments.

use std::fmt::Write as _;

use super::super::Allow;
use super::{Example, Import, Imported};

/// The whole file.
pub(super) fn file(import: &Import) -> String {
    let mut out = String::from("# Imported rules. `layersift rules check FILE` tries their examples.\n");
    if !import.notes.is_empty() {
        out.push_str("#\n# What did not come over as it was:\n");
    }
    for note in &import.notes {
        let _ = writeln!(out, "# * {}", note.to_string().replace(|c: char| c.is_control(), " "));
    }
    let _ = writeln!(out, "\nprovider = {}", quoted(&import.provider));
    if !import.disable.is_empty() {
        let _ = writeln!(out, "disable = {}", list(&import.disable));
    }
    for (rules, shared) in &import.allow {
        out.push_str("\n[[allow]]\n");
        if let Some(rules) = rules {
            let _ = writeln!(out, "rules = {}", list(rules));
        }
        allow(&mut out, shared);
    }
    import.rules.iter().for_each(|imported| rule(&mut out, imported));
    out
}

fn rule(out: &mut String, rule: &Imported) {
    out.push_str("\n[[rule]]\n");
    let mut line = |key: &str, value: Option<String>| {
        if let Some(value) = value {
            let _ = writeln!(out, "{key} = {value}");
        }
    };
    let text = |text: &Option<String>| text.as_deref().map(quoted);
    let texts = |texts: &[String]| (!texts.is_empty()).then(|| list(texts));
    line("id", rule.extends.is_none().then(|| quoted(&rule.id)));
    line("extends", text(&rule.extends));
    line("name", text(&rule.name));
    line("severity", rule.extends.is_none().then(|| quoted("high")));
    line("confidence", rule.confidence.map(|confidence| quoted(confidence.as_str())));
    line("pattern", text(&rule.pattern));
    line("keywords", texts(&rule.keywords));
    line("words", texts(&rule.words));
    line("value", text(&rule.value));
    line("entropy", rule.entropy.map(|bits| format!("{bits:?}")));
    line("path", text(&rule.path));
    line("why", text(&rule.why));
    line("source", text(&rule.source));
    line("also", texts(&rule.also.iter().cloned().collect::<Vec<_>>()));
    line("unproven", text(&rule.unproven));
    for list in &rule.allow {
        out.push_str("\n[[rule.allow]]\n");
        allow(out, list);
    }
    let mut example = |kind: &str, key: &str, Example { text, about, path }: &Example| {
        let _ = writeln!(out, "\n[[rule.{kind}]]\ntext = {}\n{key} = {}", quoted(text), quoted(about));
        if let Some(path) = path {
            let _ = writeln!(out, "path = {}", quoted(path));
        }
    };
    rule.finds.iter().for_each(|find| example("finds", "secret", find));
    rule.ignores.iter().for_each(|ignore| example("ignores", "why", ignore));
}

fn allow(out: &mut String, allow: &Allow) {
    let _ = writeln!(out, "why = {}", quoted(&allow.why));
    if allow.all {
        out.push_str("all = true\n");
    }
    let kinds = [
        ("secret", &allow.secret),
        ("match", &allow.matched),
        ("line", &allow.line),
        ("path", &allow.path),
        ("words", &allow.words),
    ];
    for (key, texts) in kinds.into_iter().filter(|(_, texts)| !texts.is_empty()) {
        let _ = writeln!(out, "{key} = {}", list(texts));
    }
}

fn list(texts: &[String]) -> String {
    let quoted: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
    match &quoted[..] {
        [one] => format!("[{one}]"),
        all => format!("[\n    {},\n]", all.join(",\n    ")),
    }
}

/// A string of TOML: as it is, where that can be, since most are patterns.
fn quoted(text: &str) -> String {
    if !text.contains(|c: char| c == '\'' || c.is_control()) {
        return format!("'{text}'");
    }
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out + "\""
}
