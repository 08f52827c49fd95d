use super::engine::values;
use super::*;
use crate::source::registry::{Reference, RepositoryName};

const LEASE: i64 = 60_000;

fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::in_file(&folder.path().join("db")).unwrap();
    (folder, store)
}

fn worker(name: &str) -> WorkerId {
    WorkerId::new(name)
}

fn image(repository: &str, tag: Option<&str>, fill: Option<&str>) -> Reference {
    let digest = fill.map(|fill| format!("sha256:{}", fill.repeat(64)));
    Reference::new(RepositoryName::at("r.example", repository).unwrap(), tag, digest.as_deref()).unwrap()
}

fn want(store: &Store, image: &Reference) -> usize {
    store.want(&[Wanted { image, settings: "s", priority: 10 }]).unwrap()
}

fn claim(store: &Store, worker: &WorkerId) -> Option<Job> {
    store.claim(worker, "s", LEASE).unwrap()
}

/// Lets time pass, as far as the queue can tell.
fn later(store: &Store, milliseconds: i64) {
    let back = "UPDATE jobs SET due = due - $1, lease = lease - $1";
    store.within(|session| session.execute(back, values![milliseconds])).unwrap();
}

fn states(store: &Store) -> Vec<(String, String)> {
    store.jobs(None, 0, 100).unwrap().into_iter().map(|job| (job.name, job.state)).collect()
}

#[test]
fn what_is_told_many_times_is_one_job() {
    let (_folder, store) = store();
    let image = image("app", Some("1"), Some("a"));
    for _ in 0..100 {
        assert_eq!(want(&store, &image), 1);
    }
    let (one, other) = (worker("one"), worker("other"));
    let job = claim(&store, &one).unwrap();
    assert_eq!((job.kind, job.attempts, job.settings.as_deref()), (Kind::Image, 1, None));
    assert_eq!(claim(&store, &other), None, "nobody else gets it");
    assert_eq!(want(&store, &image), 1);
    assert_eq!(store.scanned((&job, &one), &image, "s", &Scanned::default()).unwrap(), Ok(()));
    assert_eq!(states(&store), []);
    assert_eq!(want(&store, &image), 0, "it is known now");
    let other_rules = store.want(&[Wanted { image: &image, settings: "t", priority: 0 }]).unwrap();
    assert_eq!(other_rules, 1, "with other rules it is not");
    let row = &store.images(None, 0, 10).unwrap()[0];
    assert_eq!(
        (row.name.as_str(), row.tags.as_slice()),
        (&*format!("r.example/app@sha256:{}", "a".repeat(64)), &["1".to_owned()][..])
    );
}

#[test]
fn a_tag_that_is_told_of_again_while_it_is_looked_at_is_looked_at_again() {
    let (_folder, store) = store();
    let (one, tagged) = (worker("one"), image("app", Some("1"), None));
    want(&store, &tagged);
    let job = claim(&store, &one).unwrap();
    assert_eq!(job.kind, Kind::Tag);
    want(&store, &tagged);
    let found = image("app", Some("1"), Some("a"));
    let wanted = Wanted { image: &found, settings: "s", priority: 10 };
    assert_eq!(store.resolved(&job, &one, &wanted).unwrap(), Ok(()));
    let kinds: Vec<_> =
        store.jobs(None, 0, 9).unwrap().into_iter().map(|job| (job.kind, job.state)).collect();
    assert_eq!(kinds, [("tag".into(), "ready".into()), ("image".into(), "ready".into())]);
}

#[test]
fn a_lease_that_is_renewed_lasts_and_one_that_is_not_ends() {
    let (_folder, store) = store();
    let (one, other) = (worker("one"), worker("other"));
    let image = image("app", None, Some("a"));
    want(&store, &image);
    let job = claim(&store, &one).unwrap();
    for _ in 0..5 {
        later(&store, LEASE / 2);
        assert_eq!(store.renew(&one, LEASE).unwrap(), 1);
        assert_eq!(claim(&store, &other), None);
    }
    later(&store, LEASE + 1_000);
    let taken = claim(&store, &other).unwrap();
    assert_eq!((taken.id, taken.attempts), (job.id, 2));
    assert_eq!(store.renew(&one, LEASE).unwrap(), 0);
    assert_eq!(store.scanned((&job, &one), &image, "s", &Scanned::default()).unwrap(), Err(Lost));
    assert_eq!(store.failed(&job, &one, ("late", true)).unwrap(), Err(Lost));
    assert_eq!(store.scanned((&taken, &other), &image, "s", &Scanned::default()).unwrap(), Ok(()));
}

