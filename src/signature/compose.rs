//! One rule set from several: files on top of the rules that are there already, and a choice among them.
//!
//! Files count in the order in which they are given, and so do the rules of a file: a rule can extend those before it.
//! What is disabled is disabled at the end, wherever that stands. New rules come before those that were there, so that of
//! two that say as much of a text the user's is named.

use std::collections::{BTreeMap, BTreeSet};

use super::allow::Allow;
use super::automaton::compile_pattern;
use super::file::{self, Draft, FileAllow, Parsed, Reference, RuleError};
use super::nearest::nearest;
use super::{Disabled, Rule, RuleSet, draft, embedded};
use crate::digest::Hasher;

/// Most rules of all files.
const MAX_RULES: usize = 20_000;
/// Most bytes of the literals of all rules, for which the prefilter needs some hundred times as much memory.
const MAX_LITERAL_BYTES: usize = 512 << 10;

/// Which rules of a set are used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choice {
    /// Ids, or beginnings of ids with a `*` behind them: no others are used. Empty: all are.
    pub only: Vec<String>,
    /// Ids, or beginnings of ids with a `*` behind them, of rules that are not used.
    pub disable: Vec<String>,
}

/// Somebody names a rule that there is not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {message}")]
pub struct ChoiceError {
    /// What names it: `only-rules` or `disable-rules`.
    pub key: &'static str,
    /// What is wrong and what would be right.
    pub message: String,
}

/// The rules of the program itself.
pub(super) fn embedded() -> Result<RuleSet, RuleError> {
    let base = RuleSet::default();
    let mut table = Table::new(&base);
    for Prepared { parsed, built } in side_by_side(&embedded::files(), |file| prepare(embedded::parse(file)))
    {
        for (draft, built) in parsed.drafts.iter().zip(built) {
            table.add(draft, built)?;
        }
    }
    table.rules.iter_mut().for_each(|rule| rule.embedded = true);
    let mut hasher = Hasher::default();
    hasher.update(embedded::RULES);
    table.finish(&base, &[], hasher)
}

/// Puts the rules of `files`, given as name and text, on top of `base`. Patterns are compiled once to see that they can be.
pub(super) fn extend<'f>(
    base: &RuleSet,
    files: impl IntoIterator<Item = (&'f str, &'f str)>,
) -> Result<RuleSet, RuleError> {
    let mut table = Table::new(base);
    let mut hasher = Hasher::default();
    hasher.update(base.fingerprint().bytes());
    let (mut disable, mut allow) = (Vec::new(), Vec::new());
    let files: Vec<_> = files.into_iter().collect();
    let all = side_by_side(&files, |(name, text)| file::parse(name, text).map(prepare));
    for ((_, text), prepared) in files.iter().zip(all) {
        let Prepared { parsed, built } = prepared?;
        let mut own = BTreeSet::new();
        for (draft, built) in parsed.drafts.iter().zip(built) {
            own.extend(table.add(draft, built)?);
        }
        disable.extend(parsed.disable);
        allow.extend(parsed.allow.into_iter().map(|allow| (allow, own.clone())));
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    }
    for (allow, own) in &allow {
        table.allow(allow, own)?;
    }
    table.bounded()?;
    table.finish(base, &disable, hasher)
}

/// A file that was read, with the rules of those of its drafts that need no other rule.
struct Prepared {
    parsed: Parsed,
    built: Vec<Option<Result<Rule, RuleError>>>,
}

/// So many files are read by one thread.
const FEW: usize = 100;
/// Most threads that read files.
const THREADS: usize = 4;

/// Reads files, many of them on several threads: it is most of what the program does before a scan.
fn side_by_side<F: Sync, P: Send>(files: &[F], read: impl Fn(&F) -> P + Sync) -> Vec<P> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let threads = cores.min(THREADS).min(files.len().div_ceil(FEW)).max(1);
    let read_all = |part: &[F]| part.iter().map(&read).collect::<Vec<_>>();
    let (first, rest) = files.split_at(files.len().div_ceil(threads));
    std::thread::scope(|scope| {
        let read_all = &read_all;
        let start = |part| (part, std::thread::Builder::new().spawn_scoped(scope, move || read_all(part)));
        let parts: Vec<_> = rest.chunks(first.len().max(1)).map(start).collect();
        let mut all = read_all(first);
        for (part, thread) in parts {
            all.extend(match thread.map(std::thread::ScopedJoinHandle::join) {
                Ok(Ok(read)) => read,
                Ok(Err(panic)) => std::panic::resume_unwind(panic),
                // The system gives no thread.
                Err(_) => read_all(part),
            });
        }
        all
    })
}

