//! How bad a leak is, and how sure it is that it is one: two scales that never mix.

use serde::{Deserialize, Serialize};

/// How bad a leak of such a credential is. Ordered: `Low < Critical`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Little can be done with it alone.
    Low,
    /// Access to something of limited worth, or for a limited time.
    Medium,
    /// Access to an account or to data.
    High,
    /// Control of infrastructure, code, money or an organisation.
    Critical,
}

impl Severity {
    /// Every severity, worst first.
    pub const ALL: [Self; 4] = [Self::Critical, Self::High, Self::Medium, Self::Low];

    /// The one of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|severity| severity.as_str() == name)
    }

    /// The name in rules, flags and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// How sure it is that a match is a credential. Ordered: `Example < Confirmed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Confidence {
    /// A public example, test key or what a public package ships: no leak of this image.
    Example,
    /// May be one; a person has to look.
    Review,
    /// Has the shape and the surroundings of one.
    Likely,
    /// A checksum or its structure proves that it was issued.
    Confirmed,
}

impl Confidence {
    /// Every tier, surest first.
    pub const ALL: [Self; 4] = [Self::Confirmed, Self::Likely, Self::Review, Self::Example];

    /// The name in rules, flags and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Example => "example",
            Self::Review => "review",
            Self::Likely => "likely",
            Self::Confirmed => "confirmed",
        }
    }
}
