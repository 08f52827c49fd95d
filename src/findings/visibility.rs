//! What became of a file in the layers above it: a replay of whiteouts and replacements from the layers' path indexes.
//!
//! Rules of OCI image-spec, layer.md: a whiteout hides what lower layers have at its path, whatever its place in its own
//! layer; an opaque whiteout hides all that lower layers have in its directory; an entry replaces what is at its path,
//! unless both are directories, and with it all that was below. Content with several names, by hard links, is visible
//! as long as one of them is.

use std::collections::HashMap;

use super::State;
use crate::stream::{Effect, Link, PathIndex, ancestors, key};

/// A file whose fate is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Query {
    /// Position of its layer, 0 = the lowest.
    pub layer: usize,
    /// Clean path, as people see it.
    pub path: Vec<u8>,
    /// See [`ancestors`]: those of the path, if `path` is not all of it.
    pub keys: Option<Vec<u64>>,
    /// Ordinal of its entry in the layer.
    pub ordinal: u64,
}

impl Query {
    fn key(&self) -> u64 {
        known(&self.path, self.keys.as_deref())
    }
}

/// The key of a path, which is the first of `keys` if there are any.
fn known(path: &[u8], keys: Option<&[u64]>) -> u64 {
    keys.and_then(|keys| keys.first().copied()).unwrap_or_else(|| key(path))
}

/// The fate of one name of a file's content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fate {
    /// The name: the path that was asked for, or a hard link to it.
    pub path: Vec<u8>,
    /// What became of it.
    pub state: State,
    /// Position of the layer that hid it.
    pub by: Option<usize>,
}

/// Names that hard links give to one file, beyond which they are not followed.
const MAX_NAMES: usize = 64;

/// The fate of every file asked for, in the order of the queries; for each first the name that was asked for, then
/// those that hard links gave it. `layers` are the path indexes from the lowest layer up; none where a layer is missing.
pub fn fates(layers: &[Option<&PathIndex>], queries: &[Query]) -> Vec<Vec<Fate>> {
    let mut names: Vec<(usize, Query)> = queries.iter().cloned().enumerate().collect();
    let by_target: Vec<HashMap<u64, Vec<&Link>>> = layers.iter().map(|index| by_target(*index)).collect();
    for (index, query) in queries.iter().enumerate() {
        let links = by_target.get(query.layer).map(|links| linked(links, query)).unwrap_or_default();
        names.extend(links.into_iter().map(|name| (index, name)));
    }
    let mut watched: HashMap<u64, Vec<(usize, bool)>> = HashMap::new();
    for (number, (_, name)) in names.iter().enumerate() {
        let keys = name.keys.clone().unwrap_or_else(|| ancestors(&name.path).collect());
        for (above, key) in keys.into_iter().enumerate() {
            watched.entry(key).or_default().push((number, above == 0));
        }
    }
    let mut fates: Vec<Option<(State, usize)>> = vec![None; names.len()];
    for (position, index) in layers.iter().enumerate() {
        let Some(index) = index else { continue };
        let mut here: HashMap<usize, State> = HashMap::new();
        for (ordinal, path, effect) in index.effects() {
            for (number, own) in watched.get(&path).into_iter().flatten() {
                let name = &names[*number].1;
                let later = position > name.layer || position == name.layer && ordinal > name.ordinal;
                let lower = position > name.layer;
                let state = match effect {
                    Effect::Replace if later => State::Overwritten,
                    Effect::Directory if later && *own => State::Overwritten,
                    Effect::Whiteout if lower => State::Deleted,
                    Effect::Opaque if lower && !*own => State::Deleted,
                    _ => continue,
                };
                // A path that is whited out and written again in one layer holds something new.
                here.entry(*number).and_modify(|known| *known = (*known).max(state)).or_insert(state);
            }
        }
        for (number, state) in here {
            fates[number].get_or_insert((state, position));
        }
    }
    let mut out: Vec<Vec<Fate>> = queries.iter().map(|_| Vec::new()).collect();
    for ((query, name), fate) in names.into_iter().zip(fates) {
        let (state, by) = fate.map_or((State::Visible, None), |(state, by)| (state, Some(by)));
        out[query].push(Fate { path: name.path, state, by });
    }
    out
}

/// The hard links of a layer, by the key of the path that they name.
fn by_target(index: Option<&PathIndex>) -> HashMap<u64, Vec<&Link>> {
    let mut links: HashMap<u64, Vec<&Link>> = HashMap::new();
    for link in index.map(PathIndex::links).unwrap_or_default() {
        links.entry(link.target).or_default().push(link);
    }
    links
}

