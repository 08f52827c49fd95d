//! One merge of all settings: defaults, then `layersift.toml`, then the environment, then the flags.
//!
//! The file is the nearest one upwards from the working folder, or the one that `--config` names. What it holds and
//! no setting knows is refused with its line, because a key that nobody reads is a setting that somebody relies on.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::env::{current_dir, split_paths, var_os};
use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use layersift::findings::policy::rules;
use layersift::limits::LIMITS;
use layersift::secret::{FingerprintKey, Secret};
use layersift::signature::nearest;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::formats::Chosen;
use super::remote::look_around;
use super::settings::{List, SETTINGS, Setting, Settings, limit_named, set_limit};
use super::suppress::shown;

/// The name of the configuration file.
const FILE: &str = "layersift.toml";
/// The key of the rules that say what fails.
const POLICY: &str = "policy";
/// The table of `layersift serve`.
const SERVICE: &str = "serve";
/// More than any such file needs.
const LARGEST: u64 = 1 << 20;

/// Where settings come from beside the defaults.
pub(crate) struct Origins<'a> {
    /// The file that `--config` names.
    pub(crate) file: Option<&'a Path>,
    /// The folder where the search for a file begins.
    pub(crate) folder: &'a Path,
    /// The environment.
    pub(crate) environment: &'a dyn Fn(&str) -> Option<OsString>,
    /// Name and value of each flag, as typed.
    pub(crate) flags: &'a [(&'static str, String)],
}

/// What the merge yields.
pub(crate) struct Config {
    /// The settings.
    pub(crate) settings: Settings,
    /// The file that was read.
    pub(crate) file: Option<PathBuf>,
    /// From the environment only: a flag would be seen in the list of processes.
    pub(crate) fingerprint_key: FingerprintKey,
    /// The password of the login that settings name, from the environment only for the same reason.
    pub(crate) password: Option<Secret>,
}

