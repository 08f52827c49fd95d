//! `layersift man`: manual pages, one for each command, made of the help.

use std::fs::create_dir_all;
use std::path::Path;

use anyhow::Context;
use clap::{Command, CommandFactory};
use clap_mangen::Man;

use super::args::{Cli, ManArgs};
use super::exit::{Exit, OrStop, Stopped};
use super::interrupt::Interrupt;
use super::output::Output;
use super::terminal::inform;

pub(crate) fn run(args: &ManArgs) -> Result<Exit, Stopped> {
    let folder = &args.folder;
    let made = create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()));
    made.or_stop(Exit::Failed)?;
    let mut command = Cli::command();
    command.build();
    let interrupt = Interrupt::listen();
    let mut written = 0;
    for command in pages(&command) {
        write(&command, folder, &interrupt).or_stop(Exit::Failed)?;
        written += 1;
    }
    inform(&format!("{written} pages were written to {}", folder.display()));
    Ok(Exit::Clean)
}

/// The command and all below it that people see, each by its whole name.
fn pages(command: &Command) -> Vec<Command> {
    let below = command.get_subcommands().filter(|below| !below.is_hide_set() && below.get_name() != "help");
    let mut all = vec![command.clone()];
    for below in below {
        let name = format!("{}-{}", command.get_name(), below.get_name());
        // A page is called by its words with hyphens between them, as `man layersift-scan` finds it.
        all.extend(pages(&below.clone().name(name).disable_help_subcommand(true)));
    }
    all
}

fn write(command: &Command, folder: &Path, interrupt: &Interrupt) -> anyhow::Result<()> {
    let man = Man::new(command.clone());
    let path = folder.join(format!("{}.1", command.get_name()));
    Output::open(Some(&path), false, interrupt)?.write(|out| man.render(out))
}