#[test]
fn what_is_given_back_was_never_tried() {
    let (_folder, store) = store();
    let one = worker("one");
    want(&store, &image("app", None, Some("a")));
    claim(&store, &one).unwrap();
    assert_eq!(store.release(&one).unwrap(), 1);
    assert_eq!(claim(&store, &one).unwrap().attempts, 1);
}

#[test]
fn what_fails_comes_back_later_and_later_and_then_is_dead_with_its_reason() {
    let (_folder, store) = store();
    let (one, image) = (worker("one"), image("app", None, Some("a")));
    want(&store, &image);
    let mut expected = [5, 10, 20, 40, 80, 160, 320].into_iter().map(|seconds| seconds * 1_000);
    while let Some(job) = claim(&store, &one) {
        store.failed(&job, &one, ("the registry is away", true)).unwrap().unwrap();
        assert_eq!(claim(&store, &one), None, "not at once");
        let wait = "SELECT due - {now} FROM jobs WHERE state = 'ready'";
        let Some(row) = store.within(|session| session.first(wait, &[])).unwrap() else { break };
        let (wait, most) = (row.int(0), expected.next().unwrap());
        assert!(wait > most / 2 && wait <= most, "{wait} {most}");
        later(&store, most);
    }
    assert_eq!(expected.next(), None);
    let dead = store.jobs(Some("dead"), 0, 9).unwrap();
    assert_eq!((dead[0].attempts, dead[0].reason.as_deref()), (8, Some("the registry is away")));
    assert!(store.revive(dead[0].id).unwrap() && !store.revive(dead[0].id).unwrap());
    let job = claim(&store, &one).unwrap();
    store.failed(&job, &one, ("there is no such image", false)).unwrap().unwrap();
    assert_eq!(store.jobs(Some("dead"), 0, 9).unwrap()[0].attempts, 1, "what cannot pass is not tried again");
    want(&store, &image);
    assert!(claim(&store, &one).is_some(), "who asks again revives it");
}

#[test]
fn a_job_that_takes_its_workers_along_is_dead_at_last() {
    let (_folder, store) = store();
    want(&store, &image("app", None, Some("a")));
    for number in 0..8 {
        assert!(claim(&store, &worker(&number.to_string())).is_some(), "{number}");
        later(&store, LEASE + 1_000);
    }
    assert_eq!(claim(&store, &worker("last")), None);
    let dead = store.jobs(Some("dead"), 0, 9).unwrap();
    assert!(dead[0].reason.as_ref().unwrap().contains("stopped in the middle"), "{dead:?}");
}

fn layers(names: &[&str]) -> Vec<(String, String)> {
    names.iter().map(|name| ((*name).to_owned(), "{}".to_owned())).collect()
}

#[test]
fn an_image_waits_for_its_layers_and_shares_them() {
    let (_folder, store) = store();
    let (one, two) = (worker("one"), worker("two"));
    want(&store, &image("a", None, Some("a")));
    want(&store, &image("b", None, Some("b")));
    let (a, b) = (claim(&store, &one).unwrap(), claim(&store, &two).unwrap());
    store.park(&a, &one, "s", &layers(&["x", "y"])).unwrap().unwrap();
    store.park(&b, &two, "s", &layers(&["y", "z"])).unwrap().unwrap();
    let mut jobs = Vec::new();
    while let Some(job) = claim(&store, &one) {
        assert_eq!(job.kind, Kind::Layer);
        jobs.push(job);
    }
    let names: Vec<_> = jobs.iter().map(|job| job.name.as_str()).collect();
    assert_eq!(names, ["x", "y", "z"], "each layer once, and no image before its layers");
    let ready = |store: &Store| -> Vec<String> {
        store.jobs(Some("ready"), 0, 9).unwrap().into_iter().map(|job| job.name).collect()
    };
    store.done(&jobs[1], &one).unwrap().unwrap();
    assert!(ready(&store).is_empty());
    store.done(&jobs[0], &one).unwrap().unwrap();
    assert_eq!(ready(&store), std::slice::from_ref(&a.name));
    // One that cannot be had does not hold up the image for good.
    store.failed(&jobs[2], &one, ("gone", false)).unwrap().unwrap();
    assert_eq!(ready(&store), [a.name, b.name]);
    assert_eq!(store.dead(Kind::Layer, "s").unwrap(), [("z".to_owned(), "gone".to_owned())]);
    let joined = claim(&store, &one).unwrap();
    assert_eq!((joined.settings.as_deref(), joined.attempts), (Some("s"), 1));
}

