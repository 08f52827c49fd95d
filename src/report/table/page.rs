//! Lines on a terminal: sanitized, coloured, and cut or wrapped to its width.
//!
//! Every text goes through [`Page`], which escapes what could drive the terminal and draws no more than what fits, so
//! the cost of a line depends on the width and not on the length of a hostile name.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use unicode_width::UnicodeWidthChar;

use super::super::sanitize::{push, sanitize};
pub(super) use super::super::words::{bytes, count, thousands};
use super::super::{Detail, ReportOptions};
use crate::signature::Severity;

/// The narrowest page that is drawn; a narrower terminal wraps by itself.
const NARROWEST: usize = 40;
/// Columns that a text cut in its middle keeps at least.
const KEPT: usize = 16;
/// Columns of a wrapped text, over all its lines.
const WRAPPED: usize = 1_200;

/// A text with its style, and where to cut it.
#[derive(Clone)]
pub(super) struct Span {
    text: String,
    style: Style,
    middle: bool,
}

impl Span {
    /// The same, cut in the middle when it is too long: the end of a path says most.
    pub(super) fn middle(mut self) -> Self {
        self.middle = true;
        self
    }

    fn new(text: impl Into<String>, style: Style) -> Self {
        Self { text: text.into(), style, middle: false }
    }
}

/// A text in the terminal's own colour.
pub(super) fn plain(text: impl Into<String>) -> Span {
    Span::new(text, Style::new())
}

/// What the eye should find.
pub(super) fn strong(text: impl Into<String>) -> Span {
    Span::new(text, Style::new().bold())
}

/// What may be passed over.
pub(super) fn dim(text: impl Into<String>) -> Span {
    Span::new(text, Style::new().dimmed())
}

/// Good news.
pub(super) fn good(text: impl Into<String>) -> Span {
    Span::new(text, AnsiColor::Green.on_default().bold())
}

/// What needs care.
pub(super) fn warning(text: impl Into<String>) -> Span {
    Span::new(text, AnsiColor::Yellow.on_default())
}

/// The name of a severity in its colour.
pub(super) fn badge(severity: Severity) -> Span {
    let style = match severity {
        Severity::Critical => AnsiColor::White.on(AnsiColor::Red).bold(),
        Severity::High => AnsiColor::Red.on_default().bold(),
        Severity::Medium => AnsiColor::Yellow.on_default().bold(),
        Severity::Low => AnsiColor::Cyan.on_default(),
    };
    Span::new(severity.as_str().to_uppercase(), style)
}

/// Where the report for people is drawn.
pub(super) struct Page<'a> {
    out: &'a mut dyn Write,
    options: &'a ReportOptions,
}

impl<'a> Page<'a> {
    pub(super) fn new(out: &'a mut dyn Write, options: &'a ReportOptions) -> Self {
        Self { out, options }
    }

    pub(super) fn detail(&self) -> Detail {
        self.options.detail
    }

    pub(super) fn show_secrets(&self) -> bool {
        self.options.show_secrets
    }

    pub(super) fn show_suppressed(&self) -> bool {
        self.options.show_suppressed
    }

    pub(super) fn blank(&mut self) -> io::Result<()> {
        self.out.write_all(b"\n")
    }

    /// One line, no longer than the page.
    pub(super) fn line(&mut self, indent: usize, spans: &[Span]) -> io::Result<()> {
        write!(self.out, "{:indent$}", "")?;
        let mut room = self.room(indent);
        let natural: Vec<_> = spans.iter().map(|span| self.columns(&span.text, room)).collect();
        let mut overflow = natural.iter().sum::<usize>().saturating_sub(room);
        for (span, mut columns) in spans.iter().zip(natural) {
            if span.middle {
                let given = overflow.min(columns.saturating_sub(KEPT));
                (columns, overflow) = (columns - given, overflow - given);
            }
            let (text, used) = self.fit(&span.text, columns.min(room), span.middle);
            self.styled(span.style, &text)?;
            room = room.saturating_sub(used);
        }
        self.blank()
    }

    /// A text over as many lines as it needs, broken at white space only; the first line starts with `label`.
    pub(super) fn wrapped(&mut self, indent: usize, label: &Span, text: &str) -> io::Result<()> {
        let label_columns = self.columns(&label.text, NARROWEST);
        let hang = indent + label_columns;
        let words: Vec<_> = text.split_whitespace().take(WRAPPED).collect();
        let (text, _) = self.fit(&words.join(" "), WRAPPED, true);
        write!(self.out, "{:indent$}", "")?;
        self.styled(label.style, &label.text)?;
        let mut used = 0;
        for word in text.split(' ') {
            let columns = self.columns(word, WRAPPED);
            if used > 0 && used + 1 + columns > self.room(hang) {
                write!(self.out, "\n{:hang$}", "")?;
                used = 0;
            }
            if used > 0 {
                self.out.write_all(b" ")?;
                used += 1;
            }
            self.out.write_all(word.as_bytes())?;
            used += columns;
        }
        self.blank()
    }

    /// A text that must not be cut: only made safe.
    pub(super) fn whole(&mut self, indent: usize, text: &str) -> io::Result<()> {
        writeln!(self.out, "{:indent$}{}", "", sanitize(text, self.options.unicode))
    }

