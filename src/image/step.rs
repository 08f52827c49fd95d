//! Reads the text of a build step: which instruction it is, and what each part of it is the value of.
//!
//! Builders write `created_by` in several forms: `/bin/sh -c #(nop)  ENV A=b` (Docker's first builder, buildah),
//! `RUN |1 A=b /bin/sh -c make # buildkit` (`BuildKit`), the line of the Dockerfile (kaniko), or the bare command.
//! All are read here and point into the text as it is, so that a report can say "the value of `--password` of
//! `docker login`". Which of the values are credentials is not known here.

mod command;
mod instruction;
mod naming;
mod pairs;
mod scan;
mod shell;
mod vocabulary;
mod words;

use std::ops::Range;

use self::command::{Namer, Scene};
pub use self::instruction::instruction;
pub(in crate::image) use self::instruction::{is_instruction, written};
use self::scan::Dialect;
use self::words::Word;

/// The text of a build step, read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ParsedStep {
    /// `RUN`, `COPY`, `ENV`, … in upper case; empty if the text has no such form.
    pub instruction: String,
    /// Sorted by where they begin, an argument before those inside it.
    pub arguments: Vec<Argument>,
    /// For each argument the one that it stands in.
    parents: Vec<Option<usize>>,
}

/// A part of a build step that has a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Argument {
    /// What gives it its name.
    pub kind: ArgumentKind,
    /// The variable, option, key, header or file; for other words the command. May be empty. Holds no text of the
    /// step but what has the form of a name.
    pub name: String,
    /// Bytes of the value in `created_by`, without quotes around it. Never empty.
    pub value: Range<usize>,
    /// The command that it is given to, with its subcommands: `curl`, `docker login`.
    pub command: Option<String>,
}

/// What gives an [`Argument`] its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ArgumentKind {
    /// A build argument of `RUN |n NAME=value …`.
    BuildArg,
    /// `NAME=value` or `NAME: value`: of `ENV` and `ARG`, before a command, or in a text.
    Variable,
    /// `--name value`, `--name=value`, `-n value`, `-nvalue`.
    Option,
    /// A label of `LABEL`.
    Label,
    /// A word of a command, named after the command, its key, or the file that it is written to.
    Word,
    /// `Name: value` of a request.
    Header,
    /// A here-document, named after the file that it is written to or the command that reads it.
    Heredoc,
    /// What a command reads from a pipe or a here-string.
    Stdin,
}

impl ArgumentKind {
    /// The name of this kind in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BuildArg => "build-arg",
            Self::Variable => "variable",
            Self::Option => "option",
            Self::Label => "label",
            Self::Word => "word",
            Self::Header => "header",
            Self::Heredoc => "heredoc",
            Self::Stdin => "stdin",
        }
    }
}

/// Bytes of a step that are read. Linux gives a program at most 128 KiB in one argument, so no shell ran a longer one.
const READ: usize = 256 << 10;

/// Reads `created_by`, in time linear in its length. Of a text that is longer than any command line only the beginning
/// is given names.
pub fn parse(created_by: &str) -> ParsedStep {
    let mut end = created_by.len().min(READ);
    while !created_by.is_char_boundary(end) {
        end -= 1;
    }
    let created_by = &created_by[..end];
    let mut namer = Namer::new(created_by);
    let instruction = instruction::read(created_by, &mut namer);
    let mut arguments = namer.arguments;
    arguments.sort_by_key(|argument| (argument.value.start, std::cmp::Reverse(argument.value.end)));
    ParsedStep { instruction: instruction.to_owned(), parents: parents(&arguments), arguments }
}

impl ParsedStep {
    /// The innermost argument that holds all of `range`, given in bytes of `created_by`.
    pub fn argument_at(&self, range: Range<usize>) -> Option<&Argument> {
        let mut at =
            self.arguments.partition_point(|argument| argument.value.start <= range.start).checked_sub(1)?;
        while self.arguments[at].value.end < range.end {
            at = self.parents[at]?;
        }
        Some(&self.arguments[at])
    }
}

/// For each word of a command that no shell reads: its name, if it has one, and the offset at which its value begins.
pub(super) fn name_words(items: &[String]) -> Vec<Option<(String, usize)>> {
    let text = items.join("\n");
    let mut names = vec![None; items.len()];
    if text.len() > READ {
        return names;
    }
    let mut starts = Vec::with_capacity(items.len());
    let mut words = Vec::with_capacity(items.len());
    let mut at = 0;
    for item in items {
        starts.push(at);
        words.push(Word { range: at..at + item.len(), literal: true });
        at += item.len() + 1;
    }
    let mut reader = Namer::new(&text);
    let command = reader.call(&words, &Scene::top(Dialect::Json));
    for Argument { name, value, .. } in reader.arguments {
        let index = starts.partition_point(|start| *start <= value.start) - 1;
        let before = value.start - starts[index];
        // What stands deeper in a word, in a script for example, does not name the word.
        let whole = value.end == words[index].range.end && before <= name.len() + 1;
        if whole && names[index].is_none() && Some(&name) != command.as_ref() {
            names[index] = Some((name, before));
        }
    }
    names
}

/// For each argument the last one before it that ends no earlier.
fn parents(arguments: &[Argument]) -> Vec<Option<usize>> {
    let mut open: Vec<usize> = Vec::new();
    let mut parents = Vec::with_capacity(arguments.len());
    for (index, argument) in arguments.iter().enumerate() {
        while open.last().is_some_and(|last| arguments[*last].value.end < argument.value.end) {
            open.pop();
        }
        parents.push(open.last().copied());
        open.push(index);
    }
    parents
}

#[cfg(test)]
mod tests;
