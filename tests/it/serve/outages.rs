//! The service: registries, databases and disks that fail for a while. What was answered with 2xx is done at the end, what was
//! not is told again by its sender, and nobody has to do anything.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::{Hanging, image, layers};
use crate::support::database::Database;
use crate::support::front::{Act, Front};
use crate::support::registry::{Registry, free_address, run};
use crate::support::scanner::scanner;
use crate::support::service::{PROOF, Service};
use serde_json::{Value, json};

/// Images of a burst.
const BURST: usize = 1_000;

/// What telling of an image is answered with.
fn told(service: &Service, image: &str) -> Option<u16> {
    let body = json!({"image": image}).to_string();
    service.status("POST", "/hooks/plain", Some(PROOF), &body)
}

fn wait_until_idle(service: &Service) {
    let idle = |service: &Service| service.get("/api/v1/jobs")["items"].as_array().unwrap().is_empty();
    service.wait_for("the queue to be empty", idle);
}

/// Each of `images` leaks two credentials and has nothing that was not looked at.
fn assert_whole(images: &[Value]) {
    for image in images {
        assert_eq!((&image["totals"]["critical"], &image["gaps"]), (&json!(2), &json!(0)), "{image}");
    }
}

#[test]
fn a_database_that_is_killed_loses_no_event_that_was_answered() {
    let mut database = Database::start();
    let registry = Registry::plain();
    let names: Vec<String> =
        ["app".to_owned()].into_iter().chain((0..8).map(|n| format!("more{n}"))).collect();
    for name in &names {
        registry.push(&image(name), &format!("{name}:1"));
    }
    let own = layers(&scanner().args([format!("{}/app:1", registry.address)]).report().json);
    let slow = own.clone();
    let front = Front::of(&registry.address, move |asked| {
        if slow.contains(&asked.path) { Act::Slow(Duration::from_secs(4)) } else { Act::Pass }
    });
    let more = format!("workers = 2\ndatabase = '{}'\nseal-key-file = 'proof'", database.url);
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(folder.path(), &free_address(), &[&front.address], &more);
    let at = |name: &String| format!("{}/{name}:1", front.address);
    assert_eq!(told(&service, &at(&names[0])), Some(200));
    service
        .wait_for("a layer to be asked for", |_| front.asked().iter().any(|asked| own.contains(&asked.path)));
    // Those are queued, or being done, when it happens.
    for name in &names[1..8] {
        assert_eq!(told(&service, &at(name)), Some(200));
    }
    database.crash();
    assert_eq!(told(&service, &at(&names[8])), Some(503));
    assert_eq!(service.status("GET", "/healthz", None, ""), Some(200));
    // Its last answer to this is believed for some seconds.
    service
        .wait_for("the service to say so", |service| service.status("GET", "/readyz", None, "") == Some(503));
    database.restart();
    // Its connections are broken, which is nobody's concern.
    assert_eq!(told(&service, &at(&names[8])), Some(200));
    assert_whole(&service.scanned(names.len()));
    wait_until_idle(&service);
    assert_eq!(service.get("/api/v1/images")["items"].as_array().unwrap().len(), names.len());
}

#[test]
fn a_database_that_hangs_holds_nobody_for_good() {
    let database = Database::start();
    let registry = Registry::plain();
    registry.push(&image("a"), "app:1");
    let more = format!("workers = 1\ndatabase = '{}'\nseal-key-file = 'proof'", database.url);
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(folder.path(), &free_address(), &[&registry.address], &more);
    database.signal("-STOP");
    let began = Instant::now();
    assert_eq!(told(&service, &format!("{}/app:1", registry.address)), Some(503));
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    database.signal("-CONT");
    service.wait_for("the database to be used again", |service| {
        told(service, &format!("{}/app:1", registry.address)) == Some(200)
    });
    assert_whole(&service.scanned(1));
}

/// A small disk of its own.
struct Disk<'d>(&'d Path);

impl<'d> Disk<'d> {
    fn at(folder: &'d Path) -> Self {
        fs::create_dir(folder).unwrap();
        run(
            "mount",
            &["-t", "tmpfs", "-o", "size=3m", "layersift-test", &folder.display().to_string()],
            folder,
        );
        Self(folder)
    }
}

impl Drop for Disk<'_> {
    fn drop(&mut self) {
        // Lazily: the service may still be ending.
        let _ = Command::new("umount").arg("-l").arg(self.0).status();
    }
}

