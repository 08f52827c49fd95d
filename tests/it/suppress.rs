//! What somebody decided not to be told again, as a user does it: ignore files, marks in the image, baselines.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::desk::{Desk, Ran, day, token};
use crate::support::image::ImageBuilder;

/// The fingerprint of a token under the built-in key.
fn fingerprint(seed: &str) -> String {
    use layersift::secret::{FingerprintKey, Secret};

    Secret::new(token(seed)).fingerprint(&FingerprintKey::default()).to_string()
}

/// Tokens in a variable, a build step, and files of two layers.
fn image() -> ImageBuilder {
    ImageBuilder::new()
        .name("shop:1.0")
        .env("API_TOKEN", &token("env"))
        .empty_step(&format!("ENV API_TOKEN={}", token("env")))
        .step("COPY app /app # buildkit", |layer| {
            layer
                .file("app/.env", format!("TOKEN={}\n", token("dotenv")))
                .file("app/tests/fixture.txt", format!("TOKEN={}\n", token("fixture")))
        })
        .step(&format!("RUN /bin/sh -c fetch --token {} /etc # buildkit", token("step")), |layer| {
            layer.file("etc/token", token("etc"))
        })
}

const SEEDS: &[&str] = &["env", "dotenv", "fixture", "step", "etc"];

/// `SEEDS` without some of them.
fn without(hidden: &[&str]) -> Vec<&'static str> {
    SEEDS.iter().filter(|seed| !hidden.contains(seed)).copied().collect()
}

fn entry(keys: &str) -> String {
    format!("[[ignore]]\n{keys}\nreason = \"known\"\n")
}

#[test]
fn each_key_hides_what_it_names() {
    let desk = Desk::with(image());
    let report = desk.report("");
    assert_eq!(report["summary"]["findings"], SEEDS.len(), "{report:#}");
    let layer = |index: usize| report["image"]["manifests"][0]["layers"][index]["diff_id"].as_str().unwrap();
    let table: &[(String, &[&str])] = &[
        (format!("fingerprint = \"{}\"", fingerprint("etc")), &["etc"]),
        (
            format!("fingerprint = [\"{}\", \"{}\"]", &fingerprint("etc")[..12], fingerprint("env")),
            &["etc", "env"],
        ),
        ("rule = \"github-*\"".into(), SEEDS),
        ("path = \"/app/tests/\"".into(), &["fixture"]),
        ("path = \".env\"".into(), &["dotenv"]),
        ("layer = 0".into(), &["dotenv", "fixture"]),
        (format!("layer = \"{}\"", layer(1)), &["etc", "step"]),
        ("step = 1".into(), &["dotenv", "fixture"]),
        ("step = \"COPY app /app\"".into(), &["dotenv", "fixture"]),
        ("step = \"RUN fetch --token * /etc\"".into(), &["etc", "step"]),
        ("image = \"*shop:*\"".into(), SEEDS),
        ("image = \"other\"".into(), &[]),
        ("kind = [\"env\", \"history\"]".into(), &["env", "step"]),
        ("kind = \"file\"\nlayer = 0\npath = \"*.txt\"".into(), &["fixture"]),
        ("kind = \"file\"\nlayer = 1\npath = \"*.txt\"".into(), &[]),
    ];
    for (keys, hidden) in table {
        desk.ignore(&entry(keys));
        assert_eq!(desk.shown("", SEEDS), without(hidden), "{keys}");
        assert_eq!(desk.shown("--no-ignore", SEEDS), SEEDS, "{keys}");
    }
}

#[test]
fn an_expired_entry_speaks_up_in_every_format_and_fails_the_run() {
    let desk = Desk::with(image());
    for (days, hides) in [(-1, false), (0, true), (1, true)] {
        desk.ignore(&format!("{}expires = {}\n", entry("rule = \"*\""), day(days)));
        for format in ["table", "table -q", "json", "jsonl"] {
            let ran = desk.run(&format!("scan app.tar -f {format}"));
            assert_eq!(ran.code, i32::from(!hides), "{days} {format}");
            assert_eq!(ran.stdout.contains("expired after"), !hides, "{days} {format}: {}", ran.stdout);
            assert_eq!(ran.stdout.contains("renew the entry or delete it"), !hides, "{days} {format}");
        }
    }
}

