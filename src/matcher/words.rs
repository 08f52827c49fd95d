//! Lists of words, written as one text and asked by hash.

use std::collections::HashSet;
use std::sync::OnceLock;

/// Words with blanks between them.
pub(super) struct Words {
    text: &'static str,
    set: OnceLock<HashSet<&'static [u8]>>,
}

impl Words {
    pub(super) const fn new(text: &'static str) -> Self {
        Self { text, set: OnceLock::new() }
    }

    /// Whether `word` is one of them.
    pub(super) fn has(&self, word: impl AsRef<[u8]>) -> bool {
        self.set.get_or_init(|| self.iter().map(str::as_bytes).collect()).contains(word.as_ref())
    }

    /// Each of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = &'static str> {
        self.text.split_ascii_whitespace()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_listed_as_a_whole() {
        static LIST: Words = Words::new("one two  three");
        assert!(LIST.has("two") && LIST.has(b"three"));
        assert!(!LIST.has("tw") && !LIST.has("") && !LIST.has("one two"));
    }
}