fn prepare(parsed: Parsed) -> Prepared {
    let alone = |draft: &Draft| draft.entry.extends.is_none().then(|| draft::build(draft, None));
    let built = parsed.drafts.iter().map(alone).collect();
    Prepared { parsed, built }
}

/// The rules of a set that is in the making.
struct Table {
    rules: Vec<Rule>,
    by_id: BTreeMap<String, usize>,
    /// How many there were before the first file.
    before: usize,
}

impl Table {
    fn new(base: &RuleSet) -> Self {
        let rules: Vec<Rule> =
            base.rules.iter().chain(base.disabled.iter().map(|disabled| &disabled.rule)).cloned().collect();
        let by_id = rules.iter().enumerate().map(|(index, rule)| (rule.id.clone(), index)).collect();
        Self { before: rules.len(), rules, by_id }
    }

    /// Adds what a draft makes, or changes; gives the ids. `built` is its rule if it needs no other one.
    fn add(
        &mut self,
        draft: &Draft,
        built: Option<Result<Rule, RuleError>>,
    ) -> Result<Vec<String>, RuleError> {
        let entry = &draft.entry;
        let rules = match (&entry.extends, &entry.id, built) {
            (Some(extends), None, _) if extends.ends_with('*') => self.changed(extends, draft)?,
            (Some(extends), ..) => vec![draft::build(draft, Some(self.named(extends, draft)?))?],
            (None, _, Some(built)) => vec![built?],
            (None, _, None) => vec![draft::build(draft, None)?],
        };
        let ids = rules.iter().map(|rule| rule.id.clone()).collect();
        for rule in rules {
            if draft.checked.is_none() {
                let compiled = rule.patterns().try_for_each(|pattern| compile_pattern(&pattern).map(drop));
                compiled.map_err(|message| draft.error(message))?;
            }
            self.insert(rule, draft)?;
        }
        Ok(ids)
    }

    /// Every rule whose id begins as `pattern` says, changed by the draft.
    fn changed(&self, pattern: &str, draft: &Draft) -> Result<Vec<Rule>, RuleError> {
        let own = draft.entry.own_keys();
        if !own.is_empty() {
            let message = format!("`{}` is of one rule: name it in `extends`, without `*`", own[0]);
            return Err(draft.error(message));
        }
        let bases: Vec<&Rule> = self.rules.iter().filter(|rule| names(pattern, &rule.id)).collect();
        if bases.is_empty() {
            return Err(draft.error(unknown(pattern, self.ids())));
        }
        bases.into_iter().map(|base| draft::build(draft, Some(base))).collect()
    }

    fn named(&self, id: &str, draft: &Draft) -> Result<&Rule, RuleError> {
        let found = self.by_id.get(id).map(|index| &self.rules[*index]);
        found.ok_or_else(|| draft.error(unknown(id, self.ids())))
    }

    fn ids(&self) -> impl Iterator<Item = &str> {
        self.by_id.keys().map(String::as_str)
    }

    fn insert(&mut self, mut rule: Rule, draft: &Draft) -> Result<(), RuleError> {
        match self.by_id.get(&rule.id) {
            Some(index) if rule.extends.as_deref() == Some(&rule.id) => {
                // It stays what it was made from, if it was changed before.
                rule.extends = self.rules[*index].extends.clone().or(rule.extends);
                self.rules[*index] = rule;
            }
            Some(index) => {
                let other = &self.rules[*index];
                let place = if other.embedded { "this program" } else { &other.file };
                return Err(draft.error(format!(
                    "the id is taken by a rule of {place}: choose another, or change that rule with `extends = \"{}\"`",
                    rule.id
                )));
            }
            None => {
                self.by_id.insert(rule.id.clone(), self.rules.len());
                self.rules.push(rule);
            }
        }
        Ok(())
    }

