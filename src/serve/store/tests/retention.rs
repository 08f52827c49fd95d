//! What is forgotten, and what never is.

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

fn images(store: &Store) -> usize {
    store.images(&ImageFilter::default(), 0, 9).unwrap().len()
}

#[test]
fn an_image_goes_when_no_tag_names_it_and_nothing_in_it_is_open() {
    let (_folder, store) = store();
    let [old, new] = ["a", "b"].map(|fill| image("app", Some("1"), Some(fill)));
    scan(&store, &old, "s", &["f"], 0);
    scan(&store, &image("other", None, Some("c")), "s", &["g"], 0);
    pass(&store, 31);
    let forget = |open_too| store.forget_images((30 * DAY, open_too), 0).unwrap().0;
    assert_eq!((forget(false), images(&store)), (0, 2), "one has a tag, in the other something is open");
    scan(&store, &new, "s", &[], 0);
    pass(&store, 29);
    assert_eq!((forget(false), images(&store)), (1, 2), "of the first one all is fixed");
    assert_eq!(store.secret("f").unwrap().unwrap().state, "fixed", "where it was stays known");
    pass(&store, 2);
    assert_eq!((forget(false), images(&store)), (0, 2), "the newer one has the tag");
    assert_eq!((forget(true), images(&store)), (1, 1));
    assert_eq!(store.secret("g").unwrap().unwrap().state, "fixed");
}

#[test]
fn a_report_goes_and_what_was_found_stays() {
    let (_folder, store) = store();
    scan(&store, &image("a", None, Some("a")), "s", &["f"], 0);
    scan(&store, &image("b", Some("1"), Some("b")), "s", &["f"], 0);
    pass(&store, 31);
    assert_eq!(store.forget_reports(30 * DAY, 0).unwrap(), (1, None));
    let [one, other] = [0, 1].map(|at: usize| store.images(&ImageFilter::default(), 0, 9).unwrap()[at].id);
    assert_eq!((store.report(one).unwrap(), store.report(other).unwrap()), (None, Some(vec![1, 0, 2])));
    assert_eq!(store.findings(&of_image(one), (0, ""), 9).unwrap().len(), 1);
    assert!(!store.want_judged("j").unwrap());
}

#[test]
fn what_is_fixed_goes_after_its_time_and_a_credential_with_its_last_place() {
    let (_folder, store) = store();
    let [old, new] = ["a", "b"].map(|fill| image("app", Some("1"), Some(fill)));
    scan(&store, &old, "s", &["f", "g"], 0);
    scan(&store, &new, "s", &["g"], 0);
    pass(&store, 29);
    assert_eq!(store.forget_fixed(30 * DAY).unwrap(), (0, 0));
    pass(&store, 2);
    // The old image has it still.
    assert_eq!(store.forget_fixed(30 * DAY).unwrap(), (1, 0));
    assert_eq!(store.forget_images((30 * DAY, false), 0).unwrap(), (1, None));
    let back = "UPDATE occurrences SET fixed = 1 WHERE fingerprint = 'f'";
    store.within(|session| session.execute(back, &[])).unwrap();
    assert!(store.secret("f").unwrap().is_some() && store.secret("g").unwrap().is_some());
    scan(&store, &image("app", Some("2"), Some("c")), "s", &["h"], 0);
    scan(&store, &image("app", Some("2"), Some("d")), "s", &[], 0);
    let id = store.images(&ImageFilter { tag: None, ..ImageFilter::default() }, 0, 9).unwrap();
    let leaky = id.iter().find(|row| row.name.contains("ccc")).unwrap().id;
    assert!(store.delete_image("me", leaky).unwrap());
    pass(&store, 31);
    assert_eq!(store.forget_fixed(30 * DAY).unwrap(), (1, 1));
    assert!(store.secret("h").unwrap().is_none());
    assert_eq!((store.forget_audit(32 * DAY).unwrap(), store.forget_audit(30 * DAY).unwrap()), (0, 1));
}

#[test]
fn what_layers_yielded_goes_if_nobody_works_with_such_settings() {
    let (_folder, store) = store();
    for (settings, digest) in [("old", "1"), ("old", "2"), ("new", "1")] {
        let insert =
            "INSERT INTO blobs (settings, digest, report, seal, kept) VALUES ($1, $2, $3, $3, {now})";
        let values = super::super::engine::values![settings, digest, vec![0_u8]];
        store.within(|session| session.execute(insert, values)).unwrap();
    }
    let forget = || store.forget_layers(30 * DAY, &["new".to_owned()]).unwrap();
    assert_eq!(forget(), 0);
    pass(&store, 31);
    assert_eq!((forget(), forget()), (2, 0));
}

#[test]
fn it_is_done_once_a_day_and_counted() {
    let (_folder, store) = store();
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
}
