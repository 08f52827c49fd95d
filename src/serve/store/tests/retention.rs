//! What is forgotten, and what never is.

use std::sync::{Arc, Mutex};

use super::super::engine::{Row, Value, Work};
use super::*;

const DAY: i64 = 24 * 60 * 60 * 1_000;

/// Lets days pass, for images and credentials.
fn pass(store: &Store, days: i64) {
    for (table, column) in
        [("images", "last_seen"), ("occurrences", "fixed"), ("audit", "at"), ("blobs", "kept")]
    {
        let back = format!("UPDATE {table} SET {column} = {column} - $1");
        store.within(|session| session.execute(&back, super::super::engine::values![days * DAY])).unwrap();
    }
}

/// An engine in which others come first: what they do is done before a statement that waits for them.
#[derive(Clone)]
struct Waits(Arc<Shared>);

struct Shared {
    engine: super::super::sqlite::Sqlite,
    /// A part of the statement that waits, and what is done first.
    others: Mutex<Option<(&'static str, &'static str)>>,
    asked: Mutex<Vec<String>>,
}

/// A transaction of it.
struct Waiting<'w>(&'w mut dyn Session, &'w Shared);

fn store_that_waits() -> (tempfile::TempDir, Store, Waits) {
    let folder = tempfile::tempdir().unwrap();
    let engine = super::super::sqlite::Sqlite::open(&folder.path().join("db")).unwrap();
    let waits = Waits(Arc::new(Shared { engine, others: Mutex::default(), asked: Mutex::default() }));
    let store = Store::with(Box::new(waits.clone())).unwrap();
    store.know(&["r.example"]).unwrap();
    waits.0.asked.lock().unwrap().clear();
    (folder, store, waits)
}

impl Waits {
    /// Has the next statement that holds rows and has this `part` wait until others did something.
    fn once(&self, part: &'static str, others: &'static str) {
        *self.0.others.lock().unwrap() = Some((part, others));
    }

    /// All statements up to now.
    fn asked(&self) -> Vec<String> {
        self.0.asked.lock().unwrap().clone()
    }
}

impl Engine for Waits {
    fn transaction(&self, mode: Mode, work: Work<'_>) -> Result<(), StoreError> {
        self.0.engine.transaction(mode, &mut |session| work(&mut Waiting(session, &self.0)))
    }
}

impl Session for Waiting<'_> {
    fn execute(&mut self, statement: &str, values: &[Value]) -> Result<u64, StoreError> {
        self.1.asked.lock().unwrap().push(statement.to_owned());
        self.0.execute(statement, values)
    }

    fn query(&mut self, statement: &str, values: &[Value]) -> Result<Vec<Row>, StoreError> {
        self.1.asked.lock().unwrap().push(statement.to_owned());
        let waits = |(part, _): &mut (&str, &str)| statement.contains("{lock}") && statement.contains(*part);
        if let Some((_, others)) = self.1.others.lock().unwrap().take_if(waits) {
            self.0.execute(others, &[])?;
        }
        self.0.query(statement, values)
    }
}

fn images(store: &Store) -> usize {
    store.images(&ImageFilter::default(), 0, 9).unwrap().len()
}

#[test]
fn an_image_goes_when_no_tag_names_it_and_nothing_in_it_is_open() {
    on_both(|store| {
        let [old, new] = ["a", "b"].map(|fill| image("app", Some("1"), Some(fill)));
        scan(store, &old, "s", &["f"], 0);
        scan(store, &image("other", None, Some("c")), "s", &["g"], 0);
        pass(store, 31);
        let forget = |open_too| store.forget_images((30 * DAY, open_too), 0).unwrap().0;
        assert_eq!((forget(false), images(store)), (0, 2), "one has a tag, in the other something is open");
        scan(store, &new, "s", &[], 0);
        pass(store, 29);
        assert_eq!((forget(false), images(store)), (1, 2), "of the first one all is fixed");
        assert_eq!(store.secret("f").unwrap().unwrap().state, "fixed", "where it was stays known");
        pass(store, 2);
        assert_eq!((forget(false), images(store)), (0, 2), "the newer one has the tag");
        assert_eq!((forget(true), images(store)), (1, 1));
        assert_eq!(store.secret("g").unwrap().unwrap().state, "fixed");
    });
}

