//! The service on several machines, or in several processes.

use super::{image, token};
use crate::support::database::Database;
use crate::support::front::{Act, Front};
use crate::support::registry::{Registry, free_address, run};
use crate::support::service::Service;
use serde_json::json;

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
