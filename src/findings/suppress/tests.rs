//! Entries, marks and baselines on findings made by hand.

use serde_json::json;

use super::*;
use crate::digest::Digest;
use crate::findings::condition::KEYS;
use crate::findings::sample::{self, finding};
use crate::findings::{Place, PlaceLayer, PlaceStep};
use crate::image::{Image, PlaceKind};
use crate::matcher::Mark;
use crate::secret::FingerprintKey;

const TODAY: &str = "2026-11-26";

/// A place in a file of layer 2, which step 3 made.
fn file(path: &str) -> Place {
    Place {
        image: Some("app:1".into()),
        layer: Some(PlaceLayer {
            index: Some(2),
            digest: Some(Digest::of(b"stored")),
            diff_id: Some(Digest::of(b"plain")),
        }),
        step: Some(PlaceStep {
            index: 3,
            instruction: "COPY".into(),
            created_by: "COPY . /app # buildkit".into(),
        }),
        path: Some(path.into()),
        line: Some(7),
        offset: Some(70),
        ..sample::place(PlaceKind::File)
    }
}

fn env(name: &str) -> Place {
    Place {
        kind: PlaceKind::Env,
        layer: None,
        step: Some(PlaceStep { index: 0, instruction: "ENV".into(), created_by: format!("ENV {name}=…") }),
        path: None,
        name: Some(name.into()),
        ..file("")
    }
}

fn marked(place: Place, rules: &[&str]) -> Place {
    let rules = rules.iter().map(ToString::to_string).collect();
    Place { mark: Some(Mark { rules, reason: Some("made up".into()), above: false }), ..place }
}

fn images() -> Vec<Image> {
    vec![Image { names: vec!["app:1".into(), "registry/app:latest".into()], ..Image::default() }]
}

/// What entries of this text suppress; `reason` is added to each.
fn suppressions(text: &str) -> Suppressions {
    let text = text.replace("[[ignore]]", "[[ignore]]\nreason = \"known\"");
    let entries = entries("ignore", &text).unwrap_or_else(|error| panic!("{error}"));
    Suppressions { entries, today: TODAY.parse().expect("a day"), ..Suppressions::default() }
}

fn apply(suppressions: &Suppressions, findings: Vec<Finding>) -> (Vec<Finding>, Suppression) {
    suppressions.apply(findings, &images())
}

/// Whether an entry with these keys suppresses a finding at `place`.
fn ignores(keys: &str, place: Place) -> bool {
    let finding = finding("secret", vec![place]);
    apply(&suppressions(&format!("[[ignore]]\n{keys}")), vec![finding]).0.is_empty()
}

#[test]
fn places_that_packages_ship_do_not_keep_a_finding() {
    let shipped = Place { shipped_by: Some("dpkg libabc1".into()), ..file("usr/lib/abc.pem") };
    let both = finding("secret", vec![file("app/key.pem"), shipped]);
    let ignore = suppressions("[[ignore]]\npath = \"/app/key.pem\"");
    let (kept, suppression) = apply(&ignore, vec![both]);
    assert!(kept.is_empty());
    assert!(!suppression.findings[0].partly);
}

