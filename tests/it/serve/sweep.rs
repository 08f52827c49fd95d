//! The service: what no hook told of is found all the same.

use super::image;
use crate::support::front::{Act, Asked, Front};
use crate::support::registry::{Registry, free_address};
use crate::support::service::Service;
use serde_json::json;

const OFTEN: &str = "[serve.sweep]\nrequests-per-second = 1000\n";

/// Has everything looked through, and waits for that.
fn sweep(service: &Service) {
    let before = service.metric("sweeps_total");
    assert_eq!(service.status("POST", "/api/v1/sweeps", None, "").unwrap(), 202);
    service.wait_for("the sweep", |service| service.metric("sweeps_total") > before);
}

fn idle(service: &Service) {
    let empty = |service: &Service| service.get("/api/v1/jobs")["items"].as_array().unwrap().is_empty();
    service.wait_for("the queue to be empty", empty);
}

fn is_list(asked: &Asked) -> bool {
    asked.path.contains("/_catalog?") || asked.path.contains("/tags/list?")
}

#[test]
fn what_was_pushed_while_nobody_listened_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::plain();
    registry.push(&image("a"), "app:1");
    registry.push(&image("b"), "team/app:2");
    registry.push(&image("b"), "team/app:3");
    let front = Front::of(&registry.address, |_| Act::Pass);
    let address = free_address();
    let start = |more: &str| Service::start(folder.path(), &address, &[&front.address], more);
    // The first is begun by itself.
    let service = start("[serve.sweep]\nevery = '24h'\nrequests-per-second = 1000\n");
    let images = service.scanned(2);
    assert_eq!((&images[0]["gaps"], &images[1]["gaps"]), (&json!(0), &json!(0)), "{images:?}");
    idle(&service);
    let mut tags: Vec<String> = images.iter().map(|image| image["tags"].to_string()).collect();
    tags.sort();
    assert_eq!(tags, ["[\"1\"]", "[\"2\",\"3\"]"]);
    assert_eq!(service.metric("sweep_tags_total"), 3);
    let told = service.get("/api/v1/sweeps");
    let row = &told["items"][0];
    assert_eq!((&row["repositories"], &row["tags"]), (&json!(2), &json!(3)), "{row}");
    assert!(row["next"].as_i64() > row["ended"].as_i64(), "{row}");

    // What is known costs a question of its digest, and no more.
    let before = front.asked().len();
    sweep(&service);
    let later = front.asked().split_off(before);
    let heads = later.iter().filter(|asked| asked.method == "HEAD").count();
    assert_eq!(heads, 3, "{later:?}");
    let other = later.iter().find(|asked| asked.method != "HEAD" && !is_list(asked) && asked.path != "/v2/");
    assert!(other.is_none(), "{other:?}");
    assert_eq!(service.metric("images_scanned_total"), 2);

    // What was scanned with other settings is scanned again.
    assert!(service.terminate().success());
    let service = start(&format!("{OFTEN}[limits]\nmax-members = 54321\n"));
    sweep(&service);
    idle(&service);
    assert_eq!(service.metric("images_scanned_total"), 2);
}

#[test]
fn what_is_gone_has_no_tags() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::plain();
    for (name, tag) in [("a", "app:1"), ("b", "app:2"), ("a", "gone:1")] {
        registry.push(&image(name), tag);
    }
    let service = Service::start(folder.path(), &free_address(), &[&registry.address], OFTEN);
    sweep(&service);
    let images = service.scanned(3);
    idle(&service);
    for image in &images {
        let name = image["name"].as_str().unwrap();
        let (_, path) = name.split_once('/').unwrap();
        let (repository, digest) = path.split_once('@').unwrap();
        if image["tags"] == json!(["1"]) {
            registry.delete(repository, digest);
        }
    }
    sweep(&service);
    for image in service.get("/api/v1/images")["items"].as_array().unwrap() {
        let there = image["tags"] == json!(["2"]);
        assert!(there || image["tags"] == json!([]), "{image}");
    }
    // What was found in them stays known.
    assert_eq!(service.scanned(3).len(), 3);
}

