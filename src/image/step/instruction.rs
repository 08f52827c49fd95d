//! Tells the forms of a build step from each other, and hands their parts to the right reader.

use std::ops::Range;

use super::command::{Namer, Scene};
use super::scan::Dialect;
use super::vocabulary::{announces_script, is_shell};
use super::words::Word;
use super::{ArgumentKind, words};

/// Instructions of a Dockerfile.
const INSTRUCTIONS: &[&str] = &[
    "ADD",
    "ARG",
    "CMD",
    "COPY",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "FROM",
    "HEALTHCHECK",
    "LABEL",
    "MAINTAINER",
    "ONBUILD",
    "RUN",
    "SHELL",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
];

/// `ONBUILD ONBUILD …` is followed so far.
const DEPTH: usize = 3;

/// The instruction that `created_by` is the text of: `RUN`, `COPY`, …, or empty if it has no such form.
pub fn instruction(created_by: &str) -> &'static str {
    Form::of(created_by, whole(created_by)).instruction
}

/// Whether `keyword`, in upper case, is an instruction of a Dockerfile.
pub(in crate::image) fn is_instruction(keyword: &str) -> bool {
    INSTRUCTIONS.contains(&keyword)
}

/// What the author of a Dockerfile wrote of `created_by`: what follows the instruction, of a `RUN` without flags, build
/// arguments and the shell that got it.
pub(in crate::image) fn written(created_by: &str) -> &str {
    let form = Form::of(created_by, whole(created_by));
    let mut reader = Reader { text: created_by, namer: &mut Namer::new(created_by) };
    let range = match form.instruction {
        "RUN" => reader.script(form.rest),
        _ => form.rest,
    };
    &created_by[range]
}

/// Names the parts of `created_by` and gives its instruction.
pub(super) fn read<'t>(created_by: &'t str, namer: &mut Namer<'t>) -> &'static str {
    let form = Form::of(created_by, whole(created_by));
    let mut reader = Reader { text: created_by, namer };
    reader.form(&form, 0);
    form.instruction
}

/// `text` without what builders write around it.
fn whole(text: &str) -> Range<usize> {
    let end = text.trim_end();
    let end = end.strip_suffix("# buildkit").unwrap_or(end).trim_end();
    trimmed(text, 0..end.len())
}

fn trimmed(text: &str, range: Range<usize>) -> Range<usize> {
    let part = &text[range.clone()];
    let start = range.start + (part.len() - part.trim_start().len());
    start..(range.end - (part.len() - part.trim_end().len())).max(start)
}

/// A build step, told apart.
struct Form {
    instruction: &'static str,
    /// From the instruction on.
    whole: Range<usize>,
    /// What follows the instruction.
    rest: Range<usize>,
}

impl Form {
    fn of(text: &str, range: Range<usize>) -> Self {
        let part = &text[range.clone()];
        if let Some(script) = shell_prefix(text, range.clone()) {
            let script = trimmed(text, script..range.end);
            if let Some(rest) = text[script.clone()].strip_prefix("#(nop)") {
                return Self::of(text, trimmed(text, script.end - rest.len()..script.end));
            }
            return Self { instruction: "RUN", whole: range.clone(), rest: range };
        }
        if is_counted(part) {
            return Self { instruction: "RUN", whole: range.clone(), rest: range };
        }
        let keyword = part.split(char::is_whitespace).next().unwrap_or_default();
        let known = INSTRUCTIONS.iter().find(|known| **known == keyword);
        let rest = range.start + known.map_or(0, |known| known.len())..range.end;
        Self { instruction: known.copied().unwrap_or_default(), rest: trimmed(text, rest), whole: range }
    }
}

/// Whether `text` begins with a count of build arguments: `|2 `.
fn is_counted(text: &str) -> bool {
    let digits = text.strip_prefix('|').map(|rest| rest.trim_start_matches(|c: char| c.is_ascii_digit()));
    digits.is_some_and(|rest| rest.starts_with(' ') && !text.starts_with("| "))
}

/// If `range` begins with a shell and its options, where the script begins: `/bin/bash -o pipefail -c `.
fn shell_prefix(text: &str, range: Range<usize>) -> Option<usize> {
    const WORDS: usize = 12;
    let mut at = range.start;
    let mut previous = "";
    for index in 0..WORDS {
        let rest = &text[at..range.end];
        let word = &rest[..rest.find(' ').unwrap_or(rest.len())];
        let fits = match index {
            0 => {
                is_shell(word.rsplit(['/', '\\']).next().unwrap_or_default())
                    && !matches!(word, "su" | "runuser")
            }
            _ => word.starts_with(['-', '/']) || previous.starts_with('-') || word.is_empty(),
        };
        if !fits || at + word.len() >= range.end {
            return None;
        }
        at += word.len() + 1;
        if index > 0 && announces_script(word) {
            return Some(at);
        }
        previous = word;
    }
    None
}

