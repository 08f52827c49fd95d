//! Some small files are wanted whole: their format is read, which no window of a chunk can give.
//!
//! Who wants which files is a row of [`READERS`]. While the reading thread pumps, it copies the content of such files,
//! whatever chunks they cross. A file that ends (or is cut) travels with its chunk, whose ticket so bounds the memory,
//! and is read on whatever thread has the chunk. What it yields depends on the file's bytes only.

use std::sync::Arc;

use super::lists::LISTS;
use super::matching::Match;
use super::structured::STRUCTURED;
use super::{Context, contents};
use crate::limits::Limit;
use crate::packages::Lists;
use crate::problem::{Problem, ProblemKind};
use crate::stream::{Entry, Segment, SegmentKind};

/// Who wants some files whole: one row of [`READERS`].
pub(super) struct Reader {
    /// What such a file is read as, for problems.
    pub(super) what: &'static str,
    /// Bounds the bytes of one file that are kept.
    pub(super) limit: Limit,
    /// Whether a file of that path is wanted. It is asked of every file.
    pub(super) wants: fn(&Context<'_>, &[u8]) -> bool,
    /// Reads the file. Returns whether it was one of its own: then bytes beyond the limit are a problem.
    pub(super) read: fn(&Context<'_>, &WholeFile, &mut Yield) -> bool,
}

/// Everyone who wants files whole.
const READERS: &[Reader] = &[STRUCTURED, LISTS];

/// A file from its start, as far as it was kept.
#[derive(Debug)]
pub(super) struct WholeFile {
    pub(super) entry: Arc<Entry>,
    /// The first bytes, up to the largest limit of its readers.
    pub(super) bytes: Vec<u8>,
    /// How many bytes it has by its header.
    pub(super) size: u64,
    /// Offset in the stream of its first byte.
    start: u64,
    /// Bytes to keep.
    most: usize,
}

/// What reading files yields.
#[derive(Debug, Default)]
pub(super) struct Yield {
    pub(super) found: Vec<Match>,
    /// Their places are relative to the blob.
    pub(super) problems: Vec<Problem>,
    pub(super) lists: Lists,
}

/// Reads files with all their readers.
pub(super) fn read(context: &Context<'_>, files: &[WholeFile]) -> Yield {
    let mut out = Yield::default();
    for file in files {
        for reader in READERS.iter().filter(|reader| (reader.wants)(context, &file.entry.path)) {
            let limit = context.limits.get(reader.limit);
            if (reader.read)(context, file, &mut out) && file.size > limit {
                let place = String::from_utf8_lossy(&file.entry.path);
                let message = format!(
                    "only the first {limit} of {} bytes were read as {}; the rest was searched as text",
                    file.size, reader.what
                );
                out.problems.push(Problem::new(ProblemKind::Limit, place, message, reader.limit.remedy()));
            }
        }
    }
    out
}

impl WholeFile {
    /// Whether all of it was kept.
    pub(super) fn is_complete(&self) -> bool {
        self.bytes.len() as u64 == self.size
    }

    /// The content, as far as `limit` lets somebody see.
    pub(super) fn content(&self, context: &Context<'_>, limit: Limit) -> &[u8] {
        &self.bytes[..self.bytes.len().min(context.limits.get_usize(limit))]
    }
}

/// Copies wanted files from the bytes of a layer as they pass.
pub(super) struct Copier<'c> {
    context: &'c Context<'c>,
    /// Offset in the stream of the next bytes.
    offset: u64,
    open: Option<WholeFile>,
    done: Vec<WholeFile>,
}

impl<'c> Copier<'c> {
    pub(super) fn new(context: &'c Context<'c>) -> Self {
        Self { context, offset: 0, open: None, done: Vec::new() }
    }

    /// Takes the next bytes of the stream, with the segments that start in them or right behind them.
    pub(super) fn push(&mut self, new: &[u8], segments: &[Segment]) {
        self.copy(new);
        for segment in segments {
            if let Some(file) = self.wanted(segment, new) {
                self.open = Some(file);
                self.copy(new);
            }
        }
        self.offset += new.len() as u64;
    }

    /// The files that ended since the last call; at the end of the stream also the one that did not.
    pub(super) fn take(&mut self, end: bool) -> Vec<WholeFile> {
        self.done.extend(self.open.take_if(|_| end));
        std::mem::take(&mut self.done)
    }

    fn wanted(&self, segment: &Segment, new: &[u8]) -> Option<WholeFile> {
        let entry = segment.entry.as_ref().filter(|_| segment.kind == SegmentKind::Content)?;
        let wanting = READERS.iter().filter(|reader| (reader.wants)(self.context, &entry.path));
        let (start, size) = (segment.start, segment.end - segment.start);
        let wanting = wanting.map(|reader| self.context.limits.get_usize(reader.limit)).max();
        // A file that no chunk has whole may have to be named by its digest.
        let most = wanting.max(contents::crossing(segment, self.offset + new.len() as u64))?;
        Some(WholeFile { entry: Arc::clone(entry), bytes: Vec::new(), size, start, most })
    }

    /// Copies what `new` has of the open file.
    fn copy(&mut self, new: &[u8]) {
        let Some(file) = &mut self.open else { return };
        let local =
            |at: u64| usize::try_from(at.saturating_sub(self.offset)).unwrap_or(usize::MAX).min(new.len());
        let end = file.start.saturating_add(file.size);
        let content = &new[local(file.start)..local(end)];
        file.bytes.extend_from_slice(&content[..content.len().min(file.most - file.bytes.len())]);
        if end <= self.offset + new.len() as u64 {
            self.done.extend(self.open.take());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;
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

    /// The files that are copied from `layer` when it passes in pieces of `size` bytes: path, bytes kept, claimed size.
    fn copied(layer: &[u8], size: usize, most: u64) -> Vec<(Vec<u8>, Vec<u8>, u64)> {
        let matcher = Matcher::new(RuleSet::embedded());
        let limits = Limits::default().with(Limit::FormatBytes, most);
        let context = Context {
            matcher: &matcher,
            limits: &limits,
            budget: super::super::Budget::new(1),
            progress: &(),
        };
        let (mut walker, mut copier) = (Walker::new(&limits), Copier::new(&context));
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
        let kept = |file: &WholeFile| file.content(&context, Limit::FormatBytes).to_vec();
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
