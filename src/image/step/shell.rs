//! Cuts a shell script into simple commands: words, redirections, here-documents, and what flows into what.
//!
//! This is no shell. Nothing is expanded or run, and a script that a shell would refuse is cut as well as it can be.
//! Words are ranges of the text that was given, quotes included, so that everything said about them can be pointed
//! at. Each byte is looked at a bounded number of times, whatever the script is.

use std::ops::Range;

use super::scan::{Dialect, Scan};

/// A simple command (POSIX.1-2017, Shell Command Language, 2.9.1).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Command {
    /// Assignments, the command's name and its arguments, quotes included.
    pub(super) words: Vec<Range<usize>>,
    /// The word that names the file which it writes to.
    pub(super) output: Option<Range<usize>>,
    /// Words that it reads as standard input (`<<<`).
    pub(super) here_strings: Vec<Range<usize>>,
    /// Here-documents that it reads, without their end markers.
    pub(super) here_documents: Vec<Range<usize>>,
    /// Scripts in `$(…)`, `` `…` `` and `<(…)`.
    pub(super) substitutions: Vec<Range<usize>>,
    /// Position of the command that reads its output; always a later one.
    pub(super) pipe_to: Option<usize>,
}

/// A script, cut up.
#[derive(Debug, Default)]
pub(super) struct Script {
    pub(super) commands: Vec<Command>,
    pub(super) comments: Vec<Range<usize>>,
}

/// Commands of a group that are told where the group's output goes.
const GROUP: usize = 64;

/// Cuts the script that stands in `range` of `text`.
pub(super) fn cut(text: &str, range: Range<usize>, dialect: Dialect) -> Script {
    let mut cutter = Cutter {
        scan: Scan { bytes: text.as_bytes(), at: range.start, end: range.end, dialect },
        text,
        script: Script::default(),
        command: Command::default(),
        groups: Vec::new(),
        piped: Vec::new(),
        waiting: Vec::new(),
    };
    cutter.run();
    cutter.script
}

/// A here-document whose body comes with the next line.
struct Waiting {
    command: usize,
    marker: String,
    tabs: bool,
}

struct Cutter<'t> {
    scan: Scan<'t>,
    text: &'t str,
    script: Script,
    command: Command,
    /// Positions of the first commands of the open groups.
    groups: Vec<usize>,
    /// Commands whose output goes to the next command.
    piped: Vec<usize>,
    waiting: Vec<Waiting>,
}

