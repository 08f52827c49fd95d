//! Words in names: whether a provider's word is one of them, and whether another says that the value is a credential.

use std::ops::Range;

use crate::matcher::escape;

/// What a key has to say beside the provider's word.
pub(super) struct Says<'r> {
    /// One of these; anything if there are none.
    words: &'r [String],
}

/// What a key says of which only its surroundings tell the provider.
const SECRET: &[&str] = &["key", "token", "secret", "auth", "pass", "pwd", "sig"];

impl<'r> Says<'r> {
    /// One of `words`; where the key names the provider, none have to be given.
    pub(super) fn either(words: &'r [String]) -> Self {
        Self { words }
    }

    /// Whether the key of the provider says it.
    pub(super) fn any_in(&self, key: &[u8]) -> bool {
        self.words.is_empty() || self.words.iter().any(|word| holds(key, word))
    }

    /// Whether a key that does not name the provider says it.
    pub(super) fn alone_in(&self, key: &[u8]) -> bool {
        self.alone().any(|word| holds(key, word))
    }

    /// Where in `range` of `text` a key that does not name the provider may say it, in order.
    pub(super) fn places(&self, text: &[u8], range: Range<usize>) -> Vec<Range<usize>> {
        let lower = text[range.clone()].to_ascii_lowercase();
        let mut places = Vec::new();
        for word in self.alone() {
            let found = memchr::memmem::find_iter(&lower, word).map(|at| range.start + at);
            places.extend(found.map(|at| at..at + word.len()));
        }
        places.sort_by_key(|place| place.start);
        places
    }

    fn alone(&self) -> impl Iterator<Item = &str> {
        let general = if self.words.is_empty() { SECRET } else { &["authorization"] };
        self.words.iter().map(String::as_str).chain(general.iter().copied())
    }
}

/// Whether a key holds a word; the separators in it may be others.
fn holds(key: &[u8], word: &str) -> bool {
    let same = |a: u8, b: u8| a.eq_ignore_ascii_case(&b) || (b == b'_' && matches!(a, b'-' | b'.'));
    key.windows(word.len()).any(|part| part.iter().zip(word.as_bytes()).all(|(a, b)| same(*a, *b)))
}

/// Whether `word` is a word of the identifier `key`: it begins at a border, and ends at one or before one of the words
/// that names of credentials are made of (`flickrkey`, `FLICKR_KEY`, `flickrApiKey`; not the `ably` of `probably`).
pub(super) fn is_word(key: &[u8], word: &Range<usize>) -> bool {
    let letter = |at: usize| key.get(at).copied().filter(u8::is_ascii_alphabetic);
    let begins = match word.start.checked_sub(1).and_then(letter) {
        None => true,
        Some(before) => before.is_ascii_lowercase() && key[word.start].is_ascii_uppercase(),
    };
    let ends = match letter(word.end) {
        None => true,
        Some(after) if after.is_ascii_uppercase() && key[word.end - 1].is_ascii_lowercase() => true,
        Some(_) => PARTS.iter().any(|part| {
            key.get(word.end..word.end + part.len())
                .is_some_and(|next| next.eq_ignore_ascii_case(part.as_bytes()))
        }),
    };
    begins && ends
}

/// Whether `word` may be a word of the name that stands around it in `text`, wherever that begins and ends.
pub(in crate::matcher) fn may_be_word(text: &[u8], word: &Range<usize>) -> bool {
    // `-Dword` of Java, `\\nword` in a text: the letter is no part of the name.
    let defined = text[..word.start].ends_with(b"-D") || text[..word.start].ends_with(b"-P");
    let begins = defined || escape::ends(&text[..word.start]);
    let start = if begins { word.start } else { word.start.saturating_sub(1) };
    is_word(&text[start..], &(word.start - start..word.end - start))
}

/// Words that names of credentials are made of.
const PARTS: &[&str] = &[
    "api", "key", "secret", "token", "access", "auth", "app", "client", "pass", "pwd", "private", "id",
    "user", "account", "license", "sdk", "service", "webhook", "bot", "oauth", "bearer", "admin", "live",
    "prod", "test", "io", "ai", "com", "hq", "db", "dsn", "url", "sign", "psk", "pw",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn word_of(key: &str, word: &str) -> bool {
        let at = key.to_ascii_lowercase().find(word).unwrap();
        is_word(key.as_bytes(), &(at..at + word.len()))
    }

    #[test]
    fn a_word_is_a_part_of_the_name_and_no_accident() {
        for key in [
            "FLICKR_KEY",
            "flickrApiKey",
            "flickrkey",
            "my.flickr.key",
            "myFlickrKey",
            "flickr",
            "x-flickr-key",
        ] {
            assert!(word_of(key, "flickr"), "{key}");
        }
        assert!(!word_of("probably_key", "ably"));
        assert!(!word_of("flickringKey", "flickr"));
        assert!(word_of("homeWifiPsk", "wifi") && word_of("wpapsk", "wpa") && word_of("vncpw", "vnc"));
        assert!(!word_of("newPassword", "wpa"));
    }
}
