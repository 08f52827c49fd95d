//! Names the words of commands: which variable, option, key or command each of them belongs to.
//!
//! The rules are those of the command line in general (`NAME=value`, `--option value`, `--option=value`); what single
//! commands do differently is in `vocabulary`. Where a word is a text of its own, a script, a header, JSON, it is
//! named once as a whole and then its parts are named. Nothing here judges whether a word is a credential.

use std::ops::Range;

use super::naming::{Head, Naming, Sink};
use super::pairs::{Pair, Sign, pairs};
use super::scan::Dialect;
use super::shell::{self, Command, Script};
use super::vocabulary::{self, Runs};
use super::words::{Dash, Word, safe, unquoted};
use super::{Argument, ArgumentKind};

/// Scripts in scripts that are read: `sh -c "bash -c '…'"`, `$(…)`.
const DEPTH: usize = 4;

/// Arguments that one step may have. More are not named; their text is searched all the same.
const ARGUMENTS: usize = 1 << 14;

/// Words after a command's that are looked at for its subcommands.
const HEAD: usize = 16;

/// Collects the arguments of one text.
pub(super) struct Namer<'t> {
    text: &'t str,
    pub(super) arguments: Vec<Argument>,
}

/// Where a command stands.
#[derive(Debug, Clone)]
pub(super) struct Scene {
    dialect: Dialect,
    depth: usize,
    sink: Option<Sink>,
}

impl Scene {
    /// A script that stands in the text itself.
    pub(super) fn top(dialect: Dialect) -> Self {
        Self { dialect, depth: 0, sink: None }
    }

    fn inside(&self, dialect: Dialect) -> Self {
        Self { dialect, depth: self.depth + 1, sink: None }
    }
}

