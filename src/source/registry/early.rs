//! Asks for the documents of many tags side by side, and finds out from them when each image was made.
//!
//! Following what documents name goes one by one, so that what is found and what is cut off by a limit depends on nothing but the
//! documents. What it will ask for first can be told before: the manifests of all tags, their configurations, and what refers
//! to them. Here that is fetched by several threads. It is a help and no more: what is missing is asked for when its turn comes.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use serde_json::Value;

use super::Search;
use super::client::{Query, Repository, document};
use super::pull::{LARGEST, Manifest, manifest, wanted};
use super::reference::is_digest;
use super::referrers::{Referrer, referrers};
use crate::image::{Role, named, prune};
use crate::limits::{Limit, Limits};
use crate::source::remote::{RemoteError, RemoteFault};

/// Documents of one repository that were fetched already, each to be taken once.
#[derive(Default)]
pub(super) struct Early {
    manifests: HashMap<String, Result<Manifest, RemoteError>>,
    configs: HashMap<String, Vec<u8>>,
    referrers: HashMap<String, Result<Vec<Referrer>, RemoteError>>,
}

impl Early {
    /// The manifest of that tag or digest.
    pub(super) fn manifest(&mut self, version: &str) -> Option<Result<Manifest, RemoteError>> {
        self.manifests.remove(version)
    }

    /// The configuration of that digest, if it has the size that its manifest says.
    pub(super) fn config(&mut self, digest: &str, size: Option<u64>) -> Option<Vec<u8>> {
        self.configs.remove(digest).filter(|bytes| size.is_none_or(|size| size == bytes.len() as u64))
    }

    /// What refers to the manifest of that digest.
    pub(super) fn referrers(&mut self, digest: &str) -> Option<Result<Vec<Referrer>, RemoteError>> {
        self.referrers.remove(digest)
    }
}

/// A tag, and when its image was made, if that is known.
pub(super) struct Dated {
    pub(super) tag: String,
    pub(super) made: Option<SystemTime>,
}

impl Dated {
    /// Whether it is known to be older than `since`.
    pub(super) fn is_before(&self, since: Option<SystemTime>) -> bool {
        since.zip(self.made).is_some_and(|(since, made)| made < since)
    }
}

/// Bytes of the largest document that is fetched early, of which several are held at a time.
const LARGEST_EARLY: u64 = 1 << 20;

/// Entries of one index, and referrers of one manifest, that are looked at early.
const MOST: usize = 64;

/// Looks at `tags`. Returns them with their dates, newest first and those without one last, and what was fetched.
pub(super) fn look(
    repository: &Repository,
    tags: Vec<String>,
    search: Search<'_>,
    questions: &mut u64,
) -> (Vec<Dated>, Early) {
    let room = AtomicU64::new(search.limits.get(Limit::DocumentBytes).saturating_mul(LARGEST));
    let most = search.limits.get(Limit::DocumentBytes).min(LARGEST_EARLY);
    let mut look = Look { repository, search, most, questions, room, early: Early::default() };
    let roots = look.manifests(&tags);
    let children: BTreeSet<&String> =
        roots.values().flat_map(|seen| &seen.children).map(|(child, _)| child).collect();
    let mut children = look.manifests(&children.into_iter().cloned().collect::<Vec<_>>());
    // What they name in turn is left to who follows it.
    for seen in children.values_mut() {
        seen.children = Vec::new();
    }
    let configs: BTreeSet<&String> =
        roots.values().chain(children.values()).flat_map(|seen| &seen.configs).collect();
    let configs = look.configs(&configs.into_iter().cloned().collect::<Vec<_>>());
    let made = |seen: &Seen| {
        let of_configs = seen.configs.iter().filter_map(|config| *configs.get(config)?);
        of_configs.max().or(seen.made)
    };
    let newest = |seen: &Seen| {
        let of_children = seen.children.iter().filter_map(|(child, _)| made(children.get(child)?));
        of_children.max().or_else(|| made(seen))
    };
    let lacks = |seen: &Seen| {
        seen.digest.is_none() || seen.cut || seen.configs.iter().any(|config| !configs.contains_key(config))
    };
    // Of an image that lacks a part, that may be the newest one: its age is known only if what is there is new enough.
    let known = |seen: &Seen| {
        let mut images = seen.children.iter().filter(|(_, attestation)| !attestation);
        let whole = !lacks(seen) && images.all(|(child, _)| !children.get(child).is_none_or(lacks));
        newest(seen).filter(|made| whole || search.remote.newer_than.is_none_or(|since| *made >= since))
    };
    let date = |tag: String| Dated { made: roots.get(&tag).and_then(known), tag };
    let mut dated: Vec<Dated> = tags.into_iter().map(date).collect();
    newest_first(&mut dated);
    let mut subjects = BTreeSet::new();
    for tag in dated.iter().filter(|dated| !dated.is_before(search.remote.newer_than)) {
        let Some(seen) = roots.get(&tag.tag) else { continue };
        let images = seen.children.iter().filter(|(_, attestation)| !attestation).map(|(child, _)| child);
        subjects.extend(images.chain(&seen.digest).cloned());
    }
    look.referrers(&subjects.into_iter().collect::<Vec<_>>());
    (dated, look.early)
}

