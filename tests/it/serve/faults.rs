//! The service: what is killed or cannot be had loses nothing.

use super::{Hanging, image};
use crate::support::database::Database;
use crate::support::registry::{Registry, free_address};
use crate::support::service::Service;
use serde_json::json;

#[test]
fn who_is_killed_in_the_middle_of_a_layer_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::plain();
    registry.push(&image("a"), "app:1");
    let hanging = Hanging::before(&registry);
    let address = free_address();
    let service = Service::start(folder.path(), &address, &[&hanging.front.address], "");
    let told = service.tell(&format!("{}/app:1", hanging.front.address));
    assert_eq!(told["queued"], 1);
    // The answer was 2xx: from here on nothing may get lost.
    hanging.wait_for_a_layer(&service);
    service.kill();
    hanging.let_go();
    let service = Service::start(folder.path(), &address, &[&hanging.front.address], "");
    let images = service.scanned(1);
    assert_eq!((&images[0]["totals"]["critical"], &images[0]["gaps"]), (&json!(2), &json!(0)), "{images:?}");
}

#[test]
fn who_is_killed_leaves_its_jobs_to_others() {
    let database = Database::start();
    let registry = Registry::plain();
    registry.push(&image("a"), "app:1");
    let hanging = Hanging::before(&registry);
    let more = format!("workers = 0\ndatabase = '{}'\nseal-key-file = 'proof'", database.url);
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(folder.path(), &free_address(), &[&hanging.front.address], &more);
    service.tell(&format!("{}/app:1", hanging.front.address));
    let mut first = Service::spawn(folder.path(), &["worker", "--workers", "2"]);
    hanging.wait_for_a_layer(&service);
    first.kill().unwrap();
    first.wait().unwrap();
    hanging.let_go();
    let mut second = Service::spawn(folder.path(), &["worker", "--workers", "2"]);
    let images = service.scanned(1);
    assert_eq!((&images[0]["totals"]["critical"], &images[0]["gaps"]), (&json!(2), &json!(0)), "{images:?}");
    second.kill().unwrap();
    second.wait().unwrap();
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