    /// Lets rules pass what a file says: the rules that it names, or its `own`.
    fn allow(&mut self, allow: &FileAllow, own: &BTreeSet<String>) -> Result<(), RuleError> {
        let FileAllow { file, line, allow, rules } = allow;
        let error = |message| RuleError::File { file: file.clone(), line: *line, message };
        let compiled = || allow.patterns().try_for_each(|pattern| compile_pattern(pattern).map(drop));
        allow.check().and_then(|()| compiled()).map_err(error)?;
        for name in rules.iter().flatten() {
            if !self.ids().any(|id| names(name, id)) {
                return Err(error(format!("allow: {}", unknown(name, self.ids()))));
            }
        }
        let named = |id: &String| match rules {
            Some(rules) => rules.iter().any(|name| names(name, id)),
            None => own.contains(id),
        };
        for rule in self.rules.iter_mut().filter(|rule| named(&rule.id)) {
            rule.allow.push(Allow { shared: true, ..allow.clone() });
        }
        Ok(())
    }

    fn bounded(&self) -> Result<(), RuleError> {
        let literals = self.rules.iter().flat_map(|rule| &rule.anchor.literals);
        let bytes: usize = literals.map(Vec::len).sum();
        if self.rules.len() > MAX_RULES {
            let message =
                format!("there are {} rules, and at most {MAX_RULES} are possible", self.rules.len());
            return Err(RuleError::All(message));
        }
        if bytes > MAX_LITERAL_BYTES {
            return Err(RuleError::All(format!(
                "the words and literals of all rules have {bytes} bytes, and at most {MAX_LITERAL_BYTES} are possible: \
                 use fewer `keywords` and `words`"
            )));
        }
        Ok(())
    }

    fn finish(mut self, base: &RuleSet, disable: &[Reference], hasher: Hasher) -> Result<RuleSet, RuleError> {
        let mut off: BTreeMap<String, String> =
            base.disabled.iter().map(|disabled| (disabled.rule.id.clone(), disabled.by.clone())).collect();
        for Reference { file, line, name } in disable {
            let ids: Vec<&str> = self.ids().filter(|id| names(name, id)).collect();
            if ids.is_empty() {
                let message = format!("disable: {}", unknown(name, self.ids()));
                return Err(RuleError::File { file: file.clone(), line: *line, message });
            }
            for id in ids {
                off.entry(id.to_owned()).or_insert_with(|| format!("{file}:{line}"));
            }
        }
        let new = self.rules.split_off(self.before);
        let (mut rules, mut disabled) = (Vec::new(), Vec::new());
        for rule in new.into_iter().chain(self.rules) {
            match off.remove(&rule.id) {
                Some(by) => disabled.push(Disabled { rule, by }),
                None => rules.push(rule),
            }
        }
        Ok(RuleSet { rules, disabled, fingerprint: Some(hasher.finish()) })
    }
}

/// The rules of `set` that `choice` leaves.
pub(super) fn choose(set: &RuleSet, choice: &Choice) -> Result<RuleSet, ChoiceError> {
    let ids = || set.rules.iter().chain(set.disabled.iter().map(|disabled| &disabled.rule)).map(Rule::id);
    for (key, patterns) in [("only-rules", &choice.only), ("disable-rules", &choice.disable)] {
        if let Some(pattern) = patterns.iter().find(|pattern| !ids().any(|id| names(pattern, id))) {
            return Err(ChoiceError { key, message: unknown(pattern, ids()) });
        }
    }
    let named = |patterns: &[String], rule: &Rule| patterns.iter().any(|pattern| names(pattern, &rule.id));
    let mut chosen = RuleSet { disabled: set.disabled.clone(), ..RuleSet::default() };
    for rule in &set.rules {
        let by = if !choice.only.is_empty() && !named(&choice.only, rule) {
            "only-rules"
        } else if named(&choice.disable, rule) {
            "disable-rules"
        } else {
            chosen.rules.push(rule.clone());
            continue;
        };
        chosen.disabled.push(Disabled { rule: rule.clone(), by: by.into() });
    }
    if chosen.rules.is_empty() {
        let key = if choice.only.is_empty() { "disable-rules" } else { "only-rules" };
        return Err(ChoiceError { key, message: "no rule is left to look for anything".into() });
    }
    let mut hasher = Hasher::default();
    hasher.update(set.fingerprint().bytes());
    let off: BTreeSet<&str> = chosen.disabled.iter().map(|disabled| disabled.rule.id()).collect();
    for id in off {
        hasher.update(format!("-{id}\n").as_bytes());
    }
    chosen.fingerprint = Some(hasher.finish());
    Ok(chosen)
}

