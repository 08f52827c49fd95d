//! Values that a person chose: passwords, passphrases, secrets of an application.
//!
//! People take words and change them: a year behind a name, signs for letters, three words in a row. What they choose
//! is told from the names of things, which stand in the same places, by the words: those of things in programs
//! (`app-db-creds`) are known, those of the world (`falcon`, `copper`) are not needed.

use super::super::entropy::{distinct, surprise};
use super::super::placeholder::placeholder;
use super::name::{technical, words};
use super::{CHOSEN, Context, DRAWN, Judgement, SecretName, Setting, likely, review, token};

/// How many of lower case, upper case, digits and signs occur.
pub(super) fn classes(value: &[u8]) -> usize {
    let any = |class: fn(&u8) -> bool| usize::from(value.iter().any(class));
    any(u8::is_ascii_lowercase)
        + any(u8::is_ascii_uppercase)
        + any(u8::is_ascii_digit)
        + any(u8::is_ascii_punctuation)
}

/// What a value is made of.
struct Makeup {
    digits: usize,
    letters: usize,
    /// Signs that join words.
    joins: usize,
    /// Whether there is nothing else.
    only_joins: bool,
}

impl Makeup {
    fn of(value: &[u8]) -> Self {
        let count = |fits: fn(&u8) -> bool| value.iter().filter(|b| fits(b)).count();
        let digits = count(u8::is_ascii_digit);
        // Every letter outside ASCII begins with such a byte.
        let letters = count(|b| b.is_ascii_alphabetic() || *b >= 0xc0);
        let rest = count(|b| (0x80..0xc0).contains(b));
        let joins = count(|b| matches!(b, b'-' | b'_' | b'.'));
        Self { digits, letters, joins, only_joins: digits + letters + rest + joins == value.len() }
    }
}

/// Whether values are set in such a text, and not computed or described.
fn is_set(context: &Context) -> bool {
    matches!(context.setting, Setting::Environment | Setting::Config | Setting::Shell)
}

/// Number of words in `value`, if less than half of them name things of programs.
fn worldly(value: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(value).ok()?;
    let words = words(text);
    let named = words.iter().filter(|word| word.chars().any(char::is_alphabetic)).collect::<Vec<_>>();
    let known = named.iter().filter(|word| word.len() < 3 || technical(word)).count();
    (known * 2 < named.len()).then_some(named.len())
}

pub(super) fn password(value: &[u8], context: &Context) -> Option<Judgement> {
    // In a URL a password is percent-encoded: what it stands for decides.
    let decoded = percent_decoded(value);
    let value = decoded.as_deref().unwrap_or(value);
    if value.len() < 4 || (decoded.is_some() && placeholder(value).is_some()) {
        return None;
    }
    if value.contains(&b' ') && context.quoted {
        return spaced(value, context);
    }
    if value.len() > 96 || value.iter().any(|b| b.is_ascii_whitespace() || b.is_ascii_control()) {
        return token(value, context, 16);
    }
    let Makeup { digits, letters, joins, only_joins } = Makeup::of(value);
    if !value.is_ascii() && (digits == 0 || letters == 0) {
        return None;
    }
    let random = surprise(value);
    if value.len() >= 8 && random > 5.6 && classes(value) >= 2 && distinct(value) >= 6 {
        return Some(likely(DRAWN));
    }
    let set = is_set(context);
    if letters == 0 {
        return (digits >= 6 && set).then_some(review(CHOSEN));
    }
    if digits == 0 && only_joins {
        return words_alone(value, joins, context);
    }
    if only_joins && joins > 0 && random < 4.9 && !(digits >= 2 && classes(value) == 4) {
        // `scram-sha-256`, `input-1`; not `falcon-4711`
        let own = digits >= 2 && value.len() >= 8 && (set || context.quoted) && worldly(value).is_some();
        return if own { Some(likely(CHOSEN)) } else { set.then_some(review(CHOSEN)) };
    }
    let enough = value.len() >= 6 && (digits >= 2 || classes(value) >= 3);
    let given = set && value.len() >= 8;
    Some(if enough || given { likely(CHOSEN) } else { review(CHOSEN) })
}

