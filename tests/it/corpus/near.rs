//! What looks like a credential of a rule and is none.
//!
//! Each kind of near miss is made from a token; one that still has the shape of the rule (a letter more, where the length
//! is open) is no near miss and is left out.

use layersift::signature::Rule;
use layersift::signature::checksum::Verdict;

use super::token::{Kind, Letters, Mint};

/// A kind of near miss.
pub(super) struct Near {
    pub(super) name: &'static str,
    /// The text in place of a token.
    make: fn(&Source<'_>) -> Option<String>,
    /// Whether the name beside it still says secret: then a finding by name alone is right.
    pub(super) drawn: bool,
}

/// What a near miss is made of.
pub(super) struct Source<'s> {
    pub(super) rule: &'s Rule,
    pub(super) mint: &'s Mint<'s>,
    pub(super) token: &'s str,
    pub(super) seed: u64,
}

impl Near {
    pub(super) fn of(&self, source: &Source<'_>) -> Option<String> {
        (self.make)(source)
    }
}

pub(super) const NEAR_MISSES: &[Near] = &[
    Near {
        name: "one letter short",
        make: |from| cut(from, from.token[..last(from.token)?].to_owned()),
        drawn: true,
    },
    Near { name: "one letter more", make: longer, drawn: true },
    Near { name: "a letter of no alphabet", make: odd_letter, drawn: true },
    Near { name: "wrong checksum", make: wrong_sum, drawn: true },
    Near { name: "one letter over and over", make: |from| filled(from, Letters::One), drawn: false },
    Near { name: "letters in order", make: |from| filled(from, Letters::InOrder), drawn: false },
    Near { name: "words of a placeholder", make: |from| filled(from, Letters::Words), drawn: false },
    Near { name: "inside a longer word", make: inside, drawn: true },
];

fn last(token: &str) -> Option<usize> {
    token.char_indices().last().map(|(at, _)| at)
}

/// A text that does not even begin with a shorter token.
fn cut(from: &Source<'_>, text: String) -> Option<String> {
    let shorter = (1..=text.len()).any(|end| text.get(..end).is_some_and(|part| from.mint.fits(part)));
    (!shorter).then_some(text)
}

fn longer(from: &Source<'_>) -> Option<String> {
    let text = format!("{}Z", from.token);
    (!from.mint.fits(&text)).then_some(())?;
    cut(from, from.token[..last(from.token)?].to_owned()).map(|_| text)
}

fn odd_letter(from: &Source<'_>) -> Option<String> {
    let at = from.token.len() * 2 / 3;
    let text = format!("{}!{}", from.token.get(..at)?, from.token.get(at + 1..)?);
    cut(from, text)
}

fn wrong_sum(from: &Source<'_>) -> Option<String> {
    let row = from.rule.checksum().filter(|row| row.proven)?;
    let text = from.mint.drawn(from.seed, Letters::Drawn);
    (row.check(text.as_bytes()) == Verdict::Fail).then_some(text)
}

/// The shape with letters that nobody drew: only where most letters are free to choose.
fn filled(from: &Source<'_>, letters: Letters) -> Option<String> {
    let text = from.mint.drawn(from.seed, letters);
    let other = from.mint.drawn(from.seed, Letters::Drawn);
    let chosen = text.bytes().zip(other.bytes()).filter(|(a, b)| a != b).count();
    (chosen >= 12).then_some(text)
}

fn inside(from: &Source<'_>) -> Option<String> {
    let plain = from.token.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/_-".contains(&b));
    let tokens = Kind::of(from.rule) == Kind::Distinctive;
    (tokens && plain).then(|| format!("Zk3pQ9vLr2{}x8TnB5dWq1", from.token))
}
