//! The provider's word in a cell of a table, and the credential in the next: `flickr_api_key,…` of CSV, `| FLICKR_KEY | … |`
//! of Markdown.

use super::name::{Says, is_word};
use super::{Found, Place};

/// Gives the value of the cell behind the one whose name the word is a word of. Whether there was one.
pub(super) fn find(place: &Place<'_>, says: &Says<'_>, sink: &mut dyn FnMut(Found)) -> bool {
    let Place { text, word, .. } = place;
    let inside = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    let left = text[..word.start].iter().rev().take(64).take_while(|b| inside(b)).count();
    let right = text[word.end..].iter().take(64).take_while(|b| inside(b)).count();
    let name = word.start - left..word.end + right;
    let around = |b: &u8| matches!(b, b' ' | b'"' | b'`' | b'*');
    let before = text[..name.start].iter().rev().take(8).position(|b| !around(b));
    let first = before.map_or(name.start < 8, |at| matches!(text[name.start - 1 - at], b'\n' | b'|'));
    let skip = |at: usize| text[at..].iter().take(64).take_while(|b| around(b)).count();
    let end = name.end + skip(name.end);
    let Some(separator) = text.get(end).copied().filter(|b| matches!(b, b',' | b';' | b'\t' | b'|')) else {
        return false;
    };
    if !first
        || !is_word(&text[name.clone()], &(left..left + word.len()))
        || !says.any_in(&text[name.clone()])
    {
        return false;
    }
    let start = end + 1 + skip(end + 1);
    let ends = |b: &u8| *b == separator || around(b) || matches!(b, b'\n' | b'\r');
    let Some(length) = text[start..].iter().take(CELL).position(ends).or_else(|| place.rest(start)) else {
        return false;
    };
    let value = start..start + length;
    let fits = (place.fits)(&text[value.clone()]);
    if fits {
        sink(Found { key: name, value, confidence: None });
    }
    fits
}

/// Longest cell that is looked at.
const CELL: usize = 4096;