#[test]
fn what_is_suppressed_is_counted_in_every_format() {
    let desk = Desk::with(image());
    desk.ignore(&entry("path = \"app/\""));
    let ran = desk.run("scan app.tar");
    assert_eq!(ran.code, 1);
    assert!(
        ran.stdout.contains("\n2 suppressed: 2 by .layersiftignore; --show-suppressed lists them\n"),
        "{ran:?}"
    );
    assert!(!ran.stdout.contains("fixture.txt"));
    let listed = desk.run("scan app.tar --show-suppressed").stdout;
    assert!(
        listed.contains("by .layersiftignore:1: known") && listed.contains("/app/tests/fixture.txt"),
        "{listed}"
    );

    let report = desk.report("");
    assert_eq!(report["summary"]["findings"], 3);
    let suppressed = &report["summary"]["suppressed"];
    assert_eq!(
        (&suppressed["findings"], &suppressed["ignore_file"], &suppressed["places"]),
        (&2.into(), &2.into(), &2.into())
    );
    let cause = &report["suppressed"][0]["causes"][0];
    assert_eq!(
        (&cause["by"], &cause["at"], &cause["reason"]),
        (&"ignore-file".into(), &".layersiftignore:1".into(), &"known".into())
    );
    let redacted = desk.run("scan app.tar -f json").stdout;
    assert!(!redacted.contains(&token("fixture")), "suppressed findings are redacted too");

    let lines = desk.run("scan app.tar -f jsonl").stdout;
    assert_eq!(lines.lines().filter(|line| line.starts_with("{\"type\":\"suppressed\"")).count(), 2);

    desk.ignore(&entry("rule = \"*\""));
    let ran = desk.run("scan app.tar");
    assert_eq!(ran.code, 0, "suppressed findings fail no run");
    assert!(!ran.stdout.contains("clean"), "{}", ran.stdout);
}

