//! What fails a run, as a user says it: rules of a policy, a baseline that is kept, and what reports tell of both.

use std::fs;

use serde_json::Value;

use crate::support::desk::{Desk, Ran, day, token};
use crate::support::image::ImageBuilder;

/// Tokens in a variable, in a file that stays and in one that a later step deletes.
fn image() -> ImageBuilder {
    ImageBuilder::new()
        .name("shop:1.0")
        .env("API_TOKEN", &token("env"))
        .empty_step(&format!("ENV API_TOKEN={}", token("env")))
        .step("COPY app /app # buildkit", |layer| {
            layer
                .file("app/.env", format!("TOKEN={}\n", token("stays")))
                .file("app/tests/key", format!("TOKEN={}\n", token("goes")))
        })
        .step("RUN rm -r app/tests # buildkit", |layer| layer.file("app/.wh.tests", ""))
}

const SEEDS: &[&str] = &["env", "stays", "goes"];

/// A desk with that image and that `layersift.toml`.
fn with(policy: &str) -> Desk {
    let desk = Desk::with(image());
    fs::write(desk.path("layersift.toml"), policy).unwrap();
    desk
}

const POLICY: &str = "
no-progress = true

[[policy.rule]]
name = \"what is deleted again is looked at by hand\"
action = \"warn\"
state = \"deleted\"

[[policy.rule]]
action = \"pass\"
kind = [\"env\", \"history\"]

[[policy.rule]]
name = \"no secrets in files\"
action = \"fail\"
min-severity = \"medium\"

[[policy.rule]]
action = \"pass\"
";

fn json(ran: &Ran) -> Value {
    serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:?}"))
}

/// Action and rule for each seed.
fn verdicts(report: &Value) -> Vec<(String, String)> {
    let findings = report["findings"].as_array().unwrap();
    let verdict = |seed: &&str| {
        let found = findings.iter().find(|found| found["secret"] == token(seed)).unwrap();
        let text = |name: &str| found["verdict"][name].as_str().unwrap().to_owned();
        (text("action"), text("rule"))
    };
    SEEDS.iter().map(verdict).collect()
}

#[test]
fn the_first_rule_that_matches_decides_and_reports_say_which() {
    let desk = with(POLICY);
    let report = desk.report("");
    let expected = [
        ("pass", "kind env,history"),
        ("fail", "no secrets in files"),
        ("warn", "what is deleted again is looked at by hand"),
    ];
    let expected = expected.map(|(action, rule)| (action.to_owned(), rule.to_owned()));
    assert_eq!(verdicts(&report), expected);
    assert_eq!(report["policy"]["fails"], true);
    let rule = &report["policy"]["rules"][2];
    assert_eq!((&rule["at"], &rule["findings"]), (&"layersift.toml:13".into(), &1.into()));
    assert_eq!(desk.run("scan app.tar").code, 1);
    for format in ["table", "table -q", "html", "markdown", "sarif", "junit", "jsonl"] {
        let text = desk.run(&format!("scan app.tar -f {format}")).stdout;
        for expected in
            ["no secrets in files", "layersift.toml:13", "what is deleted again is looked at by hand"]
        {
            assert!(text.contains(expected), "{format}: {expected}: {text}");
        }
        assert!(!SEEDS.iter().any(|seed| text.contains(&token(seed))), "{format}");
    }
    let junit = desk.run("scan app.tar -f junit").stdout;
    assert!(junit.contains("failures=\"1\"") && junit.contains("skipped=\"2\""), "{junit}");
    fs::remove_file(desk.path("layersift.toml")).unwrap();
    let plain = desk.run("scan app.tar").stdout;
    assert!(!plain.contains("policy"), "nobody chose one: {plain}");
}