/// Merges for this process: its folder, its environment, and what was typed.
pub(crate) fn configured(file: Option<&Path>, flags: &[(&'static str, String)]) -> anyhow::Result<Config> {
    merge(&Origins {
        file,
        folder: &current_dir().unwrap_or_default(),
        environment: &|name| var_os(name),
        flags,
    })
}

/// Merges.
pub(crate) fn merge(origins: &Origins) -> anyhow::Result<Config> {
    let mut settings = Settings::default();
    let variable = |name: &str| (origins.environment)(name).filter(|value| !value.is_empty());
    let named = match (origins.file, variable("LAYERSIFT_CONFIG")) {
        (Some(file), _) => Some(file.to_owned()),
        (None, Some(file)) => Some(file.into()),
        (None, None) => {
            origins.folder.ancestors().map(|folder| folder.join(FILE)).find(|file| file.is_file())
        }
    };
    if let Some(file) = &named {
        let text = read(file).with_context(|| format!("cannot read {}", file.display()))?;
        apply_file(&mut settings, file, &text)?;
        settings.policy = rules(&shown(file, origins.folder), &text)?;
    }
    for name in names() {
        let key = variable_name(name);
        let Some(value) = variable(&key) else { continue };
        let value = value.to_str().ok_or_else(|| anyhow!("{key} is not UTF-8"))?;
        let items = match Setting::named(name).and_then(|setting| setting.list) {
            Some(List::Paths) => split_paths(value).map(|path| path.display().to_string()).collect(),
            Some(List::Reports) => value.split(',').map(|item| item.trim().to_owned()).collect(),
            _ => vec![value.to_owned()],
        };
        let items = items.iter().map(String::as_str).filter(|item| !item.is_empty());
        apply(&mut settings, name, items).map_err(|message| anyhow!("{key}: {message}"))?;
    }
    for flags in origins.flags.chunk_by(|one, other| one.0 == other.0) {
        let (name, values) = (flags[0].0, flags.iter().map(|(_, value)| value.as_str()));
        apply(&mut settings, name, values).map_err(|message| anyhow!("--{name}: {message}"))?;
    }
    let key = variable("LAYERSIFT_FINGERPRINT_KEY");
    let fingerprint_key =
        key.map_or_else(FingerprintKey::default, |key| FingerprintKey::new(key.as_encoded_bytes()));
    look_around(&mut settings.remote, &variable);
    let password = variable("LAYERSIFT_PASSWORD").map(|password| Secret::new(password.as_encoded_bytes()));
    Ok(Config { settings, file: named, fingerprint_key, password })
}

/// A setting that somebody said something of, and who: the last of them wins, or all add up.
pub(crate) struct Said {
    pub(crate) name: &'static str,
    pub(crate) by: Vec<String>,
    pub(crate) adds_up: bool,
}

/// Which settings stand in the file, in the environment of this process and among the flags.
pub(crate) fn said(config: &Config, flags: &[(&'static str, String)]) -> Vec<Said> {
    let text = config.file.as_deref().and_then(|file| read(file).ok()).unwrap_or_default();
    let in_file = keys_of(&text);
    let file = config.file.as_ref().map(|file| file.display().to_string()).unwrap_or_default();
    let said = |name: &'static str| {
        let variable =
            Some(variable_name(name)).filter(|name| var_os(name).is_some_and(|set| !set.is_empty()));
        let flag = flags.iter().any(|(flag, _)| *flag == name).then(|| format!("--{name}"));
        let by: Vec<_> =
            in_file.contains(name).then(|| file.clone()).into_iter().chain(variable).chain(flag).collect();
        let list = Setting::named(name).and_then(|setting| setting.list);
        Said { name, by, adds_up: matches!(list, Some(List::Paths | List::Names)) }
    };
    names().chain([POLICY]).map(said).filter(|said| !said.by.is_empty()).collect()
}

/// The keys of a file that was read before, those of its limits too.
fn keys_of(text: &str) -> BTreeSet<String> {
    let Ok(parsed) = DeTable::parse(text) else { return BTreeSet::new() };
    let name = |(key, _): (&Key, &Spanned<DeValue>)| key.get_ref().clone().into_owned();
    let limits = parsed.get_ref().get("limits").and_then(|limits| limits.get_ref().as_table());
    let limits = limits.into_iter().flat_map(DeTable::iter).map(name);
    parsed.get_ref().iter().map(name).chain(limits).collect()
}

/// The line where the key stands in `text` that `place` names; if it does not, that of the table which should have it.
#[cfg(feature = "serve")]
pub(super) fn line_of(text: &str, place: &layersift::serve::config::Place) -> Option<usize> {
    fn entry<'t, 'i>(table: &'t DeTable<'i>, name: &str) -> Option<(usize, &'t Spanned<DeValue<'i>>)> {
        let found = table.iter().find(|(key, _)| key.get_ref() == name);
        found.map(|(key, value)| (key.span().start, value))
    }
    let parsed = DeTable::parse(text).ok()?;
    let (mut at, value) = entry(parsed.get_ref(), SERVICE)?;
    let mut table = value.get_ref().as_table()?;
    let inner = if place.table.is_empty() { None } else { entry(table, place.table) };
    if let Some((start, value)) = inner {
        at = start;
        let mut value = value;
        if let (DeValue::Array(items), Some(number)) = (value.get_ref(), place.number) {
            value = items.get(number)?;
            at = value.span().start;
        }
        table = value.get_ref().as_table()?;
    }
    if place.table.is_empty() || inner.is_some() {
        at = entry(table, place.key).map_or(at, |(start, _)| start);
    }
    Some(text[..at.min(text.len())].matches('\n').count() + 1)
}

fn names() -> impl Iterator<Item = &'static str> {
    SETTINGS.iter().map(|setting| setting.name).chain(LIMITS.iter().map(|row| row.name))
}

/// The environment variable of a setting.
fn variable_name(name: &str) -> String {
    format!("LAYERSIFT_{}", name.replace('-', "_").to_ascii_uppercase())
}

/// Takes all values that one origin has for a setting.
fn apply<'v>(
    settings: &mut Settings,
    name: &str,
    mut values: impl Iterator<Item = &'v str>,
) -> Result<(), String> {
    match (Setting::named(name), limit_named(name)) {
        (Some(setting), _) => {
            setting.begin(settings);
            if name == "fail-on" {
                // Who says at hand what fails does not ask the file.
                settings.policy.clear();
            }
            values.try_for_each(|value| setting.set(settings, value))
        }
        (None, Some(row)) => values.try_for_each(|value| set_limit(row, settings, value)),
        (None, None) => Err("there is no such setting".into()),
    }
}

/// The text of a configuration file.
pub(super) fn read(path: &Path) -> io::Result<String> {
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    if length > LARGEST {
        return Err(io::Error::other(format!(
            "it has {length} bytes, and a configuration at most {LARGEST}"
        )));
    }
    std::fs::read_to_string(path)
}

fn apply_file(settings: &mut Settings, file: &Path, text: &str) -> anyhow::Result<()> {
    let complain = |(at, message): Complaint| {
        let line = text[..at.min(text.len())].matches('\n').count() + 1;
        anyhow!("{}:{line}: {message}", file.display())
    };
    let folder = file.parent().unwrap_or(Path::new(""));
    let parsed = DeTable::parse(text);
    let table = parsed
        .map_err(|error| complain((error.span().map_or(0, |span| span.start), error.message().to_owned())))?;
    let entries = sorted(table.get_ref());
    let at = |name: &str| entries.iter().find(|(key, _)| key.get_ref() == name);
    if let (Some((key, _)), Some(_)) = (at("fail-on"), at(POLICY)) {
        let message =
            "`fail-on` and [[policy.rule]] both say what fails: write it as a rule, with min-severity";
        return Err(complain((key.span().start, message.to_owned())));
    }
    entries
        .into_iter()
        .try_for_each(|(key, value)| apply_entry(settings, folder, key, value))
        .map_err(complain)
}

/// A position in the file and what is wrong there.
type Complaint = (usize, String);
type Key<'i> = Spanned<Cow<'i, str>>;

fn apply_entry(
    settings: &mut Settings,
    folder: &Path,
    key: &Key,
    value: &Spanned<DeValue>,
) -> Result<(), Complaint> {
    let name = key.get_ref().as_ref();
    let at_value = |message| (value.span().start, format!("{name}: {message}"));
    if name == POLICY || name == SERVICE {
        // The rules are read by themselves, and the service reads its own table.
        return Ok(());
    }
    if name == "limits" {
        let DeValue::Table(limits) = value.get_ref() else {
            return Err(at_value("expected a table: write [limits]".to_owned()));
        };
        return sorted(limits).into_iter().try_for_each(|(key, value)| apply_limit(settings, key, value));
    }
    let Some(setting) = Setting::named(name) else {
        let known = SETTINGS.iter().map(|setting| setting.name).chain(["limits", POLICY, SERVICE]);
        return Err((key.span().start, unknown(name, known)));
    };
    let items = match value.get_ref() {
        DeValue::Array(items) if setting.list.is_some() => items.iter().collect(),
        _ => vec![value],
    };
    setting.begin(settings);
    items.into_iter().try_for_each(|item| {
        let text = as_text(item).map(|text| match setting.list {
            Some(List::Path | List::Paths) if !text.is_empty() => folder.join(text).display().to_string(),
            Some(List::Reports) => Chosen::rebased(&text, folder),
            _ => text,
        });
        let set = text.and_then(|text| setting.set(settings, &text));
        set.map_err(|message| (item.span().start, format!("{name}: {message}")))
    })
}

fn apply_limit(settings: &mut Settings, key: &Key, value: &Spanned<DeValue>) -> Result<(), Complaint> {
    let name = key.get_ref().as_ref();
    let Some(row) = limit_named(name) else {
        return Err((key.span().start, unknown(name, LIMITS.iter().map(|row| row.name))));
    };
    let set = as_text(value).and_then(|text| set_limit(row, settings, &text));
    set.map_err(|message| (value.span().start, format!("{name}: {message}")))
}

/// The entries in the order of the file, so that the first mistake is named first.
fn sorted<'t, 'i>(table: &'t DeTable<'i>) -> Vec<(&'t Key<'i>, &'t Spanned<DeValue<'i>>)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}

