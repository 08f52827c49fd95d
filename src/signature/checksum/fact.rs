//! What a proof tells beside its verdict: the account, the issuer, the size of the key.
//!
//! A fact is for people and is never a part of the credential that is secret. It may come out of hostile bytes, so its
//! length is bounded and nothing in it can break a line.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::Verdict;

/// A name and a value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Fact {
    /// What it is: `account`, `issuer`, `expires`, …
    pub name: Cow<'static, str>,
    /// At most 200 characters on one line.
    pub value: String,
}

/// Characters that a fact may have.
pub(super) const LONGEST: usize = 200;

/// Facts that one credential may have.
pub(super) const MOST: usize = 16;

/// Name of the fact that says when a credential ends.
pub const EXPIRES: &str = "expires";

/// Name of the fact that it has ended, by the clock of whoever asks.
pub const EXPIRED: &str = "expired";

impl Fact {
    /// A fact, or none if `value` says nothing.
    pub fn new(name: &'static str, value: impl AsRef<str>) -> Option<Self> {
        let clean: String = value.as_ref().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let mut kept: String = clean.trim().chars().take(LONGEST + 1).collect();
        if kept.chars().count() > LONGEST {
            kept.truncate(kept.char_indices().nth(LONGEST - 1).map_or(0, |(at, _)| at));
            kept.push('…');
        }
        (!kept.is_empty()).then_some(Self { name: name.into(), value: kept })
    }

    /// A moment, in seconds since 1970, as RFC 3339 writes it in UTC. None for what no calendar has.
    pub fn time(name: &'static str, seconds: i64) -> Option<Self> {
        Self::new(name, moment(u64::try_from(seconds).ok()?)?)
    }
}

/// `2026-11-26T00:00:00Z`. Moments written so are in the order of their texts.
pub fn moment(seconds: u64) -> Option<String> {
    let time = der::DateTime::from_unix_duration(std::time::Duration::from_secs(seconds)).ok()?;
    Some(time.to_string())
}

/// The outcome of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// Whether the token agrees with its format.
    pub verdict: Verdict,
    /// What the format tells of it; at most 16.
    pub facts: Vec<Fact>,
}

impl Proof {
    /// A verdict with facts.
    pub fn new(verdict: Verdict, facts: impl IntoIterator<Item = Option<Fact>>) -> Self {
        Self { verdict, facts: facts.into_iter().flatten().take(MOST).collect() }
    }
}

impl From<Verdict> for Proof {
    fn from(verdict: Verdict) -> Self {
        Self { verdict, facts: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fact_is_one_short_line() {
        let value = |text: &str| Fact::new("name", text).map(|fact| fact.value);
        assert_eq!(value(" a\nb\u{1b} "), Some("a b".into()));
        assert_eq!(value("\n \0"), None);
        let long = value(&"ä".repeat(5000)).unwrap();
        assert_eq!((long.chars().count(), long.ends_with('…')), (LONGEST, true));
    }

    #[test]
    fn moments_are_in_the_order_of_their_texts() {
        assert_eq!(moment(0).as_deref(), Some("1970-01-01T00:00:00Z"));
        assert_eq!(moment(1_600_000_000).as_deref(), Some("2020-09-13T12:26:40Z"));
        assert_eq!(Fact::time("expires", i64::MAX), None);
        assert_eq!(Fact::time("expires", -1), None);
        assert!(moment(1_600_000_000) < moment(1_700_000_000));
    }
}