impl<'t> Namer<'t> {
    /// Names parts of `text`.
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, arguments: Vec::new() }
    }

    /// Names the words of the script in `range`.
    pub(super) fn script(&mut self, range: Range<usize>, scene: &Scene) {
        if scene.depth >= DEPTH || self.arguments.len() >= ARGUMENTS {
            return;
        }
        let Script { commands, comments } = shell::cut(self.text, range, scene.dialect);
        let words: Vec<Vec<Word>> =
            commands.iter().map(|command| self.words(command, scene.dialect)).collect();
        let sinks = self.sinks(&commands, &words, scene.dialect);
        for ((command, words), sink) in commands.iter().zip(&words).zip(sinks) {
            let name = self.call(words, &Scene { sink: sink.clone(), ..scene.clone() });
            self.input(command, name.as_deref(), sink.as_ref(), scene);
            for script in &command.substitutions {
                self.script(script.clone(), &scene.inside(scene.dialect));
            }
        }
        for comment in comments {
            self.inner(comment, None, false);
        }
    }

    /// Names the words of one command and gives the command's name.
    pub(super) fn call(&mut self, words: &[Word], scene: &Scene) -> Option<String> {
        let mut at = 0;
        let mut variables = Vec::new();
        let head = loop {
            at = self.assignments(words, at, &mut variables);
            let Some(word) = words.get(at) else { break None };
            let tool = tool(&word.says(self.text));
            match tool.as_deref().and_then(vocabulary::runs) {
                Some(runs) if words.len() > at + 1 => {
                    at = self.wrapper(words, at, runs, tool.as_deref().unwrap_or_default());
                }
                _ => break Some(self.head(words, at, tool)),
            }
        };
        let name = head.as_ref().and_then(|head| head.name.clone());
        for (variable, value) in variables {
            self.add(ArgumentKind::Variable, variable, value, name.clone());
        }
        if let Some(head) = head {
            self.arguments_of(&head, words, scene);
        }
        name
    }

    fn words(&self, command: &Command, dialect: Dialect) -> Vec<Word> {
        let word = |range: &Range<usize>| Word::of_script(self.text, range.clone(), dialect);
        command.words.iter().map(word).collect()
    }

    /// Where the output of each command goes in the end: a file, or a command that reads it.
    fn sinks(&self, commands: &[Command], words: &[Vec<Word>], dialect: Dialect) -> Vec<Option<Sink>> {
        let mut sinks: Vec<Option<Sink>> = vec![None; commands.len()];
        for index in (0..commands.len()).rev() {
            let command = &commands[index];
            let file = command.output.as_ref().and_then(|file| self.file(file, dialect));
            sinks[index] = file.map(Sink::File).or_else(|| {
                let next = command.pipe_to?;
                let further = sinks[next].clone();
                further.or_else(|| self.reader(&words[next]))
            });
        }
        sinks
    }

    /// The file that `range` names, unless it is a device and keeps nothing.
    fn file(&self, range: &Range<usize>, dialect: Dialect) -> Option<String> {
        let file = safe(&Word::of_script(self.text, range.clone(), dialect).says(self.text))?;
        Some(file).filter(|file| !file.starts_with("/dev/"))
    }

    /// The command of `words` as the reader of another's output. `tee` and `COPY` stand
    /// for the file that they write.
    fn reader(&self, words: &[Word]) -> Option<Sink> {
        let says = |at: usize| words.get(at).map(|word| word.says(self.text));
        let mut at = 0;
        while let Some(name) = says(at).as_deref().and_then(tool) {
            let Some(runs) = vocabulary::runs(&name) else { break };
            if says(at + 1).as_deref() == Some("-S") {
                return Some(Sink::Command(name));
            }
            at = self.after_wrapper(words, at, runs);
        }
        let head = self.head(words, at, tool(&says(at)?));
        if head.tool == "tee" {
            let file = words[head.first..].iter().find(|word| !word.says(self.text).starts_with('-'))?;
            return safe(&file.says(self.text)).map(Sink::File);
        }
        if matches!(head.tool.as_str(), "COPY" | "ADD") {
            return safe(&words.last()?.says(self.text)).map(Sink::File);
        }
        head.name.map(Sink::Command)
    }

    /// Takes the assignments from `at` on and gives the position after them.
    fn assignments(
        &self,
        words: &[Word],
        mut at: usize,
        variables: &mut Vec<(String, Range<usize>)>,
    ) -> usize {
        const KEYWORDS: &[&str] = &["if", "then", "else", "elif", "do", "while", "until", "!"];
        while let Some(word) = words.get(at) {
            let says = word.says(self.text);
            if let Some((name, value)) = word.assignment(self.text).filter(|(name, _)| is_variable(name)) {
                variables.push((name, value.range));
            } else if let Some((name, value)) = self.powershell(words, at) {
                at += usize::from(words[at].range.end < value.start) * 2;
                variables.push((name, value));
            } else if says.starts_with('$')
                && words.get(at + 1).is_some_and(|next| next.says(self.text) == "=")
            {
                at += 1;
            } else if !KEYWORDS.contains(&says.as_str()) {
                break;
            }
            at += 1;
        }
        at
    }

    /// `$env:NAME=value` or `$env:NAME = value`.
    fn powershell(&self, words: &[Word], at: usize) -> Option<(String, Range<usize>)> {
        const PREFIX: &str = "$env:";
        let word = &words[at];
        let raw = &self.text[word.range.clone()];
        let prefix = raw.get(..PREFIX.len()).filter(|prefix| prefix.eq_ignore_ascii_case(PREFIX))?;
        if let Some((name, value)) = word.rest(self.text, prefix.len()).assignment(self.text) {
            return Some((name, value.range));
        }
        let equals = words.get(at + 1).is_some_and(|next| next.says(self.text) == "=");
        let value = words.get(at + 2).filter(|_| equals)?;
        Some((safe(&raw[prefix.len()..])?, value.range.clone()))
    }

    /// Names what belongs to the wrapper at `at` and gives the position of the command that it runs.
    fn wrapper(&mut self, words: &[Word], at: usize, runs: Runs, tool: &str) -> usize {
        let after = self.after_wrapper(words, at, runs);
        let mut own = words[at + 1..after].iter();
        while let Some(word) = own.next() {
            let command = Some(tool.to_owned());
            match word.dash(self.text, tool) {
                Dash::With(name, value) => self.add(ArgumentKind::Option, name, value.range, command),
                Dash::Before(name) if runs.takes_value(&name) => {
                    if let Some(value) = own.next() {
                        self.add(ArgumentKind::Option, name, value.range.clone(), command);
                    }
                }
                Dash::Argument => self.add(ArgumentKind::Word, tool.to_owned(), word.range.clone(), command),
                _ => {}
            }
        }
        after
    }

    /// The position after the options and the own words of the wrapper at `at`; always a later one.
    fn after_wrapper(&self, words: &[Word], at: usize, runs: Runs) -> usize {
        let mut next = at + 1;
        let mut own = runs.own;
        while let Some(word) = words.get(next) {
            let says = word.says(self.text);
            if says.starts_with('-') {
                next += usize::from(runs.takes_value(&says));
            } else if own > 0 {
                own -= 1;
            } else {
                break;
            }
            next += 1;
        }
        next.min(words.len())
    }

    /// The head of the command whose first word is at `at`.
    fn head(&self, words: &[Word], at: usize, tool: Option<String>) -> Head {
        let tool = tool.unwrap_or_default();
        let mut name = vec![tool.clone()];
        let mut parts = Vec::new();
        let mut after_option = false;
        let rest = words.iter().enumerate().skip(at + 1).take(HEAD);
        for (index, word) in rest.filter(|_| !tool.is_empty()) {
            let says = word.says(self.text);
            if says.starts_with('-') {
                after_option = !says.contains('=') && !vocabulary::is_flag(&says, &tool);
            } else if after_option {
                after_option = false;
            } else if vocabulary::is_subcommand(&says, &name[1..]) {
                name.push(says);
                parts.push(index);
            } else {
                break;
            }
        }
        Head {
            name: (!tool.is_empty()).then(|| name.join(" ")),
            tool,
            parts,
            first: (at + 1).min(words.len()),
        }
    }

    fn arguments_of(&mut self, head: &Head, words: &[Word], scene: &Scene) {
        let mut naming = Naming::new(head, scene.sink.as_ref());
        let mut script = false;
        for (index, word) in words.iter().enumerate().skip(head.first) {
            if head.parts.contains(&index) && naming.pending.is_none() {
                continue;
            }
            if script {
                return self.command_line(word, &words[index..], scene);
            }
            let says = word.says(self.text);
            script = vocabulary::is_shell(&head.tool) && vocabulary::announces_script(&says);
            if let Some(label) = naming.label(word, self.text) {
                let (label, word) = label;
                let header = is_header(&label.name);
                let script = head.tool == "eval";
                self.add(label.kind, label.name, word.range.clone(), label.command.clone());
                if script {
                    self.script(word.range, &scene.inside(Dialect::Quoted));
                } else {
                    self.inner(word.range, label.command.as_deref(), header);
                }
            }
        }
    }

    /// Names what a shell is given to run: one word that is a script, or several that are a command (Windows).
    fn command_line(&mut self, word: &Word, words: &[Word], scene: &Scene) {
        let several = words.len() > 1 && !self.text[word.range.clone()].contains([' ', '\t', '\n']);
        if several && scene.depth < DEPTH {
            self.call(words, &scene.inside(scene.dialect));
            return;
        }
        let dialect = if scene.dialect == Dialect::Json { Dialect::Json } else { Dialect::Quoted };
        self.script(word.range.clone(), &scene.inside(dialect));
        if let Some(rest) = words.get(1..).filter(|rest| !rest.is_empty()) {
            self.call(rest, &scene.inside(scene.dialect));
        }
    }

    /// Names the standard input that stands in the script.
    fn input(&mut self, command: &Command, name: Option<&str>, sink: Option<&Sink>, scene: &Scene) {
        for range in &command.here_strings {
            let value = unquoted(self.text, range.clone(), scene.dialect);
            let label = name.unwrap_or_default().to_owned();
            self.add(ArgumentKind::Stdin, label, value.clone(), name.map(str::to_owned));
            self.inner(value, name, false);
        }
        let first = command.words.first().map(|word| self.text[word.clone()].to_owned());
        let runs = first.is_none_or(|first| tool(&first).is_some_and(|tool| vocabulary::is_shell(&tool)));
        for body in &command.here_documents {
            let label = match sink {
                Some(Sink::File(file) | Sink::Command(file)) => file.clone(),
                None => match self.reader(&self.words(command, scene.dialect)) {
                    Some(Sink::File(file) | Sink::Command(file)) => file,
                    None => String::new(),
                },
            };
            self.add(ArgumentKind::Heredoc, label, body.clone(), name.map(str::to_owned));
            if runs && sink.is_none() {
                self.script(body.clone(), &scene.inside(scene.dialect));
            } else {
                self.inner(body.clone(), name, false);
            }
        }
    }

    /// Names the parts of a text that is not a shell's.
    pub(super) fn inner(&mut self, range: Range<usize>, command: Option<&str>, header: bool) {
        if self.arguments.len() >= ARGUMENTS {
            return;
        }
        let start = range.start;
        for Pair { name, value, sign } in pairs(self.text, range) {
            let is_header = sign == Sign::Colon
                && (header && name.start == start || is_known_header(&self.text[name.clone()]));
            let kind = match sign {
                Sign::Space => ArgumentKind::Word,
                _ if is_header => ArgumentKind::Header,
                _ => ArgumentKind::Variable,
            };
            self.add(kind, self.text[name].to_owned(), value, command.map(str::to_owned));
        }
    }

    /// Adds an argument under a name that is safe to show.
    pub(super) fn add(
        &mut self,
        kind: ArgumentKind,
        name: String,
        value: Range<usize>,
        command: Option<String>,
    ) {
        if value.is_empty() || self.arguments.len() >= ARGUMENTS {
            return;
        }
        let safe = name.split(' ').all(|part| safe(part).is_some());
        let name = if safe { name } else { command.clone().unwrap_or_default() };
        self.arguments.push(Argument { kind, name, value, command });
    }
}

/// The file name of a command, unless it is more than that.
fn tool(word: &str) -> Option<String> {
    const LENGTH: usize = 40;
    let name = word.rsplit(['/', '\\']).next().unwrap_or_default();
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._+-[".contains(&byte));
    (!name.is_empty() && name.len() <= LENGTH && plain).then(|| name.to_owned())
}

fn is_variable(name: &str) -> bool {
    !name.contains(['-', '.', '/', ':'])
}

/// Whether `option` takes the header of a request.
fn is_header(option: &str) -> bool {
    option == "-H" || option.to_ascii_lowercase().ends_with("header")
}

fn is_known_header(name: &str) -> bool {
    ["authorization", "proxy-authorization", "private-token", "cookie", "x-api-key", "x-auth-token"]
        .iter()
        .any(|known| known.eq_ignore_ascii_case(name))
}
