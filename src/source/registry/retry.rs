//! Which failures pass, and how long to wait for that: longer each time, never for good, and not all at once.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use crate::source::remote::{RemoteError, RemoteFault};

/// How often something is tried again.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    retries: u32,
}

/// The first pause, which doubles with each.
const FIRST: Duration = Duration::from_millis(250);
/// The longest pause of one's own, and the longest that a server may ask for.
const LONGEST: Duration = Duration::from_secs(60);

impl Patience {
    pub(super) fn new(retries: u32) -> Self {
        Self { retries }
    }

    /// How long to wait before the attempt after `attempt`, which counts from 0; none if it is not worth one.
    pub(super) fn pause(self, attempt: u32, error: &RemoteError) -> Option<Duration> {
        if attempt >= self.retries || error.fault() != RemoteFault::Passing {
            return None;
        }
        match error.wait {
            Some(wait) if wait > LONGEST => None,
            Some(wait) => Some(wait + spread(FIRST)),
            None => Some(spread(FIRST.saturating_mul(1 << attempt.min(16)).min(LONGEST))),
        }
    }
}

/// Between a half and the whole of `pause`, so that those who failed together do not come back together.
fn spread(pause: Duration) -> Duration {
    let random = RandomState::new().hash_one(0) % 1_000;
    pause / 2 + pause / 2 * u32::try_from(random).unwrap_or_default() / 1_000
}

/// What `Retry-After` says (RFC 9110, section 10.2.3): seconds, or a date.
pub(in crate::source) fn seconds(text: &str) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    let now = jiff::Timestamp::now();
    Some(date.duration_since(now).try_into().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end() {
        let (patience, error) = (Patience::new(12), RemoteError::passing(""));
        let pauses: Vec<Duration> = (0..).map_while(|attempt| patience.pause(attempt, &error)).collect();
        assert_eq!(pauses.len(), 12);
        for (attempt, pause) in pauses.iter().enumerate() {
            let most = (FIRST * (1 << attempt)).min(LONGEST);
            assert!(*pause <= most && *pause >= most / 2, "{attempt}: {pause:?}");
        }
    }

    #[test]
    fn what_does_not_pass_is_not_waited_for() {
        let patience = Patience::new(3);
        for fault in [RemoteFault::Absent, RemoteFault::Denied, RemoteFault::Final, RemoteFault::NoTls] {
            assert_eq!(patience.pause(0, &RemoteError::new(fault, "", "")), None);
        }
        let asked =
            |seconds| RemoteError { wait: Some(Duration::from_secs(seconds)), ..RemoteError::passing("") };
        assert!(patience.pause(0, &asked(7)).is_some_and(|pause| pause >= Duration::from_secs(7)));
        assert_eq!(patience.pause(0, &asked(3_600)), None);
    }

    #[test]
    fn servers_ask_in_seconds_or_by_a_date() {
        assert_eq!(seconds(" 17 "), Some(Duration::from_secs(17)));
        assert_eq!(seconds("Wed, 21 Oct 2015 07:28:00 GMT"), Some(Duration::ZERO));
        assert!(seconds("Fri, 31 Dec 2100 23:59:59 GMT").is_some_and(|wait| wait > LONGEST));
        assert_eq!(seconds("soon"), None);
    }
}