#[test]
fn a_report_goes_and_what_was_found_stays() {
    on_both(|store| {
        scan(store, &image("a", None, Some("a")), "s", &["f"], 0);
        scan(store, &image("b", Some("1"), Some("b")), "s", &["f"], 0);
        pass(store, 31);
        assert_eq!(store.forget_reports(30 * DAY, 0).unwrap(), (1, None));
        let [one, other] =
            [0, 1].map(|at: usize| store.images(&ImageFilter::default(), 0, 9).unwrap()[at].id);
        assert_eq!((report(store, one), report(store, other)), (None, Some(vec![1, 0, 2])));
        assert_eq!(store.findings(&of_image(one), (0, ""), 9).unwrap().len(), 1);
        assert!(!store.want_judged("j").unwrap());
        // Whoever tells of it again wants one.
        scan(store, &image("a", None, Some("a")), "s", &["f"], 0);
        assert_eq!(report(store, one), Some(vec![1, 0, 2]));
    });
}

#[test]
fn what_is_told_of_while_it_is_being_forgotten_stays() {
    let (_folder, store, waits) = store_that_waits();
    scan(&store, &image("a", None, Some("a")), "s", &[], 0);
    let told = "UPDATE images SET last_seen = {now}";
    pass(&store, 31);
    waits.once("FROM images WHERE id = $1 {lock}", told);
    assert_eq!((store.forget_images((30 * DAY, true), 0).unwrap(), images(&store)), ((0, None), 1));
    pass(&store, 31);
    waits.once("FROM images WHERE id = $1 {lock}", told);
    assert_eq!(store.forget_reports(30 * DAY, 0).unwrap(), (0, None));
    assert!(report(&store, 1).is_some());
    pass(&store, 31);
    assert_eq!(store.forget_images((30 * DAY, true), 0).unwrap(), (1, None));
}

#[test]
fn a_credential_that_is_found_while_it_is_being_forgotten_stays() {
    let (_folder, store, waits) = store_that_waits();
    let [leaky, clean] = ["a", "b"].map(|fill| image("app", Some("1"), Some(fill)));
    scan(&store, &leaky, "s", &["f"], 0);
    scan(&store, &clean, "s", &[], 0);
    let gone = "DELETE FROM findings";
    store.within(|session| session.execute(gone, &[])).unwrap();
    pass(&store, 31);
    waits.once(
        "FROM secrets",
        "INSERT INTO findings
            (image, fingerprint, rule, name, severity, redacted, place, places, first_seen, last_seen)
        VALUES (2, 'f', 'r', 'n', 'high', '', '', 1, 1, 1)",
    );
    assert_eq!(store.forget_fixed(30 * DAY).unwrap(), (1, 0));
    assert!(store.secret("f").unwrap().is_some());
}

#[test]
fn what_has_its_time_is_asked_for_once_a_statement_and_not_for_each_row() {
    let (_folder, store, waits) = store_that_waits();
    store.ripen().unwrap();
    store.reap().unwrap();
    store.reopen().unwrap();
    store.forget_fixed(DAY).unwrap();
    store.forget_images((DAY, false), 0).unwrap();
    store.forget_reports(DAY, 0).unwrap();
    let asked = waits.asked();
    for statement in ["state = 'later'", "lease <", "closed_until > 0", "fixed <", "last_seen <"] {
        assert!(asked.iter().any(|text| text.contains(statement)), "{statement}: {asked:?}");
    }
    // An engine that takes its clock for something that changes with each row looks through all of them.
    let each_row = |text: &&String| ["< {now}", "<= {now}"].iter().any(|sign| text.contains(sign));
    assert_eq!(asked.iter().find(each_row), None);
}