#[test]
fn every_key_matches_what_it_names_and_nothing_else() {
    let fingerprint = finding("secret", vec![]).fingerprint.to_string();
    let (stored, plain) = (Digest::of(b"stored"), Digest::of(b"plain").hex());
    let key = |name: &str, value: &str| format!("{name} = \"{value}\"");
    let table: &[(&str, Vec<String>, Vec<String>)] = &[
        (
            "fingerprint",
            vec![fingerprint.clone(), fingerprint[..12].to_owned(), fingerprint.to_uppercase()],
            vec!["0123456789ab".into()],
        ),
        ("rule", vec!["github-pat".into(), "github-*".into()], vec!["github".into(), "aws-*".into()]),
        ("path", vec!["/app/.env".into(), ".env".into(), "app/".into()], vec!["/.env".into()]),
        (
            "layer",
            vec![stored.to_string(), plain.clone(), plain[..12].to_owned()],
            vec![Digest::of(b"other").to_string()],
        ),
        (
            "step",
            vec!["COPY . /app".into(), "COPY*".into(), "COPY . /app # buildkit".into()],
            vec!["COPY".into(), "RUN *".into()],
        ),
        ("image", vec!["app:1".into(), "registry/*".into()], vec!["app".into(), "other*".into()]),
        ("kind", vec!["file".into()], vec!["env".into()]),
    ];
    assert_eq!(
        table.iter().map(|row| row.0).collect::<Vec<_>>(),
        KEYS.iter().filter(|key| key.ignores).map(|key| key.name).collect::<Vec<_>>()
    );
    for (name, matching, others) in table {
        for value in matching {
            assert!(ignores(&key(name, value), file("app/.env")), "{name} {value}");
        }
        for value in others {
            assert!(!ignores(&key(name, value), file("app/.env")), "{name} {value}");
        }
        let list = format!("{name} = [\"{}\", \"{}\"]", others[0], matching[0]);
        assert!(ignores(&list, file("app/.env")), "{list}");
    }
    assert!(ignores("layer = 2", file("a")) && !ignores("layer = 3", file("a")));
    assert!(ignores("step = 3", file("a")) && !ignores("step = 2", file("a")));
}

#[test]
fn several_keys_have_to_hold_together() {
    let both = "rule = \"github-*\"\npath = \"*.env\"";
    assert!(ignores(both, file("app/.env")));
    assert!(!ignores(both, file("app/other")));
    assert!(!ignores("rule = \"aws-*\"\npath = \"*.env\"", file("app/.env")));
    assert!(ignores("kind = [\"env\", \"file\"]\nstep = [0, 9]", env("A")));
}

#[test]
fn a_path_is_that_of_a_layer_and_of_members_in_it() {
    let document = Place { kind: PlaceKind::Metadata, ..file("manifest.json") };
    assert!(!ignores("path = \"manifest.json\"", document));
    let inner = Place { inner: vec!["conf/a.yml".into()], ..file("app/lib.jar") };
    assert!(ignores("path = \"*.jar\"", inner.clone()));
    assert!(ignores("path = \"app/lib.jar/conf/*.yml\"", inner.clone()));
    assert!(!ignores("path = \"app/lib.jar/other/*.yml\"", inner));
    assert!(!ignores("layer = 2", env("A")) && !ignores("path = \"**\"", env("A")));
}

#[test]
fn an_entry_counts_until_the_end_of_its_last_day() {
    for (expires, counts) in
        [("2026-11-25", false), (TODAY, true), ("2026-11-27", true), ("2030-01-01", true)]
    {
        for written in [expires.to_owned(), format!("\"{expires}\"")] {
            let suppressions = suppressions(&format!("[[ignore]]\nrule = \"*\"\nexpires = {written}"));
            let (kept, suppression) = apply(&suppressions, vec![finding("secret", vec![file("a")])]);
            assert_eq!(kept.is_empty(), counts, "{written}");
            assert_eq!(suppression.stale.expired.len(), usize::from(!counts), "{written}");
            assert_eq!(suppression.expired().count(), usize::from(!counts), "{written}");
            let near = counts && !expires.starts_with("2030");
            assert_eq!(suppression.stale.expiring.len(), usize::from(near), "{written}");
            assert_eq!(suppression.notes().count(), usize::from(!counts || near), "{written}");
            assert!(suppression.stale.unused.is_empty());
        }
    }
    let (_, suppression) = apply(
        &suppressions("\n\n[[ignore]]\nrule = \"*\"\nexpires = 2020-01-01"),
        vec![finding("secret", vec![file("a")])],
    );
    let note = suppression.notes().next().expect("a note");
    assert_eq!((note.kind, &*note.place), (ProblemKind::Note, "ignore:3"));
    insta::assert_snapshot!(note.message, @"expired after 2020-01-01: known; one finding that it would match is shown");
    let library = Suppressions {
        entries: suppressions("[[ignore]]\nrule = \"*\"\nexpires = 9000-01-01").entries,
        ..Suppressions::default()
    };
    assert_eq!(apply(&library, vec![finding("secret", vec![file("a")])]).0.len(), 1, "no day was given");
}

