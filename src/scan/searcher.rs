//! Searches one text that is given piece by piece, on the thread that gives it: a member of a file, as large as it is.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::chunk::Chunker;
use super::collect::{Collected, Collector};
use super::larger::{BESIDE, encoded_left_out, held_encoded};
use super::matching::{EmbeddedFile, Match, matches};
use super::structured::STRUCTURED;
use super::whole::{Text, Yield};
use super::{Context, images};
use crate::limits::Limit;
use crate::problem::Problem;
use crate::stream::{Entry, Segment, SegmentKind, header::Kind};

/// Bytes that are searched at a time.
const STRETCH: usize = 256 << 10;

/// See the module.
pub(super) struct Searcher<'c> {
    context: &'c Context<'c>,
    /// What the text is taken for: the member as an entry of the layer.
    entry: Arc<Entry>,
    chunker: Chunker,
    collector: Collector,
    buffer: Vec<u8>,
    /// Where in `buffer` its new bytes start.
    new: usize,
    begun: bool,
    /// The text from its start, for readers that want it whole.
    whole: Option<Vec<u8>>,
    bytes: u64,
    /// Files that stand encoded in it, the memory that they have, and whether there were too many.
    embedded: Vec<EmbeddedFile>,
    held: usize,
    left_out: bool,
}

/// What one text yields.
pub(super) struct Searched {
    /// Their entry is not one of the layer's.
    pub(super) found: Vec<Match>,
    /// Their place is the text itself.
    pub(super) problems: Vec<Problem>,
    pub(super) dropped: bool,
    /// Files that stand encoded in it, to be looked into.
    pub(super) embedded: Vec<EmbeddedFile>,
}

impl<'c> Searcher<'c> {
    /// A searcher for the member `path` of the file `file`.
    pub(super) fn new(context: &'c Context<'c>, file: Option<&Entry>, path: &[u8]) -> Self {
        let ordinal = file.map_or(0, |file| file.ordinal);
        let entry = Entry { path: path.to_vec(), ordinal, kind: Kind::File, link: Vec::new() };
        Self {
            context,
            entry: Arc::new(entry),
            chunker: Chunker::default(),
            collector: Collector::new(context.limits),
            buffer: Vec::new(),
            new: 0,
            begun: false,
            whole: Some(Vec::new()),
            bytes: 0,
            embedded: Vec::new(),
            held: 0,
            left_out: false,
        }
    }

    /// Takes the next bytes.
    pub(super) fn push(&mut self, mut bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        self.keep(bytes);
        while !bytes.is_empty() {
            let room = self.new + STRETCH - self.buffer.len();
            let (now, later) = bytes.split_at(bytes.len().min(room));
            self.buffer.extend_from_slice(now);
            bytes = later;
            if now.len() == room {
                self.search(false);
            }
        }
    }

    /// Keeps the text from its start, unless nobody wants it whole.
    fn keep(&mut self, bytes: &[u8]) {
        let Some(whole) = &mut self.whole else { return };
        let room = self.context.limits.get_usize(Limit::FormatBytes).saturating_sub(whole.len());
        whole.extend_from_slice(&bytes[..bytes.len().min(room)]);
        if !images::begins(whole) && !(STRUCTURED.wants)(self.context, &self.entry.path) {
            self.whole = None;
        }
    }

    /// What was found, after the last byte.
    pub(super) fn finish(mut self) -> Searched {
        self.search(true);
        let Self { context, entry, mut collector, whole, bytes, embedded, left_out, .. } = self;
        let (mut of_format, mut of_image) = (Yield::default(), Vec::new());
        of_format.problems.extend(left_out.then(|| encoded_left_out("")));
        if let Some(whole) = whole {
            let text = Text { entry: &entry, bytes: &whole, size: bytes };
            STRUCTURED.read(context, text, &mut of_format);
            of_image = images::read(context, &text, &mut of_format.problems);
        }
        collector.add_whole(of_format);
        let Collected { matches: mut found, dropped, problems, .. } =
            collector.finish(context.matcher.rules());
        // What a document says of a credential is more than what its bytes say.
        let told: BTreeSet<_> = of_image.iter().map(|found| found.what.secret.clone()).collect();
        found.retain(|found| !told.contains(&found.what.secret));
        found.extend(of_image);
        Searched { found, problems, dropped, embedded }
    }

    fn search(&mut self, last: bool) {
        let begun = std::mem::replace(&mut self.begun, true);
        let all = Segment {
            start: 0,
            end: u64::MAX,
            kind: SegmentKind::Content,
            entry: Some(Arc::clone(&self.entry)),
        };
        let chunk = self.chunker.cut(std::mem::take(&mut self.buffer), self.new, last, &mut |_, out| {
            if !begun {
                out.segments.push(all.clone());
            }
        });
        let mut matches = matches(self.context.matcher, &chunk, self.context.limits);
        for file in std::mem::take(&mut matches.embedded) {
            // They are looked into when the text has ended.
            self.held += file.bytes.len() + BESIDE;
            self.left_out |= self.held > held_encoded(self.context.limits);
            if !self.left_out {
                self.embedded.push(file);
            }
        }
        self.collector.add(matches);
        self.buffer = chunk.bytes;
        self.new = self.chunker.begin(&mut self.buffer);
    }
}
