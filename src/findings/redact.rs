//! Takes every credential that a scan found out of the texts that it shows.
//!
//! Build steps, names and paths come from the image and are shown to people; a credential in them is replaced by its
//! redacted form. What is searched for is every match, those too that the report does not show.

mod sealed;

use std::collections::BTreeMap;

use aho_corasick::{AhoCorasick, MatchKind};

use self::sealed::SealedForms;
use crate::secret::{SealKey, Secret};

/// Bytes at the start of a credential that say nothing.
const SHOWN: usize = 3;

/// Replaces credentials in texts.
#[derive(Debug)]
pub struct Redactor(Search);

#[derive(Debug)]
enum Search {
    /// For texts, which are at hand.
    Texts { automaton: AhoCorasick, forms: Vec<Vec<u8>>, replacements: Vec<String> },
    /// For texts of which only hashes are.
    Sealed(Box<SealedForms>),
    /// Nothing can be shown safely.
    Blind,
}

/// Shortest credential that is taken out of paths, where a shorter one is more likely to be part of a common word.
pub const SHORTEST_IN_PATH: usize = 8;

impl Redactor {
    /// A redactor for these credentials, in all their [forms](Secret::forms). None of them is sealed.
    pub fn new<'s>(secrets: impl IntoIterator<Item = &'s Secret>) -> Self {
        let mut forms: BTreeMap<Vec<u8>, String> = BTreeMap::new();
        for secret in secrets {
            let redacted = shown(&secret.redacted());
            for form in secret.forms() {
                let known = forms.entry(form).or_insert_with(|| redacted.clone());
                if redacted < *known {
                    known.clone_from(&redacted);
                }
            }
        }
        let automaton = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(forms.keys());
        // The size of an automaton is bounded.
        let Ok(automaton) = automaton else { return Self::blind() };
        let (forms, replacements) = forms.into_iter().unzip();
        Self(Search::Texts { automaton, forms, replacements })
    }

    /// A redactor for credentials that were sealed with `key`, all of them.
    pub fn sealed<'s>(secrets: impl IntoIterator<Item = &'s Secret>, key: &SealKey) -> Self {
        let sealed = secrets.into_iter().filter_map(|secret| secret.sealed().map(AsRef::as_ref));
        Self(Search::Sealed(Box::new(SealedForms::new(sealed, key))))
    }

    /// A redactor that shows nothing at all.
    pub fn blind() -> Self {
        Self(Search::Blind)
    }

    /// `text` without credentials.
    pub fn text(&self, text: &str) -> String {
        self.replace(text, 0)
    }

    /// A path without credentials, except very short ones.
    pub fn path(&self, path: &str) -> String {
        self.replace(path, SHORTEST_IN_PATH)
    }

    /// A text that may have been cut off, without credentials and without the start of one at its end: its last, unfinished
    /// word goes.
    pub fn cut(&self, text: &str) -> String {
        let mut text = self.path(text);
        let Some(kept) = text.strip_suffix('…') else { return text };
        let end = kept
            .rfind(|c: char| c.is_whitespace() || BETWEEN.contains(c))
            .map_or(0, |last| last + kept[last..].chars().next().map_or(0, char::len_utf8));
        let start = self.begun(kept).filter(|start| *start < end);
        text.truncate(start.unwrap_or(end));
        text.push_str(if start.is_some() { "[redacted]…" } else { "…" });
        text
    }

    /// Where a credential of several words begins that `text` ends in.
    fn begun(&self, text: &str) -> Option<usize> {
        let Search::Texts { forms, .. } = &self.0 else { return None };
        let begins = |start: &usize| {
            let rest = &text.as_bytes()[*start..];
            let next = forms.partition_point(|form| form.as_slice() < rest);
            forms.get(next).is_some_and(|form| form.starts_with(rest))
        };
        text.char_indices().map(|(at, _)| at).filter(|at| text.len() - at > SHOWN).find(begins)
    }

    fn replace(&self, text: &str, shortest: usize) -> String {
        match &self.0 {
            Search::Blind => "[redacted]".to_owned(),
            Search::Texts { automaton, replacements, .. } => {
                let found = automaton.find_iter(text);
                let found = found.map(|found| (found.range(), replacements[found.pattern()].as_str()));
                replaced(text, found, shortest)
            }
            Search::Sealed(forms) => {
                let mut from = 0;
                let found = std::iter::from_fn(|| {
                    let found = forms.next(text.as_bytes(), from)?;
                    from = found.0.end;
                    Some(found)
                });
                let replaced = replaced(text, found, shortest);
                if forms.gave_up() { "[redacted]".to_owned() } else { replaced }
            }
        }
    }
}