/// A password of letters: words alone are names of things far more often, but where nothing but values stands, or
/// where three words of the world follow each other.
fn words_alone(value: &[u8], joins: usize, context: &Context) -> Option<Judgement> {
    let set = is_set(context);
    let odd = surprise(value) > 5.8 && value.len() >= 8;
    let given = context.setting == Setting::Environment && joins == 0 && value.len() >= 6;
    let row = value.len() >= 12 && (set || context.quoted) && worldly(value).is_some_and(|words| words >= 3);
    if odd || given || row {
        return Some(likely(CHOSEN));
    }
    let word = set && value.len() >= 5 && (joins == 0 || worldly(value).is_some());
    word.then_some(review(CHOSEN))
}

/// A password with blanks: four or more plain words, and none that only joins others in a sentence.
fn spaced(value: &[u8], context: &Context) -> Option<Judgement> {
    let words: Vec<&[u8]> = value.split(|b| *b == b' ').collect();
    let plain =
        |word: &&[u8]| word.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()) && !word.is_empty();
    if words.len() < 4 || !words.iter().all(plain) {
        return token(value, context, 16);
    }
    let joining = words
        .iter()
        .filter(|word| {
            !word[0].is_ascii_digit()
                && (word.len() < 3 || JOINING.split(' ').any(|known| known.as_bytes() == **word))
        })
        .count();
    let digits = value.iter().any(u8::is_ascii_digit);
    let row = joining == 0 && worldly(value).is_some();
    match (row, digits) {
        (true, true) => Some(likely(CHOSEN)),
        (true, false) => Some(review(CHOSEN)),
        _ => None,
    }
}

/// Words of sentences.
const JOINING: &str = "the and for with your you are not this that must from was has have will can its all any use used when \
    which should than then them they une des les der die das und ein eine una los las del para por con que";

/// The bytes that `%41` and its like stand for, if there are any.
fn percent_decoded(value: &[u8]) -> Option<Vec<u8>> {
    let digit = |at: usize| {
        value.get(at).and_then(|b| char::from(*b).to_digit(16)).and_then(|d| u8::try_from(d).ok())
    };
    let mut out = Vec::with_capacity(value.len());
    let mut at = 0;
    while let Some(byte) = value.get(at) {
        let encoded = (*byte == b'%').then(|| Some(digit(at + 1)? << 4 | digit(at + 2)?)).flatten();
        out.push(encoded.unwrap_or(*byte));
        at += if encoded.is_some() { 3 } else { 1 };
    }
    (out.len() < value.len()).then_some(out)
}

pub(super) fn passphrase(value: &[u8], context: &Context) -> Option<Judgement> {
    let words = value.split(|b| *b == b' ').filter(|word| !word.is_empty()).count();
    if words < 2 {
        return password(value, context);
    }
    if words >= 4
        && context.quoted
        && let Some(found) = spaced(value, context)
    {
        return Some(found);
    }
    (words >= 3 && context.setting != Setting::Source).then_some(review(CHOSEN))
}

/// A secret that a developer chose: more than a word, and not made of the names of things.
pub(super) fn secret(name: &SecretName<'_>, value: &[u8], context: &Context) -> Option<Judgement> {
    let word = value.iter().all(u8::is_ascii_graphic) && value.iter().any(u8::is_ascii_alphabetic);
    if !word || value.len() < 8 || context.setting == Setting::Minified {
        return None;
    }
    let Makeup { digits, letters, .. } = Makeup::of(value);
    let joined = value.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'/'));
    let set = is_set(context);
    let words = worldly(value);
    let own = digits >= 2 && letters >= 4 && words.is_some();
    // `secret: wildcard-cert-example` names an object; `jwt_secret` is always a secret itself.
    let told = name.words.len() > 1 || (context.quoted && context.setting == Setting::Source);
    let row = told && value.len() >= 12 && words.is_some_and(|words| words >= 3);
    let chosen = match context.setting {
        Setting::Environment => digits > 0 || !joined || value.len() >= 12,
        _ => (classes(value) >= 3 && !joined) || ((own || row) && (set || context.quoted)),
    };
    if chosen { Some(likely(CHOSEN)) } else { (digits > 0 || set).then_some(review(CHOSEN)) }
}
