//! The service: what people decide, and where a credential is and was, with both databases.

use std::fs;

use super::{image, stands_in, token};
use crate::support::bundle::Bundle;
use crate::support::compression::Compression;
use crate::support::database::Database;
use crate::support::formats::named;
use crate::support::image::ImageBuilder;
use crate::support::registry::{Registry, free_address};
use crate::support::scanner::Scanner;
use crate::support::service::Service;
use serde_json::{Value, json};

fn clean() -> Bundle {
    let image = ImageBuilder::new().step("COPY own /own # buildkit", |layer| layer.file("own", "nothing"));
    (named("oci-archive").write)(&[image], Compression::Gzip)
}

fn decide(service: &Service, body: &Value) -> (u16, Value) {
    let (status, text) = service.ask("POST", "/api/v1/decisions", None, &body.to_string()).unwrap();
    (status, serde_json::from_str(&text).unwrap())
}

/// State of a credential, and whether and why it is fixed at its first reference.
fn at(service: &Service, fingerprint: &str) -> (String, Value) {
    let secret = service.get(&format!("/api/v1/secrets/{fingerprint}"));
    let places = service.get(&format!("/api/v1/secrets/{fingerprint}/occurrences"));
    (secret["state"].as_str().unwrap().to_owned(), places["items"][0]["why"].clone())
}

fn story(more: &str) {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::plain();
    registry.push(&image("a"), "team/app:1");
    let service = Service::start(folder.path(), &free_address(), &[&registry.address], more);
    let name = format!("{}/team/app:1", registry.address);
    service.tell(&name);
    service.scanned(1);
    let findings = service.get("/api/v1/images/1/findings");
    let [one, other] =
        [0, 1].map(|at: usize| findings["items"][at]["fingerprint"].as_str().unwrap().to_owned());
    // What is decided is no longer counted, shown as known, and known to a scan that is given the decisions.
    let scope = format!("{}/team/*", registry.address);
    let new =
        json!({"fingerprint": one, "kind": "false-alarm", "scope": scope, "reason": "a key of the tests"});
    let (status, made) = decide(&service, &new);
    assert_eq!((status, &made["who"], &made["in_force"]), (201, &json!("local"), &json!(true)), "{made}");
    let row = service.get("/api/v1/images/1");
    assert_eq!((&row["totals"]["critical"], &row["closed"]), (&json!(1), &json!(1)), "{row}");
    let closed = service.get("/api/v1/findings?open=false");
    assert_eq!((&closed["items"][0]["decided"], &closed["next"]), (&json!("false-alarm"), &Value::Null));
    let report = service.get("/api/v1/images/1/report");
    let cause = &report["suppressed"][0]["causes"][0];
    assert_eq!(
        (&cause["by"], &cause["at"], &cause["new_places"]),
        (&json!("baseline"), &json!("decisions"), &json!([]))
    );
    assert_eq!(report["findings"].as_array().unwrap().len(), 1);
    let (_, known) = service
        .ask("GET", &format!("/api/v1/decisions/baseline?repository={}/team/app", registry.address), None, "")
        .unwrap();
    fs::write(folder.path().join("known.json"), &known).unwrap();
    let args = ["--baseline", "known.json", "--format", "json", &name];
    let run = Scanner::of("scan").args(args).within(folder.path()).run();
    let direct: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(
        (direct["findings"].as_array().unwrap().len(), &direct["findings"][0]["fingerprint"]),
        (1, &json!(other))
    );
    let (_, nowhere) = service.ask("GET", "/api/v1/decisions/baseline", None, "").unwrap();
    assert!(known.contains(&one) && !nowhere.contains(&one), "{known} {nowhere}");
    // It is undone by another one, and both stay.
    let (status, _) = decide(&service, &json!({"fingerprint": one, "kind": "open", "reason": "it is none"}));
    assert_eq!((status, &service.get("/api/v1/images/1")["totals"]["critical"]), (201, &json!(2)));
    assert_eq!(service.get("/api/v1/decisions")["items"].as_array().unwrap().len(), 2);
    let audit = service.get("/api/v1/audit");
    assert_eq!(
        (&audit["items"][1]["action"], &audit["items"][1]["became"]["kind"]),
        (&json!("decide"), &json!("false-alarm"))
    );
    // A tag that moves takes its credentials along.
    let both = |service: &Service| [at(service, &one), at(service, &other)];
    assert_eq!(both(&service), [("open".to_owned(), Value::Null), ("open".to_owned(), Value::Null)]);
    registry.push(&clean(), "team/app:1");
    service.tell(&name);
    service.scanned(2);
    assert_eq!(
        both(&service).map(|(state, why)| (state, why == "newer-image")),
        [("fixed".to_owned(), true), ("fixed".to_owned(), true)]
    );
    registry.push(&image("a"), "team/app:1");
    service.tell(&name);
    service.wait_for("the tag to be looked up", |service| at(service, &one).0 == "open");
    let places = service.get(&format!("/api/v1/secrets/{one}/occurrences"));
    assert!(places["items"][0]["reopened"].is_i64(), "{places}");
    assert_eq!(service.get("/api/v1/summary")["open"]["critical"], 2);
    assert_eq!(service.status("DELETE", "/api/v1/images/1", None, ""), Some(200));
    assert_eq!(at(&service, &one), ("fixed".to_owned(), json!("deleted")));
    assert!(service.terminate().success());
    for secret in ["shared", "a"].map(token) {
        assert!(!stands_in(folder.path(), &secret), "a secret stands in the folder of the service");
    }
}