fn as_text(value: &Spanned<DeValue>) -> Result<String, String> {
    match value.get_ref() {
        DeValue::String(text) => Ok(text.clone().into_owned()),
        DeValue::Integer(number) if number.radix() == 10 => Ok(number.as_str().to_owned()),
        DeValue::Boolean(on) => Ok(on.to_string()),
        other => Err(format!("expected a text, a number or true or false, not {}", other.type_str())),
    }
}

fn unknown(name: &str, known: impl Iterator<Item = &'static str>) -> String {
    let known: Vec<_> = known.collect();
    let mut message = format!("there is no setting `{name}`");
    let mut holding = known.iter().filter(|known| known.contains(name));
    let one = holding.next().filter(|_| holding.next().is_none()).copied();
    let _ = match one.or_else(|| nearest(name, known.iter().copied())) {
        Some(near) => write!(message, "; did you mean `{near}`?"),
        None => write!(message, "; there are {}", known.join(", ")),
    };
    message
}

#[cfg(test)]
mod tests {
    use layersift::limits::Limit;
    use layersift::signature::Choice;

    use super::*;

    fn merged(
        file: &str,
        environment: &[(&str, &str)],
        flags: &[(&'static str, String)],
    ) -> anyhow::Result<Config> {
        let folder = tempfile::tempdir()?;
        let deep = folder.path().join("a/b");
        std::fs::create_dir_all(&deep)?;
        std::fs::write(folder.path().join(FILE), file)?;
        let environment = |name: &str| {
            environment.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value))
        };
        merge(&Origins { file: None, folder: &deep, environment: &environment, flags })
    }

