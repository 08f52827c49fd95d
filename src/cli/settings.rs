//! Every setting as one table: a flag, a key of `layersift.toml` and an environment variable of the same name.
//!
//! A setting's value is text until [`Setting::set`] understands it, so the flag, the file and the environment accept
//! the same and complain alike. The limits of [`LIMITS`] are settings too. What only makes sense for one run (the
//! output file, showing secrets) is no setting, but a flag of its command.

use std::path::PathBuf;

use layersift::findings::policy::Rule;
use layersift::image::Selection;
use layersift::limits::{LIMITS, Limit, LimitRow, Limits};
use layersift::report::{Detail, FORMATS};
use layersift::signature::{Choice, Confidence, Severity};
use layersift::source::Remote;

use super::formats::Chosen;
use super::policy;
use super::remote;
use super::values::{UNITS, color, confidence, ids, number, size, switch};

/// What all settings amount to.
#[derive(Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub(crate) struct Settings {
    /// Reports to write; at least one.
    pub(crate) formats: Vec<Chosen>,
    /// The template of the format of that name.
    pub(crate) template: Option<PathBuf>,
    /// What the images were built from.
    pub(crate) dockerfile: Option<PathBuf>,
    pub(crate) selection: Selection,
    /// None: no finding fails the run.
    pub(crate) fail_on: Option<Severity>,
    /// The rules of the file, in their order.
    pub(crate) policy: Vec<Rule>,
    pub(crate) fail_on_new: bool,
    pub(crate) min_confidence: Confidence,
    pub(crate) allow_partial: bool,
    /// 0: as many as there are cores.
    pub(crate) jobs: usize,
    /// None: as much as the scan takes by itself.
    pub(crate) max_memory: Option<u64>,
    pub(crate) color: anstream::ColorChoice,
    pub(crate) no_progress: bool,
    pub(crate) detail: Detail,
    pub(crate) limits: Limits,
    /// Rule files, and folders of them.
    pub(crate) rules: Vec<PathBuf>,
    /// Which rules are used.
    pub(crate) choice: Choice,
    /// Instead of the nearest one.
    pub(crate) ignore_files: Vec<PathBuf>,
    pub(crate) baselines: Vec<PathBuf>,
    pub(crate) no_ignore: bool,
    pub(crate) no_inline_ignore: bool,
    pub(crate) show_suppressed: bool,
    /// Images that those that are scanned may be built on, as they were named.
    pub(crate) bases: Vec<PathBuf>,
    pub(crate) own_only: bool,
    /// Instead of the user's.
    pub(crate) cache_dir: Option<PathBuf>,
    pub(crate) no_cache: bool,
    pub(crate) trust_digests: bool,
    /// How registries are reached, without the login.
    pub(crate) remote: Remote,
    pub(crate) username: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            formats: vec![Chosen { format: &FORMATS[0], file: None }],
            template: None,
            dockerfile: None,
            selection: Selection::default(),
            fail_on: Some(Severity::Low),
            policy: Vec::new(),
            fail_on_new: false,
            min_confidence: Confidence::Likely,
            allow_partial: false,
            jobs: 0,
            max_memory: None,
            color: anstream::ColorChoice::Auto,
            no_progress: false,
            detail: Detail::Normal,
            limits: Limits::default(),
            rules: Vec::new(),
            choice: Choice::default(),
            ignore_files: Vec::new(),
            baselines: Vec::new(),
            no_ignore: false,
            no_inline_ignore: false,
            show_suppressed: false,
            bases: Vec::new(),
            own_only: false,
            cache_dir: None,
            no_cache: false,
            trust_digests: false,
            remote: Remote::default(),
            username: None,
        }
    }
}

/// One setting.
pub(crate) struct Setting {
    /// Flag without the leading dashes, and key of the file.
    pub(crate) name: &'static str,
    /// Flag of one letter.
    pub(crate) short: Option<char>,
    /// What its value is, for the help; empty for a switch, which is on or off.
    pub(crate) value: &'static str,
    /// What it does, for the help.
    pub(crate) about: &'static str,
    /// Every value, where there is a list of them.
    pub(crate) values: fn() -> Vec<&'static str>,
    /// What it is a list of; such a setting is set item by item.
    pub(crate) list: Option<List>,
    pub(super) set: fn(&mut Settings, &str) -> Result<(), String>,
}

