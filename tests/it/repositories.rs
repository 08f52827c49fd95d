//! Repositories in images, made by git itself: what any commit ever had is found with commit and path, whether its objects
//! stand alone or in a pack, and nothing else of a repository is taken for a credential.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::inside::scan;
use crate::support::compression::Compression;
use crate::support::noise::Noise;
use layersift::signature::template::expand;

fn token(seed: &str) -> String {
    expand("ghp_{base62:30}{github-crc32}", seed)
}

/// A line with a credential.
fn line(seed: &str) -> String {
    format!("GITHUB_TOKEN={}\n", token(seed))
}

/// A git repository in a folder of its own.
struct Repository(tempfile::TempDir);

/// Where a finding stands: path in the repository's folder, members inside.
type Places = Vec<(String, String)>;

impl Repository {
    fn new() -> Self {
        let new = Self(tempfile::TempDir::new().unwrap());
        new.git(&["init", "-q", "-b", "main", "."]);
        // No step of a test packs anything by itself.
        new.git(&["config", "gc.auto", "0"]);
        new
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn git(&self, arguments: &[&str]) -> String {
        git(self.path(), arguments)
    }

    fn write(&self, path: &str, text: &str) {
        let file = self.path().join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }

    /// Commits a file with this text, and gives the commit's name.
    fn commit(&self, path: &str, text: &str) -> String {
        self.write(path, text);
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "-m", "Change"]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// All files with their paths.
    fn files(&self) -> Vec<(String, Vec<u8>)> {
        let mut paths = files(self.path());
        paths.sort();
        let name = |path: &PathBuf| path.strip_prefix(self.path()).unwrap().to_str().unwrap().to_owned();
        paths.iter().map(|path| (format!("app/{}", name(path)), fs::read(path).unwrap())).collect()
    }

    /// Where each finding of an image with all its files stands.
    fn places(&self) -> Vec<Places> {
        places(&self.files())
    }
}

fn git(folder: &Path, arguments: &[&str]) -> String {
    let mut git = Command::new("git");
    git.args(["-c", "user.name=A", "-c", "user.email=a@a.invalid", "-c", "protocol.file.allow=always"])
        .args(arguments)
        .current_dir(folder);
    let output = git.output().expect("git is there; tests/install.sh installs it");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// Where each finding of an image with these files stands. Nothing is left unread.
fn places(files: &[(String, Vec<u8>)]) -> Vec<Places> {
    let files: Vec<_> = files.iter().map(|(path, content)| (&**path, content.clone())).collect();
    let report = scan(&files, &[]);
    assert_eq!(report.json["problems"], json!([]));
    let place = |place: &Value| {
        let members: Vec<_> =
            place["inner"].as_array().unwrap().iter().map(|member| member.as_str().unwrap()).collect();
        (place["path"].as_str().unwrap().to_owned(), members.join("!/"))
    };
    let places = |finding: &Value| finding["places"].as_array().unwrap().iter().map(place).collect();
    report.json["findings"].as_array().unwrap().iter().map(places).collect()
}

/// The only place of the only finding.
fn only(places: &[Places]) -> &(String, String) {
    assert_eq!((places.len(), places[0].len()), (1, 1), "{places:#?}");
    &places[0][0]
}

/// A credential that a commit brings, that some keep, and that another takes away. Returns the first of them.
fn brought_and_removed(git: &Repository) -> String {
    let commit = git.commit("config/prod.env", &line("inside"));
    for version in 0..3 {
        git.commit("config/prod.env", &format!("{}VERSION={version}\n", line("inside")));
    }
    git.commit("config/prod.env", "VERSION=last\n");
    commit
}

#[test]
fn what_only_an_old_commit_has_is_found_with_commit_and_path() {
    let git = Repository::new();
    let commit = brought_and_removed(&git);
    for packed in [false, true] {
        if packed {
            git.git(&["gc", "-q"]);
        }
        let places = git.places();
        let (path, member) = only(&places);
        let is_pack = path.starts_with("app/.git/objects/pack/pack-") && path.strip_suffix(".pack").is_some();
        assert!(path.starts_with("app/.git/objects/") && is_pack == packed, "{path}");
        assert_eq!(*member, format!("{commit}:config/prod.env"));
    }
}

#[test]
fn a_repository_in_an_archive_is_read_like_one_in_the_image() {
    let git = Repository::new();
    let commit = brought_and_removed(&git);
    let mut archive = tar::Builder::new(Vec::new());
    archive.append_dir_all("src", git.path()).unwrap();
    let archive = Compression::Gzip.compress(&archive.into_inner().unwrap());
    // Two of them, of which neither is the other.
    let files = [("a.tgz".to_owned(), archive.clone()), ("b.tgz".to_owned(), archive)];
    let places = places(&files);
    assert_eq!((places.len(), places[0].len()), (1, 2), "{places:#?}");
    for (place, name) in places[0].iter().zip(["a.tgz", "b.tgz"]) {
        assert_eq!(place.0, name);
        assert!(place.1.starts_with("src/.git/objects/"), "{place:?}");
        assert!(place.1.ends_with(&format!("!/{commit}:config/prod.env")), "{place:?}");
    }
}

#[test]
fn the_file_and_its_history_are_one_finding() {
    let git = Repository::new();
    let first = git.commit("a.env", &line("both"));
    git.commit("a.env", &format!("A=1\n{}", line("both")));
    let copied = git.commit("copy/of.env", &format!("B=1\n{}", line("both")));
    let places = git.places();
    let mut members: Vec<_> = places[0].iter().map(|(_, member)| member.clone()).collect();
    members.sort();
    let mut expected =
        vec![String::new(), String::new(), format!("{first}:a.env"), format!("{copied}:copy/of.env")];
    expected.sort();
    assert_eq!((places.len(), members), (1, expected), "{places:#?}");
}

#[test]
fn commits_that_came_after_a_pack_are_named_too() {
    let git = Repository::new();
    git.commit("a.env", &line("first"));
    git.git(&["gc", "-q"]);
    let commit = git.commit("b/c.env", &line("second"));
    git.git(&["rm", "-q", "-r", "a.env", "b"]);
    git.git(&["commit", "-q", "-m", "Remove"]);
    let members: Vec<_> = git.places().into_iter().flatten().map(|(_, member)| member).collect();
    assert_eq!(members.len(), 2, "{members:#?}");
    assert!(members.contains(&format!("{commit}:b/c.env")), "{members:#?}");
}

#[test]
fn what_git_keeps_beside_commits_is_found_too() {
    let git = Repository::new();
    let first = git.commit("a.env", &line("0"));
    git.write("a.env", "nothing\n");
    git.git(&["commit", "-q", "-a", "--amend", "-m", "Other"]);
    git.write("a.env", &line("1"));
    git.git(&["stash"]);
    let stash = git.git(&["rev-parse", "stash@{0}"]);
    git.git(&["tag", "-a", "v1", "-m", &format!("token {}", token("2"))]);
    let tag = git.git(&["rev-parse", "v1"]);
    git.git(&["remote", "add", "origin", &format!("https://x:{}@git.invalid/a", token("3"))]);
    git.git(&["update-ref", "-m", &format!("reset to {}", token("4")), "refs/heads/other", "HEAD"]);
    // Added, and never committed.
    git.write("b.env", &line("5"));
    git.git(&["add", "b.env"]);
    let blob = git.git(&["rev-parse", ":b.env"]);
    fs::remove_file(git.path().join("b.env")).unwrap();
    let mut paths: Vec<_> = git.places().into_iter().flatten().collect();
    paths.sort();
    let of = |start: &str| paths.iter().filter(|(path, _)| path.starts_with(start)).count();
    assert_eq!((of("app/.git/config"), of("app/.git/logs/")), (1, 1), "{paths:#?}");
    let members: Vec<_> = paths
        .iter()
        .filter(|(path, _)| path.starts_with("app/.git/objects/"))
        .map(|(_, member)| member.clone())
        .collect();
    assert_eq!(members.len(), 4, "{paths:#?}");
    for member in [format!("{first}:a.env"), format!("{stash}:a.env"), tag, blob] {
        assert!(members.contains(&member), "{member} of {members:#?}");
    }
}

#[test]
fn repositories_of_every_shape_are_read() {
    let library = Repository::new();
    let in_library = library.commit("lib.env", &line("library"));
    library.commit("lib.env", "A=1\n");
    let git = Repository::new();
    let commit = brought_and_removed(&git);
    // A submodule, a bare clone, a clone without its past, and one that fetches content when it needs it.
    let from = library.path().to_str().unwrap();
    git.git(&["submodule", "add", "-q", from, "vendor/lib"]);
    git.git(&["commit", "-q", "-m", "Add"]);
    git.git(&["clone", "-q", "--bare", ".", "bare.git"]);
    git.git(&["worktree", "add", "-q", "tree", "-b", "tree"]);
    let url = format!("file://{}", git.path().to_str().unwrap());
    git.git(&["clone", "-q", "--depth", "1", &url, "shallow"]);
    let mut members: Vec<_> = git.places().into_iter().flatten().collect();
    members.sort();
    let mut named = |start: &str, member: &str| {
        let at = members.iter().position(|(path, inner)| path.starts_with(start) && inner == member);
        members.remove(at.unwrap_or_else(|| panic!("{start} {member}: {members:#?}")));
    };
    named("app/.git/objects/", &format!("{commit}:config/prod.env"));
    named("app/bare.git/objects/", &format!("{commit}:config/prod.env"));
    named("app/.git/modules/vendor/lib/objects/", &format!("{in_library}:lib.env"));
    assert_eq!(members, []);
}

#[test]
fn content_that_was_fetched_by_itself_is_named_too() {
    let from = Repository::new();
    from.git(&["config", "uploadpack.allowFilter", "true"]);
    let commit = from.commit("a/b.env", &line("fetched"));
    from.commit("other", "nothing\n");
    let git = Repository::new();
    let url = format!("file://{}", from.path().to_str().unwrap());
    git.git(&["clone", "-q", "--filter=blob:none", &url, "clone"]);
    fs::remove_file(git.path().join("clone/a/b.env")).unwrap();
    let places = git.places();
    let (path, member) = only(&places);
    assert!(path.starts_with("app/clone/.git/objects/"), "{path}");
    assert_eq!(*member, format!("{commit}:a/b.env"));
}

#[test]
fn commits_for_which_there_is_no_room_are_told() {
    let git = Repository::new();
    brought_and_removed(&git);
    let files = git.files();
    let files: Vec<_> = files.iter().map(|(path, content)| (&**path, content.clone())).collect();
    let report = scan(&files, &["--max-whole-bytes", "500"]);
    let problems = report.json["problems"].as_array().unwrap();
    assert_eq!(problems.len(), 1, "{problems:#?}");
    assert_eq!(problems[0]["kind"], "note");
    assert!(problems[0]["place"].as_str().unwrap().ends_with(": app/.git"), "{problems:#?}");
    assert_eq!(report.json["findings"].as_array().unwrap().len(), 1);
}

#[test]
fn what_a_large_pack_has_before_its_folders_is_named_too() {
    let git = Repository::new();
    let commit = git.commit("a.env", &line("large"));
    for file in 0..200 {
        let bytes: Vec<u8> = Noise::new(&file.to_string()).take(5000).collect();
        fs::write(git.path().join(format!("b{file}")), bytes).unwrap();
    }
    git.commit("c", "more\n");
    git.git(&["gc", "-q"]);
    fs::remove_file(git.path().join("a.env")).unwrap();
    let files = git.files();
    let files: Vec<_> = files.iter().map(|(path, content)| (&**path, content.clone())).collect();
    let report = scan(&files, &["--max-whole-bytes", "400k"]);
    let findings = report.json["findings"].as_array().unwrap();
    assert_eq!((findings.len(), &report.json["problems"]), (1, &json!([])));
    assert_eq!(findings[0]["places"][0]["inner"], json!([format!("{commit}:a.env")]));
}

#[test]
fn a_login_in_a_header_of_the_configuration_is_found() {
    let git = Repository::new();
    let login = base64_of(&format!("x-access-token:{}", token("header")));
    let header = format!("AUTHORIZATION: basic {login}");
    git.git(&["config", "http.https://git.invalid/.extraheader", &header]);
    let places = git.places();
    let paths: Vec<_> = places.iter().flatten().map(|(path, _)| &**path).collect();
    assert!(!paths.is_empty() && paths.iter().all(|path| *path == "app/.git/config"), "{places:#?}");
}

fn base64_of(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}
