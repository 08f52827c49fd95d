//! What was typed. Nothing is decided here: `config` merges the settings, the subcommands do the work.

mod policy;
mod shell;

use std::ffi::OsString;
use std::marker::PhantomData;
use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches, Parser, Subcommand, ValueHint};
use layersift::limits::LIMITS;

pub(crate) use self::policy::{
    AskedPolicy, BaselineArgs, BaselineCommand, GatherArgs, PolicyArgs, PolicyCommand,
};
pub(crate) use self::shell::{CompletionsArgs, DoctorArgs, ManArgs};
use super::remote::REGISTRY_SETTINGS;
use super::settings::{
    CACHE_SETTINGS, IGNORE_SETTINGS, List, POLICY_SETTINGS, REPORT_SETTINGS, RULE_SETTINGS, SETTINGS,
    Setting, typed_default,
};

/// Finds every credential that a container image leaks: in its layers, deleted files, build history and config.
#[derive(Parser)]
#[command(name = "layersift", version, subcommand_required = true, arg_required_else_help = true, after_help = ABOUT_MORE)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Subcommands,
}

#[derive(Subcommand)]
pub(crate) enum Subcommands {
    Scan(ScanArgs),
    Rules(RulesArgs),
    Explain(ExplainArgs),
    Diff(DiffArgs),
    Baseline(BaselineArgs),
    Policy(PolicyArgs),
    Cache(CacheArgs),
    Doctor(DoctorArgs),
    Completions(CompletionsArgs),
    Man(ManArgs),
    #[cfg(feature = "serve")]
    Serve(ServeArgs),
    #[cfg(feature = "serve")]
    Worker(ServiceArgs),
}

/// Run the service: registries tell it of pushes, and it scans what was pushed.
#[cfg(feature = "serve")]
#[derive(clap::Args)]
#[command(after_help = SERVE_MORE)]
pub(crate) struct ServeArgs {
    /// Address and port to listen at, instead of that of the configuration
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) listen: Option<String>,

    /// Check the configuration and look at the database, without changing anything, and end
    #[arg(long)]
    pub(crate) check: bool,

    /// Look through every registry of the configuration now, for what no hook told of
    #[arg(long)]
    pub(crate) sweep_now: bool,

    #[command(flatten)]
    pub(crate) service: ServiceArgs,
}

/// Do jobs of a service, beside it and without listening.
#[cfg(feature = "serve")]
#[derive(clap::Args)]
pub(crate) struct ServiceArgs {
    /// Take the settings of this file instead of the nearest layersift.toml; the service's are in its table [serve]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) config: Option<PathBuf>,

    /// Folder for what the service knows, instead of that of the configuration
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) data: Option<PathBuf>,

    /// Jobs at a time, instead of the number in the configuration
    #[arg(long, value_name = "N")]
    pub(crate) workers: Option<usize>,
}

#[cfg(feature = "serve")]
const SERVE_MORE: &str = "\
Examples:
  layersift serve --config layersift.toml --check
  layersift serve --config layersift.toml --data /var/lib/layersift
";

/// Scan images: saved ones, and those of engines and registries.
#[derive(clap::Args)]
#[command(after_help = SCAN_MORE)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub(crate) struct ScanArgs {
    /// An archive (docker save, podman save, OCI), the folder of an OCI layout, `-` for standard input, docker:NAME,
    /// podman:NAME, registry:NAME, or a bare name, which is looked for in that order
    #[arg(value_name = "IMAGE", required = true, value_hint = ValueHint::AnyPath)]
    pub(crate) images: Vec<OsString>,

    /// Write the report to this file, whole or not at all
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,

    /// Scan every tag of repositories: the names of the images are those of repositories then
    #[arg(long, help_heading = "Registries", conflicts_with = "catalog")]
    pub(crate) all_tags: bool,

    /// Scan every tag of every repository: the names of the images are those of registries then
    #[arg(long, help_heading = "Registries")]
    pub(crate) catalog: bool,

    /// Scan every image of engines: the names of the images are `docker` or `podman` then
    #[arg(long, help_heading = "Engines", conflicts_with_all = ["all_tags", "catalog"])]
    pub(crate) all_images: bool,

    /// Of those tags, scan only such as this glob; may be repeated
    #[arg(long, value_name = "GLOB", help_heading = "Registries")]
    pub(crate) tags: Vec<String>,

    /// Of those tags, scan only images made since then: an age such as 12h, 30d or 8w, a date, or a time (RFC 3339)
    #[arg(long, value_name = "TIME", help_heading = "Registries")]
    pub(crate) newer_than: Option<String>,

    /// Of images in a registry, read history, configuration and attestations, and no layer
    #[arg(long, help_heading = "Registries")]
    pub(crate) history_only: bool,

    /// Read the password of --username from standard input
    #[arg(long, help_heading = "Registries")]
    pub(crate) password_stdin: bool,

    /// Write the credentials themselves and not only what lets their owner recognise them
    #[arg(long)]
    pub(crate) show_secrets: bool,

    /// Write a baseline of what is found to this file, for later scans with --baseline
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) write_baseline: Option<PathBuf>,

    /// Take the settings of this file instead of the nearest layersift.toml
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) config: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) settings: Typed,
}