    /// Says how many of `total` things were left out after `shown`.
    pub(super) fn rest(&mut self, indent: usize, total: usize, shown: usize, noun: &str) -> io::Result<()> {
        if total <= shown {
            return Ok(());
        }
        let more = count((total - shown) as u64, &format!("more {noun}"));
        self.line(indent, &[dim(format!("and {more} (-v shows all)"))])
    }

    fn room(&self, indent: usize) -> usize {
        self.options.width.max(NARROWEST).saturating_sub(indent).max(KEPT)
    }

    fn styled(&mut self, style: Style, text: &str) -> io::Result<()> {
        if self.options.color && style != Style::new() && !text.is_empty() {
            write!(self.out, "{style}{text}{style:#}")
        } else {
            self.out.write_all(text.as_bytes())
        }
    }

    /// Columns of `text` as it is shown; counting stops beyond `enough`.
    fn columns(&self, text: &str, enough: usize) -> usize {
        let mut columns = 0;
        for c in text.chars() {
            columns += self.shown(c).1;
            if columns > enough {
                break;
            }
        }
        columns
    }

    /// `text` as it is shown in at most `room` columns, and the columns that it takes.
    fn fit(&self, text: &str, room: usize, middle: bool) -> (String, usize) {
        if self.columns(text, room) <= room {
            return self.take(text.chars(), room);
        }
        let (ellipsis, width) = self.shown('…');
        let Some(room) = room.checked_sub(width) else {
            return (String::new(), 0);
        };
        let tail_room = if middle { room.div_ceil(2) } else { 0 };
        let (mut out, head) = self.take(text.chars(), room - tail_room);
        let (tail_start, tail) = self.tail(text, tail_room);
        out.push_str(&ellipsis);
        text[tail_start..].chars().for_each(|c| push(&mut out, c, self.options.unicode));
        (out, head + width + tail)
    }

    fn take(&self, chars: impl Iterator<Item = char>, room: usize) -> (String, usize) {
        let (mut out, mut used) = (String::new(), 0);
        for c in chars {
            let (shown, columns) = self.shown(c);
            if used + columns > room {
                break;
            }
            out.push_str(&shown);
            used += columns;
        }
        (out, used)
    }

    /// Where the last `room` columns of `text` begin, and how many they are.
    fn tail(&self, text: &str, room: usize) -> (usize, usize) {
        let (mut start, mut used) = (text.len(), 0);
        for (at, c) in text.char_indices().rev() {
            let columns = self.shown(c).1;
            if used + columns > room {
                break;
            }
            (start, used) = (at, used + columns);
        }
        (start, used)
    }

    /// A character as it is shown, and its columns: at least one, so that marks without width cannot pile up.
    fn shown(&self, c: char) -> (String, usize) {
        let mut out = String::new();
        push(&mut out, c, self.options.unicode);
        let columns = out.chars().map(|c| c.width().unwrap_or(1).max(1)).sum();
        (out, columns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(width: usize, draw: impl FnOnce(&mut Page) -> io::Result<()>) -> String {
        let options = ReportOptions { width, ..ReportOptions::default() };
        let mut out = Vec::new();
        draw(&mut Page::new(&mut out, &options)).expect("a vector takes everything");
        String::from_utf8(out).expect("a page is UTF-8")
    }

    #[test]
    fn a_long_line_loses_its_end_and_a_path_its_middle() {
        let long = "abcdefghij".repeat(9);
        assert_eq!(
            drawn(40, |page| page.line(2, &[plain(&*long)])),
            "  abcdefghijabcdefghijabcdefghijabcdefg…\n"
        );
        assert_eq!(
            drawn(40, |page| page.line(0, &[plain(&*long).middle(), plain(" tail")])),
            "abcdefghijabcdefg…defghijabcdefghij tail\n"
        );
        let line = drawn(60, |page| page.line(0, &[plain("a head "), plain(&long[..60]).middle()]));
        assert_eq!(line.trim_end().chars().count(), 60, "{line}");
    }

    #[test]
    fn wide_and_escaped_characters_count_as_they_are_shown() {
        for text in ["日本".repeat(40), "\u{1b}".repeat(40), "e\u{301}".repeat(400)] {
            for middle in [false, true] {
                let mut span = plain(&*text);
                span.middle = middle;
                let line = drawn(50, |page| page.line(3, &[span]));
                let columns: usize = line.trim_end().chars().map(|c| c.width().unwrap_or(0)).sum();
                assert!(columns <= 50, "{columns}: {line}");
            }
        }
    }

    #[test]
    fn a_wrapped_text_hangs_under_its_first_word_and_keeps_long_words_whole() {
        let text = format!("one two three four five six seven {} end", "x".repeat(50));
        insta::assert_snapshot!(drawn(40, |page| page.wrapped(2, &strong("fix  "), &text)), @r"
        fix  one two three four five six seven
             xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
             end
        ");
    }

    #[test]
    fn numbers_read_like_numbers() {
        assert_eq!([0, 999, 1000, 1_234_567].map(thousands), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(
            [0, 1023, 1024, 1_587_600, u64::MAX].map(bytes),
            ["0 B", "1023 B", "1.0 KiB", "1.5 MiB", "15.9 EiB"]
        );
        assert_eq!([count(1, "layer"), count(1200, "layer")], ["1 layer", "1,200 layers"]);
    }
}