/// Those without a date come last; what is alike stays in the order of the registry.
fn newest_first(dated: &mut [Dated]) {
    dated.sort_by_key(|dated| Reverse(dated.made));
}

/// What is remembered of a manifest.
#[derive(Default)]
struct Seen {
    digest: Option<String>,
    /// Manifests that it names and that are wanted, and whether they are attestations.
    children: Vec<(String, bool)>,
    configs: Vec<String>,
    /// Whether it names more than is looked at.
    cut: bool,
    /// When it says itself that it was made.
    made: Option<SystemTime>,
}

impl Seen {
    fn of(manifest: &Manifest, search: Search<'_>) -> Self {
        let all = named(&manifest.bytes);
        let wanted = wanted(search.selection, &all);
        let mut seen = Self { digest: Some(manifest.digest.clone()), ..Self::default() };
        seen.cut = all.len() > MOST;
        // What is no digest may be of any length, and is asked for by nobody.
        for named in all.into_iter().take(MOST).filter(|named| is_digest(&named.digest)) {
            match named.role {
                Role::Manifest if wanted.wants(named.platform.as_ref()) => {
                    seen.children.push((named.digest, named.attestation));
                }
                Role::Config => seen.configs.push(named.digest),
                Role::Manifest | Role::Layer => {}
            }
        }
        seen.made = date(&field(&manifest.bytes, &["annotations", "org.opencontainers.image.created"]));
        seen
    }
}

struct Look<'l> {
    repository: &'l Repository,
    search: Search<'l>,
    /// Bytes of one document.
    most: u64,
    /// How many may still be asked.
    questions: &'l mut u64,
    /// Bytes that may still be held.
    room: AtomicU64,
    early: Early,
}

impl Look<'_> {
    fn manifests(&mut self, versions: &[String]) -> HashMap<String, Seen> {
        let versions = self.allowed(versions);
        let (repository, search, most) = (self.repository, self.search, self.most);
        let found = side_by_side(versions, |version| match manifest(repository, version, most) {
            Ok(Some(manifest)) => {
                let seen = Seen::of(&manifest, search);
                let bytes = manifest.bytes.len();
                (seen, Some(Ok(manifest)).filter(|_| self.has_room(bytes)))
            }
            Ok(None) => (Seen::default(), None),
            Err(error) => (Seen::default(), Some(Err(error))),
        });
        let mut all = HashMap::new();
        for (version, (seen, manifest)) in versions.iter().zip(found) {
            self.early.manifests.extend(manifest.map(|manifest| (version.clone(), manifest)));
            all.insert(version.clone(), seen);
        }
        all
    }

    /// When the images of configurations were made; without those that cannot be had.
    fn configs(&mut self, digests: &[String]) -> HashMap<String, Option<SystemTime>> {
        let digests = self.allowed(digests);
        let found = side_by_side(digests, |digest| {
            let path = format!("blobs/{digest}");
            // What cannot be had is told when it is asked for again.
            let (bytes, _) =
                document(self.repository, &Query::get(&path, "*/*"), self.most).ok().flatten()?;
            let kept = !bytes.is_empty() && self.has_room(bytes.len());
            Some((date(&field(&bytes, &["created"])), kept.then_some(bytes)))
        });
        let mut all = HashMap::new();
        for (digest, (made, bytes)) in
            digests.iter().zip(found).filter_map(|(digest, found)| Some((digest, found?)))
        {
            self.early.configs.extend(bytes.map(|bytes| (digest.clone(), bytes)));
            all.insert(digest.clone(), made);
        }
        all
    }

    fn referrers(&mut self, digests: &[String]) {
        let digests = self.allowed(digests);
        let limits: Limits = self.search.limits.clone().with(Limit::DocumentBytes, self.most);
        let found = side_by_side(digests, |digest| match referrers(self.repository, digest, &limits) {
            Ok(found) => Some(Ok(found)).filter(|found: &Result<Vec<_>, _>| {
                found.as_ref().is_ok_and(|all| all.len() <= MOST && self.has_room(all.len() * BYTES))
            }),
            // It may have been too large only for what is asked early.
            Err(error) if error.fault() == RemoteFault::Final => None,
            Err(error) => Some(Err(error)),
        });
        for (digest, found) in digests.iter().zip(found) {
            self.early.referrers.extend(found.map(|found| (digest.clone(), found)));
        }
    }

    /// As many as may be asked for.
    fn allowed<'d>(&mut self, all: &'d [String]) -> &'d [String] {
        let most = usize::try_from(*self.questions).unwrap_or(usize::MAX).min(all.len());
        *self.questions -= most as u64;
        &all[..most]
    }

    fn has_room(&self, bytes: usize) -> bool {
        let left = |room: u64| room.checked_sub(bytes as u64);
        self.room.fetch_update(Ordering::AcqRel, Ordering::Acquire, left).is_ok()
    }
}

