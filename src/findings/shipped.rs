//! Which files a public package shipped, judged from the package lists of the layers: what stands in them unchanged is no
//! leak of this image.
//!
//! Three kinds of evidence count, the surest first.
//!
//! 1. **The content is listed.** A list of any layer has the digest of the file's content, for its path or for one that ends
//!    in the same three parts, as in a copy of a tree. If instead a list has another digest for the file's path, somebody
//!    changed it. A content that is listed for quite another path was put here by somebody who may use it.
//! 2. **The list was written with the file.** A list without a digest for the file (or the file is too large for one), or a
//!    package's folder, counts if the layer that has the file has the list as well: what a later step changed stands in
//!    another layer, and its list does not.
//! 3. **The source was shipped.** A compiled file belongs to whom its source belongs.
//!
//! Packages that did not come from a public registry excuse nothing. Nor do the lists of a layer, if what they say of that
//! was too much to keep.

use std::collections::{HashMap, HashSet};
use std::num::NonZeroU32;

use crate::packages::{AskedPath, Folder, Head, Heads, Lists, Origin, PackageId};
use crate::stream::{Effect, PathIndex};

/// What a layer has to say about files.
#[derive(Debug, Clone, Copy)]
pub struct LayerLists<'l> {
    /// What it does to paths.
    pub paths: &'l PathIndex,
    /// What its package lists say.
    pub lists: &'l Lists,
}

/// A file that is asked for.
#[derive(Debug, Clone)]
pub struct File<'f> {
    /// Position of its layer, 0 = the lowest.
    pub layer: usize,
    /// Clean path.
    pub path: AskedPath<'f>,
    /// The digests of its content, unless it is too large for that.
    pub content: Option<Heads>,
}

/// For every file the package that shipped it as it is, for people. `layers` are those of one image, from the lowest up; none
/// where a layer is missing.
pub fn shipped_by(layers: &[Option<LayerLists<'_>>], files: &[File<'_>]) -> Vec<Option<String>> {
    let sources = sources(layers, files);
    let asked: Vec<&File<'_>> = files.iter().chain(sources.iter().flatten()).collect();
    let claims = Claims::gather(layers, &asked);
    let by_place: HashMap<(usize, u64), &File<'_>> =
        files.iter().map(|file| ((file.layer, file.path.key()), file)).collect();
    let package = |file: &File<'_>, source: &Option<File<'_>>| {
        let verdict = claims.verdict(file);
        let Some(source) = source.as_ref().filter(|_| verdict == Verdict::Unknown) else { return verdict };
        // What is known of the source's own content counts here too.
        claims.verdict(by_place.get(&(source.layer, source.path.key())).copied().unwrap_or(source))
    };
    let name = |verdict| match verdict {
        Verdict::Shipped(Claim(layer, package)) => {
            Some(layers.get(layer)?.as_ref()?.lists.name(package).to_owned())
        }
        Verdict::Changed | Verdict::Unknown => None,
    };
    files.iter().zip(&sources).map(|(file, source)| name(package(file, source))).collect()
}

/// For every compiled file the source that it was made of, as it was in the highest layer that wrote it until then.
fn sources<'f>(layers: &[Option<LayerLists<'_>>], files: &[File<'f>]) -> Vec<Option<File<'f>>> {
    let paths: Vec<Option<AskedPath<'f>>> = files.iter().map(|file| file.path.source()).collect();
    let mut writers: HashMap<u64, Vec<usize>> =
        paths.iter().flatten().map(|path| (path.key(), Vec::new())).collect();
    let read = if writers.is_empty() { &[] } else { layers };
    for (at, layer) in read.iter().enumerate() {
        for (_, path, effect) in layer.iter().flat_map(|layer| layer.paths.effects()) {
            if let Some(found) = writers.get_mut(&path)
                && effect == Effect::Replace
                && found.last() != Some(&at)
            {
                found.push(at);
            }
        }
    }
    let source = |(file, path): (&File<'f>, Option<AskedPath<'f>>)| {
        let path = path?;
        let until = &writers.get(&path.key())?;
        let layer = *until[..until.partition_point(|layer| *layer <= file.layer)].last()?;
        Some(File { layer, path, content: None })
    };
    files.iter().zip(paths).map(source).collect()
}

/// The whole path of a listed file, or the end of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Place {
    Path(u64),
    Tail(NonZeroU32),
}

impl File<'_> {
    /// What a list may call its content.
    fn names(&self) -> impl Iterator<Item = (Head, Place)> + use<> {
        let places = [Some(Place::Path(self.path.listed())), self.path.tail().map(Place::Tail)];
        let heads = self.content.into_iter().flatten();
        heads.flat_map(move |head| places.into_iter().flatten().map(move |place| (head, place)))
    }
}

