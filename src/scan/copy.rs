//! Copies from the bytes of a layer, as they pass, the files that somebody wants as files.
//!
//! A file that a [`Reader`](super::whole::Reader) wants is kept up to that reader's limit. A file that a decoder opens is
//! kept too if it is small enough to be named by its digest: both then travel with the chunk in which they end. A larger one is fed, piece by piece, to a
//! thread of its own that looks into it, so its size never matters; the reading thread waits when that one falls behind.

use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use super::whole::{READERS, WholeFile};
use super::{Context, contents};
use crate::content::{HEAD, Head};
use crate::stream::{Entry, Segment, SegmentKind};

/// Bytes of a file that are fed at a time.
const PIECE: usize = 256 << 10;

/// Starts to look into a file whose bytes come piece by piece.
pub(super) type Feed<'c> = &'c dyn Fn(Option<Arc<Entry>>) -> SyncSender<Vec<u8>>;

/// See the module.
pub(super) struct Copier<'c> {
    context: &'c Context<'c>,
    feed: Feed<'c>,
    /// Offset in the stream of the next bytes.
    offset: u64,
    open: Option<Open>,
    done: Vec<WholeFile>,
}

/// A file whose bytes pass.
struct Open {
    /// None for a blob that is no tar.
    entry: Option<Arc<Entry>>,
    /// Offset in the stream of its first byte.
    start: u64,
    size: u64,
    /// The bytes that are kept.
    bytes: Vec<u8>,
    /// How many bytes to keep for readers.
    most: usize,
    state: State,
}

enum State {
    /// Too few bytes are there to tell whether a decoder opens it.
    Begun,
    /// No decoder does.
    Closed,
    /// One does, and all of it is kept.
    Kept,
    /// One does, and it is fed.
    Fed(SyncSender<Vec<u8>>),
}

impl<'c> Copier<'c> {
    pub(super) fn new(context: &'c Context<'c>, feed: Feed<'c>) -> Self {
        Self { context, feed, offset: 0, open: None, done: Vec::new() }
    }

    /// Takes the next bytes of the stream, with the segments that start in them or right behind them.
    pub(super) fn push(&mut self, new: &[u8], segments: &[Segment]) {
        self.copy(new);
        for segment in segments.iter().filter(|segment| segment.kind == SegmentKind::Content) {
            self.end();
            self.open = self.begin(segment, new);
            self.copy(new);
        }
        self.offset += new.len() as u64;
    }

    /// The files that ended since the last call; at the end of the stream also the one that did not.
    pub(super) fn take(&mut self, end: bool) -> Vec<WholeFile> {
        if end {
            self.end();
        }
        std::mem::take(&mut self.done)
    }

    /// Whether a file passes that is fed: only when it has ended may its reader wait for memory.
    pub(super) fn is_feeding(&self) -> bool {
        self.open.as_ref().is_some_and(|open| matches!(open.state, State::Fed(_)))
    }

    /// The file of a segment that starts in `new` or right behind, if somebody may want it.
    fn begin(&self, segment: &Segment, new: &[u8]) -> Option<Open> {
        let (start, size) = (segment.start, segment.end - segment.start);
        let most = segment.entry.as_ref().map_or(0, |entry| {
            let wanting = READERS.iter().filter(|reader| (reader.wants)(self.context, &entry.path));
            let wanting = wanting.map(|reader| self.context.limits.get_usize(reader.limit)).max();
            // A file that no chunk has whole may have to be named by its digest.
            wanting.max(contents::crossing(segment, self.offset + new.len() as u64)).unwrap_or(0)
        });
        let mut open =
            Open { entry: segment.entry.clone(), start, size, bytes: Vec::new(), most, state: State::Begun };
        let here = open.of(new, self.offset);
        if here.len() >= open.head() {
            open.state = self.state(&open, here);
            open.reserve();
            return (most > 0 || !matches!(open.state, State::Closed)).then_some(open);
        }
        Some(open)
    }

    /// What becomes of a file that begins with `head`.
    fn state(&self, open: &Open, head: &[u8]) -> State {
        let path = open.entry.as_ref().map_or(&[][..], |entry| &entry.path);
        let head = Head { path, bytes: &head[..head.len().min(HEAD)], size: Some(open.size) };
        if head.decoder().is_none() {
            State::Closed
        } else if open.size <= contents::MOST && open.entry.is_some() {
            State::Kept
        } else {
            State::Fed((self.feed)(open.entry.clone()))
        }
    }

    /// Takes what `new` has of the open file.
    fn copy(&mut self, new: &[u8]) {
        let Some(mut open) = self.open.take() else { return };
        let mut content = open.of(new, self.offset);
        if matches!(open.state, State::Begun) {
            let (first, rest) = content.split_at(content.len().min(open.head() - open.bytes.len()));
            open.bytes.extend_from_slice(first);
            content = rest;
            if open.bytes.len() == open.head() {
                self.decide(&mut open);
            }
        }
        open.take(content);
        let ends = open.start.saturating_add(open.size) <= self.offset + new.len() as u64;
        self.open = Some(open);
        if ends {
            self.end();
        }
    }

    /// Decides about a file of which only the beginning was there so far.
    fn decide(&self, open: &mut Open) {
        open.state = self.state(open, &open.bytes);
        if let State::Fed(feed) = &open.state {
            let _ = feed.send(open.bytes.clone());
        }
        open.bytes.truncate(open.keeps());
        open.reserve();
    }