/// What a setting may be a list of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum List {
    /// Files or folders: in the file relative to its own folder, in the environment separated as in `PATH`. They add to
    /// what was set before.
    Paths,
    /// One file, in the file relative to its own folder. The last one counts.
    Path,
    /// Names, which commas separate. They add to what was set before.
    Names,
    /// Reports, in the environment separated by commas, each perhaps with a file as in [`List::Paths`]. They replace what
    /// was set elsewhere.
    Reports,
}

pub(super) const SWITCH: Setting = Setting {
    name: "",
    short: None,
    value: "",
    about: "",
    values: || vec!["true", "false"],
    list: None,
    set: |_, _| Ok(()),
};

/// The settings that make the rule set; commands that only look at rules know them too.
pub(crate) const RULE_SETTINGS: &[&str] = &["rules", "only-rules", "disable-rules"];

/// The settings that say what is not shown.
pub(crate) const IGNORE_SETTINGS: &[&str] =
    &["ignore-file", "baseline", "no-inline-ignore", "no-ignore", "show-suppressed"];

/// The settings that say which findings fail, but for the rules of the file.
pub(crate) const POLICY_SETTINGS: &[&str] =
    &["fail-on", "fail-on-new", "own-only", "allow-partial", "baseline"];

/// The settings of reports.
pub(crate) const REPORT_SETTINGS: &[&str] = &["format", "template", "dockerfile", "show-suppressed"];

/// The settings about what earlier scans left.
pub(crate) const CACHE_SETTINGS: &[&str] = &["cache-dir", "no-cache", "trust-digests"];