/// The names that hard links give to the content of `query`, directly or through each other.
fn linked(links: &HashMap<u64, Vec<&Link>>, query: &Query) -> Vec<Query> {
    let mut names = vec![query.clone()];
    let mut next = 0;
    while next < names.len() && names.len() < MAX_NAMES {
        let name = names[next].clone();
        let same = links.get(&name.key()).map(Vec::as_slice).unwrap_or_default();
        // A link names what stands at its target before it.
        let later = &same[same.partition_point(|link| link.ordinal <= name.ordinal)..];
        for link in later.iter().take(MAX_NAMES) {
            let key = known(&link.path, link.keys.as_deref());
            if names.len() < MAX_NAMES && names.iter().all(|name| name.key() != key) {
                let (path, keys) = (link.path.clone(), link.keys.clone());
                names.push(Query { layer: name.layer, path, keys, ordinal: link.ordinal });
            }
        }
        next += 1;
    }
    names.split_off(1)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::stream::header::{Kind, Member};

    /// A layer from words: `f:path`, `d:path`, `w:path`, `o:path`, `s:path`, `h:path>target`.
    fn layer(words: &str) -> PathIndex {
        let mut index = PathIndex::default();
        for word in words.split_whitespace() {
            index.add(&member(word), usize::MAX);
        }
        index
    }

    fn member(word: &str) -> Member {
        let (kind, path) = word.split_once(':').unwrap();
        let (path, link) = path.split_once('>').unwrap_or((path, ""));
        let whiteout = |name: &str| match path.rsplit_once('/') {
            Some((parent, last)) => format!("{parent}/{}", name.replace("{}", last)),
            None => name.replace("{}", path),
        };
        let (kind, path) = match kind {
            "f" => (Kind::File, path.to_owned()),
            "d" => (Kind::Directory, path.to_owned()),
            "s" => (Kind::Symlink, path.to_owned()),
            "h" => (Kind::Hardlink, path.to_owned()),
            "w" => (Kind::File, whiteout(".wh.{}")),
            _ => (Kind::File, format!("{path}/.wh..wh..opq").trim_start_matches('/').to_owned()),
        };
        let (path, link) = (path.into_bytes(), link.as_bytes().to_vec());
        Member { path, kind, size: 0, link, records: BTreeMap::new(), long: false }
    }

    fn fate(layers: &[&str], path: &str) -> Vec<(String, State, Option<usize>)> {
        let layers: Vec<PathIndex> = layers.iter().map(|words| layer(words)).collect();
        let layers: Vec<Option<&PathIndex>> = layers.iter().map(Some).collect();
        let query = Query { layer: 0, path: path.as_bytes().to_vec(), keys: None, ordinal: 0 };
        let fates = fates(&layers, &[query]).remove(0);
        fates.into_iter().map(|f| (String::from_utf8(f.path).unwrap(), f.state, f.by)).collect()
    }

    fn only(layers: &[&str], path: &str) -> (State, Option<usize>) {
        let (_, state, by) = fate(layers, path).remove(0);
        (state, by)
    }

    #[test]
    fn every_way_of_hiding_a_file_is_told() {
        use State::{Deleted, Overwritten, Visible};
        for (above, expected) in [
            (vec!["f:other"], (Visible, None)),
            (vec!["w:a/b/c"], (Deleted, Some(1))),
            (vec!["w:a/b"], (Deleted, Some(1))),
            (vec!["o:a/b"], (Deleted, Some(1))),
            (vec!["o:a"], (Deleted, Some(1))),
            (vec!["o:"], (Deleted, Some(1))),
            (vec!["o:a/b/c"], (Visible, None)),
            (vec!["f:a/b/c"], (Overwritten, Some(1))),
            (vec!["d:a/b/c"], (Overwritten, Some(1))),
            (vec!["d:a/b"], (Visible, None)),
            (vec!["f:a/b"], (Overwritten, Some(1))),
            (vec!["s:a"], (Overwritten, Some(1))),
            (vec!["f:x", "w:a"], (Deleted, Some(2))),
            (vec!["w:a", "f:a/b/c"], (Deleted, Some(1))),
            (vec!["f:a/b/c w:a/b/c"], (Overwritten, Some(1))),
            (vec!["f:a/b/d w:a/b/c"], (Deleted, Some(1))),
        ] {
            let layers: Vec<&str> = std::iter::once("f:a/b/c").chain(above.iter().copied()).collect();
            assert_eq!(only(&layers, "a/b/c"), expected, "{above:?}");
        }
    }

    #[test]
    fn a_whiteout_does_not_touch_its_own_layer() {
        assert_eq!(only(&["f:a w:a o:"], "a"), (State::Visible, None));
        assert_eq!(only(&["f:a f:a"], "a"), (State::Overwritten, Some(0)));
    }

    #[test]
    fn a_name_that_is_not_kept_is_followed_like_any_other() {
        let words = ["f:a/x h:b/y>a/x h:c/z>b/y", "w:a/x", "w:b"];
        let indexes = |hide: bool| -> Vec<PathIndex> {
            let mut layers = words.map(layer);
            layers[0].hide_links(|path| (hide && path == b"b/y").then(|| b"b/[redacted]".to_vec()));
            layers.into()
        };
        let (plain, hidden) = (indexes(false), indexes(true));
        let of = |layers: &[PathIndex]| {
            let layers: Vec<Option<&PathIndex>> = layers.iter().map(Some).collect();
            fates(&layers, &[Query { layer: 0, path: b"a/x".to_vec(), keys: None, ordinal: 0 }]).remove(0)
        };
        let told = |fates: &[Fate]| fates.iter().map(|fate| (fate.state, fate.by)).collect::<Vec<_>>();
        assert_eq!(told(&of(&plain)), told(&of(&hidden)));
        assert_eq!(of(&hidden)[1].path, b"b/[redacted]");
    }

    #[test]
    fn a_hard_link_keeps_the_content_visible() {
        let fates = fate(&["f:a/x h:b/y>a/x h:c/z>b/y", "w:a/x", "w:b"], "a/x");
        let states: Vec<_> = fates.iter().map(|(path, state, by)| (path.as_str(), *state, *by)).collect();
        assert_eq!(
            states,
            [
                ("a/x", State::Deleted, Some(1)),
                ("b/y", State::Deleted, Some(2)),
                ("c/z", State::Visible, None)
            ]
        );
    }

    /// The merged tree, layer by layer, as an engine would make it: path to (layer, entry) of files; directories too.
    fn replay(layers: &[Vec<String>]) -> BTreeMap<String, Option<(usize, usize)>> {
        let mut tree: BTreeMap<String, Option<(usize, usize)>> = BTreeMap::new();
        let below = |path: &str, dir: &str| dir.is_empty() || path.starts_with(&format!("{dir}/"));
        for (number, words) in layers.iter().enumerate() {
            for word in words {
                let (kind, path) = word.split_once(':').unwrap();
                match kind {
                    "w" => tree.retain(|p, _| p != path && !below(p, path)),
                    "o" => tree.retain(|p, _| !below(p, path)),
                    _ => {}
                }
            }
            for (entry, word) in words.iter().enumerate() {
                let (kind, path) = word.split_once(':').unwrap();
                let is_dir = |tree: &BTreeMap<String, Option<(usize, usize)>>| tree.get(path) == Some(&None);
                match kind {
                    "d" if is_dir(&tree) => {}
                    "d" => {
                        tree.insert(path.into(), None);
                    }
                    "f" => {
                        tree.retain(|p, _| !below(p, path));
                        tree.insert(path.into(), Some((number, entry)));
                    }
                    _ => {}
                }
            }
        }
        tree
    }

    /// Entries whose parents are files of the same layer are no layer that any tool writes: left out.
    fn sane(words: &[String]) -> bool {
        let parts = |word: &String| word.split_once(':').map(|(k, p)| (k.to_owned(), p.to_owned())).unwrap();
        words.iter().enumerate().all(|(at, word)| {
            let (kind, path) = parts(word);
            matches!(kind.as_str(), "w" | "o")
                || !words[..at].iter().any(|other| {
                    let (other_kind, other_path) = parts(other);
                    other_kind == "f" && path.starts_with(&format!("{other_path}/"))
                        || other_path == path && !matches!(other_kind.as_str(), "w" | "o")
                })
        })
    }

    proptest! {
        #[test]
        fn visibility_equals_a_naive_replay(
            layers in proptest::collection::vec(
                proptest::collection::vec("[fdwo]:[ab](/[ab]){0,2}", 0..6), 1..5)
        ) {
            prop_assume!(layers.iter().all(|words| sane(words)));
            let tree = replay(&layers);
            let indexes: Vec<PathIndex> = layers.iter().map(|words| layer(&words.join(" "))).collect();
            let indexes: Vec<Option<&PathIndex>> = indexes.iter().map(Some).collect();
            for (number, words) in layers.iter().enumerate() {
                for (entry, word) in words.iter().enumerate().filter(|(_, word)| word.starts_with("f:")) {
                    let path = &word[2..];
                    let (path_, ordinal) = (path.as_bytes().to_vec(), entry as u64);
                    let query = Query { layer: number, path: path_, keys: None, ordinal };
                    let keys = Some(ancestors(path.as_bytes()).collect());
                    let hidden = Query { path: b"[redacted]".to_vec(), keys, ..query.clone() };
                    let fates = fates(&indexes, &[query, hidden]);
                    prop_assert_eq!((fates[0][0].state, fates[0][0].by), (fates[1][0].state, fates[1][0].by));
                    let visible = fates[0][0].state == State::Visible;
                    let expected = tree.get(path) == Some(&Some((number, entry)));
                    prop_assert_eq!(visible, expected, "{} in layer {}", path, number);
                }
            }
        }
    }
}