/// A package of a layer's lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Claim(usize, PackageId);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Shipped(Claim),
    Changed,
    Unknown,
}

/// Everything that the lists say about the files that are asked for, in tables that no list can make slow.
#[derive(Default)]
struct Claims {
    /// By digest and path, or the end of a path.
    contents: HashMap<(Head, Place), Claim>,
    /// By path and layer.
    paths: HashMap<(u64, usize), Claim>,
    /// Paths for which some list has a digest.
    digested: HashSet<u64>,
    /// By path.
    folders: HashMap<u64, FolderClaims>,
    /// Folders with packages of which some list names every one.
    complete: HashSet<u64>,
}

/// What is said of one folder.
#[derive(Default)]
struct FolderClaims {
    /// The package itself, by the layer that has it.
    manifests: HashMap<usize, PackageId>,
    in_list: bool,
    public: bool,
    private: bool,
}

impl Claims {
    /// One pass over all lists.
    fn gather(layers: &[Option<LayerLists<'_>>], files: &[&File<'_>]) -> Self {
        let lists = || layers.iter().enumerate().filter_map(|(at, layer)| Some((at, layer.as_ref()?.lists)));
        let disowned: HashSet<u64> = lists().flat_map(|(_, lists)| lists.disowned()).copied().collect();
        let wanted: HashSet<(Head, Place)> = files.iter().flat_map(|file| file.names()).collect();
        let paths: HashSet<u64> = files.iter().map(|file| file.path.listed()).collect();
        let folders: HashSet<u64> = files.iter().flat_map(|file| file.path.folders()).collect();
        let mut claims = Self::default();
        for (layer, lists) in lists() {
            for file in lists.files().iter().filter(|_| !lists.lost()) {
                let places = [Some(Place::Path(file.path)), file.tail.map(Place::Tail)].into_iter().flatten();
                let contents =
                    file.content.into_iter().flat_map(|head| places.clone().map(move |place| (head, place)));
                let mut contents = contents.filter(|name| wanted.contains(name)).peekable();
                let named = paths.contains(&file.path);
                if (contents.peek().is_none() && !named) || disowned.contains(&lists.home(file.package)) {
                    continue;
                }
                let claim = Claim(layer, file.package);
                for name in contents {
                    claims.contents.entry(name).or_insert(claim);
                }
                if named {
                    claims.paths.entry((file.path, layer)).or_insert(claim);
                    claims.digested.extend(file.content.map(|_| file.path));
                }
            }
            let counts = |folder: &&Folder| folder.origin == Origin::Private || !lists.lost();
            let of_files = lists.folders().iter().filter(|folder| folders.contains(&folder.path));
            for folder in of_files.filter(counts) {
                claims.folders.entry(folder.path).or_default().add(layer, folder);
            }
            claims.complete.extend(lists.complete().iter().filter(|folder| folders.contains(folder)));
        }
        claims
    }

    fn verdict(&self, file: &File<'_>) -> Verdict {
        let path = file.path.listed();
        if let Some(claim) = file.names().find_map(|name| self.contents.get(&name)) {
            return Verdict::Shipped(*claim);
        }
        if file.content.is_some() && self.digested.contains(&path) {
            return Verdict::Changed;
        }
        match self.paths.get(&(path, file.layer)) {
            Some(claim) => Verdict::Shipped(*claim),
            None if file.path.is_never_packed() => Verdict::Unknown,
            None => self.in_folder(file).map_or(Verdict::Unknown, Verdict::Shipped),
        }
    }

    /// By the innermost folder around the file that any list speaks of.
    fn in_folder(&self, file: &File<'_>) -> Option<Claim> {
        let folders = file.path.folders();
        let mut around = folders.iter();
        let said = around.find_map(|folder| self.folders.get(folder))?;
        let package = *said.manifests.get(&file.layer)?;
        let mut all_listed = || around.any(|folder| self.complete.contains(folder));
        let public = said.public && !said.private && (said.in_list || !all_listed());
        public.then_some(Claim(file.layer, package))
    }
}

impl FolderClaims {
    fn add(&mut self, layer: usize, folder: &Folder) {
        if folder.in_list {
            self.in_list = true;
        } else {
            self.manifests.entry(layer).or_insert(folder.package);
        }
        self.public |= folder.origin == Origin::Public;
        self.private |= folder.origin == Origin::Private;
    }
}

#[cfg(test)]
mod tests;