#[test]
fn what_is_fixed_goes_after_its_time_and_a_credential_with_its_last_place() {
    on_both(|store| {
        let [old, new] = ["a", "b"].map(|fill| image("app", Some("1"), Some(fill)));
        scan(store, &old, "s", &["f", "g"], 0);
        scan(store, &new, "s", &["g"], 0);
        pass(store, 29);
        assert_eq!(store.forget_fixed(30 * DAY).unwrap(), (0, 0));
        pass(store, 2);
        // The old image has it still.
        assert_eq!(store.forget_fixed(30 * DAY).unwrap(), (1, 0));
        assert_eq!(store.forget_images((30 * DAY, false), 0).unwrap(), (1, None));
        let back = "UPDATE occurrences SET fixed = 1 WHERE fingerprint = 'f'";
        store.within(|session| session.execute(back, &[])).unwrap();
        assert!(store.secret("f").unwrap().is_some() && store.secret("g").unwrap().is_some());
        scan(store, &image("app", Some("2"), Some("c")), "s", &["h"], 0);
        scan(store, &image("app", Some("2"), Some("d")), "s", &[], 0);
        let id = store.images(&ImageFilter { tag: None, ..ImageFilter::default() }, 0, 9).unwrap();
        let leaky = id.iter().find(|row| row.name.contains("ccc")).unwrap().id;
        assert!(store.delete_image("me", leaky).unwrap());
        pass(store, 31);
        assert_eq!(store.forget_fixed(30 * DAY).unwrap(), (1, 1));
        assert!(store.secret("h").unwrap().is_none());
        assert_eq!((store.forget_audit(32 * DAY).unwrap(), store.forget_audit(30 * DAY).unwrap()), (0, 1));
    });
}

#[test]
fn what_layers_yielded_goes_if_nobody_works_with_such_settings() {
    on_both(|store| {
        for (settings, digest) in [("old", "1"), ("old", "2"), ("new", "1")] {
            let insert =
                "INSERT INTO blobs (settings, digest, report, seal, kept) VALUES ($1, $2, $3, $3, {now})";
            let values = super::super::engine::values![settings, digest, vec![0_u8]];
            store.within(|session| session.execute(insert, values)).unwrap();
        }
        let forget = || store.forget_layers(30 * DAY, &["new".to_owned()]).unwrap();
        assert_eq!(forget(), 0);
        pass(store, 31);
        assert_eq!((forget(), forget()), (2, 0));
    });
}

#[test]
fn it_is_done_once_a_day_and_counted() {
    on_both(|store| {
        let retention = crate::serve::config::Retention { untagged: Some(DAY), ..Default::default() };
        let one = crew("s");
        store.want_forgotten(&retention).unwrap();
        assert!(store.claim(&one, &Avoid::default()).unwrap().is_none(), "not at once");
        store.within(|session| session.execute("UPDATE chores SET due = 0", &[])).unwrap();
        for _ in 0..3 {
            store.want_forgotten(&retention).unwrap();
        }
        let job = store.claim(&one, &Avoid::default()).unwrap().unwrap();
        assert_eq!((job.kind, serde_json::from_str(&job.subject).ok()), (Kind::Forget, Some(retention)));
        let forgotten = Forgotten { images: 3, ..Forgotten::default() };
        store.forgotten(&job, &one.worker, &forgotten).unwrap().unwrap();
        store.want_forgotten(&retention).unwrap();
        assert!(store.claim(&one, &Avoid::default()).unwrap().is_none());
        let audit = store.audit(0, 9).unwrap();
        assert_eq!(
            (audit[0].action.as_str(), &audit[0].was.as_ref().unwrap()["images"]),
            ("forget", &serde_json::json!(3))
        );
        let back = "UPDATE chores SET due = due - 100000000";
        store.within(|session| session.execute(back, &[])).unwrap();
        store.want_forgotten(&retention).unwrap();
        assert!(store.claim(&one, &Avoid::default()).unwrap().is_some());
    });
}

