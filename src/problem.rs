//! What could not be done, or not be trusted: a result like any other, never only a log line.
//!
//! A [`Problem`] names its place, what happened there and what to do about it. Whether it leaves a gap, so that
//! "no finding" would not mean "clean", is a property of its kind.

use serde::{Deserialize, Serialize};

/// The kinds of problems, as the reports name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ProblemKind {
    /// One of [`Limits`](crate::limits::Limits) was reached and something was left out.
    Limit,
    /// Bytes that do not follow their format: a cut archive, a broken gzip member, JSON that does not parse.
    Damaged,
    /// A digest, size or `diff_id` that is not what the manifest or config claims.
    Mismatch,
    /// Something that a manifest names is not there.
    Missing,
    /// A form that this version cannot look into: an unknown media type or compression, a foreign layer.
    Unsupported,
    /// A part of a file that cannot be read without a key.
    Encrypted,
    /// The operating system refused: permissions, input and output errors.
    Unreadable,
    /// Everything was looked at, but something about it cannot be told for certain.
    Note,
}

impl ProblemKind {
    /// Whether something was not looked at, or cannot be trusted to be what it claims.
    pub fn is_gap(self) -> bool {
        self != Self::Note
    }

    /// The name of this kind in every report.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Limit => "limit",
            Self::Damaged => "damaged",
            Self::Mismatch => "mismatch",
            Self::Missing => "missing",
            Self::Unsupported => "unsupported",
            Self::Encrypted => "encrypted",
            Self::Unreadable => "unreadable",
            Self::Note => "note",
        }
    }
}

/// One thing that went wrong, its place and its remedy.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Problem {
    /// What kind of problem it is.
    pub kind: ProblemKind,
    /// Where: an archive member, a blob's digest, a path in a layer, a JSON pointer.
    pub place: String,
    /// What happened, in one sentence.
    pub message: String,
    /// What its reader can do about it.
    pub remedy: String,
}

impl Problem {
    /// A problem of `kind` at `place`.
    pub fn new(
        kind: ProblemKind,
        place: impl Into<String>,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self { kind, place: place.into(), message: message.into(), remedy: remedy.into() }
    }
}
