//! The service: from a push to a real registry to the finding, and what happens when something goes wrong on the way.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::support::bundle::Bundle;
use crate::support::compression::Compression;
use crate::support::database::Database;
use crate::support::formats::named;
use crate::support::front::{Act, Front};
use crate::support::image::ImageBuilder;
use crate::support::registry::{Registry, free_address, run};
use crate::support::scanner::{Scanner, scanner};
use crate::support::service::{PROOF, Service};
use layersift::signature::template::expand;
use serde_json::{Value, json};

fn token(name: &str) -> String {
    expand("ghp_{base62:30}{github-crc32}", name)
}

/// An image with a layer that all of these images have, and one of its own; both leak.
fn image(name: &str) -> Bundle {
    let image = ImageBuilder::new()
        .step("COPY .env /.env # buildkit", |layer| layer.file(".env", token("shared")))
        .step("COPY own /own # buildkit", |layer| layer.file("own", token(name)));
    (named("oci-archive").write)(&[image], Compression::Gzip)
}

/// The paths of an image's layers in the repository `app`.
fn layers(report: &Value) -> Vec<String> {
    let layers = report["image"]["manifests"][0]["layers"].as_array().unwrap();
    layers.iter().map(|layer| format!("/v2/app/blobs/{}", layer["digest"].as_str().unwrap())).collect()
}

/// Whether a file below `folder` has `text` in it.
fn stands_in(folder: &std::path::Path, text: &str) -> bool {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).any(|path| {
        if path.is_dir() {
            return stands_in(&path, text);
        }
        fs::read(&path).unwrap().windows(text.len()).any(|window| window == text.as_bytes())
    })
}

#[test]
fn what_is_pushed_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let address = free_address();
    let registry = Registry::telling(&format!("http://{address}/hooks/distribution"), PROOF);
    let service = Service::start(folder.path(), &address, &[&registry.address], "");
    registry.push(&image("a"), "team/a:1");
    registry.push(&image("b"), "team/b:1");
    let images = service.scanned(2);
    for (image, name) in images.iter().zip(["a", "b"]) {
        let id = &image["id"];
        assert!(
            image["name"].as_str().unwrap().starts_with(&format!("{}/team/{name}@sha256:", registry.address))
        );
        assert_eq!((&image["tags"], &image["gaps"]), (&json!(["1"]), &json!(0)), "{image}");
        let findings = service.get(&format!("/api/v1/images/{id}/findings"));
        let findings = findings["items"].as_array().unwrap();
        assert_eq!(findings.len(), 2, "{findings:?}");
        assert!(findings.iter().all(|finding| finding["rule"] == "github-pat"));
        let report = service.get(&format!("/api/v1/images/{id}/report"));
        let tagged = image["name"].as_str().unwrap().replace('@', ":1@");
        let direct = scanner().args([tagged]).report();
        assert_eq!(report["findings"].as_array().unwrap().len(), 2);
        for part in ["findings", "problems", "coverage", "image"] {
            let ours = without_secrets(&report[part]);
            assert_eq!(ours, without_secrets(&direct.json[part]), "{part}");
        }
    }
    // The layer that both have was scanned once.
    assert_eq!(service.metric("layers_scanned_total"), 3);
    let shared = service.get(&format!("/api/v1/images/{}/findings", images[0]["id"]));
    let both = shared["items"].as_array().unwrap().iter().filter(|finding| {
        let name = finding["fingerprint"].as_str().unwrap();
        let found = service.get(&format!("/api/v1/findings?fingerprint={name}"));
        found["items"].as_array().unwrap().len() == 2
    });
    assert_eq!(both.count(), 1, "one credential is in both images");
    // Pushed again, it is known.
    registry.push(&image("a"), "team/a:1");
    service.wait_for("the second push", |service| service.metric("images_known_total") > 0);
    assert_eq!((service.metric("images_scanned_total"), service.metric("hook_unproven_total")), (2, 0));
    assert!(service.terminate().success());
    for secret in ["shared", "a", "b"].map(token) {
        assert!(!stands_in(folder.path(), &secret), "a secret stands in the folder of the service");
    }
}

/// A part of a report without what a scan shows that is allowed to, and without what fails a run: the service has no policy.
fn without_secrets(part: &Value) -> Value {
    match part {
        Value::Object(map) => {
            let kept = map.iter().filter(|(key, _)| !key.starts_with("secret") && *key != "verdict");
            Value::Object(kept.map(|(key, value)| (key.clone(), without_secrets(value))).collect())
        }
        Value::Array(items) => items.iter().map(without_secrets).collect(),
        other => other.clone(),
    }
}

