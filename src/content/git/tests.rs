//! Repositories made by git itself.

mod room;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::content::tests::{Shown, shown};
use crate::content::{FaultKind, HEAD};

/// A repository in a folder of its own.
struct Repository {
    folder: TempDir,
    seconds: u32,
}

impl Repository {
    fn new() -> Self {
        let mut new = Self { folder: TempDir::new().unwrap(), seconds: 1_700_000_000 };
        new.git("init -q -b main .");
        new
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Runs git; each call is a minute later than the one before.
    fn git(&mut self, arguments: &str) -> String {
        self.run(&arguments.split(' ').collect::<Vec<_>>())
    }

    fn run(&mut self, arguments: &[&str]) -> String {
        self.seconds += 60;
        let date = format!("@{} +0000", self.seconds);
        let mut git = Command::new("git");
        git.args(arguments).current_dir(self.path());
        git.env_clear().env("PATH", "/usr/bin:/bin:/usr/local/bin").env("HOME", self.path());
        for who in ["AUTHOR", "COMMITTER"] {
            git.env(format!("GIT_{who}_NAME"), "A").env(format!("GIT_{who}_EMAIL"), "a@a.invalid");
            git.env(format!("GIT_{who}_DATE"), &date);
        }
        let output = git.output().expect("git is there; tests/install.sh installs it");
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        assert!(output.status.success(), "git {arguments:?}: {}", text(&output.stderr));
        text(&output.stdout).trim().to_owned()
    }

    /// Writes a file, and a commit of everything. Returns the commit's name.
    fn commit(&mut self, path: &str, text: &str) -> String {
        let file = self.path().join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
        self.git("add -A");
        self.run(&["commit", "-q", "--allow-empty", "-m", &format!("Change {path}")]);
        self.git("rev-parse HEAD")
    }

    /// Removes a file, and commits that.
    fn remove(&mut self, path: &str) {
        fs::remove_file(self.path().join(path)).unwrap();
        self.git("commit -q -a -m Remove");
    }

    /// The files below `folder` whose names end with `end`.
    fn files(&self, folder: &str, end: &str) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut open = vec![self.path().join(folder)];
        while let Some(folder) = open.pop() {
            for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
                let path = entry.path();
                if path.is_dir() {
                    open.push(path);
                } else if path.to_str().unwrap().ends_with(end) {
                    found.push(path);
                }
            }
        }
        found.sort();
        found
    }

    /// What the only pack shows.
    fn pack(&self) -> Shown {
        let packs = self.files(".git/objects/pack", ".pack");
        assert_eq!(packs.len(), 1);
        all(&PACK, &packs[0])
    }
}

/// What `decoder` shows of a file in which nothing is wrong, whatever the pieces in which it comes.
fn all(decoder: &Decoder, path: &Path) -> Shown {
    let bytes = fs::read(path).unwrap();
    let name = path.to_str().unwrap();
    let (whole, ended) = shown(decoder, name, &bytes, 1 << 20);
    assert_eq!((ended, &whole.faults[..]), (Ok(()), &[][..]));
    for piece in [1, 13, 4096] {
        assert_eq!(shown(decoder, name, &bytes, piece).0.parts, whole.parts);
    }
    whole
}

/// What is shown by somebody who may hold `room` bytes.
fn shown_with_room(decoder: &Decoder, path: &str, bytes: &[u8], room: u64) -> (Shown, Result<(), Fault>) {
    let mut shown = Shown { parts: Vec::new(), faults: Vec::new(), most: 100_000, room };
    let head = Head { path: path.as_bytes(), bytes: &bytes[..bytes.len().min(HEAD)], size: None };
    assert!((decoder.is)(&head));
    let ended = (decoder.decode)(&head, &mut &bytes[..], &mut shown);
    (shown, ended)
}

impl Shown {
    fn text(&self, name: &str) -> Option<&str> {
        let part = self.parts.iter().find(|(part, _)| part == name)?;
        Some(std::str::from_utf8(&part.1).unwrap())
    }
}

/// A word of letters that no other number has.
fn word(number: u32) -> String {
    let number = number.wrapping_mul(2_654_435_761);
    let letter = |shift: u32| char::from(b"abcdefghijklmnop"[(number >> shift & 15) as usize]);
    (0..8).map(|at| letter(4 * at)).collect()
}

/// Some hundred lines of which one has the word of `version`.
fn lines(version: u32) -> String {
    let line = |n| format!("line {n} of {}\n", if n == version { word(n) } else { "0".repeat(8) });
    (0..300).map(line).collect()
}

