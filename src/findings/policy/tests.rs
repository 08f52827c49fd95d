//! Policies on findings made by hand.

use super::*;
use crate::findings::condition::KEYS;
use crate::findings::suppress::{Known, day};
use crate::findings::{Origin, State};
use crate::image::{Base, BaseFrom, Image, PlaceKind};
use crate::signature::Severity;

const TODAY: &str = "2026-11-26";

fn file(path: &str) -> Place {
    serde_json::from_value(serde_json::json!({
        "kind": "file",
        "image": "app:1",
        "path": path,
        "layer": { "index": 2, "digest": null, "diff_id": null },
        "step": { "index": 3, "instruction": "COPY", "created_by": "COPY . /app" },
        "state": "deleted",
    }))
    .expect("a place")
}

/// An image that was built ten days ago on a base that was named.
fn images() -> Vec<Image> {
    vec![Image {
        names: vec!["app:1".into(), "registry/app:latest".into()],
        created: Some("2026-11-16T10:00:00Z".into()),
        base: Some(Base { from: BaseFrom::Given, ..Base::default() }),
        ..Image::default()
    }]
}

fn subject(known: Option<&Known>) -> Subject<'_> {
    Subject {
        rule: "github-pat",
        provider: "GitHub",
        fingerprint: "0123456789abcdef0123456789abcdef",
        severity: Severity::High,
        confidence: Confidence::Likely,
        known,
    }
}

fn known(days: &str) -> Known {
    Known { by: "known.json".into(), first_seen: day(days), reason: None }
}

fn policy(text: &str) -> Policy {
    let rules = rules("layersift.toml", text).unwrap_or_else(|error| panic!("{error}"));
    Policy::new(rules, day(TODAY).expect("a day"))
}

/// What a policy of one rule with these keys, which lets pass, makes of a finding at `places`.
fn passes(keys: &str, known: Option<&Known>, places: &[Place]) -> bool {
    let policy = policy(&format!("[[policy.rule]]\naction = \"pass\"\n{keys}"));
    let images = images();
    policy.judge(subject(known), places, &Images::new(&images)).action == Action::Pass
}

#[test]
fn every_key_matches_what_it_names_and_nothing_else() {
    let table: &[(&str, &[&str], &[&str])] = &[
        ("fingerprint", &["\"0123456789ab\""], &["\"ffffffffffff\""]),
        ("rule", &["\"github-*\"", "[\"jwt\", \"github-pat\"]"], &["\"jwt\""]),
        ("path", &["\"/app/.env\"", "\"app/\""], &["\"/srv\""]),
        ("layer", &["2"], &["1"]),
        ("step", &["3", "\"COPY *\""], &["2"]),
        ("image", &["\"registry/*\""], &["\"other\""]),
        ("kind", &["\"file\"", "[\"env\", \"file\"]"], &["\"env\""]),
        ("provider", &["\"GitHub\"", "\"Git*\""], &["\"GitLab\""]),
        ("severity", &["\"high\"", "[\"low\", \"high\"]"], &["\"critical\"", "[\"low\", \"medium\"]"]),
        ("min-severity", &["\"high\"", "\"low\""], &["\"critical\""]),
        ("confidence", &["\"likely\""], &["\"confirmed\""]),
        ("min-confidence", &["\"likely\"", "\"review\""], &["\"confirmed\""]),
        ("origin", &["\"own\"", "[\"own\", \"base\"]"], &["\"base\""]),
        ("state", &["\"deleted\"", "[\"visible\", \"deleted\"]"], &["\"visible\""]),
        ("known", &["false"], &["true"]),
        ("known-days", &[], &["0", "9"]),
        ("image-days", &["0", "10"], &["11"]),
    ];
    assert_eq!(
        table.iter().map(|row| row.0).collect::<Vec<_>>(),
        KEYS.iter().map(|key| key.name).collect::<Vec<_>>()
    );
    for (name, matching, others) in table {
        for value in *matching {
            assert!(passes(&format!("{name} = {value}"), None, &[file("app/.env")]), "{name} {value}");
        }
        for value in *others {
            assert!(!passes(&format!("{name} = {value}"), None, &[file("app/.env")]), "{name} {value}");
        }
    }
}

#[test]
fn what_is_known_is_known_since_a_day() {
    let (old, undated) = (known("2026-11-20"), Known { first_seen: None, ..known("") });
    for (keys, of, expected) in [
        ("known = true", &old, true),
        ("known = false", &old, false),
        ("known-days = 6", &old, true),
        ("known-days = 7", &old, false),
        ("known = true", &undated, true),
        ("known-days = 0", &undated, false),
    ] {
        assert_eq!(passes(keys, Some(of), &[file("a")]), expected, "{keys} {of:?}");
    }
    assert!(policy("[[policy.rule]]\naction = \"warn\"\nknown-days = 30").asks_for_known());
    assert!(!policy("[[policy.rule]]\naction = \"warn\"\nimage-days = 30").asks_for_known());
}

