//! What people decide about few findings and about very many.

use super::triage::state;
use super::*;
use crate::findings::suppress::{day, day_of};

pub(super) fn decision(fingerprint: &str, kind: DecisionKind, scope: &str) -> NewDecision {
    NewDecision {
        fingerprint: fingerprint.into(),
        kind,
        scope: scope.into(),
        until: None,
        reason: "because".into(),
    }
}

/// Whether the finding is open in each image, in their order.
fn open(store: &Store, fingerprint: &str) -> Vec<bool> {
    store.findings(&of_secret(fingerprint), (0, ""), 9).unwrap().iter().map(|found| found.open).collect()
}

#[test]
fn the_newest_decision_that_covers_a_repository_counts() {
    on_both(|store| {
        scan(store, &image("team/a", None, Some("a")), "s", &["f"], 0);
        scan(store, &image("other/b", None, Some("b")), "s", &["f", "g"], 0);
        let decide = |kind, scope: &str| store.decide("me", &decision("f", kind, scope)).unwrap().unwrap();
        assert_eq!(open(store, "f"), [true, true]);
        decide(DecisionKind::FalseAlarm, "r.example/team/*");
        assert_eq!(open(store, "f"), [false, true]);
        // What is scanned later is decided already.
        scan(store, &image("team/c", None, Some("c")), "s", &["f"], 0);
        assert_eq!(open(store, "f"), [false, true, false]);
        decide(DecisionKind::Fixed, "*");
        assert_eq!(open(store, "f"), [false, false, false]);
        decide(DecisionKind::Open, "*/team/*");
        assert_eq!(open(store, "f"), [true, false, true]);
        assert_eq!(state(store, "f"), "open");
        let row = &store.images(&ImageFilter::default(), 0, 9).unwrap()[1];
        assert_eq!((row.totals.high, row.closed, row.verdict.as_deref()), (1, 1, Some("fail")));
        let known = |repository| {
            store.dismissed(repository).unwrap().into_iter().map(|(known, _)| known).collect::<Vec<_>>()
        };
        assert_eq!((known(None), known(Some("r.example/team/a"))), (vec!["f".to_owned()], vec![]));
        let in_force: Vec<_> =
            store.decisions(Some("f"), 0, 9).unwrap().iter().map(|made| made.in_force).collect();
        assert_eq!(
            in_force,
            [false, true, false],
            "the newest first: one that opens, one for all, one that was replaced"
        );
        let audit = store.audit(0, 9).unwrap();
        let acts: Vec<_> = audit.iter().map(|row| (row.who.as_str(), row.action.as_str())).collect();
        assert_eq!(acts, [("me", "decide"); 3]);
        assert_eq!(audit[0].became.as_ref().unwrap()["kind"], "open");
    });
}

#[test]
fn what_is_accepted_is_open_again_when_its_day_has_passed() {
    on_both(|store| {
        scan(store, &image("a", None, Some("a")), "s", &["f"], 0);
        let today = day_of(std::time::SystemTime::now());
        let accepted = NewDecision { until: Some(today), ..decision("f", DecisionKind::Accepted, "*") };
        store.decide("me", &accepted).unwrap().unwrap();
        assert_eq!(open(store, "f"), [false]);
        assert_eq!(store.open_secrets().unwrap().high, 0);
        for table in ["findings", "secrets"] {
            let pass = format!("UPDATE {table} SET closed_until = closed_until - 2 * 86400000");
            store.within(|session| session.execute(&pass, &[])).unwrap();
        }
        assert_eq!((open(store, "f"), store.open_secrets().unwrap().high), (vec![true], 1));
    });
}

#[test]
fn what_means_nothing_is_refused_with_what_is_missing() {
    on_both(|store| {
        scan(store, &image("a", None, Some("a")), "s", &["f"], 0);
        let refused = |new: NewDecision| store.decide("me", &new).unwrap().unwrap_err();
        let base = || decision("f", DecisionKind::FalseAlarm, "*");
        let past = day("2020-01-31");
        assert_eq!(refused(NewDecision { fingerprint: "x".into(), ..base() }), Refused::Unknown);
        assert_eq!(refused(NewDecision { reason: " ".into(), ..base() }), Refused::Reason);
        assert_eq!(refused(NewDecision { scope: "team".into(), ..base() }), Refused::Scope);
        assert_eq!(refused(NewDecision { until: day("2999-01-31"), ..base() }), Refused::NoUntil);
        let accepted = || decision("f", DecisionKind::Accepted, "*");
        assert_eq!(refused(accepted()), Refused::Until);
        assert_eq!(refused(NewDecision { until: past, ..accepted() }), Refused::Until);
        assert!(store.audit(0, 9).unwrap().is_empty() && store.decisions(None, 0, 9).unwrap().is_empty());
    });
}

