//! Which formats a path may be of: the paths of all rows of the table at once, since every file of an image is asked.

use std::collections::HashMap;
use std::sync::OnceLock;

use super::notation::fits;
use super::{Structure, structures};

/// Longest name of a file that is looked at.
const LONGEST: usize = 255;

/// The rows that a file of this path may be of, in the order of the table.
pub fn wanting(path: &[u8]) -> Vec<&'static Structure> {
    let (folder, name) = match path.iter().rposition(|byte| *byte == b'/') {
        Some(slash) => (&path[..slash], &path[slash + 1..]),
        None => (&[][..], path),
    };
    let mut buffer = [0; LONGEST];
    let Some(lower) = buffer.get_mut(..name.len()) else { return Vec::new() };
    lower.copy_from_slice(name);
    lower.make_ascii_lowercase();
    let lower = &*lower;
    let index = index();
    let extension = lower.iter().rposition(|byte| *byte == b'.').map_or(lower, |dot| &lower[dot..]);
    let named = index.names.get(lower).into_iter().chain(index.extensions.get(extension)).flatten();
    let others = index.others.iter().filter(|wish| wish.fits_name(lower));
    let mut rows: Vec<usize> =
        named.chain(others).filter(|wish| wish.fits_folder(folder)).map(|wish| wish.row).collect();
    rows.sort_unstable();
    rows.dedup();
    rows.into_iter().map(|row| index.rows[row]).collect()
}

/// One of the paths of a row.
#[derive(Debug)]
struct Wish {
    row: usize,
    /// The folders that the file must lie in, outermost first.
    folders: &'static str,
    /// What the name begins with, and ends with.
    head: &'static str,
    tail: Option<&'static str>,
}

impl Wish {
    fn new(row: usize, path: &'static str) -> Self {
        let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
        let (head, tail) = match name.split_once('*') {
            Some((head, tail)) => (head, Some(tail)),
            None => (name, None),
        };
        Self { row, folders, head, tail }
    }

    fn fits_name(&self, name: &[u8]) -> bool {
        match self.tail {
            None => name == self.head.as_bytes(),
            Some(tail) => {
                name.len() >= self.head.len() + tail.len()
                    && name.starts_with(self.head.as_bytes())
                    && name.ends_with(tail.as_bytes())
            }
        }
    }

    fn fits_folder(&self, folder: &[u8]) -> bool {
        let mut parts = folder.rsplit(|byte| *byte == b'/');
        let mut wanted = self.folders.rsplit('/').filter(|part| !part.is_empty());
        wanted.all(|wanted| parts.next().is_some_and(|part| !part.is_empty() && fits(part, wanted)))
    }
}

/// The paths of all rows, by what is quick to look up.
#[derive(Debug, Default)]
struct Index {
    names: HashMap<&'static [u8], Vec<Wish>>,
    /// Of `*.end`: `.end`.
    extensions: HashMap<&'static [u8], Vec<Wish>>,
    others: Vec<Wish>,
    rows: Vec<&'static Structure>,
}

fn index() -> &'static Index {
    static INDEX: OnceLock<Index> = OnceLock::new();
    INDEX.get_or_init(|| {
        let mut index = Index { rows: structures().collect(), ..Index::default() };
        let paths = structures().enumerate().flat_map(|(row, s)| s.paths.iter().map(move |p| (row, *p)));
        for (row, path) in paths {
            let wish = Wish::new(row, path);
            match wish.tail {
                None => index.names.entry(wish.head.as_bytes()).or_default().push(wish),
                Some(tail) if wish.head.is_empty() && tail.rfind('.') == Some(0) => {
                    index.extensions.entry(tail.as_bytes()).or_default().push(wish);
                }
                Some(_) => index.others.push(wish),
            }
        }
        index
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_ends_with_whole_parts() {
        let wish = Wish::new(0, ".docker/config.json");
        let fits =
            |folder: &str, name: &str| wish.fits_folder(folder.as_bytes()) && wish.fits_name(name.as_bytes());
        assert!(fits("root/.docker", "config.json"));
        assert!(fits(".Docker", "config.json"));
        assert!(!fits("root/x.docker", "config.json"));
        assert!(!fits("", "config.json"));
        assert!(!fits("root/.docker", "my-config.json"));
    }

    #[test]
    fn a_star_stands_for_anything_in_one_part() {
        let wish = Wish::new(0, "a/*/b*.json");
        assert!(wish.fits_folder(b"x/a/any") && wish.fits_name(b"b.json") && wish.fits_name(b"b-1.json"));
        assert!(!wish.fits_folder(b"a") && !wish.fits_folder(b"a/x/y") && !wish.fits_name(b"b.jso"));
        assert!(!Wish::new(0, "ab*ba").fits_name(b"aba"));
    }

    #[test]
    fn every_path_of_the_table_is_in_lower_case_and_leads_to_its_row() {
        for row in structures() {
            for path in row.paths {
                assert_eq!(*path, path.to_ascii_lowercase(), "{}", row.name);
                let example = path.replace('*', "x");
                for example in [example.clone(), format!("home/u/{}", example.to_ascii_uppercase())] {
                    assert!(wanting(example.as_bytes()).contains(&row), "{example} of {}", row.name);
                }
            }
        }
        assert!(wanting(b"usr/bin/ls").is_empty() && wanting(b"").is_empty() && wanting(b"/").is_empty());
    }
}