/// A repository with fifty versions of one file, one that was deleted, a tag and a stash.
fn history() -> (Repository, Vec<String>) {
    let mut git = Repository::new();
    let mut commits = vec![git.commit("deep/er/secret.env", "TOKEN=one")];
    git.remove("deep/er/secret.env");
    commits.extend((0..50).map(|version| git.commit("app/main.rs", &lines(version))));
    git.run(&["tag", "-a", "v1", "-m", "the message of a tag"]);
    fs::write(git.path().join("app/main.rs"), "TOKEN=stashed").unwrap();
    git.git("stash");
    commits.push(git.git("rev-parse stash@{0}"));
    (git, commits)
}

fn check(shown: &Shown, commits: &[String]) {
    assert_eq!(shown.text(&format!("{}:deep/er/secret.env", commits[0])), Some("TOKEN=one"));
    for version in 0..50 {
        let name = format!("{}:app/main.rs", commits[version as usize + 1]);
        assert_eq!(shown.text(&name), Some(&*lines(version)), "{version}");
    }
    assert!(shown.text(&commits[7]).unwrap().contains("Change app/main.rs"));
    assert!(shown.parts.iter().any(|(_, text)| text.ends_with(b"the message of a tag\n")));
    assert_eq!(shown.text(&format!("{}:app/main.rs", commits[51])), Some("TOKEN=stashed"));
}

#[test]
fn every_version_is_shown_with_the_commit_that_brought_it() {
    let (mut git, commits) = history();
    for how in ["gc -q", "repack -q -adf --depth=50 --window=50", "-c pack.compression=0 repack -q -adF"] {
        git.git(how);
        let shown = git.pack();
        check(&shown, &commits);
        let versions: Vec<_> =
            shown.parts.iter().filter(|(name, _)| name.ends_with(":app/main.rs")).collect();
        let ordered: Vec<_> = commits[1..].iter().map(|commit| format!("{commit}:app/main.rs")).collect();
        assert!(versions.iter().map(|(name, _)| name).eq(&ordered), "{how}: the oldest is first");
    }
}

#[test]
fn deltas_on_names_are_resolved_wherever_their_base_is() {
    let (mut git, commits) = history();
    git.git("-c repack.useDeltaBaseOffset=false -c pack.allowPackReuse=false repack -q -adf");
    check(&git.pack(), &commits);
    // A pack that was sent without the bases that the other side had: they are put behind its objects.
    git.git("branch old main~29");
    let from = format!("file://{}", git.path().to_str().unwrap());
    let mut clone = Repository::new();
    clone.git("config fetch.unpackLimit 1");
    clone.run(&["fetch", "-q", &from, "old:old"]);
    clone.run(&["fetch", "-q", &from, "main"]);
    let packs = clone.files(".git/objects/pack", ".pack");
    let shown: Vec<_> = packs.iter().map(|pack| all(&PACK, pack)).collect();
    let name = format!("{}:app/main.rs", commits[50]);
    assert_eq!(shown.iter().filter(|shown| shown.text(&name) == Some(&*lines(49))).count(), 1);
    // As it was sent: of deltas on what is not there the new bytes are shown, and it is told.
    git.git("bundle create -q thin.bundle old..main");
    let thin = fs::read(git.path().join("thin.bundle")).unwrap();
    let (shown, ended) = shown_with_room(&BUNDLE, "thin.bundle", &thin, 32 << 20);
    assert_eq!(ended.unwrap_err().kind, FaultKind::Unsupported);
    assert!(shown.parts.iter().any(|(name, _)| name.starts_with("delta at byte ")));
}

#[test]
fn a_pack_with_little_room_shows_every_new_byte() {
    let (mut git, _) = history();
    git.git("repack -q -adf --depth=50 --window=50");
    let bytes = fs::read(&git.files(".git/objects/pack", ".pack")[0]).unwrap();
    let (whole, _) = shown_with_room(&PACK, "", &bytes, 32 << 20);
    // So little that it is full many times; then so little that not even one version can be held.
    for room in [60_000, 20_000] {
        let (shown, ended) = shown_with_room(&PACK, "", &bytes, room);
        let fault = ended.err().map(|fault| fault.kind);
        assert!(matches!(fault, None | Some(FaultKind::Limit(_))), "{fault:?}");
        let all =
            shown.parts.iter().flat_map(|(_, text)| text.iter().copied().chain([b'\n'])).collect::<Vec<_>>();
        assert!(shown.parts.iter().any(|(_, text)| text == b"TOKEN=one"), "{room}");
        for version in 1..50 {
            assert!(String::from_utf8_lossy(&all).contains(&word(version)), "{room}: {version}");
        }
        assert!(shown.parts.len() <= whole.parts.len());
    }
}

