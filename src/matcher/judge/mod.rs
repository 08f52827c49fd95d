//! Decides whether a pair of a name and a value is a secret: does the name say so, and is the value one?
//!
//! What kind of secret the name calls for decides what the value has to look like. A password may be a word with digits
//! that a person chose; a token or a key was drawn, and has to look it. The place decides how sure that is: a variable of
//! the environment is set to be used, an example in a text is not. Formats of providers are not known here; those have
//! rules of their own.

mod chosen;
mod name;
mod plain;
mod setting;

pub use self::name::{Role, SecretName, name_says_secret};
use base64::Engine as _;

use self::chosen::{classes, passphrase, password, secret};
use self::plain::{is_constant, plain};
pub use self::setting::Setting;
use super::assign::Style;
use super::entropy::{distinct, relative, surprise};
use super::placeholder::placeholder;
use super::reference::reference;
use crate::signature::Confidence;
use crate::signature::checksum::{Verdict, named};

/// Where a pair stands and how it is written.
#[derive(Debug, Clone, Copy)]
pub struct Context {
    /// The kind of text.
    pub setting: Setting,
    /// How the assignment is written.
    pub style: Style,
    /// Whether the value stands in quotation marks, by itself or with its name.
    pub quoted: bool,
    /// Whether no quotation marks stand around the value itself.
    pub bare: bool,
    /// Whether the value is a literal.
    pub literal: bool,
}

/// What [`judge`] says of a pair that it takes for a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Judgement {
    /// How sure it is: likely or to be reviewed.
    pub confidence: Confidence,
    /// Why, for people.
    pub reason: &'static str,
}

/// Whether `value` is the secret that `name` calls it. `None` if the name says something else, or the value is none.
pub fn judge(name: &str, value: &[u8], context: &Context) -> Option<Judgement> {
    judge_named(&SecretName::new(name)?, value, context)
}

/// Whether `value` is the secret that `name` calls it. `None` if it is none.
pub fn judge_named(name: &SecretName<'_>, value: &[u8], context: &Context) -> Option<Judgement> {
    let value = value.trim_ascii();
    let prompt = value.ends_with(b":") || value.ends_with(b"?");
    if !context.literal || prompt || !(4..=4096).contains(&value.len()) || repeats_name(name.text, value) {
        return None;
    }
    if context.bare && fragment(value) || context.style == Style::Pair && is_constant(value) {
        return None;
    }
    if reference(value).is_some() || placeholder(value).is_some() {
        return None;
    }
    let found = match name.role {
        Role::ConnectionString => connection_string(value)?,
        _ if plain(value).is_some() => return None,
        Role::Password => password(value, context)?,
        Role::Passphrase => passphrase(value, context)?,
        Role::Secret => {
            let (drawn, chosen) = (token(value, context, 12), secret(name, value, context));
            drawn.into_iter().chain(chosen).max_by_key(|found| found.confidence)?
        }
        Role::Credential => {
            login_or(value, || token(value, context, 20).or_else(|| secret(name, value, context)))?
        }
        Role::Key if name.is_chosen() => {
            let (drawn, chosen) = (token(value, context, 16), secret(name, value, context));
            drawn.into_iter().chain(chosen).max_by_key(|found| found.confidence)?
        }
        Role::Token | Role::Key => login_or(value, || token(value, context, 16))?,
        Role::SomeKey => some_key(name.text, value, context)?,
    };
    let digits = value.iter().filter(|b| b.is_ascii_digit()).count();
    let prose = context.style == Style::Space && digits == 0 && found.reason != DRAWN;
    let listed = context.style == Style::Listed && digits < LISTED_DIGITS;
    let nowhere = match context.setting {
        _ if prose || listed => true,
        Setting::Minified => !context.quoted && found.reason != DRAWN,
        Setting::Source => context.style == Style::Space,
        _ => false,
    };
    if nowhere {
        return None;
    }
    Some(weigh(if name.direct { found } else { undirected(found, context) }, name, value, context))
}

const fn likely(reason: &'static str) -> Judgement {
    Judgement { confidence: Confidence::Likely, reason }
}

const fn review(reason: &'static str) -> Judgement {
    Judgement { confidence: Confidence::Review, reason }
}

fn weaker(found: Judgement) -> Judgement {
    Judgement { confidence: Confidence::Review, ..found }
}

/// Fewest digits of a value in a list: other items are names, which have one at most.
const LISTED_DIGITS: usize = 2;

/// A name that begins with the noun is trusted where values are set, and not in programs.
fn undirected(found: Judgement, context: &Context) -> Judgement {
    let set = matches!(context.setting, Setting::Environment | Setting::Config | Setting::Shell);
    if set { found } else { weaker(found) }
}