#[test]
fn what_no_rule_matches_fails_and_what_is_typed_wins() {
    let only = "[[policy.rule]]\naction = \"pass\"\nkind = [\"env\", \"history\", \"file\"]\n";
    let desk = with(only);
    assert_eq!(desk.run("scan app.tar").code, 0);
    assert_eq!(desk.run("scan app.tar --fail-on low").code, 1);
    assert_eq!(desk.run("scan app.tar --fail-on none").code, 0);
    let mut command = desk.command("scan app.tar");
    assert_eq!(Ran::of(command.env("LAYERSIFT_FAIL_ON", "high")).code, 1);
    fs::write(desk.path("layersift.toml"), "[[policy.rule]]\naction = \"pass\"\nkind = \"env\"\n").unwrap();
    assert_eq!(desk.run("scan app.tar").code, 1);
    for (text, says) in [
        (
            "[[policy.rule]]\naction = \"fail\"\nmin-severity = \"hihg\"",
            "layersift.toml:3: min-severity: expected a severity",
        ),
        (
            "jobs = 1\n[[policy.rules]]\naction = \"fail\"",
            "layersift.toml:2: expected [[policy.rule]] and nothing else",
        ),
        (
            "fail-on = \"low\"\n[[policy.rule]]\naction = \"fail\"",
            "layersift.toml:1: `fail-on` and [[policy.rule]] both",
        ),
    ] {
        fs::write(desk.path("layersift.toml"), text).unwrap();
        let ran = desk.run("scan app.tar");
        assert_eq!((ran.code, &*ran.stdout), (2, ""), "{text}");
        assert!(ran.stderr.contains(says), "{}", ran.stderr);
    }
}

#[test]
fn a_policy_is_shown_and_tried_on_a_report() {
    let desk = with(POLICY);
    let shown = desk.run("policy show").stdout;
    assert!(shown.contains(" 3. fail  no secrets in files  layersift.toml:13"), "{shown}");
    assert!(desk.run("policy show --own-only").stdout.starts_with(" 1. pass  --own-only\n"));

    fs::rename(desk.path("layersift.toml"), desk.path("strict.toml")).unwrap();
    assert_eq!(desk.run("scan app.tar -f json -o report.json").code, 1);
    for (line, code, says) in [
        ("policy check report.json", 1, "3 fail, 0 warned of, 0 pass"),
        ("policy check report.json --config strict.toml", 1, "1 fail, 1 warned of, 1 pass"),
        ("policy check report.json --fail-on none", 0, "0 fail, 0 warned of, 3 pass"),
        ("policy check report.json --fail-on-new --baseline report.json", 0, "0 fail, 0 warned of, 3 pass"),
    ] {
        let ran = desk.run(line);
        assert_eq!(ran.code, code, "{line}: {ran:?}");
        assert!(ran.stdout.contains(says), "{line}: {}", ran.stdout);
    }
    let tried = json(&desk.run("policy check report.json -f json --config strict.toml"));
    // What is tried on the report is what a scan says.
    let scanned = json(&desk.run("scan app.tar -f json --config strict.toml"));
    assert_eq!(tried["reports"][0]["policy"], scanned["policy"]);
    assert_eq!(tried["reports"][0]["findings"], scanned["findings"]);
    assert_eq!(desk.run("policy check app.tar").code, 2);
    assert_eq!(desk.run("policy check none.json").code, 3);
    // A list in the place of an object, with what a finding has in that order.
    let odd = r#"{"schema":"layersift.report/v1","findings":[["f","i","r","p","n","high","confirmed","x",[],null]]}"#;
    fs::write(desk.path("odd.json"), odd).unwrap();
    let ran = desk.run("policy check odd.json");
    assert!(ran.code == 2 && ran.stderr.contains("odd.json is no report"), "{ran:?}");
}

#[test]
fn a_comparison_fails_by_the_policy_too() {
    let desk = with(POLICY);
    desk.save("old.tar", ImageBuilder::new().step("COPY a /a", |layer| layer.file("a", "nothing")));
    assert_eq!(desk.run("diff old.tar app.tar").code, 1);
    fs::write(desk.path("layersift.toml"), "[[policy.rule]]\naction = \"warn\"\n").unwrap();
    let ran = desk.run("diff old.tar app.tar -f json");
    assert_eq!(ran.code, 0);
    assert_eq!(json(&ran)["added"][0]["verdict"]["action"], "warn");
}