#[test]
fn what_is_large_is_shown_as_it_passes() {
    let mut git = Repository::new();
    let text = (0..40_000).map(word).collect::<Vec<_>>().join("\n");
    let commit = git.commit("large", &text);
    git.git("gc -q");
    let bytes = fs::read(&git.files(".git/objects/pack", ".pack")[0]).unwrap();
    let size = u64::try_from(text.len()).unwrap();
    // It fits as it is; as it is stored; not at all.
    for (room, named) in [(size * 10, true), (size * 3, true), (size / 8, false)] {
        let (shown, ended) = shown_with_room(&PACK, "", &bytes, room);
        assert_eq!(ended, Ok(()), "{room}");
        let part = shown.parts.iter().find(|(_, part)| part == text.as_bytes()).unwrap();
        assert_eq!(part.0 == format!("{commit}:large"), named, "{}", part.0);
    }
}

#[test]
fn a_pack_that_is_cut_off_shows_what_is_there() {
    let (mut git, commits) = history();
    git.git("gc -q");
    let bytes = fs::read(&git.files(".git/objects/pack", ".pack")[0]).unwrap();
    let (shown, ended) = shown_with_room(&PACK, "", &bytes[..bytes.len() * 9 / 10], 32 << 20);
    assert_eq!(ended.unwrap_err().kind, FaultKind::Damaged);
    assert!(shown.text(&commits[50]).is_some());
    assert!(shown.parts.iter().any(|(name, _)| name.contains(':')));
}

#[test]
fn what_no_commit_leads_to_has_its_own_name() {
    let mut git = Repository::new();
    git.commit("a", "one");
    let amended = git.commit("b.env", "TOKEN=amended");
    fs::write(git.path().join("b.env"), "nothing").unwrap();
    git.git("commit -q -a --amend -m Other");
    fs::write(git.path().join("c"), "TOKEN=added").unwrap();
    git.git("add c");
    git.git("reset -q");
    let loose = git.files(".git/objects", "");
    let texts: Vec<_> = loose.iter().map(|path| all(&LOOSE, path)).collect();
    let id = git.run(&["hash-object", "c"]);
    for shown in &texts {
        assert!(shown.parts.len() <= 1);
    }
    assert!(texts.iter().any(|shown| shown.text(&id) == Some("TOKEN=added")));
    assert!(texts.iter().any(|shown| shown.parts.iter().any(|(_, text)| text == b"TOKEN=amended")));
    // In a pack the commit that was amended still leads to its file.
    let ids: Vec<_> =
        loose.iter().map(|path| path.to_str().unwrap().rsplit('/').take(2).collect::<Vec<_>>()).collect();
    let list: Vec<_> = ids.iter().map(|parts| format!("{}{}\n", parts[1], parts[0])).collect();
    let pack = packed(&git, &list.concat());
    let (shown, ended) = shown(&PACK, "x.pack", &pack, 4096);
    assert_eq!(ended, Ok(()));
    assert_eq!(shown.text(&format!("{amended}:b.env")), Some("TOKEN=amended"));
    assert_eq!(shown.text(&id), Some("TOKEN=added"));
}

/// A pack of the objects with these names, a line each.
fn packed(git: &Repository, names: &str) -> Vec<u8> {
    use std::io::Write;
    let mut command = Command::new("git");
    command.args(["pack-objects", "-q", "--stdout", "--delta-base-offset"]).current_dir(git.path());
    command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(names.as_bytes()).unwrap();
    child.wait_with_output().unwrap().stdout
}

#[test]
fn bundles_and_other_hashes_are_read() {
    let (mut git, commits) = history();
    git.git("bundle create -q all.bundle --all");
    let shown = all(&BUNDLE, &git.path().join("all.bundle"));
    check(&shown, &commits);
    let mut git = Repository { folder: TempDir::new().unwrap(), seconds: 1_700_000_000 };
    git.git("init -q -b main --object-format=sha256 .");
    let commit = git.commit("deep/a", "TOKEN=one");
    let loose = git.files(".git/objects", "");
    let id = git.run(&["hash-object", "deep/a"]);
    assert!(loose.iter().any(|path| all(&LOOSE, path).text(&id) == Some("TOKEN=one")));
    git.git("gc -q");
    assert_eq!(git.pack().text(&format!("{commit}:deep/a")), Some("TOKEN=one"));
    git.git("bundle create -q all.bundle --all");
    let shown = all(&BUNDLE, &git.path().join("all.bundle"));
    assert_eq!(shown.text(&format!("{commit}:deep/a")), Some("TOKEN=one"));
}

