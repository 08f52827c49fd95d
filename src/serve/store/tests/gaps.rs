//! An image is scanned again, and this time something of it cannot be looked at. With both engines.

use super::*;

/// What is found where the last scan could not look.
fn unseen(fingerprint: &str) -> Found {
    Found { unseen: true, ..found(fingerprint) }
}

/// A scan with a gap that found `findings`, and knows what was found before and where.
fn with_gap(store: &Store, findings: Vec<Found>, known: &[&str]) -> Scanned {
    let before = store.last_scan(1).unwrap().map(|last| last.when);
    let of_unseen = findings.iter().any(|found| found.unseen);
    Scanned {
        known: known.iter().chain(&["f", "g"]).map(|&known| known.to_owned()).collect(),
        unseen: of_unseen.then(|| vec![7]),
        before,
        findings,
        gaps: 1,
        judged: "j".into(),
        report: Some(vec![2]),
        ..Scanned::default()
    }
}

/// State, when it was last seen, and why it is not at its first place.
fn how(store: &Store, fingerprint: &str) -> (String, i64, Option<String>) {
    let secret = store.secret(fingerprint).unwrap().unwrap();
    let places = store.occurrences(fingerprint, ("", ""), 9).unwrap();
    (secret.state, secret.last_seen, places[0].why.clone())
}

fn of_app() -> Reference {
    image("app", Some("1"), Some("a"))
}

fn pause() {
    std::thread::sleep(Duration::from_millis(5));
}

#[test]
fn what_a_scan_could_not_look_for_stays_as_it_was_and_what_it_looked_for_is_gone() {
    on_both(|store| {
        scan(store, &of_app(), "s", &["f", "g"], 0);
        let (_, seen, _) = how(store, "f");
        pause();
        keep(store, &of_app(), "t", &with_gap(store, vec![unseen("f")], &[]));
        assert_eq!(how(store, "f"), ("open".into(), seen, None));
        let (state, _, why) = how(store, "g");
        assert_eq!(
            (&*state, why.as_deref()),
            ("fixed", Some("newer-rules")),
            "all of its places were looked at"
        );
        let row = &store.findings(&of_image(1), (0, ""), 9).unwrap()[0];
        assert_eq!((row.unseen, row.open, row.last_seen, row.first_seen), (true, true, seen, seen));
        assert_eq!(store.standing("f", &[1]).unwrap()[0].unseen_since, Some(seen));
        assert_eq!(store.occurrences("f", ("", ""), 9).unwrap()[0].last_seen, seen);
        assert_eq!(store.image(1).unwrap().unwrap().totals.high, 1);
        assert_eq!(store.last_scan(1).unwrap().unwrap().unseen, Some(vec![7]));
        // As long as it takes.
        keep(store, &of_app(), "u", &with_gap(store, vec![unseen("f")], &[]));
        assert_eq!(how(store, "f"), ("open".into(), seen, None));
        scan(store, &of_app(), "v", &[], 0);
        let (state, _, why) = how(store, "f");
        assert_eq!((&*state, why.as_deref()), ("fixed", Some("newer-rules")));
        assert_eq!(store.last_scan(1).unwrap().unwrap().unseen, None);
    });
}

#[test]
fn what_is_seen_again_is_seen() {
    on_both(|store| {
        scan(store, &of_app(), "s", &["f"], 0);
        keep(store, &of_app(), "t", &with_gap(store, vec![unseen("f")], &[]));
        pause();
        scan(store, &of_app(), "u", &["f"], 0);
        let row = &store.findings(&of_image(1), (0, ""), 9).unwrap()[0];
        assert!(!row.unseen && row.last_seen > row.first_seen, "{row:?}");
        assert_eq!(store.occurrences("f", ("", ""), 9).unwrap()[0].reopened, None, "it was never gone");
    });
}

#[test]
fn what_nobody_knows_a_place_of_stays_while_there_are_gaps() {
    on_both(|store| {
        scan(store, &of_app(), "s", &["old"], 0);
        keep(store, &of_app(), "t", &with_gap(store, vec![], &[]));
        assert_eq!(how(store, "old").0, "open");
        assert!(store.findings(&of_image(1), (0, ""), 9).unwrap()[0].unseen);
        // Nor does judging what was found make it go.
        let when = store.last_scan(1).unwrap().unwrap().when;
        let anew = Scanned { judged: "k".into(), ..Scanned::default() };
        assert!(store.judged((1, when), &anew).unwrap());
        assert_eq!(how(store, "old").0, "open");
        scan(store, &of_app(), "u", &[], 0);
        assert_eq!(how(store, "old").0, "fixed");
    });
}