impl Cutter<'_> {
    fn run(&mut self) {
        while let Some(byte) = self.scan.peek(0) {
            let space = self.scan.space();
            let line = self.scan.line_end();
            if space > 0 {
                self.scan.at += space;
            } else if line > 0 {
                self.scan.at += line;
                self.end_command();
                self.bodies();
            } else if byte == b'#' {
                self.comment();
            } else if self.is_redirection() {
                self.redirection();
            } else if let Some(operator) = self.operator() {
                self.scan.at += operator.len();
                self.separate(operator);
            } else {
                self.word();
            }
        }
        self.end_command();
    }

    fn comment(&mut self) {
        let start = self.scan.at;
        while self.scan.at < self.scan.end && self.scan.line_end() == 0 {
            self.scan.at += 1;
        }
        self.script.comments.push(start..self.scan.at);
    }

    fn operator(&self) -> Option<&'static str> {
        const OPERATORS: &[&str] = &["&&", "||", "|&", "|", ";", "&", "(", ")"];
        OPERATORS.iter().find(|operator| self.scan.starts_with(operator)).copied()
    }

    fn separate(&mut self, operator: &str) {
        match operator {
            "(" => self.open(),
            ")" => self.close(),
            "|" | "|&" => self.pipe(),
            _ => self.end_command(),
        }
    }

    fn open(&mut self) {
        self.end_command();
        self.groups.push(self.script.commands.len());
    }

    /// Ends a group. What follows decides where its output goes.
    fn close(&mut self) {
        self.end_command();
        let start = self.groups.pop().unwrap_or(self.script.commands.len());
        let mut ahead = self.scan.at;
        while ahead < self.scan.end && matches!(self.scan.bytes[ahead], b' ' | b'\t') {
            ahead += 1;
        }
        let rest = &self.scan.bytes[ahead..self.scan.end];
        let count = self.script.commands.len();
        let goes_on = rest.starts_with(b">") || (rest.starts_with(b"|") && !rest.starts_with(b"||"));
        if goes_on && count - start <= GROUP {
            let group = (start..count).filter(|index| self.script.commands[*index].pipe_to.is_none());
            self.piped.extend(group);
        }
    }

    fn pipe(&mut self) {
        let count = self.script.commands.len();
        self.end_command();
        if self.script.commands.len() > count {
            self.piped.push(count);
        }
    }

    /// Ends the command that is being read, if there is any of it.
    fn end_command(&mut self) {
        let command = std::mem::take(&mut self.command);
        let index = self.script.commands.len();
        let awaits = self.waiting.last().is_some_and(|waiting| waiting.command == index);
        if command == Command::default() && !awaits {
            return;
        }
        for piped in self.piped.drain(..).filter(|piped| *piped < index) {
            self.script.commands[piped].pipe_to = Some(index);
        }
        self.script.commands.push(command);
    }

    fn word(&mut self) {
        let Some(word) = self.read_word() else { return };
        let text = &self.text[word.clone()];
        if self.command.words.is_empty() && text == "{" {
            return self.open();
        }
        if self.command.words.is_empty() && text == "}" {
            return self.close();
        }
        self.command.words.push(word);
    }

    /// Reads a word, or skips one character that cannot begin one.
    fn read_word(&mut self) -> Option<Range<usize>> {
        let start = self.scan.at;
        while let Some(byte) = self.scan.peek(0) {
            let quote = self.scan.double_quote();
            if quote > 0 {
                self.scan.at += quote;
                self.double_quoted();
            } else if self.scan.space() > 0 || self.scan.line_end() > 0 {
                break;
            } else if byte == b'\'' {
                self.scan.at += 1;
                self.scan.single_quoted(false);
            } else if self.scan.starts_with("$'") {
                self.scan.at += 2;
                self.scan.single_quoted(true);
            } else if let Some(open) = self.opens() {
                self.nested(open);
            } else if matches!(byte, b'|' | b'&' | b';' | b'(' | b')' | b'<' | b'>') {
                break;
            } else {
                self.scan.skip();
            }
        }
        if self.scan.at == start {
            self.scan.skip();
            return None;
        }
        Some(start..self.scan.at.min(self.scan.end))
    }

    fn double_quoted(&mut self) {
        while self.scan.at < self.scan.end {
            let quote = self.scan.double_quote();
            if quote > 0 {
                self.scan.at += quote;
                return;
            }
            match self.opens() {
                Some(open) if !matches!(self.scan.peek(0), Some(b'<' | b'>')) => self.nested(open),
                _ => self.scan.skip(),
            }
        }
    }

    /// Length of the opening of a nesting here.
    fn opens(&self) -> Option<usize> {
        match (self.scan.peek(0)?, self.scan.peek(1)) {
            (b'$', Some(b'(' | b'{')) | (b'<' | b'>', Some(b'(')) => Some(2),
            (b'`', _) => Some(1),
            _ => None,
        }
    }

    fn nested(&mut self, open: usize) {
        let is_parameter = self.scan.peek(1) == Some(b'{');
        let inside = self.scan.nested(open);
        if !is_parameter {
            self.command.substitutions.push(inside);
        }
    }

    /// Whether `<` or `>` stands here, maybe with a number or `&` before it, and begins no substitution.
    fn is_redirection(&self) -> bool {
        let rest = &self.scan.bytes[self.scan.at..self.scan.end];
        let descriptor = rest.iter().take(3).take_while(|byte| byte.is_ascii_digit()).count();
        let rest = &rest[descriptor..];
        let rest = if descriptor == 0 { rest.strip_prefix(b"&").unwrap_or(rest) } else { rest };
        matches!(rest.first(), Some(b'<' | b'>')) && rest.get(1) != Some(&b'(')
    }

    fn redirection(&mut self) {
        const OPERATORS: &[&str] = &["<<<", "<<-", "<<", "<>", "<&", "<", ">>", ">&", ">|", ">"];
        while matches!(self.scan.peek(0), Some(b'0'..=b'9' | b'&')) {
            self.scan.at += 1;
        }
        let operator = OPERATORS.iter().find(|operator| self.scan.starts_with(operator)).copied();
        self.scan.at += operator.map_or(1, str::len);
        while self.scan.space() > 0 {
            self.scan.at += self.scan.space();
        }
        let starts_word =
            self.scan.peek(0).is_some_and(|byte| !matches!(byte, b'|' | b'&' | b';' | b')' | b'\n'));
        if !starts_word || self.is_redirection() {
            return;
        }
        let Some(target) = self.read_word() else { return };
        match operator {
            Some("<<<") => self.command.here_strings.push(target),
            Some(heredoc @ ("<<" | "<<-")) => self.waiting.push(Waiting {
                command: self.script.commands.len(),
                marker: self.text[target].chars().filter(|c| !matches!(c, '"' | '\'' | '\\')).collect(),
                tabs: heredoc == "<<-",
            }),
            Some(">" | ">>" | ">|" | "<>") => self.command.output = Some(target),
            _ => {}
        }
    }

    /// Reads the bodies of the here-documents that the line before announced.
    fn bodies(&mut self) {
        for waiting in std::mem::take(&mut self.waiting) {
            let body = self.body(&waiting);
            if let Some(command) = self.script.commands.get_mut(waiting.command) {
                command.here_documents.push(body);
            }
        }
    }

    fn body(&mut self, waiting: &Waiting) -> Range<usize> {
        let start = self.scan.at;
        while self.scan.at < self.scan.end {
            let line = self.scan.at;
            while self.scan.at < self.scan.end && self.scan.line_end() == 0 {
                self.scan.at += 1;
            }
            let content = self.text.get(line..self.scan.at).unwrap_or_default().trim_end_matches('\r');
            let content = if waiting.tabs { content.trim_start_matches('\t') } else { content };
            let ends = content == waiting.marker;
            self.scan.at += self.scan.line_end();
            if ends {
                return start..line;
            }
        }
        start..self.scan.end
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Words of each command, `|` where output goes on, `>` before a file, `<` before an input, `$` before a script.
    fn shown(text: &str, dialect: Dialect) -> Vec<String> {
        let script = cut(text, 0..text.len(), dialect);
        let mut lines = Vec::new();
        for command in &script.commands {
            let mut parts: Vec<String> =
                command.words.iter().map(|word| text[word.clone()].to_owned()).collect();
            let mut add = |sign: &str, ranges: &mut dyn Iterator<Item = &Range<usize>>| {
                parts.extend(ranges.map(|range| format!("{sign}{}", &text[range.clone()])));
            };
            add(">", &mut command.output.iter());
            add("<", &mut command.here_strings.iter().chain(&command.here_documents));
            add("$", &mut command.substitutions.iter());
            if let Some(next) = command.pipe_to {
                parts.push(format!("|{next}"));
            }
            lines.push(parts.join(" "));
        }
        lines
    }

    fn plain(text: &str) -> Vec<String> {
        shown(text, Dialect::Plain)
    }

    #[test]
    fn operators_separate_commands_and_quotes_keep_words_whole() {
        assert_eq!(plain("a b&&c;d || e & f"), ["a b", "c", "d", "e", "f"]);
        assert_eq!(plain(r#"a "b && c" 'd;e' f\ g h"i j"k"#), [r#"a "b && c" 'd;e' f\ g h"i j"k"#]);
        assert_eq!(plain(r"a $'b\' c' d"), [r"a $'b\' c' d"]);
        assert_eq!(plain("a \\\n  b # c\nd"), ["a b", "d"]);
        assert_eq!(plain("a 'b"), ["a 'b"]);
        assert_eq!(plain("é \\é 'é"), ["é \\é 'é"]);
    }

    #[test]
    fn output_goes_to_the_next_command_or_to_a_file() {
        assert_eq!(plain("a | b |& c"), ["a |1", "b |2", "c"]);
        assert_eq!(plain("(a; b) | c"), ["a |2", "b |2", "c"]);
        assert_eq!(plain("{ a; (b; c) | d; } | e"), ["a |4", "b |3", "c |3", "d |4", "e"]);
        assert_eq!(plain("a b > f 2>&1 && c >>g <h"), ["a b >f", "c >g"]);
        assert_eq!(plain("a 2>/dev/null &> x"), ["a >x"]);
        assert_eq!(plain("a >"), ["a"]);
        assert_eq!(plain("(a) || b"), ["a", "b"]);
        assert_eq!(plain("(a; b) > f; c"), ["a |2", "b |2", ">f", "c"]);
    }

    #[test]
    fn standard_input_is_a_string_or_a_document() {
        assert_eq!(plain("a <<< \"b c\" d"), ["a d <\"b c\""]);
        assert_eq!(plain("a <<E >f\nx\ny\nE\nb"), ["a >f <x\ny\n", "b"]);
        assert_eq!(plain("a <<'E' <<-F\n1\nE\n\t2\n\tF\nb"), ["a <1\n <\t2\n", "b"]);
        assert_eq!(plain("a <<E\nopen"), ["a <open"]);
        assert_eq!(plain("<<E\nx\nE\n"), ["<x\n"]);
    }

    #[test]
    fn scripts_inside_words_are_found() {
        assert_eq!(plain("a $(b \"$(c)\" ')') d"), ["a $(b \"$(c)\" ')') d $b \"$(c)\" ')'"]);
        assert_eq!(plain("a \"x`b`\" ${c:-$(d)} <(e f)"), ["a \"x`b`\" ${c:-$(d)} <(e f) $b $e f"]);
        assert_eq!(plain("a $(b"), ["a $(b $b"]);
    }

    #[test]
    fn quotes_and_lines_are_known_where_a_string_is_around_them() {
        assert_eq!(shown(r#"a \"b c\" d"#, Dialect::Quoted), [r#"a \"b c\" d"#]);
        assert_eq!(shown(r#"a \"b c\"\nd\te"#, Dialect::Json), [r#"a \"b c\""#, "d e"]);
    }

    proptest! {
        #[test]
        fn every_range_lies_in_the_script_on_characters(
            text in r#"([ -~\né]|\$\(|<<E|\$'|\\"|&&){0,60}"#,
            dialect in prop::sample::select(vec![Dialect::Plain, Dialect::Quoted, Dialect::Json]),
        ) {
            let script = cut(&text, 0..text.len(), dialect);
            for (index, command) in script.commands.iter().enumerate() {
                let ranges = command.words.iter().chain(&command.output).chain(&command.here_strings);
                for range in ranges.chain(&command.here_documents).chain(&command.substitutions) {
                    prop_assert!(text.get(range.clone()).is_some(), "{range:?}");
                }
                prop_assert!(command.pipe_to.is_none_or(|next| next > index && next < script.commands.len()));
            }
        }
    }

    #[test]
    fn hostile_scripts_cost_no_more_than_their_length() {
        for piece in ["$(", "(", "\"$(", "a|", "<<E\n", "'\"`", "{ ", "a <<<", "${", "\\\"", "(a)|"] {
            let text = piece.repeat(60_000);
            let started = std::time::Instant::now();
            for dialect in [Dialect::Plain, Dialect::Json] {
                cut(&text, 0..text.len(), dialect);
            }
            assert!(started.elapsed().as_secs() < 5, "{piece:?} took {:?}", started.elapsed());
        }
    }
}