/// Explain a credential: what it is, what somebody can do with it, how to revoke it, how to build without it.
#[derive(clap::Args)]
#[command(after_help = EXPLAIN_MORE)]
pub(crate) struct ExplainArgs {
    /// Id of a rule; with --report also a fingerprint, or its first digits
    #[arg(value_name = "RULE|FINGERPRINT")]
    pub(crate) what: String,

    /// Explain a finding of this report, in json or jsonl, for its own places
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) report: Option<PathBuf>,

    /// Take the settings of this file instead of the nearest layersift.toml
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) config: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) settings: TypedRules,
}

/// Look at the rules, or check rules of your own.
#[derive(clap::Args)]
pub(crate) struct RulesArgs {
    #[command(subcommand)]
    pub(crate) command: RulesCommand,
}

#[derive(Subcommand)]
pub(crate) enum RulesCommand {
    /// List every rule that a scan would use, and those that are disabled
    List {
        #[command(flatten)]
        look: Look,
    },
    /// Show all that is known of one rule
    Show {
        /// Id of the rule
        id: String,

        #[command(flatten)]
        look: Look,
    },
    /// Check rule files: their form, that their examples are found, and what other rules say of them
    Check {
        /// Rule files, or folders of them; the rules of this program if none is named
        #[arg(value_name = "FILE|DIR", value_hint = ValueHint::AnyPath)]
        paths: Vec<PathBuf>,
    },
    /// Make a rule file of the rules of Gitleaks or Betterleaks
    #[command(after_help = IMPORT_MORE)]
    Import {
        /// Configuration files in TOML
        #[arg(value_name = "FILE", required = true, value_hint = ValueHint::FilePath)]
        files: Vec<PathBuf>,

        /// Write the rules to this file instead of standard output
        #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        output: Option<PathBuf>,
    },
}

/// Compare two images, or the JSON reports of two scans: which findings are new, gone, and still there.
#[derive(clap::Args)]
#[command(after_help = DIFF_MORE)]
pub(crate) struct DiffArgs {
    /// The older image, or a report of it: a file `*.json` that --format json wrote
    #[arg(value_name = "OLD", value_hint = ValueHint::AnyPath)]
    pub(crate) old: OsString,

    /// The newer one
    #[arg(value_name = "NEW", value_hint = ValueHint::AnyPath)]
    pub(crate) new: OsString,

    /// Write the comparison to this file, whole or not at all
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,

    /// Take the settings of this file instead of the nearest layersift.toml
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) config: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) settings: Typed,
}

/// Look at what earlier scans left for later ones, or remove it.
#[derive(clap::Args)]
#[command(after_help = CACHE_MORE)]
pub(crate) struct CacheArgs {
    #[command(subcommand)]
    pub(crate) command: CacheCommand,

    /// The folder of the cache, instead of the user's own
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, global = true)]
    pub(crate) cache_dir: Option<PathBuf>,

    /// Take the settings of this file instead of the nearest layersift.toml
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, global = true)]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Subcommand)]
pub(crate) enum CacheCommand {
    /// Say where the cache is and how much is in it
    Stats {
        /// How to write it
        #[arg(short, long, value_name = "FORMAT", default_value = "table", value_parser = ["table", "json"])]
        format: String,
    },
    /// Remove what was not asked for lately, and more than there is room for; every scan does so too
    Prune {
        /// Days after which a report goes that no scan asked for [default: 90]
        #[arg(long, value_name = "DAYS")]
        max_age: Option<u64>,

        /// Bytes that may stay, such as 200MiB [default: 1GiB]
        #[arg(long, value_name = "BYTES")]
        max_size: Option<String>,
    },
    /// Remove everything, the key too
    Clear,
}

/// How to look at rules, and at which.
#[derive(clap::Args)]
pub(crate) struct Look {
    /// How to write them
    #[arg(short, long, value_name = "FORMAT", default_value = "table", value_parser = ["table", "json"])]
    pub(crate) format: String,

    /// Take the settings of this file instead of the nearest layersift.toml
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) config: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) settings: TypedRules,
}