#[test]
fn nobody_is_believed_who_does_not_prove_it_and_nobody_leads_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::plain();
    registry.push(&image("a"), "app:1");
    let elsewhere = Front::of(&registry.address, |_| Act::Pass);
    let service =
        Service::start(folder.path(), &free_address(), &[&registry.address], "max-body-bytes = 2000");
    let body = json!({"image": format!("{}/app:1", registry.address)}).to_string();
    let status =
        |path: &str, proof: Option<&str>, body: &str| service.status("POST", path, proof, body).unwrap();
    assert_eq!(status("/hooks/plain", None, &body), 401);
    assert_eq!(status("/hooks/plain", Some("not a secret"), &body), 401);
    // Nothing of a body is read before that.
    assert_eq!(status("/hooks/plain", None, "{"), 401);
    assert_eq!(status("/hooks/plain", Some(PROOF), "{"), 400);
    assert_eq!(status("/hooks/harbor", Some(PROOF), &body), 404);
    assert_eq!(status("/hooks/distribution", Some(PROOF), &body), 400);
    assert_eq!(status("/hooks/plain", Some(PROOF), &" ".repeat(3_000)), 413);
    assert_eq!(service.status("GET", "/hooks/plain", Some(PROOF), "").unwrap(), 405);
    assert_eq!(service.status("GET", "/api/v1/nothing", None, "").unwrap(), 404);
    let led = service.tell(&format!("{}/app:1", elsewhere.address));
    assert_eq!(led, json!({"queued": 0, "known": 0, "refused": 1}));
    let told = service.tell(&format!("{}/app:1", registry.address));
    assert_eq!(told, json!({"queued": 1, "known": 0, "refused": 0}));
    assert_eq!(service.scanned(1)[0]["tags"], json!(["1"]));
    assert!(elsewhere.asked().is_empty(), "{:?}", elsewhere.asked());
}

#[test]
fn a_burst_of_one_event_is_one_scan() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::plain();
    registry.push(&image("a"), "app:1");
    let front = Front::of(&registry.address, |_| Act::Pass);
    let service = Service::start(folder.path(), &free_address(), &[&front.address], "workers = 4");
    let resolved = scanner().args([format!("{}/app:1", registry.address)]).report();
    let digest = resolved.json["image"]["manifests"][0]["manifest"].as_str().unwrap().to_owned();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..25 {
                    service.tell(&format!("{}/app@{digest}", front.address));
                }
            });
        }
    });
    service.scanned(1);
    let idle = |service: &Service| service.get("/api/v1/jobs")["items"].as_array().unwrap().is_empty();
    service.wait_for("the queue to be empty", idle);
    assert_eq!(service.get("/api/v1/images")["items"].as_array().unwrap().len(), 1);
    assert_eq!((service.metric("layers_scanned_total"), service.metric("images_scanned_total")), (2, 1));
    let asked = front.asked();
    for layer in layers(&resolved.json) {
        assert_eq!(asked.iter().filter(|asked| asked.path == layer).count(), 1, "{layer}");
    }
}

#[test]
fn who_is_killed_in_the_middle_of_a_layer_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::plain();
    registry.push(&image("a"), "app:1");
    let layers = layers(&scanner().args([format!("{}/app:1", registry.address)]).report().json);
    let hanging = Arc::new(AtomicBool::new(true));
    let (hangs, own) = (Arc::clone(&hanging), layers.clone());
    let front = Front::of(&registry.address, move |asked| {
        let layer = own.contains(&asked.path) && hangs.load(Ordering::Relaxed);
        if layer { Act::Hang(10) } else { Act::Pass }
    });
    let address = free_address();
    let service = Service::start(folder.path(), &address, &[&front.address], "");
    let told = service.tell(&format!("{}/app:1", front.address));
    assert_eq!(told["queued"], 1);
    // The answer was 2xx: from here on nothing may get lost.
    service.wait_for("a layer to be asked for", |_| {
        front.asked().iter().any(|asked| layers.contains(&asked.path))
    });
    service.kill();
    hanging.store(false, Ordering::Relaxed);
    let service = Service::start(folder.path(), &address, &[&front.address], "");
    let images = service.scanned(1);
    assert_eq!((&images[0]["totals"]["critical"], &images[0]["gaps"]), (&json!(2), &json!(0)), "{images:?}");
}