/// Every setting but the limits. To add one: a field of [`Settings`] and a row here.
pub(crate) const SETTINGS: &[Setting] = &[
    Setting {
        name: "format",
        short: Some('f'),
        value: "FORMAT[=FILE]",
        about: "How to write the report, and to which file; may be repeated [default: table]",
        values: || FORMATS.iter().map(|format| format.name).collect(),
        list: Some(List::Reports),
        set: |settings, text| Chosen::parse(text).map(|chosen| settings.formats.push(chosen)),
    },
    Setting {
        name: "template",
        short: None,
        value: "FILE",
        about: "Fill this template for --format template",
        values: Vec::new,
        list: Some(List::Path),
        set: |settings, text| {
            settings.template = Some(text.into());
            Ok(())
        },
    },
    Setting {
        name: "dockerfile",
        short: None,
        value: "FILE",
        about: "Name the lines of this Dockerfile, from which the images were built",
        values: Vec::new,
        list: Some(List::Path),
        set: |settings, text| {
            settings.dockerfile = Some(text.into());
            Ok(())
        },
    },
    Setting {
        name: "platform",
        short: None,
        value: "OS/ARCH[/VARIANT]",
        about: "Scan this platform only, or `all` that are named [default: all that are there]",
        values: Vec::new,
        list: None,
        set: |settings, text| {
            settings.selection = text
                .parse()
                .map_err(|_| "expected os/arch, os/arch/variant or all, for example linux/arm64")?;
            Ok(())
        },
    },
    policy::FAIL_ON,
    policy::FAIL_ON_NEW,
    policy::OWN_ONLY,
    Setting {
        name: "base",
        short: None,
        value: "IMAGE",
        about: "An image that the scanned one may be built on: findings say which of the two they are of; may be repeated",
        values: Vec::new,
        list: Some(List::Paths),
        set: |settings, text| {
            settings.bases.push(text.into());
            Ok(())
        },
    },
    Setting {
        name: "min-confidence",
        short: None,
        value: "CONFIDENCE",
        about: "Least confidence of a finding that is shown; others are counted [default: likely]",
        values: || Confidence::ALL.iter().map(|confidence| confidence.as_str()).collect(),
        list: None,
        set: |settings, text| {
            settings.min_confidence = confidence(text)?;
            Ok(())
        },
    },
    policy::ALLOW_PARTIAL,
    Setting {
        name: "jobs",
        short: Some('j'),
        value: "N",
        about: "Threads to use [default: 0, as many as there are cores]",
        values: Vec::new,
        list: None,
        set: |settings, text| number(text).map(|jobs| settings.jobs = jobs),
    },
    Setting {
        name: "max-memory",
        short: None,
        value: "BYTES",
        about: "Memory to use [default: 115MB for one thread, 128MB for two, and 18MB for each further one]",
        values: Vec::new,
        list: None,
        set: |settings, text| size(text).map(|bytes| settings.max_memory = Some(bytes)),
    },
    Setting {
        name: "color",
        short: None,
        value: "WHEN",
        about: "Whether to use colours [default: auto]",
        values: || vec!["auto", "always", "never"],
        list: None,
        set: |settings, text| color(text).map(|choice| settings.color = choice),
    },
    Setting {
        name: "no-progress",
        about: "Draw no progress bar",
        set: |settings, text| switch(text).map(|on| settings.no_progress = on),
        ..SWITCH
    },
    Setting {
        name: "quiet",
        short: Some('q'),
        about: "Say nothing but findings and gaps",
        set: |settings, text| switch(text).map(|on| settings.detail = detail(on, Detail::Brief)),
        ..SWITCH
    },
    Setting {
        name: "verbose",
        short: Some('v'),
        about: "Show every place and every blob",
        set: |settings, text| switch(text).map(|on| settings.detail = detail(on, Detail::Full)),
        ..SWITCH
    },
    Setting {
        name: "rules",
        short: None,
        value: "FILE|DIR",
        about: "Use the rules of this file, or of the *.toml of this folder, too; may be repeated",
        values: Vec::new,
        list: Some(List::Paths),
        set: |settings, text| {
            settings.rules.push(text.into());
            Ok(())
        },
    },
    Setting {
        name: "only-rules",
        short: None,
        value: "ID,…",
        about: "Use no rules but these; `ID*` names all that begin so; may be repeated",
        values: Vec::new,
        list: Some(List::Names),
        set: |settings, text| ids(text).map(|ids| settings.choice.only.extend(ids)),
    },
    Setting {
        name: "disable-rules",
        short: None,
        value: "ID,…",
        about: "Do not use these rules; `ID*` names all that begin so; may be repeated",
        values: Vec::new,
        list: Some(List::Names),
        set: |settings, text| ids(text).map(|ids| settings.choice.disable.extend(ids)),
    },
    Setting {
        name: "ignore-file",
        short: None,
        value: "FILE",
        about: "Ignore what the entries of this file name, instead of the nearest .layersiftignore; may be repeated",
        values: Vec::new,
        list: Some(List::Paths),
        set: |settings, text| {
            settings.ignore_files.push(text.into());
            Ok(())
        },
    },
    policy::BASELINE,
    Setting {
        name: "no-inline-ignore",
        about: "Do not believe `layersift:ignore` in files and build steps of the image",
        set: |settings, text| switch(text).map(|on| settings.no_inline_ignore = on),
        ..SWITCH
    },
    Setting {
        name: "no-ignore",
        about: "Show everything: no ignore file, no baseline, no `layersift:ignore`",
        set: |settings, text| switch(text).map(|on| settings.no_ignore = on),
        ..SWITCH
    },
    Setting {
        name: "show-suppressed",
        about: "List what is suppressed, by whom and why; JSON always does",
        set: |settings, text| switch(text).map(|on| settings.show_suppressed = on),
        ..SWITCH
    },
    Setting {
        name: "cache-dir",
        short: None,
        value: "DIR",
        about: "Keep what layers yield in this folder [default: layersift in $XDG_CACHE_HOME or ~/.cache]",
        values: Vec::new,
        list: Some(List::Path),
        set: |settings, text| {
            settings.cache_dir = Some(text.into()).filter(|_| !text.is_empty());
            Ok(())
        },
    },
    Setting {
        name: "no-cache",
        about: "Scan everything anew, and keep nothing; --show-secrets does so too",
        set: |settings, text| switch(text).map(|on| settings.no_cache = on),
        ..SWITCH
    },
    Setting {
        name: "trust-digests",
        about: "Believe the digests by which a file names its blobs, instead of hashing what is in the cache",
        set: |settings, text| switch(text).map(|on| settings.trust_digests = on),
        ..SWITCH
    },
    remote::PLAIN_HTTP,
    remote::REGISTRY_CA,
    remote::REGISTRY_CERT,
    remote::REGISTRY_KEY,
    remote::REGISTRY_MIRROR,
    remote::REGISTRY_TIMEOUT,
    remote::REGISTRY_RETRIES,
    remote::USERNAME,
];

