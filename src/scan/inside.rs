//! Looks into files: what a decoder shows of a file is searched like a file, and asked whether it can be opened again.
//!
//! It is one recursion, from [`Opener::look`] into a decoder and back through [`Visitor::visit`], with a chain that says
//! where it stands. Every byte below the file itself passes a [`Tee`]: it is searched there, whether a decoder makes
//! something of it or not, and counted against the limits. Nothing is kept but one stretch of bytes for each level.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::fmt;
use std::io::{BufReader, Read};
use std::ops::ControlFlow;
use std::sync::Arc;

use super::Context;
use super::matching::{EmbeddedFile, Match};
use super::memory::Allowance;
use super::searcher::{Searched, Searcher};
use super::tee::{Meter, Share, Tee};
use super::whole::Yield;
use crate::content::encoding::ENCODINGS;
use crate::content::{Fault, FaultKind, HEAD, Head, Note, Part, Visitor};
use crate::image::PlaceKind;
use crate::limits::Limit;
use crate::problem::{Problem, ProblemKind};
use crate::secret::Secret;
use crate::stream::{Entry, fill};

/// Where in a file a text stands: what was opened to see it, outermost first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Inside(pub(super) Vec<Link>);

/// One step into a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Link {
    /// To a member of a container.
    Member(String),
    /// To one of the versions of a member: which, and the member's path.
    Version(String, String),
    /// To the same content with something undone.
    Plain(&'static str),
}

impl Inside {
    /// The way through `links`.
    pub(super) fn new(links: Vec<Link>) -> Self {
        Self(links)
    }

    /// The steps, outermost first.
    pub(super) fn links(&self) -> &[Link] {
        &self.0
    }

    /// The members, outermost first.
    pub(crate) fn members(&self) -> Vec<String> {
        let member = |link: &Link| match link {
            Link::Member(path) => Some(path.clone()),
            Link::Version(of, path) => Some(format!("{of}:{path}")),
            Link::Plain(_) => None,
        };
        self.0.iter().filter_map(member).collect()
    }

    /// What was undone, outermost first.
    pub(crate) fn decoded(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.0.iter().filter_map(|link| match link {
            Link::Member(_) | Link::Version(..) => None,
            Link::Plain(encoding) => Some(*encoding),
        })
    }
}

impl fmt::Display for Inside {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|link| match link {
            Link::Member(path) => write!(out, "!/{path}"),
            Link::Version(of, path) => write!(out, "!/{of}:{path}"),
            Link::Plain(encoding) => write!(out, " ({encoding})"),
        })
    }
}

/// Of a credential that is seen at several depths of one file, keeps the deepest: what an archive holds as it is can be seen
/// in the archive's own bytes too, where no line and no name can be told. What stands as it is at one place and encoded at
/// another is at two.
pub(super) fn deepest(found: &mut Vec<Match>) {
    /// File, credential, members passed, and encodings of text undone, on the way to it.
    type Way<'m> = (Option<u64>, &'m [u8], Vec<&'m Link>, Vec<&'static str>);
    fn way(found: &Match) -> (Way<'_>, usize) {
        let links = found.inside.as_ref().map_or(&[][..], |inside| &inside.0);
        let members = links.iter().filter(|link| !matches!(link, Link::Plain(_))).collect();
        let undone =
            found.inside.iter().flat_map(|inside| inside.decoded()).chain(found.decoded.iter().copied());
        let encodings = undone.filter_map(family).collect();
        ((found.ordinal(), found.what.secret.expose(), members, encodings), links.len())
    }
    let content = |found: &Match| matches!(found.kind, PlaceKind::File | PlaceKind::Blob);
    let mut depths: HashMap<Way<'_>, usize> = HashMap::new();
    for found in found.iter().filter(|found| content(found) && found.inside.is_some()) {
        let ((ordinal, secret, members, encodings), depth) = way(found);
        for fewer in 0..=members.len() {
            let deepest = (ordinal, secret, members[..fewer].to_vec(), encodings.clone());
            let deepest = depths.entry(deepest).or_default();
            *deepest = depth.max(*deepest);
        }
    }
    let stays = |found: &Match| {
        let (way, depth) = way(found);
        !content(found) || depths.get(&way).is_none_or(|deepest| *deepest <= depth)
    };
    let mut stays: VecDeque<bool> = found.iter().map(stays).collect();
    found.retain(|_| stays.pop_front().unwrap_or(true));
}

