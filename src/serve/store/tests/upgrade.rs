//! Databases of earlier versions with something in them: nothing of it is lost. With both engines.

use super::engines::{Place, on_both_as_it_is};
use super::*;

/// What a service of the first version knows: two images of a tag, the newer one without the credential `g`, and one that no
/// tag names; jobs in all states; what a layer yielded. Times are counted from 1.
const FIRST: &[&str] = &[
    "INSERT INTO images (registry, repository, digest, first_seen, last_seen, scanned, settings, critical, high, medium, low, gaps)
        VALUES ('r.example', 'app', 'sha256:old', 1, 2, 3, 's', 0, 2, 0, 0, 0),
            ('r.example', 'app', 'sha256:new', 4, 5, 6, 's', 1, 0, 0, 0, 2),
            ('r.example', 'bare', 'sha256:bare', 7, 8, 9, 's', 0, 0, 0, 1, 0),
            ('r.example', 'app', 'sha256:wanted', 10, 11, NULL, NULL, 0, 0, 0, 0, 0)",
    "INSERT INTO tags VALUES ('r.example', 'app', '1', 'sha256:new', 5)",
    "INSERT INTO reports SELECT id, seal FROM images, (SELECT seal FROM blobs) AS b WHERE scanned IS NOT NULL",
    "INSERT INTO findings (image, fingerprint, rule, name, severity, redacted, place, places, first_seen, last_seen)
        VALUES (1, 'f', 'r1', 'n1', 'high', 'x', 'p1', 1, 3, 3), (1, 'g', 'r', 'n', 'high', 'x', 'p', 1, 3, 3),
            (2, 'f', 'r2', 'n2', 'critical', 'y', 'p2', 4, 6, 6), (3, 'h', 'r', 'n', 'low', 'x', 'p', 1, 9, 9)",
    "INSERT INTO layers VALUES (1, 0, 'sha256:l', 'sha256:d'), (2, 0, 'sha256:l', 'sha256:d')",
    "INSERT INTO jobs (kind, name, subject, settings, priority, state, again, attempts, due, lease, worker, reason, created)
        VALUES ('image', 'image r.example/app@sha256:wanted', '{}', 's', 10, 'waiting', 0, 1, 1, 0, NULL, NULL, 1),
            ('layer', 'layer s sha256:l', '{}', 's', 11, 'running', 0, 1, 1, 1, 'gone', NULL, 1),
            ('tag', 'tag r.example/app:2', '{}', NULL, 10, 'ready', 0, 0, 1, 0, NULL, NULL, 1),
            ('tag', 'tag r.example/app:3', '{}', NULL, 10, 'later', 0, 3, 1, 0, NULL, 'away', 1),
            ('tag', 'tag r.example/app:4', '{}', NULL, 10, 'dead', 0, 9, 1, 0, NULL, 'no such tag', 1)",
    "INSERT INTO needs (name, job) VALUES ('layer s sha256:l', 1)",
];

/// Makes the tables of `version` in an empty database, and puts `rows` into them.
fn of_version(place: &Place, version: usize, rows: &[&str]) {
    place
        .engine()
        .transaction(Mode::Long, &mut |session| {
            migrations::migrate_to(session, version)?;
            let blob = "INSERT INTO blobs (settings, digest, report, seal, kept) VALUES ('s', 'sha256:l', $1, $1, 1)";
            session.execute(blob, &[vec![1, 0, 2].into()])?;
            rows.iter().try_for_each(|statement| session.execute(statement, &[]).map(drop))
        })
        .unwrap();
}

/// Repository, reference and why it is not there of all places of a credential.
fn places(store: &Store, fingerprint: &str) -> Vec<(String, Option<String>)> {
    let all = store.occurrences(fingerprint, ("", ""), 9).unwrap();
    all.into_iter().map(|at| (format!("{}:{}", at.repository, at.reference), at.why)).collect()
}

