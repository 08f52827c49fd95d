//! Rules that name words instead of a format: the word has to stand in the key of the very assignment, option, header or
//! address whose value is the credential, or name the section, block or call that the assignment stands in. Nearness
//! alone is never enough.

mod address;
mod block;
mod name;
mod row;

use std::cell::OnceCell;
use std::ops::Range;

pub(super) use self::address::STATEMENT;
pub(super) use self::block::BLOCK;
pub(super) use self::name::may_be_word;
use self::name::{Says, is_word};
use super::assign::{Assignment, Bounds, Style, around};
use super::judge::{Context, SecretName, Setting, judge, judge_named};
use super::tried::Tried;
use super::verify::Scene;
use super::{AFTER, BEFORE, Candidate};
use crate::signature::Confidence;

/// The assignment that a candidate is a part of the key of: the same for every rule.
pub(super) type Memo = OnceCell<Option<Assignment>>;

/// What a rule of this kind asks for.
#[derive(Clone, Copy)]
pub(super) struct Wish<'r> {
    /// Lower-case words of which one must stand in the key too.
    pub(super) and: &'r [String],
    /// Whether the value is judged by its name and surroundings.
    pub(super) judged: bool,
    /// Whether a value has the shape.
    pub(super) fits: &'r dyn Fn(&[u8]) -> bool,
}

/// A value that the key asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) key: Range<usize>,
    pub(super) value: Range<usize>,
    /// The tier that the judgement gives it, if there was one.
    pub(super) confidence: Option<Confidence>,
}

/// Gives the values that the candidate's word belongs to.
pub(super) fn find(wish: Wish<'_>, scene: Scene<'_>, sink: &mut dyn FnMut(Found)) {
    let Scene { candidate, text, .. } = scene;
    let word = candidate.at..candidate.at + candidate.length;
    let assignment = assignment(&scene);
    let says = Says::either(wish.and);
    if wish.judged {
        // Words that are a credential's by themselves may stand anywhere in a name.
        let own = |assignment: &Assignment| wish.and.is_empty() || names(&says, &word, &assignment.key, text);
        if let Some(found) = assignment.filter(own).and_then(|assignment| judged(assignment, &scene))
            && (wish.fits)(&text[found.value.clone()])
        {
            sink(found);
        }
        return;
    }
    if let Some(found) = assignment.and_then(|assignment| named(&says, &word, assignment, text))
        && (wish.fits)(&text[found.value.clone()])
    {
        return sink(found);
    }
    let tried = scene.tried.map(|(tried, _)| tried);
    let place = Place { text, word, bounds: bounds(&candidate, text), fits: wish.fits, tried };
    if !address::find(&place, &says, sink) && !row::find(&place, &says, sink) {
        block::find(&place, &says, sink);
    }
}

/// The assignment that the candidate is a part of the key of.
pub(super) fn assignment(scene: &Scene<'_>) -> Option<Assignment> {
    let Scene { candidate, text, around: surroundings, memo, .. } = *scene;
    let word = candidate.at..candidate.at + candidate.length;
    match surroundings.pair.filter(|name| word.end <= *name) {
        Some(name) => Some(pair(name, text)),
        None => memo.get_or_init(|| around(text, word, bounds(&candidate, text))).clone(),
    }
}

/// A word that is no part of the key, and what the values near it have to be.
struct Place<'t> {
    text: &'t [u8],
    word: Range<usize>,
    bounds: Bounds,
    fits: &'t dyn Fn(&[u8]) -> bool,
    tried: Option<&'t Tried>,
}