#[test]
fn what_is_decided_is_counted_apart_and_a_tag_has_what_its_newest_image_has() {
    story("");
}

#[test]
fn so_it_is_with_a_database_on_a_server() {
    let database = Database::start();
    story(&format!("database = '{}'\nseal-key-file = 'proof'", database.url));
}

#[test]
fn what_cannot_be_decided_says_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::plain();
    registry.push(&image("a"), "app:1");
    let service = Service::start(folder.path(), &free_address(), &[&registry.address], "");
    service.tell(&format!("{}/app:1", registry.address));
    service.scanned(1);
    let one = service.get("/api/v1/findings")["items"][0]["fingerprint"].clone();
    for (body, status, part) in [
        (json!({}), 400, "fingerprint"),
        (json!({"fingerprint": one, "kind": "wrong", "reason": "x"}), 400, "false-alarm"),
        (json!({"fingerprint": one, "kind": "fixed", "reason": ""}), 400, "reason"),
        (json!({"fingerprint": one, "kind": "accepted", "reason": "x"}), 400, "until"),
        (
            json!({"fingerprint": one, "kind": "accepted", "until": "2020-01-31", "reason": "x"}),
            400,
            "to come",
        ),
        (json!({"fingerprint": one, "kind": "fixed", "until": "2999-01-31", "reason": "x"}), 400, "last day"),
        (json!({"fingerprint": one, "kind": "fixed", "scope": "app", "reason": "x"}), 400, "HOST/PATH"),
        (json!({"fingerprint": one, "kind": "fixed", "reason": "x", "more": 1}), 400, "more"),
        (json!({"fingerprint": "00", "kind": "fixed", "reason": "x"}), 404, "32 digits"),
    ] {
        let (found, answer) = decide(&service, &body);
        assert!(
            found == status && answer["error"].as_str().unwrap().contains(part),
            "{body}: {found} {answer}"
        );
    }
    assert!(service.get("/api/v1/audit")["items"].as_array().unwrap().is_empty());
}

#[test]
fn what_nobody_needs_is_forgotten_and_what_is_open_is_not() {
    let database = Database::start();
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::plain();
    registry.push(&image("a"), "app:1");
    let more = format!(
        "database = '{}'\nseal-key-file = 'proof'\n[serve.retention]\nuntagged-days = 30\nlayers-days = 30\n",
        database.url
    );
    let start = || Service::start(folder.path(), &free_address(), &[&registry.address], &more);
    let service = start();
    let report = Scanner::of("scan").args([format!("{}/app:1", registry.address)]).report();
    let digest = report.json["image"]["manifests"][0]["manifest"].as_str().unwrap().to_owned();
    service.tell(&format!("{}/app@{digest}", registry.address));
    service.scanned(1);
    let later = |service: Service| {
        assert!(service.terminate().success());
        database
            .ask("UPDATE images SET last_seen = 0; UPDATE blobs SET kept = 0; UPDATE chores SET due = 0")
            .unwrap();
        let service = start();
        let done = |_: &Service| database.ask("SELECT count(*) FROM chores WHERE due > 1").unwrap() == "1";
        service.wait_for("what is forgotten to be looked for", done);
        let idle = |service: &Service| service.get("/api/v1/jobs")["items"].as_array().unwrap().is_empty();
        service.wait_for("the queue to be empty", idle);
        service
    };
    let service = later(service);
    let images = |service: &Service| service.get("/api/v1/images")["items"].as_array().unwrap().len();
    assert_eq!(
        (images(&service), service.metric("forgotten_total")),
        (1, 0),
        "it is open, and its layers are in use"
    );
    for finding in service.get("/api/v1/findings")["items"].as_array().unwrap() {
        let fixed = json!({"fingerprint": finding["fingerprint"], "kind": "fixed", "reason": "revoked"});
        assert_eq!(decide(&service, &fixed).0, 201);
    }
    let service = later(service);
    assert_eq!((images(&service), service.metric("forgotten_total")), (0, 1));
    let audit = service.get("/api/v1/audit");
    assert_eq!(
        (&audit["items"][0]["action"], &audit["items"][0]["was"]["images"]),
        (&json!("forget"), &json!(1))
    );
    assert_eq!(service.get("/api/v1/decisions")["items"].as_array().unwrap().len(), 2, "decisions stay");
}
