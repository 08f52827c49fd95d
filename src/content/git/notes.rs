//! What the objects of a repository say of each other, gathered from files of which each is read by itself.
//!
//! A blob that stands alone knows neither its path nor its commit: that is in other files. So whoever reads a commit or a
//! tree notes what it says, and when all files were read [`Repository::origins`] knows what the blobs were. A pack says of
//! what it has no object itself where that lay: of a clone that fetches the content later, that is in another pack.

use std::collections::HashMap;
use std::num::NonZeroU64;
use std::rc::Rc;

use super::history::{History, Origin};
use super::object::{Commit, Hash, Id};

/// What one object says of others.
#[derive(Debug, Clone)]
pub struct Note {
    /// The object's name; of a place that of the commit.
    id: Id,
    says: Says,
}

#[derive(Debug, Clone)]
enum Says {
    Commit(Commit),
    /// The content of a tree, as much of it as was kept.
    Tree(Vec<u8>),
    /// That the object was first there, by a pack that does not have it. Of its name only the key is known.
    Place(NonZeroU64, Box<[u8]>),
}

/// What a note takes besides its content, with its row in a map.
const NOTE: usize = size_of::<Note>() + 64;

impl Note {
    pub(super) fn commit(id: Id, commit: Commit) -> Self {
        Self { id, says: Says::Commit(commit) }
    }

    pub(super) fn tree(id: Id, content: Vec<u8>) -> Self {
        Self { id, says: Says::Tree(content) }
    }

    pub(super) fn place(key: NonZeroU64, origin: Origin) -> Self {
        Self { id: origin.commit, says: Says::Place(key, origin.path.into()) }
    }

    /// Bytes that it takes.
    pub(crate) fn bytes(&self) -> usize {
        NOTE + match &self.says {
            Says::Commit(commit) => commit.parents.len() * size_of::<Id>(),
            Says::Tree(content) => content.len(),
            Says::Place(_, path) => path.len(),
        }
    }
}

/// The notes of one repository.
#[derive(Debug, Default)]
pub(crate) struct Repository {
    notes: Vec<Note>,
}

impl Repository {
    pub(crate) fn take(&mut self, note: Note) {
        self.notes.push(note);
    }

    /// What the notes come to, in `room` bytes of memory.
    pub(crate) fn origins(self, room: usize) -> Origins {
        let mut history = History::new(room);
        let hash = self.notes.first().map_or(Hash::Sha1, |note| note.id.hash());
        let (mut trees, mut places) = (HashMap::new(), HashMap::new());
        for note in self.notes {
            match note.says {
                Says::Commit(commit) => history.add(note.id, &commit),
                Says::Tree(content) => drop(trees.insert(note.id.key().get(), content)),
                Says::Place(key, path) => drop(places.entry(key.get()).or_insert((note.id, path))),
            }
        }
        history.walk(hash, &mut |key| trees.remove(&key).map(Rc::new));
        Origins { history, places }
    }
}

impl IntoIterator for Repository {
    type Item = Note;
    type IntoIter = std::vec::IntoIter<Note>;

    fn into_iter(self) -> Self::IntoIter {
        self.notes.into_iter()
    }
}

/// Where the objects of a repository were first.
pub(crate) struct Origins {
    history: History,
    /// Where packs say that objects were which they do not have.
    places: HashMap<u64, (Id, Box<[u8]>)>,
}

/// Where one object was first. They are ordered by age, the oldest first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version {
    age: usize,
    /// The commit, as git shows it.
    pub(crate) commit: String,
    pub(crate) path: Vec<u8>,
}

impl Origins {
    /// Where the object with the name `id` was first, if a commit leads to it.
    pub(crate) fn version(&self, id: &str) -> Option<Version> {
        let key = Id::of_hex(id.as_bytes())?.key().get();
        // What a pack knows is older than what came after it was made.
        if let Some((commit, path)) = self.places.get(&key) {
            return Some(Version { age: 0, commit: commit.hex(), path: path.to_vec() });
        }
        let Origin { commit, age, path } = self.history.origin(key)?;
        Some(Version { age: age + 1, commit: commit.hex(), path })
    }

    /// Whether there was no room for all.
    pub(crate) fn incomplete(&self) -> bool {
        self.history.is_full()
    }
}

/// The folder of the repository in which the file `path` keeps objects, one or a pack of them.
pub(crate) fn repository(path: &str) -> Option<&str> {
    let (folder, _file) = path.rsplit_once('/')?;
    let (objects, folder) = folder.rsplit_once('/').unwrap_or(("", folder));
    let keeps = folder == "pack" || folder.len() == 2 && folder.bytes().all(|byte| byte.is_ascii_hexdigit());
    if objects == "objects" {
        return keeps.then_some("");
    }
    objects.strip_suffix("/objects").filter(|_| keeps)
}

#[cfg(test)]
mod tests {
    use super::super::object::Kind;
    use super::*;

    #[test]
    fn a_file_of_objects_is_one_of_its_repository() {
        for (path, folder) in [
            ("app/.git/objects/ab/cdef", Some("app/.git")),
            ("srv/a.git/objects/pack/pack-1.pack", Some("srv/a.git")),
            ("objects/ab/cdef", Some("")),
            ("app/objects/abc/def", None),
            ("app/.git/xobjects/ab/cdef", None),
            ("ab/cdef", None),
            ("cdef", None),
        ] {
            assert_eq!(repository(path), folder, "{path}");
        }
    }

    #[test]
    fn an_object_has_the_oldest_commit_and_its_path_in_any_order_of_notes() {
        let blob = Hash::Sha1.name(Kind::Blob, b"text");
        let tree = |mode: &str, name: &str, id: &Id| {
            let content = [format!("{mode} {name}\0").as_bytes(), id.raw()].concat();
            (Hash::Sha1.name(Kind::Tree, &content), content)
        };
        let (folder, in_folder) = tree("100644", "b.env", &blob);
        let (root, in_root) = tree("40000", "a", &folder);
        let commit = |time, parents: &[Id]| Commit { tree: root, parents: parents.to_vec(), time };
        let (first, second) = (Hash::Sha1.name(Kind::Commit, b"1"), Hash::Sha1.name(Kind::Commit, b"2"));
        let mut notes = [
            Note::commit(second, commit(1, &[first])),
            Note::tree(root, in_root),
            Note::commit(first, commit(5, &[])),
            Note::tree(folder, in_folder),
        ];
        for _ in 0..notes.len() {
            notes.rotate_left(1);
            let mut repository = Repository::default();
            for note in &notes {
                repository.take(note.clone());
            }
            let origins = repository.origins(1 << 20);
            let version = origins.version(&blob.hex()).unwrap();
            assert_eq!((version.commit, &version.path[..]), (first.hex(), &b"a/b.env"[..]));
            assert_eq!((origins.version(&first.hex()), origins.incomplete()), (None, false));
        }
        let mut repository = Repository::default();
        for note in &notes {
            repository.take(note.clone());
        }
        assert!(repository.origins(100).incomplete());
    }
}