#[test]
fn a_base_excuses_only_if_somebody_named_it() {
    let of_base = Place { origin: Some(Origin::Base), ..file("a") };
    assert!(passes("origin = \"base\"", None, std::slice::from_ref(&of_base)));
    let mut images = images();
    for (from, passes) in [(BaseFrom::Given, true), (BaseFrom::Label, false), (BaseFrom::Annotation, false)] {
        images[0].base = Some(Base { from, ..Base::default() });
        let verdict = Policy::new(vec![Rule::own_only()], day(TODAY).expect("a day")).judge(
            subject(None),
            std::slice::from_ref(&of_base),
            &Images::new(&images),
        );
        assert_eq!(verdict.action == Action::Pass, passes, "{from:?}");
    }
    assert!(!passes("origin = \"base\"", None, &[of_base, file("b")]), "one place is its own");
}

#[test]
fn an_image_of_no_day_or_an_impossible_one_is_of_no_age() {
    let mut images = images();
    for (created, old) in [
        (Some("2026-01-01T00:00:00Z"), true),
        (Some("1970-01-01T00:00:00Z"), false),
        (Some("1980-01-01T00:00:01Z"), false),
        (Some("2030-01-01T00:00:00Z"), false),
        (Some("0000-00-00T00:00:00Z"), false),
        (None, false),
    ] {
        images[0].created = created.map(str::to_owned);
        let policy = policy("[[policy.rule]]\naction = \"warn\"\nimage-days = 0");
        let verdict = policy.judge(subject(None), &[file("a")], &Images::new(&images));
        assert_eq!(verdict.action == Action::Warn, old, "{created:?}");
    }
}

#[test]
fn the_first_rule_that_matches_decides_and_the_worst_place_counts() {
    let text = "
        [[policy.rule]]
        name = \"tests\"
        action = \"pass\"
        path = \"tests/\"

        [[policy.rule]]
        action = \"warn\"
        state = \"deleted\"

        [[policy.rule]]
        action = \"fail\"";
    let policy = policy(text);
    let (fixture, deleted) = (file("app/tests/key"), file("app/key"));
    let visible = Place { state: Some(State::Visible), ..file("etc/key") };
    let images = images();
    let judge = |places: &[Place]| policy.judge(subject(None), places, &Images::new(&images));
    let verdict = |places: &[Place]| {
        let Verdict { action, rule, at, places } = judge(places);
        (action, rule, at.unwrap_or_default(), places)
    };
    let by = |action, rule: &str, line: usize, places: &[usize]| {
        (action, rule.to_owned(), format!("layersift.toml:{line}"), places.to_vec())
    };
    assert_eq!(verdict(std::slice::from_ref(&fixture)), by(Action::Pass, "tests", 2, &[0]));
    let warned = by(Action::Warn, "state deleted", 7, &[1, 2]);
    assert_eq!(verdict(&[fixture.clone(), deleted.clone(), deleted.clone()]), warned);
    assert_eq!(verdict(&[fixture, visible.clone(), deleted]), by(Action::Fail, "everything else", 11, &[1]));
    let shipped = Place { shipped_by: Some("dpkg a".into()), ..visible.clone() };
    assert_eq!(
        verdict(&[shipped.clone(), file("tests/a")]).0,
        Action::Pass,
        "what a package ships is no leak"
    );
    assert_eq!(verdict(&[shipped]).0, Action::Fail, "unless there is nothing else");
    assert_eq!(judge(&[]).places, Vec::<usize>::new());
    assert_eq!(judge(&[]).action, Action::Fail);
}

#[test]
fn shorthands_are_rules() {
    let images = images();
    let action = |rules: Vec<Rule>, severity| {
        let policy = Policy::new(rules, day(TODAY).expect("a day"));
        let subject = Subject { severity, ..subject(None) };
        policy.judge(subject, &[file("a")], &Images::new(&images)).action
    };
    for least in Severity::ALL {
        for severity in Severity::ALL {
            let expected = if severity >= least { Action::Fail } else { Action::Pass };
            assert_eq!(action(Rule::fail_on(Some(least)), severity), expected, "{least:?} {severity:?}");
        }
    }
    assert_eq!(action(Rule::fail_on(None), Severity::Critical), Action::Pass);
    assert_eq!(action(vec![Rule::own_only()], Severity::Low), Action::Fail);
    assert_eq!(action(vec![Rule::fail_on_new()], Severity::Low), Action::Fail);
    let old = known("2020-01-01");
    let policy = Policy::new(vec![Rule::fail_on_new()], day(TODAY).expect("a day"));
    let verdict = policy.judge(subject(Some(&old)), &[file("a")], &Images::new(&images));
    assert_eq!((verdict.action, &*verdict.rule), (Action::Pass, "--fail-on-new"));
}