/// Bytes that a referrer takes, about.
const BYTES: usize = 512;

/// What `ask` says of each of `items`, in their order, asked by several threads.
fn side_by_side<T: Send>(items: &[String], ask: impl Fn(&str) -> T + Sync) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(at) else { return done };
            done.push((at, ask(item)));
        }
    };
    let mut done: Vec<(usize, T)> = thread::scope(|scope| {
        // The last of them is this thread, which needs nobody's leave.
        let more = super::AT_ONCE.min(items.len()).saturating_sub(1);
        let started = |_| thread::Builder::new().spawn_scoped(scope, work).ok();
        let threads: Vec<_> = (0..more).filter_map(started).collect();
        let mut done = work();
        for thread in threads {
            done.extend(thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        done
    });
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, answer)| answer).collect()
}

/// The value that stands below these keys of a document, and nothing else of it.
fn field(document: &[u8], keys: &[&str]) -> Value {
    let mut value = prune(document, keys).map(|document| document.value).unwrap_or_default();
    keys.iter().fold(&mut value, |value, key| &mut value[*key]).take()
}

/// The time that `value` names (RFC 3339). Builds that are to give the same image each time write one long past, which says
/// nothing.
fn date(value: &Value) -> Option<SystemTime> {
    let since = Duration::try_from(value.as_str()?.parse::<Timestamp>().ok()?.as_duration()).ok()?;
    (since >= LONG_PAST).then(|| UNIX_EPOCH + since)
}

/// A date of [`Dated`] for people.
pub(super) fn shown(time: SystemTime) -> String {
    Timestamp::try_from(time).map_or_else(|_| "that".to_owned(), |time| format!("{time:.0}"))
}

/// From 1970 to 1981: before containers, and behind the dates that tools write in the place of one.
const LONG_PAST: Duration = Duration::from_secs(11 * 365 * 24 * 60 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_that_stand_for_none_are_none() {
        for text in ["1970-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "1980-01-01T00:00:01Z", "yesterday", ""]
        {
            assert_eq!(date(&Value::from(text)), None, "{text}");
        }
        let made = date(&Value::from("2024-02-29T12:00:00.5+02:00")).unwrap();
        assert_eq!(made.duration_since(UNIX_EPOCH).unwrap().as_secs(), 1_709_200_800);
        assert_eq!(date(&Value::Null), None);
    }

    #[test]
    fn the_newest_comes_first_and_what_has_no_date_last() {
        let dated = |tag: &str, day: &str| Dated { tag: tag.to_owned(), made: date(&Value::from(day)) };
        let mut all = vec![
            dated("none", ""),
            dated("old", "2024-01-01T00:00:00Z"),
            dated("new", "2025-01-01T00:00:00Z"),
            dated("as new", "2025-01-01T00:00:00Z"),
            dated("epoch", "1970-01-01T00:00:00Z"),
        ];
        newest_first(&mut all);
        let tags: Vec<&str> = all.iter().map(|dated| dated.tag.as_str()).collect();
        assert_eq!(tags, ["new", "as new", "old", "none", "epoch"]);
        let since = date(&Value::from("2024-06-01T00:00:00Z"));
        let left: Vec<bool> = all.iter().map(|dated| dated.is_before(since)).collect();
        assert_eq!(left, [false, false, true, false, false]);
    }

    #[test]
    fn every_item_is_asked_for_once_and_answers_stay_in_order() {
        for count in [0, 1, 5, 100] {
            let items: Vec<String> = (0..count).map(|number| number.to_string()).collect();
            let asked = AtomicUsize::new(0);
            let answers = side_by_side(&items, |item| {
                asked.fetch_add(1, Ordering::Relaxed);
                item.to_owned()
            });
            assert_eq!((answers, asked.into_inner()), (items, count));
        }
    }
}
