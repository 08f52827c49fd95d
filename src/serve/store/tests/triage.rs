//! Where a credential is and was, and how it is judged.

use super::decisions::decision;
use super::*;

/// Reference, whether it is fixed there and why, and whether it came back.
fn places(store: &Store, fingerprint: &str) -> Vec<(String, Option<String>, bool)> {
    let all = store.occurrences(fingerprint, ("", ""), 9).unwrap();
    all.into_iter().map(|at| (at.reference[..1].to_owned(), at.why, at.reopened.is_some())).collect()
}

pub(super) fn state(store: &Store, fingerprint: &str) -> String {
    // What stands ready says what all findings and places together say.
    let wrong = "SELECT fingerprint FROM secrets s WHERE coalesce(closed_until, -1) <> coalesce((
            SELECT min(f.closed_until) FROM findings f JOIN occurrences o
            ON o.image = f.image AND o.fingerprint = f.fingerprint AND o.fixed IS NULL
            WHERE f.fingerprint = s.fingerprint), -1)";
    let wrong = store.reading(|session| session.query(wrong, &[])).unwrap();
    assert!(wrong.is_empty(), "{wrong:?}");
    store.secret(fingerprint).unwrap().unwrap().state
}

#[test]
fn a_tag_has_what_its_newest_image_has() {
    on_both(|store| {
        let [leaky, clean] = ["a", "b"].map(|fill| image("app", Some("1"), Some(fill)));
        let at = |why: Option<&str>, reopened| vec![("1".to_owned(), why.map(str::to_owned), reopened)];
        scan(store, &leaky, "s", &["f"], 0);
        assert_eq!((places(store, "f"), state(store, "f")), (at(None, false), "open".into()));
        scan(store, &clean, "s", &[], 0);
        assert_eq!((places(store, "f"), state(store, "f")), (at(Some("newer-image"), false), "fixed".into()));
        // Back to an image that is known already.
        assert_eq!(store.want(&[Wanted { image: &leaky, settings: "s", priority: 0 }]).unwrap(), 0);
        assert_eq!((places(store, "f"), state(store, "f")), (at(None, true), "open".into()));
        // With newer rules it is none.
        scan(store, &leaky, "t", &[], 0);
        assert_eq!(places(store, "f"), at(Some("newer-rules"), true));
        scan(store, &leaky, "u", &["f"], 0);
        // What was not looked at may have it still.
        scan(store, &clean, "u", &[], 1);
        assert_eq!((places(store, "f"), state(store, "f")), (at(None, true), "open".into()));
        // An image that was scanned with older rules says nothing until it is scanned.
        scan(store, &image("app", Some("1"), Some("c")), "u", &[], 0);
        assert_eq!(store.want(&[Wanted { image: &leaky, settings: "v", priority: 0 }]).unwrap(), 1);
        assert_eq!(places(store, "f"), at(Some("newer-image"), true));
    });
}

#[test]
fn what_a_sweep_asked_for_before_a_push_does_not_take_the_push_back() {
    on_both(|store| {
        let [old, new] = ["a", "b"].map(|fill| image("app", Some("1"), Some(fill)));
        scan(store, &old, "s", &["f"], 0);
        let asked = store.now().unwrap();
        std::thread::sleep(Duration::from_millis(5));
        scan(store, &new, "s", &[], 0);
        let one = crew("s");
        let sweep = |asked| {
            store.sweep_now("me", &["r.example"]).unwrap();
            let job = store.claim(&one, &Avoid::default()).unwrap().unwrap();
            let wanted = [Wanted { image: &old, settings: "s", priority: 0 }];
            let next = |_| "{}".to_owned();
            store.swept((&job, &one.worker), (&wanted, asked), None, &next).unwrap().unwrap();
            let filter = ImageFilter { tag: Some("1".into()), ..ImageFilter::default() };
            let named = store.images(&filter, 0, 9).unwrap().remove(0).name;
            store.release(&one.worker).unwrap();
            (named.ends_with('a'), state(store, "f"))
        };
        assert_eq!(sweep(asked), (false, "fixed".into()));
        assert_eq!(sweep(store.now().unwrap() + 1), (true, "open".into()), "asked later it is the newer one");
    });
}