struct Reader<'n, 't> {
    text: &'t str,
    namer: &'n mut Namer<'t>,
}

impl Reader<'_, '_> {
    fn form(&mut self, form: &Form, depth: usize) {
        let rest = form.rest.clone();
        match form.instruction {
            "ENV" | "ARG" => self.assignments(rest, ArgumentKind::Variable),
            "LABEL" => self.assignments(rest, ArgumentKind::Label),
            "CMD" | "ENTRYPOINT" | "SHELL" | "VOLUME" | "" => self.command(rest),
            "HEALTHCHECK" => self.health_check(rest),
            "ADD" | "COPY" => self.namer.script(form.whole.clone(), &Scene::top(Dialect::Plain)),
            "ONBUILD" if depth < DEPTH => self.form(&Form::of(self.text, rest), depth + 1),
            "RUN" => self.run(rest),
            name => self.namer.add(ArgumentKind::Word, name.to_owned(), rest, Some(name.to_owned())),
        }
    }

    /// What follows `RUN`: flags of the builder, build arguments, the shell, the script.
    fn run(&mut self, range: Range<usize>) {
        let script = self.script(range);
        self.command(script);
    }

    /// Names what stands before the script, and gives the range of the script.
    fn script(&mut self, mut range: Range<usize>) -> Range<usize> {
        while self.text[range.clone()].starts_with("--") {
            let part = &self.text[range.clone()];
            let length = part.find(char::is_whitespace).unwrap_or(part.len());
            let flag = &part[..length];
            if let Some((name, value)) = flag.split_once('=') {
                let value = range.start + flag.len() - value.len()..range.start + length;
                self.namer.add(ArgumentKind::Option, name.to_owned(), value, Some("RUN".to_owned()));
            }
            range = trimmed(self.text, range.start + length..range.end);
        }
        let range = self.build_arguments(range);
        let script = shell_prefix(self.text, range.clone());
        // In `RUN bash -c "make"` the user called a shell; its script is a word in quotes.
        let script = script.filter(|at| !self.text[*at..range.end].starts_with(['"', '\'']));
        script.unwrap_or(range.start)..range.end
    }

    /// A command as a list or as a script.
    fn command(&mut self, range: Range<usize>) {
        match self.list(range.clone()) {
            Some(words) => drop(self.namer.call(&words, &Scene::top(Dialect::Json))),
            None => self.namer.script(range, &Scene::top(Dialect::Plain)),
        }
    }

    /// `CMD …`, `&{["CMD-SHELL" "…"] "30s" …}` or `--interval=30s CMD …`.
    fn health_check(&mut self, range: Range<usize>) {
        let part = &self.text[range.clone()];
        let list = part.strip_prefix("&{").map(|rest| range.end - rest.len()..range.end);
        if let Some(mut words) = list.and_then(|list| self.list(list)) {
            let test = if words.is_empty() { String::new() } else { words.remove(0).says(self.text) };
            match (test.as_str(), words.first()) {
                ("CMD-SHELL", Some(script)) => {
                    self.namer.script(script.range.clone(), &Scene::top(Dialect::Json));
                }
                _ => drop(self.namer.call(&words, &Scene::top(Dialect::Json))),
            }
            return;
        }
        let options: usize = part
            .split_inclusive(char::is_whitespace)
            .take_while(|word| word.starts_with("--") || word.trim().is_empty())
            .map(str::len)
            .sum();
        let command = &part[options..];
        let command = command.strip_prefix("CMD").unwrap_or(command).trim_start();
        self.command(range.end - command.len()..range.end);
    }

    /// The words of a list in the syntax of JSON (Dockerfile) or Go (`%q`): `["a", "b"]` or `["a" "b"]`.
    fn list(&self, range: Range<usize>) -> Option<Vec<Word>> {
        let bytes = self.text.as_bytes();
        let mut words = Vec::new();
        let mut at = range.start;
        if bytes.get(at) != Some(&b'[') || range.is_empty() {
            return None;
        }
        at += 1;
        loop {
            while at < range.end && matches!(bytes[at], b' ' | b',' | b'\t') {
                at += 1;
            }
            match bytes.get(at).filter(|_| at < range.end)? {
                b']' => return Some(words),
                b'"' => at += 1,
                _ => return None,
            }
            let start = at;
            while at < range.end && bytes[at] != b'"' {
                at += if bytes[at] == b'\\' { 2 } else { 1 };
            }
            if at >= range.end {
                return None;
            }
            words.push(Word { range: start..at, literal: true });
            at += 1;
        }
    }

