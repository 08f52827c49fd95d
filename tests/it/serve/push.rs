//! The service: from a push to a real registry to the finding.

use super::{image, layers, stands_in, token};
use crate::support::front::{Act, Front};
use crate::support::registry::{Registry, free_address, notifications};
use crate::support::scanner::scanner;
use crate::support::service::{PROOF, Service};
use serde_json::{Value, json};

#[test]
fn what_is_pushed_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let address = free_address();
    let registry = Registry::telling(&notifications(&format!("http://{address}"), PROOF));
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
