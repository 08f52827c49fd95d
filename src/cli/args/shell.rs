//! What was typed after `completions`, `man` and `doctor`.

use std::path::PathBuf;

use clap::ValueHint;
use clap_complete::Shell;

use super::TypedScan;

/// Write a script that completes options and names in a shell.
#[derive(clap::Args)]
#[command(after_help = COMPLETIONS_MORE)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL")]
    pub(crate) shell: Shell,
}

/// Write the manual pages of all commands into a folder.
#[derive(clap::Args)]
#[command(after_help = MAN_MORE)]
pub(crate) struct ManArgs {
    /// The folder, which is made if it is not there
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) folder: PathBuf,
}

/// Say what a scan here would find around it: settings, cache, terminal, network, logins, engines.
#[derive(clap::Args)]
#[command(after_help = DOCTOR_MORE)]
pub(crate) struct DoctorArgs {
    /// How to write it
    #[arg(short, long, value_name = "FORMAT", default_value = "table", value_parser = ["table", "json"])]
    pub(crate) format: String,

    /// Take the settings of this file instead of the nearest layersift.toml
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) config: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) settings: TypedScan,
}

const COMPLETIONS_MORE: &str = "\
Where shells look for it:
  bash        layersift completions bash > ~/.local/share/bash-completion/completions/layersift
  zsh         layersift completions zsh > ~/.zfunc/_layersift   (with ~/.zfunc in fpath)
  fish        layersift completions fish > ~/.config/fish/completions/layersift.fish
  powershell  layersift completions powershell >> $PROFILE
  elvish      layersift completions elvish >> ~/.config/elvish/rc.elv";

const MAN_MORE: &str = "\
Examples:
  layersift man ~/.local/share/man/man1
  man layersift-scan";

const DOCTOR_MORE: &str = "\
No connection is opened, and no password is read or shown.

Exit codes:
  0  all of it works
  3  something is broken; it is marked, with what to do";