#[test]
fn what_is_unseen_is_judged_anew_and_ignored_like_all_else() {
    on_both(|store| {
        scan(store, &of_app(), "s", &["f", "g"], 0);
        let (_, seen, _) = how(store, "f");
        pause();
        keep(store, &of_app(), "t", &with_gap(store, vec![unseen("f"), unseen("g")], &[]));
        let when = store.last_scan(1).unwrap().unwrap().when;
        let judge = |ignored: Option<&str>| {
            let ignored = Found { ignored: ignored.map(str::to_owned), ..unseen("f") };
            let warn = Found { verdict: "warn".into(), ..unseen("g") };
            let findings = vec![ignored, warn];
            assert!(store.judged((1, when), &with_gap(store, findings, &[])).unwrap());
            let row = store.image(1).unwrap().unwrap();
            (how(store, "f"), row.totals.high, row.closed, row.verdict)
        };
        let closed = (("closed".to_owned(), seen, None), 1, 1, Some("warn".to_owned()));
        assert_eq!(judge(Some("ignore-file")), closed, "and not fixed");
        assert_eq!(store.standing("f", &[1]).unwrap()[0].decided.as_deref(), Some("ignored"));
        let open = (("open".to_owned(), seen, None), 2, 0, Some("fail".to_owned()));
        assert_eq!(judge(None), open);
        assert!(store.last_scan(1).unwrap().unwrap().unseen.is_some(), "it can be judged once more");
    });
}

#[test]
fn what_a_list_ignores_is_closed_whatever_is_decided() {
    on_both(|store| {
        let ignored = Found { ignored: Some("baseline".into()), ..found("f") };
        let scanned = Scanned { findings: vec![ignored], judged: "j".into(), ..Scanned::default() };
        keep(store, &of_app(), "s", &scanned);
        assert_eq!(how(store, "f").0, "closed");
        for kind in [DecisionKind::FalseAlarm, DecisionKind::Open] {
            let new = NewDecision {
                fingerprint: "f".into(),
                kind,
                scope: "*".into(),
                until: None,
                reason: "because".into(),
            };
            store.decide("me", &new).unwrap().unwrap();
            assert_eq!(how(store, "f").0, "closed", "{kind:?}");
            assert!(store.dismissed_of(1).unwrap().is_empty(), "the list hides it by itself");
        }
        scan(store, &of_app(), "t", &["f"], 0);
        assert_eq!(how(store, "f").0, "open");
    });
}

#[test]
fn an_image_that_was_forgotten_has_nothing_of_before() {
    on_both(|store| {
        scan(store, &of_app(), "s", &["f"], 0);
        let gap = with_gap(store, vec![unseen("f"), found("g")], &[]);
        assert!(store.delete_image("me", 1).unwrap());
        keep(store, &of_app(), "t", &gap);
        let found = store.findings(&FindingFilter::default(), (0, ""), 9).unwrap();
        let prints: Vec<_> = found.iter().map(|found| (&*found.fingerprint, found.unseen)).collect();
        assert_eq!(prints, [("g", false)]);
        assert_eq!(store.last_scan(found[0].image).unwrap().unwrap().unseen, None);
    });
}

#[test]
fn a_report_that_is_too_large_is_not_kept_and_its_findings_are() {
    on_both(|store| {
        scan(store, &of_app(), "s", &["f"], 0);
        let large = Scanned { findings: vec![found("f")], judged: "j".into(), ..Scanned::default() };
        keep(store, &of_app(), "t", &large);
        let last = store.last_scan(1).unwrap().unwrap();
        assert_eq!((last.report, last.too_large, how(store, "f").0.as_str()), (None, true, "open"));
        assert!(!store.want_judged("k").unwrap(), "there is nothing to judge");
        scan(store, &of_app(), "u", &["f"], 0);
        assert!(!store.last_scan(1).unwrap().unwrap().too_large && store.want_judged("k").unwrap());
    });
}
