//! Packs that are larger than the room for them.

use std::collections::HashSet;

use super::*;
use crate::digest::Digest;

/// A text of `lines` lines that hardly compresses.
fn noise(seed: usize, lines: usize) -> String {
    let line = |line| Digest::of(format!("{seed} {line}").as_bytes()).to_string();
    (0..lines).map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn of_large_and_small_files_the_small_ones_stay_to_be_built_on() {
    let mut git = Repository::new();
    let small = |file: usize, version: usize| format!("{}\nTOKEN={version}\n", noise(1000 + file, 10));
    for version in 0..10 {
        for file in 0..10 {
            fs::write(git.path().join(format!("a{file}")), small(file, version)).unwrap();
        }
        for file in 1..50 {
            fs::write(git.path().join(format!("large{version}-{file}")), noise(version * 50 + file, 100))
                .unwrap();
        }
        git.commit(&format!("large{version}"), &noise(version * 50, 100));
    }
    for tags in [false, true] {
        if tags {
            // Then git writes the versions of each file together, else the newest of all files first.
            git.git("tag first main~9");
            git.git("tag last");
        }
        git.git("repack -q -adf");
        let bytes = fs::read(&git.files(".git/objects/pack", ".pack")[0]).unwrap();
        let room = 500_000;
        assert!(bytes.len() as u64 > 3 * room, "{}", bytes.len());
        let (shown, ended) = shown_with_room(&PACK, "", &bytes, room);
        assert_eq!(ended, Ok(()), "tags: {tags}");
        let texts: HashSet<&[u8]> = shown.parts.iter().map(|(_, text)| &text[..]).collect();
        for (version, file) in (0..10).flat_map(|version| (0..10).map(move |file| (version, file))) {
            let text = small(file, version);
            assert!(texts.contains(text.as_bytes()), "tags: {tags}, version {version} of {file}");
        }
    }
}
