//! Lists of words, asked which of them a text begins with. They are asked of every value that is judged, so no
//! word is compared whose first byte does not fit.

use std::sync::LazyLock;

/// A list of words, sorted by their first bytes when it is first asked.
pub(super) struct Heads(LazyLock<Vec<Vec<&'static [u8]>>>);

/// Makes a `static` list of words out of a text, with what parts them there.
macro_rules! heads {
    ($text:expr, $sign:expr) => {
        $crate::matcher::heads::Heads::new(|| $crate::matcher::heads::sorted($text, $sign))
    };
}
pub(super) use heads;

impl Heads {
    pub(super) const fn new(make: fn() -> Vec<Vec<&'static [u8]>>) -> Self {
        Self(LazyLock::new(make))
    }

    /// The words that begin with `byte`.
    pub(super) fn beginning_with(&self, byte: u8) -> impl Iterator<Item = &'static [u8]> + '_ {
        self.0[usize::from(byte)].iter().copied()
    }

    /// The words that `text` begins with.
    pub(super) fn of<'t>(&'t self, text: &'t [u8]) -> impl Iterator<Item = &'static [u8]> + 't {
        let words = text.first().into_iter().flat_map(|byte| self.beginning_with(*byte));
        words.filter(|word| text.starts_with(word))
    }
}

/// The words of a text, by their first bytes.
pub(super) fn sorted(text: &'static str, sign: char) -> Vec<Vec<&'static [u8]>> {
    let mut words = vec![Vec::new(); 256];
    for word in text.split(sign).map(str::as_bytes).filter(|word| !word.is_empty()) {
        words[usize::from(word[0])].push(word);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    static LIST: Heads = heads!("vault: vault:// a ab b", ' ');

    #[test]
    fn words_are_found_by_their_first_byte() {
        assert_eq!(LIST.of(b"vault://x").collect::<Vec<_>>(), [&b"vault:"[..], b"vault://"]);
        assert_eq!(LIST.of(b"abc").count(), 2);
        assert_eq!(LIST.of(b"").count(), 0);
    }
}
