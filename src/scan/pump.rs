//! Pumps a stream of plain bytes through the walker, the matcher and the hash.
//!
//! The calling thread reads; what it reads goes out in chunks to any thread of the pool, as many at a time as the budget
//! allows. Chunks may finish in any order: hashing and counting take them in turn.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::sync::atomic::{AtomicU64, Ordering};

use super::Context;
use super::chunk::{Chunk, Chunker, Filled};
use super::collect::{Collected, Collector};
use super::copy::{Copier, Feed};
use super::feed::Feeds;
use super::lane::Lane;
use super::larger::{Larger, Queue};
use super::matching::{Match, matches};
use super::{inside, whole};
use crate::digest::{Digest, Hasher};
use crate::limits::{Limit, Limits};
use crate::packages::{Heads, Lists};
use crate::problem::{Problem, ProblemKind};
use crate::stream::{PathIndex, Segment, SegmentKind, Walked, Walker, header, is_tar};

/// What became of the plain bytes of a blob.
#[derive(Debug)]
pub(super) struct Plain {
    /// Digest of all of them.
    pub(super) digest: Digest,
    pub(super) bytes: u64,
    pub(super) entries: u64,
    /// Whether they are a tar.
    pub(super) tar: bool,
    /// Whether there is anything but zeros.
    pub(super) content: bool,
    pub(super) matches: Vec<Match>,
    pub(super) paths: PathIndex,
    pub(super) lists: Lists,
    /// Digests of files with matches, by the ordinals of their entries.
    pub(super) contents: BTreeMap<u64, Heads>,
    pub(super) problems: Vec<Problem>,
    /// Whether they were read to their end.
    pub(super) complete: bool,
    /// The error that ended them early.
    pub(super) error: Option<io::Error>,
}

/// Stored bytes that every blob is taken to have more for its ratio: small blobs of zeros are no bombs.
const RATIO_SLACK: u64 = 1 << 20;

/// Reads `reader` to its end. `stored` counts the stored bytes that were read for it. Bytes that are no tar, or that
/// `raw` says are none, are searched as they are.
pub(super) fn pump(context: &Context<'_>, reader: &mut dyn Read, stored: &AtomicU64, raw: bool) -> Plain {
    let hashes = Lane::new(Hasher::default());
    let found = Lane::new(Collector::new(context.limits));
    let stages = Stages { context, hashes, found, larger: Queue::default() };
    let (pumped, looked) = std::thread::scope(|threads| {
        let feeds = Feeds::new(context);
        let feed = |entry| feeds.start(threads, entry);
        let walk = Walk::new(context, &feed, raw);
        let pumped = rayon::in_place_scope_fifo(|scope| {
            let run = |chunk, feeding: bool| {
                let stages = &stages;
                scope.spawn_fifo(move |_| stages.run(chunk));
                if !feeding {
                    stages.larger.keep_short(context);
                }
            };
            chunks(context, reader, stored, walk, &run)
        });
        (pumped, feeds.finish())
    });
    let Stages { hashes, found, larger, .. } = stages;
    let mut found = found.finish();
    for looked in larger.finish(context).chain(looked) {
        found.add_whole(looked);
    }
    pumped.into_plain(context, found, hashes.finish())
}

/// What reading came to, before what was found in it is known.
struct Pumped {
    bytes: u64,
    content: bool,
    walker: Option<Walker>,
    problems: Vec<Problem>,
    complete: bool,
    error: Option<io::Error>,
}

/// Reads chunk after chunk and gives them to `run`.
fn chunks(
    context: &Context<'_>,
    reader: &mut dyn Read,
    stored: &AtomicU64,
    mut walk: Walk<'_>,
    run: &dyn Fn(Chunk, bool),
) -> Pumped {
    let mut chunker = Chunker::of(context.budget.memory.chunk);
    let mut bytes = 0;
    loop {
        let buffer = context.budget.buffer();
        let Filled { mut chunk, last, error } =
            chunker.fill(reader, buffer, &mut |new, out| walk.push(new, out));
        bytes += (chunk.bytes.len() - chunk.new) as u64;
        let over = limit(context, bytes, stored.load(Ordering::Relaxed));
        chunk.files = walk.copier.take(last || over.is_some());
        chunk.weight = context.budget.take(chunk.held());
        run(chunk, walk.copier.is_feeding());
        if last || over.is_some() {
            let complete = last && error.is_none() && over.is_none();
            let Walk { walker, content, .. } = walk;
            return Pumped { bytes, content, walker, problems: over.into_iter().collect(), complete, error };
        }
    }
}