/// Names of tests and places where nothing is used make of a likely secret one to look at.
fn weigh(found: Judgement, name: &SecretName<'_>, value: &[u8], context: &Context) -> Judgement {
    let chosen =
        matches!(name.role, Role::Password | Role::Passphrase | Role::Secret) && found.reason == CHOSEN;
    // `Token("x")` makes a token of anything, and `pass("x")` hands something on; `setToken("x")` says more.
    let made = context.style == Style::Call && name::one_word(name.text);
    let doubtful = match context.setting {
        Setting::Documentation => true,
        Setting::Prose => chosen && context.style == Style::Space && classes(value) < 3,
        Setting::Minified => chosen || !context.quoted,
        Setting::Source => !context.quoted || context.style == Style::Space,
        Setting::Unknown => chosen && context.style == Style::Space,
        Setting::Environment | Setting::Config | Setting::Shell => false,
    };
    if doubtful || made || name.says_example() { weaker(found) } else { found }
}

/// Whether a text without quotes around it is a piece of a program: a named argument, half of a pair of brackets.
fn fragment(value: &[u8]) -> bool {
    let count = |byte: u8| memchr::memchr_iter(byte, value).count();
    let half = count(b'(') != count(b')') || count(b'[') != count(b']') || count(b'{') != count(b'}');
    let name = value.iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count();
    let argument = name > 0 && value.get(name) == Some(&b'=') && value.iter().rev().nth(1) != Some(&b'=');
    // `Credentials:secret_key=x` is an assignment of its own.
    let assignment = argument && name > 4 && name + 2 < value.len() && surprise(&value[..name]) < 4.8;
    assignment || ((half || value.ends_with(b",") || argument) && surprise(value) < 5.4)
}

const DRAWN: &str = "the name says that it is secret, and the value was drawn at random";
const CHOSEN: &str = "the name says that it is a password, and the value looks like one that a person chose";

/// Letters that a name and its value end with alike by no accident.
const ALIKE: usize = 12;

/// `password: password`, `API_KEY=api-key`, `token: TOKEN`, `dbPassword = "db_password"`,
/// `MAIL_SIGNING_KEY = 'settings:mailSigningKey'`, `["app_secret_key", "app_public_key"]`.
fn repeats_name(name: &str, value: &[u8]) -> bool {
    let bare = |text: &[u8]| -> Vec<u8> {
        text.iter().filter(|b| b.is_ascii_alphanumeric()).map(u8::to_ascii_lowercase).collect()
    };
    let made_alike = siblings(name.as_bytes(), value);
    let (name, value) = (bare(name.as_bytes()), bare(value));
    let alike =
        name.iter().rev().zip(value.iter().rev()).take_while(|(a, b)| a == b && a.is_ascii_alphabetic());
    let ends_with = |text: &[u8], end: &[u8], least: usize| end.len() >= least && text.ends_with(end);
    made_alike
        || alike.count() >= ALIKE
        || ends_with(&name, &value, 3)
        || ends_with(&value, &name, 1)
        || (!name.is_empty() && name == value)
}

/// Whether both are names made alike: three words or more, of which the first and the last are the same.
fn siblings(name: &[u8], value: &[u8]) -> bool {
    fn ends(text: &[u8]) -> Option<(&[u8], &[u8])> {
        let mut words = text.split(|b| *b == b'_' || *b == b'-');
        let plain =
            words.clone().count() > 2 && words.clone().all(|word| word.iter().all(u8::is_ascii_alphabetic));
        if plain { words.next().zip(words.next_back()) } else { None }
    }
    let alike = |(one, other): (&[u8], &[u8])| one.eq_ignore_ascii_case(other);
    ends(name).zip(ends(value)).is_some_and(|(a, b)| alike((a.0, b.0)) && alike((a.1, b.1)))
}

/// Base64 of `user:password` is a secret unless the password is a placeholder; other texts are judged by `other`.
fn login_or(value: &[u8], other: impl FnOnce() -> Option<Judgement>) -> Option<Judgement> {
    match is_login(value) {
        None => other(),
        Some(real) => real.then_some(likely("user and password, encoded")),
    }
}

/// Whether `value` is `user:password` in base64, and if it is, whether the password is one.
pub(super) fn is_login(value: &[u8]) -> Option<bool> {
    let row = named("base64-user-pass")?;
    if value.len() < 8 || row.check(value) != Verdict::Pass {
        return None;
    }
    let login = base64::engine::general_purpose::STANDARD_NO_PAD.decode(without_padding(value)).ok()?;
    let colon = login.iter().position(|b| *b == b':')?;
    let (user, password) = (&login[..colon], &login[colon + 1..]);
    let secret = if password.is_empty() { user } else { password };
    let none = secret == user && !password.is_empty()
        || placeholder(secret).is_some()
        || reference(secret).is_some();
    Some(!none)
}

