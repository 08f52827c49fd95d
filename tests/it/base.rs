//! The base image: which findings it has too, however it is told.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::bundle::Bundle;
use crate::support::compression::Compression;
use crate::support::formats::named;
use crate::support::image::ImageBuilder;
use crate::support::scanner::{Report, scanner};
use layersift::signature::template::expand;

fn token(of: &str) -> String {
    expand("ghp_{base62:30}{github-crc32}", of)
}

/// A base with a leak in a layer and one in its history.
fn base() -> ImageBuilder {
    ImageBuilder::new()
        .name("base:1")
        .step("COPY a /a # buildkit", |layer| layer.file("a", token("base")))
        .empty_step(&format!("ENV BASE_TOKEN={}", token("base-env")))
        .env("BASE_TOKEN", &token("base-env"))
}

/// The same with a layer on top, which leaks another token, and those of `both`.
fn app(both: &str) -> ImageBuilder {
    base()
        .name("app:1")
        .step("COPY b /b # buildkit", |layer| layer.file("b", format!("{}\n{both}", token("own"))))
}

struct Desk(TempDir);

impl Desk {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn save(&self, name: &str, format: &str, images: &[ImageBuilder]) -> PathBuf {
        let bundle: Bundle = (named(format).write)(images, Compression::Gzip);
        let path = self.0.path().join(name);
        fs::write(&path, bundle.tar()).unwrap();
        path
    }
}

fn origin(report: &Report, of: &str) -> Value {
    report.finding(&token(of)).unwrap_or_else(|| panic!("{of}: {:#}", report.json))["origin"].clone()
}

/// The digest of the manifest of an image.
fn manifest(desk: &Desk, image: &ImageBuilder) -> String {
    let path = desk.save("one.tar", "oci-archive", std::slice::from_ref(image));
    let report = scanner().path(&path).report();
    report.json["image"]["manifests"][0]["manifest"].as_str().unwrap().to_owned()
}

#[test]
fn findings_of_a_base_that_is_named_are_told_from_own_ones() {
    let desk = Desk::new();
    // Saved in another form, with other digests of its blobs.
    let base = desk.save("base.tar", "docker-legacy", &[base()]);
    let app = desk.save("app.tar", "oci-archive", &[app("")]);
    let report = scanner().args(["--base"]).path(&base).path(&app).report();
    assert_eq!(origin(&report, "base"), "base");
    assert_eq!(origin(&report, "base-env"), "base", "{:#}", report.json);
    assert_eq!(origin(&report, "own"), "own");
    let found = &report.json["image"]["manifests"][0]["base"];
    assert_eq!((&found["layers"], &found["steps"], &found["from"]), (&json!(1), &json!(2), &json!("given")));
    let table = scanner().args(["--base"]).path(&base).path(&app).run();
    assert!(table.stdout.contains("of the base image"), "{}", table.stdout);
}

#[test]
fn a_credential_that_the_image_has_once_more_is_its_own() {
    let desk = Desk::new();
    let base = desk.save("base.tar", "oci-archive", &[base()]);
    let app = desk.save("app.tar", "oci-archive", &[app(&token("base"))]);
    let report = scanner().args(["--base"]).path(&base).path(&app).report();
    assert_eq!(origin(&report, "base"), "own");
    let places = report.finding(&token("base")).unwrap()["places"].as_array().unwrap();
    let origins: Vec<&Value> = places.iter().map(|place| &place["origin"]).collect();
    assert_eq!(origins, [&json!("base"), &json!("own")]);
}

#[test]
fn own_findings_alone_may_fail_a_run() {
    let desk = Desk::new();
    let base_path = desk.save("base.tar", "oci-archive", &[base()]);
    let clean_on_top = base().step("COPY c /c # buildkit", |layer| layer.file("c", "nothing"));
    let app = desk.save("app.tar", "oci-archive", &[clean_on_top]);
    let run = |options: &[&str]| scanner().args(options).args(["--base"]).path(&base_path).path(&app).run();
    assert_eq!(run(&[]).code, 1);
    let passed = run(&["--own-only"]);
    assert_eq!(passed.code, 0, "{}", passed.stderr);
    assert!(passed.stdout.contains("github-pat"), "what passes is shown: {}", passed.stdout);
    let unknown = scanner().args(["--own-only"]).path(&app).run();
    assert_eq!(unknown.code, 1, "without a base nothing is excused");
}

#[test]
fn a_base_in_the_same_input_is_found_by_the_digest_that_annotations_name() {
    let desk = Desk::new();
    let digest = manifest(&desk, &base());
    let annotated = app("")
        .annotation("org.opencontainers.image.base.name", "base:1")
        .annotation("org.opencontainers.image.base.digest", &digest);
    let labelled = app("").name("app:2").label("org.opencontainers.image.base.digest", &digest);
    for (image, from) in [(annotated, "annotation"), (labelled, "label")] {
        let both = desk.save("both.tar", "oci-archive", &[base(), image.clone()]);
        let report = scanner().path(&both).report();
        let of = |name: &str| {
            let manifests = report.json["image"]["manifests"].as_array().unwrap();
            let named = |manifest: &&Value| manifest["names"][0].as_str().unwrap().contains(name);
            manifests.iter().find(named).unwrap()["base"].clone()
        };
        assert_eq!(of("base"), Value::Null);
        assert_eq!((&of("app")["layers"], &of("app")["from"]), (&json!(1), &json!(from)));
        let alone = desk.save("alone.tar", "oci-archive", &[image]);
        let report = scanner().path(&alone).report();
        let base = &report.json["image"]["manifests"][0]["base"];
        assert_eq!((&base["digest"], &base["layers"]), (&json!(digest), &Value::Null));
        assert_eq!(origin(&report, "own"), Value::Null);
    }
}

#[test]
fn provenance_names_a_base() {
    let desk = Desk::new();
    let digest = manifest(&desk, &base());
    let material = json!({
        "uri": "pkg:docker/base@1?platform=linux%2Famd64",
        "digest": {"sha256": digest.strip_prefix("sha256:").unwrap()},
    });
    let app = app("").attestation("https://slsa.dev/provenance/v0.2", json!({"materials": [material]}));
    let path = desk.save("app.tar", "oci-archive", &[app]);
    let report = scanner().path(&path).report();
    let base = &report.json["image"]["manifests"][0]["base"];
    assert_eq!((&base["name"], &base["digest"]), (&json!("base:1"), &json!(digest)), "{:#}", report.json);
}

#[test]
fn a_base_that_is_none_is_told() {
    let desk = Desk::new();
    let other = ImageBuilder::new().step("COPY x /x # buildkit", |layer| layer.file("x", "x"));
    let other = desk.save("other.tar", "oci-archive", &[other]);
    let app = desk.save("app.tar", "oci-archive", &[app("")]);
    let report = scanner().args(["--base"]).path(&other).path(&app).report();
    assert_eq!(report.problem_kinds(), ["note"], "{:#}", report.json);
    assert_eq!(origin(&report, "base"), Value::Null);
    let run = scanner().args(["--base", "/no/such/image"]).path(&app).run();
    assert_eq!((run.code, run.stdout.as_str()), (3, ""), "{}", run.stderr);
    assert!(run.stderr.contains("base"), "{}", run.stderr);
}
