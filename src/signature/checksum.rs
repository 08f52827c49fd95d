//! Structures by which a token proves itself.

/// One way of checking a token without asking its issuer.
#[derive(Debug)]
pub struct Checksum {
    /// Name in rule files.
    pub name: &'static str,
    /// What it checks and where the fact comes from.
    pub about: &'static str,
    /// Whether a failure may reject a match.
    pub proven: bool,
    /// Checks a token.
    pub check: fn(&[u8]) -> Verdict,
    /// What makes the token so far valid.
    pub complete: fn(&str) -> String,
}

/// What a check says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It agrees.
    Pass,
    /// It does not.
    Fail,
    /// It does not apply to this form of the token.
    Unknown,
}

/// Every check.
pub const CHECKSUMS: &[Checksum] = &[];

/// The check with this name.
pub fn named(name: &str) -> Option<&'static Checksum> {
    CHECKSUMS.iter().find(|checksum| checksum.name == name)
}
