//! What a provider's word names without standing in the key of the credential: a section, a block, an element or a call
//! around it (`[flickr]`, `flickr:` with deeper lines, `"flickr": {…}`, `<flickr>…</flickr>`, `new Flickr("…")`).
//!
//! The look goes from the word ahead, as far as the block reaches and at most [`BLOCK`] bytes; what stands beside the
//! block, however near, does not count.

use std::ops::Range;

use super::name::{Says, is_word};
use super::{Found, Place};

/// Longest block that is looked at.
pub(in crate::matcher) const BLOCK: usize = 1024;

/// Gives the credentials in the block that the word names.
pub(super) fn find(place: &Place<'_>, says: &Says<'_>, sink: &mut dyn FnMut(Found)) {
    let Some(name) = name(place.text, &place.word) else { return };
    let Some(block) = block(place.text, &name) else { return };
    let found = place.assignments(block.range.clone(), says, sink);
    if block.call && !found {
        arguments(place, name, block.range, sink);
    }
}

/// The identifier that the word is a word of.
fn name(text: &[u8], word: &Range<usize>) -> Option<Range<usize>> {
    let inside = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    let left = text[..word.start].iter().rev().take(64).take_while(|b| inside(b)).count();
    let right = text[word.end..].iter().take(64).take_while(|b| inside(b)).count();
    let name = word.start - left..word.end + right;
    is_word(&text[name.clone()], &(left..left + word.len())).then_some(name)
}

struct Block {
    range: Range<usize>,
    /// Whether it is the arguments of a call.
    call: bool,
}

fn block(text: &[u8], name: &Range<usize>) -> Option<Block> {
    let end = text.len().min(name.end + BLOCK);
    let text = &text[..end];
    let plain = |range: Range<usize>| Block { range, call: false };
    let quotes = |at: usize| text[at..].iter().take_while(|b| matches!(b, b'"' | b'\'' | b'\\')).count();
    let after = name.end + quotes(name.end);
    let line = text[..name.start].iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
    let before = text[line..name.start].trim_ascii_start();
    if before.ends_with(b"<") {
        return Some(plain(element(text, name)));
    }
    match text.get(after)? {
        b']' if heads(before) => return section(text, after).map(plain),
        b']' => {
            let index = matches!(text.get(after + 1), Some(b'[' | b'.' | b'-' | b'?'));
            let rest = memchr::memchr(b'\n', &text[after..]).map_or(end, |at| after + at);
            return index.then_some(plain(after + 1..rest));
        }
        _ => {}
    }
    // `Flickr::Client.new(`, `Flickr\Client(`
    let path = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b':' | b'.' | b'\\' | b'<' | b'>');
    let called = after + text[after..].iter().take(48).take_while(|b| path(b)).count();
    if called.checked_sub(1).is_some_and(|last| text[last] == b':') {
        return value_block(text, called - 1, line).map(plain);
    }
    match text.get(called)? {
        b'(' => Some(Block { range: called + 1..closed(text, called), call: true }),
        b'{' => Some(plain(called + 1..closed(text, called))),
        _ if text[called..].starts_with(b" do ") => {
            let end = memchr::memmem::find(&text[called..], b"\nend").map_or(end, |at| called + at);
            Some(plain(called..end))
        }
        _ => value_block(text, called, line).map(plain),
    }
}

/// Whether what stands before a name on its line makes it one of a section: `[x]`, `[[x]]`, `[remote "x"]`.
fn heads(before: &[u8]) -> bool {
    let inner = before.strip_prefix(b"[").map(|rest| rest.strip_prefix(b"[").unwrap_or(rest));
    inner.is_some_and(|inner| inner.first().is_none_or(u8::is_ascii_alphabetic))
}

