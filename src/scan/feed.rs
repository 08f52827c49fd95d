//! Looks into files that are too large to be kept, on threads of their own, while a layer is read.
//!
//! A thread of the pool must never wait for bytes that another one reads: it could be the one that has to read them. So each
//! such file has a thread that does nothing else, and the reading thread waits for it when it falls behind. That is one
//! file at a time and the end of the one before.
//!
//! Such a file may need much memory, and cannot be read twice. So before it is begun the reading thread waits for its share
//! of the budget: whoever has it needs nothing but bytes that nobody holds back.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Scope, ScopedJoinHandle};

use super::mapping::lock;
use super::whole::{Room, Yield};
use super::{Context, inside};
use crate::stream::Entry;

/// Pieces of a file that wait to be looked into.
const WAITING: usize = 2;

/// Threads of one layer: the file that is being read, and the one before it, which may not be done yet.
const THREADS: usize = 2;

/// See the module. `'t` is how long its threads run.
pub(super) struct Feeds<'c, 't> {
    context: &'c Context<'c>,
    running: Mutex<VecDeque<ScopedJoinHandle<'t, Yield>>>,
    /// In the order of their files, with what there is still room for.
    done: Mutex<(Vec<Yield>, Room)>,
}

impl<'c, 't> Feeds<'c, 't> {
    pub(super) fn new(context: &'c Context<'c>) -> Self {
        let done = Mutex::new((Vec::new(), Room::new(context.limits)));
        Self { context, running: Mutex::default(), done }
    }

    /// Starts to look into a file; what is sent is its bytes, and it ends when the sender is dropped.
    pub(super) fn start(&self, threads: &'t Scope<'t, '_>, entry: Option<Arc<Entry>>) -> SyncSender<Vec<u8>>
    where
        'c: 't,
    {
        while lock(&self.running).len() >= THREADS {
            self.join_one();
        }
        let (sender, receiver) = sync_channel(WAITING);
        let context = self.context;
        let share = context.budget.large();
        let allowance = context.budget.large_allowance(context.limits);
        let look = move || {
            let looked = inside::open(context, allowance, entry.as_ref(), &mut Pieces::new(receiver));
            drop(share);
            looked
        };
        lock(&self.running).push_back(threads.spawn(look));
        sender
    }

    /// Waits for all of them: what they found, in the order of their files.
    pub(super) fn finish(self) -> Vec<Yield> {
        while !lock(&self.running).is_empty() {
            self.join_one();
        }
        self.done.into_inner().unwrap_or_else(PoisonError::into_inner).0
    }

    fn join_one(&self) {
        let Some(oldest) = lock(&self.running).pop_front() else { return };
        match oldest.join() {
            Ok(mut looked) => {
                let (done, room) = &mut *lock(&self.done);
                room.keep(&mut looked);
                done.push(looked);
            }
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

/// Pieces as one stream.
struct Pieces {
    receiver: Receiver<Vec<u8>>,
    piece: Vec<u8>,
    at: usize,
}

impl Pieces {
    fn new(receiver: Receiver<Vec<u8>>) -> Self {
        Self { receiver, piece: Vec::new(), at: 0 }
    }
}

impl Read for Pieces {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.at == self.piece.len() {
            match self.receiver.recv() {
                Ok(piece) => (self.piece, self.at) = (piece, 0),
                // The file has ended.
                Err(_) => return Ok(0),
            }
        }
        let take = out.len().min(self.piece.len() - self.at);
        out[..take].copy_from_slice(&self.piece[self.at..self.at + take]);
        self.at += take;
        Ok(take)
    }
}
