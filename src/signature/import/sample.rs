//! A text that a pattern matches, as a template: what the examples of an imported rule are made of.
//!
//! Classes become items such as `{hex:32}`, of the widest alphabet of templates that fits in them, so nothing that is
//! written looks like a credential. It is a proposal: whoever uses it tries whether the pattern really finds it.

use std::fmt::Write as _;
use std::ops::Range;

use regex_syntax::hir::{Class, Hir, HirKind, Repetition};

use super::super::template::ALPHABETS;

/// Letters of a credential's open part, where its pattern leaves that open: enough for its entropy.
const LONG: u32 = 24;
/// Longest example that is worth to be written.
const LONGEST: usize = 2 << 10;

/// Which of the texts that a pattern matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Variant {
    /// The first of alternatives, nothing that may be absent.
    Shortest,
    /// The last of alternatives, everything that may be absent.
    Longest,
}

/// A template of a text that the pattern matches, with the place of its group `secret`; none if no alphabet of templates
/// fits into one of its classes.
pub(super) fn sample(hir: &Hir, variant: Variant) -> Option<(String, Option<Range<usize>>)> {
    let mut work = Work { out: String::new(), secret: None, variant };
    work.write(hir)?;
    Some((work.out, work.secret))
}

struct Work {
    out: String,
    secret: Option<Range<usize>>,
    variant: Variant,
}

impl Work {
    fn write(&mut self, hir: &Hir) -> Option<()> {
        if self.out.len() > LONGEST {
            return None;
        }
        match hir.kind() {
            HirKind::Empty | HirKind::Look(_) => {}
            HirKind::Literal(literal) => self.out.push_str(std::str::from_utf8(&literal.0).ok()?),
            HirKind::Class(class) => self.class(class, 1)?,
            HirKind::Repetition(repetition) => self.repetition(repetition)?,
            HirKind::Capture(capture) => {
                let from = self.out.len();
                self.write(&capture.sub)?;
                if capture.name.as_deref() == Some("secret") {
                    self.secret = Some(from..self.out.len());
                }
            }
            HirKind::Concat(pieces) => pieces.iter().try_for_each(|piece| self.write(piece))?,
            HirKind::Alternation(branches) => {
                // A branch of nothing but a boundary is no text to look at.
                let written = |branch: &&Hir| branch.properties().minimum_len() > Some(0);
                let branch = match self.variant {
                    Variant::Shortest => branches.iter().find(written),
                    Variant::Longest => branches.iter().rfind(written),
                };
                self.write(branch.or(branches.first())?)?;
            }
        }
        Some(())
    }

    fn repetition(&mut self, repetition: &Repetition) -> Option<()> {
        let Repetition { min, max, sub, .. } = repetition;
        if let HirKind::Class(class) = sub.kind() {
            let most = max.unwrap_or(u32::MAX);
            let open = most >= 8 && alphabet(class).is_some();
            let count = match self.variant {
                _ if open && *min > 0 => (*min).max(LONG.min(most)),
                Variant::Shortest => *min,
                Variant::Longest => (*min).max(most.min(1)),
            };
            return if count == 0 { Some(()) } else { self.class(class, count) };
        }
        let extra = u32::from(self.variant == Variant::Longest && *min == 0);
        (0..(*min + extra).min(256)).try_for_each(|_| self.write(sub))
    }

    fn class(&mut self, class: &Class, count: u32) -> Option<()> {
        if let Some(name) = alphabet(class) {
            let _ = write!(self.out, "{{{name}:{count}}}");
            return Some(());
        }
        // Punctuation that stands alone, such as a quote or `=`.
        let plain = b"= :\"'-_.,;@/ \t\n".iter().copied().find(|byte| contains(class, *byte));
        let letter = plain.or_else(|| (b'!'..=b'~').find(|byte| contains(class, *byte)))?;
        (0..count).for_each(|_| self.out.push(char::from(letter)));
        Some(())
    }
}

/// The widest alphabet of templates that the class contains.
fn alphabet(class: &Class) -> Option<&'static str> {
    let fits = |letters: &[u8]| letters.iter().all(|letter| contains(class, *letter));
    ALPHABETS.iter().find(|(_, letters)| fits(letters)).map(|(name, _)| *name)
}

fn contains(class: &Class, byte: u8) -> bool {
    match class {
        Class::Bytes(class) => class.ranges().iter().any(|r| (r.start()..=r.end()).contains(&byte)),
        Class::Unicode(class) => {
            class.ranges().iter().any(|r| (r.start()..=r.end()).contains(&char::from(byte)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::automaton::compile_pattern;
    use super::super::super::pattern::parse_pattern;
    use super::super::super::template::expand;
    use super::*;

    fn template(pattern: &str, variant: Variant) -> String {
        sample(&parse_pattern(pattern).unwrap(), variant).unwrap().0
    }

    #[test]
    fn a_sample_is_a_template_of_what_the_pattern_matches() {
        for pattern in [
            r"\b(?<secret>acme_[0-9a-f]{32})\b",
            r#"(?i)acme[a-z_ .\-,]{0,25}(?:=|>|:=|\|\|:|<=|=>|:).{0,5}['"](?<secret>[a-z0-9]{20,40})['"]"#,
            r"(?:live|test)_(?<secret>[A-Z2-7]{16}(?:-[0-9]{4}){2})(?:[^a-z]|$)",
            r"key(?:\s|=){1,3}(?<secret>[\w+/-]+={0,2})",
        ] {
            let regex = compile_pattern(&format!("^(?:{pattern})$")).unwrap();
            for variant in [Variant::Shortest, Variant::Longest] {
                let text = expand(&template(pattern, variant), "seed");
                assert!(regex.is_match(text.as_bytes()), "{pattern}: {text}");
            }
        }
    }

    #[test]
    fn the_credential_is_known_by_its_place() {
        let hir = parse_pattern(r"acme[ =]+(?<secret>[0-9a-f]{8})\b").unwrap();
        let (text, secret) = sample(&hir, Variant::Shortest).unwrap();
        assert_eq!(&text[secret.unwrap()], "{hex:8}");
        assert_eq!(text, "acme={hex:8}");
    }

    #[test]
    fn what_has_no_text_has_no_sample() {
        assert_eq!(sample(&parse_pattern(r"acme[\x80-\xff]{8}").unwrap(), Variant::Shortest), None);
        assert_eq!(sample(&parse_pattern(r"(?:a{200}){200}").unwrap(), Variant::Shortest), None);
    }
}
