//! The policy in a file: TOML, a table `[[policy.rule]]` for each rule, in their order.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Action, Rule};
use crate::findings::condition::KEYS;
use crate::findings::condition::table::{
    Complaint, FileError, Name, Text, at_value, condition, date, sorted, words,
};

/// The keys of a rule that are no conditions.
const OTHERS: &[&str] = &["action", "name", "expires"];

/// The rules of `policy` in the file `text`, which is called `file`; what else is in it is not looked at.
pub fn rules(file: &str, text: &str) -> Result<Vec<Rule>, FileError> {
    let text = Text { file, text };
    let parsed = text.parse()?;
    let policy = sorted(parsed.get_ref()).into_iter().find(|(key, _)| key.get_ref() == "policy");
    let Some((_, policy)) = policy else { return Ok(Vec::new()) };
    let complain = |complaint| text.error(complaint);
    let mut rules: Vec<Rule> = Vec::new();
    for table in tables(policy).map_err(complain)? {
        let start = table.span().start;
        let rule = rule(text.at(start), table).map_err(complain)?;
        // Somebody relies on a rule that nothing reaches.
        let open = |rule: &&Rule| rule.conditions.is_empty() && rule.expires.is_none();
        if let Some(open) = rules.iter().find(open) {
            let message =
                format!("`{}` is never reached: `{}` before it matches everything", rule.name, open.name);
            return Err(complain((start, message)));
        }
        rules.push(rule);
    }
    Ok(rules)
}

/// The tables of `[[policy.rule]]`.
fn tables<'t, 'i>(policy: &'t Spanned<DeValue<'i>>) -> Result<Vec<&'t Spanned<DeValue<'i>>>, Complaint> {
    let wrong = |at: usize, what: &str| (at, format!("expected [[policy.rule]] {what}"));
    let DeValue::Table(entries) = policy.get_ref() else {
        return Err(wrong(policy.span().start, "and its keys below"));
    };
    let mut tables = Vec::new();
    for (key, value) in sorted(entries) {
        match (key.get_ref().as_ref(), value.get_ref()) {
            ("rule", DeValue::Array(rules)) => tables.extend(rules.iter()),
            ("rule", _) => return Err(wrong(key.span().start, "in double brackets, one for each rule")),
            (other, _) => {
                return Err(wrong(key.span().start, &format!("and nothing else, not `{other}`")));
            }
        }
    }
    Ok(tables)
}

fn rule(at: String, table: &Spanned<DeValue<'_>>) -> Result<Rule, Complaint> {
    let start = table.span().start;
    let DeValue::Table(entries) = table.get_ref() else {
        return Err((start, "expected a table: write [[policy.rule]] and its keys below".to_owned()));
    };
    let (mut action, mut name, mut expires, mut conditions) = (None, None, None, Vec::new());
    for (key, value) in sorted(entries) {
        let wrong = |message: String| at_value(key, value, &message);
        match key.get_ref().as_ref() {
            "action" => action = Some(read_action(value.get_ref()).map_err(wrong)?),
            "name" => name = Some(words(value.get_ref(), "what the rule is called").map_err(wrong)?),
            "expires" => expires = Some(date(value.get_ref()).map_err(wrong)?),
            _ => conditions.push(condition(key, value, KEYS.iter(), OTHERS)?),
        }
    }
    let Some(action) = action else {
        return Err((
            start,
            "the rule has no action; write action = \"fail\", \"warn\" or \"pass\"".to_owned(),
        ));
    };
    let name = name.unwrap_or_else(|| described(entries));
    Ok(Rule { name, at: Some(at), action, expires, conditions })
}

fn read_action(value: &DeValue<'_>) -> Result<Action, String> {
    let found = Action::ALL.into_iter().find(|action| value.as_str() == Some(action.as_str()));
    found.ok_or_else(|| {
        let names: Vec<_> = Action::ALL.into_iter().map(Action::as_str).collect();
        format!("expected one of {}", names.join(", "))
    })
}

/// A rule without a name is called by what it asks for: `min-severity high`.
fn described(entries: &DeTable<'_>) -> String {
    let conditions = sorted(entries).into_iter().filter(|(key, _)| !OTHERS.contains(&key.get_ref().as_ref()));
    let parts: Vec<_> = conditions.map(|(key, value)| shown(key, value)).collect();
    if parts.is_empty() { "everything else".to_owned() } else { parts.join(", ") }
}

fn shown(key: &Name<'_>, value: &Spanned<DeValue<'_>>) -> String {
    let one = |value: &DeValue<'_>| match value {
        DeValue::String(text) => text.to_string(),
        DeValue::Integer(number) => number.as_str().to_owned(),
        DeValue::Boolean(on) => on.to_string(),
        _ => String::new(),
    };
    let value = match value.get_ref() {
        DeValue::Array(all) => all.iter().map(|value| one(value.get_ref())).collect::<Vec<_>>().join(","),
        value => one(value),
    };
    format!("{} {value}", key.get_ref())
}
