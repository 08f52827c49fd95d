//! Walks a layer's tar stream as it is pushed past, and says which bytes belong to what. Copies no content.
//!
//! Every byte of the stream is in exactly one [`Segment`] or in one [`Text`]: a file's content, a header, or padding
//! (which is also what becomes of bytes behind a damaged header, and behind the end marker). So whoever matches all
//! segments and texts has looked at everything.

use std::sync::Arc;

use super::header::{BLOCK, Block, Extensions, Kind, Member, RawHeader, read_block};
use super::members::padding;
use super::paths::PathIndex;
use crate::limits::{Limit, Limits};
use crate::problem::{Problem, ProblemKind};

/// The entry that a segment belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Clean path.
    pub path: Vec<u8>,
    /// Position among the entries of the layer.
    pub ordinal: u64,
    /// What it is.
    pub kind: Kind,
    /// Link target as stored.
    pub link: Vec<u8>,
}

/// What the bytes of a segment are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SegmentKind {
    /// A file's content.
    Content,
    /// A tar header: its path and link are the texts in it.
    Header,
    /// Nothing that an unpacked layer shows.
    Padding,
}

/// A run of bytes of the stream.
#[derive(Debug, Clone)]
pub struct Segment {
    /// Offset in the stream of its first byte.
    pub start: u64,
    /// Offset behind its last byte; may lie behind the end of a stream that is cut off.
    pub end: u64,
    /// What it is.
    pub kind: SegmentKind,
    /// Whose it is; for padding the entry before, if any.
    pub entry: Option<Arc<Entry>>,
}

/// A text that does not stand in one piece in the stream, or that belongs to a later entry.
#[derive(Debug, Clone)]
pub struct Text {
    /// The entry that it describes.
    pub entry: Arc<Entry>,
    /// What it is.
    pub kind: TextKind,
    /// The text.
    pub bytes: Vec<u8>,
}

/// Kinds of [`Text`]s.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TextKind {
    /// The entry's path.
    Path,
    /// Its link target.
    Link,
    /// The value of the PAX record or extended attribute of this name.
    Record(String),
}

/// What a push yields.
#[derive(Debug, Default)]
pub struct Walked {
    /// In the order of the stream.
    pub segments: Vec<Segment>,
    /// In the order of their entries.
    pub texts: Vec<Text>,
}

/// Walks one layer.
pub struct Walker {
    state: State,
    offset: u64,
    extensions: Extensions,
    current: Option<Arc<Entry>>,
    paths: PathIndex,
    problems: Vec<Problem>,
    limits: Limits,
    zeros: bool,
    links_lost: u64,
}

enum State {
    /// Collecting a block where a header should be.
    Header(Vec<u8>),
    /// Collecting the GNU sparse extension blocks of an entry whose content has this size.
    Sparse(Vec<u8>, u64),
    /// Passing over content that a segment already names, up to this offset.
    Content(u64),
    /// Collecting the content of an extension entry: kind, bytes, size, and offset of the next header.
    Extension(Kind, Vec<u8>, usize, u64),
    /// Behind the end marker.
    End,
    /// Everything from here on is one padding segment.
    Rest,
}

impl Walker {
    /// A walker at the start of a layer.
    pub fn new(limits: &Limits) -> Self {
        Self {
            state: State::Header(Vec::new()),
            offset: 0,
            extensions: Extensions::default(),
            current: None,
            paths: PathIndex::default(),
            problems: Vec::new(),
            limits: limits.clone(),
            zeros: false,
            links_lost: 0,
        }
    }