/// Shortest token with letters of both cases, digits and signs.
const SHORT: usize = 12;

/// A text that nobody chose: long enough, of the letters of tokens, and as mixed as chance makes it.
fn token(value: &[u8], context: &Context, least: usize) -> Option<Judgement> {
    let least = if classes(value) == 4 { least.min(SHORT) } else { least };
    let allowed = |b: &u8| b.is_ascii_alphanumeric() || b"+/=_-.~!@#$%^&*:|(){}[]?<>,;".contains(b);
    if value.len() < least || !value.iter().all(allowed) {
        return None;
    }
    if is_uuid(value) {
        return Some(likely(DRAWN));
    }
    let body = without_padding(value);
    let digits = body.iter().filter(|b| b.is_ascii_digit()).count();
    let letters = body.iter().filter(|b| b.is_ascii_alphabetic()).count();
    if digits == body.len() || relative(body) < 0.75 || distinct(body) < 8.min(least / 2 + 2) {
        return None;
    }
    if body.iter().all(u8::is_ascii_hexdigit) {
        let mixed = digits > 0 && letters > 0 && distinct(body) >= 7;
        return mixed.then_some(likely(DRAWN));
    }
    let signs = body.iter().filter(|b| b.is_ascii_punctuation() && !b"_-.+/".contains(b)).count();
    if signs > 0 && matches!(context.setting, Setting::Minified | Setting::Documentation) {
        return None;
    }
    let random = surprise(body);
    let sure = random > if body.len() >= 24 { 5.1 } else { 5.4 }
        || body.split(|b| !b.is_ascii_hexdigit()).any(drawn_hex);
    if sure && (digits > 0 || classes(body) >= 2) {
        return Some(likely(DRAWN));
    }
    (random > 4.9 && digits > 0).then_some(review(DRAWN))
}

/// Whether a row of hex digits is long and mixed enough to be drawn, whatever stands around it: `pk_…`, `…-us12`.
fn drawn_hex(row: &[u8]) -> bool {
    let digits = row.iter().filter(|b| b.is_ascii_digit()).count();
    row.len() >= 24 && (row.len() / 4..row.len() * 7 / 8).contains(&digits) && distinct(row) >= 10
}

/// What a name calls a key without saying of what kind. Where values are set it is one; in programs it may as well be what
/// something is looked up by. Digests look like keys in hexadecimal digits, so there the name has to be one of a variable.
fn some_key(name: &str, value: &[u8], context: &Context) -> Option<Judgement> {
    let found = token(value, context, 20)?;
    let hex = value.iter().all(u8::is_ascii_hexdigit);
    let variable = !name.bytes().any(|b| b.is_ascii_lowercase());
    let sure = match context.setting {
        Setting::Environment | Setting::Shell => true,
        Setting::Config => !hex || variable,
        Setting::Source => context.quoted && !hex,
        _ => false,
    };
    Some(if sure { found } else { weaker(found) })
}

fn without_padding(value: &[u8]) -> &[u8] {
    value.iter().rposition(|b| *b != b'=').map_or(value, |last| &value[..=last])
}

fn is_uuid(value: &[u8]) -> bool {
    named("uuid").is_some_and(|row| row.check(value) != Verdict::Fail)
}

/// An address with a password, or settings with one.
fn connection_string(value: &[u8]) -> Option<Judgement> {
    let secret = userinfo_password(value).or_else(|| setting_password(value))?;
    let none = secret.is_empty() || reference(secret).is_some() || placeholder(secret).is_some();
    (!none).then_some(likely("an address with a password"))
}

/// The password of `scheme://user:password@host`.
fn userinfo_password(value: &[u8]) -> Option<&[u8]> {
    let at = memchr::memmem::find(value, b"://")?;
    let authority = value[at + 3..].split(|b| matches!(b, b'/' | b'?' | b'#')).next()?;
    let userinfo = &authority[..authority.iter().rposition(|b| *b == b'@')?];
    let colon = userinfo.iter().position(|b| *b == b':')?;
    Some(&userinfo[colon + 1..])
}

/// The password of `Server=x;User Id=y;Password=z`.
fn setting_password(value: &[u8]) -> Option<&[u8]> {
    value.split(|b| matches!(b, b';' | b'&' | b' ')).find_map(|part| {
        let equals = part.iter().position(|b| *b == b'=')?;
        let name = part[..equals].trim_ascii().to_ascii_lowercase();
        let secret = matches!(name.as_slice(), b"password" | b"pwd" | b"accountkey" | b"sharedaccesskey");
        secret.then_some(part[equals + 1..].trim_ascii())
    })
}

#[cfg(test)]
mod tests;
