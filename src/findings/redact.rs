//! Takes every credential that a scan found out of the texts that it shows.
//!
//! Build steps, names and paths come from the image and are shown to people; a credential in them is replaced by its
//! redacted form. What is searched for is every match, those too that the report does not show.

use std::collections::BTreeMap;

use aho_corasick::{AhoCorasick, MatchKind};

use crate::secret::Secret;

/// Bytes at the start of a credential that say nothing.
const SHOWN: usize = 3;

/// Replaces credentials in texts.
#[derive(Debug)]
pub struct Redactor {
    automaton: Option<AhoCorasick>,
    replacements: Vec<String>,
    forms: Vec<Vec<u8>>,
}

/// Shortest credential that is taken out of paths, where a shorter one is more likely to be part of a common word.
const SHORTEST_IN_PATH: usize = 8;

impl Redactor {
    /// A redactor for these credentials, in the forms in which they can stand in a text: as they are, as JSON and
    /// shell write them, and on one line, as facts are.
    pub fn new<'s>(secrets: impl IntoIterator<Item = &'s Secret>) -> Self {
        let mut forms: BTreeMap<Vec<u8>, String> = BTreeMap::new();
        for secret in secrets {
            let text = secret.expose();
            let redacted = format!("[redacted {}]", secret.redacted());
            let escaped = serde_json::to_string(&String::from_utf8_lossy(text)).unwrap_or_default();
            let escaped = escaped.trim_matches('"').as_bytes().to_vec();
            let blank = |c: char| if c.is_control() { ' ' } else { c };
            let line: String = String::from_utf8_lossy(text).chars().map(blank).collect();
            for form in [text.to_vec(), escaped, line.trim().as_bytes().to_vec()] {
                if form.len() >= 2 {
                    forms.insert(form, redacted.clone());
                }
            }
        }
        let automaton =
            AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(forms.keys()).ok();
        let (forms, replacements) = forms.into_iter().unzip();
        Self { automaton, replacements, forms }
    }

    /// A redactor that shows nothing at all.
    pub fn blind() -> Self {
        Self { automaton: None, replacements: Vec::new(), forms: Vec::new() }
    }

    /// `text` without credentials.
    pub fn text(&self, text: &str) -> String {
        self.replace(text, 0)
    }

    /// A path without credentials, except very short ones.
    pub fn path(&self, path: &str) -> String {
        self.replace(path, SHORTEST_IN_PATH)
    }

    /// A text that may have been cut off, without credentials and without the start of one at its end.
    pub fn cut(&self, text: &str) -> String {
        let mut text = self.path(text);
        if let Some(kept) = text.strip_suffix('…') {
            let begins = |start: &usize| {
                let rest = &kept.as_bytes()[*start..];
                let next = self.forms.partition_point(|form| form.as_slice() < rest);
                self.forms.get(next).is_some_and(|form| form.starts_with(rest))
            };
            let starts = kept.char_indices().map(|(at, _)| at).filter(|at| kept.len() - at > SHOWN);
            if let Some(start) = starts.into_iter().find(begins) {
                text.truncate(start);
                text.push_str("[redacted]…");
            }
        }
        text
    }

    fn replace(&self, text: &str, shortest: usize) -> String {
        // Without an automaton (its size is bounded) nothing can be shown safely.
        let Some(automaton) = &self.automaton else { return "[redacted]".into() };
        let mut out = String::with_capacity(text.len());
        let mut from = 0;
        for found in automaton.find_iter(text) {
            let pattern = found.pattern().as_usize();
            if self.forms[pattern].len() >= shortest {
                // Forms are whole characters of UTF-8 texts; a form that is no UTF-8 cannot match inside one.
                out.push_str(text.get(from..found.start()).unwrap_or_default());
                out.push_str(&self.replacements[pattern]);
                from = found.end();
            }
        }
        out.push_str(text.get(from..).unwrap_or_default());
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(redactor.cut("https://a.invalid/made-up-token-va…"), "https://a.invalid/[redacted]…");
        assert_eq!(redactor.cut("https://a.invalid/made…or not"), "https://a.invalid/made…or not");
        assert_eq!(redactor.cut("ä…"), "ä…");
    }

    #[test]
    fn short_words_stay_in_paths() {
        let secrets = [Secret::new("root")];
        let redactor = Redactor::new(&secrets);
        assert_eq!(redactor.path("/root/.npmrc"), "/root/.npmrc");
        assert_ne!(redactor.text("password=root"), "password=root");
        assert_eq!(Redactor::new([]).text("nothing"), "nothing");
    }
}
