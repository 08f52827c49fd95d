//! Text of the image, made fit to be looked at.
//!
//! Names, steps and labels are written by whoever made the image. A terminal obeys some characters (escape
//! sequences, C1 controls) and a reader is deceived by others (bidirectional overrides, characters without width), so
//! both are shown escaped: `\u{202e}`. What the text means is not known here.

use std::borrow::Cow;

use serde_json::Value;

/// Whether `c` acts on a terminal or on the order of other characters, or cannot be seen: controls, line and
/// paragraph separators, the format characters (general category Cf), variation selectors and fillers.
pub(super) fn is_live(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_control();
    }
    matches!(
        c,
        '\u{80}'..='\u{9f}'
            | '\u{ad}'
            | '\u{34f}'
            | '\u{600}'..='\u{605}'
            | '\u{61c}'
            | '\u{6dd}'
            | '\u{70f}'
            | '\u{890}'..='\u{891}'
            | '\u{8e2}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{2800}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{110bd}'
            | '\u{110cd}'
            | '\u{13430}'..='\u{1343f}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

/// `text` with every [live](is_live) character escaped, and with every non-ASCII one if `unicode` is false.
pub(super) fn sanitize(text: &str, unicode: bool) -> Cow<'_, str> {
    if text.chars().all(|c| shown_as_it_is(c, unicode)) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        push(&mut out, c, unicode);
    }
    Cow::Owned(out)
}

/// Appends `c` to `out` as [`sanitize`] shows it.
pub(super) fn push(out: &mut String, c: char, unicode: bool) {
    match c {
        c if shown_as_it_is(c, unicode) => out.push(c),
        '…' => out.push_str("..."),
        '\n' | '\t' | '\r' => out.extend(c.escape_default()),
        c => out.extend(c.escape_unicode()),
    }
}

/// The same of every text in `value`, and no more than `most` characters of each.
pub(super) fn sanitize_values(value: &mut Value, most: usize) {
    match value {
        Value::String(text) => {
            let shown = sanitize(text, true);
            *text = match shown.char_indices().nth(most) {
                Some((at, _)) => format!("{}…", &shown[..at]),
                None => shown.into_owned(),
            };
        }
        Value::Array(items) => items.iter_mut().for_each(|item| sanitize_values(item, most)),
        Value::Object(fields) => fields.values_mut().for_each(|field| sanitize_values(field, most)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn shown_as_it_is(c: char, unicode: bool) -> bool {
    !is_live(c) && (unicode || c.is_ascii())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn escape_sequences_and_deceiving_characters_are_shown_as_text() {
        for (text, shown) in [
            ("plain /app/ä/日本", "plain /app/ä/日本"),
            ("\u{1b}[31mred", r"\u{1b}[31mred"),
            ("\u{9b}2J", r"\u{9b}2J"),
            ("gpj.\u{202e}exe", r"gpj.\u{202e}exe"),
            ("a\u{200b}b\u{feff}", r"a\u{200b}b\u{feff}"),
            ("two\nlines\r\tand \u{7f}", r"two\nlines\r\tand \u{7f}"),
            ("line\u{2028}break", r"line\u{2028}break"),
            ("\u{e0041}tag", r"\u{e0041}tag"),
        ] {
            assert_eq!(sanitize(text, true), shown);
        }
    }

    #[test]
    fn an_ascii_terminal_gets_ascii() {
        assert_eq!(sanitize("é…", false), r"\u{e9}...");
    }

    proptest! {
        #[test]
        fn nothing_live_is_left_and_nothing_else_changes(text in "\\PC*|.*") {
            let shown = sanitize(&text, true);
            prop_assert!(!shown.chars().any(is_live));
            prop_assert!(sanitize(&text, false).is_ascii());
            if !text.chars().any(is_live) {
                prop_assert_eq!(&*shown, &*text);
            }
        }
    }
}