#[test]
fn a_registry_that_does_not_list_itself_is_told_and_can_be_named() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::plain();
    registry.push(&image("a"), "team/app:1");
    let front = Front::of(&registry.address, |asked| {
        let body = "{\"errors\":[]}".to_owned();
        if asked.path.contains("_catalog") { Act::Answer(404, Vec::new(), body) } else { Act::Pass }
    });
    let address = free_address();
    let service = Service::start(folder.path(), &address, &[&front.address], OFTEN);
    assert_eq!(service.status("POST", "/api/v1/sweeps?registry=other.example", None, "").unwrap(), 404);
    assert_eq!(service.status("POST", "/api/v1/sweeps", None, "").unwrap(), 202);
    let dead =
        |service: &Service| service.get("/api/v1/jobs?state=dead")["items"].as_array().unwrap().clone();
    service.wait_for("the sweep to be given up", |service| !dead(service).is_empty());
    let job = &dead(&service)[0];
    let reason = job["reason"].as_str().unwrap();
    assert_eq!(job["kind"], "sweep");
    assert!(
        reason.contains("does not list its repositories") && reason.contains("`repositories`"),
        "{reason}"
    );
    assert!(service.log().contains("does not list its repositories"));
    assert!(service.terminate().success());
    let named = format!(
        "{OFTEN}[[serve.registry]]\nname = '{}'\nrepositories = ['team/app', 'team/none']\n",
        front.address
    );
    let service = Service::start(folder.path(), &address, &[], &named);
    sweep(&service);
    assert_eq!(service.scanned(1)[0]["tags"], json!(["1"]));
}

#[test]
fn who_is_killed_in_the_middle_of_a_sweep_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::plain();
    for number in 0..5 {
        registry.push(&image("a"), &format!("app{number}:1"));
    }
    let front = Front::of(&registry.address, |_| Act::Pass);
    let address = free_address();
    let slowly = "workers = 1\n[serve.sweep]\nrequests-per-second = 1\n";
    let service = Service::start(folder.path(), &address, &[&front.address], slowly);
    assert_eq!(service.status("POST", "/api/v1/sweeps", None, "").unwrap(), 202);
    service.wait_for("some of it", |service| service.metric("sweep_tags_total") >= 2);
    service.kill();
    let service = Service::start(folder.path(), &address, &[&front.address], OFTEN);
    service.wait_for("the rest of it", |service| service.metric("sweeps_total") == 1);
    let asked = front.asked();
    let catalogs = asked.iter().filter(|asked| asked.path.contains("_catalog")).count();
    assert_eq!(catalogs, 1, "it did not begin anew");
    assert!(service.metric("sweep_tags_total") <= 3, "what was seen is not seen again");
    let row = &service.get("/api/v1/sweeps")["items"][0];
    assert_eq!((&row["repositories"], &row["tags"]), (&json!(5), &json!(5)), "{row}");
    assert_eq!(service.scanned(5).len(), 5);
}

#[test]
fn what_a_registry_answers_at_once_is_not_carried_along() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::plain();
    // It knows no pages, and has more names than are carried; all but one lead nowhere.
    let all: Vec<String> = (0..3_000).map(|number| format!("z{number}-{}", "x".repeat(190))).collect();
    let all = [vec!["app".to_owned()], all].concat();
    let front = Front::of(&registry.address, move |asked| {
        let body = json!({"repositories": all}).to_string();
        if asked.path.contains("_catalog") { Act::Answer(200, Vec::new(), body) } else { Act::Pass }
    });
    registry.push(&image("a"), "app:1");
    let service = Service::start(folder.path(), &free_address(), &[&front.address], OFTEN);
    assert_eq!(service.status("POST", "/api/v1/sweeps", None, "").unwrap(), 202);
    assert_eq!(service.scanned(1)[0]["tags"], json!(["1"]));
    service.wait_for("the next of them", |_| front.asked().iter().any(|asked| asked.path.contains("/z1-x")));
    service.kill();
    let database = rusqlite::Connection::open(folder.path().join("data/service-1.sqlite")).unwrap();
    let carried = "SELECT length(subject) FROM jobs WHERE kind = 'sweep'";
    let carried: i64 = database.query_one(carried, [], |row| row.get(0)).unwrap();
    assert!((10_000..120_000).contains(&carried), "{carried}");
}
