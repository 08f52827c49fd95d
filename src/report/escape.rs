//! JSON that a terminal and a job's log can show: live characters inside strings are written as `\uXXXX`, and so is the
//! character that would make a text a command to a CI runner.
//!
//! JSON asks for that only below U+0020. The others (C1 controls, bidirectional overrides, …) may stand raw in a valid
//! document, and a report is also printed on terminals. Escaping loses nothing: every parser gives the same text back.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter, Serializer};

use super::commands::{Escape, unheard};
use super::sanitize::is_live;

/// Writes `value` over several indented lines, with an end of line.
pub fn pretty(out: &mut dyn Write, value: &impl Serialize) -> io::Result<()> {
    unheard(out, Escape::Json, |mut out| {
        value.serialize(&mut Serializer::with_formatter(&mut out, Escaping(PrettyFormatter::new())))?;
        out.write_all(b"\n")
    })
}

/// Writes `value` as one line.
pub(super) fn line(out: &mut dyn Write, value: &impl Serialize) -> io::Result<()> {
    unheard(out, Escape::Json, |mut out| {
        value.serialize(&mut Serializer::with_formatter(&mut out, Escaping(CompactFormatter)))?;
        out.write_all(b"\n")
    })
}

/// A formatter that escapes, and leaves the layout to another.
struct Escaping<F>(F);

impl<F: Formatter> Formatter for Escaping<F> {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, out: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment;
        while let Some((at, c)) = rest.char_indices().find(|(_, c)| is_live(*c)) {
            out.write_all(&rest.as_bytes()[..at])?;
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(out, "\\u{unit:04x}")?;
            }
            rest = &rest[at + c.len_utf8()..];
        }
        out.write_all(rest.as_bytes())
    }

    fn begin_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_array(out)
    }

    fn end_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_array(out)
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_array_value(out, first)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_array_value(out)
    }

    fn begin_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_object(out)
    }

    fn end_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_object(out)
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_object_key(out, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_object_value(out)
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_object_value(out)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(text: &str) -> String {
        let mut out = Vec::new();
        line(&mut out, &text).expect("a vector takes everything");
        String::from_utf8(out).expect("JSON is UTF-8")
    }

    #[test]
    fn live_characters_are_escaped_also_beyond_the_basic_plane() {
        assert_eq!(
            written("a\u{9b}b\u{202e}c\u{e0041}d\u{7f}é"),
            "\"a\\u009bb\\u202ec\\udb40\\udc41d\\u007fé\"\n"
        );
    }

    proptest! {
        #[test]
        fn a_parser_gives_the_same_text_back(text in ".*|([:#a\\[]|##)*") {
            let back: String = serde_json::from_str(&written(&text)).expect("valid JSON");
            prop_assert_eq!(back, text);
        }
    }
}