/// References of a credential whose places were written since this was last asked.
fn written(store: &Store, fingerprint: &str) -> Vec<String> {
    let all = store.occurrences(fingerprint, ("", ""), 9).unwrap();
    let back = "UPDATE occurrences SET last_seen = 0";
    store.within(|session| session.execute(back, &[])).unwrap();
    all.into_iter().filter(|at| at.last_seen > 0).map(|at| at.reference).collect()
}

#[test]
fn a_known_image_changes_only_the_tag_that_comes_to_it() {
    let (_folder, store) = store();
    let tagged = |tag| image("app", Some(tag), Some("a"));
    let want = |image: &Reference| {
        assert_eq!(store.want(&[Wanted { image, settings: "s", priority: 0 }]).unwrap(), 0);
    };
    scan(&store, &tagged("1"), "s", &["f"], 0);
    want(&tagged("2"));
    assert_eq!(written(&store, "f"), ["1", "2"]);
    // Counts what is written of how credentials stand.
    store
        .within(|session| {
            session.execute("CREATE TABLE writes (one BIGINT)", &[])?;
            let note = "CREATE TRIGGER note AFTER UPDATE OF closed_until ON secrets
                BEGIN INSERT INTO writes VALUES (1); END";
            session.execute(note, &[])
        })
        .unwrap();
    want(&tagged("2"));
    want(&image("app", None, Some("a")));
    assert_eq!(written(&store, "f"), [""; 0], "nothing is new");
    want(&tagged("3"));
    assert_eq!(written(&store, "f"), ["3"]);
    let writes = store.reading(|session| session.query("SELECT one FROM writes", &[])).unwrap();
    assert_eq!((writes.len(), state(&store, "f")), (0, "open".into()));
}

#[test]
fn an_image_is_known_by_its_digest_until_a_tag_names_it_and_forgotten_when_it_is_deleted() {
    on_both(|store| {
        let (bare, tagged) = (image("app", None, Some("a")), image("app", Some("1"), Some("a")));
        scan(store, &bare, "s", &["f"], 0);
        assert_eq!(places(store, "f"), [("s".to_owned(), None, false)]);
        store.want(&[Wanted { image: &tagged, settings: "s", priority: 0 }]).unwrap();
        assert_eq!(places(store, "f"), [("1".to_owned(), None, false)]);
        let id = store.images(&ImageFilter::default(), 0, 9).unwrap()[0].id;
        assert!(store.delete_image("me", id).unwrap() && !store.delete_image("me", id).unwrap());
        assert_eq!(places(store, "f"), [("1".to_owned(), Some("deleted".to_owned()), false)]);
        assert_eq!((state(store, "f"), report(store, id)), ("fixed".into(), None));
        assert!(store.findings(&of_image(id), (0, ""), 9).unwrap().is_empty());
        assert_eq!(store.audit(0, 9).unwrap().len(), 1);
    });
}

#[test]
fn a_tag_that_is_gone_has_nothing() {
    on_both(|store| {
        scan(store, &image("app", Some("1"), Some("a")), "s", &["f"], 0);
        let untag = |before| {
            let repository = ("r.example", "app");
            store.within(|session| super::super::occurrences::untag(session, repository, before)).unwrap();
        };
        untag(0);
        assert_eq!(places(store, "f"), [("1".to_owned(), None, false)]);
        untag(i64::MAX);
        assert_eq!(places(store, "f"), [("1".to_owned(), Some("untagged".to_owned()), false)]);
    });
}

