//! `layersift completions`: a script by which a shell completes what is typed.

use clap::CommandFactory;

use super::args::{Cli, CompletionsArgs};
use super::exit::{Exit, OrStop, Stopped};
use super::output::Output;

pub(crate) fn run(args: &CompletionsArgs) -> Result<Exit, Stopped> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), env!("CARGO_BIN_NAME"), &mut script);
    Output::Stdout.write(|out| out.write_all(&script)).or_stop(Exit::Failed)?;
    Ok(Exit::Clean)
}
