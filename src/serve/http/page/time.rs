//! When something was, for people: how long ago, and exactly.

use jiff::Timestamp;
use serde_json::{Value, json};

/// The moment of so many milliseconds since 1970.
pub(super) fn when(milliseconds: i64) -> Value {
    told(milliseconds, Timestamp::now().as_millisecond())
}

fn told(milliseconds: i64, now: i64) -> Value {
    let at = Timestamp::from_millisecond(milliseconds).unwrap_or_default();
    let seconds = at.as_second();
    let exact = Timestamp::from_second(seconds).unwrap_or_default().to_string();
    let ago = now.saturating_sub(milliseconds) / 1_000;
    let text = match ago {
        0..=SOON => format!("{} ago", span(ago)),
        ago if (-SOON..0).contains(&ago) => format!("in {}", span(-ago)),
        _ => exact[..10].to_owned(),
    };
    json!({"at": exact, "ago": text})
}

const DAY: i64 = 24 * 60 * 60;

/// Seconds up to which it is told how long ago.
const SOON: i64 = 60 * DAY;

/// So many seconds, in the largest unit of which there are two.
pub(super) fn span(seconds: i64) -> String {
    let units = [(DAY, "days"), (60 * 60, "h"), (60, "min")];
    let unit = units.iter().find(|(unit, _)| seconds >= 2 * unit);
    unit.map_or_else(|| format!("{} s", seconds.max(0)), |(unit, name)| format!("{} {name}", seconds / unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_lately_is_told_by_how_long_ago() {
        let now = 1_800_000_000_000;
        for (before, expected) in [
            (0, "0 s ago"),
            (119, "119 s ago"),
            (120, "2 min ago"),
            (3 * 60 * 60, "3 h ago"),
            (36 * 60 * 60, "36 h ago"),
            (5 * DAY, "5 days ago"),
            (61 * DAY, "2026-11-15"),
            (-5, "in 5 s"),
            (-61 * DAY, "2027-03-17"),
        ] {
            assert_eq!(told(now - before * 1_000, now)["ago"], expected);
        }
        assert_eq!(told(now, now)["at"], "2027-01-15T08:00:00Z");
        assert_eq!(told(i64::MAX, now)["at"], "1970-01-01T00:00:00Z");
    }
}