    /// Names the arguments of `|2 A=x B=y /bin/sh -c …` and gives the range after them.
    ///
    /// Values may hold spaces and are not quoted, so the text alone does not say where one ends. The count, the names
    /// and the shell do: as many `NAME=` as were counted, then the first shell after them.
    fn build_arguments(&mut self, range: Range<usize>) -> Range<usize> {
        let part = &self.text[range.clone()];
        if !is_counted(part) {
            return range;
        }
        let digits = part[1..].bytes().take_while(u8::is_ascii_digit).count();
        let count: usize = part[1..=digits].parse().unwrap_or(usize::MAX);
        let mut starts: Vec<Range<usize>> = Vec::new();
        let mut shell = None;
        let mut at = range.start + digits + 2;
        let mut last_end = range.end;
        while at < range.end {
            let rest = &self.text[at..range.end];
            let word = &rest[..rest.find(' ').unwrap_or(rest.len())];
            if starts.len() >= count && shell_prefix(self.text, at..range.end).is_some() {
                shell = Some(at);
                break;
            }
            if let Some(name) = variable(word, "_").filter(|_| starts.len() < count) {
                starts.push(at..at + name);
                last_end = at + word.len();
            }
            at += word.len() + 1;
        }
        let end = shell.unwrap_or(last_end);
        for (index, name) in starts.iter().enumerate() {
            let next = starts.get(index + 1).map_or(end, |next| next.start);
            let value = trimmed(self.text, name.end + 1..next.max(name.end + 1));
            self.named(ArgumentKind::BuildArg, name.clone(), value);
        }
        trimmed(self.text, end..range.end)
    }

    /// `A=b C="d e"`, the older `A b c`, and what engines make of both: `A=b c D=e`, without quotes.
    fn assignments(&mut self, range: Range<usize>, kind: ArgumentKind) {
        let signs = if kind == ArgumentKind::Label { "_.-/" } else { "_" };
        let mut at = range.start;
        let first = &self.text[range.clone()];
        let word = &first[..first.find(char::is_whitespace).unwrap_or(first.len())];
        if variable(word, signs).is_none() {
            let value = trimmed(self.text, at + word.len()..range.end);
            return self.named(kind, at..at + word.len(), value);
        }
        while let Some(length) = variable(&self.text[at..range.end], signs) {
            let name = at..at + length;
            let end = self.value_end(name.end + 1..range.end, signs);
            self.named(kind, name, trimmed(self.text, at + length + 1..end));
            at = trimmed(self.text, end..range.end).start;
        }
    }

    /// Where the value at the start of `range` ends: at its closing quote, or before the next `NAME=`.
    fn value_end(&self, range: Range<usize>, signs: &str) -> usize {
        let part = &self.text[range.clone()];
        let quote = part.chars().next().filter(|c| matches!(c, '"' | '\''));
        if let Some(quote) = quote {
            let mut escaped = false;
            for (at, c) in part.char_indices().skip(1) {
                if c == quote && !escaped {
                    let end = at + 1;
                    let closes = part[end..].chars().next().is_none_or(char::is_whitespace);
                    if closes {
                        return range.start + end;
                    }
                    break;
                }
                escaped = c == '\\' && !escaped;
            }
        }
        let mut at = 0;
        for word in part.split_inclusive(' ') {
            if at > 0 && variable(word, signs).is_some() {
                return range.start + at;
            }
            at += word.len();
        }
        range.end
    }

    fn named(&mut self, kind: ArgumentKind, name: Range<usize>, value: Range<usize>) {
        let name = self.text[name].trim_matches(['"', '\'']).to_owned();
        let value = words::unquoted(self.text, value, Dialect::Plain);
        self.namer.add(kind, name, value.clone(), None);
        self.namer.inner(value, None, false);
    }
}

/// Length of the name at the start of `text`, if `=` follows it. Names have letters, digits and `signs`.
fn variable(text: &str, signs: &str) -> Option<usize> {
    let quoted = text.starts_with('"');
    let is_part = |c: char| c.is_ascii_alphanumeric() || signs.contains(c) || (quoted && c == '"');
    let length = text.find(|c: char| !is_part(c))?;
    let starts = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == '"');
    (starts && length > 0 && text[length..].starts_with('=')).then_some(length)
}