/// The rules of `set` that `keep` keeps.
pub(super) fn retain(set: &RuleSet, keep: impl Fn(&Rule) -> bool) -> RuleSet {
    let mut hasher = Hasher::default();
    hasher.update(set.fingerprint().bytes());
    let rules: Vec<Rule> = set.rules.iter().filter(|rule| keep(rule)).cloned().collect();
    for rule in &rules {
        hasher.update(format!("+{}\n", rule.id).as_bytes());
    }
    let disabled = set.disabled.iter().filter(|disabled| keep(&disabled.rule)).cloned().collect();
    RuleSet { rules, disabled, fingerprint: Some(hasher.finish()) }
}

/// Whether `pattern`, an id or the beginning of ids with a `*` behind it, names `id`.
fn names(pattern: &str, id: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == id, |beginning| id.starts_with(beginning))
}

fn unknown<'i>(pattern: &str, ids: impl Iterator<Item = &'i str>) -> String {
    let what = match pattern.strip_suffix('*') {
        Some(beginning) => format!("no rule's id begins with `{beginning}`"),
        None => format!("there is no rule `{pattern}`"),
    };
    match nearest(pattern, ids) {
        Some(near) => format!("{what}; did you mean `{near}`?"),
        None => format!("{what}; `layersift rules list` names them"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Confidence, Severity};
    use super::*;

    fn on_top(files: &[(&str, &str)]) -> Result<RuleSet, String> {
        RuleSet::embedded().extended(files.iter().copied()).map_err(|error| error.to_string())
    }

    fn complaint(text: &str) -> String {
        on_top(&[("own.toml", text)]).map(drop).unwrap_err()
    }

    const OWN: &str = r"
        provider = 'Acme'
        [[rule]]
        id = 'acme-token'
        name = 'Acme token'
        severity = 'high'
        why = 'Opens all doors.'
        pattern = '\b(?<secret>acme_[0-9a-f]{32})\b'
    ";

    #[test]
    fn new_rules_come_first_and_need_no_examples() {
        let set = on_top(&[("own.toml", OWN)]).unwrap();
        assert_eq!(set.rules().len(), RuleSet::embedded().rules().len() + 1);
        let own = &set.rules()[0];
        assert_eq!((own.id(), own.file(), own.is_embedded()), ("acme-token", "own.toml", false));
        assert!(set.named("jwt-token").unwrap().is_embedded());
    }

    #[test]
    fn what_is_not_said_is_inherited() {
        let text = "[[rule]]\nextends = 'github-pat'\nseverity = 'low'";
        let set = on_top(&[("own.toml", text)]).unwrap();
        let embedded = RuleSet::embedded();
        let (old, new) = (embedded.named("github-pat").unwrap(), set.named("github-pat").unwrap());
        assert_eq!(new.severity(), Severity::Low);
        assert_eq!((new.name(), new.shape(), new.anchor()), (old.name(), old.shape(), old.anchor()));
        assert_eq!((new.finds(), new.why(), new.provider()), (old.finds(), old.why(), old.provider()));
        assert_eq!((new.is_embedded(), new.derived_from()), (false, None));
        assert_eq!(set.rules().len(), embedded.rules().len());
    }

    #[test]
    fn a_rule_made_from_another_leaves_that_one_as_it_is() {
        let text = "[[rule]]\nid = 'acme-jwt'\nextends = 'jwt-token'\npath = '^srv/'\nconfidence = 'review'";
        let set = on_top(&[("own.toml", text)]).unwrap();
        let new = set.named("acme-jwt").unwrap();
        assert_eq!(
            (new.confidence(), new.path(), new.derived_from()),
            (Confidence::Review, Some("^srv/"), Some("jwt-token"))
        );
        assert!(new.finds().is_empty(), "examples without a path prove nothing of a rule that has one");
        assert!(set.named("jwt-token").unwrap().is_embedded());
    }

    #[test]
    fn later_files_change_what_earlier_ones_made() {
        let change = "[[rule]]\nextends = 'acme-token'\nseverity = 'low'";
        let again = "[[rule]]\nextends = 'acme-*'\nconfidence = 'review'\n[[rule]]\nextends = 'acme-token'\nname = 'Token'";
        let set = on_top(&[("a.toml", OWN), ("b.toml", change), ("c.toml", again)]).unwrap();
        let rule = set.named("acme-token").unwrap();
        assert_eq!(
            (rule.severity(), rule.confidence(), rule.name()),
            (Severity::Low, Confidence::Review, "Token")
        );
        assert!(
            on_top(&[("b.toml", change), ("a.toml", OWN)]).is_err(),
            "nothing is there yet to be changed"
        );
    }

    #[test]
    fn a_shape_can_be_changed_in_part() {
        let text = "[[rule]]\nextends = 'generic-password'\njudged = false\nand = ['db']";
        let set = on_top(&[("own.toml", text)]).unwrap();
        let rule = set.named("generic-password").unwrap();
        let super::super::Shape::Keyed { words, and, .. } = rule.shape() else { panic!("it has words") };
        assert!(words.contains(&"password".to_owned()) && !rule.judged());
        assert_eq!(and, &["db"]);
    }

    #[test]
    fn what_is_disabled_is_kept_apart() {
        let text = "disable = ['generic-*', 'acme-token']";
        let set = on_top(&[("off.toml", text), ("own.toml", OWN)]).unwrap();
        assert!(set.named("generic-password").is_none() && set.named("acme-token").is_none());
        assert!(set.disabled().iter().all(|disabled| disabled.by == "off.toml:1"));
        assert_eq!(set.rules().len() + set.disabled().len(), RuleSet::embedded().rules().len() + 1);
    }

    #[test]
    fn a_choice_leaves_what_it_names() {
        let choice = |only: &[&str], disable: &[&str]| Choice {
            only: only.iter().map(ToString::to_string).collect(),
            disable: disable.iter().map(ToString::to_string).collect(),
        };
        let embedded = RuleSet::embedded();
        let chosen = embedded.chosen(&choice(&["github-*", "jwt-token"], &["github-pat"])).unwrap();
        assert!(chosen.named("jwt-token").is_some() && chosen.named("github-pat").is_none());
        assert!(
            chosen.rules().iter().all(|rule| rule.id().starts_with("github-") || rule.id() == "jwt-token")
        );
        assert_ne!(chosen.fingerprint(), embedded.fingerprint());
        assert_eq!(
            chosen.fingerprint(),
            embedded.chosen(&choice(&["jwt-token", "github-*"], &["github-pat"])).unwrap().fingerprint()
        );
        let error =
            |only, disable| embedded.chosen(&choice(only, disable)).map(drop).unwrap_err().to_string();
        insta::assert_snapshot!(error(&[], &["githb-pat"]), @"disable-rules: there is no rule `githb-pat`; did you mean `github-pat`?");
        insta::assert_snapshot!(error(&["acme-*"], &[]), @"only-rules: no rule's id begins with `acme-`; `layersift rules list` names them");
        insta::assert_snapshot!(error(&["jwt-token"], &["jwt-token"]), @"only-rules: no rule is left to look for anything");
    }

    #[test]
    fn the_fingerprint_follows_every_change() {
        let fingerprint = |files: &[(&str, &str)]| on_top(files).unwrap().fingerprint();
        let change = "[[rule]]\nextends = 'jwt-token'\nseverity = 'low'";
        let all = [
            RuleSet::embedded().fingerprint(),
            fingerprint(&[("own.toml", OWN)]),
            fingerprint(&[("own.toml", change)]),
            fingerprint(&[("own.toml", OWN), ("more.toml", change)]),
            fingerprint(&[("own.toml", "disable = ['jwt-token']")]),
        ];
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
        assert_eq!(fingerprint(&[("own.toml", OWN)]), fingerprint(&[("elsewhere.toml", OWN)]));
    }

    #[test]
    fn mistakes_are_told_with_their_place_and_what_would_be_right() {
        insta::assert_snapshot!(complaint("disable = [\n  'jwt-token',\n  'jwt-tokn',\n]"), @"own.toml:3: disable: there is no rule `jwt-tokn`; did you mean `jwt-token`?");
        insta::assert_snapshot!(complaint("[[rule]]\nextends = 'github-pta'"), @"own.toml:1: rule `github-pta`: there is no rule `github-pta`; did you mean `github-pat`?");
        insta::assert_snapshot!(complaint(&OWN.replace("acme-token", "github-pat")), @r#"own.toml:3: rule `github-pat`: the id is taken by a rule of this program: choose another, or change that rule with `extends = "github-pat"`"#);
        insta::assert_snapshot!(complaint(&OWN.replace("severity", "severty")), @"own.toml:6: unknown field `severty`; did you mean `severity`?");
        insta::assert_snapshot!(complaint(&OWN.replace("'high'", "'hihg'")), @"own.toml:6: unknown variant `hihg`; did you mean `high`?");
        insta::assert_snapshot!(complaint(&OWN.replace("{32})", "{32}")), @r"own.toml:3: rule `acme-token`: pattern: unclosed group, at `(?<secret>acme_[0-9a-f]{`");
        insta::assert_snapshot!(complaint(&OWN.replace("{32}", "{32}{1000}{1000}")), @"own.toml:3: rule `acme-token`: the pattern is too large: its automaton may have 4194304 bytes; repeat less or less often");
        insta::assert_snapshot!(complaint(&OWN.replace("acme_[", "[")), @"own.toml:3: rule `acme-token`: no literal of three bytes stands in every match: give `keywords`, or `words` and `value`");
        insta::assert_snapshot!(complaint("[[rule]]\nextends = 'generic-*'\nname = 'x'"), @"own.toml:1: rule `generic-*`: `name` is of one rule: name it in `extends`, without `*`");
        insta::assert_snapshot!(complaint(&OWN.replace("provider = 'Acme'", "")), @"own.toml:3: rule `acme-token`: `provider` is missing");
        insta::assert_snapshot!(complaint("[[rule]]\nseverity = 'low'"), @"own.toml:1: a rule needs an `id`, or `extends`");
        insta::assert_snapshot!(complaint("rules = 1"), @"own.toml:1: unknown field `rules`; did you mean `rule`?");
    }

    #[test]
    fn what_is_let_pass_adds_up_and_reaches_the_rules_that_are_named() {
        let own = format!(
            "{OWN}\n[[rule.allow]]\nwhy = 'a'\nwords = ['x']\n[[allow]]\nwhy = 'b'\npath = ['^tests/']"
        );
        let more = "[[allow]]\nrules = ['acme-*', 'jwt-token']\nwhy = 'c'\nline = ['nolint']";
        let set = on_top(&[("own.toml", &own), ("more.toml", more)]).unwrap();
        let reasons = |id: &str| {
            set.named(id).unwrap().allow().iter().map(|allow| allow.why.clone()).collect::<Vec<_>>()
        };
        assert_eq!(reasons("acme-token"), ["a", "b", "c"]);
        assert_eq!(reasons("jwt-token"), ["c"]);
        assert_eq!(reasons("github-pat"), [""; 0]);
        let of = |allow: &str| complaint(&format!("[[allow]]\n{allow}"));
        insta::assert_snapshot!(of("path = ['x']"), @"own.toml:1: an `allow` needs its reason, `why`");
        insta::assert_snapshot!(of("why = 'x'"), @"own.toml:1: an `allow` needs `secret`, `match`, `line`, `path` or `words`, and at most 10000 of them");
        insta::assert_snapshot!(of("why = 'x'\npath = ['(']"), @"own.toml:1: allow: unclosed group, at `(`");
        insta::assert_snapshot!(of("why = 'x'\nrules = ['acme-*']\npath = ['x']"), @"own.toml:1: allow: no rule's id begins with `acme-`; `layersift rules list` names them");
        insta::assert_snapshot!(of("why = 'x'\npaths = ['x']"), @"own.toml:3: unknown field `paths`; did you mean `path`?");
    }

    #[test]
    fn too_many_literals_are_refused() {
        let words: Vec<String> = (0..200).map(|n| format!("'{n:060}'")).collect();
        let rule = |n: usize| {
            let head = format!("[[rule]]\nid = 'acme-{n}'\nname = 'x'\nseverity = 'low'\nwhy = 'x'");
            format!("{head}\nwords = [{}]\nvalue = '[0-9a-f]{{32}}'\n", words.join(","))
        };
        let many: String = (0..60).map(rule).collect();
        let error = complaint(&format!("provider = 'Acme'\n{many}"));
        assert!(error.contains("use fewer `keywords` and `words`"), "{error}");
    }
}
