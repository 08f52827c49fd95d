//! Reads ahead on a thread of its own, so that bytes arrive while others are worked on.
//!
//! Who works on the bytes may be a thread of a pool that has other things to do; who waits for a network must not be.
//! What waits to be worked on is bounded, so a fast network costs no more memory than a slow one.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Weak};
use std::thread;

use super::remote::RemoteError;
use crate::stream::fill;

/// Bytes that go over at a time.
const PIECE: usize = 128 << 10;
/// Pieces that wait.
const WAITING: usize = 32;

/// A reader whose bytes another thread reads.
pub(super) struct Ahead {
    receiver: Receiver<io::Result<Vec<u8>>>,
    piece: Vec<u8>,
    at: usize,
    ended: bool,
    /// What ended it early, told to everybody who goes on reading.
    error: Option<RemoteError>,
    /// As long as this is there, somebody listens.
    _wanted: Arc<()>,
}

impl Ahead {
    /// Begins to read. The thread ends with `reader`, or soon after this is dropped.
    pub(super) fn start(reader: impl Read + Send + 'static) -> io::Result<Self> {
        let (sender, receiver) = sync_channel(WAITING);
        let wanted = Arc::new(());
        let listener = Arc::downgrade(&wanted);
        let reader = Wanted { reader, listener };
        thread::Builder::new().name("read ahead".into()).spawn(move || read(reader, &sender))?;
        Ok(Self { receiver, piece: Vec::new(), at: 0, ended: false, error: None, _wanted: wanted })
    }
}

/// A reader that ends when nobody listens any more.
struct Wanted<R> {
    reader: R,
    listener: Weak<()>,
}

impl<R: Read> Read for Wanted<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.listener.strong_count() == 0 { Ok(0) } else { self.reader.read(out) }
    }
}

fn read(mut reader: impl Read, sender: &SyncSender<io::Result<Vec<u8>>>) {
    loop {
        let mut piece = vec![0; PIECE];
        let (filled, error) = fill(&mut reader, &mut piece);
        piece.truncate(filled);
        let last = piece.len() < PIECE;
        // Nobody to receive: nobody wants to know the rest.
        if !piece.is_empty() && sender.send(Ok(piece)).is_err() {
            return;
        }
        if let Some(error) = error {
            let _ = sender.send(Err(error));
            return;
        }
        if last {
            let _ = sender.send(Ok(Vec::new()));
            return;
        }
    }
}

impl Read for Ahead {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.at == self.piece.len() && !self.ended {
            match self.receiver.recv() {
                Ok(Ok(piece)) => {
                    self.ended = piece.is_empty();
                    (self.piece, self.at) = (piece, 0);
                }
                Ok(Err(error)) => {
                    let error = RemoteError::of(&error, &"the network");
                    self.error = Some(error.clone());
                    return Err(error.into());
                }
                Err(_) => {
                    let ended = || RemoteError::passing("the thread that read it has ended");
                    return Err(self.error.clone().unwrap_or_else(ended).into());
                }
            }
        }
        let take = out.len().min(self.piece.len() - self.at);
        out[..take].copy_from_slice(&self.piece[self.at..self.at + take]);
        self.at += take;
        Ok(take)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Cut(usize);

    impl Read for Cut {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let take = self.0.min(out.len()).min(1_000);
            self.0 -= take;
            out[..take].fill(7);
            if take == 0 { Err(io::Error::other("cut")) } else { Ok(take) }
        }
    }

    fn all(reader: impl Read + Send + 'static) -> (usize, Option<io::Error>) {
        let mut ahead = Ahead::start(reader).unwrap();
        let mut bytes = vec![0; 2 << 20];
        let (filled, error) = fill(&mut ahead, &mut bytes);
        assert!(bytes[..filled].iter().all(|byte| *byte == 7));
        (filled, error)
    }

    #[test]
    fn every_byte_comes_and_then_the_end() {
        for length in [0, 1, PIECE - 1, PIECE, PIECE + 1, 1 << 20] {
            let (read, error) = all(io::Cursor::new(vec![7; length]));
            assert_eq!((read, error.is_none()), (length, true));
        }
    }

    #[test]
    fn an_error_comes_behind_the_bytes_before_it() {
        let (read, error) = all(Cut(300_000));
        assert_eq!((read, error.unwrap().to_string()), (300_000, "the network: cut".into()));
    }

    #[test]
    fn an_error_stays() {
        let mut ahead = Ahead::start(Cut(0)).unwrap();
        let mut read = || ahead.read(&mut [0]).unwrap_err().to_string();
        assert_eq!([read(), read()], ["the network: cut", "the network: cut"]);
    }

    #[test]
    fn who_stops_listening_is_not_waited_for() {
        drop(Ahead::start(io::repeat(7)).unwrap());
    }
}