#[test]
fn a_full_disk_is_told_and_spoils_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::plain();
    let data = folder.path().join("data");
    let disk = Disk::at(&data);
    for name in ["app", "more"] {
        registry.push(&image(name), &format!("{name}:1"));
    }
    let service = Service::start(folder.path(), &free_address(), &[&registry.address], "workers = 1");
    assert_eq!(told(&service, &format!("{}/app:1", registry.address)), Some(200));
    service.scanned(1);
    wait_until_idle(&service);
    // Somebody else fills the disk.
    let filler = data.join("filler");
    let _ = fs::write(&filler, vec![1; 4 << 20]);
    let image = |number: usize| format!("{}/x{number}@sha256:{number:064x}", registry.address);
    let answers: Vec<u16> = (0..200).map_while(|number| told(&service, &image(number))).collect();
    assert!(answers.iter().all(|status| [200, 503].contains(status)), "{answers:?}");
    assert_eq!(answers.last(), Some(&503));
    assert_eq!(service.status("GET", "/healthz", None, ""), Some(200));
    let kept = answers.iter().filter(|status| **status == 200).count();
    fs::remove_file(&filler).unwrap();
    service.wait_for("room to be used", |service| {
        told(service, &format!("{}/more:1", registry.address)) == Some(200)
    });
    let images = service.scanned(2);
    assert_whole(&images);
    // What was answered with 2xx is there, what was not is not.
    let all = service.get("/api/v1/images?limit=1000");
    assert_eq!(all["items"].as_array().unwrap().len(), 2 + kept);
    assert!(service.terminate().success());
    let check = "import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute('PRAGMA integrity_check').fetchall())";
    let database = data.join("service-1.sqlite").display().to_string();
    let said = String::from_utf8(run("python3", &["-c", check, &database], folder.path())).unwrap();
    assert_eq!(said.trim(), "[('ok',)]");
    drop(disk);
}

#[test]
fn a_registry_that_hangs_does_not_hold_up_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::plain();
    registry.push(&image("a"), "app:1");
    let hanging = Front::of(&registry.address, |_| Act::Hang(0));
    let registries = [hanging.address.as_str(), &registry.address];
    let service = Service::start(folder.path(), &free_address(), &registries, "workers = 3");
    for number in 0..20 {
        assert_eq!(told(&service, &format!("{}/app{number}:1", hanging.address)), Some(200));
    }
    service.wait_for("the registry to be asked", |_| !hanging.asked().is_empty());
    assert_eq!(told(&service, &format!("{}/app:1", registry.address)), Some(200));
    let began = Instant::now();
    assert_whole(&service.scanned(1));
    // Its own time-out is a minute.
    assert!(began.elapsed() < Duration::from_secs(50), "{:?}", began.elapsed());
    service.kill();
}

#[test]
fn a_registry_that_asks_to_wait_is_left_in_peace() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::plain();
    for name in ["app", "other"] {
        registry.push(&image(name), &format!("{name}:1"));
    }
    let busy = Arc::new(AtomicBool::new(true));
    let state = Arc::clone(&busy);
    let front = Front::of(&registry.address, move |asked| {
        if state.load(Ordering::Relaxed) && asked.path.contains("/manifests/") {
            Act::Answer(429, vec![("Retry-After", "100".to_owned())], String::new())
        } else {
            Act::Pass
        }
    });
    let service = Service::start(folder.path(), &free_address(), &[&front.address], "workers = 1");
    let manifests = || front.asked().iter().filter(|asked| asked.path.contains("/manifests/")).count();
    assert_eq!(told(&service, &format!("{}/app:1", front.address)), Some(200));
    let later =
        |service: &Service| service.get("/api/v1/jobs?state=later")["items"].as_array().unwrap().clone();
    service.wait_for("the job to be put off", |service| !later(service).is_empty());
    assert!(later(&service)[0]["reason"].as_str().unwrap().contains("429"));
    let asked = manifests();
    // Neither this nor another image is asked for before the time has passed.
    for name in ["app", "other"] {
        assert_eq!(told(&service, &format!("{}/{name}:1", front.address)), Some(200));
    }
    std::thread::sleep(Duration::from_secs(8));
    assert_eq!(manifests(), asked);
    service.kill();
}

