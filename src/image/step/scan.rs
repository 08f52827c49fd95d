//! A position in a shell script that knows quotes, spaces and line ends, also where a string is around the script.

use std::ops::Range;

/// How backslashes are written where the script stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// As in a file.
    Plain,
    /// Inside double quotes of a script around it: `\"` is a quote.
    Quoted,
    /// Inside a JSON or Go string: `\"` is a quote, `\n` a line's end.
    Json,
}

/// A position in a script.
pub(super) struct Scan<'t> {
    pub(super) bytes: &'t [u8],
    pub(super) at: usize,
    pub(super) end: usize,
    pub(super) dialect: Dialect,
}

impl Scan<'_> {
    pub(super) fn peek(&self, ahead: usize) -> Option<u8> {
        let at = self.at + ahead;
        (at < self.end).then(|| self.bytes[at])
    }

    pub(super) fn starts_with(&self, token: &str) -> bool {
        self.bytes[self.at..self.end].starts_with(token.as_bytes())
    }

    /// Length of the line's end here, or 0.
    pub(super) fn line_end(&self) -> usize {
        match (self.peek(0), self.peek(1)) {
            (Some(b'\n'), _) => 1,
            (Some(b'\\'), Some(b'n')) if self.dialect == Dialect::Json => 2,
            _ => 0,
        }
    }

    /// Length of the space here, or 0. A line that goes on is space.
    pub(super) fn space(&self) -> usize {
        match (self.peek(0), self.peek(1)) {
            (Some(b' ' | b'\t' | b'\r'), _) => 1,
            (Some(b'\\'), Some(b'\n')) => 2,
            (Some(b'\\'), Some(b't' | b'r')) if self.dialect == Dialect::Json => 2,
            _ => 0,
        }
    }

    /// Length of the double quote here, or 0.
    pub(super) fn double_quote(&self) -> usize {
        match (self.peek(0), self.peek(1)) {
            (Some(b'"'), _) => 1,
            (Some(b'\\'), Some(b'"')) if self.dialect != Dialect::Plain => 2,
            _ => 0,
        }
    }

    /// Skips a character, or a backslash and the one after it.
    pub(super) fn skip(&mut self) {
        let step = if self.peek(0) == Some(b'\\') && self.at + 1 < self.end { 2 } else { 1 };
        self.at += step;
        // A character of several bytes is never left in its middle.
        while self.at < self.end && self.bytes[self.at] & 0xc0 == 0x80 {
            self.at += 1;
        }
    }

    /// Skips what follows an opening single quote, and the closing one.
    pub(super) fn single_quoted(&mut self, escapes: bool) {
        while let Some(byte) = self.peek(0) {
            if byte == b'\'' {
                self.at += 1;
                return;
            }
            if byte == b'\\' && !escapes {
                self.at += 1;
            } else {
                self.skip();
            }
        }
    }

    /// Skips to the end of a nesting that begins here with `open`: `$(`, `<(`, `>(`, `${` or a backquote. Returns the
    /// range inside.
    pub(super) fn nested(&mut self, open: usize) -> Range<usize> {
        let closer = match self.bytes[self.at + open - 1] {
            b'{' => b'}',
            b'`' => b'`',
            _ => b')',
        };
        self.at += open;
        let start = self.at;
        let mut closers = vec![closer];
        while let Some(byte) = self.peek(0) {
            let innermost = closers.last().copied();
            let quote = self.double_quote();
            if innermost == Some(b'"') {
                if quote > 0 {
                    closers.pop();
                    self.at += quote;
                } else if self.starts_with("$(") {
                    closers.push(b')');
                    self.at += 2;
                } else {
                    self.skip();
                }
            } else if Some(byte) == innermost {
                closers.pop();
                if closers.is_empty() {
                    let inside = start..self.at;
                    self.at += 1;
                    return inside;
                }
                self.at += 1;
            } else if quote > 0 {
                closers.push(b'"');
                self.at += quote;
            } else if byte == b'\'' {
                self.at += 1;
                self.single_quoted(false);
            } else if byte == b'(' {
                closers.push(b')');
                self.at += 1;
            } else {
                self.skip();
            }
        }
        start..self.end
    }
}
