use super::*;
use crate::source::registry::{Reference, RepositoryName};

fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::in_file(&folder.path().join("db")).unwrap();
    (folder, store)
}

fn image(repository: &str, fill: &str) -> Reference {
    let name = RepositoryName::at("r.example", repository).unwrap();
    Reference::new(name, None, Some(&format!("sha256:{}", fill.repeat(64)))).unwrap()
}

#[test]
fn what_was_found_is_kept_with_when_it_was_first_seen() {
    let (_folder, store) = store();
    let image = image("a", "a");
    store.know(&["r.example"]).unwrap();
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
        let one = Crew::new(WorkerId::new("one"), settings, std::time::Duration::from_secs(60));
        let job = store.claim(&one, &Avoid::default()).unwrap().unwrap();
        let layers = vec![("sha256:l".to_owned(), "sha256:d".to_owned())];
        let scanned = Scanned { findings, layers, gaps: 2, report: vec![1, 0, 2], ..Scanned::default() };
        store.scanned((&job, &one.worker), &image, settings, &scanned).unwrap().unwrap();
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
