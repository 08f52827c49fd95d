//! Reads a Dockerfile: instructions over several lines, comments between them, here-documents, stages.
//!
//! It follows what `BuildKit` does (its `parser` package): an escape character at the end of a line joins the next one,
//! comments and blank lines in between are left out, a directive in the first lines may choose another escape character.

use super::{Dockerfile, DockerfileError, Instruction, Lines, Stage};
use crate::image::step::is_instruction;

/// Characters of what is quoted in an error.
const QUOTED: usize = 40;

pub(super) fn parse(text: &str) -> Result<Dockerfile, DockerfileError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = Reader { lines: text.lines().collect(), at: 0, escape: escape(text) };
    let mut stages: Vec<Stage> = Vec::new();
    while let Some(instruction) = reader.instruction()? {
        match (&*instruction.keyword, stages.last_mut()) {
            ("FROM", _) => stages.push(stage(&instruction.rest)),
            (_, Some(stage)) => stage.instructions.push(instruction),
            // Arguments of the FROM lines; they leave nothing in the image.
            ("ARG", None) => {}
            (_, None) => return Err(DockerfileError::NoStage { line: instruction.lines.first }),
        }
    }
    if stages.is_empty() { Err(DockerfileError::Empty) } else { Ok(Dockerfile { stages }) }
}

/// `[--platform=…] IMAGE [AS NAME]`.
fn stage(rest: &str) -> Stage {
    let mut words = rest.split_whitespace().skip_while(|word| word.starts_with("--"));
    let from = words.next().unwrap_or_default().to_owned();
    let named = words.next().is_some_and(|word| word.eq_ignore_ascii_case("as"));
    let name = words.next().filter(|_| named).map(str::to_ascii_lowercase);
    Stage { name, from, instructions: Vec::new() }
}

/// The escape character that a directive (`# escape=`) in the first lines chooses.
fn escape(text: &str) -> char {
    for line in text.lines() {
        let Some((name, value)) = line.trim().strip_prefix('#').and_then(|line| line.split_once('=')) else {
            break;
        };
        let is_word = name.trim().chars().all(|c| c.is_ascii_alphanumeric());
        if !is_word {
            break;
        }
        if name.trim().eq_ignore_ascii_case("escape") {
            return if value.trim() == "`" { '`' } else { '\\' };
        }
    }
    '\\'
}

struct Reader<'t> {
    lines: Vec<&'t str>,
    at: usize,
    escape: char,
}

impl<'t> Reader<'t> {
    fn next(&mut self) -> Option<&'t str> {
        let line = self.lines.get(self.at).copied();
        self.at += usize::from(line.is_some());
        line
    }

    fn instruction(&mut self) -> Result<Option<Instruction>, DockerfileError> {
        let Some((first, text)) = self.logical_line() else { return Ok(None) };
        let (keyword, rest) = text.split_once(char::is_whitespace).unwrap_or((&text, ""));
        let keyword = keyword.to_ascii_uppercase();
        if !is_instruction(&keyword) {
            return Err(DockerfileError::Keyword { line: first, keyword: shortened(&keyword) });
        }
        let inner = rest.split_whitespace().next().unwrap_or_default().to_ascii_uppercase();
        let reads_heredocs = |keyword: &str| matches!(keyword, "RUN" | "COPY" | "ADD");
        let mut heredocs = Vec::new();
        if reads_heredocs(&keyword) || (keyword == "ONBUILD" && reads_heredocs(&inner)) {
            for (delimiter, strips_tabs) in delimiters(rest) {
                heredocs.push(self.heredoc(first, &delimiter, strips_tabs)?);
            }
        }
        let lines = Lines { first, last: self.at };
        Ok(Some(Instruction { keyword, rest: rest.trim().to_owned(), heredocs, lines }))
    }

    /// The number of the first line, and all that belong to it joined.
    fn logical_line(&mut self) -> Option<(usize, String)> {
        let is_comment = |line: &str| line.trim_start().starts_with('#');
        let mut line = self.next()?;
        while line.trim().is_empty() || is_comment(line) {
            line = self.next()?;
        }
        let first = self.at;
        let mut text = String::new();
        line = line.trim_start();
        loop {
            let Some(part) = self.continued(line) else {
                text.push_str(line.trim_end());
                return Some((first, text));
            };
            text.push_str(part);
            // What is left out in between may be what ends the file.
            loop {
                match self.next() {
                    None => return Some((first, text)),
                    Some(next) if next.trim().is_empty() || is_comment(next) => {}
                    Some(next) => {
                        line = next;
                        break;
                    }
                }
            }
        }
    }

    /// The line without the escape character at its end, if there is one that is not escaped itself.
    fn continued<'l>(&self, line: &'l str) -> Option<&'l str> {
        let part = line.trim_end_matches([' ', '\t', '\r']).strip_suffix(self.escape)?;
        (!part.ends_with(self.escape)).then_some(part)
    }

    fn heredoc(
        &mut self,
        line: usize,
        delimiter: &str,
        strips_tabs: bool,
    ) -> Result<String, DockerfileError> {
        let mut body = String::new();
        while let Some(next) = self.next() {
            let next = if strips_tabs { next.trim_start_matches('\t') } else { next };
            if next == delimiter {
                return Ok(body);
            }
            body.push_str(next);
            body.push('\n');
        }
        Err(DockerfileError::Heredoc { line, delimiter: shortened(delimiter) })
    }
}

/// What ends each here-document of a line, and whether tabs before its lines are dropped: `<<EOF`, `3<<-"EOF"`.
fn delimiters(rest: &str) -> Vec<(String, bool)> {
    let mut all = Vec::new();
    let mut quote = None;
    for word in rest.split_whitespace() {
        // Inside of quotes, `<<` is text.
        let opened = quote;
        for c in word.chars().filter(|c| matches!(c, '"' | '\'')) {
            quote = match quote {
                None => Some(c),
                Some(open) if open == c => None,
                open => open,
            };
        }
        let name = word.trim_start_matches(|c: char| c.is_ascii_digit()).strip_prefix("<<");
        let Some(name) = name.filter(|name| opened.is_none() && !name.contains('<')) else { continue };
        let (name, strips_tabs) = match name.strip_prefix('-') {
            Some(name) => (name, true),
            None => (name, false),
        };
        let name = name.replace(['"', '\''], "");
        if !name.is_empty() {
            all.push((name, strips_tabs));
        }
    }
    all
}

fn shortened(text: &str) -> String {
    text.chars().take(QUOTED).collect()
}
