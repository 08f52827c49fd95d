//! Whether a step of the history may be what became of an instruction.
//!
//! Builders write an instruction down without its flags, with other quotes and spaces, with the values of variables, and
//! classic ones with a digest in place of what was copied; in a finished report credentials are redacted. So both texts
//! become words, in which a variable and a redacted credential stand for any words.

use super::Instruction;
use crate::image::{Step, step};

/// Whether `step` may be what became of `instruction`.
pub(super) fn fits(instruction: &Instruction, step: &Step) -> bool {
    let keyword = &*instruction.keyword;
    let unnamed_run = keyword == "RUN" && step.instruction.is_empty();
    if keyword != step.instruction && !unnamed_run {
        return false;
    }
    let written = step::written(&step.created_by);
    let rest = without_flags(&instruction.rest);
    match keyword {
        "RUN" => runs(instruction, rest, written),
        "COPY" | "ADD" => copies(instruction, rest, written),
        "ENV" | "LABEL" => same(&with_equals(rest), written, true),
        "ARG" => name(rest) == name(written),
        "WORKDIR" => same(rest, written, true) || written.ends_with(&format!("/{rest}")),
        "USER" | "STOPSIGNAL" | "MAINTAINER" => same(rest, written, true),
        // Written in too many ways, and no place of a credential that the order would not give away.
        _ => true,
    }
}

fn runs(instruction: &Instruction, rest: &str, written: &str) -> bool {
    let written = without_redacted_end(written);
    if instruction.heredocs.is_empty() {
        return same(rest, written, false);
    }
    // The body alone is the script, or it goes to the command of the line.
    let bodies = instruction.heredocs.concat();
    let alone = rest.split_whitespace().all(|word| word.starts_with("<<"));
    let all = format!("{rest}\n{bodies}");
    (alone && same(&bodies, written, false))
        || same(rest, written, false)
        || same(&all, written, false)
        || words(written, false).starts_with(&words(&all, false))
}

/// Without the end of a redacted build argument, which is left where no shell tells where the command begins.
fn without_redacted_end(written: &str) -> &str {
    let cut = written.find(REDACTED_END).filter(|at| !written[..*at].contains(REDACTED));
    cut.map_or(written, |at| &written[at + REDACTED_END.len()..])
}

fn copies(instruction: &Instruction, rest: &str, written: &str) -> bool {
    let written = without_flags(written);
    let is_digest = |word: &str| {
        let digest = ["file:", "dir:", "multi:"].iter().find_map(|kind| word.strip_prefix(kind));
        digest.is_some_and(|digest| digest.bytes().all(|b| b.is_ascii_hexdigit()))
    };
    let classic = written.split_whitespace().next().is_some_and(is_digest);
    if classic || !instruction.heredocs.is_empty() {
        let target = |text: &str| words(text, true).last().cloned();
        return match (target(rest), target(written)) {
            (Some(Word::Text(one)), Some(Word::Text(other))) => one == other,
            (one, other) => one.is_some() && other.is_some(),
        };
    }
    same(rest, written, true)
}

/// Without the flags of the builder before it: `--mount=… --chown=1000`.
fn without_flags(text: &str) -> &str {
    let mut text = text.trim_start();
    while text.starts_with("--") {
        let end = text.find(char::is_whitespace).unwrap_or(text.len());
        text = text[end..].trim_start();
    }
    text.trim_end()
}

/// `NAME value` in the older form as `NAME=value`.
fn with_equals(rest: &str) -> String {
    match rest.split_once(char::is_whitespace) {
        Some((name, value)) if !name.contains('=') => format!("{name}={}", value.trim_start()),
        _ => rest.to_owned(),
    }
}

