//! The base image: which findings it has too, however it is told.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::bundle::Bundle;
use crate::support::compression::Compression;
use crate::support::formats::named;
use crate::support::image::ImageBuilder;
use crate::support::scanner::{Report, Scanner, scanner};
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
fn a_value_that_the_base_does_not_have_is_none_of_its_own() {
    let desk = Desk::new();
    let base_path = desk.save("base.tar", "oci-archive", &[base()]);
    // The history has a step that could have set it, and it did not.
    let changed = app("").env("BASE", &token("changed"));
    let app = desk.save("app.tar", "oci-archive", &[changed]);
    let report = scanner().args(["--base"]).path(&base_path).path(&app).report();
    assert_eq!(origin(&report, "changed"), "own", "{:#}", report.json);
    assert_eq!(origin(&report, "base-env"), "base");
}

#[test]
fn a_layer_that_is_not_what_the_image_says_is_none_of_the_base() {
    let desk = Desk::new();
    let base_path = desk.save("base.tar", "oci-archive", &[base()]);
    let layer = |image: &ImageBuilder| format!("{}/layer.tar", image.legacy_id(0));
    let write = |image: &ImageBuilder| {
        (named("docker-legacy").write)(std::slice::from_ref(image), Compression::Plain)
    };
    let other = ImageBuilder::new().step("COPY x /x", |layer| layer.file("x", token("swapped")));
    let swapped = write(&other).file_mut(&layer(&other)).clone();
    let mut bundle = write(&app(""));
    *bundle.file_mut(&layer(&app(""))) = swapped;
    let path = desk.0.path().join("app.tar");
    fs::write(&path, bundle.tar()).unwrap();
    let report = scanner().args(["--base"]).path(&base_path).path(&path).report();
    assert_eq!(origin(&report, "swapped"), "own", "{:#}", report.json);
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

/// What a report says of the base of its only image.
fn base_of(report: &Report) -> Value {
    report.json["image"]["manifests"][0]["base"].clone()
}

#[test]
fn an_image_that_was_scanned_before_is_known_as_a_base() {
    let desk = Desk::new();
    let cache = desk.0.path().join("cache");
    let scan = |path: &PathBuf| scanner().args(["--cache-dir"]).path(&cache).path(path);
    let run = |scan: Scanner| {
        let run = scan.args(["--format", "json"]).run();
        let json: Value =
            serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {run:?}"));
        json
    };
    let base_path = desk.save("base.tar", "docker-legacy", &[base()]);
    let app_path = desk.save("app.tar", "oci-archive", &[app("")]);
    let of = |json: &Value| json["image"]["manifests"][0]["base"].clone();
    assert_eq!(of(&run(scan(&app_path))), Value::Null, "nothing is known of a base yet");
    assert_eq!(of(&run(scan(&base_path))), Value::Null, "an image is no base of itself");
    let known = run(scan(&app_path));
    let found = of(&known);
    assert_eq!((&found["layers"], &found["steps"], &found["from"]), (&json!(1), &json!(2), &json!("cache")));
    assert!(found["name"].as_str().unwrap().contains("base:1"), "{found}");
    let origins: Vec<&Value> =
        known["findings"].as_array().unwrap().iter().map(|finding| &finding["origin"]).collect();
    let count = |origin: &str| origins.iter().filter(|other| ***other == json!(origin)).count();
    assert_eq!((count("base"), count("own"), origins.len()), (2, 1, 3), "none is left out: {origins:?}");
    assert_eq!(run(scan(&app_path)), known, "from now on it is told each time");
    // It excuses nothing, and who names a base is asked alone.
    let clean_on_top = base().step("COPY c /c # buildkit", |layer| layer.file("c", "nothing"));
    let clean = desk.save("clean.tar", "oci-archive", &[clean_on_top]);
    assert_eq!(scan(&clean).args(["--own-only"]).run().code, 1);
    let other = ImageBuilder::new().step("COPY x /x # buildkit", |layer| layer.file("x", "x"));
    let other = desk.save("other.tar", "oci-archive", &[other]);
    assert_eq!(of(&run(scan(&app_path).args(["--base"]).path(&other))), Value::Null);
    assert_eq!(of(&run(scan(&app_path).args(["--no-cache"]))), Value::Null);
    let given = of(&run(scan(&app_path).args(["--base"]).path(&base_path)));
    assert_eq!((&given["from"], &given["layers"]), (&json!("given"), &json!(1)));
}

#[test]
fn what_an_image_says_of_its_base_counts_more_than_the_cache() {
    let desk = Desk::new();
    let cache = desk.0.path().join("cache");
    let scan = |path: &PathBuf| {
        let run = scanner().args(["--format", "json", "--cache-dir"]).path(&cache).path(path).run();
        let json: Value =
            serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {run:?}"));
        json["image"]["manifests"][0]["base"].clone()
    };
    let digest = manifest(&desk, &base());
    scan(&desk.save("base.tar", "oci-archive", &[base()]));
    let named_as = |digest: &str| app("").annotation("org.opencontainers.image.base.digest", digest);
    let right = scan(&desk.save("right.tar", "oci-archive", &[named_as(&digest)]));
    assert_eq!((&right["from"], &right["layers"]), (&json!("annotation"), &json!(1)), "{right}");
    let other = format!("sha256:{}", "7".repeat(64));
    let wrong = scan(&desk.save("wrong.tar", "oci-archive", &[named_as(&other)]));
    assert_eq!((&wrong["digest"], &wrong["layers"]), (&json!(other), &Value::Null), "{wrong}");
}

#[test]
fn provenance_in_an_envelope_names_a_base_and_is_searched() {
    let digest = format!("sha256:{}", "5".repeat(64));
    let material = json!({"uri": "pkg:docker/base@1", "digest": {"sha256": "5".repeat(64)}});
    let desk = Desk::new();
    let subject = manifest(&desk, &app("").name("app:1"));
    let statement = json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "app", "digest": {"sha256": subject.strip_prefix("sha256:").unwrap()}}],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {"resolvedDependencies": [material], "externalParameters": {"t": token("arg")}},
        },
    });
    let payload = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, statement.to_string());
    let envelope = json!({
        "payloadType": "application/vnd.in-toto+json", "payload": payload, "signatures": [{"sig": "aa"}],
    });
    let bundle = (named("oci-archive").write)(&[app("").name("app:1")], Compression::Gzip);
    let layout = desk.0.path().join("layout");
    bundle.write_dir(&layout);
    let bytes = envelope.to_string();
    let name = crate::support::digest(bytes.as_bytes());
    fs::write(layout.join("blobs/sha256").join(name.strip_prefix("sha256:").unwrap()), &bytes).unwrap();
    let report = scanner().path(&layout).report();
    assert!(report.finding(&token("arg")).is_some(), "{:#}", report.json);
    let base = base_of(&report);
    assert_eq!(
        (&base["name"], &base["digest"], &base["from"]),
        (&json!("base:1"), &json!(digest), &json!("provenance"))
    );
}