#[test]
fn what_cannot_be_had_is_told_with_its_reason_and_tried_again_when_asked() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::plain();
    let service = Service::start(folder.path(), &free_address(), &[&registry.address], "");
    service.tell(&format!("{}/app:1", registry.address));
    let dead =
        |service: &Service| service.get("/api/v1/jobs?state=dead")["items"].as_array().unwrap().clone();
    service.wait_for("the job to be dead", |service| !dead(service).is_empty());
    let job = &dead(&service)[0];
    assert_eq!((&job["kind"], &job["attempts"]), (&json!("tag"), &json!(1)));
    assert!(job["reason"].as_str().unwrap().contains("app:1"), "{job}");
    registry.push(&image("a"), "app:1");
    let path = format!("/api/v1/jobs/{}/retry", job["id"]);
    assert_eq!(service.status("POST", &path, None, "").unwrap(), 200);
    assert_eq!(service.scanned(1).len(), 1);
    assert_eq!(service.status("POST", &path, None, "").unwrap(), 404);
}

#[test]
fn workers_of_their_own_do_the_jobs() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::plain();
    registry.push(&image("a"), "app:1");
    let service = Service::start(folder.path(), &free_address(), &[&registry.address], "workers = 0");
    service.tell(&format!("{}/app:1", registry.address));
    let mut worker = Service::spawn(folder.path(), &["worker", "--workers", "2"]);
    assert_eq!(service.scanned(1).len(), 1);
    assert_eq!(service.metric("jobs_done_total"), 0);
    worker.kill().unwrap();
    worker.wait().unwrap();
}

#[test]
fn several_machines_share_one_database() {
    let database = Database::start();
    let registry = Registry::plain();
    let front = Front::of(&registry.address, |_| Act::Pass);
    let more = format!("database = '{}'\nseal-key-file = 'proof'", database.url);
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    // Both begin at the same time with an empty database.
    let servers: Vec<Service> = std::thread::scope(|scope| {
        let start = |folder: &tempfile::TempDir| {
            let path = folder.path().to_owned();
            let (address, more) = (front.address.clone(), more.clone());
            scope.spawn(move || Service::start(&path, &free_address(), &[&address], &more))
        };
        let begun: Vec<_> = folders.iter().map(start).collect();
        begun.into_iter().map(|begun| begun.join().unwrap()).collect()
    });
    let names: Vec<String> = (0..6).map(|number| format!("app{number}")).collect();
    for name in &names {
        registry.push(&image(name), &format!("{name}:1"));
    }
    std::thread::scope(|scope| {
        for server in &servers {
            let (names, address) = (&names, &front.address);
            scope.spawn(move || {
                for name in names.iter().chain(names) {
                    server.tell(&format!("{address}/{name}:1"));
                }
            });
        }
    });
    for server in &servers {
        let images = server.scanned(names.len());
        assert_eq!(images.len(), names.len());
        for image in &images {
            assert_eq!((&image["totals"]["critical"], &image["gaps"]), (&json!(2), &json!(0)), "{image}");
        }
        let idle = |server: &Service| server.get("/api/v1/jobs")["items"].as_array().unwrap().is_empty();
        server.wait_for("the queue to be empty", idle);
    }
    let layers: u64 = servers.iter().map(|server| server.metric("layers_scanned_total")).sum();
    assert_eq!(layers, 1 + names.len() as u64, "each layer once, whoever scanned it");
    let first = servers[0].get("/api/v1/images");
    let id = &first["items"][0]["id"];
    let [one, other] =
        [0, 1].map(|server: usize| servers[server].get(&format!("/api/v1/images/{id}/report")));
    assert_eq!(one, other);
    let text = database.ask("SELECT count(*) FROM blobs").unwrap();
    assert_eq!(text, (1 + names.len()).to_string());
    for server in servers {
        server.kill();
    }
    let dump = run("pg_dump", &["--inserts", &database.url], folders[0].path());
    let dump = String::from_utf8_lossy(&dump);
    for name in names.iter().map(String::as_str).chain(["shared"]) {
        assert!(!dump.contains(&token(name)), "a secret stands in the database");
    }
}

