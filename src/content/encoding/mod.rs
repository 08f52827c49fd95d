//! Encodings that hide text inside of other content: a value of a settings file in base64, a string of a program in UTF-16.
//!
//! What is encoded stands anywhere in a file, so [`ENCODINGS`] says of each how to find it in bytes of any kind. A finder
//! looks at few of the bytes: at every n-th, where the shortest run worth a look is longer than that, or for a rare byte.
//! It gives only what reads like text, so that digests, keys and pictures fall out at their first bytes.
//!
//! Whether a byte belongs to a run, and what it stands for there, depends on nothing but [`Encoding::context`] bytes at
//! both sides of it. So cutting a file into chunks changes nothing. Texts may be encoded again: who searches them asks
//! the table again.

mod digits;
mod embedded;
mod escapes;
mod heads;
mod run;
mod wide;

use std::ops::Range;

pub use self::embedded::{Embedded, embedded};
pub use self::run::Run;

/// One row of [`ENCODINGS`]: encodings that are found together.
#[derive(Debug, Clone, Copy)]
pub struct Encoding {
    /// Their names in reports.
    pub names: &'static [&'static str],
    /// What they are, for people.
    pub about: &'static str,
    /// Bytes around a byte that decide what it stands for.
    pub context: usize,
    /// So many bytes stand for two of the text, rarely more.
    pub bytes_for_two: usize,
    /// Gives every run that has a byte in [`Text::within`], whole as far as the bytes reach.
    pub runs: fn(&Text<'_>, &mut dyn FnMut(Run)),
}

/// Every encoding that is undone wherever it stands.
pub const ENCODINGS: &[Encoding] = &[digits::DIGITS, escapes::ESCAPES, wide::WIDE];

/// Bytes in which runs are looked for.
#[derive(Debug, Clone)]
pub struct Text<'t> {
    /// The bytes, with what stands around those that count.
    pub bytes: &'t [u8],
    /// Those that count.
    pub within: Range<usize>,
    /// Offset of the first of `bytes` in its file, if they are a file's own.
    pub base: Option<u64>,
}

impl<'t> Text<'t> {
    /// All of a text.
    pub fn whole(bytes: &'t [u8]) -> Self {
        Self { bytes, within: 0..bytes.len(), base: Some(0) }
    }

    /// The bytes that count and `margin` around them.
    fn around(&self, margin: usize) -> Range<usize> {
        self.within.start.saturating_sub(margin)..self.bytes.len().min(self.within.end.saturating_add(margin))
    }
}

/// Every run of every encoding in a whole text.
pub fn runs(bytes: &[u8]) -> Vec<Run> {
    let mut runs = Vec::new();
    for encoding in ENCODINGS {
        (encoding.runs)(&Text::whole(bytes), &mut |run| runs.push(run));
    }
    runs
}

/// Whether a byte is a character of text in ASCII.
fn is_text(byte: u8) -> bool {
    matches!(byte, b'\t' | b'\n' | b'\r' | b' '..=b'~')
}

#[cfg(test)]
mod tests;