/// What stands between words, and seldom in a credential.
const BETWEEN: &str = "/?&=,;:|@'\"<>()[]{}";

fn shown(redacted: &str) -> String {
    format!("[redacted {redacted}]")
}

/// `text` with what was found in it replaced, but for what is too short.
fn replaced<'r>(
    text: &str,
    found: impl Iterator<Item = (std::ops::Range<usize>, &'r str)>,
    shortest: usize,
) -> String {
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    for (range, replacement) in found.filter(|(range, _)| range.len() >= shortest) {
        // Forms are whole characters of UTF-8 texts; a form that is no UTF-8 cannot match inside one.
        out.push_str(text.get(from..range.start).unwrap_or_default());
        out.push_str(replacement);
        from = range.end;
    }
    out.push_str(text.get(from..).unwrap_or_default());
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::FingerprintKey;

    #[test]
    fn no_form_of_a_credential_is_left() {
        let secrets = [Secret::new("line one\nline \"two\""), Secret::new("made-up-token-value-1234")];
        let redactor = Redactor::new(&secrets);
        let text = "a=made-up-token-value-1234 b=line one\\nline \\\"two\\\" c=line one\nline \"two\"";
        let shown = redactor.text(text);
        assert!(!shown.contains("token-value") && !shown.contains("line one"), "{shown}");
        assert!(shown.starts_with("a=[redacted made"), "{shown}");
    }

    #[test]
    fn a_credential_of_several_lines_is_taken_out_of_a_fact() {
        let redactor = Redactor::new(&[Secret::new("made-up\nsecret\ttext\n")]);
        let fact = crate::signature::checksum::Fact::new("issuer", "a made-up\nsecret\ttext\nb").unwrap();
        assert!(!redactor.cut(&fact.value).contains("secret"), "{}", redactor.cut(&fact.value));
    }

    #[test]
    fn the_longest_credential_wins() {
        let secrets = [Secret::new("abcd"), Secret::new("abcdefghijklmnopqrstuvwxyz")];
        let shown = Redactor::new(&secrets).text("x abcdefghijklmnopqrstuvwxyz y");
        assert!(!shown.contains("mnop"), "{shown}");
    }

    #[test]
    fn the_start_of_a_credential_at_a_cut_is_taken_out() {
        let redactor = Redactor::new(&[Secret::new("made-up-token-value-1234"), Secret::new("zzzzzzzzzzzz")]);
        assert_eq!(redactor.cut("https://a.invalid/made-up-token-va…"), "https://a.invalid/…");
        assert_eq!(redactor.cut("https://a.invalid/made…or not"), "https://a.invalid/made…or not");
        assert_eq!(redactor.cut("ä…"), "…");
        let redactor = Redactor::new(&[Secret::new("a pass phrase of words")]);
        assert_eq!(redactor.cut("of a pass phrase of wo…"), "of [redacted]…");
    }

    #[test]
    fn short_words_stay_in_paths() {
        let secrets = [Secret::new("root")];
        let redactor = Redactor::new(&secrets);
        assert_eq!(redactor.path("/root/.npmrc"), "/root/.npmrc");
        assert_ne!(redactor.text("password=root"), "password=root");
        assert_eq!(Redactor::new([]).text("nothing"), "nothing");
    }

    proptest::proptest! {
        /// Letters so few that credentials overlap, begin each other and stand side by side.
        #[test]
        fn sealed_credentials_are_found_like_others(
            texts in proptest::collection::vec("[ab\"\n ]{1,12}", 0..8),
            text in "[ab\"\n ]{0,60}",
        ) {
            let (key, prints) = (SealKey::new(&[1; 32]), FingerprintKey::default());
            let secrets: Vec<Secret> = texts.into_iter().map(Secret::new).collect();
            let sealed: Vec<Secret> = secrets.iter().map(|secret| secret.seal(&key, &prints)).collect();
            let (plain, sealed) = (Redactor::new(&secrets), Redactor::sealed(&sealed, &key));
            proptest::prop_assert_eq!(plain.text(&text), sealed.text(&text));
            proptest::prop_assert_eq!(plain.path(&text), sealed.path(&text));
        }
    }

    #[test]
    fn a_text_that_is_too_much_to_compare_is_not_shown() {
        let (key, prints) = (SealKey::new(&[1; 32]), FingerprintKey::default());
        let begun = |length: usize| Secret::new("a".repeat(length) + "b").seal(&key, &prints);
        let secrets: Vec<Secret> = (0..300).map(|number| begun(20_000 + number)).collect();
        let redactor = Redactor::sealed(&secrets, &key);
        assert_eq!(redactor.text(&"a".repeat(1 << 20)), "[redacted]");
    }
}