#[test]
fn who_is_killed_leaves_its_jobs_to_others() {
    let database = Database::start();
    let registry = Registry::plain();
    registry.push(&image("a"), "app:1");
    let layers = layers(&scanner().args([format!("{}/app:1", registry.address)]).report().json);
    let hanging = Arc::new(AtomicBool::new(true));
    let (hangs, own) = (Arc::clone(&hanging), layers.clone());
    let front = Front::of(&registry.address, move |asked| {
        let layer = own.contains(&asked.path) && hangs.load(Ordering::Relaxed);
        if layer { Act::Hang(10) } else { Act::Pass }
    });
    let more = format!("workers = 0\ndatabase = '{}'\nseal-key-file = 'proof'", database.url);
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(folder.path(), &free_address(), &[&front.address], &more);
    service.tell(&format!("{}/app:1", front.address));
    let mut first = Service::spawn(folder.path(), &["worker", "--workers", "2"]);
    service.wait_for("a layer to be asked for", |_| {
        front.asked().iter().any(|asked| layers.contains(&asked.path))
    });
    first.kill().unwrap();
    first.wait().unwrap();
    hanging.store(false, Ordering::Relaxed);
    let mut second = Service::spawn(folder.path(), &["worker", "--workers", "2"]);
    let images = service.scanned(1);
    assert_eq!((&images[0]["totals"]["critical"], &images[0]["gaps"]), (&json!(2), &json!(0)), "{images:?}");
    second.kill().unwrap();
    second.wait().unwrap();
}

#[test]
fn tokens_say_who_may_do_what() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("reader"), "a reader of this test").unwrap();
    fs::write(folder.path().join("admin"), "an admin of this test").unwrap();
    let tokens = "[[serve.token]]\nname = 'r'\nrole = 'read'\nsecret-file = 'reader'\n\
        [[serve.token]]\nname = 'a'\nrole = 'admin'\nsecret-file = 'admin'";
    let service = Service::start(folder.path(), &free_address(), &["registry.example"], tokens);
    let status =
        |method: &str, path: &str, token: Option<&str>| service.status(method, path, token, "").unwrap();
    let (reader, admin) = (Some("Bearer a reader of this test"), Some("Bearer an admin of this test"));
    for (method, path, token, expected) in [
        ("GET", "/api/v1/images", None, 401),
        ("GET", "/api/v1/images", Some("Bearer "), 401),
        ("GET", "/api/v1/images", Some("a reader of this test"), 401),
        ("GET", "/api/v1/images", reader, 200),
        ("GET", "/api/v1/images", admin, 200),
        ("POST", "/api/v1/jobs/1/retry", reader, 403),
        ("POST", "/api/v1/jobs/1/retry", admin, 404),
        ("GET", "/api/v1/images/1", reader, 404),
        ("GET", "/api/v1/images/1/report", reader, 404),
        ("GET", "/api/v1/findings?after=x", reader, 400),
        ("GET", "/metrics", None, 200),
    ] {
        assert_eq!(status(method, path, token), expected, "{method} {path} {token:?}");
    }
    let closed =
        ["images", "images/1", "images/1/findings", "images/1/report", "findings", "layers/x/images", "jobs"];
    for path in closed {
        assert_eq!(status("GET", &format!("/api/v1/{path}"), None), 401, "{path}");
    }
    assert_eq!(status("POST", "/api/v1/jobs/1/retry", None), 401);
}

#[test]
fn a_configuration_is_checked_as_a_whole() {
    let folder = tempfile::tempdir().unwrap();
    let check = |config: &str| {
        fs::write(folder.path().join("layersift.toml"), config).unwrap();
        let file = folder.path().join("layersift.toml");
        Scanner::of("serve").args(["--check", "--config"]).path(&file).run()
    };
    let wrong = check("[serve]\nlisten = 'x'\n[[serve.hook]]\nkind = 'habor'\n");
    assert_eq!(wrong.code, 2, "{}", wrong.stderr);
    for part in ["serve.listen", "serve.data", "serve.registry", "there is no kind `habor`"] {
        assert!(wrong.stderr.contains(part), "{part}: {}", wrong.stderr);
    }
    let typo = check("[serve]\nlisen = 'x'\n");
    assert!(typo.code == 2 && typo.stderr.contains("lisen"), "{}", typo.stderr);
    fs::write(folder.path().join("proof"), PROOF).unwrap();
    let right = check(
        "[serve]\ndata = 'd'\n[[serve.registry]]\nname = 'r.example'\n[[serve.hook]]\nkind = 'harbor'\nsecret-file = 'proof'\n",
    );
    assert_eq!(
        (right.code, right.stdout.as_str()),
        (0, "the configuration is right, and the database answers\n")
    );
}

#[test]
fn every_dialect_is_described() {
    let text = fs::read_to_string(crate::support::root().join("docs/serve.md")).unwrap();
    for dialect in layersift::serve::hooks::DIALECTS {
        assert!(text.contains(&format!("`{}`", dialect.name)), "{}", dialect.name);
    }
}
