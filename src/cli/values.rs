//! What the values of settings look like: switches, numbers, sizes, and names out of a list.

use std::str::FromStr;

use layersift::signature::{Confidence, Severity};

/// Whether a switch is on.
pub(super) fn switch(text: &str) -> Result<bool, String> {
    match text {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" | "" => Ok(false),
        _ => Err("neither true nor false".into()),
    }
}

/// Ids of rules, or beginnings of ids with a `*` behind them. What there is no rule for is told when the rules are known.
pub(super) fn ids(text: &str) -> Result<Vec<String>, String> {
    let ids: Vec<String> =
        text.split(',').map(|id| id.trim().to_owned()).filter(|id| !id.is_empty()).collect();
    let part = |id: &String| id.strip_suffix('*').unwrap_or(id).to_owned();
    let kebab = |id: String| id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if ids.is_empty() || !ids.iter().all(|id| kebab(part(id))) {
        return Err("expected ids of rules, such as github-pat or github-*, with commas between them".into());
    }
    Ok(ids)
}

pub(super) fn number<N: FromStr>(text: &str) -> Result<N, String> {
    text.replace('_', "").parse().map_err(|_| "not a number that is possible here".into())
}

pub(super) fn color(text: &str) -> Result<anstream::ColorChoice, String> {
    use anstream::ColorChoice::{Always, Auto, Never};
    match text {
        "auto" => Ok(Auto),
        "always" => Ok(Always),
        "never" => Ok(Never),
        _ => Err("no such choice".into()),
    }
}

pub(super) fn severity(text: &str) -> Result<Severity, String> {
    let found = Severity::ALL.into_iter().find(|severity| severity.as_str() == text);
    found.ok_or_else(|| "no such severity".into())
}

pub(super) fn confidence(text: &str) -> Result<Confidence, String> {
    let found = Confidence::ALL.into_iter().find(|confidence| confidence.as_str() == text);
    found.ok_or_else(|| "no such confidence".into())
}

/// Units of sizes, each name before those that it ends with.
pub(super) const UNITS: &[(&str, u64)] = &[
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("K", 1 << 10),
    ("M", 1 << 20),
    ("G", 1 << 30),
    ("T", 1 << 40),
    ("B", 1),
];

/// A number of bytes, with or without a unit, in any case: `64MiB`, `64m`, `1_000_000`.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    let upper = text.trim().to_ascii_uppercase();
    let unit = UNITS.iter().find_map(|(name, unit)| {
        upper.strip_suffix(&name.to_ascii_uppercase()).map(|digits| (digits.trim_end(), *unit))
    });
    let (digits, unit) = unit.unwrap_or((&upper, 1));
    let digits: u64 = number(digits).map_err(|_| "not a size such as 64MiB")?;
    digits.checked_mul(unit).ok_or_else(|| "too large".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        for (text, bytes) in [
            ("0", 0),
            ("1_000", 1_000),
            ("64MiB", 64 << 20),
            ("64mib", 64 << 20),
            ("64 M", 64 << 20),
            ("2gb", 2_000_000_000),
            ("7B", 7),
            ("1TiB", 1 << 40),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for wrong in ["", "MiB", "1.5MiB", "-1", "1 MiB x", "99999999999TiB"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }
}