#[test]
fn a_rule_counts_until_the_end_of_its_last_day() {
    for (expires, counts) in [("2026-11-25", false), (TODAY, true), ("2030-01-01", true)] {
        assert_eq!(passes(&format!("expires = {expires}"), None, &[file("a")]), counts, "{expires}");
    }
    let policy = policy("\n[[policy.rule]]\nname = \"old\"\naction = \"pass\"\nexpires = 2020-01-01");
    let mut outcomes = [Outcome::default(), Outcome::default()];
    policy.apply(&mut outcomes);
    policy.apply(&mut outcomes);
    for outcome in &outcomes {
        let [note] = &outcome.problems[..] else { panic!("{:?}", outcome.problems) };
        insta::allow_duplicates! {
            insta::assert_snapshot!(format!("{}: {}", note.place, note.message), @"layersift.toml:2: the rule of the policy expired after 2020-01-01: old");
        }
        let judgement = outcome.judgement.as_ref().expect("a judgement");
        assert!(judgement.rules[0].expired && !judgement.fails && judgement.is_chosen());
    }
}

#[test]
fn kinds_that_are_in_no_file_have_no_state() {
    let env = Place { kind: PlaceKind::Env, state: None, layer: None, path: None, ..file("") };
    assert!(!passes("state = [\"visible\", \"deleted\", \"overwritten\"]", None, std::slice::from_ref(&env)));
    assert!(passes("kind = \"env\"", None, &[env]));
}

#[test]
fn a_policy_that_says_nothing_clear_is_refused_with_its_line() {
    let complaint = |text: &str| rules("f", text).map(|_| ()).expect_err(text).to_string();
    let rule = |keys: &str| format!("# why\n[[policy.rule]]\naction = \"fail\"\n{keys}\n");
    insta::assert_snapshot!(complaint(&rule("severty = \"high\"")), @"f:4: there is no key `severty`; there are fingerprint, rule, path, layer, step, image, kind, provider, severity, min-severity, confidence, min-confidence, origin, state, known, known-days, image-days, action, name, expires");
    insta::assert_snapshot!(complaint(&rule("severity = \"hihg\"")), @"f:4: severity: expected a severity: one of critical, high, medium, low");
    insta::assert_snapshot!(complaint(&rule("min-severity = [\"high\", \"low\"]")), @"f:4: min-severity: expected one value, not a list");
    insta::assert_snapshot!(complaint(&rule("origin = \"ours\"")), @"f:4: origin: expected whose it is: one of base, own");
    insta::assert_snapshot!(complaint(&rule("state = \"gone\"")), @"f:4: state: expected the state of a file: one of visible, deleted, overwritten");
    insta::assert_snapshot!(complaint(&rule("known = \"yes\"")), @"f:4: known: expected true or false");
    insta::assert_snapshot!(complaint(&rule("known-days = \"30\"")), @"f:4: known-days: expected a number of days");
    insta::assert_snapshot!(complaint(&rule("rule = true")), @"f:4: rule: expected a text or a number from 0, or a list of them, not boolean");
    insta::assert_snapshot!(complaint(&rule("expires = \"soon\"")), @"f:4: expires: `soon` is no day of the calendar; write one such as 2027-01-31");
    insta::assert_snapshot!(complaint("[[policy.rule]]\nrule = \"a\""), @r#"f:1: the rule has no action; write action = "fail", "warn" or "pass""#);
    insta::assert_snapshot!(complaint("[[policy.rule]]\naction = \"ignore\""), @"f:2: action: expected one of fail, warn, pass");
    insta::assert_snapshot!(complaint("\n[policy.rule]\naction = \"fail\""), @"f:2: expected [[policy.rule]] in double brackets, one for each rule");
    insta::assert_snapshot!(complaint("[policy]\nrules = 1"), @"f:2: expected [[policy.rule]] and nothing else, not `rules`");
    insta::assert_snapshot!(complaint("policy = 1"), @"f:1: expected [[policy.rule]] and its keys below");
    insta::assert_snapshot!(complaint("policy.rule = [1]"), @"f:1: expected a table: write [[policy.rule]] and its keys below");
    insta::assert_snapshot!(complaint(&[rule(""), rule("rule = \"a\"")].concat()), @"f:6: `rule a` is never reached: `everything else` before it matches everything");
    assert!(rules("f", "jobs = 1\n").expect("no policy").is_empty());
}
