//! Names the arguments of one command, one after the other.
//!
//! A word is the value of the option before it, of its own `NAME=`, of the key before it (`npm config set KEY VALUE`)
//! or of nothing but the command. What `echo` and its like are given is named after where it goes in the end.

use super::ArgumentKind;
use super::vocabulary;
use super::words::{Dash, Word, is_name, safe};

/// Where the output of a command goes.
#[derive(Debug, Clone)]
pub(super) enum Sink {
    File(String),
    Command(String),
}

/// What a word is said to be.
#[derive(Debug, Clone)]
pub(super) struct Label {
    pub(super) kind: ArgumentKind,
    pub(super) name: String,
    pub(super) command: Option<String>,
}

/// The head of a command: its name, and where its arguments begin.
pub(super) struct Head {
    pub(super) tool: String,
    pub(super) name: Option<String>,
    /// Positions of the words that are part of the name.
    pub(super) parts: Vec<usize>,
    /// Position of the first word after the command.
    pub(super) first: usize,
}

/// What is known of a command's arguments while they pass.
pub(super) struct Naming<'h> {
    head: &'h Head,
    /// The option whose value the next word is.
    pub(super) pending: Option<String>,
    /// The word that names those after it.
    key: Option<String>,
    /// What the word before was.
    previous: String,
    options: bool,
    sink: Option<&'h Sink>,
}

impl<'h> Naming<'h> {
    pub(super) fn new(head: &'h Head, sink: Option<&'h Sink>) -> Self {
        let prints = vocabulary::prints(&head.tool);
        let sink = sink.filter(|_| prints);
        Self { head, pending: None, key: None, previous: String::new(), options: true, sink }
    }

    /// What the next word of the command is, and which part of it is the value.
    pub(super) fn label(&mut self, word: &Word, text: &str) -> Option<(Label, Word)> {
        let command = self.head.name.clone();
        let dash = if self.options { word.dash(text, &self.head.tool) } else { Dash::Argument };
        match dash {
            Dash::End => self.options = false,
            Dash::Flag => self.pending = None,
            Dash::Before(name) => self.pending = Some(name),
            Dash::With(name, value) => {
                self.pending = None;
                return Some((Label { kind: ArgumentKind::Option, name, command }, value));
            }
            Dash::Argument => return Some(self.argument(word, text)),
        }
        None
    }

    fn argument(&mut self, word: &Word, text: &str) -> (Label, Word) {
        let command = self.head.name.clone();
        let says = word.says(text);
        let previous = std::mem::replace(&mut self.previous, says.clone());
        let labelled = |kind: ArgumentKind, name: String| Label { kind, name, command: command.clone() };
        if let Some(name) = self.pending.take() {
            return (labelled(ArgumentKind::Option, name), word.clone());
        }
        if let Some((name, value)) = word.assignment(text).filter(|(name, _)| is_name(name)) {
            return (labelled(ArgumentKind::Variable, name), value);
        }
        if let Some(label) = self.passed_on() {
            return (label, word.clone());
        }
        let own = command.clone().unwrap_or_default();
        let name = if vocabulary::announces_value(&previous) {
            previous
        } else if self.head.tool == "sed" {
            substituted(&says).unwrap_or(own)
        } else if let Some(key) = &self.key {
            key.clone()
        } else {
            if vocabulary::sets(&own) {
                self.key = safe(&says);
            }
            own
        };
        (labelled(ArgumentKind::Word, name), word.clone())
    }

    /// For a command that passes its words on: the file or the command that gets them.
    fn passed_on(&self) -> Option<Label> {
        Some(match self.sink? {
            Sink::File(file) => {
                Label { kind: ArgumentKind::Word, name: file.clone(), command: self.head.name.clone() }
            }
            Sink::Command(name) => {
                Label { kind: ArgumentKind::Stdin, name: name.clone(), command: Some(name.clone()) }
            }
        })
    }
}

/// What `s/NAME/value/` of `sed` replaces.
fn substituted(script: &str) -> Option<String> {
    let rest = script.strip_prefix('s')?;
    let delimiter = rest.chars().next().filter(char::is_ascii_punctuation)?;
    let pattern = rest[1..].split(delimiter).next()?;
    let name = pattern.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    is_name(name).then(|| name.to_owned())
}