    /// Takes the next bytes of the stream.
    pub fn push(&mut self, bytes: &[u8], out: &mut Walked) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let used = self.step(rest, out);
            self.offset += used as u64;
            rest = &rest[used..];
        }
    }

    /// Ends the walk: what the layer does to paths, and what was wrong with it.
    pub fn finish(mut self) -> (PathIndex, Vec<Problem>) {
        let cut = match &self.state {
            State::Header(block) => !block.is_empty(),
            State::Content(end) => *end > self.offset,
            State::Sparse(..) | State::Extension(..) => true,
            State::End | State::Rest => false,
        };
        if cut {
            self.problem(
                ProblemKind::Damaged,
                "the layer's tar ends in the middle of an entry",
                "save or push the image again",
            );
        }
        if self.links_lost > 0 {
            let message = format!("{} hard links were not followed", self.links_lost);
            self.problem(ProblemKind::Limit, &message, &Limit::LinkBytes.remedy());
        }
        (self.paths, self.problems)
    }

    /// Entries so far.
    pub fn entries(&self) -> u64 {
        self.paths.len()
    }

    /// Handles the start of `bytes`; returns how many of them, at least one.
    fn step(&mut self, bytes: &[u8], out: &mut Walked) -> usize {
        let state = std::mem::replace(&mut self.state, State::Rest);
        match state {
            State::Rest => bytes.len(),
            State::End => self.after_end(bytes, out),
            State::Content(end) => {
                let used = usize::try_from(end - self.offset).unwrap_or(usize::MAX).min(bytes.len());
                let done = self.offset + used as u64 == end;
                self.state = if done { State::Header(Vec::new()) } else { State::Content(end) };
                used
            }
            State::Header(mut block) => {
                let used = collect(&mut block, bytes, BLOCK);
                match <&[u8; BLOCK]>::try_from(&block[..]) {
                    Ok(whole) => self.header(read_block(whole), self.offset + used as u64, out),
                    Err(_) => self.state = State::Header(block),
                }
                used
            }
            State::Sparse(mut block, size) => {
                let used = collect(&mut block, bytes, BLOCK);
                let next = self.offset + used as u64;
                self.state = match block.get(504) {
                    _ if block.len() < BLOCK => State::Sparse(block, size),
                    Some(1) => State::Sparse(Vec::new(), size),
                    _ => self.content(next, size, out),
                };
                used
            }
            State::Extension(kind, mut content, size, end) => {
                let used = collect(&mut content, bytes, size);
                if content.len() < size {
                    self.state = State::Extension(kind, content, size, end);
                    return used;
                }
                if !self.extensions.add(kind, &content) {
                    let place = format!("tar extension header before byte {end}");
                    self.problems.push(Problem::new(
                        ProblemKind::Damaged,
                        place,
                        "PAX records that do not follow their format; the rest of them was not read",
                        "build the layer again with another tool",
                    ));
                }
                self.state = State::Content(end);
                used.max(usize::from(size == 0))
            }
        }
    }

    /// Handles the block before offset `next`, where a header should be.
    fn header(&mut self, block: Block, next: u64, out: &mut Walked) {
        let start = next - BLOCK as u64;
        match block {
            Block::Zero if self.zeros => self.state = State::End,
            Block::Zero => {
                self.zeros = true;
                self.state = State::Header(Vec::new());
            }
            Block::Damaged => {
                let message = format!(
                    "no tar header at byte {start} of the layer; the rest was searched as raw bytes, without paths"
                );
                self.problem(ProblemKind::Damaged, &message, "save or push the image again");
                self.rest(start, out);
            }
            Block::Header(header) => {
                self.zeros = false;
                self.entry(*header, start, next, out);
            }
        }
    }

    fn entry(&mut self, header: RawHeader, start: u64, next: u64, out: &mut Walked) {
        if self.paths.len() >= self.limits.get(Limit::LayerEntries) {
            let message =
                format!("more than {} entries; the rest was searched as raw bytes", self.paths.len());
            self.problem(ProblemKind::Limit, &message, &Limit::LayerEntries.remedy());
            return self.rest(start, out);
        }
        if header.kind.is_extension() {
            return self.extension(&header, next, out);
        }
        let sparse = header.sparse_extended;
        let mut member = self.extensions.apply(header);
        self.bound_path(&mut member);
        if !self.paths.add(&member, self.limits.get_usize(Limit::LinkBytes)) {
            self.links_lost += 1;
        }
        let entry = Arc::new(Entry {
            ordinal: self.paths.len() - 1,
            kind: member.kind,
            path: std::mem::take(&mut member.path),
            link: std::mem::take(&mut member.link),
        });
        self.current = Some(Arc::clone(&entry));
        texts(&member, &entry, out);
        out.segments.push(Segment { start, end: next, kind: SegmentKind::Header, entry: Some(entry) });
        self.state = if sparse {
            State::Sparse(Vec::new(), member.size)
        } else {
            self.content(next, member.size, out)
        };
    }

    /// Names the content that starts at `start` and its padding.
    fn content(&mut self, start: u64, size: u64, out: &mut Walked) -> State {
        if size == 0 {
            return State::Header(Vec::new());
        }
        let end = start.saturating_add(size);
        let next = end.saturating_add(padding(size));
        let mut segment = |start, end, kind| {
            if start < end {
                out.segments.push(Segment { start, end, kind, entry: self.current.clone() });
            }
        };
        segment(start, end, SegmentKind::Content);
        segment(end, next, SegmentKind::Padding);
        State::Content(next)
    }

    fn extension(&mut self, header: &RawHeader, next: u64, out: &mut Walked) {
        let end = next.saturating_add(header.size).saturating_add(padding(header.size));
        if header.size > self.limits.get(Limit::HeaderBytes) {
            let message = format!("a tar extension header of {} bytes was not applied", header.size);
            self.problem(ProblemKind::Limit, &message, &Limit::HeaderBytes.remedy());
            out.segments.push(Segment { start: next, end, kind: SegmentKind::Padding, entry: None });
            self.state = State::Content(end);
        } else if header.size == 0 {
            self.state = State::Header(Vec::new());
        } else {
            let size =
                usize::try_from(header.size).expect("the limit on headers is far below the address space");
            self.state = State::Extension(header.kind, Vec::new(), size, end);
        }
    }

    /// Looks for something behind the end marker, where there should be nothing but zeros.
    fn after_end(&mut self, bytes: &[u8], out: &mut Walked) -> usize {
        match bytes.iter().position(|byte| *byte != 0) {
            None => {
                self.state = State::End;
                bytes.len()
            }
            Some(zeros) => {
                let start = self.offset + zeros as u64;
                let message = format!("bytes behind the end of the layer's tar, from byte {start}");
                self.problem(
                    ProblemKind::Note,
                    &message,
                    "they were searched as raw bytes; no engine unpacks them",
                );
                self.rest(start, out);
                bytes.len()
            }
        }
    }

    fn rest(&mut self, start: u64, out: &mut Walked) {
        let entry = None;
        out.segments.push(Segment { start, end: u64::MAX, kind: SegmentKind::Padding, entry });
        self.state = State::Rest;
    }

    /// Cuts a path that no file system could hold.
    fn bound_path(&mut self, member: &mut Member) {
        let most = self.limits.get_usize(Limit::PathBytes);
        let longest = member.path.len().max(member.link.len());
        if longest > most {
            let message = format!("a path of {longest} bytes was cut");
            self.problem(ProblemKind::Limit, &message, &Limit::PathBytes.remedy());
            // What is cut off is still looked at: as records.
            for (name, path) in [(&b"path"[..], &mut member.path), (b"linkpath", &mut member.link)] {
                if path.len() > most {
                    member.records.insert(name.to_vec(), path.clone());
                    path.truncate(most);
                }
            }
        }
    }

    /// Problems of one layer are few kinds many times: the first thousand are enough.
    fn problem(&mut self, kind: ProblemKind, message: &str, remedy: &str) {
        if self.problems.len() < 1000 {
            self.problems.push(Problem::new(kind, String::new(), message, remedy));
        }
    }
}