fn assert_nothing_is_lost(store: &Store) {
    let images = store.images(&ImageFilter::default(), 0, 9).unwrap();
    let rows: Vec<_> = images
        .iter()
        .map(|row| (row.first_seen, row.last_seen, row.scanned, row.gaps, row.tags.len()))
        .collect();
    let expected =
        [(1, 2, Some(3), 0, 0), (4, 5, Some(6), 2, 1), (7, 8, Some(9), 0, 0), (10, 11, None, 0, 0)];
    assert_eq!(rows, expected);
    assert_eq!((images[1].totals.critical, images[1].verdict.as_deref()), (1, Some("fail")));
    let found = store.findings(&FindingFilter::default(), (0, ""), 9).unwrap();
    let found: Vec<_> =
        found.iter().map(|row| (row.image, &*row.fingerprint, row.first_seen, row.open)).collect();
    assert_eq!(found, [(1, "f", 3, true), (1, "g", 3, true), (2, "f", 6, true), (3, "h", 9, true)]);
    for image in 1..4 {
        assert_eq!(report(store, image), Some(vec![1, 0, 2]));
    }
    let layer = ImageFilter { layer: Some("sha256:d".into()), ..ImageFilter::default() };
    assert_eq!(store.images(&layer, 0, 9).unwrap().len(), 2);
    let jobs: Vec<_> = store.jobs(None, 0, 9).unwrap().into_iter().map(|job| job.state).collect();
    assert_eq!(jobs, ["waiting", "running", "ready", "later", "dead"]);
    let kept = store.reading(|session| session.first("SELECT report FROM blobs", &[])).unwrap().unwrap();
    assert_eq!(kept.bytes(0), [1, 0, 2]);
}

#[test]
fn what_the_first_version_knew_is_known() {
    on_both_as_it_is(|place| {
        of_version(place, 1, FIRST);
        let store = place.open();
        assert_nothing_is_lost(&store);
        // Credentials over all images, which that version did not have, each as it was found last.
        let secret = store.secret("f").unwrap().unwrap();
        let told = (secret.severity.as_str(), secret.rule.as_str(), secret.first_seen, secret.last_seen);
        assert_eq!((told, secret.images, secret.state.as_str()), (("critical", "r2", 3, 6), 2, "open"));
        let digest =
            |repository: &str, digest: &str| (format!("r.example/{repository}:sha256:{digest}"), None);
        assert_eq!(places(&store, "f"), [("r.example/app:1".to_owned(), None), digest("app", "old")]);
        assert_eq!(places(&store, "h"), [digest("bare", "bare")]);
        assert_eq!(store.open_secrets().unwrap(), Totals { critical: 1, high: 1, medium: 0, low: 1 });
        // All of it can be decided about, judged anew, and told of no second time.
        let decision = NewDecision {
            fingerprint: "h".into(),
            kind: DecisionKind::FalseAlarm,
            scope: "*".into(),
            until: None,
            reason: "because".into(),
        };
        store.decide("me", &decision).unwrap().unwrap();
        assert_eq!(store.secret("h").unwrap().unwrap().state, "closed");
        let outdated = store.judged_otherwise("today", &Outdated::default(), 9).unwrap();
        assert_eq!(outdated.iter().map(|(_, image)| *image).collect::<Vec<_>>(), [1, 2, 3]);
        let told = "SELECT count(*) FROM told";
        assert_eq!(store.reading(|session| session.first(told, &[])).unwrap().unwrap().int(0), 3);
    });
}

#[test]
fn what_the_first_version_had_to_do_is_done() {
    on_both_as_it_is(|place| {
        of_version(place, 1, FIRST);
        let store = place.open();
        store.know(&["r.example"]).unwrap();
        let one = crew("s");
        store.reap().unwrap();
        store.ripen().unwrap();
        let mut names = Vec::new();
        while let Some(job) = store.claim(&one, &Avoid::default()).unwrap() {
            names.push(job.name.clone());
            store.done(&job, &one.worker).unwrap().unwrap();
        }
        // The layer first, then the image that waited for it.
        let all = [
            "layer s sha256:l",
            "image r.example/app@sha256:wanted",
            "tag r.example/app:2",
            "tag r.example/app:3",
        ];
        names.sort();
        assert_eq!(names, {
            let mut all = all.to_vec();
            all.sort_unstable();
            all
        });
        let left = store.jobs(None, 0, 9).unwrap();
        assert_eq!((left.len(), left[0].reason.as_deref()), (1, Some("no such tag")));
        assert!(store.revive("me", left[0].id).unwrap());
    });
}

#[test]
fn every_version_comes_to_the_same_tables_and_once() {
    on_both_as_it_is(|place| {
        of_version(place, 1, FIRST);
        for version in 1..=migrations::VERSIONS.len() {
            let engine = place.engine();
            engine.transaction(Mode::Long, &mut |session| migrations::migrate_to(session, version)).unwrap();
        }
        for _ in 0..2 {
            assert_nothing_is_lost(&place.open());
        }
        let count = "SELECT count(*) FROM versions";
        let versions = place.open().reading(|session| session.first(count, &[])).unwrap().unwrap().int(0);
        assert_eq!(usize::try_from(versions), Ok(migrations::VERSIONS.len()));
    });
}