impl Setting {
    /// The setting of that name.
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        SETTINGS.iter().find(|setting| setting.name == name)
    }

    /// Whether it is on or off.
    pub(crate) fn is_switch(&self) -> bool {
        self.value.is_empty()
    }

    /// Forgets what was set elsewhere, if its values do not add to that.
    pub(crate) fn begin(&self, settings: &mut Settings) {
        if self.list == Some(List::Reports) {
            settings.formats.clear();
        }
    }

    /// Takes a value as it was typed.
    pub(crate) fn set(&self, settings: &mut Settings, text: &str) -> Result<(), String> {
        let values = || if self.list == Some(List::Reports) { Vec::new() } else { (self.values)() };
        (self.set)(settings, text).map_err(|message| complain(text, &message, &values()))
    }
}

/// The limit of that name.
pub(crate) fn limit_named(name: &str) -> Option<&'static LimitRow> {
    LIMITS.iter().find(|row| row.name == name)
}

/// Takes a limit as it was typed.
pub(crate) fn set_limit(row: &LimitRow, settings: &mut Settings, text: &str) -> Result<(), String> {
    let value = if row.bytes { size(text) } else { number(text) };
    let value = value.map_err(|message| complain(text, &message, &[]))?;
    settings.limits = settings.limits.clone().with(row.limit, value);
    Ok(())
}

/// A limit's default as it would be typed.
pub(crate) fn typed_default(limit: Limit) -> String {
    let value = Limits::default().get(limit);
    let bytes = LIMITS.iter().any(|row| row.limit == limit && row.bytes);
    let unit = UNITS.iter().filter(|(name, _)| name.ends_with("iB")).rev();
    match unit.into_iter().find(|(_, unit)| value >= *unit && value.is_multiple_of(*unit)) {
        Some((name, unit)) if bytes => format!("{}{name}", value / unit),
        _ => value.to_string(),
    }
}

fn complain(text: &str, message: &str, values: &[&str]) -> String {
    let values = match values {
        [] => String::new(),
        values => format!(" (one of {})", values.join(", ")),
    };
    format!("`{text}`: {message}{values}")
}

fn detail(on: bool, detail: Detail) -> Detail {
    if on { detail } else { Detail::Normal }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn set(name: &str, text: &str) -> Result<Settings, String> {
        let mut settings = Settings::default();
        Setting::named(name).unwrap().set(&mut settings, text).map(|()| settings)
    }

    #[test]
    fn names_are_unique_and_every_listed_value_is_taken() {
        let names: BTreeSet<_> =
            SETTINGS.iter().map(|setting| setting.name).chain(LIMITS.iter().map(|row| row.name)).collect();
        assert_eq!(names.len(), SETTINGS.len() + LIMITS.len());
        for setting in SETTINGS {
            assert!(!setting.about.is_empty(), "{}", setting.name);
            for value in (setting.values)() {
                assert_eq!(set(setting.name, value).err(), None, "{}", setting.name);
            }
            let anything = matches!(setting.list, Some(List::Path | List::Paths));
            assert_eq!(set(setting.name, "no such value").is_ok(), anything, "{}", setting.name);
        }
    }

    #[test]
    fn a_complaint_names_the_value_and_those_that_are_possible() {
        insta::assert_snapshot!(set("fail-on", "hgih").err().unwrap(), @"`hgih`: no such severity (one of critical, high, medium, low, none)");
        insta::assert_snapshot!(set("jobs", "-1").err().unwrap(), @"`-1`: not a number that is possible here");
    }

    #[test]
    fn platforms_are_understood() {
        let selection = |text| set("platform", text).map(|settings| settings.selection);
        assert_eq!(selection("all"), Ok(Selection::All));
        assert!(matches!(selection("linux/arm/v7"), Ok(Selection::Platform(_))));
        assert!(selection("linux/").is_err());
        assert_eq!(Settings::default().selection, Selection::Available);
    }

    #[test]
    fn a_limit_takes_its_own_default_back() {
        for row in LIMITS {
            let mut settings = Settings::default();
            set_limit(row, &mut settings, &typed_default(row.limit)).unwrap();
            assert_eq!(settings.limits, Limits::default(), "{}", row.name);
            set_limit(row, &mut settings, "7").unwrap();
            assert_eq!(settings.limits.get(row.limit), 7);
        }
    }
}
