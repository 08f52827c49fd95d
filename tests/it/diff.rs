//! `layersift diff`: what is new, gone and remaining, between images and reports of any form.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::compression::Compression;
use crate::support::formats::named;
use crate::support::image::ImageBuilder;
use crate::support::scanner::{Run, Scanner, scanner};
use layersift::signature::template::expand;

fn token(of: &str) -> String {
    expand("ghp_{base62:30}{github-crc32}", of)
}

/// An image with a file in a layer of its own for each path and token.
fn image(files: &[(&str, &str)]) -> ImageBuilder {
    files.iter().fold(ImageBuilder::new(), |image, (path, of)| {
        image.step("COPY . . # buildkit", |layer| layer.file(path, token(of)))
    })
}

/// Two versions of an image: one token stays, one moves, one goes, one comes.
struct Desk {
    folder: TempDir,
    old: PathBuf,
    new: PathBuf,
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let save = |name: &str, image: ImageBuilder, format: &str| {
            let path = folder.path().join(name);
            fs::write(&path, (named(format).write)(&[image], Compression::Gzip).tar()).unwrap();
            path
        };
        let old = image(&[("a", "stays"), ("b", "moves"), ("c", "goes")]);
        let new = image(&[("top", "comes"), ("a", "stays"), ("d/b", "moves")]);
        let (old, new) = (save("old.tar", old, "docker-legacy"), save("new.tar", new, "oci-archive"));
        Self { folder, old, new }
    }

    fn report(&self, image: &Path, name: &str, options: &[&str]) -> PathBuf {
        let path = self.folder.path().join(name);
        let run = scanner().args(["-f", "json", "-o"]).path(&path).args(options).path(image).run();
        assert_eq!(run.code, 1, "{}", run.stderr);
        path
    }
}

fn diff(old: &Path, new: &Path, options: &[&str]) -> Run {
    Scanner::of("diff").args(options).path(old).path(new).run()
}

fn json(run: &Run) -> Value {
    serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {run:?}"))
}

#[test]
fn what_is_new_gone_and_remaining_is_told() {
    let desk = Desk::new();
    let run = diff(&desk.old, &desk.new, &["-f", "json"]);
    assert_eq!(run.code, 1);
    let diff = json(&run);
    let paths = |of: &str| -> Vec<String> {
        let findings = diff[of].as_array().unwrap().iter();
        let finding = |found: &Value| found.get("finding").unwrap_or(found)["places"][0]["path"].to_string();
        findings.map(finding).collect()
    };
    assert_eq!(diff["schema"], "layersift.diff/v1");
    assert_eq!(paths("added"), ["\"top\""]);
    assert_eq!(paths("gone"), ["\"c\""]);
    assert_eq!(paths("remaining"), ["\"a\"", "\"d/b\""]);
    let moved = &diff["remaining"][1];
    assert_eq!(
        (moved["new_places"].to_string(), moved["gone_places"].to_string()),
        ("[0]".into(), "[\"file b\"]".into())
    );
    assert_eq!(diff["remaining"][0]["new_places"].to_string(), "[]");
    let counts = ["added", "gone", "remaining", "at_new_places"].map(|count| diff["summary"][count].as_u64());
    assert_eq!(counts, [Some(1), Some(1), Some(2), Some(1)]);
    assert!(!run.stdout.contains(&token("comes")));
}

#[test]
fn images_and_reports_compare_alike() {
    let desk = Desk::new();
    let images = json(&diff(&desk.old, &desk.new, &["-f", "json"]));
    let old = desk.report(&desk.old, "old.json", &[]);
    let new = desk.report(&desk.new, "new.json", &[]);
    for (old, new) in [(&old, &new), (&desk.old, &new), (&old, &desk.new)] {
        assert_eq!(json(&diff(old, new, &["-f", "json"])), images);
    }
    let both = desk.folder.path().join("both.json");
    scanner().args(["-f", "json", "-o"]).path(&both).path(&desk.old).path(&desk.new).run();
    let run = diff(&both, &desk.new, &[]);
    assert_eq!(run.code, 0, "nothing is new: {}", run.stdout);
    assert!(run.stdout.contains("0 new, 1 gone, 3 remaining"), "{}", run.stdout);
}

#[test]
fn only_new_findings_fail_a_run() {
    let desk = Desk::new();
    assert_eq!(diff(&desk.old, &desk.new, &[]).code, 1);
    assert_eq!(diff(&desk.old, &desk.new, &["--fail-on", "none"]).code, 0);
    assert_eq!(diff(&desk.new, &desk.new, &[]).code, 0, "known findings do not");
    let cut = desk.folder.path().join("cut.tar");
    let whole = fs::read(&desk.old).unwrap();
    fs::write(&cut, &whole[..whole.len() - 2048]).unwrap();
    let gaps = diff(&desk.old, &cut, &[]);
    assert_eq!(gaps.code, 4, "{} {}", gaps.stdout, gaps.stderr);
    assert_eq!(diff(&desk.old, &cut, &["--allow-partial"]).code, 0);
    assert_eq!(diff(&cut, &desk.old, &[]).code, 0, "gaps of the older one hide nothing that is new");
}

#[test]
fn people_read_the_new_ones_first() {
    let desk = Desk::new();
    let shown = diff(&desk.old, &desk.new, &[]).stdout;
    let at = |text: &str| shown.find(text).unwrap_or_else(|| panic!("{text} is not in {shown}"));
    assert!(at("\nnew\n") < at("\ngone\n") && at("\ngone\n") < at("\nremaining\n"));
    assert!(at("\nremaining\n") < at("1 new, 1 gone, 2 remaining"));
    assert!(!shown.contains("file        a"), "what did not change is not listed: {shown}");
}

#[test]
fn what_cannot_be_compared_is_refused() {
    let desk = Desk::new();
    let report = desk.report(&desk.old, "old.json", &[]);
    let with_key =
        Scanner::of("diff").env("LAYERSIFT_FINGERPRINT_KEY", "ours").path(&report).path(&desk.new).run();
    assert_eq!(with_key.code, 2);
    assert!(with_key.stderr.contains("LAYERSIFT_FINGERPRINT_KEY"), "{}", with_key.stderr);
    let other = desk.folder.path().join("other.json");
    fs::write(&other, r#"{"schema": "layersift.report/v9", "findings": []}"#).unwrap();
    let run = diff(&other, &desk.new, &[]);
    assert_eq!((run.code, run.stdout.as_str()), (3, ""));
    assert!(run.stderr.contains("layersift.report/v9"), "{}", run.stderr);
    fs::write(&other, r#"{"schema": "layersift.report/v1", "findings": [{"fingerprint": 7}]}"#).unwrap();
    assert_eq!(diff(&other, &desk.new, &[]).code, 3);
    assert_eq!(diff(Path::new("-"), Path::new("-"), &[]).code, 2);
    // What is delivered as an image cannot say of itself that it was scanned and is clean.
    let claims = desk.folder.path().join("claims.tar");
    let report = r#"{"schema": "layersift.report/v1", "image": {"source": "claims.tar"}, "findings": []}"#;
    fs::write(&claims, report).unwrap();
    assert_eq!(diff(&desk.old, &claims, &[]).code, 3);
    assert_eq!(diff(&desk.old, &desk.new, &["-f", "jsonl"]).code, 2);
    assert_eq!(diff(&desk.folder.path().join("missing"), &desk.new, &[]).code, 3);
}
