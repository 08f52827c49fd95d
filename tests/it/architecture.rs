//! Keeps the house as it was drawn: which module may name which, where each outside crate is used, how long files
//! get, and that the documents name only what exists.
//!
//! It reads the sources as text. Comments and the tests at the end of a file do not count.

use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

use crate::support::root;

/// A module of the crate: its floor in tens, and the wing it stands in. The wings never name each other. Within a
/// floor only a higher unit names a lower one; the base, floor 0, is one set of small modules that may use each other.
struct Module(&'static str, u8, Option<Wing>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wing {
    Image,
    Matching,
}

const MODULES: &[Module] = &[
    Module("digest", 0, None),
    Module("limits", 0, None),
    Module("secret", 0, None),
    Module("problem", 0, None),
    Module("image", 10, Some(Wing::Image)),
    Module("signature", 10, Some(Wing::Matching)),
    Module("stream", 20, Some(Wing::Image)),
    Module("source", 21, Some(Wing::Image)),
    Module("content", 21, Some(Wing::Image)),
    Module("packages", 22, Some(Wing::Image)),
    Module("matcher", 20, Some(Wing::Matching)),
    Module("findings", 30, None),
    Module("scan", 40, None),
    Module("report", 50, None),
    Module("serve", 60, None),
    Module("cli", 70, None),
];

/// Crates that only some files may name. A prefix that ends in `/` means the folder.
const CRATES: &[(&str, &[&str])] = &[
    ("rayon", &["scan/"]),
    ("clap", &["cli/"]),
    ("clap_complete", &["cli/"]),
    ("clap_mangen", &["cli/man.rs"]),
    ("anyhow", &["cli/", "main.rs"]),
    // Those of the program, which the library does without: the feature `cli` in Cargo.toml.
    ("anstream", &["cli/", "report/table/tests.rs"]),
    ("ctrlc", &["cli/"]),
    ("indicatif", &["cli/"]),
    ("terminal_size", &["cli/"]),
    // Files that people write: rules, settings, what they want ignored.
    (
        "toml",
        &[
            "signature/file.rs",
            "signature/import/gitleaks.rs",
            "cli/config.rs",
            "cli/serve.rs",
            "serve/config/tests.rs",
            "findings/condition/table.rs",
            "findings/suppress/file.rs",
            "findings/policy/file.rs",
        ],
    ),
    ("rusqlite", &["scan/cache/store.rs", "scan/cache/tests.rs", "serve/store/sqlite.rs"]),
    ("tokio_postgres", &["serve/store/postgres/"]),
    ("tokio", &["serve/http/", "serve/store/postgres/"]),
    ("tokio_rustls", &["serve/http/", "serve/store/postgres/tls.rs"]),
    ("axum", &["serve/http/"]),
    ("hyper", &["serve/http/"]),
    ("hyper_util", &["serve/http/"]),
    ("schemars", &["serve/http/api/", "serve/store/"]),
    ("postcard", &["scan/cache/mod.rs", "scan/cache/known.rs"]),
    ("getrandom", &["scan/cache/mod.rs", "serve/"]),
    ("ureq", &["source/http/"]),
    ("rustls", &["source/http/", "serve/tls.rs", "serve/store/postgres/tls.rs"]),
    ("rustls_native_certs", &["source/http/", "serve/tls.rs"]),
    ("globset", &["findings/condition/pattern.rs"]),
    (
        "jiff",
        &[
            "findings/suppress/",
            "findings/condition/",
            "cli/values.rs",
            "serve/http/page/time.rs",
            "report/gitlab/mod.rs",
            "source/registry/retry.rs",
            "source/registry/early.rs",
            "serve/messages/",
        ],
    ),
    ("minijinja", &["report/template/", "report/html/"]),
];

/// Lines of code of one file: without blanks, comments and tests.
const MAX_CODE_LINES: usize = 400;

/// What documents may name although it is not in the repository: a user's file, and what `tests/run.sh` makes.
const ELSEWHERE: &[&str] = &["layersift.toml", ".layersiftignore", "target/fixtures"];

/// A source file: path below `src`, and its code.
struct Source {
    path: String,
    text: String,
    code: String,
}

impl Source {
    /// The top-level module that it belongs to.
    fn module(&self) -> &str {
        self.path.split(['/', '.']).next().unwrap()
    }

    /// How many `super::` lead from here to the root.
    fn depth(&self) -> usize {
        let parts = self.path.split('/').count();
        if self.path.ends_with("/mod.rs") { parts - 1 } else { parts }
    }
}

fn sources() -> Vec<Source> {
    let src = root().join("src");
    let tests = Regex::new(r"#\[cfg\(test\)\]\n(?:pub\((?:crate|super)\) )?mod ").unwrap();
    let mut all = Vec::new();
    for path in files_below(&src).into_iter().filter(|path| path.extension().is_some_and(|end| end == "rs")) {
        let text = fs::read_to_string(&path).unwrap();
        let before_tests = tests.split(&text).next().unwrap();
        let lines = before_tests.lines().filter(|line| !line.trim_start().starts_with("//"));
        let code = lines.filter(|line| !line.trim().is_empty()).collect::<Vec<_>>().join("\n");
        let path = path.strip_prefix(&src).unwrap().to_str().unwrap().to_owned();
        all.push(Source { path, text, code });
    }
    assert!(!all.is_empty());
    all
}