#[test]
fn an_expired_entry_leaves_the_work_to_the_next() {
    let text = "[[ignore]]\nrule = \"*\"\nexpires = 2020-01-01\n[[ignore]]\nrule = \"*\"\n[[ignore]]\nkind = \"env\"";
    let (kept, suppression) = apply(&suppressions(text), vec![finding("secret", vec![file("a")])]);
    assert!(kept.is_empty());
    let ats: Vec<_> = suppression.findings[0].causes.iter().map(|cause| &*cause.at).collect();
    assert_eq!(ats, ["ignore:5"]);
    assert_eq!(suppression.stale.unused.iter().map(|unused| &*unused.at).collect::<Vec<_>>(), ["ignore:8"]);
}

#[test]
fn a_finding_stays_with_the_places_that_are_left() {
    let suppressions = suppressions("[[ignore]]\npath = \"a\"");
    let (kept, suppression) =
        apply(&suppressions, vec![finding("secret", vec![env("A"), file("a"), file("b")])]);
    assert_eq!(kept[0].places, [env("A"), file("b")]);
    assert_ne!(kept[0].fix, ["all of it"], "the advice is for what is left");
    let suppressed = &suppression.findings[0];
    assert!(suppressed.partly);
    assert_eq!(suppressed.finding.places, [file("a")]);
    assert_eq!(suppression.count(By::IgnoreFile), 0, "the finding is shown");
    assert_eq!(suppression.places(), (1, 0));

    let (kept, suppression) = apply(&suppressions, vec![finding("secret", vec![file("a")])]);
    assert!(kept.is_empty() && !suppression.findings[0].partly);
    assert_eq!(suppression.count(By::IgnoreFile), 1);
}

#[test]
fn an_inline_mark_counts_for_its_rules_unless_nobody_believes_it() {
    let all = Suppressions::default();
    let places = vec![marked(file("a"), &[]), marked(file("b"), &["github-pat"])];
    let (kept, suppression) = apply(&all, vec![finding("secret", places.clone())]);
    assert!(kept.is_empty());
    assert_eq!(suppression.count(By::Inline), 1);
    let ats: Vec<_> = suppression.findings[0].causes.iter().map(|cause| &*cause.at).collect();
    assert_eq!(ats, ["a:7", "b:7"]);
    assert_eq!(suppression.findings[0].causes[0].reason.as_deref(), Some("made up"));

    let other = vec![finding("secret", vec![marked(file("a"), &["aws-access-key"])])];
    assert_eq!(apply(&all, other).0.len(), 1);
    let strict = Suppressions { inline: false, ..Suppressions::default() };
    assert_eq!(apply(&strict, vec![finding("secret", places)]).0.len(), 1);
}

#[test]
fn the_first_of_file_mark_and_baseline_is_named() {
    let known = Outcome { findings: vec![finding("secret", vec![file("a")])], ..Outcome::default() };
    let mut suppressions = suppressions("[[ignore]]\npath = \"a\"");
    suppressions.baselines.push(baseline(&[known], &FingerprintKey::default()).expect("a baseline"));
    let places = vec![marked(file("a"), &[]), marked(file("b"), &[]), file("c")];
    let (kept, suppression) = apply(&suppressions, vec![finding("secret", places)]);
    assert!(kept.is_empty());
    let causes = &suppression.findings[0].causes;
    let found: Vec<_> =
        causes.iter().map(|cause| (cause.by, cause.places.clone(), cause.new_places.clone())).collect();
    assert_eq!(
        found,
        [(By::IgnoreFile, vec![0], vec![]), (By::Inline, vec![1], vec![]), (By::Baseline, vec![2], vec![2])]
    );
    assert_eq!(By::ALL.map(|by| suppression.count(by)), [1, 0, 0], "it is counted once");
}

fn baseline(outcomes: &[Outcome], key: &FingerprintKey) -> Result<Baseline, BaselineError> {
    let finding = |finding: &Finding| {
        let places: Vec<String> = finding.places.iter().map(Place::hint).collect();
        json!({ "fingerprint": finding.fingerprint, "rule": finding.rule, "places": places })
    };
    let findings: Vec<_> = outcomes.iter().flat_map(Outcome::known).map(finding).collect();
    let check = FingerprintKey::default().check();
    let file = json!({ "schema": BASELINE, "fingerprint_key": check, "findings": findings });
    Baseline::parse("base.json", file.to_string().as_bytes(), key)
}