#[test]
fn layers_that_nobody_scans_any_more_go_in_pieces() {
    let (_folder, store, waits) = store_that_waits();
    let insert = "INSERT INTO jobs (kind, name, subject, settings, priority, host, state, again, attempts, due, lease, created)
        VALUES ('layer', $1, '', 'old', 0, '', 'ready', 0, 0, 0, 0, 0)";
    let layer = |session: &mut dyn Session, number: i64| {
        session.execute(insert, &[number.to_string().as_str().into()])
    };
    store.within(|session| (0..450).try_for_each(|number| layer(session, number).map(drop))).unwrap();
    assert_eq!(store.forget_orphans("new", &["old".to_owned()]).unwrap(), 0);
    waits.0.asked.lock().unwrap().clear();
    assert_eq!(store.forget_orphans("new", &[]).unwrap(), 450);
    // Three statements for each piece.
    assert_eq!((waits.asked().len(), store.jobs(None, 0, 9).unwrap().len()), (9, 0));
}

#[test]
fn a_credential_of_which_nothing_is_left_goes_though_it_was_never_fixed() {
    on_both(|store| {
        let child = image("app", None, Some("c"));
        scan(store, &child, "s", &["f", "g"], 0);
        // An index comes to have it, and has a place of its own for one of the two.
        let index = image("app", Some("1"), Some("d"));
        let members = vec![Member { digest: child.digest().unwrap().to_owned(), platform: None }];
        let scanned = Scanned { findings: vec![found("g")], members, ..Scanned::default() };
        keep(store, &index, "s", &scanned);
        assert!(store.delete_image("me", 1).unwrap());
        assert_eq!(store.forget_secrets(DAY, "").unwrap(), (0, None), "not before its time");
        let back = "UPDATE secrets SET last_seen = last_seen - 2 * 86400000";
        store.within(|session| session.execute(back, &[])).unwrap();
        assert_eq!(store.forget_secrets(DAY, "").unwrap(), (1, None));
        assert!(store.secret("f").unwrap().is_none() && store.secret("g").unwrap().is_some());
    });
}

#[test]
fn an_image_that_is_still_to_be_scanned_is_not_forgotten() {
    on_both(|store| {
        let late = image("late", None, Some("a"));
        store.want(&[Wanted { image: &late, settings: "s", priority: 0 }]).unwrap();
        let one = crew("s");
        let job = store.claim(&one, &Avoid::default()).unwrap().unwrap();
        let failed = Failed { reason: "denied".into(), may_pass: false, unreachable: None };
        store.failed(&job, &one.worker, &failed).unwrap().unwrap();
        pass(store, 31);
        assert_eq!(store.forget_images((30 * DAY, true), 0).unwrap(), (0, None));
        // Somebody mends the login, and has it tried again.
        assert!(store.revive("me", job.id).unwrap());
        let job = store.claim(&one, &Avoid::default()).unwrap().unwrap();
        let scanned = Scanned { findings: vec![found("f")], judged: "j".into(), ..Scanned::default() };
        store.scanned((&job, &one.worker), &late, "s", &scanned).unwrap().unwrap();
        assert_eq!(store.secret("f").unwrap().unwrap().state, "open");
        // What was seen once is not kept by a job that failed since.
        store.want(&[Wanted { image: &late, settings: "t", priority: 0 }]).unwrap();
        let two = crew("t");
        let job = store.claim(&two, &Avoid::default()).unwrap().unwrap();
        store.failed(&job, &two.worker, &failed).unwrap().unwrap();
        pass(store, 31);
        assert_eq!(store.forget_images((30 * DAY, true), 0).unwrap(), (1, None));
        assert_eq!(store.jobs(None, 0, 9).unwrap(), [], "nor is that job");
    });
}