/// Moves bytes to `into` until it has `size`; returns how many.
fn collect(into: &mut Vec<u8>, bytes: &[u8], size: usize) -> usize {
    let used = bytes.len().min(size - into.len());
    into.extend_from_slice(&bytes[..used]);
    used
}

/// The texts of an entry that do not stand in its header block.
fn texts(member: &Member, entry: &Arc<Entry>, out: &mut Walked) {
    let mut text = |kind, bytes: &[u8]| {
        if !bytes.is_empty() {
            out.texts.push(Text { entry: Arc::clone(entry), kind, bytes: bytes.to_vec() });
        }
    };
    if member.long {
        text(TextKind::Path, &entry.path);
        text(TextKind::Link, &entry.link);
    }
    for (name, value) in &member.records {
        // The name of a record can hold a credential as well as its value can.
        let name = String::from_utf8_lossy(&name[..name.len().min(1024)]).into_owned();
        let line = [name.as_bytes(), b"=", value].concat();
        text(TextKind::Record(name), &line);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn layer() -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        let mut add = |path: &str, content: &[u8]| {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            builder.append_data(&mut header, path, content).unwrap();
        };
        add("etc/app.conf", b"password");
        add("empty", b"");
        add(&"deep/".repeat(40), &[7; 1000]);
        builder.into_inner().unwrap()
    }

    fn walk(bytes: &[u8], cuts: &[usize]) -> (Walked, PathIndex, Vec<Problem>) {
        let (mut walker, mut out) = (Walker::new(&Limits::default()), Walked::default());
        let mut from = 0;
        for cut in cuts {
            let to = from.max(cut % (bytes.len() + 1));
            walker.push(&bytes[from..to], &mut out);
            from = to;
        }
        walker.push(&bytes[from..], &mut out);
        let (paths, problems) = walker.finish();
        (out, paths, problems)
    }

    fn contents<'b>(bytes: &'b [u8], walked: &Walked) -> Vec<(Vec<u8>, &'b [u8])> {
        let range = |s: &Segment| usize::try_from(s.start).unwrap()..usize::try_from(s.end).unwrap();
        let content = walked.segments.iter().filter(|s| s.kind == SegmentKind::Content);
        content.map(|s| (s.entry.as_ref().unwrap().path.clone(), &bytes[range(s)])).collect()
    }

    #[test]
    fn content_belongs_to_its_path() {
        let bytes = layer();
        let (walked, paths, problems) = walk(&bytes, &[]);
        let contents = contents(&bytes, &walked);
        assert_eq!(
            contents.len(),
            2,
            "a name that ends in a slash is a directory, but its bytes are looked at"
        );
        assert_eq!(contents[0], (b"etc/app.conf".to_vec(), &b"password"[..]));
        assert_eq!(paths.len(), 3);
        assert!(problems.is_empty(), "{problems:?}");
    }

    #[test]
    fn bytes_behind_the_end_and_behind_damage_are_one_segment() {
        let mut behind = layer();
        behind.extend_from_slice(b"\0\0hidden");
        let (walked, _, problems) = walk(&behind, &[]);
        let last = walked.segments.last().unwrap();
        assert_eq!((last.kind, last.start), (SegmentKind::Padding, behind.len() as u64 - 6));
        assert_eq!(problems[0].kind, ProblemKind::Note);

        let mut damaged = layer();
        damaged[1024] ^= 0xff;
        let (walked, _, problems) = walk(&damaged, &[]);
        assert_eq!(walked.segments.last().unwrap().start, 1024);
        assert_eq!(problems[0].kind, ProblemKind::Damaged);
    }

    #[test]
    fn a_cut_layer_is_damaged() {
        let bytes = layer();
        assert_eq!(walk(&bytes[..700], &[]).2[0].kind, ProblemKind::Damaged);
        assert_eq!(walk(&bytes[..1024 + 30], &[]).2[0].kind, ProblemKind::Damaged);
    }

    proptest! {
        #[test]
        fn chunking_changes_nothing(mut cuts in proptest::collection::vec(any::<usize>(), 0..20)) {
            let bytes = layer();
            for cut in &mut cuts {
                *cut %= bytes.len();
            }
            cuts.sort_unstable();
            let (whole, cut) = (walk(&bytes, &[]), walk(&bytes, &cuts));
            prop_assert_eq!(format!("{:?}", whole.0), format!("{:?}", cut.0));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..3000), at in 0usize..1500) {
            let mut hostile = layer();
            hostile.splice(at..at, bytes);
            walk(&hostile, &[100, 600, 700]);
        }
    }
}