/// Images 1 to `count` with the finding `f`, which are where they are found.
fn many(store: &Store, count: i64) {
    let image = "INSERT INTO images
            (registry, repository, digest, first_seen, last_seen, scanned, critical, high, medium, low, gaps)
        VALUES ('r.example', $1, 'sha256:d', 1, 1, 1, 0, 1, 0, 0, 0)";
    let finding = "INSERT INTO findings
            (image, fingerprint, rule, name, severity, redacted, place, places, first_seen, last_seen)
        SELECT id, 'f', 'r', 'n', 'high', '', '', 1, 1, 1 FROM images";
    let secret = "INSERT INTO secrets (fingerprint, rule, name, severity, worst, redacted, first_seen, last_seen, closed_until)
        VALUES ('f', 'r', 'n', 'high', 3, '', 1, 1, 0)";
    let place =
        "INSERT INTO occurrences (fingerprint, registry, repository, reference, image, first_seen, last_seen)
        SELECT 'f', registry, repository, digest, id, 1, 1 FROM images";
    store
        .within(|session| {
            for number in 1..=count {
                let team = if number % 2 == 0 { "even" } else { "odd" };
                session.execute(image, &[format!("{team}/{number}").as_str().into()])?;
            }
            [finding, secret, place]
                .iter()
                .try_for_each(|statement| session.execute(statement, &[]).map(drop))
        })
        .unwrap();
}

/// How many images count the finding `f` as open, and how many findings are.
fn open_ones(store: &Store) -> (i64, i64) {
    let count = |query| store.reading(|session| session.first(query, &[])).unwrap().unwrap().int(0);
    (
        count("SELECT count(*) FROM images WHERE high = 1"),
        count("SELECT count(*) FROM findings WHERE closed_until = 0"),
    )
}

#[test]
fn a_decision_about_very_many_images_is_made_at_once_and_counts_piece_by_piece() {
    on_both(|store| {
        many(store, 450);
        let decide = |kind, scope: &str| store.decide("me", &decision("f", kind, scope)).unwrap().unwrap();
        let one = crew("s");
        let job = |decision: i64| {
            let job = store.claim(&one, &Avoid::default()).unwrap().unwrap();
            assert_eq!((job.kind, &*job.subject), (Kind::Decide, &*decision.to_string()));
            job
        };
        let all = decide(DecisionKind::FalseAlarm, "*");
        assert_eq!(
            (open_ones(store), state(store, "f")),
            ((450, 450), "open".into()),
            "not in this transaction"
        );
        let first = job(all.id);
        // A newer one is made, and done first.
        let newer = decide(DecisionKind::Open, "r.example/even/*");
        let second = job(newer.id);
        assert!(store.spread(newer.id).unwrap());
        store.spread_done(&second, &one.worker).unwrap().unwrap();
        assert!(store.spread(all.id).unwrap() && store.spread(all.id).unwrap(), "twice is once");
        store.spread_done(&first, &one.worker).unwrap().unwrap();
        assert_eq!((open_ones(store), state(store, "f")), ((225, 225), "open".into()));
        assert_eq!(store.claim(&one, &Avoid::default()).unwrap(), None);
        assert!(!store.spread(99).unwrap());
        store.delete_image("me", 2).unwrap();
        let last = decide(DecisionKind::Fixed, "*/even/*");
        let job = job(last.id);
        store.spread(last.id).unwrap();
        store.spread_done(&job, &one.worker).unwrap().unwrap();
        assert_eq!((open_ones(store), state(store, "f")), ((0, 0), "closed".into()));
    });
}

#[test]
fn what_was_accepted_in_very_many_images_is_counted_again_piece_by_piece() {
    on_both(|store| {
        many(store, 450);
        let accepted = "UPDATE findings SET closed_until = 1";
        store.within(|session| session.execute(accepted, &[])).unwrap();
        store.within(|session| session.execute("UPDATE images SET high = 0", &[])).unwrap();
        store.reopen().unwrap();
        assert_eq!(open_ones(store), (450, 450));
        store.reopen().unwrap();
    });
}