#[test]
fn a_baseline_is_created_updated_and_shown() {
    let desk = Desk::with(image());
    let ran = desk.run("baseline create known.json app.tar --reason until-it-is-rotated");
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.stdout.ends_with("known.json: 3 known, 3 of them new, 0 gone\n"), "{}", ran.stdout);
    let text = fs::read_to_string(desk.path("known.json")).unwrap();
    assert!(!SEEDS.iter().any(|seed| text.contains(&token(seed))), "{text}");
    let known: Value = serde_json::from_str(&text).unwrap();
    for item in known["findings"].as_array().unwrap() {
        assert_eq!((&item["first_seen"], &item["reason"]), (&day(0).into(), &"until-it-is-rotated".into()));
    }
    assert_eq!(desk.run("scan app.tar --baseline known.json").code, 0);
    let ran = desk.run("baseline create known.json app.tar");
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("`layersift baseline update known.json …`"), "{}", ran.stderr);

    // As if it were written long ago: the days stay, and nothing changes that did not change.
    let old = text.replace(&day(0), "2020-02-02");
    fs::write(desk.path("known.json"), &old).unwrap();
    assert!(
        desk.run("baseline update known.json app.tar").stdout.ends_with("3 known, 0 of them new, 0 gone\n")
    );
    assert_eq!(fs::read_to_string(desk.path("known.json")).unwrap(), old);
    desk.save("app.tar", image().step("COPY new /new # buildkit", |layer| layer.file("new", token("new"))));
    let ran = desk.run("baseline update known.json app.tar");
    assert!(
        ran.stdout.starts_with("+ ") && ran.stdout.ends_with("4 known, 1 of them new, 0 gone\n"),
        "{ran:?}"
    );
    let text = fs::read_to_string(desk.path("known.json")).unwrap();
    assert_eq!((text.matches("2020-02-02").count(), text.matches(&day(0)).count()), (3, 1));

    let shown = desk.run("baseline show known.json");
    assert!(
        shown.stdout.starts_with("2020-02-02  ")
            && shown.stdout.ends_with("4 known, 1 of them without a reason\n"),
        "{shown:?}"
    );
    assert_eq!(desk.run("baseline show known.json -f json").stdout, text);

    desk.save("app.tar", ImageBuilder::new().step("COPY a /a", |layer| layer.file("a", token("new"))));
    let ran = desk.run("baseline update known.json app.tar --keep-gone");
    assert!(ran.stdout.ends_with("4 known, 0 of them new, 0 gone, 3 not found and kept\n"), "{ran:?}");
    let ran = desk.run("baseline update known.json app.tar");
    assert!(ran.stdout.ends_with("1 known, 0 of them new, 3 gone\n"), "{ran:?}");
}

#[test]
fn a_baseline_is_made_of_reports_and_loses_nothing_to_a_gap() {
    let desk = Desk::with(image());
    desk.run("scan app.tar -f json -o report.json");
    desk.run("baseline create images.json app.tar");
    assert_eq!(desk.run("baseline create reports.json report.json").code, 0);
    assert_eq!(fs::read(desk.path("images.json")).unwrap(), fs::read(desk.path("reports.json")).unwrap());
    let ran = desk.run("baseline update report.json app.tar");
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.stderr.contains("is a report, and would be lost"), "{}", ran.stderr);

    // Half of the image is not there: what is in it may be there all the same.
    let whole = fs::read(desk.path("app.tar")).unwrap();
    fs::write(desk.path("cut.tar"), &whole[..whole.len() / 2]).unwrap();
    let ran = desk.run("baseline update images.json cut.tar");
    assert_eq!(ran.code, 4, "{ran:?}");
    assert!(
        ran.stdout.contains(" 0 gone") && ran.stderr.contains("not everything could be looked at"),
        "{ran:?}"
    );
    assert_eq!(desk.run("baseline update images.json none.tar").code, 3);
    assert_eq!(desk.run("baseline update none.json app.tar").code, 2);
    assert_eq!(desk.run("baseline show app.tar").code, 2);
}