/// Name and value of every setting that was typed, in the order of the table. Which there are says `W`.
pub(crate) struct TypedOf<W>(pub(crate) Vec<(&'static str, String)>, PhantomData<W>);

/// Every setting, and the limits.
pub(crate) type Typed = TypedOf<All>;
/// The settings that make the rule set.
pub(crate) type TypedRules = TypedOf<Rules>;
/// What a scan asks for that writes no report, and the limits.
pub(crate) type TypedScan = TypedOf<ScanOnly>;
/// What says which findings fail.
pub(crate) type TypedPolicy = TypedOf<Policy>;

/// Some of the settings.
pub(crate) trait Which {
    /// Whether the setting of that name is one of them.
    fn has(name: &str) -> bool;
    /// Whether the limits are.
    const LIMITS: bool = true;
}

pub(crate) struct All;
pub(crate) struct Rules;
pub(crate) struct ScanOnly;
pub(crate) struct Policy;

impl Which for All {
    fn has(_: &str) -> bool {
        true
    }
}

impl Which for Rules {
    fn has(name: &str) -> bool {
        RULE_SETTINGS.contains(&name)
    }
    const LIMITS: bool = false;
}

impl Which for ScanOnly {
    fn has(name: &str) -> bool {
        !REPORT_SETTINGS.contains(&name) && !POLICY_SETTINGS.contains(&name) || name == "allow-partial"
    }
}

impl Which for Policy {
    fn has(name: &str) -> bool {
        POLICY_SETTINGS.contains(&name)
    }
    const LIMITS: bool = false;
}

fn settings_of<W: Which>() -> impl Iterator<Item = &'static Setting> {
    SETTINGS.iter().filter(|setting| W::has(setting.name))
}

impl<W: Which> Args for TypedOf<W> {
    fn augment_args(command: Command) -> Command {
        let limits = LIMITS.iter().filter(|_| W::LIMITS).map(|row| {
            let kind = if row.bytes { "BYTES" } else { "N" };
            let about = format!("{} [default: {}]", sentence(row.about), typed_default(row.limit));
            Arg::new(row.name).long(row.name).value_name(kind).help(about).help_heading("Limits")
        });
        command.args(settings_of::<W>().map(flag)).args(limits)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl<W: Which> FromArgMatches for TypedOf<W> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let limits = LIMITS
            .iter()
            .filter(|_| W::LIMITS)
            .filter_map(|row| matches.get_one::<String>(row.name).map(|value| (row.name, value.clone())));
        let typed = settings_of::<W>().flat_map(|setting| typed(setting, matches)).chain(limits).collect();
        Ok(Self(typed, PhantomData))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// Each value of a setting that was typed.
fn typed(setting: &Setting, matches: &ArgMatches) -> Vec<(&'static str, String)> {
    let values = if setting.is_switch() {
        matches.get_flag(setting.name).then(|| "true".to_owned()).into_iter().collect()
    } else {
        matches.get_many::<String>(setting.name).into_iter().flatten().cloned().collect::<Vec<_>>()
    };
    values.into_iter().map(|value| (setting.name, value)).collect()
}

fn flag(setting: &Setting) -> Arg {
    let flag = Arg::new(setting.name).long(setting.name).help(setting.about);
    let heading = |name: &str| match name {
        name if RULE_SETTINGS.contains(&name) => Some("Rules"),
        name if POLICY_SETTINGS.contains(&name) && name != "baseline" => Some("What fails"),
        name if IGNORE_SETTINGS.contains(&name) => Some("Not shown"),
        name if CACHE_SETTINGS.contains(&name) => Some("Cache"),
        name if REGISTRY_SETTINGS.contains(&name) => Some("Registries"),
        _ => None,
    };
    let flag = match heading(setting.name) {
        Some(heading) => flag.help_heading(heading),
        None => flag,
    };
    let flag = match setting.short {
        Some(short) => flag.short(short),
        None => flag,
    };
    if setting.is_switch() {
        return flag.action(ArgAction::SetTrue);
    }
    let flag = flag.value_name(setting.value);
    let flag = match setting.list {
        Some(List::Path) => flag.value_hint(ValueHint::FilePath),
        Some(List::Paths) => flag.action(ArgAction::Append).value_hint(ValueHint::AnyPath),
        // One of several may be typed as such.
        Some(List::Names) => flag.action(ArgAction::Append).alias(setting.name.trim_end_matches('s')),
        Some(List::Reports) => {
            let values = (setting.values)().join(", ");
            return flag
                .action(ArgAction::Append)
                .help(format!("{} [possible values: {values}]", setting.about));
        }
        None => flag,
    };
    match (setting.values)() {
        values if values.is_empty() => flag,
        values => flag.value_parser(PossibleValuesParser::new(values)),
    }
}

fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

const EXPLAIN_MORE: &str = "\
Examples:
  layersift explain github-pat
  layersift explain --report report.json b5b534e9
  layersift explain --report report.json npm-access-token";

const IMPORT_MORE: &str = "\
What does not come over as it was is told on standard error and at the top of
the file.

Exit codes:
  0  all rules were imported
  2  a file is no such configuration
  3  a file could not be read or written
  4  something was left out";

const DIFF_MORE: &str = "\
The settings are those of a scan; of its formats there are table and json.

Examples:
  layersift diff app-1.tar app-2.tar
  layersift diff yesterday.json app.tar --fail-on high

Exit codes:
  0  no finding is new, or none that is fails
  1  a new finding fails: any, or what --fail-on or the policy of layersift.toml
     says
  2  the command line or a setting is wrong
  3  an image or a report could not be read, or the comparison not be written
  4  no finding is new, but not everything of the newer image could be looked
     at (--allow-partial makes it 0)";

const CACHE_MORE: &str = "\
The cache holds what each layer yielded under its digest, for the rules, limits
and program that found it, and no credential: only redacted forms and keyed
hashes. The key is the file `key` beside it.

Exit codes:
  0  done
  2  the command line or a setting is wrong
  3  the cache could not be read or written";

const ABOUT_MORE: &str = "\
Examples:
  layersift scan app.tar
  docker save app:latest | layersift scan -
  layersift scan docker:app:latest
  layersift scan ghcr.io/org/app:1.2
  layersift scan --help";

const SCAN_MORE: &str = "\
Examples:
  layersift scan app.tar                          an archive
  docker save app:latest | layersift scan -       one pass, no temporary file
  layersift scan docker:app:latest                an image of the Docker engine
  layersift scan ghcr.io/org/app:1.2              an image in a registry, without a pull
  layersift scan ./layout --platform linux/arm64  one platform of an OCI layout
  layersift scan --format json -o report.json a.tar b.tar
  layersift scan --format json=report.json --format table app.tar
  layersift scan --fail-on high --allow-partial app.tar
  layersift scan --baseline known.json app.tar    only what is new

Exit codes:
  0  no finding fails, and everything was looked at
  1  a finding fails: any, or what --fail-on or the policy of layersift.toml
     says
  2  the command line or a setting is wrong
  3  an image could not be read at all, or the report not be written
  4  no finding fails, but not everything could be looked at
     (--allow-partial makes it 0)

Settings:
  Every option but -o, --show-secrets, --write-baseline, --password-stdin and
  --config can also stand in layersift.toml, found upwards from the working folder
  (format = \"json\", limits under [limits], what fails in [[policy.rule]]), or in the
  environment (LAYERSIFT_FORMAT=json).
  Flags win over the environment, and the environment over the file; what
  they say of rules and of what to ignore adds up.
  LAYERSIFT_PASSWORD may hold the password of --username, and
  LAYERSIFT_FINGERPRINT_KEY a key of your own for the fingerprints
  in reports.";

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn typed(line: &str) -> Result<ScanArgs, clap::Error> {
        match Cli::try_parse_from(line.split(' '))?.command {
            Subcommands::Scan(args) => Ok(args),
            _ => panic!("not a scan: {line}"),
        }
    }

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_setting_is_a_flag() {
        for setting in SETTINGS {
            let value = match (setting.values)().first() {
                _ if setting.is_switch() => String::new(),
                Some(value) => format!(" {value}"),
                None => " 1".to_owned(),
            };
            let args = typed(&format!("layersift scan - --{}{value}", setting.name)).unwrap();
            let value = if setting.is_switch() { "true" } else { value.trim() };
            assert_eq!(args.settings.0, [(setting.name, value.to_owned())]);
        }
        for row in LIMITS {
            let args = typed(&format!("layersift scan - --{} 1KiB", row.name)).unwrap();
            assert_eq!(args.settings.0, [(row.name, "1KiB".to_owned())]);
        }
    }

    #[test]
    fn nothing_typed_is_nothing_stored() {
        let args = typed("layersift scan a.tar -").unwrap();
        assert_eq!(args.images, ["a.tar", "-"]);
        assert!(args.settings.0.is_empty() && args.output.is_none() && !args.show_secrets);
    }

    #[test]
    fn a_value_that_is_none_of_the_list_is_a_usage_error() {
        for line in
            ["layersift scan - --fail-on hgih", "layersift scan", "layersift", "layersift scan - --nothing"]
        {
            assert_eq!(typed(line).err().map(|error| error.exit_code()), Some(2), "{line}");
        }
    }
}