impl Pumped {
    fn into_plain(self, context: &Context<'_>, found: Collector, digest: Hasher) -> Plain {
        let Self { bytes, content, walker, mut problems, complete, error } = self;
        let Collected { matches, dropped, problems: of_files, lists, contents } =
            found.finish(context.matcher.rules());
        problems.extend(of_files);
        let limit = |limit: Limit, message| Problem::new(ProblemKind::Limit, "", message, limit.remedy());
        if lists.left_out() > 0 || lists.lost() {
            let mut message =
                format!("{} entries of package lists or more were not kept", lists.left_out().max(1));
            if lists.lost() {
                message.push_str("; what the lists of this layer name is not taken for what a package ships");
            }
            problems.push(limit(Limit::ListEntries, message));
        }
        if dropped {
            let message = format!("more than {} matches; the others were dropped", matches.len());
            problems.push(limit(Limit::Matches, message));
        }
        let tar = walker.is_some();
        let entries = walker.as_ref().map_or(0, Walker::entries);
        let (paths, walked) = walker.map(Walker::finish).unwrap_or_default();
        // Of a layer that was cut by an error or a limit, that is what there is to say.
        problems
            .extend(walked.into_iter().filter(|problem| complete || problem.kind != ProblemKind::Damaged));
        let digest = digest.finish();
        Plain {
            digest,
            bytes,
            entries,
            tar,
            content,
            matches,
            paths,
            lists,
            contents,
            problems,
            complete,
            error,
        }
    }
}

/// Whether the plain bytes have become too many.
fn limit(context: &Context<'_>, plain: u64, stored: u64) -> Option<Problem> {
    let (bytes, ratio) = (context.limits.get(Limit::LayerBytes), context.limits.get(Limit::Ratio));
    let problem = |limit: Limit, message| Some(Problem::new(ProblemKind::Limit, "", message, limit.remedy()));
    if plain > bytes {
        problem(Limit::LayerBytes, format!("more than {bytes} bytes; the rest was not looked at"))
    } else if plain / (stored + RATIO_SLACK) >= ratio {
        let message = format!(
            "{stored} stored bytes became {plain}, more than {ratio} times as many; the rest was not looked at"
        );
        problem(Limit::Ratio, message)
    } else {
        None
    }
}

/// What happens to a chunk on whatever thread has it.
struct Stages<'s> {
    context: &'s Context<'s>,
    hashes: Lane<Chunk, Hasher>,
    found: Lane<super::matching::Matches, Collector>,
    larger: Queue,
}

impl Stages<'_> {
    fn run(&self, mut chunk: Chunk) {
        let context = self.context;
        let _watch = context.budget.watch();
        let mut matches = matches(context.matcher, &chunk, context.limits);
        matches.files = std::mem::take(&mut chunk.files);
        matches.whole = whole::read(context, &matches.files);
        for file in std::mem::take(&mut matches.embedded) {
            let most_noted = context.limits.get_usize(Limit::WholeBytes);
            let looked = inside::open_embedded(context, context.budget.small(context.limits), &file);
            matches.whole.append_or(looked, || Larger::Embedded(file), most_noted);
        }
        context.progress.found(matches.found.len() + matches.whole.found.len());
        self.found.hand_in(chunk.index, matches, |found, mut matches| {
            let larger = std::mem::take(&mut matches.whole.larger);
            matches.problems.extend(self.larger.put(context, larger));
            found.add(matches);
        });
        self.hashes.hand_in(chunk.index, chunk, |hasher, chunk| {
            hasher.update(&chunk.bytes[chunk.new..]);
            context.budget.put_back(chunk.bytes, chunk.weight);
        });
    }
}

/// Says what the bytes of a stream belong to.
struct Walk<'l> {
    walker: Option<Walker>,
    started: bool,
    raw: bool,
    content: bool,
    limits: &'l Limits,
    copier: Copier<'l>,
}

impl<'l> Walk<'l> {
    fn new(context: &'l Context<'l>, feed: Feed<'l>, raw: bool) -> Self {
        let copier = Copier::new(context, feed);
        Self { walker: None, started: false, raw, content: false, limits: context.limits, copier }
    }

    fn push(&mut self, new: &[u8], out: &mut Walked) {
        if !self.started {
            self.started = true;
            if !self.raw && is_tar(&new[..new.len().min(header::BLOCK)]) {
                self.walker = Some(Walker::new(self.limits));
            } else {
                out.segments.push(Segment {
                    start: 0,
                    end: u64::MAX,
                    kind: SegmentKind::Content,
                    entry: None,
                });
            }
        }
        self.content = self.content || new.iter().any(|byte| *byte != 0);
        if let Some(walker) = &mut self.walker {
            walker.push(new, out);
        }
        self.copier.push(new, &out.segments);
    }
}
