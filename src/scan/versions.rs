//! Names the versions of files that stand alone in a layer, each in a file that knows no commit and no path.
//!
//! What decoders note of each other's objects is gathered for each repository of a blob. When all of the blob was read, what
//! was found in an object by its own name moves to `COMMIT:PATH`, as it would be in a pack. A credential that many versions
//! of one path have is then told once ([`History`]), as it is of the versions in one pack.

use std::collections::{BTreeMap, HashSet, btree_map as map};
use std::fmt;
use std::sync::Arc;

use super::inside::{Inside, Link};
use super::matching::Match;
use crate::content::{Note, Repository, Version, repository};
use crate::findings::{Place, State};
use crate::limits::Limit;
use crate::problem::{Problem, ProblemKind};
use crate::secret::Secret;
use crate::stream::Entry;

/// Where a repository is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Home {
    /// The file that holds all of it, by ordinal and path, if it is not one of the layer's own folders.
    file: Option<(u64, String)>,
    /// What was opened to see it.
    outside: Vec<Link>,
    /// Its folder there.
    folder: String,
}

impl Home {
    /// The repository that has objects in what stands at the end of `chain` in the file `entry`.
    fn of(entry: Option<&Entry>, chain: &[Link]) -> Option<Self> {
        let text = |entry: &Entry| String::from_utf8_lossy(&entry.path).into_owned();
        let (file, outside, path) = match chain.split_last() {
            None => (None, chain, text(entry?)),
            Some((Link::Member(path), outside)) => {
                (entry.map(|entry| (entry.ordinal, text(entry))), outside, path.clone())
            }
            Some(_) => return None,
        };
        Some(Self { file, outside: outside.to_vec(), folder: repository(&path)?.to_owned() })
    }

    /// Bytes that it takes, with its row in a map.
    fn bytes(&self) -> usize {
        let links = self.outside.iter().map(|link| match link {
            Link::Member(path) => size_of::<Link>() + path.len(),
            Link::Version(of, path) => size_of::<Link>() + of.len() + path.len(),
            Link::Plain(_) => size_of::<Link>(),
        });
        let file = self.file.as_ref().map_or(0, |(_, path)| path.len());
        2 * size_of::<Self>() + links.sum::<usize>() + file + self.folder.len()
    }
}

impl fmt::Display for Home {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.file {
            None => out.write_str(&self.folder),
            Some((_, path)) => write!(out, "{path}{}!/{}", Inside(self.outside.clone()), self.folder),
        }
    }
}

/// What was noted of the repositories in a file or a blob.
#[derive(Debug, Default)]
pub(super) struct Notes {
    repositories: BTreeMap<Home, Repository>,
    bytes: usize,
    /// Whether there was no room for some.
    cut: bool,
}

impl Notes {
    /// Takes a note of what stands at the end of `chain` in the file `entry`, unless it has more than `most` bytes then.
    pub(super) fn add(&mut self, (entry, chain): (Option<&Entry>, &[Link]), note: Note, most: usize) {
        if let Some(home) = Home::of(entry, chain) {
            self.take(home, [note], most);
        }
    }

    /// Takes all notes of the next file, with the same bound.
    pub(super) fn append(&mut self, other: Self, most: usize) {
        self.cut |= other.cut;
        for (home, repository) in other.repositories {
            self.take(home, repository, most);
        }
    }

    /// Keeps them if they have at most `most` bytes; what is left of `most`.
    pub(super) fn keep_within(&mut self, most: usize) -> usize {
        if let Some(left) = most.checked_sub(self.bytes) {
            return left;
        }
        *self = Self { cut: true, ..Self::default() };
        most
    }

    fn take(&mut self, home: Home, notes: impl IntoIterator<Item = Note>, most: usize) {
        let mine = match self.repositories.entry(home) {
            map::Entry::Occupied(mine) => mine.into_mut(),
            map::Entry::Vacant(new) => {
                let bytes = new.key().bytes();
                if self.bytes + bytes > most {
                    self.cut = true;
                    return;
                }
                self.bytes += bytes;
                new.insert(Repository::default())
            }
        };
        for note in notes {
            if self.bytes + note.bytes() > most {
                self.cut = true;
                return;
            }
            self.bytes += note.bytes();
            mine.take(note);
        }
    }