#[test]
fn credentials_come_in_pages_by_age_and_by_severity_and_filtered() {
    on_both(|store| {
        scan(store, &image("a", Some("1"), Some("a")), "s", &["f1", "f2", "f3"], 0);
        scan(store, &image("b", Some("1"), Some("b")), "s", &["f2"], 0);
        store
            .within(|session| session.execute("UPDATE secrets SET worst = 4 WHERE fingerprint = 'f3'", &[]))
            .unwrap();
        store
            .within(|session| {
                session.execute("UPDATE secrets SET severity = 'critical' WHERE worst = 4", &[])
            })
            .unwrap();
        let pages = |by_severity| {
            let (mut all, mut after): (Vec<String>, Option<(i64, String)>) = (Vec::new(), None);
            loop {
                let filter = SecretFilter { by_severity, ..SecretFilter::default() };
                let cursor = after.as_ref().map(|(number, text)| (*number, text.as_str()));
                let rows = store.secrets(&filter, cursor, 1).unwrap();
                let Some(row) = rows.first() else { break all };
                let cursor = row.cursor(by_severity);
                let (number, text) = cursor.split_once('-').unwrap();
                after = Some((number.parse().unwrap(), text.to_owned()));
                all.push(row.fingerprint.clone());
            }
        };
        assert_eq!(pages(true), ["f3", "f1", "f2"]);
        let mut newest = pages(false);
        newest.sort();
        assert_eq!(newest, ["f1", "f2", "f3"]);
        store.decide("me", &decision("f1", DecisionKind::FalseAlarm, "*")).unwrap().unwrap();
        let of = |filter: SecretFilter| {
            let rows = store.secrets(&filter, None, 9).unwrap();
            rows.into_iter().map(|row| row.fingerprint).collect::<Vec<_>>()
        };
        let some = |text: &str| Some(text.to_owned());
        let nothing = SecretFilter::default;
        assert_eq!(of(SecretFilter { state: some("closed"), ..nothing() }), ["f1"]);
        assert_eq!(of(SecretFilter { state: some("fixed"), ..nothing() }), Vec::<String>::new());
        assert_eq!(of(SecretFilter { state: some("open"), by_severity: true, ..nothing() }), ["f3", "f2"]);
        assert_eq!(of(SecretFilter { repository: some("r.example/b"), ..nothing() }), ["f2"]);
        assert_eq!(of(SecretFilter { severity: some("critical"), ..nothing() }), ["f3"]);
        assert_eq!(of(SecretFilter { text: some("TOKEN"), ..nothing() }).len(), 3);
        assert_eq!(of(SecretFilter { text: some("%"), ..nothing() }).len(), 0, "no pattern, but a text");
        assert_eq!(of(SecretFilter { text: some("f2"), rule: some("r"), ..nothing() }), ["f2"]);
        let row = store.secret("f2").unwrap().unwrap();
        assert_eq!((row.images, row.repositories), (2, 2));
    });
}

#[test]
fn what_was_judged_by_something_else_is_judged_anew() {
    on_both(|store| {
        scan(store, &image("a", None, Some("a")), "s", &["f", "g"], 0);
        assert!(!store.want_judged("j").unwrap() && store.want_judged("k").unwrap());
        let job = store.claim(&crew("s"), &Avoid::default()).unwrap().unwrap();
        assert_eq!((job.kind, job.subject.as_str()), (Kind::Judge, "k"));
        let start = Outdated::default();
        let id = store.judged_otherwise("k", &start, 9).unwrap()[0].1;
        let passes = Found { verdict: "warn".into(), ..found("f") };
        let scanned = Scanned { findings: vec![passes], judged: "k".into(), ..Scanned::default() };
        let seen = || {
            let place = store.occurrences("f", ("", ""), 9).unwrap().remove(0);
            (place.last_seen, store.secret("f").unwrap().unwrap().last_seen)
        };
        let (last, before) = (store.last_scan(id).unwrap().unwrap(), seen());
        std::thread::sleep(Duration::from_millis(5));
        assert_eq!(last.report, Some(vec![1, 0, 2]));
        assert!(store.judged((id, last.when), &scanned).unwrap());
        assert_eq!(seen(), before, "to judge is not to see");
        let row = store.image(id).unwrap().unwrap();
        assert_eq!((row.totals.high, row.verdict.as_deref()), (1, Some("warn")));
        assert_eq!((state(store, "g"), report(store, id)), ("fixed".into(), Some(vec![1, 0, 2])));
        assert!(store.judged_otherwise("k", &start, 9).unwrap().is_empty());
    });
}

#[test]
fn what_a_newer_scan_found_stays_when_the_one_before_it_is_judged() {
    on_both(|store| {
        let image = image("a", None, Some("a"));
        scan(store, &image, "s", &[], 0);
        let id = store.images(&ImageFilter::default(), 0, 9).unwrap()[0].id;
        let when = store.last_scan(id).unwrap().unwrap().when;
        std::thread::sleep(Duration::from_millis(5));
        scan(store, &image, "t", &["f"], 0);
        let outdated = Scanned { judged: "k".into(), ..Scanned::default() };
        assert!(!store.judged((id, when), &outdated).unwrap());
        assert_eq!(
            (state(store, "f"), store.findings(&of_image(id), (0, ""), 9).unwrap().len()),
            ("open".into(), 1)
        );
        let outdated = store.judged_otherwise("k", &Outdated::default(), 9).unwrap();
        assert_eq!(outdated, [("j".to_owned(), id)], "it is left to the next round");
    });
}