fn files_below(dir: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(files_below(&path));
        } else {
            all.push(path);
        }
    }
    all.sort();
    all
}

/// The modules that `code` names: `crate::module`, and those in `use crate::{…}`.
fn named_modules(code: &str) -> Vec<String> {
    let single = Regex::new(r"\bcrate::([a-z_]+)").unwrap();
    let group = Regex::new(r"\bcrate::\{((?:[^{}]|\{[^{}]*\})*)\}").unwrap();
    let first = Regex::new(r"(?:^|,)\s*([a-z_]+)").unwrap();
    let nested = Regex::new(r"\{[^{}]*\}").unwrap();
    let mut all: Vec<String> = single.captures_iter(code).map(|found| found[1].to_owned()).collect();
    for found in group.captures_iter(code) {
        let flat = nested.replace_all(&found[1], "");
        all.extend(first.captures_iter(&flat).map(|found| found[1].to_owned()));
    }
    all
}

/// The longest row of `super::` in `code`.
fn climbs(code: &str) -> usize {
    let row = Regex::new(r"(?:\bsuper::)+").unwrap();
    row.find_iter(code).map(|found| found.len() / "super::".len()).max().unwrap_or(0)
}

fn module(name: &str) -> Option<&'static Module> {
    MODULES.iter().find(|module| module.0 == name)
}

#[test]
fn a_module_names_only_lower_floors_and_its_own_wing() {
    let mut wrong = Vec::new();
    for source in sources().iter().filter(|source| !["lib.rs", "main.rs"].contains(&source.path.as_str())) {
        let own = module(source.module()).unwrap_or_else(|| panic!("{}: on which floor?", source.path));
        for name in named_modules(&source.code).iter().filter(|name| *name != own.0) {
            let other = module(name).unwrap_or_else(|| panic!("{}: what is crate::{name}?", source.path));
            let wings_cross = own.2.is_some() && other.2.is_some() && own.2 != other.2;
            let upwards = other.1 >= own.1 && other.1 > 0;
            if upwards || wings_cross || (own.0 == "report" && other.0 == "scan") {
                wrong.push(format!("{} names crate::{name}", source.path));
            }
        }
        if climbs(&source.code) >= source.depth() {
            wrong.push(format!("{} climbs out of its module with super::", source.path));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn outside_crates_stay_where_they_belong() {
    let mut wrong = Vec::new();
    for source in sources() {
        for (name, places) in CRATES {
            let pattern = Regex::new(&format!(r"\b{name}::|\buse {name}\b")).unwrap();
            let allowed = places.iter().any(|place| {
                source.path == *place || (place.ends_with('/') && source.path.starts_with(place))
            });
            if !allowed && pattern.is_match(&source.code) {
                wrong.push(format!("{} names {name}", source.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_reader_of_names_reads_groups() {
    let code =
        "use crate::{digest::Digest, stream::{self, Walker}, secret};\nlet x = crate::limits::Limit::Depth;";
    let mut names = named_modules(code);
    names.sort();
    assert_eq!(names, ["digest", "limits", "secret", "stream"]);
}

#[test]
fn every_file_opens_with_its_story_and_stays_short() {
    let mut wrong = Vec::new();
    for source in sources() {
        if !source.path.ends_with("tests.rs") && !source.text.starts_with("//! ") {
            wrong.push(format!("{}: no //! at its head", source.path));
        }
        let lines = source.code.lines().count();
        if !source.path.ends_with("tests.rs") && lines > MAX_CODE_LINES {
            wrong.push(format!("{}: {lines} lines of code, more than {MAX_CODE_LINES}", source.path));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_path_that_the_documents_name_exists() {
    let span = Regex::new(r"`([\w./*-]+)`").unwrap();
    let is_path = Regex::new(r"^[\w.-]+(/[\w.*-]+)*/?$").unwrap();
    let mut wrong = Vec::new();
    for document in ["ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "testdata/README.md"] {
        let text =
            fs::read_to_string(root().join(document)).unwrap_or_else(|error| panic!("{document}: {error}"));
        let mut count = 0;
        for found in span.captures_iter(&text) {
            let path = &found[1];
            let file = [".rs", ".toml", ".md", ".sh", ".py"].iter().any(|end| path.ends_with(end));
            if !is_path.is_match(path) || !(path.contains('/') || file) || ELSEWHERE.contains(&path) {
                continue;
            }
            count += 1;
            let folder = Path::new(document).parent().unwrap();
            if ![Path::new(""), Path::new("src"), folder].iter().any(|base| exists(&root().join(base), path))
            {
                wrong.push(format!("{document} names `{path}`, which is not there"));
            }
        }
        assert!(count > 0, "{document} names no path at all");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whether `path` is below `base`; `*` in its last part stands for anything, but for something.
fn exists(base: &Path, path: &str) -> bool {
    let Some((before, after)) = path.split_once('*') else {
        return base.join(path).exists();
    };
    let (folder, prefix) = before.rsplit_once('/').unwrap_or(("", before));
    let Ok(entries) = fs::read_dir(base.join(folder)) else { return false };
    let mut names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.any(|name| name.starts_with(prefix) && name.ends_with(after))
}
