//! Walks the table of lists: each kind is wanted for its path alone, and no bytes are too much for its reader.

use proptest::prelude::*;

use super::*;

/// What the list at `path` says.
pub(super) fn read(path: &str, text: impl AsRef<[u8]>) -> Lists {
    let kind = kind_of(path.as_bytes()).unwrap_or_else(|| panic!("{path} is no list"));
    kind.read(path.as_bytes(), text.as_ref(), 1_000_000)
}

/// A path of each kind, and a short list of that kind.
fn samples() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let (path, database) = super::rpm::tests::databases().remove(0);
    let texts = SAMPLES.iter().map(|(name, path, text)| (*name, *path, text.as_bytes().to_vec()));
    std::iter::once(("rpm database", path, database)).chain(texts).collect()
}

const SAMPLES: &[(&str, &str, &str)] = &[
    ("dpkg digests", "var/lib/dpkg/info/a.md5sums", "900150983cd24fb0d6963f7d28e17f72  usr/a\n"),
    (
        "dpkg status",
        "var/lib/dpkg/status",
        "Package: a\nConffiles:\n /etc/a 900150983cd24fb0d6963f7d28e17f72\n",
    ),
    ("apk database", "lib/apk/db/installed", "P:a\nF:etc\nR:a\nZ:Q1qZk+NkcGgWq6PiVxeFDCbJzQ2J0=\n"),
    (
        "pacman file list",
        "var/lib/pacman/local/a-1-1/mtree",
        "#mtree\n./a md5digest=900150983cd24fb0d6963f7d28e17f72\n",
    ),
    ("pacman description", "var/lib/pacman/local/a-1-1/desc", "%VALIDATION%\nnone\n"),
    (
        "conda package",
        "opt/conda/conda-meta/a-1-0.json",
        r#"{"name":"a","version":"1","url":"https://conda.anaconda.org/a","paths_data":{"paths":[{"_path":"lib/a"}]}}"#,
    ),
    ("Python record", "site-packages/a-1.dist-info/RECORD", "a.py,,\n"),
    ("Python origin", "site-packages/a-1.dist-info/direct_url.json", "{}"),
    ("Python metadata", "site-packages/a-1.dist-info/METADATA", "Classifier: Private :: a\n"),
    ("Node package", "node_modules/a/package.json", r#"{"name":"a","version":"1"}"#),
    (
        "Node lock file",
        "node_modules/.package-lock.json",
        r#"{"packages":{"node_modules/a":{"integrity":"x"}}}"#,
    ),
    ("Yarn lock file", "node_modules/.yarn-integrity", r#"{"lockfileEntries":{"a@1":"file:a"}}"#),
    ("Ruby gem", "usr/lib/ruby/gems/3.1.0/specifications/a-1.gemspec", "Gem::Specification.new do |s|\n"),
    (
        "Cargo checksums",
        "vendor/a/.cargo-checksum.json",
        r#"{"files":{"a":"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},"package":"x"}"#,
    ),
    ("Cargo source", "root/.cargo/registry/src/index.crates.io-1/a-1/.cargo-ok", ""),
    ("Composer package", "app/vendor/a/b/composer.json", "{}"),
    ("Composer list", "app/vendor/composer/installed.json", r#"{"packages":[{"name":"a/b"}]}"#),
    ("NuGet package", "root/.nuget/packages/a/1.0/.nupkg.metadata", r#"{"source":"x"}"#),
    ("Go toolchain", "usr/local/go/VERSION", "go1.24\n"),
    ("Python library", "usr/local/lib/python3.12/_sysconfigdata__linux_.py", "build_time_vars = {}"),
];

#[test]
fn every_kind_is_told_by_its_path_and_reads_its_list() {
    let names: Vec<&str> = KINDS.iter().map(|kind| kind.name).collect();
    assert_eq!(names, samples().iter().map(|sample| sample.0).collect::<Vec<_>>());
    for (name, path, text) in samples() {
        assert_eq!(kind_of(path.as_bytes()).map(|kind| kind.name), Some(name), "{path}");
        let lists = read(path, text);
        let said = lists.files().len() + lists.folders().len() + lists.disowned().len();
        assert!(said > 0, "{name} says nothing");
    }
}

#[test]
fn other_files_are_no_lists() {
    for path in [
        "",
        "RECORD",
        "status",
        "a.md5sums",
        "package.json",
        "app/package.json",
        "node_modules/package.json",
        "node_modules/a/dist/package.json",
        "app/vendor/a/b/c/composer.json",
        "dist-info/RECORD",
        "srv/go/VERSION.md",
        "var/lib/dpkg/info/a.list",
        "xvar/lib/dpkg/status",
        "xlib/apk/db/installed",
        "node_modules/@a/package.json",
    ] {
        assert!(kind_of(path.as_bytes()).is_none(), "{path}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_a_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        for (kind, (_, path, _)) in KINDS.iter().zip(samples()) {
            kind.read(path.as_bytes(), &bytes, 100);
        }
    }

    /// A list says no more than it has room to say, whatever is put into it.
    #[test]
    fn damaged_lists_stay_small(at in 0usize..400, bytes in proptest::collection::vec(any::<u8>(), 0..12), twice in 1usize..4) {
        for (_, path, text) in samples() {
            let mut text = text.repeat(twice);
            let at = at % (text.len() + 1);
            text.splice(at..at, bytes.iter().copied());
            let lists = read(path, &text);
            let said = lists.files().len() + lists.folders().len() + lists.disowned().len();
            prop_assert!(said <= text.len() + 4);
        }
    }

    #[test]
    fn no_path_makes_the_table_panic(path in proptest::collection::vec(prop_oneof![
        Just("/"), Just("node_modules"), Just("@a"), Just("package.json"), Just(".dist-info"), Just("RECORD"),
        Just(".pnpm"), Just("vendor"), Just("composer.json"), Just("registry/src"), Just(".cargo-ok"), Just("__pycache__"),
        Just(".cpython-311.pyc"), Just("a"), Just("."), Just("python3.12"), Just("lib"), Just("go/VERSION"),
    ], 0..9)) {
        let path = path.concat();
        if let Some(kind) = kind_of(path.as_bytes()) {
            kind.read(path.as_bytes(), b"{\"name\":\"a\",\"version\":\"1\",\"license\":\"MIT\"}", 100);
        }
        source_of(path.as_bytes());
    }
}