    fn formats(settings: &Settings) -> Vec<String> {
        let shown = |chosen: &Chosen| match &chosen.file {
            Some(file) => format!("{}={}", chosen.format.name, file.display()),
            None => chosen.format.name.to_owned(),
        };
        settings.formats.iter().map(shown).collect()
    }

    #[test]
    fn formats_of_a_nearer_origin_replace_the_others() {
        let file = "format = [\"json=/r/a.json\", \"table\"]";
        let all = |environment: &[(&str, &str)], flags: &[&str]| {
            let flags: Vec<_> = flags.iter().map(|value| ("format", (*value).to_owned())).collect();
            formats(&merged(file, environment, &flags).unwrap().settings)
        };
        assert_eq!(all(&[], &[]), ["json=/r/a.json", "table"]);
        let environment = [("LAYERSIFT_FORMAT", "jsonl=b, table")];
        assert_eq!(all(&environment, &[]), ["jsonl=b", "table"]);
        assert_eq!(all(&environment, &["json=x,y"]), ["json=x,y"]);
        let config = merged("format = \"json=a.json\"", &[], &[]).unwrap();
        let beside = config.file.unwrap().with_file_name("a.json");
        assert_eq!(formats(&config.settings), [format!("json={}", beside.display())]);
    }

    fn complaint(file: &str) -> String {
        let error = merged(file, &[], &[]).err().expect("a complaint").to_string();
        let at = error.rfind(FILE).expect("the name of the file");
        error[at..].to_owned()
    }

