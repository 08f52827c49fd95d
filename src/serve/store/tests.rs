mod decisions;
pub(super) mod engines;
mod gaps;
mod members;
mod retention;
mod triage;
mod upgrade;

use std::time::Duration;

use self::engines::on_both;
use super::*;
use crate::source::registry::{Reference, RepositoryName};

fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::in_file(&folder.path().join("db")).unwrap();
    store.know(&["r.example"]).unwrap();
    (folder, store)
}

fn crew(settings: &str) -> Crew {
    Crew::new(WorkerId::new("one"), settings, Duration::from_secs(60))
}

fn image(repository: &str, tag: Option<&str>, fill: Option<&str>) -> Reference {
    let digest = fill.map(|fill| format!("sha256:{}", fill.repeat(64)));
    Reference::new(RepositoryName::at("r.example", repository).unwrap(), tag, digest.as_deref()).unwrap()
}

fn found(fingerprint: &str) -> Found {
    Found {
        fingerprint: fingerprint.to_owned(),
        rule: "r".into(),
        name: "A token".into(),
        severity: "high".into(),
        verdict: "fail".into(),
        redacted: "…".into(),
        place: "layer 0: .env".into(),
        places: 1,
        ..Found::default()
    }
}

/// Has `image` scanned with `settings`, which finds these and knows of none before.
fn scan(store: &Store, image: &Reference, settings: &str, fingerprints: &[&str], gaps: i64) {
    let scanned = Scanned {
        findings: fingerprints.iter().map(|fingerprint| found(fingerprint)).collect(),
        layers: vec![("sha256:l".to_owned(), "sha256:d".to_owned())],
        gaps,
        judged: "j".into(),
        report: Some(vec![1, 0, 2]),
        ..Scanned::default()
    };
    keep(store, image, settings, &scanned);
}

/// Has `image` scanned with `settings`, with this outcome.
fn keep(store: &Store, image: &Reference, settings: &str, scanned: &Scanned) {
    store.want(&[Wanted { image, settings, priority: 0 }]).unwrap();
    let one = crew(settings);
    let job = store.claim(&one, &Avoid::default()).unwrap().unwrap();
    store.scanned((&job, &one.worker), image, settings, scanned).unwrap().unwrap();
}

/// The report that is kept of an image.
fn report(store: &Store, image: i64) -> Option<Vec<u8>> {
    store.last_scan(image).unwrap().and_then(|last| last.report)
}

fn of_image(image: i64) -> FindingFilter {
    FindingFilter { image: Some(image), ..FindingFilter::default() }
}

fn of_secret(fingerprint: &str) -> FindingFilter {
    FindingFilter { fingerprint: Some(fingerprint.to_owned()), ..FindingFilter::default() }
}

#[test]
fn what_was_found_is_kept_with_when_it_was_first_seen() {
    on_both(|store| {
        let image = image("a", None, Some("a"));
        let seen = |fingerprint: &str| {
            store.findings(&of_secret(fingerprint), (0, ""), 9).unwrap().first().map(|found| found.first_seen)
        };
        scan(store, &image, "s", &["f1", "f2"], 0);
        let first = seen("f2").unwrap();
        assert!(first > 0);
        std::thread::sleep(std::time::Duration::from_millis(5));
        scan(store, &image, "t", &["f2", "f3"], 0);
        assert_eq!((seen("f2"), seen("f3") > Some(first)), (Some(first), true));
        let filter = ImageFilter { repository: Some("r.example/a".into()), ..ImageFilter::default() };
        let id = store.images(&filter, 0, 9).unwrap()[0].id;
        let prints = |found: Vec<Found>| found.into_iter().map(|found| found.fingerprint).collect::<Vec<_>>();
        assert_eq!(prints(store.findings(&of_image(id), (0, ""), 9).unwrap()), ["f2", "f3"]);
        assert_eq!(prints(store.findings(&of_secret("f3"), (0, ""), 9).unwrap()), ["f3"]);
        assert_eq!(prints(store.findings(&of_image(id), (id, "f2"), 9).unwrap()), ["f3"]);
        assert_eq!(report(store, id), Some(vec![1, 0, 2]));
        let row = store.image(id).unwrap().unwrap();
        assert_eq!((row.totals.high, row.gaps, row.verdict.as_deref()), (2, 0, Some("fail")));
        for digest in ["sha256:l", "sha256:d", "sha256:x"] {
            let filter = ImageFilter { layer: Some(digest.into()), ..ImageFilter::default() };
            let expected = usize::from(digest != "sha256:x");
            assert_eq!(store.images(&filter, 0, 9).unwrap().len(), expected, "{digest}");
        }
    });
}