/// The encoding of a text, whatever the order of its bytes; none for what a container or a compression is called.
fn family(undone: &'static str) -> Option<&'static str> {
    let names = ENCODINGS.iter().flat_map(|row| row.names);
    names.copied().find(|name| *name == undone).map(|name| name.trim_end_matches("le").trim_end_matches("be"))
}

impl From<Part<'_>> for Link {
    fn from(part: Part<'_>) -> Self {
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        match part {
            Part::Member(path) => Self::Member(text(path)),
            Part::Version { of, path } => Self::Version(text(of), text(path)),
            Part::Plain(encoding) => Self::Plain(encoding),
            Part::Rest => Self::Member("(rest)".to_owned()),
        }
    }
}

/// Looks into the file `entry`, or a blob that is no tar, whose bytes `body` gives. They are searched by somebody else.
pub(super) fn open(
    context: &Context<'_>,
    allowance: Allowance,
    entry: Option<&Arc<Entry>>,
    body: &mut dyn Read,
) -> Yield {
    let path = entry.map_or(&[][..], |entry| &entry.path);
    run(context, allowance, entry, &mut |opener| opener.look(path, &mut *body, None))
}

/// Looks into a file that stands encoded in the content of another.
pub(super) fn open_embedded(context: &Context<'_>, allowance: Allowance, file: &EmbeddedFile) -> Yield {
    run(context, allowance, file.entry.as_ref(), &mut |opener| {
        // Nothing stands around such a file, so of small ones there can be many: none is taken to have more bytes.
        opener.meter.stored.set(file.bytes.len() as u64);
        opener.embedded(file);
    })
}

/// Gives what `look` finds, and says so if it had to stop.
fn run(
    context: &Context<'_>,
    allowance: Allowance,
    entry: Option<&Arc<Entry>>,
    look: &mut dyn FnMut(&mut Opener<'_>),
) -> Yield {
    let meter = Meter::new(context);
    let mut opener = Opener {
        context,
        allowance,
        entry,
        meter: &meter,
        chain: Vec::new(),
        path: Vec::new(),
        seen: 0,
        members: 0,
        embedded: 0,
        versions: BTreeSet::new(),
        windows: Share::default(),
        rooms: Share::default(),
        out: Yield::default(),
    };
    look(&mut opener);
    if let Some(limit) = meter.over.get() {
        let message = format!("it was not looked into any further after {} bytes", meter.inner.get());
        opener.chain.clear();
        opener.tell(Fault::limit(limit, message));
    }
    opener.out
}

/// See the module.
struct Opener<'o> {
    context: &'o Context<'o>,
    allowance: Allowance,
    entry: Option<&'o Arc<Entry>>,
    meter: &'o Meter<'o>,
    chain: Vec<Link>,
    /// Path of what is being opened.
    path: Vec<u8>,
    /// Parts with at least one byte.
    seen: u64,
    members: u64,
    /// Files that stand encoded in a text, around the current one.
    embedded: u32,
    /// What was found in versions of members: by which rule, and where but for the version.
    versions: BTreeSet<(usize, Secret, Vec<Link>)>,
    windows: Share,
    rooms: Share,
    out: Yield,
}

