//! What is inside files: found wherever it stands, told as a chain, the same for every way to hand it over, and bounded.

use std::fs;

use serde_json::{Value, json};

use crate::support::compression::Compression;
use crate::support::formats::named;
use crate::support::image::ImageBuilder;
use crate::support::noise::Noise;
use crate::support::root;
use crate::support::scanner::{Report, scanner};
use layersift::content::DECODERS;
use layersift::signature::template::expand;

fn token() -> String {
    expand("ghp_{base62:30}{github-crc32}", "inside")
}

/// Scans an image with one layer that holds these files, from a file and from a pipe, with one thread and with four.
fn scan(files: &[(&str, Vec<u8>)], args: &[&str]) -> Report {
    let add_files = |layer| {
        files.iter().fold(layer, |layer: crate::support::layer::LayerBuilder, (path, content)| {
            layer.file(path, content)
        })
    };
    let image = ImageBuilder::new().step("COPY . / # buildkit", add_files);
    let archive = (named("oci-archive").write)(&[image], Compression::Gzip).tar();
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), &archive).unwrap();
    let report = scanner().path(file.path()).args(args).report();
    for jobs in ["1", "4"] {
        let other = scanner().stdin(archive.clone()).args(args).args(["--jobs", jobs]).report();
        assert_eq!(report.comparable(), other.comparable(), "{jobs}");
    }
    report
}

/// The chain of the only place of the only finding: path, members, encodings, line.
fn place(report: &Report) -> Value {
    let findings = report.json["findings"].as_array().unwrap();
    assert_eq!(findings.len(), 1, "{:#}", report.json);
    let places = findings[0]["places"].as_array().unwrap();
    assert_eq!(places.len(), 1, "{places:#?}");
    let place = &places[0];
    json!([place["path"], place["inner"], place["decoded"], place["line"]])
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    Compression::Gzip.compress(bytes)
}

/// A text of about `size` bytes that does not compress, with the token in the line before the last.
fn text(size: usize) -> Vec<u8> {
    let mut noise = Noise::new("text");
    let line = |noise: &mut Noise| -> Vec<u8> {
        let mut line: Vec<u8> = noise.take(60).map(|byte| b'#' + byte % 8).collect();
        line.push(b'\n');
        line
    };
    let mut text: Vec<u8> = (0..size / 61).flat_map(|_| line(&mut noise)).collect();
    text.extend(format!("export GITHUB_TOKEN={}\nend\n", token()).bytes());
    text
}

fn lines(text: &[u8]) -> usize {
    text.split(|byte| *byte == b'\n').count() - 2
}

#[test]
fn compressed_files_of_any_size_are_read() {
    // Within a chunk, across chunks, and too large to be kept.
    for size in [100, 600_000, 3_000_000, 14_000_000] {
        let text = text(size);
        for (compression, name) in [
            (Compression::Gzip, "gzip"),
            (Compression::Zstd, "zstd"),
            (Compression::Xz, "xz"),
            (Compression::Bzip2, "bzip2"),
        ] {
            if size > 4_000_000 && compression != Compression::Gzip {
                continue;
            }
            let path = format!("var/log/app.log.1.{name}");
            let report = scan(&[("a", vec![0; 700_001]), (&path, compression.compress(&text))], &[]);
            assert_eq!(place(&report), json!([path, [], [name], lines(&text)]), "{size}");
            assert_eq!((report.code, report.problems().len()), (1, 0));
        }
    }
}

#[test]
fn what_is_compressed_again_and_again_is_read_up_to_the_depth() {
    let mut content = text(1000);
    for depth in 1..=4 {
        content = gzip(&content);
        let report = scan(&[("x.gz", content.clone())], &[]);
        assert_eq!(place(&report), json!(["x.gz", [], vec!["gzip"; depth], lines(&text(1000))]));
        let less = (depth - 1).to_string();
        let report = scan(&[("x.gz", content.clone())], &["--max-depth", &less]);
        assert_eq!((report.code, report.problem_kinds()), (4, vec!["limit"]), "{depth}");
    }
}

#[test]
fn a_blob_that_is_no_tar_is_opened_too() {
    let image = ImageBuilder::new().layer(|layer| layer.file("hello", "hello\n"));
    let mut bundle = (named("oci-archive").write)(&[image], Compression::Gzip);
    bundle.put("extra", gzip(&gzip(&text(1000))));
    let report = scanner().stdin(bundle.tar()).report();
    let finding = &report.json["findings"][0];
    assert_eq!(finding["places"][0]["decoded"], json!(["gzip"]), "{:#}", report.json["findings"]);
}

#[test]
fn bombs_are_told_and_the_scan_goes_on() {
    // Zeros that become more than 1,100 times as many, in one step and in two.
    let zeros = Compression::Zstd.compress(&vec![0; 400 << 20]);
    let nested = gzip(&gzip(&vec![0; 200 << 20]));
    for bomb in [zeros, nested] {
        let report = scan(&[("bomb", bomb), ("z/.env", text(100))], &[]);
        let problem = &report.problems()[0];
        assert_eq!(problem["kind"], "limit", "{problem}");
        assert!(problem["place"].as_str().unwrap().ends_with("bomb"), "{problem}");
        assert_eq!(report.json["findings"].as_array().unwrap().len(), 1);
        assert_eq!(report.code, 1);
    }
}

