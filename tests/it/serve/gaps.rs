//! The service: an image is scanned again, and this time a layer of it cannot be had. With both databases.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{image, layers};
use crate::support::database::Database;
use crate::support::front::{Act, Front};
use crate::support::registry::{Registry, free_address};
use crate::support::scanner::scanner;
use crate::support::service::Service;
use serde_json::{Value, json};

/// What is known of an image and of its credential in the file `own`.
#[derive(Debug)]
struct Known {
    row: Value,
    own: Value,
    state: String,
}

fn known(service: &Service) -> Known {
    let findings = service.get("/api/v1/images/1/findings");
    let findings = findings["items"].as_array().unwrap();
    let own = findings.iter().find(|found| found["place"].as_str().unwrap().contains("own"));
    let own = own.unwrap_or_else(|| panic!("{findings:?}")).clone();
    let secret = service.get(&format!("/api/v1/secrets/{}", own["fingerprint"].as_str().unwrap()));
    let state = secret["state"].as_str().unwrap().to_owned();
    Known { row: service.get("/api/v1/images/1"), own, state }
}

/// Begins the service anew, with these lists.
fn anew(service: Service, ignored: &str, begin: &dyn Fn() -> Service, folder: &Path) -> Service {
    assert!(service.terminate().success());
    fs::write(folder.join(".layersiftignore"), ignored).unwrap();
    begin()
}

fn story(more: &str) {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::plain();
    registry.push(&image("a"), "app:1");
    let own = layers(&scanner().args([format!("{}/app:1", registry.address)]).report().json).remove(1);
    let lost = Arc::new(AtomicBool::new(false));
    let is_lost = Arc::clone(&lost);
    let front = Front::of(&registry.address, move |asked| {
        let lost = asked.path == own && is_lost.load(Ordering::Relaxed);
        if lost { Act::Answer(404, Vec::new(), String::new()) } else { Act::Pass }
    });
    let name = format!("{}/app:1", front.address);
    let start = |more: &str| Service::start(folder.path(), &free_address(), &[&front.address], more);
    let service = start(more);
    service.tell(&name);
    service.scanned(1);
    let whole = known(&service);
    assert_eq!((&whole.row["gaps"], &whole.own["unseen"], &*whole.state), (&json!(0), &json!(false), "open"));
    assert!(service.terminate().success());

    // What scans with other settings begins with nothing.
    lost.store(true, Ordering::Relaxed);
    let begin = || start(&format!("{more}\n[limits]\nmax-members = 54321\n"));
    let service = begin();
    service.tell(&name);
    service.wait_for("a gap", |service| service.get("/api/v1/images/1")["gaps"] == 1);
    let gap = known(&service);
    assert_eq!(
        (&gap.row["totals"]["critical"], &gap.own["unseen"], &*gap.state),
        (&json!(2), &json!(true), "open")
    );
    assert_eq!(gap.own["last_seen"], whole.own["last_seen"]);
    let report = service.get("/api/v1/images/1/report");
    assert_eq!(report["findings"].as_array().unwrap().len(), 1, "a report is what that scan saw");
    let print = gap.own["fingerprint"].as_str().unwrap();
    for (path, word) in [
        ("/images/1".to_owned(), "where the last scan could not look"),
        (format!("/secrets/{print}"), "The last scan could not look there"),
    ] {
        let (status, _, page) = service.fetch(&path, &[]);
        assert!(status == 200 && page.contains(word), "{path}: {page}");
    }

    // What lists say today counts for it too, and fixes nothing.
    let ignored = "[[ignore]]\npath = 'own'\nreason = 'a file of the tests'\n";
    let service = anew(service, ignored, &begin, folder.path());
    service.wait_for("it to be ignored", |service| known(service).state == "closed");
    let closed = known(&service);
    assert_eq!((&closed.own["ignored"], &closed.own["unseen"]), (&json!("ignore-file"), &json!(true)));
    assert_eq!((&closed.row["totals"]["critical"], &closed.row["closed"]), (&json!(1), &json!(1)));
    let service = anew(service, "", &begin, folder.path());
    service.wait_for("it to be open", |service| known(service).state == "open");

    lost.store(false, Ordering::Relaxed);
    service.tell(&name);
    service.wait_for("the layer", |service| service.get("/api/v1/images/1")["gaps"] == 0);
    let again = known(&service);
    assert_eq!((&again.own["unseen"], &*again.state), (&json!(false), "open"));
    assert_eq!(again.own["first_seen"], whole.own["first_seen"]);
}

#[test]
fn what_a_lost_layer_has_is_not_fixed() {
    story("");
}

#[test]
fn what_a_lost_layer_has_is_not_fixed_in_postgresql_either() {
    let database = Database::start();
    story(&format!("database = '{}'\nseal-key-file = 'proof'", database.url));
}