impl Opener<'_> {
    /// Searches what `body` gives, unless there is no searcher, and opens it if a decoder takes it for its own.
    fn look(&mut self, path: &[u8], body: &mut dyn Read, searcher: Option<Searcher<'_>>) {
        let mut tee = Tee { body, searcher, meter: self.meter, bytes: 0, failed: None };
        let mut head = [0; HEAD];
        let (filled, _) = fill(&mut tee, &mut head);
        let head = Head { path, bytes: &head[..filled], size: None };
        if let Some(decoder) = head.decoder() {
            if self.chain.len() as u64 >= self.context.limits.get(Limit::Depth) {
                let message = format!("{} is nested too deep to be opened", decoder.name);
                self.tell(Fault::limit(Limit::Depth, message));
            } else {
                let seen = self.seen;
                let (window, room) = (self.windows.enter(), self.rooms.enter());
                let mut all = head.bytes.chain(BufReader::with_capacity(BUFFER, &mut tee));
                let outer = std::mem::replace(&mut self.path, path.to_vec());
                let ended = (decoder.decode)(&head, &mut all, self);
                self.path = outer;
                self.windows.leave(window);
                self.rooms.leave(room);
                // What fails before it shows anything is none of its kind, and an error of the bytes is told below.
                let told = |fault: &Fault| fault.kind != FaultKind::Damaged || self.seen > seen;
                let fault = ended.err().filter(|_| tee.failed.is_none()).filter(told);
                if let Some(fault) = fault {
                    self.tell(fault);
                }
            }
        }
        tee.drain();
        let Tee { searcher, failed, bytes, .. } = tee;
        self.seen += u64::from(bytes > 0);
        let of_a_member = matches!(self.chain.last(), Some(Link::Member(_) | Link::Version(..)) | None);
        // Nor is what could not be read for want of memory: that says nothing of its kind.
        let counts = |fault: &Fault| bytes > 0 || of_a_member || matches!(fault.kind, FaultKind::Limit(_));
        if let Some(fault) = failed.filter(counts).filter(|_| self.meter.over.get().is_none()) {
            self.tell(fault);
        }
        if let Some(searcher) = searcher {
            let mut text = searcher.finish();
            let embedded = std::mem::take(&mut text.embedded);
            self.take(text);
            for file in &embedded {
                self.embedded(file);
            }
        }
    }

    /// Searches and opens a file that stands encoded in the text where it stands.
    fn embedded(&mut self, file: &EmbeddedFile) {
        let outside = self.chain.len();
        self.chain.extend(file.names.iter().map(|name| Link::Plain(name)));
        let searcher = Searcher::new(self.context, self.entry.map(|entry| &**entry), b"");
        self.embedded += 1;
        self.look(b"", &mut &file.bytes[..], Some(searcher));
        self.embedded -= 1;
        self.chain.truncate(outside);
    }

    /// Takes what was found in one text.
    fn take(&mut self, searched: Searched) {
        self.out.dropped |= searched.dropped;
        if searched.found.is_empty() && searched.problems.is_empty() {
            return;
        }
        let most = self.context.limits.get_usize(Limit::Matches);
        let inside = Arc::new(Inside(self.chain.clone()));
        for problem in searched.problems {
            self.push(Problem { place: self.place(), ..problem });
        }
        let member = self.any_version();
        let mut told = Vec::new();
        for mut found in searched.found {
            let of = |member: &Vec<Link>| (found.what.rule, found.what.secret.clone(), member.clone());
            let version = member.as_ref().map(of);
            if version.as_ref().is_some_and(|version| self.versions.contains(version)) {
                continue;
            }
            if self.out.found.len() >= most {
                self.out.dropped = true;
                return;
            }
            told.extend(version);
            found.entry = self.entry.cloned();
            found.kind = if self.entry.is_some() { PlaceKind::File } else { PlaceKind::Blob };
            found.inside = Some(Arc::clone(&inside));
            self.out.found.push(found);
        }
        self.versions.extend(told);
    }

    /// Where it stands, whatever the version, if it stands in one.
    fn any_version(&self) -> Option<Vec<Link>> {
        let versions = self.chain.iter().any(|link| matches!(link, Link::Version(..)));
        let any = |link: &Link| match link {
            Link::Version(_, path) => Link::Version(String::new(), path.clone()),
            other => other.clone(),
        };
        versions.then(|| self.chain.iter().map(any).collect())
    }

    /// Where it stands, for problems.
    fn place(&self) -> String {
        let path = self.entry.map(|entry| String::from_utf8_lossy(&entry.path)).unwrap_or_default();
        format!("{path}{}", Inside(self.chain.clone()))
    }

    fn tell(&mut self, fault: Fault) {
        let (kind, remedy) = match fault.kind {
            // Digits are cut off for many reasons: a line of a log, a page of a database, an example in a manual.
            FaultKind::Damaged if self.embedded > 0 => (
                ProblemKind::Note,
                "nothing, unless it should be whole: what there is of it was searched".to_owned(),
            ),
            FaultKind::Damaged => (
                ProblemKind::Damaged,
                "find out whether it can be opened at all: its bytes as they are were searched".to_owned(),
            ),
            FaultKind::Encrypted => (
                ProblemKind::Encrypted,
                "open it with its key and look at what it holds: its bytes as they are were searched"
                    .to_owned(),
            ),
            FaultKind::Unsupported => (
                ProblemKind::Unsupported,
                "unpack it and look at what it holds: its bytes as they are were searched".to_owned(),
            ),
            FaultKind::Limit(limit) => {
                self.out.wants_more |=
                    self.allowance.more && matches!(limit, Limit::WindowBytes | Limit::WholeBytes);
                (ProblemKind::Limit, self.context.budget.memory.remedy(limit, self.context.limits))
            }
        };
        self.push(Problem::new(kind, self.place(), fault.message, remedy));
    }

    /// Keeps a problem, or counts it if there are many.
    fn push(&mut self, problem: Problem) {
        if self.out.problems.len() < PROBLEMS {
            self.out.problems.push(problem);
        } else {
            self.out.untold += 1;
        }
    }
}

