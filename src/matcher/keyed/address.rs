//! The provider's word in the host of an address: its parameters, and what the same command, call or object says of the
//! credential (`curl -H "X-Api-Key: …" https://api.flickr.com/`).

use std::ops::Range;

use super::name::{Says, is_word};
use super::{Found, Place};

/// Gives the credentials that belong to the address in whose host the word stands. Whether it stands in one.
pub(super) fn find(place: &Place<'_>, says: &Says<'_>, sink: &mut dyn FnMut(Found)) -> bool {
    let Some(address) = address(place) else { return false };
    if !parameters(place, says, &address, sink)
        && let Some(statement) = statement(place.text, &place.word)
    {
        place.assignments(statement, says, sink);
    }
    true
}

/// Bytes of an address before the word in its host, and behind it.
const HOST: usize = 128;
const ADDRESS: usize = 1024;

/// What follows the word in the address whose host holds it.
fn address(place: &Place<'_>) -> Option<Range<usize>> {
    let Place { text, word, .. } = place;
    let stops =
        |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'' | b'`' | b'<' | b'>' | 0);
    let before = text[..word.start].iter().rev().take(HOST).position(stops).unwrap_or(HOST.min(word.start));
    let start = word.start - before;
    let host = start + memchr::memmem::find(&text[start..word.start], b"://")? + 3;
    let rest = &text[word.start..text.len().min(word.start + ADDRESS)];
    let end = word.start + rest.iter().position(stops).unwrap_or(rest.len());
    let fits = !text[host..word.start].contains(&b'/')
        && is_word(&text[host..end], &(word.start - host..word.end - host));
    (fits && word.end <= end).then_some(word.end..end)
}

/// Whether a parameter of the address is one.
fn parameters(place: &Place<'_>, says: &Says<'_>, rest: &Range<usize>, sink: &mut dyn FnMut(Found)) -> bool {
    let address = &place.text[rest.clone()];
    let Some(query) = address.iter().position(|byte| *byte == b'?') else { return false };
    let (mut at, mut any) = (rest.start + query + 1, false);
    for parameter in address[query + 1..].split(|byte| matches!(byte, b'&' | b'#')) {
        if let Some(equals) = parameter.iter().position(|byte| *byte == b'=') {
            let (key, value) = (&parameter[..equals], &parameter[equals + 1..]);
            if says.alone_in(key) && (place.fits)(value) {
                let value = at + equals + 1..at + parameter.len();
                sink(Found { key: at..at + equals, value, confidence: None });
                any = true;
            }
        }
        at += parameter.len() + 1;
    }
    any
}

/// Bytes of a statement before and behind the word. A longer line holds more than one.
pub(in crate::matcher) const STATEMENT: usize = 320;

/// The command, call or object on the lines of the word: up to a line end that no backslash takes back, or a `;`.
fn statement(text: &[u8], word: &Range<usize>) -> Option<Range<usize>> {
    let ends = |at: usize| match text[at] {
        b'\n' => {
            let before = text[..at].strip_suffix(b"\r").unwrap_or(&text[..at]);
            !before.ends_with(b"\\")
        }
        b';' | 0 => true,
        b'|' => text[..at].ends_with(b" "),
        _ => false,
    };
    let earliest = word.start.saturating_sub(STATEMENT);
    let latest = text.len().min(word.end + STATEMENT);
    let start = (earliest..word.start).rev().find(|at| ends(*at)).map(|at| at + 1);
    let end = (word.end..latest).find(|at| ends(*at));
    let start = start.or_else(|| (earliest == 0).then_some(0))?;
    let end = end.or_else(|| (latest == text.len()).then_some(latest))?;
    Some(start..end)
}