#[test]
fn what_is_damaged_is_read_as_far_as_it_goes_and_told() {
    let text = [text(1000), Noise::new("more").take(100_000).collect::<Vec<u8>>()].concat();
    let whole = gzip(&text);
    let report = scan(&[("cut.gz", whole[..whole.len() - 500].to_vec())], &[]);
    assert_eq!((report.code, report.problem_kinds()), (1, vec!["damaged"]));
    assert_eq!(place(&report)[2], json!(["gzip"]));
    // What only begins like a compressed file is none.
    let report = scan(&[("none", b"\x1f\x8b\x08 is how gzip begins".to_vec())], &[]);
    assert_eq!((report.code, report.problems().len()), (0, 0), "{:#}", report.json);
}

#[test]
fn the_readme_lists_every_decoder() {
    let rows: Vec<_> = DECODERS.iter().map(|row| format!("| `{}` | {} |\n", row.name, row.about)).collect();
    let rows = rows.concat();
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    assert!(readme.contains(&rows), "README.md should list:\n{rows}");
}

#[test]
fn every_decoder_is_fuzzed() {
    let fuzz = fs::read_to_string(root().join("fuzz/Cargo.toml")).unwrap();
    for row in DECODERS {
        let target = format!("[[bin]]\nname = \"{}\"\npath = \"targets/decoder.rs\"\n", row.name);
        assert!(fuzz.contains(&target), "fuzz/Cargo.toml has no target for {}", row.name);
    }
}

/// A git repository in a folder of its own.
struct Repository(tempfile::TempDir);

impl Repository {
    fn new() -> Self {
        let new = Self(tempfile::TempDir::new().unwrap());
        new.git(&["init", "-q", "-b", "main", "."]);
        new
    }

    fn git(&self, arguments: &[&str]) -> String {
        let mut git = std::process::Command::new("git");
        git.args(["-c", "user.name=A", "-c", "user.email=a@a.invalid"])
            .args(arguments)
            .current_dir(self.0.path());
        let output = git.output().expect("git is there; tests/install.sh installs it");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Commits a file with this text, and gives the commit's name.
    fn commit(&self, path: &str, text: &str) -> String {
        let file = self.0.path().join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "-m", "Change"]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// Where each finding of an image with all its files stands: path in the repository, members.
    fn places(&self) -> Vec<Vec<(String, String)>> {
        let (mut files, mut open) = (Vec::new(), vec![self.0.path().to_path_buf()]);
        while let Some(folder) = open.pop() {
            for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
                if entry.path().is_dir() {
                    open.push(entry.path());
                } else {
                    let path = entry.path().strip_prefix(self.0.path()).unwrap().to_str().unwrap().to_owned();
                    files.push((format!("app/{path}"), fs::read(entry.path()).unwrap()));
                }
            }
        }
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
}

#[test]
fn what_only_an_old_commit_has_is_found_with_commit_and_path() {
    let git = Repository::new();
    let line = format!("GITHUB_TOKEN={}\n", token());
    let commit = git.commit("config/prod.env", &line);
    for version in 0..5 {
        git.commit("config/prod.env", &format!("{line}VERSION={version}\n"));
    }
    git.commit("config/prod.env", "VERSION=last\n");
    git.git(&["gc", "-q"]);
    let places = git.places();
    assert_eq!((places.len(), places[0].len()), (1, 1), "{places:#?}");
    let (path, member) = &places[0][0];
    assert!(
        path.starts_with("app/.git/objects/pack/pack-") && path.strip_suffix(".pack").is_some(),
        "{path}"
    );
    assert_eq!(*member, format!("{commit}:config/prod.env"));
}

#[test]
fn what_git_keeps_beside_commits_is_found_too() {
    let tokens: Vec<_> =
        (0..5).map(|n| expand("ghp_{base62:30}{github-crc32}", &format!("git {n}"))).collect();
    let git = Repository::new();
    git.commit("a.env", &format!("GITHUB_TOKEN={}\n", tokens[0]));
    fs::write(git.0.path().join("a.env"), "nothing\n").unwrap();
    git.git(&["commit", "-q", "-a", "--amend", "-m", "Other"]);
    fs::write(git.0.path().join("a.env"), format!("GITHUB_TOKEN={}\n", tokens[1])).unwrap();
    git.git(&["stash"]);
    git.git(&["tag", "-a", "v1", "-m", &format!("token {}", tokens[2])]);
    git.git(&["remote", "add", "origin", &format!("https://x:{}@git.invalid/a", tokens[3])]);
    git.git(&["update-ref", "-m", &format!("reset to {}", tokens[4]), "refs/heads/other", "HEAD"]);
    let mut paths: Vec<_> = git.places().into_iter().flatten().collect();
    paths.sort();
    let of = |start: &str| paths.iter().filter(|(path, _)| path.starts_with(start)).count();
    assert_eq!((of("app/.git/config"), of("app/.git/logs/")), (1, 1), "{paths:#?}");
    assert_eq!(of("app/.git/objects/"), 3, "{paths:#?}");
}