/// What stands behind the sign after a key: a bracket, or lines that are indented deeper.
fn value_block(text: &[u8], at: usize, line: usize) -> Option<Range<usize>> {
    let blank = |at: usize| text[at..].iter().take(16).take_while(|b| matches!(b, b' ' | b'\t')).count();
    let at = at + blank(at);
    let sign = text[at..].iter().take(2).take_while(|b| matches!(b, b':' | b'=' | b'>')).count();
    let next = at + sign + blank(at + sign);
    if sign == 1 && text[at] == b':' && matches!(text.get(next), Some(b'\n' | b'\r')) {
        return indented(text, next, line);
    }
    let typed = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'&' | b'*');
    let open = next + text[next..].iter().take(40).take_while(|b| sign > 0 && typed(b)).count();
    let brackets: &[u8] = if sign > 0 { b"{[(" } else { b"{" };
    brackets.contains(text.get(open)?).then(|| open + 1..closed(text, open))
}

/// The lines behind `at` that are indented deeper than that of the key, which starts at `line`.
fn indented(text: &[u8], at: usize, line: usize) -> Option<Range<usize>> {
    let depth = |line: &[u8]| line.iter().take_while(|b| matches!(b, b' ' | b'-')).count();
    let own = depth(&text[line..at]);
    let start = at + memchr::memchr(b'\n', &text[at..])? + 1;
    let mut end = start;
    for line in text[start..].split_inclusive(|b| *b == b'\n') {
        if !line.trim_ascii().is_empty() && depth(line) <= own {
            break;
        }
        end += line.len();
    }
    (end > start).then_some(start..end)
}

/// Up to the next head of a section, if nothing but the bracket's end stands behind the name.
fn section(text: &[u8], at: usize) -> Option<Range<usize>> {
    let brackets = text[at..].iter().take(2).take_while(|b| **b == b']').count();
    let start = at + brackets;
    let first = text[start..].split(|b| *b == b'\n').next().unwrap_or_default().trim_ascii();
    if !first.is_empty() && !first.starts_with(b"#") && !first.starts_with(b";") {
        return None;
    }
    let end = memchr::memmem::find(&text[start..], b"\n[").map_or(text.len(), |at| start + at);
    Some(start..end)
}

/// An element's attributes and text.
fn element(text: &[u8], name: &Range<usize>) -> Range<usize> {
    let close = [b"</", &text[name.clone()]].concat();
    let body = &text[name.end..];
    let end = memchr::memmem::find(body, &close).or_else(|| memchr::memchr(b'>', body));
    name.end..name.end + end.unwrap_or(0)
}

/// Where the bracket at `open` is closed, or the end of what is looked at.
fn closed(text: &[u8], open: usize) -> usize {
    let mut depth = 0_usize;
    for (at, byte) in text.iter().enumerate().skip(open) {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

/// The quoted arguments of a call that have no names.
fn arguments(place: &Place<'_>, name: Range<usize>, range: Range<usize>, sink: &mut dyn FnMut(Found)) {
    let text = place.text;
    // Brackets that are open, and the last byte that is no blank, in what was passed.
    let (mut at, mut open_brackets, mut last) = (range.start, 0_isize, None);
    while let Some(length) = text[at..range.end].iter().position(|b| matches!(b, b'"' | b'\'' | b'`')) {
        let open = at + length;
        let mut pass = |passed: &[u8]| {
            for byte in passed {
                match byte {
                    b'(' | b'[' | b'{' => open_brackets += 1,
                    b')' | b']' | b'}' => open_brackets -= 1,
                    _ => {}
                }
                if !byte.is_ascii_whitespace() {
                    last = Some(*byte);
                }
            }
            open_brackets == 0 && matches!(last, None | Some(b','))
        };
        let alone = pass(&text[at..open]);
        let Some(length) = text[open + 1..range.end].iter().position(|b| *b == text[open]) else { return };
        let value = open + 1..open + 1 + length;
        if alone && place.takes(&value) {
            sink(Found { key: name.clone(), value: value.clone(), confidence: None });
        }
        pass(&text[open..=value.end]);
        at = value.end + 1;
    }
}
