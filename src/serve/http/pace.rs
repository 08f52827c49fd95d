//! How fast a reader takes what it asked for. One that takes nothing, or next to nothing, holds memory that others need; what is
//! written to it is watched, and whoever has the connection ends it.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// For how long a reader may be slow, and the bytes that it takes in each second then.
const SLOWEST: (Duration, u64) = (Duration::from_secs(15), 16 << 10);

/// A stream whose reader is watched.
pub(super) struct Paced<S> {
    stream: S,
    backlog: Arc<Backlog>,
}

/// Since when a stream has not taken all that there is for it, and the bytes that it took since. What was taken counts for the time in
/// which it was: who was fast enough for as long as it may be slow begins anew.
#[derive(Debug, Default)]
pub(super) struct Backlog(Mutex<Option<(Instant, u64)>>);

impl Backlog {
    /// Whether the reader is slower than it may be.
    pub(super) fn is_too_slow(&self, now: Instant) -> bool {
        let mut backlog = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((since, taken)) = *backlog else { return false };
        let time = now.saturating_duration_since(since);
        if time < SLOWEST.0 {
            return false;
        }
        let slow = taken < SLOWEST.1.saturating_mul(time.as_secs());
        if !slow {
            *backlog = Some((now, 0));
        }
        slow
    }

    /// Notes what became of an attempt to write.
    fn wrote(&self, written: &Poll<io::Result<usize>>) {
        let mut backlog = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match (written, &mut *backlog) {
            (Poll::Pending, None) => *backlog = Some((Instant::now(), 0)),
            (Poll::Ready(Ok(bytes)), Some((_, taken))) => *taken = taken.saturating_add(*bytes as u64),
            _ => {}
        }
    }

    /// Notes that all there was is taken.
    fn flushed(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl<S> Paced<S> {
    /// The same stream, and what tells of its reader.
    pub(super) fn new(stream: S) -> (Self, Arc<Backlog>) {
        let backlog = Arc::<Backlog>::default();
        (Self { stream, backlog: Arc::clone(&backlog) }, backlog)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.backlog.wrote(&written);
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, bytes);
        self.backlog.wrote(&written);
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        if flushed.is_ready() {
            self.backlog.flushed();
        } else {
            self.backlog.wrote(&Poll::Pending);
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_takes_nothing_or_drips_is_too_slow_and_others_are_not() {
        let (backlog, start) = (Backlog::default(), Instant::now());
        let after = |seconds| start + Duration::from_secs(seconds);
        assert!(!backlog.is_too_slow(after(100)), "there is nothing to take");
        backlog.wrote(&Poll::Pending);
        assert!(!backlog.is_too_slow(after(10)));
        assert!(backlog.is_too_slow(after(20)));
        backlog.wrote(&Poll::Ready(Ok(1_400)));
        backlog.wrote(&Poll::Pending);
        assert!(backlog.is_too_slow(after(20)), "a drop is not enough");
        backlog.wrote(&Poll::Ready(Ok(100 << 20)));
        assert!(!backlog.is_too_slow(after(20)));
        assert!(!backlog.is_too_slow(after(30)));
        assert!(backlog.is_too_slow(after(36)), "however much was taken before");
        backlog.flushed();
        assert!(!backlog.is_too_slow(after(1_000)));
    }
}