#[test]
fn a_finding_keeps_the_places_that_nobody_suppressed() {
    let both = ImageBuilder::new().step("COPY . /app # buildkit", |layer| {
        layer.file("app/one", token("both")).file("app/two", token("both"))
    });
    let desk = Desk::with(both);
    desk.ignore(&entry("path = \"one\""));
    let report = desk.report("");
    let paths = |list: &str| {
        report[list][0]["places"]
            .as_array()
            .unwrap()
            .iter()
            .map(|place| place["path"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!((paths("findings"), paths("suppressed")), (vec!["app/two".into()], vec!["app/one".into()]));
    assert_eq!(report["suppressed"][0]["partly"], true);
    assert_eq!(report["summary"]["suppressed"]["findings"], 0);
    assert!(!report["findings"][0]["fix"].to_string().contains("app/one"));
    assert!(desk.run("scan app.tar").stdout.contains("1 place of what is shown suppressed"));
}

#[test]
fn entries_that_do_nothing_are_told() {
    let desk = Desk::with(image());
    desk.save(
        "clean.tar",
        ImageBuilder::new().step("COPY a /a # buildkit", |layer| layer.file("a", "nothing")),
    );
    desk.ignore(&[entry("path = \"app/\""), entry("rule = \"no-such-rule\"")].concat());
    let ran = desk.run("scan app.tar");
    assert!(
        ran.stdout.contains("1 entry to ignore matches nothing (--verbose lists them)"),
        "{}",
        ran.stdout
    );
    assert!(desk.run("scan app.tar -v").stdout.contains("matches nothing  .layersiftignore:4: known"));
    assert_eq!(desk.report("")["stale"]["unused"][0]["at"], ".layersiftignore:4");
    // The first entry is used by one of the images.
    let reports: Value = serde_json::from_str(&desk.run("scan app.tar clean.tar -f json").stdout).unwrap();
    assert_eq!(reports["reports"][0]["stale"]["unused"], serde_json::json!([]));
    assert_eq!(reports["reports"][1]["stale"]["unused"].as_array().unwrap().len(), 1);
}

#[test]
fn ignore_files_come_from_above_from_options_settings_and_the_environment() {
    let desk = Desk::with(image());
    desk.ignore(&entry("path = \"fixture.txt\""));
    fs::create_dir_all(desk.path("sub/deep")).unwrap();
    fs::write(desk.path("sub/one"), entry("path = \".env\"")).unwrap();
    fs::write(desk.path("sub/two"), entry("kind = \"env\"")).unwrap();
    let at = |command: &mut Command| {
        let ran = Ran::of(command);
        let report: Value =
            serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:?}"));
        let causes =
            report["suppressed"].as_array().unwrap().iter().map(|found| found["causes"][0]["at"].clone());
        let mut causes: Vec<String> = causes.map(|at| at.as_str().unwrap().to_owned()).collect();
        causes.sort();
        causes.dedup();
        causes
    };
    let deep = || {
        let mut command = desk.command("scan ../../app.tar -f json");
        command.current_dir(desk.path("sub/deep"));
        command
    };
    assert_eq!(at(&mut deep()), ["../../.layersiftignore:1"]);
    assert_eq!(
        at(&mut desk.command("scan app.tar -f json --ignore-file sub/one --ignore-file sub/two")),
        ["sub/one:1", "sub/two:1"]
    );
    assert_eq!(
        at(desk.command("scan app.tar -f json").env("LAYERSIFT_IGNORE_FILE", "sub/one")),
        ["sub/one:1"]
    );
    fs::write(desk.path("sub/layersift.toml"), "ignore-file = \"two\"\n").unwrap();
    assert_eq!(at(&mut deep()), ["../two:1"]);
    assert_eq!(at(desk.command("scan app.tar -f json").env("LAYERSIFT_NO_IGNORE", "true")), [""; 0]);
}

#[test]
fn a_list_that_is_wrong_ends_with_2_and_a_line() {
    let desk = Desk::with(image());
    for (text, says) in [
        ("[[ignore]]\nrul = \"a\"", ".layersiftignore:2: there is no key `rul`"),
        ("[[ignore]]\npath = \"[a\"", ".layersiftignore:2: path: `[a`: unclosed character class"),
        (
            "[[ignore]]\nrule = \"a\"\nexpires = \"31.1.2027\"",
            ".layersiftignore:3: expires: `31.1.2027` is no day",
        ),
        ("[[ignore]]\nreason = \"a\"", ".layersiftignore:1: the entry would ignore everything"),
    ] {
        desk.ignore(text);
        let ran = desk.run("scan app.tar");
        assert_eq!((ran.code, &*ran.stdout), (2, ""), "{text}");
        assert!(ran.stderr.contains(says), "{}", ran.stderr);
        assert_eq!(desk.run("scan app.tar --no-ignore").code, 1, "it is not read");
    }
    fs::remove_file(desk.path(".layersiftignore")).unwrap();
    for option in ["--ignore-file missing", "--baseline missing", "--baseline app.tar"] {
        let ran = desk.run(&format!("scan app.tar --no-progress {option}"));
        assert_eq!(ran.code, 2, "{option}");
        assert!(
            ran.stderr.contains("missing") || ran.stderr.contains("app.tar is no baseline"),
            "{}",
            ran.stderr
        );
    }
}

/// One file of a layer in an image of its own.
fn with_file(content: impl AsRef<[u8]>) -> Desk {
    Desk::with(ImageBuilder::new().step("COPY . /app # buildkit", |layer| layer.file("app/conf", content)))
}

fn utf16(text: &str, big: bool) -> Vec<u8> {
    text.encode_utf16().flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
}

#[test]
fn a_mark_in_a_file_counts_beside_its_credential() {
    let secret = token("marked");
    let cases: Vec<(&str, Vec<u8>, Option<&str>)> = vec![
        ("same line", format!("A={secret} # layersift:ignore made up\n").into(), Some("app/conf:1")),
        ("line before", format!("x\n// layersift:ignore\nA={secret}\n").into(), Some("app/conf:2")),
        ("carriage returns", format!("x\r\n# layersift:ignore\r\nA={secret}\r\n").into(), Some("app/conf:2")),
        (
            "little endian",
            utf16(&format!("x\r\n# layersift:ignore\r\nA={secret}\r\n"), false),
            Some("app/conf:2"),
        ),
        ("big endian", utf16(&format!("x\r\nA={secret} # layersift:ignore\r\n"), true), Some("app/conf:2")),
        ("its rule", format!("A={secret} # layersift:ignore github-pat\n").into(), Some("app/conf:1")),
        (
            "near on a long line",
            format!("{0}A={secret};/* layersift:ignore */{0}", "a=1;".repeat(5_000)).into(),
            Some("app/conf:1"),
        ),
        ("far on a long line", format!("layersift:ignore;{}A={secret};", "a=1;".repeat(5_000)).into(), None),
        ("another rule", format!("A={secret} # layersift:ignore aws-access-key-id\n").into(), None),
        ("line behind", format!("A={secret}\n# layersift:ignore\n").into(), None),
        ("mark of the line before", format!("B=1 # layersift:ignore\nA={secret}\n").into(), None),
    ];
    for (name, content, at) in cases {
        let desk = with_file(content);
        let report = desk.report("");
        let found = report["suppressed"][0]["causes"][0]["at"].as_str();
        assert_eq!(found, at, "{name}: {report:#}");
        assert_eq!(report["summary"]["findings"], usize::from(at.is_none()), "{name}");
        assert_eq!(report["summary"]["suppressed"]["inline"], usize::from(at.is_some()), "{name}");
        assert_eq!(desk.run("scan app.tar").code, i32::from(at.is_none()), "{name}");
        for strict in ["--no-inline-ignore", "--no-ignore"] {
            assert_eq!(desk.shown(strict, &["marked"]), ["marked"], "{name} {strict}");
        }
    }
}

#[test]
fn a_mark_counts_the_same_wherever_a_chunk_ends() {
    const CHUNK: usize = 1 << 20;
    let secret = token("marked");
    let line = format!("# layersift:ignore\nA={secret}\n");
    // The tar's header comes first; the window of a chunk reaches some kilobytes over its end.
    for back in [0, 20, 30, 512, 560, 1_500, 2_400, 17_000, 18_300, 19_000] {
        let filler = "plain words\n".repeat(CHUNK / 12);
        let from = CHUNK - 512 - back;
        let content = format!("{}\n{line}{filler}", &filler[..from]);
        let report = with_file(content).report("-j 1");
        assert_eq!(report["summary"]["suppressed"]["inline"], 1, "{back}: {:#}", report["findings"]);
    }
}

#[test]
fn a_mark_in_a_build_step_counts() {
    let step = |mark: &str| format!("RUN /bin/sh -c fetch --token {} {mark}# buildkit", token("marked"));
    let with = |step: &str| Desk::with(ImageBuilder::new().step(step, |layer| layer.file("a", "a")));
    let desk = with(&step("# layersift:ignore "));
    assert_eq!(desk.report("")["suppressed"][0]["causes"][0]["at"], "step 0 RUN:1");
    assert_eq!(desk.run("scan app.tar").code, 0);
    assert_eq!(with(&step("")).run("scan app.tar").code, 1);
    let here = format!("RUN /bin/sh -c <<EOF\n# layersift:ignore\nfetch --token {}\nEOF", token("marked"));
    assert_eq!(with(&here).run("scan app.tar").code, 0);
    // A variable holds no comment.
    let variable = ImageBuilder::new().env("TOKEN", &format!("{} # layersift:ignore", token("marked")));
    assert_eq!(
        Desk::with(variable.step("COPY a /a", |layer| layer.file("a", "a"))).run("scan app.tar").code,
        1
    );
}

#[test]
fn a_mark_shows_no_other_credential() {
    let content = format!("/* layersift:ignore {} */ A={}\n", token("reason"), token("marked"));
    let desk = with_file(content);
    let text = desk.run("scan app.tar -f json").stdout;
    assert!(!text.contains(&token("reason")) && !text.contains(&token("marked")), "{text}");
}

#[test]
fn a_baseline_shows_only_what_is_new() {
    let desk = Desk::with(image());
    let ran = desk.run("scan app.tar --write-baseline known.json");
    assert_eq!(ran.code, 1, "to write it changes nothing else");
    let text = fs::read_to_string(desk.path("known.json")).unwrap();
    assert!(SEEDS.iter().all(|seed| !text.contains(&token(seed)) && text.contains(&fingerprint(seed))));
    let ran = desk.run("scan app.tar --baseline known.json");
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.stdout.contains("5 suppressed: 5 in the baseline"), "{}", ran.stdout);

    // The next build: something new, something in another place, something gone.
    desk.save(
        "app.tar",
        image().step("COPY new /new # buildkit", |layer| {
            layer.file("new", token("new")).file("again", token("etc"))
        }),
    );
    let all: Vec<&str> = SEEDS.iter().copied().chain(["new"]).collect();
    assert_eq!(desk.shown("--baseline known.json", &all), ["new"]);
    let report = desk.report("--baseline known.json");
    let suppressed = &report["summary"]["suppressed"];
    assert_eq!(
        (&suppressed["baseline"], &suppressed["new_places"], &suppressed["gone"]),
        (&5.into(), &1.into(), &0.into())
    );
    assert!(
        desk.run("scan app.tar --baseline known.json")
            .stdout
            .contains("5 in the baseline (also in a new place)")
    );
    desk.save(
        "app.tar",
        ImageBuilder::new().step("COPY a /a # buildkit", |layer| layer.file("a", token("etc"))),
    );
    let ran = desk.run("scan app.tar --baseline known.json -v");
    assert!(
        ran.stdout.contains("4 of the baseline are gone") && ran.stdout.contains(&fingerprint("env")),
        "{}",
        ran.stdout
    );

    // Written again it is shorter; what it knew is still known.
    assert_eq!(desk.run("scan app.tar --baseline known.json --write-baseline known.json").code, 0);
    let report = desk.report("--baseline known.json");
    assert_eq!(
        (&report["summary"]["suppressed"]["gone"], &report["summary"]["suppressed"]["baseline"]),
        (&0.into(), &1.into())
    );
    assert_eq!(desk.shown("--baseline known.json --no-ignore", &["etc"]), ["etc"]);
}

#[test]
fn a_report_is_a_baseline_too() {
    let desk = Desk::with(image());
    desk.run("scan app.tar -f json -o report.json");
    assert_eq!(desk.run("scan app.tar --baseline report.json").code, 0);
    // A report in which all was known already is one as well.
    desk.run("scan app.tar -f json -o next.json --baseline report.json");
    assert_eq!(desk.run("scan app.tar --baseline next.json").code, 0);
    desk.run("scan app.tar app.tar -f json -o several.json");
    assert_eq!(desk.run("scan app.tar --baseline several.json").code, 0);
    // What an ignore file suppressed is not known by that.
    desk.ignore(&entry("rule = \"*\""));
    desk.run("scan app.tar -f json -o ignored.json --write-baseline ignored-too.json");
    fs::remove_file(desk.path(".layersiftignore")).unwrap();
    for baseline in ["ignored.json", "ignored-too.json"] {
        assert_eq!(desk.run(&format!("scan app.tar --baseline {baseline}")).code, 1, "{baseline}");
    }
}

#[test]
fn a_baseline_of_another_key_is_an_error() {
    let desk = Desk::with(image());
    desk.run("scan app.tar --write-baseline known.json");
    desk.run("scan app.tar -f json -o report.json");
    for baseline in ["known.json", "report.json"] {
        let line = format!("scan app.tar --baseline {baseline}");
        let ran = Ran::of(desk.command(&line).env("LAYERSIFT_FINGERPRINT_KEY", "another"));
        assert_eq!((ran.code, &*ran.stdout), (2, ""), "{baseline}");
        assert!(ran.stderr.contains("another fingerprint key"), "{}", ran.stderr);
    }
}

#[test]
fn a_baseline_is_written_whole_or_not_at_all() {
    let desk = Desk::with(image());
    fs::write(desk.path("known.json"), "as it was").unwrap();
    let ran = desk.run("scan app.tar missing.tar --write-baseline known.json");
    assert!(ran.stderr.contains("the baseline was not written"), "{}", ran.stderr);
    assert_eq!(fs::read_to_string(desk.path("known.json")).unwrap(), "as it was");
    assert_eq!(desk.run("scan app.tar --write-baseline no/such/folder.json").code, 3);
    let names = |folder: &Path| fs::read_dir(folder).unwrap().count();
    assert_eq!(names(desk.folder.path()), 2, "nothing unfinished stays");
}