    #[test]
    fn flags_win_over_the_environment_over_the_file_over_defaults() {
        let file = "format = \"json\"\njobs = 3\nfail-on = \"high\"\n[limits]\nmax-depth = 3\nmax-ratio = 4";
        let environment =
            [("LAYERSIFT_JOBS", "4"), ("LAYERSIFT_FAIL_ON", "critical"), ("LAYERSIFT_MAX_DEPTH", "9")];
        let flags = [("jobs", "5".to_owned())];
        let config = merged(file, &environment, &flags).unwrap();
        let settings = config.settings;
        assert_eq!(formats(&settings), ["json"]);
        assert_eq!(settings.jobs, 5);
        assert_eq!(settings.fail_on.map(layersift::signature::Severity::as_str), Some("critical"));
        assert_eq!(settings.limits.get(Limit::Depth), 9);
        assert_eq!(settings.limits.get(Limit::Ratio), 4);
        assert!(config.file.is_some_and(|file| file.ends_with(FILE)));
    }

    #[test]
    fn switches_can_be_turned_off_again() {
        let flags = [("verbose", "true".to_owned())];
        let config =
            merged("quiet = true\nallow-partial = true", &[("LAYERSIFT_ALLOW_PARTIAL", "false")], &flags);
        let settings = config.unwrap().settings;
        assert!(!settings.allow_partial);
        assert_eq!(settings.detail, layersift::report::Detail::Full);
    }

    #[test]
    fn lists_add_up_and_paths_belong_to_the_folder_of_their_file() {
        let file = "rules = [\"own\", \"/etc/rules.toml\"]\ndisable-rules = [\"jwt\", \"generic-*\"]";
        let environment = [("LAYERSIFT_RULES", "x.toml:y"), ("LAYERSIFT_DISABLE_RULES", "a, b")];
        let flags = [("rules", "z.toml".to_owned()), ("only-rules", "c,d-*".to_owned())];
        let config = merged(file, &environment, &flags).unwrap();
        let folder = config.file.unwrap().parent().unwrap().to_owned();
        let rules =
            [folder.join("own"), "/etc/rules.toml".into(), "x.toml".into(), "y".into(), "z.toml".into()];
        assert_eq!(config.settings.rules, rules);
        let texts = |ids: &[&str]| ids.iter().map(ToString::to_string).collect();
        let choice = Choice { only: texts(&["c", "d-*"]), disable: texts(&["jwt", "generic-*", "a", "b"]) };
        assert_eq!(config.settings.choice, choice);
        insta::assert_snapshot!(complaint("disable-rules = [\n  \"jwt\",\n  \"No Id\"\n]"), @"layersift.toml:3: disable-rules: `No Id`: expected ids of rules, such as github-pat or github-*, with commas between them");
        let files = merged("ignore-file = [\"own\"]\nbaseline = \"b.json\"", &[], &[]).unwrap();
        let folder = files.file.unwrap().parent().unwrap().to_owned();
        assert_eq!(files.settings.ignore_files, [folder.join("own")]);
        assert_eq!(files.settings.baselines, [folder.join("b.json")]);
    }

    #[test]
    fn what_nobody_reads_is_refused_with_its_line() {
        insta::assert_snapshot!(complaint("jobs = 1\n\nfromat = \"json\""), @"layersift.toml:3: there is no setting `fromat`; did you mean `format`?");
        insta::assert_snapshot!(complaint("[limits]\nmax-depht = 1"), @"layersift.toml:2: there is no setting `max-depht`; did you mean `max-depth`?");
        insta::assert_snapshot!(complaint("show-secrets = true"), @"layersift.toml:1: there is no setting `show-secrets`; there are format, template, dockerfile, platform, fail-on, fail-on-new, own-only, base, min-confidence, allow-partial, jobs, max-memory, color, no-progress, quiet, verbose, rules, only-rules, disable-rules, ignore-file, baseline, no-inline-ignore, no-ignore, show-suppressed, cache-dir, no-cache, trust-digests, plain-http, registry-ca, registry-cert, registry-key, registry-mirror, registry-timeout, registry-retries, username, limits, policy, serve");
        insta::assert_snapshot!(complaint("[scan]\njobs = 1"), @"layersift.toml:1: there is no setting `scan`; there are format, template, dockerfile, platform, fail-on, fail-on-new, own-only, base, min-confidence, allow-partial, jobs, max-memory, color, no-progress, quiet, verbose, rules, only-rules, disable-rules, ignore-file, baseline, no-inline-ignore, no-ignore, show-suppressed, cache-dir, no-cache, trust-digests, plain-http, registry-ca, registry-cert, registry-key, registry-mirror, registry-timeout, registry-retries, username, limits, policy, serve");
    }

