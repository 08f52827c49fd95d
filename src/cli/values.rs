//! What the values of settings look like: switches, numbers, sizes, and names out of a list.

use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;

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

/// Units of ages, in seconds.
const AGES: &[(char, u64)] =
    &[('s', 1), ('m', 60), ('h', 60 * 60), ('d', 24 * 60 * 60), ('w', 7 * 24 * 60 * 60)];

/// A moment in the past: an age before `now` (`12h`, `30d`), a day (`2026-01-31`, from its start in UTC), or a time by RFC 3339.
pub(super) fn moment(text: &str, now: SystemTime) -> Result<SystemTime, String> {
    let expected =
        || "expected an age such as 12h, 30d or 8w, a date such as 2026-01-31, or a time (RFC 3339)";
    let age = AGES.iter().find_map(|(unit, seconds)| Some((text.strip_suffix(*unit)?, seconds)));
    if let Some((number, seconds)) = age {
        let number: u64 = self::number(number).map_err(|_| expected())?;
        let age = number.checked_mul(*seconds).map(Duration::from_secs);
        return age.and_then(|age| now.checked_sub(age)).ok_or_else(|| "so long ago is too long".into());
    }
    let of_day = || TimeZone::UTC.to_timestamp(text.parse::<Date>().ok()?.to_datetime(Time::midnight())).ok();
    let time = text.parse::<Timestamp>().ok().or_else(of_day).ok_or_else(expected)?;
    let since = Duration::try_from(time.as_duration()).map_err(|_| "so long ago is too long")?;
    Ok(UNIX_EPOCH + since)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_ages_days_and_times() {
        let now = UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        for (text, seconds) in [
            ("0s", 1_000_000_000),
            ("90m", 1_000_000_000 - 5_400),
            ("12h", 1_000_000_000 - 43_200),
            ("30d", 1_000_000_000 - 2_592_000),
            ("2w", 1_000_000_000 - 1_209_600),
            ("2001-09-09", 999_993_600),
            ("2001-09-09T01:46:40Z", 1_000_000_000),
            ("2001-09-09T03:46:40+02:00", 1_000_000_000),
        ] {
            assert_eq!(moment(text, now), Ok(UNIX_EPOCH + Duration::from_secs(seconds)), "{text}");
        }
        for wrong in ["", "d", "30", "30 days", "30y", "-1d", "1dd", "2001-13-01", "99999999999999999w"] {
            assert!(moment(wrong, now).is_err(), "{wrong}");
        }
    }

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