#[test]
fn a_baseline_knows_what_it_was_written_from() {
    let findings = vec![finding("one", vec![file("a")]), finding("two", vec![env("B")])];
    let outcome = Outcome { findings: findings.clone(), ..Outcome::default() };
    let baseline = baseline(&[outcome], &FingerprintKey::default()).expect("a baseline");
    let suppressions = Suppressions { baselines: vec![baseline], ..Suppressions::default() };

    let (kept, suppression) = apply(&suppressions, findings.clone());
    assert!(kept.is_empty());
    assert_eq!(suppression.count(By::Baseline), 2);
    assert_eq!(suppression.places(), (2, 0));
    assert_eq!(suppression.stale.gone, []);

    // Another layer, another line: the same place. Another path: a new place of what is known.
    let moved = Place { layer: None, line: Some(9), offset: None, ..file("a") };
    let changed = vec![finding("one", vec![moved, file("b")]), finding("new", vec![file("a")])];
    let (kept, suppression) = apply(&suppressions, changed);
    assert_eq!(kept.iter().map(|finding| finding.secret.expose()).collect::<Vec<_>>(), [b"new"]);
    assert_eq!(suppression.findings[0].causes[0].new_places, [1]);
    assert_eq!(suppression.stale.gone.len(), 1);
    assert_eq!(suppression.stale.gone[0].fingerprint, findings[1].fingerprint.to_string());
}

#[test]
fn a_baseline_that_is_written_again_keeps_what_is_still_known() {
    let old = baseline(
        &[Outcome { findings: vec![finding("one", vec![file("a")])], ..Outcome::default() }],
        &FingerprintKey::default(),
    );
    let suppressions = Suppressions { baselines: vec![old.expect("a baseline")], ..Suppressions::default() };
    let (findings, suppression) =
        apply(&suppressions, vec![finding("one", vec![file("a")]), finding("two", vec![file("b")])]);
    let outcome = Outcome { findings, suppression, ..Outcome::default() };
    let again = baseline(&[outcome], &FingerprintKey::default()).expect("a baseline");
    let suppressions = Suppressions { baselines: vec![again], ..Suppressions::default() };
    let (kept, _) =
        apply(&suppressions, vec![finding("one", vec![file("a")]), finding("two", vec![file("b")])]);
    assert!(kept.is_empty());
}

#[test]
fn what_is_no_baseline_for_this_scan_is_refused() {
    let complaint = |json: &str| {
        let parsed = Baseline::parse("b.json", json.as_bytes(), &FingerprintKey::default());
        parsed.expect_err("a complaint").to_string()
    };
    insta::assert_snapshot!(complaint("{"), @"b.json is no baseline: EOF while parsing an object at line 1 column 1. Write one with `layersift baseline create`, or use a report of --format json");
    insta::assert_snapshot!(complaint("[]"), @"b.json is no baseline: its schema is ``, and one of layersift.baseline/v1, layersift.report/v1, layersift.reports/v1 is needed");
    insta::assert_snapshot!(complaint("{}"), @"b.json is no baseline: its schema is ``, and one of layersift.baseline/v1, layersift.report/v1, layersift.reports/v1 is needed");
    insta::assert_snapshot!(complaint("{\"schema\": \"layersift.baseline/v2\"}"), @"b.json is no baseline: its schema is `layersift.baseline/v2`, and one of layersift.baseline/v1, layersift.report/v1, layersift.reports/v1 is needed");
    insta::assert_snapshot!(complaint("{\"schema\": \"layersift.baseline/v1\", \"fingerprint_key\": \"0\"}"), @"b.json was written with another fingerprint key (0, and this run has bd446867): set LAYERSIFT_FINGERPRINT_KEY as it was then, or write the baseline anew");
    let other = baseline(&[], &FingerprintKey::new(b"another"));
    assert!(matches!(other, Err(BaselineError::Key { .. })));
    let deep =
        format!("{{\"schema\": \"layersift.reports/v1\", \"reports\": {}", "[{\"reports\":".repeat(10_000));
    assert!(Baseline::parse("b.json", deep.as_bytes(), &FingerprintKey::default()).is_err());
}