#[test]
fn only_what_is_new_fails_and_what_is_known_is_shown() {
    let desk = Desk::with(image());
    let ran = desk.run("scan app.tar --fail-on-new");
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("name a baseline with --baseline"), "{}", ran.stderr);
    desk.run("baseline create known.json app.tar --reason waits");
    let ran = desk.run("scan app.tar --fail-on-new --baseline known.json");
    assert_eq!(ran.code, 0);
    assert!(
        ran.stdout.contains("known  since") && ran.stdout.contains("in known.json: waits"),
        "{}",
        ran.stdout
    );
    assert!(ran.stdout.contains("3 findings pass: --fail-on-new"), "{}", ran.stdout);

    desk.save("app.tar", image().step("COPY new /new # buildkit", |layer| layer.file("new", token("new"))));
    let report = desk.report("--fail-on-new --baseline known.json");
    let failing = |report: &Value| {
        let findings = report["findings"].as_array().unwrap().iter();
        findings
            .filter(|found| found["verdict"]["action"] == "fail")
            .map(|found| found["secret"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(failing(&report), [token("new")]);
    assert_eq!(report["summary"]["suppressed"]["findings"], 0);
    assert_eq!(desk.run("scan app.tar --fail-on-new --baseline known.json").code, 1);

    // What is known for too long fails again.
    let text = fs::read_to_string(desk.path("known.json")).unwrap();
    fs::write(desk.path("known.json"), text.replacen(&day(0), &day(-90), 1)).unwrap();
    let policy = "baseline = \"known.json\"\n[[policy.rule]]\nname = \"a quarter is enough\"\naction = \"fail\"\nknown-days = 90\n\
                  [[policy.rule]]\naction = \"warn\"\nknown = true\n";
    fs::write(desk.path("layersift.toml"), policy).unwrap();
    let report = desk.report("");
    assert_eq!(failing(&report).len(), 2);
    assert_eq!(report["policy"]["rules"][0]["findings"], 1);
}

#[test]
fn an_entry_that_ends_soon_is_told_before_it_does() {
    let desk = Desk::with(image());
    for (days, told) in [(0, true), (14, true), (15, false)] {
        let entry = format!("[[ignore]]\nrule = \"*\"\nreason = \"known\"\nexpires = {}\n", day(days));
        desk.ignore(&entry);
        let ran = desk.run("scan app.tar");
        assert_eq!(ran.code, 0, "{ran:?}");
        assert_eq!(
            ran.stdout.contains(&format!("counts until {} only", day(days))),
            told,
            "{days}: {}",
            ran.stdout
        );
        assert_eq!(desk.report("")["stale"]["expiring"].as_array().unwrap().len(), usize::from(told));
    }
}

#[test]
fn the_doctor_says_what_is_there_and_what_is_broken() {
    let desk = Desk::with(image());
    let ask = |variables: &[(&str, &str)], line: &str| {
        let mut command = desk.command(line);
        let cache = desk.path("cache");
        Ran::of(command.env("XDG_CACHE_HOME", cache).envs(variables.iter().copied()))
    };
    let healthy = ask(&[("HTTPS_PROXY", "http://me:made-up@proxy.example:3128")], "doctor");
    assert_eq!(healthy.code, 0, "{healthy:?}");
    assert!(healthy.stdout.contains("proxy.example:3128, with a login"), "{}", healthy.stdout);
    assert!(!healthy.stdout.contains("made-up"), "{}", healthy.stdout);
    fs::write(desk.path("layersift.toml"), "jobs = 1\nfail-on = \"high\"\nbaseline = \"none.json\"").unwrap();
    fs::create_dir(desk.path("docker")).unwrap();
    fs::write(desk.path("docker/config.json"), "{\"auths\": {\"r.example\": {\"auth\": \"dXNlcjpwYXNz\"}}, \"credHelpers\": {\"gcr.io\": \"none-there\"}}").unwrap();
    let docker = desk.path("docker").display().to_string();
    let sick = [
        ("DOCKER_CONFIG", &*docker),
        ("LAYERSIFT_JOBS", "2"),
        ("DOCKER_HOST", "unix:///no/such.sock"),
        ("LAYERSIFT_FINGERPRINT_KEY", "made up"),
    ];
    let found = ask(&sick, "doctor");
    assert_eq!(found.code, 3, "{found:?}");
    for expected in [
        "from LAYERSIFT_JOBS, which wins over",
        "cannot read",
        "r.example",
        "! helper            docker-credential-none-there, for gcr.io, is not in PATH",
        "! docker            unix:///no/such.sock is not there",
        "LAYERSIFT_FINGERPRINT_KEY  is set",
        "3 things are broken",
    ] {
        assert!(found.stdout.contains(expected), "{expected}: {}", found.stdout);
    }
    for secret in ["dXNlcjpwYXNz", "pass:", "made up"] {
        assert!(!found.stdout.contains(secret), "{}", found.stdout);
    }
    let told = json(&ask(&sick, "doctor -f json"));
    assert_eq!((&told["schema"], &told["broken"]), (&"layersift.doctor/v1".into(), &3.into()));
    fs::write(desk.path("layersift.toml"), "fail-on = \"hihg\"").unwrap();
    let wrong = ask(&[], "doctor");
    assert!(wrong.code == 3 && wrong.stdout.contains("layersift.toml:1: fail-on"), "{wrong:?}");
}