/// The first name of `ARG NAME=value …`.
fn name(text: &str) -> &str {
    text.split(|c: char| c == '=' || c.is_whitespace()).next().unwrap_or_default()
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Word {
    Text(String),
    /// Any words.
    Any,
}

/// How a credential in the history of a finished report begins and ends: `[redacted ghp_A1…b2 (40 bytes)]`.
const REDACTED: &str = "[redacted ";
const REDACTED_END: &str = " bytes)]";

fn same(instruction: &str, written: &str, substitutes: bool) -> bool {
    match_words(&words(instruction, substitutes), &words(&without_credentials(written), false))
}

/// With `…` in place of each redacted credential.
fn without_credentials(written: &str) -> String {
    let mut out = String::with_capacity(written.len());
    let mut rest = written;
    while let Some((before, after)) = rest.split_once(REDACTED) {
        let Some((_, behind)) = after.split_once(REDACTED_END) else { break };
        out.extend([before, "…"]);
        rest = behind;
    }
    out + rest
}

/// `text` as words without the signs that builders add and drop. `substitutes`: a word with a variable in it may be any.
fn words(text: &str, substitutes: bool) -> Vec<Word> {
    let text = text.replace(['"', '\'', '\\'], "");
    let separates = |c: char| c.is_whitespace() || "[],".contains(c);
    let stands_for_any = |word: &str| word.contains('…') || (substitutes && word.contains('$'));
    text.split(separates)
        .filter(|word| !word.is_empty())
        .map(|word| if stands_for_any(word) { Word::Any } else { Word::Text(word.to_owned()) })
        .collect()
}

/// Pairs of words that are compared at most; two texts with more between their common ends are not the same.
const COMPARED: usize = 4 << 20;

fn match_words(mut one: &[Word], mut other: &[Word]) -> bool {
    while let ([Word::Text(a), rest @ ..], [Word::Text(b), others @ ..]) = (one, other) {
        if a != b {
            return false;
        }
        (one, other) = (rest, others);
    }
    while let ([rest @ .., Word::Text(a)], [others @ .., Word::Text(b)]) = (one, other) {
        if a != b {
            return false;
        }
        (one, other) = (rest, others);
    }
    let bounded = one.len().saturating_mul(other.len()) <= COMPARED;
    bounded && match_between(one, other)
}

/// By rows: whether the words up to one of `one` fit the words up to each of `other`.
fn match_between(one: &[Word], other: &[Word]) -> bool {
    let mut row = vec![false; other.len() + 1];
    row[0] = true;
    for (at, word) in other.iter().enumerate() {
        row[at + 1] = row[at] && *word == Word::Any;
    }
    for word in one {
        let mut before = row[0];
        row[0] &= *word == Word::Any;
        for (at, opposite) in other.iter().enumerate() {
            let above = row[at + 1];
            row[at + 1] = match (word, opposite) {
                (Word::Text(a), Word::Text(b)) => before && a == b,
                _ => before || (*word == Word::Any && row[at]) || (*opposite == Word::Any && above),
            } || (*word == Word::Any && above)
                || (*opposite == Word::Any && row[at]);
            before = above;
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn naive(one: &[Word], other: &[Word]) -> bool {
        match (one, other) {
            ([], []) => true,
            ([Word::Any, rest @ ..], _) if naive(rest, other) => true,
            (_, [Word::Any, rest @ ..]) if naive(one, rest) => true,
            ([Word::Any, ..], [_, others @ ..]) if naive(one, others) => true,
            ([_, rest @ ..], [Word::Any, ..]) if naive(rest, other) => true,
            ([Word::Text(a), rest @ ..], [Word::Text(b), others @ ..]) => a == b && naive(rest, others),
            _ => false,
        }
    }

    fn some_words() -> impl Strategy<Value = Vec<Word>> {
        let word = prop_oneof![Just(Word::Any), "[ab]".prop_map(Word::Text)];
        prop::collection::vec(word, 0..6)
    }

    proptest! {
        #[test]
        fn words_match_as_trying_everything_says(one in some_words(), other in some_words()) {
            prop_assert_eq!(match_words(&one, &other), naive(&one, &other));
        }
    }
}
