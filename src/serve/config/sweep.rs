//! `[serve.sweep]`: how often registries are looked through for what no hook told of.

use std::time::Duration;

use serde::Deserialize;

use super::faults::InTable;

/// The table `[serve.sweep]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct SweepTable {
    /// How often, as in `24h`; never if it is not said. A registry may say otherwise.
    pub every: Option<String>,
    /// Requests that one registry is asked in a second at most; 20.
    pub requests_per_second: Option<u32>,
}

/// The shortest time between two sweeps.
const SHORTEST: Duration = Duration::from_secs(60);

/// Requests in a second unless the configuration says otherwise, and at most.
const PACE: (u32, u32) = (20, 1_000);

impl SweepTable {
    /// The time between two requests.
    pub(super) fn pause(&self, table: &mut InTable<'_>) -> Duration {
        let pace = table.number("requests-per-second", (self.requests_per_second, PACE.0), (1, PACE.1));
        Duration::from_secs(1) / pace.max(1)
    }
}

/// The time between two sweeps that `text` says; none: there are none.
pub(super) fn every(text: Option<&str>) -> Result<Option<Duration>, String> {
    let Some(text) = text.filter(|text| *text != "never") else { return Ok(None) };
    let wrong = || format!("`{text}` is no time, as in 90m, 24h, 7d or never");
    let unit = match text.chars().next_back() {
        Some('m') => 60,
        Some('h') => 60 * 60,
        Some('d') => 24 * 60 * 60,
        _ => return Err(wrong()),
    };
    let number: u32 = text[..text.len() - 1].parse().map_err(|_| wrong())?;
    let time = Duration::from_secs(unit) * number;
    if time < SHORTEST { Err(format!("`{text}` is shorter than a minute")) } else { Ok(Some(time)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_numbers_and_units() {
        let seconds = |text| every(Some(text)).map(|time| time.map(|time| time.as_secs()));
        assert_eq!(seconds("24h"), Ok(Some(86_400)));
        assert_eq!((seconds("90m"), seconds("7d")), (Ok(Some(5_400)), Ok(Some(604_800))));
        assert_eq!((seconds("never"), every(None)), (Ok(None), Ok(None)));
        for wrong in ["", "h", "24", "24 h", "-1h", "1w", "0m", "99999999999h", "1.5h"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
