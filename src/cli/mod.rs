//! The command line: what was typed becomes the library's options, and what comes of it an exit code.
//!
//! Each subcommand is a file with a `run`. Errors end here: one line that says what, where and why, on standard error.

mod advice;
mod args;
mod baseline;
mod cache;
mod completions;
mod config;
mod diff;
mod doctor;
mod exit;
mod explain;
mod formats;
mod import;
mod interrupt;
mod man;
mod output;
mod policy;
mod progress;
mod remote;
mod rules;
mod ruleset;
mod scan;
#[cfg(feature = "serve")]
mod serve;
mod settings;
mod suppress;
mod terminal;
mod values;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;
use layersift::signature::RuleSet;

use self::args::{Cli, Subcommands};
use self::exit::{Exit, OrStop, Stopped};
use self::output::Output;
use self::terminal::complain;

/// Does what the command line asks for.
pub(crate) fn main() -> ExitCode {
    let done = match Cli::try_parse() {
        Ok(Cli { command: Subcommands::Scan(args) }) => scan::run(&args),
        Ok(Cli { command: Subcommands::Diff(args) }) => diff::run(&args),
        Ok(Cli { command: Subcommands::Baseline(args) }) => baseline::run(&args.command),
        Ok(Cli { command: Subcommands::Policy(args) }) => policy::run(&args.command),
        Ok(Cli { command: Subcommands::Cache(args) }) => cache::run(&args),
        Ok(Cli { command: Subcommands::Doctor(args) }) => doctor::run(&args),
        Ok(Cli { command: Subcommands::Completions(args) }) => completions::run(&args),
        Ok(Cli { command: Subcommands::Man(args) }) => man::run(&args),
        Ok(Cli { command: Subcommands::Rules(args) }) => rules::run(&args.command),
        Ok(Cli { command: Subcommands::Explain(args) }) => explain::run(&args),
        #[cfg(feature = "serve")]
        Ok(Cli { command: Subcommands::Serve(args) }) => serve::run(&args),
        #[cfg(feature = "serve")]
        Ok(Cli { command: Subcommands::Worker(args) }) => serve::work(&args),
        Err(error) if error.kind() == ErrorKind::DisplayVersion => version(),
        Err(error) => {
            // Help that nobody reads any more is no error.
            let _ = error.print();
            let arguments: Vec<_> =
                std::env::args_os().skip(1).filter_map(|word| word.into_string().ok()).collect();
            if let Some(advice) = advice::on_usage(&error, &arguments) {
                terminal::inform(&advice);
            }
            Ok(if error.use_stderr() { Exit::Usage } else { Exit::Clean })
        }
    };
    let exit = done.unwrap_or_else(|Stopped { exit, error }| {
        complain(&format!("{error:#}"));
        exit
    });
    exit.into()
}

/// The rules are counted here, and not by whoever builds the command line: to read them all takes its time.
fn version() -> Result<Exit, Stopped> {
    let (version, rules) = (env!("CARGO_PKG_VERSION"), RuleSet::embedded().rules().len());
    let write = |out: &mut dyn Write| writeln!(out, "layersift {version} ({rules} rules)");
    Output::Stdout.write(write).or_stop(Exit::Failed)?;
    Ok(Exit::Clean)
}