#[test]
fn images_are_asked_for_by_the_verdict_that_is_shown() {
    let (_folder, store) = store();
    let scanned = |repository: &str, verdicts: &[&str], gaps: i64| {
        let image = image(repository, None, Some("a"));
        scan(&store, &image, "s", &[], gaps);
        let findings = verdicts.iter().map(|verdict| Found { verdict: (*verdict).into(), ..found(verdict) });
        let (filter, judged) = (of_repository(repository), "j".to_owned());
        let row = &store.images(&filter, 0, 9).unwrap()[0];
        let scanned = Scanned { findings: findings.collect(), judged, gaps, ..Scanned::default() };
        assert!(store.judged((row.id, row.scanned.unwrap()), &scanned).unwrap());
    };
    scanned("clean", &[], 0);
    scanned("seen-in-part", &[], 3);
    scanned("passes", &["pass"], 0);
    scanned("passes-in-part", &["pass"], 1);
    scanned("warns", &["pass", "warn"], 1);
    scanned("fails", &["pass", "warn", "fail"], 1);
    store.want(&[Wanted { image: &image("unseen", None, Some("a")), settings: "s", priority: 0 }]).unwrap();
    let all = store.images(&ImageFilter::default(), 0, 9).unwrap();
    let shown: Vec<_> = all.iter().map(|row| row.verdict.as_deref()).collect();
    let expected = ["pass", "incomplete", "pass", "incomplete", "warn", "fail"];
    assert_eq!(shown, expected.map(Some).into_iter().chain([None]).collect::<Vec<_>>());
    for verdict in VERDICTS {
        let filter = ImageFilter { verdict: Some((*verdict).into()), ..ImageFilter::default() };
        let ids = |rows: Vec<ImageRow>| rows.into_iter().map(|row| row.id).collect::<Vec<_>>();
        let of_it = all.iter().filter(|row| row.verdict.as_deref() == Some(verdict)).cloned().collect();
        let found = ids(store.images(&filter, 0, 9).unwrap());
        assert_eq!(found, ids(of_it), "{verdict}");
        assert!(!found.is_empty(), "{verdict}");
    }
    // What a decision closes is not counted.
    let reason = NewDecision {
        fingerprint: "fail".into(),
        kind: DecisionKind::FalseAlarm,
        scope: "*".into(),
        until: None,
        reason: "because".into(),
    };
    store.decide("me", &reason).unwrap().unwrap();
    let row = &store.images(&of_repository("fails"), 0, 9).unwrap()[0];
    assert_eq!(row.verdict.as_deref(), Some("warn"));
}

fn of_repository(path: &str) -> ImageFilter {
    ImageFilter { repository: Some(format!("r.example/{path}")), ..ImageFilter::default() }
}

#[test]
fn a_database_has_fingerprints_of_one_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    let store = Store::in_file(&path).unwrap();
    assert_eq!(store.made_with("bd446867"), Ok(None));
    drop(store);
    let again = Store::in_file(&path).unwrap();
    assert_eq!(again.made_with("0a0b0c0d"), Ok(Some("bd446867".to_owned())));
    assert_eq!(again.made_with("bd446867"), Ok(None));
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