    /// The open file has ended, or is cut off.
    fn end(&mut self) {
        let Some(mut open) = self.open.take() else { return };
        if matches!(open.state, State::Begun) {
            self.decide(&mut open);
        }
        let opens = matches!(open.state, State::Kept);
        if let Open { entry: Some(entry), size, bytes, most, .. } = open
            && (most > 0 || opens)
        {
            self.done.push(WholeFile { entry, bytes: Arc::new(bytes), size, opens });
        }
    }
}

impl Open {
    /// What of `new`, which starts at `offset` of the stream, is its content.
    fn of<'n>(&self, new: &'n [u8], offset: u64) -> &'n [u8] {
        let local = |at: u64| usize::try_from(at.saturating_sub(offset)).unwrap_or(usize::MAX).min(new.len());
        &new[local(self.start)..local(self.start.saturating_add(self.size))]
    }

    /// Bytes that tell whether a decoder opens it.
    fn head(&self) -> usize {
        usize::try_from(self.size).unwrap_or(usize::MAX).min(HEAD)
    }

    /// Bytes that it keeps, once that is decided.
    fn keeps(&self) -> usize {
        if matches!(self.state, State::Kept) { usize::MAX } else { self.most }
    }

    /// Makes room for what it keeps, once that is decided, so that its buffer is not moved and has no more than it needs.
    fn reserve(&mut self) {
        let size = usize::try_from(self.size).unwrap_or(usize::MAX);
        self.bytes.reserve_exact(size.min(self.keeps()).saturating_sub(self.bytes.len()));
    }

    /// Takes its next bytes, once it is decided what becomes of them.
    fn take(&mut self, content: &[u8]) {
        if matches!(self.state, State::Begun) || content.is_empty() {
            return;
        }
        let room = self.keeps().saturating_sub(self.bytes.len());
        self.bytes.extend_from_slice(&content[..content.len().min(room)]);
        if let State::Fed(feed) = &self.state {
            // Nobody takes it if the other thread has panicked, of which the scope tells.
            for piece in content.chunks(PIECE) {
                let _ = feed.send(piece.to_vec());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{Limit, Limits};
    use crate::matcher::Matcher;
    use crate::signature::RuleSet;
    use crate::stream::{Walked, Walker};

    const LOGIN: &[u8] = br#"{"auths": {"a.invalid": {"auth": "x"}}}"#;

    fn layer() -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        let mut add = |path: &str, content: &[u8]| {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            builder.append_data(&mut header, path, content).unwrap();
        };
        add("root/.docker/config.json", LOGIN);
        add("etc/other", &[7; 3000]);
        add("a/.dockercfg", &[8; 2000]);
        add("b/.dockercfg", b"");
        add("c/.dockercfg", b"9");
        builder.into_inner().unwrap()
    }

    fn budget() -> super::super::Budget {
        let memory = super::super::memory::Memory::new(0, 1);
        super::super::Budget::new(memory, super::super::budget::shares(&memory))
    }

    /// The files that are copied from `layer` when it passes in pieces of `size` bytes: path, bytes kept, claimed size.
    fn copied(layer: &[u8], size: usize, most: u64) -> Vec<(Vec<u8>, Vec<u8>, u64)> {
        let matcher = Matcher::new(RuleSet::embedded());
        let limits = Limits::default().with(Limit::FormatBytes, most);
        let context = Context {
            matcher: &matcher,
            limits: &limits,
            budget: budget(),
            progress: &(),
            cache: None,
            trust_digests: false,
            given_up: &super::super::GivenUp::new(),
        };
        let feed = |_| unreachable!("nothing in the layer is fed");
        let (mut walker, mut copier) = (Walker::new(&limits), Copier::new(&context, &feed));
        let mut files = Vec::new();
        for piece in layer.chunks(size) {
            let mut out = Walked::default();
            walker.push(piece, &mut out);
            copier.push(piece, &out.segments);
            files.extend(copier.take(false));
        }
        files.extend(copier.take(true));
        // Files that cross chunks are copied too, whether somebody wants them or not.
        files.retain(|file| READERS.iter().any(|reader| (reader.wants)(&context, &file.entry.path)));
        let most = usize::try_from(most).unwrap();
        let kept = |file: &WholeFile| file.bytes[..file.bytes.len().min(most)].to_vec();
        files.iter().map(|file| (file.entry.path.clone(), kept(file), file.size)).collect()
    }

    #[test]
    fn wanted_files_are_the_same_for_any_chunking() {
        let layer = layer();
        let whole = copied(&layer, layer.len(), 1 << 20);
        let paths: Vec<_> = whole.iter().map(|(path, ..)| String::from_utf8_lossy(path)).collect();
        assert_eq!(paths, ["root/.docker/config.json", "a/.dockercfg", "c/.dockercfg"]);
        assert_eq!((&whole[0].1[..], &whole[1].1[..]), (LOGIN, &[8; 2000][..]));
        for size in [1, 7, 511, 512, 513, 1024, 1900] {
            assert_eq!(copied(&layer, size, 1 << 20), whole, "{size}");
        }
    }

    #[test]
    fn a_limit_keeps_the_start_and_the_size() {
        let layer = layer();
        for size in [100, layer.len()] {
            let files = copied(&layer, size, 1000);
            assert_eq!((files[1].1.len(), files[1].2), (1000, 2000));
        }
    }

    #[test]
    fn a_file_that_is_cut_off_is_read_as_far_as_it_goes() {
        let layer = layer();
        let cut = memchr::memmem::find(&layer, &[8; 100]).unwrap() + 300;
        let files = copied(&layer[..cut], 64, 1 << 20);
        assert_eq!((files.len(), files[1].1.len(), files[1].2), (2, 300, 2000));
    }
}
