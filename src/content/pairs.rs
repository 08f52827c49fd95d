//! Keys and values of a store as lines of text, `key=value`, shown in pieces as they come.

use std::borrow::Cow;
use std::ops::ControlFlow;

use super::{Part, Visitor};

/// Bytes of a piece.
const PIECE: usize = 128 << 10;
/// Longest name that a line gets.
const NAME: usize = 128;

/// Gathers lines. See the module.
pub(super) struct Pairs {
    /// What was undone.
    part: &'static str,
    text: Vec<u8>,
}

impl Pairs {
    /// Lines that are shown as [`Part::Plain`] of that name.
    pub(super) fn new(part: &'static str) -> Self {
        Self { part, text: Vec::new() }
    }

    /// A value, and the key that it is known by.
    pub(super) fn pair(&mut self, key: &[u8], value: &[u8], visitor: &mut dyn Visitor) -> ControlFlow<()> {
        let key = text(key);
        let name = name(&key);
        if name.is_empty() {
            self.line(&key, visitor)?;
        } else {
            // What stands before the name in the key may be a text too.
            if name.len() < key.len() {
                self.line(&key, visitor)?;
            }
            self.text.extend_from_slice(name);
            self.text.push(b'=');
        }
        self.line(&text(value), visitor)
    }

    /// A line.
    pub(super) fn line(&mut self, line: &[u8], visitor: &mut dyn Visitor) -> ControlFlow<()> {
        self.text.extend_from_slice(line);
        self.text.push(b'\n');
        if self.text.len() < PIECE { ControlFlow::Continue(()) } else { self.show(visitor) }
    }

    /// Shows what was gathered.
    pub(super) fn show(&mut self, visitor: &mut dyn Visitor) -> ControlFlow<()> {
        let text = std::mem::take(&mut self.text);
        if text.is_empty() {
            return ControlFlow::Continue(());
        }
        visitor.visit(Part::Plain(self.part), &mut &text[..])
    }
}

/// The end of a key that can be the name of a setting: `token` of `_https://host\0\x01token`.
fn name(key: &[u8]) -> &[u8] {
    let inside = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    let length = key.iter().rev().take(NAME).take_while(|byte| inside(byte)).count();
    &key[key.len() - length..]
}

/// A text without the mark of its encoding before it, in UTF-8 if it is UTF-16: browsers put a byte before a text that
/// says which it is.
fn text(bytes: &[u8]) -> Cow<'_, [u8]> {
    let (mark, rest) = match bytes {
        [mark @ (0 | 1), rest @ ..] => (Some(*mark), rest),
        _ => (None, bytes),
    };
    let ascii = |rest: &[u8]| {
        rest.len() >= 4 && rest.chunks_exact(2).filter(|pair| pair[1] == 0).count() * 4 > rest.len()
    };
    if rest.len() % 2 == 0 && mark != Some(1) && ascii(rest) {
        let units = rest.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
        return Cow::Owned(String::from_utf16_lossy(&units.collect::<Vec<_>>()).into_bytes());
    }
    Cow::Borrowed(rest)
}