    #[test]
    fn wrong_values_are_refused_with_their_line() {
        insta::assert_snapshot!(complaint("jobs = 1\nfail-on = \"very\""), @"layersift.toml:2: fail-on: `very`: no such severity (one of critical, high, medium, low, none)");
        insta::assert_snapshot!(complaint("jobs = [1]"), @"layersift.toml:1: jobs: expected a text, a number or true or false, not array");
        insta::assert_snapshot!(complaint("limits = 1"), @"layersift.toml:1: limits: expected a table: write [limits]");
        insta::assert_snapshot!(complaint("[limits]\nmax-layer-bytes = \"1 pound\""), @"layersift.toml:2: max-layer-bytes: `1 pound`: not a size such as 64MiB");
        insta::assert_snapshot!(complaint("jobs = 1\njobs = 2"), @"layersift.toml:2: duplicate key");
        insta::assert_snapshot!(complaint("jobs ="), @"layersift.toml:1: string values must be quoted, expected literal string");
    }

    #[test]
    fn a_policy_is_read_with_its_lines_and_gives_way_to_what_is_typed() {
        let file = "jobs = 1\n[[policy.rule]]\naction = \"warn\"\nstate = \"deleted\"\n";
        let names = |environment: &[(&str, &str)], flags: &[(&'static str, String)]| {
            let rules = merged(file, environment, flags).unwrap().settings.policy;
            rules.into_iter().map(|rule| rule.name).collect::<Vec<_>>()
        };
        assert_eq!(names(&[], &[]), ["state deleted"]);
        assert_eq!(names(&[("LAYERSIFT_FAIL_ON", "high")], &[]), [""; 0]);
        assert_eq!(names(&[], &[("fail-on", "none".to_owned())]), [""; 0]);
        insta::assert_snapshot!(complaint("[[policy.rule]]\naction = \"wran\""), @"layersift.toml:2: action: expected one of fail, warn, pass");
        insta::assert_snapshot!(complaint("[[policy.rule]]\nstate = \"deleted\""), @r#"layersift.toml:1: the rule has no action; write action = "fail", "warn" or "pass""#);
        insta::assert_snapshot!(complaint(&format!("fail-on = \"high\"\n{file}")), @"layersift.toml:1: `fail-on` and [[policy.rule]] both say what fails: write it as a rule, with min-severity");
    }

    #[test]
    fn a_wrong_variable_is_named() {
        let error =
            |value| merged("", &[("LAYERSIFT_JOBS", value)], &[]).err().map(|error| error.to_string());
        insta::assert_snapshot!(error("many").unwrap(), @"LAYERSIFT_JOBS: `many`: not a number that is possible here");
        assert_eq!(error(""), None);
    }

    #[test]
    fn a_named_file_must_be_there() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("own.toml");
        let origins = |file| Origins {
            file: Some(file),
            folder: Path::new("/nowhere"),
            environment: &|_| None,
            flags: &[],
        };
        assert!(merge(&origins(&file)).is_err());
        std::fs::write(&file, "jobs = 2").unwrap();
        assert_eq!(merge(&origins(&file)).unwrap().settings.jobs, 2);
    }

    #[test]
    fn a_fingerprint_key_comes_from_the_environment() {
        let secret = Secret::new("a secret");
        let print = |environment: &[(&str, &str)]| {
            secret.fingerprint(&merged("", environment, &[]).unwrap().fingerprint_key)
        };
        assert_eq!(print(&[]), secret.fingerprint(&FingerprintKey::default()));
        assert_ne!(print(&[]), print(&[("LAYERSIFT_FINGERPRINT_KEY", "ours")]));
    }
}