#[test]
fn clones_with_one_commit_have_that() {
    let (git, commits) = history();
    let mut clone = Repository::new();
    let from = format!("file://{}", git.path().to_str().unwrap());
    clone.run(&["-c", "fetch.unpackLimit=1", "fetch", "-q", "--depth=1", &from, "main"]);
    let shown = clone.pack();
    assert_eq!(shown.text(&format!("{}:app/main.rs", commits[50])), Some(&*lines(49)));
}

/// A pack of these objects: kind, what stands between size and content (the base of a delta), content.
fn pack_of(objects: &[(u8, Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    use std::io::Write;
    let mut pack = [&b"PACK\0\0\0\x02"[..], &u32::try_from(objects.len()).unwrap().to_be_bytes()].concat();
    for (kind, base, content) in objects {
        let mut size = content.len();
        let mut byte = kind << 4 | u8::try_from(size & 15).unwrap();
        size >>= 4;
        while size > 0 {
            pack.push(byte | 0x80);
            byte = u8::try_from(size & 0x7f).unwrap();
            size >>= 7;
        }
        pack.push(byte);
        pack.extend_from_slice(base);
        let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        zlib.write_all(content).unwrap();
        pack.extend(zlib.finish().unwrap());
    }
    pack.extend([0; 20]);
    pack
}

#[test]
fn hostile_deltas_end() {
    let blob = |text: &[u8]| (3, Vec::new(), text.to_vec());
    // On itself, on what is before the pack, on a name that nobody has.
    let itself = pack_of(&[blob(b"a"), (6, vec![0], b"\x01\x01\x90\x01".to_vec())]);
    let before = pack_of(&[blob(b"a"), (6, vec![0x7f], b"\x01\x01\x90\x01".to_vec())]);
    let nobody = pack_of(&[blob(b"a"), (7, vec![7; 20], b"\x01\x04\x03new\x90\x01".to_vec())]);
    for (bytes, kind) in
        [(itself, FaultKind::Damaged), (before, FaultKind::Damaged), (nobody, FaultKind::Unsupported)]
    {
        let (shown, ended) = shown_with_room(&PACK, "", &bytes, 32 << 20);
        assert_eq!(ended.unwrap_err().kind, kind);
        assert!(shown.parts.iter().any(|(_, text)| text == b"a"));
    }
    // A chain of deltas that make nothing new, with room for hardly one of them: the work stays bounded.
    let text = vec![b'x'; 10_000];
    let same = [0x90, 0x4e, 0x90, 0x4e, 0xb0, 0x10, 0x27];
    let length = |object: &(u8, Vec<u8>, Vec<u8>)| {
        u8::try_from(pack_of(std::slice::from_ref(object)).len() - 32).unwrap()
    };
    let mut objects = vec![blob(&text)];
    for _ in 0..3000 {
        let distance = length(objects.last().unwrap());
        objects.push((6, vec![distance], same.to_vec()));
    }
    let pack = pack_of(&objects);
    for room in [32 << 20, 90_000, 30_000] {
        let (shown, ended) = shown_with_room(&PACK, "", &pack, room);
        assert_eq!(shown.parts.len(), objects.len());
        let whole = shown.parts.iter().filter(|(_, shown)| *shown == text).count();
        assert!(ended.is_err() == (whole < objects.len()) && whole > 0, "{room}: {whole}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_bytes_make_it_panic(bytes: Vec<u8>, at in 0..2000usize, byte: u8, room in 0..200_000u64) {
        let base = pack_of(&[
            (1, Vec::new(), format!("tree {}\n\nx", "1".repeat(40)).into_bytes()),
            (2, Vec::new(), [&b"100644 a\0"[..], &[1; 20]].concat()),
            (3, Vec::new(), b"some text of a file".repeat(20)),
            (6, vec![30], b"\x01\x04\x03new\x90\x01".to_vec()),
            (7, vec![7; 20], b"\x01\x04\x03new\x90\x01".to_vec()),
        ]);
        let mut changed = base.clone();
        let at = at % changed.len();
        changed[at] = byte;
        for (decoder, bytes) in [
            (PACK, &changed[..]),
            (PACK, &[&base[..12], &bytes].concat()),
            (BUNDLE, &[BUNDLES[0], b"\n", &changed].concat()),
            (BUNDLE, &[BUNDLES[1], &bytes].concat()),
            (LOOSE, &[b"\x78\x01", &bytes[..]].concat()),
        ] {
            let mut shown = Shown { parts: Vec::new(), faults: Vec::new(), most: 1000, room };
            let head = Head { path: b"", bytes: &bytes[..bytes.len().min(HEAD)], size: None };
            let _ = (decoder.is)(&head);
            let _ = (decoder.decode)(&head, &mut &bytes[..], &mut shown);
        }
    }
}