#[test]
fn pushes_come_before_what_is_looked_for_again() {
    let (_folder, store) = store();
    let (sweep, push) = (image("sweep", None, Some("a")), image("push", None, Some("b")));
    store.want(&[Wanted { image: &sweep, settings: "s", priority: 0 }]).unwrap();
    want(&store, &push);
    assert!(claim(&store, &worker("one")).unwrap().name.contains("push"));
}

#[test]
fn layers_are_left_to_workers_with_their_settings_and_images_are_taken_over() {
    let (_folder, store) = store();
    let (old, new) = (worker("old"), worker("new"));
    want(&store, &image("a", None, Some("a")));
    let job = claim(&store, &old).unwrap();
    store.park(&job, &old, "s", &layers(&["x"])).unwrap().unwrap();
    assert_eq!(store.claim(&new, "t", LEASE).unwrap(), None);
    assert_eq!(store.adopt("t").unwrap(), 1);
    let taken = store.claim(&new, "t", LEASE).unwrap().unwrap();
    assert_eq!((taken.kind, taken.settings), (Kind::Image, None));
    assert_eq!(states(&store).len(), 1, "nobody waits for the layer any more");
}

#[test]
fn what_was_found_is_kept_with_when_it_was_first_seen() {
    let (_folder, store) = store();
    let (one, image) = (worker("one"), image("a", None, Some("a")));
    let found = |fingerprint: &str| Found {
        image: 0,
        fingerprint: fingerprint.to_owned(),
        rule: "r".into(),
        name: "n".into(),
        severity: "high".into(),
        redacted: "…".into(),
        place: "layer 0: .env".into(),
        places: 1,
        first_seen: 0,
    };
    let scan = |findings: Vec<Found>, settings: &str| {
        store.want(&[Wanted { image: &image, settings, priority: 0 }]).unwrap();
        let job = store.claim(&one, settings, LEASE).unwrap().unwrap();
        let layers = vec![("sha256:l".to_owned(), "sha256:d".to_owned())];
        let scanned = Scanned { findings, layers, gaps: 2, report: vec![1, 0, 2] };
        store.scanned((&job, &one), &image, settings, &scanned).unwrap().unwrap();
    };
    let seen = |fingerprint: &str| {
        store.findings((None, Some(fingerprint)), (0, ""), 9).unwrap().first().map(|found| found.first_seen)
    };
    scan(vec![found("f1"), found("f2")], "s");
    let first = seen("f2").unwrap();
    assert!(first > 0);
    std::thread::sleep(std::time::Duration::from_millis(5));
    scan(vec![found("f2"), found("f3")], "t");
    assert_eq!((seen("f2"), seen("f3") > Some(first)), (Some(first), true));
    let id = store.images(Some("r.example/a"), 0, 9).unwrap()[0].id;
    let prints = |found: Vec<Found>| found.into_iter().map(|found| found.fingerprint).collect::<Vec<_>>();
    assert_eq!(prints(store.findings((Some(id), None), (0, ""), 9).unwrap()), ["f2", "f3"]);
    assert_eq!(prints(store.findings((None, Some("f3")), (0, ""), 9).unwrap()), ["f3"]);
    assert_eq!(prints(store.findings((Some(id), None), (id, "f2"), 9).unwrap()), ["f3"]);
    assert_eq!(store.report(id).unwrap(), Some(vec![1, 0, 2]));
    let row = store.image(id).unwrap().unwrap();
    assert_eq!((row.totals.high, row.gaps), (2, 2));
    for digest in ["sha256:l", "sha256:d"] {
        assert_eq!(store.images_with_layer(digest, 0, 9).unwrap().len(), 1, "{digest}");
    }
    assert!(store.images_with_layer("sha256:x", 0, 9).unwrap().is_empty());
}

#[test]
fn a_newer_database_is_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    let store = Store::in_file(&path).unwrap();
    store.within(|session| session.execute("INSERT INTO versions VALUES (99, 0)", &[])).unwrap();
    drop(store);
    let refused = Store::in_file(&path).err().unwrap();
    assert!(refused.to_string().contains("version 99") && !refused.may_pass(), "{refused}");
}