#[test]
fn of_a_run_only_what_is_stale_everywhere_is_told() {
    let stale = |unused: &[&str], gone: &[&str]| {
        let unused = unused.iter().map(|at| Unused { at: (*at).into(), reason: "x".into() }).collect();
        let gone = gone.iter().map(|print| Gone { fingerprint: (*print).into(), rule: "x".into() }).collect();
        let stale = StaleLists { unused, gone, ..StaleLists::default() };
        Outcome { suppression: Suppression { stale, ..Suppression::default() }, ..Outcome::default() }
    };
    let mut outcomes = [stale(&["a", "b"], &["1"]), stale(&["b", "c"], &["1", "2"]), stale(&["b"], &["1"])];
    settle(&mut outcomes);
    let [first, second, last] = outcomes.map(|outcome| outcome.suppression.stale);
    assert!(first.is_empty() && second.is_empty());
    assert_eq!((last.unused[0].at.as_str(), last.unused.len()), ("b", 1));
    assert_eq!((last.gone[0].fingerprint.as_str(), last.gone.len()), ("1", 1));
    settle(&mut []);
}

#[test]
fn a_file_that_says_nothing_clear_is_refused_with_its_line() {
    let complaint = |text: &str| entries("f", text).map(|_| ()).expect_err(text).to_string();
    let entry = |keys: &str| format!("# why\n[[ignore]]\nreason = \"x\"\n{keys}\n");
    insta::assert_snapshot!(complaint(&entry("rul = \"a\"")), @"f:4: there is no key `rul`; there are fingerprint, rule, path, layer, step, image, kind, reason, expires");
    insta::assert_snapshot!(complaint(&entry("rule = 3")), @"f:4: rule: 3 is a number; write a text in quotes");
    insta::assert_snapshot!(complaint(&entry("rule = \"\"")), @"f:4: rule: an empty text matches nothing");
    insta::assert_snapshot!(complaint(&entry("rule = []")), @"f:4: rule: an empty list matches nothing");
    insta::assert_snapshot!(complaint(&entry("path = \"a/[b\"")), @"f:4: path: `a/[b`: unclosed character class; missing ']'");
    insta::assert_snapshot!(complaint(&entry("path = true")), @"f:4: path: expected a text or a number from 0, or a list of them, not boolean");
    insta::assert_snapshot!(complaint(&entry("layer = -1")), @"f:4: layer: expected a text or a number from 0, or a list of them, not integer");
    insta::assert_snapshot!(complaint(&entry("layer = \"base\"")), @"f:4: layer: `base`: expected the position of a layer as a number, or its digest or diff_id, of which the first 12 digits are enough");
    insta::assert_snapshot!(complaint(&entry("kind = \"files\"")), @"f:4: kind: expected the kind of a place: one of file, history, build-arg, env, label, cmd, entrypoint, healthcheck, onbuild, config, annotation, attestation, path, link, tar-header, padding, metadata, blob");
    insta::assert_snapshot!(complaint(&entry("fingerprint = \"12\"")), @"f:4: fingerprint: expected the fingerprint of a finding in quotes, or its first 12 digits");
    insta::assert_snapshot!(complaint(&entry("rule = \"a\"\nexpires = 2027-02-30")), @"f:5: invalid date, expected day between 01 and 28");
    insta::assert_snapshot!(complaint(&entry("rule = \"a\"\nexpires = \"2027-02-30\"")), @"f:5: expires: `2027-02-30` is no day of the calendar; write one such as 2027-01-31");
    insta::assert_snapshot!(complaint(&entry("rule = \"a\"\nexpires = \"soon\"")), @"f:5: expires: `soon` is no day of the calendar; write one such as 2027-01-31");
    insta::assert_snapshot!(complaint(&entry("rule = \"a\"\nexpires = 2027-01-31T10:00:00Z")), @"f:5: expires: `2027-01-31T10:00:00Z` is no day of the calendar; write one such as 2027-01-31");
    insta::assert_snapshot!(complaint(&entry("rule = \"a\"\nrule = \"b\"")), @"f:5: duplicate key");
    insta::assert_snapshot!(complaint(&entry("")), @"f:2: the entry would ignore everything; say what, with fingerprint, rule, path, layer, step, image, kind");
    insta::assert_snapshot!(complaint("[[ignore]]\nrule = \"a\""), @r#"f:1: the entry has no reason; write reason = "…""#);
    insta::assert_snapshot!(complaint("[[ignore]]\nrule = \"a\"\nreason = \"  \""), @"f:3: reason: expected a text that says why");
    insta::assert_snapshot!(complaint("\n[[ignored]]\nrule = \"a\""), @"f:2: expected [[ignore]] and nothing else, not `ignored`");
    insta::assert_snapshot!(complaint("[ignore]\nrule = \"a\""), @"f:1: expected [[ignore]] and nothing else, not `ignore`");
    insta::assert_snapshot!(complaint("ignore = [\"a\"]"), @"f:1: expected a table: write [[ignore]] and its keys below");
    insta::assert_snapshot!(complaint("0123456789ab"), @"f:1: key with no value, expected `=`");
    assert!(entries("f", "# nothing yet\n").expect("an empty file").is_empty());
}

mod properties {
    use proptest::prelude::*;

    use super::*;

    fn some_places() -> impl Strategy<Value = Vec<Place>> {
        let place = (0_usize..4, any::<bool>()).prop_map(|(index, mark)| {
            let place = file(["a", "b", "c/d", "c/e"][index]);
            if mark { marked(place, &[]) } else { place }
        });
        proptest::collection::vec(place, 1..6)
    }

    proptest! {
        /// Places are neither lost nor doubled, whatever suppresses them, and each suppressed one has one cause.
        #[test]
        fn every_place_is_shown_or_suppressed(
            places in some_places(),
            paths in proptest::collection::vec(proptest::sample::select(vec!["a", "c/", "*", "/e"]), 0..3),
            inline in any::<bool>(),
            known in any::<bool>(),
        ) {
            let entry = |path: &&str| format!("[[ignore]]\npath = \"{path}\"\n");
            let text = paths.iter().map(entry).collect::<Vec<_>>().concat();
            let mut suppressions = Suppressions { inline, ..suppressions(&text) };
            if known {
                let outcome = Outcome { findings: vec![finding("secret", vec![file("a")])], ..Outcome::default() };
                suppressions.baselines.push(baseline(&[outcome], &FingerprintKey::default()).expect("a baseline"));
            }
            let (kept, suppression) = apply(&suppressions, vec![finding("secret", places.clone())]);
            let suppressed = suppression.findings.iter().flat_map(|suppressed| suppressed.finding.places.clone());
            let mut all: Vec<Place> = kept.iter().flat_map(|kept| kept.places.clone()).chain(suppressed).collect();
            all.sort();
            let mut expected = places;
            expected.sort();
            prop_assert_eq!(all, expected);
            for suppressed in &suppression.findings {
                let mut caused: Vec<usize> =
                    suppressed.causes.iter().flat_map(|cause| cause.places.clone()).collect();
                caused.sort_unstable();
                prop_assert_eq!(caused, (0..suppressed.finding.places.len()).collect::<Vec<_>>());
                prop_assert_eq!(suppressed.partly, !kept.is_empty());
            }
            prop_assert!(kept.iter().all(|kept| !kept.places.is_empty()));
        }

        #[test]
        fn no_baseline_panics(text in "[{}\\[\\]\",:a-z/0-9 ]{0,60}", cut in 0_usize..400) {
            let outcome = Outcome { findings: vec![finding("secret", vec![file("a")])], ..Outcome::default() };
            let known = outcome.findings[0].fingerprint;
            let whole = json!({ "schema": BASELINE, "findings": [{ "fingerprint": known, "places": [{ "kind": "a" }] }] });
            let whole = whole.to_string();
            let cut = format!("{}{text}", &whole[..cut.min(whole.len())]);
            for json in [text, cut] {
                let _ = Baseline::parse("b", json.as_bytes(), &FingerprintKey::default());
            }
        }

        #[test]
        fn no_file_panics(text in "([a-z\\[\\]=\" \n0-9-]|ignore|path|expires|reason){0,40}") {
            let _ = entries("f", &text);
        }
    }
}