/// Problems that are told of one file.
const PROBLEMS: usize = 100;

/// Bytes that a decoder is given at a time.
const BUFFER: usize = 16 << 10;

impl Visitor for Opener<'_> {
    fn visit(&mut self, part: Part<'_>, body: &mut dyn Read) -> ControlFlow<()> {
        if self.meter.over.get().is_some() {
            return ControlFlow::Break(());
        }
        self.members += 1;
        if self.members > self.context.limits.get(Limit::Members) {
            self.meter.over.set(Some(Limit::Members));
            return ControlFlow::Break(());
        }
        let path = match part {
            Part::Member(path) | Part::Version { path, .. } => path.to_vec(),
            // What was `a.conf.gz` is an `a.conf`.
            Part::Plain(_) => without_extension(&self.path).to_vec(),
            Part::Rest => Vec::new(),
        };
        self.chain.push(part.into());
        let searcher = Searcher::new(self.context, self.entry.map(|entry| &**entry), &path);
        self.look(&path, body, Some(searcher));
        self.chain.pop();
        if self.meter.over.get().is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn fault(&mut self, part: Part<'_>, fault: Fault) {
        self.chain.push(part.into());
        self.tell(fault);
        self.chain.pop();
    }

    fn note(&mut self, note: Note) {
        let most = self.context.limits.get_usize(Limit::WholeBytes);
        let place = (self.entry.map(|entry| &**entry), &self.chain[..]);
        self.out.notes.add(place, note, most);
    }

    fn limit(&self, limit: Limit) -> u64 {
        match limit {
            Limit::WindowBytes => self.windows.of(self.allowance.window),
            _ => self.context.limits.get(limit),
        }
    }

    fn room(&self) -> u64 {
        self.rooms.of(self.allowance.room)
    }
}

/// The path of what is compressed in the file `path`: `a.conf` of `a.conf.gz`.
fn without_extension(path: &[u8]) -> &[u8] {
    let name = path.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
    match path[name..].iter().rposition(|byte| *byte == b'.') {
        Some(dot) if dot > 0 => &path[..name + dot],
        _ => path,
    }
}