#[test]
fn a_layer_is_asked_for_in_every_repository_that_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::plain();
    for name in ["closed", "open"] {
        registry.push(&image("a"), &format!("{name}:1"));
    }
    let closed = layers(&scanner().args([format!("{}/closed:1", registry.address)]).report().json);
    let closed: Vec<String> = closed.iter().map(|path| path.replace("/app/", "/closed/")).collect();
    let front = Front::of(&registry.address, move |asked| {
        let forbidden = closed.contains(&asked.path);
        if forbidden { Act::Answer(403, vec![], String::new()) } else { Act::Pass }
    });
    let service = Service::start(folder.path(), &free_address(), &[&front.address], "workers = 1");
    for name in ["closed", "open"] {
        assert_eq!(told(&service, &format!("{}/{name}:1", front.address)), Some(200));
    }
    assert_whole(&service.scanned(2));
}

#[test]
fn an_image_that_was_told_without_a_layer_is_told_with_it_when_it_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::plain();
    for name in ["app", "other"] {
        registry.push(&image("a"), &format!("{name}:1"));
    }
    let shared =
        layers(&scanner().args([format!("{}/app:1", registry.address)]).report().json).swap_remove(0);
    let gone = Arc::new(AtomicBool::new(true));
    let state = Arc::clone(&gone);
    let front = Front::of(&registry.address, move |asked| {
        let absent = asked.path == shared && state.load(Ordering::Relaxed);
        if absent { Act::Answer(404, vec![], String::new()) } else { Act::Pass }
    });
    let service = Service::start(folder.path(), &free_address(), &[&front.address], "workers = 1");
    assert_eq!(told(&service, &format!("{}/app:1", front.address)), Some(200));
    let first = &service.scanned(1)[0];
    assert_eq!((&first["totals"]["critical"], &first["gaps"]), (&json!(1), &json!(1)), "{first}");
    gone.store(false, Ordering::Relaxed);
    // Another image has the layer too, in a repository that gives it. Nobody speaks of the first one again.
    assert_eq!(told(&service, &format!("{}/other:1", front.address)), Some(200));
    service.wait_for("the first image to be whole", |service| {
        service.get(&format!("/api/v1/images/{}", first["id"]))["gaps"] == 0
    });
    assert_whole(&service.scanned(2));
}

#[test]
fn a_worker_that_is_asked_to_end_gives_its_layer_to_another() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::plain();
    registry.push(&image("a"), "app:1");
    let hanging = Hanging::before(&registry);
    // Leases that nobody could wait for: what is given back is there at once.
    let more = "workers = 0\ndrain-seconds = 1";
    let service = Service::start(folder.path(), &free_address(), &[&hanging.front.address], more);
    let config = folder.path().join("layersift.toml");
    let patient =
        fs::read_to_string(&config).unwrap().replace("lease-seconds = 1\n", "lease-seconds = 600\n");
    fs::write(&config, patient).unwrap();
    assert_eq!(told(&service, &format!("{}/app:1", hanging.front.address)), Some(200));
    let mut first = Service::spawn(folder.path(), &["worker", "--workers", "2"]);
    hanging.wait_for_a_layer(&service);
    run("kill", &["-TERM", &first.id().to_string()], folder.path());
    assert!(first.wait().unwrap().success());
    hanging.let_go();
    let mut second = Service::spawn(folder.path(), &["worker", "--workers", "2"]);
    assert_whole(&service.scanned(1));
    second.kill().unwrap();
    second.wait().unwrap();
}

#[test]
fn a_burst_of_a_thousand_images_is_done_to_the_last_one() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::plain();
    registry.push(&image("a"), "app:base");
    registry.multiply(BURST);
    let front = Front::of(&registry.address, |_| Act::Pass);
    let service = Service::start(folder.path(), &free_address(), &[&front.address], "workers = 2");
    std::thread::scope(|scope| {
        for part in 0..8 {
            let (service, address) = (&service, &front.address);
            scope.spawn(move || {
                for number in (part..BURST).step_by(8) {
                    // What is answered otherwise is told again by its sender.
                    while told(service, &format!("{address}/app:{number}")) != Some(200) {
                        std::thread::sleep(Duration::from_millis(50));
                    }
                }
            });
        }
    });
    wait_until_idle(&service);
    let images = service.get("/api/v1/images?limit=1000");
    let images = images["items"].as_array().unwrap();
    assert_eq!(images.len(), BURST);
    assert_whole(images);
    assert_eq!((service.metric("layers_scanned_total"), service.metric("jobs_failed_total")), (2, 0));
}