impl Place<'_> {
    /// The bytes from `start` to the end of the text, if that is a true one.
    fn rest(&self, start: usize) -> Option<usize> {
        self.bounds.end.then(|| self.text.len() - start)
    }

    /// Whether a value whose key does not name the provider is one: it has the shape, and is no mere word.
    fn takes(&self, value: &Range<usize>) -> bool {
        let value = &self.text[value.clone()];
        value.iter().any(u8::is_ascii_digit) && (self.fits)(value)
    }

    /// The values of all assignments within `range` whose keys say what the rule asks for. Whether there was one.
    fn assignments(&self, range: Range<usize>, says: &Says<'_>, sink: &mut dyn FnMut(Found)) -> bool {
        let mut reached = 0;
        for keyword in says.places(self.text, range.clone()) {
            if keyword.start < reached {
                continue;
            }
            // Blocks stand in blocks, and each would look at the words of those in it.
            let find = || around(self.text, keyword.clone(), self.bounds);
            let found =
                self.tried.map_or_else(find, |tried| tried.assignment(&keyword, self.text.len(), find));
            let Some(found) = found else { continue };
            let inside = found.key.start >= range.start && found.value.end <= range.end;
            let set = found.literal && !matches!(found.style, Style::Space | Style::Compare);
            if inside && set && self.takes(&found.value) {
                reached = found.value.end;
                sink(Found { key: found.key, value: found.value, confidence: None });
            }
        }
        reached > 0
    }
}

/// A text that is one `name=value`.
fn pair(name: usize, text: &[u8]) -> Assignment {
    Assignment {
        key: 0..name,
        value: name + 1..text.len(),
        quote: None,
        style: Style::Equals,
        literal: true,
        embedded: false,
    }
}

fn judged(assignment: Assignment, scene: &Scene<'_>) -> Option<Found> {
    let Scene { text, around: surroundings, .. } = *scene;
    // Most names say nothing of the kind, and are asked before it costs anything to know where they stand.
    let key = std::str::from_utf8(&text[assignment.key.clone()]).ok().filter(|_| assignment.literal)?;
    let name = SecretName::new(key)?;
    let setting = match surroundings.pair.filter(|name| assignment.key == (0..*name)) {
        Some(_) => Setting::Environment,
        None => setting(scene, assignment.key.start),
    };
    let quoted = assignment.quote.is_some() || assignment.embedded;
    let (bare, literal) = (assignment.quote.is_none(), assignment.literal);
    let context = Context { setting, style: assignment.style, quoted, bare, literal };
    let judgement = judge_named(&name, &text[assignment.value.clone()], &context)?;
    Some(Found { key: assignment.key, value: assignment.value, confidence: Some(judgement.confidence) })
}

/// The kind of text around `at`.
pub(super) fn setting(scene: &Scene<'_>, at: usize) -> Setting {
    let Scene { text, around, tried, .. } = *scene;
    let told = around.path.map(|path| match tried {
        Some((tried, _)) => tried.setting(path),
        None => Setting::of_path(path),
    });
    told.map_or(Setting::Shell, |told| told.at(text, at))
}

/// The tier of a password whose place says that it is one: of an address, a command, a call.
pub(super) fn alone(secret: &Range<usize>, scene: Scene<'_>) -> Option<Confidence> {
    let setting = match setting(&scene, secret.start) {
        // Nothing but a value stands there.
        Setting::Config | Setting::Shell => Setting::Environment,
        other => other,
    };
    let context = Context { setting, style: Style::Equals, quoted: true, bare: false, literal: true };
    judge("password", &scene.text[secret.clone()], &context).map(|judgement| judgement.confidence)
}

/// The value of an assignment in whose key the word stands.
fn named(says: &Says<'_>, word: &Range<usize>, assignment: Assignment, text: &[u8]) -> Option<Found> {
    let fits = assignment.literal && names(says, word, &assignment.key, text);
    fits.then_some(Found { key: assignment.key, value: assignment.value, confidence: None })
}

/// Whether the word is one of the key, which says what the rule asks for.
fn names(says: &Says<'_>, word: &Range<usize>, key: &Range<usize>, text: &[u8]) -> bool {
    let own = word.start.checked_sub(key.start).zip(word.end.checked_sub(key.start));
    let key = &text[key.clone()];
    own.is_some_and(|(start, end)| is_word(key, &(start..end))) && says.any_in(key)
}

fn bounds(candidate: &Candidate, text: &[u8]) -> Bounds {
    Bounds { start: candidate.at < BEFORE, end: text.len() < candidate.at + AFTER }
}

#[cfg(test)]
mod tests;
