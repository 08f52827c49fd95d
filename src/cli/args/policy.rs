//! What was typed after `baseline` and `policy`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Subcommand, ValueHint};

use super::{TypedPolicy, TypedScan};

/// Keep a list of what is known, so that only new findings fail.
#[derive(clap::Args)]
#[command(after_help = BASELINE_MORE)]
pub(crate) struct BaselineArgs {
    #[command(subcommand)]
    pub(crate) command: BaselineCommand,
}

#[derive(Subcommand)]
pub(crate) enum BaselineCommand {
    /// Write what images, or reports of them, have now
    Create {
        #[command(flatten)]
        gather: GatherArgs,

        /// Write it anew if it is there; days and reasons are lost
        #[arg(long)]
        force: bool,
    },
    /// Add what is new and drop what is gone; reasons and days stay
    Update {
        #[command(flatten)]
        gather: GatherArgs,

        /// Drop nothing: these are not all the images that the baseline is for
        #[arg(long)]
        keep_gone: bool,
    },
    /// List what a baseline knows, since when and why
    Show {
        /// The baseline, or a report in json
        #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
        file: PathBuf,

        /// How to write it
        #[arg(short, long, value_name = "FORMAT", default_value = "table", value_parser = ["table", "json"])]
        format: String,
    },
}

/// What goes into a baseline.
#[derive(clap::Args)]
pub(crate) struct GatherArgs {
    /// The baseline
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,

    /// Images, as `layersift scan` takes them, or reports of scans: files `*.json` that --format json wrote
    #[arg(value_name = "IMAGE|REPORT", required = true, value_hint = ValueHint::AnyPath)]
    pub(crate) inputs: Vec<OsString>,

    /// Why what is new in it may stay for now
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,

    /// Take the settings of this file instead of the nearest layersift.toml
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) config: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) settings: TypedScan,
}

/// Look at what fails a run, or try it on a report.
#[derive(clap::Args)]
#[command(after_help = POLICY_MORE)]
pub(crate) struct PolicyArgs {
    #[command(subcommand)]
    pub(crate) command: PolicyCommand,
}

#[derive(Subcommand)]
pub(crate) enum PolicyCommand {
    /// List the rules in their order, those that options stand for too
    Show {
        #[command(flatten)]
        asked: AskedPolicy,
    },
    /// Say what of reports would fail, by which rule
    Check {
        /// Reports of scans that --format json wrote
        #[arg(value_name = "REPORT", required = true, value_hint = ValueHint::FilePath)]
        reports: Vec<PathBuf>,

        #[command(flatten)]
        asked: AskedPolicy,
    },
}

/// Which policy, and how to write what is said.
#[derive(clap::Args)]
pub(crate) struct AskedPolicy {
    /// How to write it
    #[arg(short, long, value_name = "FORMAT", default_value = "table", value_parser = ["table", "json"])]
    pub(crate) format: String,

    /// Take the settings of this file instead of the nearest layersift.toml
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) config: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) settings: TypedPolicy,
}

const BASELINE_MORE: &str = "\
Examples:
  layersift baseline create known.json app.tar
  layersift scan --baseline known.json app.tar                 show what is new
  layersift scan --baseline known.json --fail-on-new app.tar   show all, fail on what is new
  layersift baseline update known.json app.tar

Exit codes:
  0  done
  2  the command line, a setting or the baseline is wrong
  3  an image could not be read at all, or the baseline not be written
  4  done, but not everything of an image could be looked at
     (--allow-partial makes it 0)";

const POLICY_MORE: &str = "\
The policy stands in layersift.toml; the first rule that matches decides, and
what no rule matches fails:

  [[policy.rule]]
  action = \"pass\"
  path = \"/usr/share/doc/\"

  [[policy.rule]]
  action = \"fail\"
  min-severity = \"high\"

  [[policy.rule]]
  action = \"warn\"

Exit codes of check:
  0  no finding fails
  1  a finding fails
  2  the command line, a setting or a report is wrong
  3  a report could not be read
  4  no finding fails, but not everything was looked at
     (--allow-partial makes it 0)";
