//! Rules that name words instead of a format: the word has to stand in the key of the very assignment, option, header or
//! address whose value is the credential. Nearness alone is never enough.

use std::ops::Range;

use super::assign::{Assignment, Bounds, Style, around};
use super::judge::{Context, Setting, judge};
use super::verify::Scene;
use super::{AFTER, BEFORE, Candidate};
use crate::signature::Confidence;

/// What a rule of this kind asks for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wish<'r> {
    /// Lower-case words of which one must stand in the key too.
    pub(super) and: &'r [String],
    /// Whether the value is judged by its name and surroundings.
    pub(super) judged: bool,
}

/// A value that the key asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) key: Range<usize>,
    pub(super) value: Range<usize>,
    /// The tier that the judgement gives it, if there was one.
    pub(super) confidence: Option<Confidence>,
}

/// The value whose key holds the candidate's word.
pub(super) fn find(wish: Wish<'_>, scene: Scene<'_>) -> Option<Found> {
    let Scene { candidate, text, around: surroundings } = scene;
    let word = candidate.at..candidate.at + candidate.length;
    let pair = surroundings.pair.filter(|name| word.end <= *name);
    let assignment = match pair {
        Some(name) => Assignment {
            key: 0..name,
            value: name + 1..text.len(),
            quote: None,
            style: Style::Equals,
            literal: true,
            embedded: false,
        },
        None => match around(text, word.clone(), bounds(&candidate, text)) {
            Some(assignment) => assignment,
            None => return in_address(wish, &word, text),
        },
    };
    let key = &text[assignment.key.clone()];
    if wish.judged {
        let setting = match pair {
            Some(_) => Setting::Environment,
            None => Setting::of(surroundings.path, text, assignment.key.start),
        };
        let quoted = assignment.quote.is_some() || assignment.embedded;
        let literal = assignment.literal;
        let bare = assignment.quote.is_none();
        let context = Context { setting, style: assignment.style, quoted, bare, literal };
        let judgement = judge(std::str::from_utf8(key).ok()?, &text[assignment.value.clone()], &context)?;
        let confidence = Some(judgement.confidence);
        return Some(Found { key: assignment.key, value: assignment.value, confidence });
    }
    let own = word.start.checked_sub(assignment.key.start)?..word.end.checked_sub(assignment.key.start)?;
    let fits = assignment.literal && is_word(key, &own) && has_any(key, wish.and);
    fits.then_some(Found { key: assignment.key, value: assignment.value, confidence: None })
}

/// The tier of a password whose place says that it is one: of an address, a command, a call.
pub(super) fn alone(secret: &Range<usize>, scene: Scene<'_>) -> Option<Confidence> {
    let setting = match Setting::of(scene.around.path, scene.text, secret.start) {
        // Nothing but a value stands there.
        Setting::Config | Setting::Shell => Setting::Environment,
        other => other,
    };
    let context = Context { setting, style: Style::Equals, quoted: true, bare: false, literal: true };
    judge("password", &scene.text[secret.clone()], &context).map(|judgement| judgement.confidence)
}

/// A parameter of the address in whose host the word stands.
fn in_address(wish: Wish<'_>, word: &Range<usize>, text: &[u8]) -> Option<Found> {
    let stops =
        |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'' | b'`' | b'<' | b'>' | 0);
    let before = text[..word.start].iter().rev().take(HOST).position(stops).unwrap_or(HOST.min(word.start));
    let start = word.start - before;
    let host = start + memchr::memmem::find(&text[start..word.start], b"://")? + 3;
    let end = word.start + text[word.start..].iter().take(ADDRESS).position(stops).unwrap_or(0);
    let query = word.end + text.get(word.end..end)?.iter().position(|byte| *byte == b'?')? + 1;
    if text[host..word.start].contains(&b'/')
        || !is_word(&text[host..end], &(word.start - host..word.end - host))
    {
        return None;
    }
    let mut at = query;
    for parameter in text[query..end].split(|byte| matches!(byte, b'&' | b'#')) {
        if let Some(equals) = parameter.iter().position(|byte| *byte == b'=') {
            let any = if wish.and.is_empty() { SECRET } else { &[] };
            let key = &parameter[..equals];
            let named = has_any(key, wish.and) && (any.is_empty() || any.iter().any(|word| holds(key, word)));
            if named {
                return Some(Found {
                    key: at..at + equals,
                    value: at + equals + 1..at + parameter.len(),
                    confidence: None,
                });
            }
        }
        at += parameter.len() + 1;
    }
    None
}

/// Bytes of an address before the word in its host, and behind it.
const HOST: usize = 128;
pub(super) const ADDRESS: usize = 1024;

/// What the name of a parameter says of which the host alone tells the provider.
const SECRET: &[&str] = &["key", "token", "secret", "auth", "pass", "pwd", "sig"];

fn bounds(candidate: &Candidate, text: &[u8]) -> Bounds {
    Bounds { start: candidate.at < BEFORE, end: text.len() < candidate.at + AFTER }
}

fn has_any(key: &[u8], words: &[String]) -> bool {
    words.is_empty() || words.iter().any(|word| holds(key, word))
}

fn holds(key: &[u8], word: &str) -> bool {
    key.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word.as_bytes()))
}

/// Whether `word` is a word of the identifier `key`: it begins at a border, and ends at one or before one of the words
/// that names of credentials are made of (`flickrkey`, `FLICKR_KEY`, `flickrApiKey`; not the `ably` of `probably`).
fn is_word(key: &[u8], word: &Range<usize>) -> bool {
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
pub(super) fn may_be_word(text: &[u8], word: &Range<usize>) -> bool {
    // `-Dword` of Java: the letter is no part of the name.
    let defined = text[..word.start].ends_with(b"-D") || text[..word.start].ends_with(b"-P");
    let start = if defined { word.start } else { word.start.saturating_sub(1) };
    is_word(&text[start..], &(word.start - start..word.end - start))
}

/// Words that names of credentials are made of.
const PARTS: &[&str] = &[
    "api", "key", "secret", "token", "access", "auth", "app", "client", "pass", "pwd", "private", "id",
    "user", "account", "license", "sdk", "service", "webhook", "bot", "oauth", "bearer", "admin", "live",
    "prod", "test", "io", "ai", "com", "hq", "db", "dsn", "url", "sign",
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
    }
}