#[test]
fn what_is_told_of_a_second_time_is_asked_of_the_registry() {
    on_both(|store| {
        let [clean, leaky] = ["a", "b"].map(|fill| image("app", Some("1"), Some(fill)));
        scan(store, &clean, "s", &[], 0);
        scan(store, &leaky, "s", &["f"], 0);
        assert_eq!(state(store, "f"), "open");
        assert_eq!(store.told(&[Wanted { image: &clean, settings: "s", priority: 0 }]).unwrap(), 1);
        assert_eq!(state(store, "f"), "open", "the tag leads where it led");
        let job = store.claim(&crew("s"), &Avoid::default()).unwrap().unwrap();
        assert_eq!((job.kind, job.name.as_str()), (Kind::Tag, "tag r.example/app:1"));
        // What the tag has already is no news.
        assert_eq!(store.told(&[Wanted { image: &leaky, settings: "s", priority: 0 }]).unwrap(), 0);
    });
}

#[test]
fn what_was_fixed_stays_so_when_its_old_image_is_judged_anew() {
    on_both(|store| {
        let [leaky, clean] = ["a", "b"].map(|fill| image("app", Some("1"), Some(fill)));
        scan(store, &leaky, "s", &["f"], 0);
        scan(store, &clean, "s", &[], 0);
        let when = store.last_scan(1).unwrap().unwrap().when;
        let anew = Scanned { findings: vec![found("f")], judged: "k".into(), ..Scanned::default() };
        store.judged((1, when), &anew).unwrap();
        assert_eq!((places(store, "f").len(), state(store, "f")), (1, "fixed".into()));
    });
}

#[test]
fn what_an_index_has_is_known_by_the_index() {
    on_both(|store| {
        let child = image("app", None, Some("c"));
        scan(store, &child, "s", &["f"], 0);
        assert_eq!(places(store, "f"), [("s".to_owned(), None, false)]);
        let index = image("app", Some("1"), Some("d"));
        store.want(&[Wanted { image: &index, settings: "s", priority: 0 }]).unwrap();
        let one = crew("s");
        let job = store.claim(&one, &Avoid::default()).unwrap().unwrap();
        let members = vec![Member { digest: child.digest().unwrap().to_owned(), platform: None }];
        let scanned = Scanned { findings: vec![found("f")], members, ..Scanned::default() };
        store.scanned((&job, &one.worker), &index, "s", &scanned).unwrap().unwrap();
        assert_eq!(places(store, "f"), [("1".to_owned(), None, false)]);
        // A newer image of the tag fixes it, whatever the old one was made of.
        scan(store, &image("app", Some("1"), Some("e")), "s", &[], 0);
        assert_eq!(state(store, "f"), "fixed");
    });
}

#[test]
fn what_an_index_could_not_be_searched_for_stays_known_by_the_image_that_has_it() {
    on_both(|store| {
        let child = image("app", None, Some("c"));
        scan(store, &child, "s", &["f", "g"], 0);
        let index = image("app", Some("1"), Some("d"));
        let members = vec![Member { digest: child.digest().unwrap().to_owned(), platform: None }];
        let scanned =
            Scanned { findings: vec![found("f")], members, judged: "j".into(), ..Scanned::default() };
        let gap = Scanned { gaps: 1, ..scanned.clone() };
        keep(store, &index, "s", &gap);
        assert_eq!(
            (places(store, "f"), state(store, "f")),
            (vec![("1".to_owned(), None, false)], "open".into())
        );
        assert_eq!(
            (places(store, "g"), state(store, "g")),
            (vec![("s".to_owned(), None, false)], "open".into())
        );
        // Searched as a whole it does not have it.
        keep(store, &index, "t", &scanned);
        assert_eq!((places(store, "g"), state(store, "g")), (vec![], "fixed".into()));
        assert_eq!((places(store, "f").len(), state(store, "f")), (1, "open".into()));
    });
}
