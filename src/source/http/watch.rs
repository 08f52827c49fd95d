//! Ends connections that give next to nothing: a server that sends a byte now and then wants this program to hang.
//!
//! It sits below TLS, because a record of TLS can be given byte by byte, and until all of it is there whoever reads the
//! connection sees nothing. What counts is the time for which bytes were waited for, and not the time between: a
//! connection may rest for as long as nobody reads it.

use std::time::{Duration, Instant};

use ureq::Error;
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, NextTimeout, Transport};

/// Bytes a second that are next to nothing.
const NEXT_TO_NOTHING: u64 = 256;

/// How much came in which time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// For how long next to nothing may come.
    timeout: Duration,
    waited: Duration,
    bytes: u64,
}

impl Pace {
    pub(super) fn new(timeout: Duration) -> Self {
        Self { timeout, waited: Duration::ZERO, bytes: 0 }
    }

    /// Notes that so many bytes came after such a wait. Returns how many came in all, if those are too few.
    pub(super) fn note(&mut self, bytes: usize, waited: Duration) -> Result<(), u64> {
        self.bytes += bytes as u64;
        self.waited += waited;
        if self.waited < self.timeout {
            return Ok(());
        }
        let few = self.bytes < NEXT_TO_NOTHING * self.timeout.as_secs().max(1);
        let all = std::mem::take(&mut self.bytes);
        self.waited = Duration::ZERO;
        if few { Err(all) } else { Ok(()) }
    }
}

/// Watches every connection.
#[derive(Debug)]
pub(super) struct Watched(pub(super) Duration);

impl<In: Transport> Connector<In> for Watched {
    type Out = Watch<In>;

    fn connect(&self, _: &ConnectionDetails<'_>, chained: Option<In>) -> Result<Option<Watch<In>>, Error> {
        Ok(chained.map(|inner| Watch { inner, pace: Pace::new(self.0), asked: true }))
    }
}

/// A connection that is watched.
#[derive(Debug)]
pub(super) struct Watch<T> {
    inner: T,
    pace: Pace,
    /// Whether something was asked and nothing answered yet: how long that may take is somebody else's to say.
    asked: bool,
}

impl<T: Transport> Transport for Watch<T> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.asked = true;
        self.inner.transmit_output(amount, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        let before = self.inner.buffers().input().len();
        let (reason, start) = (timeout.reason, Instant::now());
        let progress = self.inner.await_input(timeout)?;
        let read = self.inner.buffers().input().len().saturating_sub(before);
        // The end of what there is is none of its pauses.
        if read > 0 {
            let waited = if std::mem::take(&mut self.asked) { Duration::ZERO } else { start.elapsed() };
            self.pace.note(read, waited).map_err(|_| Error::Timeout(reason))?;
        }
        Ok(progress)
    }

    fn is_open(&mut self) -> bool {
        self.inner.is_open()
    }

    fn is_tls(&self) -> bool {
        self.inner.is_tls()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_gives_next_to_nothing_is_too_slow_and_a_rest_is_none() {
        let second = Duration::from_secs(1);
        let mut drip = Pace::new(5 * second);
        let told: Vec<_> = (0..10).map(|_| drip.note(1, second)).collect();
        assert_eq!(told.iter().position(Result::is_err), Some(4), "{told:?}");
        assert_eq!(told[4], Err(5));
        let mut slow = Pace::new(5 * second);
        assert!((0..100).all(|_| slow.note(300, second).is_ok()));
        let mut idle = Pace::new(5 * second);
        assert!((0..1_000).all(|_| idle.note(1, Duration::ZERO).is_ok()));
    }
}