    /// Gives what was found in objects of which a commit is known their commits and paths, the oldest of them first and all
    /// of them behind the others, worked out in `most` bytes for each repository. Returns what has to be told of those that
    /// keep their own names.
    pub(super) fn name(self, found: &mut Vec<Match>, most: usize) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut objects: BTreeMap<Home, Vec<Match>> = BTreeMap::new();
        let mut others = Vec::with_capacity(found.len());
        for found in found.drain(..) {
            let home =
                object(&found).map(|(home, ..)| home).filter(|home| self.repositories.contains_key(home));
            match home {
                Some(home) => objects.entry(home).or_default().push(found),
                None => others.push(found),
            }
        }
        *found = others;
        for (home, repository) in self.repositories {
            let Some(objects) = objects.remove(&home) else { continue };
            let origins = repository.origins(most);
            let version = |of: &Match| object(of).and_then(|(_, at, id)| Some((at, origins.version(id)?)));
            let (mut named, before) = (Vec::new(), found.len());
            for object in objects {
                if let Some((at, version)) = version(&object) {
                    let moved = moved(object, at, &version);
                    named.push((version, moved));
                } else {
                    found.push(object);
                }
            }
            let unnamed = found.len() > before;
            // What is alike stays in the order of the blob.
            named.sort_by(|(a, _), (b, _)| a.cmp(b));
            found.extend(named.into_iter().map(|(_, found)| found));
            if unnamed && (self.cut || origins.incomplete()) {
                problems.push(unnamed_objects(&home));
            }
        }
        problems
    }
}

/// The object by its own name that `found` stands in: its repository, which link it is, and its name.
fn object(found: &Match) -> Option<(Home, usize, &str)> {
    let links = &found.inside.as_ref()?.0;
    links.iter().enumerate().find_map(|(at, link)| match link {
        Link::Member(id) if is_name(id) => Some((home(found, at)?, at, &**id)),
        _ => None,
    })
}

/// Whether `text` is the name of an object.
fn is_name(text: &str) -> bool {
    [40, 64].contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The repository whose object is the link `at`.
fn home(found: &Match, at: usize) -> Option<Home> {
    Home::of(found.entry.as_deref(), &found.inside.as_ref()?.0[..at])
}

/// The match in an object whose name is the link `at`, where git shows it.
fn moved(found: Match, at: usize, version: &Version) -> Match {
    let mut links = found.inside.as_ref().map(|inside| inside.0.clone()).unwrap_or_default();
    links[at] = Link::Version(version.commit.clone(), String::from_utf8_lossy(&version.path).into_owned());
    Match { inside: Some(Arc::new(Inside(links))), ..found }
}

fn unnamed_objects(home: &Home) -> Problem {
    let message = "it has more commits and folders than could be held: some objects are told by their own names, \
                   without a commit and a path";
    Problem::new(ProblemKind::Note, home.to_string(), message, Limit::WholeBytes.remedy())
}

/// Knows which credentials were told of the versions of each path.
#[derive(Debug, Default)]
pub(super) struct History(HashSet<Told>);

/// A credential by its rule, where it stands whatever the version, and what became of that.
type Told = (usize, Secret, Home, Vec<Link>, Fate);

/// The state, the layer that made it, and whether a mark or a package makes it none of the image's leaks.
type Fate = (Option<State>, Option<usize>, bool, bool);

impl History {
    /// Whether `place` of `found` is news: an older version of the same path, with the same fate, was not told before.
    pub(super) fn is_news(&mut self, found: &Match, place: &Place) -> bool {
        let Some((home, any)) = any_version(found) else { return true };
        let by = place.state_by.as_ref().map(|by| by.layer);
        let fate = (place.state, by, place.mark.is_some(), place.shipped_by.is_some());
        self.0.insert((found.what.rule, found.what.secret.clone(), home, any, fate))
    }
}

/// Where a match in a version stands, whatever the version and whatever file of its repository has it.
fn any_version(found: &Match) -> Option<(Home, Vec<Link>)> {
    let links = &found.inside.as_ref()?.0;
    links.iter().enumerate().find_map(|(at, link)| match link {
        Link::Version(_, path) => {
            let any = Link::Version(String::new(), path.clone());
            Some((home(found, at)?, [&[any], &links[at + 1..]].concat()))
        }
        _ => None,
    })
}
