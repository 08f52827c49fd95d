//! Rules of the user's own, as a user brings them: with options, the configuration file and the environment.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use layersift::signature::template::expand;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::compression::Compression;
use crate::support::formats::named;
use crate::support::image::ImageBuilder;

/// A rule for tokens that nobody else knows.
const OWN: &str = r#"
    provider = "Acme"

    [[rule]]
    id       = "acme-token"
    name     = "Acme token"
    severity = "high"
    pattern  = '\b(?<secret>acme_[0-9a-f]{32})\b'
    why      = "Opens every door of Acme."
"#;

/// An image with three of these tokens, in a file, the environment and a step, and a token of GitHub in a file.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let own = |place: &str| expand("acme_{hex:32}", place);
    let github = expand("ghp_{base62:30}{github-crc32}", "own rules");
    let image = ImageBuilder::new()
        .step("COPY conf /srv # buildkit", |layer| {
            layer.file("srv/conf", format!("a: {}\n", own("file"))).file("srv/test/token", github)
        })
        .empty_step(&format!("RUN /bin/sh -c deploy --with {} # buildkit", own("history")))
        .env("ACME_ACCESS", &own("env"));
    fs::write(
        folder.path().join("app.tar"),
        (named("oci-archive").write)(&[image], Compression::Plain).tar(),
    )
    .unwrap();
    write(&folder, "own.toml", OWN);
    folder
}

fn write(folder: &TempDir, name: &str, text: &str) {
    let path = folder.path().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn run_in(folder: &Path, line: &str, environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_layersift"));
    let words = line.split(' ').filter(|word| !word.is_empty());
    command
        .args(words)
        .current_dir(folder)
        .env_clear()
        .envs(environment.iter().copied())
        .stdin(Stdio::null());
    command.output().unwrap()
}

fn run(folder: &TempDir, line: &str) -> Output {
    run_in(folder.path(), line, &[])
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)))
}

/// Rule, severity and kinds of place of each finding, sorted.
fn found(output: &Output) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let line = |finding: &Value| {
        let places: Vec<String> =
            finding["places"].as_array().unwrap().iter().map(|place| text(&place["kind"])).collect();
        format!("{} {} {}", text(&finding["rule"]), text(&finding["severity"]), places.join("+"))
    };
    let mut found: Vec<String> = json(output)["findings"].as_array().unwrap().iter().map(line).collect();
    found.sort();
    found
}

/// What a scan with these options finds.
fn scanned(folder: &TempDir, options: &str) -> Vec<String> {
    found(&run(folder, &format!("scan app.tar -f json {options}")))
}

/// What a scan that fails says; it has to end with 2.
fn complaint(folder: &TempDir, options: &str) -> String {
    let output = run(folder, &format!("scan app.tar {options}"));
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{output:?}");
    String::from_utf8(output.stderr).unwrap().trim_end().to_owned()
}

const ALL_PLACES: [&str; 4] =
    ["acme-token high env", "acme-token high file", "acme-token high history", "github-pat critical file"];

#[test]
fn an_own_rule_finds_in_files_environment_and_history() {
    let folder = folder();
    assert!(!scanned(&folder, "").iter().any(|finding| finding.starts_with("acme-token")));
    assert_eq!(scanned(&folder, "--rules own.toml"), ALL_PLACES);
    fs::create_dir(folder.path().join("mine")).unwrap();
    fs::rename(folder.path().join("own.toml"), folder.path().join("mine/a.toml")).unwrap();
    write(&folder, "mine/README.md", "no rules");
    assert_eq!(scanned(&folder, "--rules mine"), ALL_PLACES);
}

#[test]
fn the_configuration_file_names_rules_from_its_own_folder() {
    let folder = folder();
    write(&folder, "layersift.toml", "rules = ['own.toml']\ndisable-rules = ['github-*']\n");
    fs::create_dir(folder.path().join("deep")).unwrap();
    let in_deep = |environment: &[(&str, &str)]| {
        found(&run_in(&folder.path().join("deep"), "scan ../app.tar -f json", environment))
    };
    assert_eq!(in_deep(&[]), ALL_PLACES[..3]);
    write(&folder, "more.toml", "[[rule]]\nextends = 'acme-token'\nseverity = 'medium'\n");
    let more = folder.path().join("more.toml").display().to_string();
    assert_eq!(in_deep(&[("LAYERSIFT_RULES", &more)])[0], "acme-token medium env");
    assert_eq!(in_deep(&[("LAYERSIFT_ONLY_RULES", "acme-*")]), ALL_PLACES[..3]);
}

#[test]
fn a_changed_severity_decides_the_exit_code() {
    let folder = folder();
    let code = |options: &str| {
        run(&folder, &format!("scan app.tar --only-rules github-pat {options}")).status.code()
    };
    write(&folder, "low.toml", "[[rule]]\nextends = 'github-pat'\nseverity = 'low'\n");
    assert_eq!(code("--fail-on high"), Some(1));
    assert_eq!(code("--fail-on high --rules low.toml"), Some(0));
    assert_eq!(code("--fail-on low --rules low.toml"), Some(1));
}

#[test]
fn rules_are_disabled_by_files_and_options() {
    let folder = folder();
    write(&folder, "off.toml", "disable = ['github-*']\n");
    assert_eq!(scanned(&folder, "--rules own.toml --rules off.toml"), ALL_PLACES[..3]);
    assert_eq!(scanned(&folder, "--rules own.toml --disable-rule acme-token"), ALL_PLACES[3..]);
    assert_eq!(scanned(&folder, "--rules own.toml --disable-rules acme-*,github-pat"), [""; 0]);
    assert_eq!(scanned(&folder, "--rules own.toml --only-rules acme-token"), ALL_PLACES[..3]);
}

#[test]
fn a_rule_made_from_another_takes_its_place_where_it_applies() {
    let folder = folder();
    let tests = "[[rule]]\nid = 'acme-test-pat'\nextends = 'github-pat'\npath = '/test/'\nseverity = 'low'\n";
    write(&folder, "tests.toml", tests);
    assert_eq!(
        scanned(&folder, "--rules tests.toml --only-rules github-pat,acme-*"),
        ["acme-test-pat low file"]
    );
    write(&folder, "tests.toml", &tests.replace("/test/", "/other/"));
    let found = scanned(&folder, "--rules tests.toml --only-rules github-pat,acme-*");
    assert_eq!(found, ["github-pat critical file"]);
}

#[test]
fn the_fingerprint_of_the_rules_is_in_the_report() {
    let folder = folder();
    let fingerprint = |options: &str| {
        let report = json(&run(&folder, &format!("scan app.tar -f json {options}")));
        report["tool"]["rules"]["fingerprint"].as_str().unwrap().to_owned()
    };
    assert_ne!(fingerprint(""), fingerprint("--rules own.toml"));
    assert_ne!(fingerprint("--rules own.toml"), fingerprint("--rules own.toml --disable-rules jwt-token"));
    assert_eq!(fingerprint("--rules own.toml"), fingerprint("--rules own.toml -j 1"));
}

#[test]
fn mistakes_end_with_2_and_say_where_and_what_would_be_right() {
    let folder = folder();
    let of = |text: &str| {
        write(&folder, "own.toml", text);
        complaint(&folder, "--rules own.toml")
    };
    insta::assert_snapshot!(of(&OWN.replace("severity", "severty")), @"error: own.toml:7: unknown field `severty`; did you mean `severity`?");
    insta::assert_snapshot!(of(&OWN.replace("{32})", "{32}")), @r"error: own.toml:4: rule `acme-token`: pattern: unclosed group, at `(?<secret>acme_[0-9a-f]{`");
    insta::assert_snapshot!(of(&OWN.replace("acme-token", "github-pat")), @r#"error: own.toml:4: rule `github-pat`: the id is taken by a rule of this program: choose another, or change that rule with `extends = "github-pat"`"#);
    insta::assert_snapshot!(of(&format!("{OWN}\n{}", OWN.replace("provider", "# provider"))), @r#"error: own.toml:14: rule `acme-token`: the id is taken by a rule of own.toml: choose another, or change that rule with `extends = "acme-token"`"#);
    insta::assert_snapshot!(of("disable = ['githb-pat']"), @"error: own.toml:1: disable: there is no rule `githb-pat`; did you mean `github-pat`?");
    insta::assert_snapshot!(of("disable = jwt"), @"error: own.toml:1: string values must be quoted, expected literal string");
    insta::assert_snapshot!(complaint(&folder, "--rules none.toml"), @"error: cannot read the rules in none.toml: No such file or directory (os error 2)");
    insta::assert_snapshot!(complaint(&folder, "--disable-rules githb-pat"), @"error: disable-rules: there is no rule `githb-pat`; did you mean `github-pat`?");
    fs::create_dir(folder.path().join("empty")).unwrap();
    insta::assert_snapshot!(complaint(&folder, "--rules empty"), @"error: there is no rule file (*.toml) in empty");
}

#[test]
fn rules_are_listed_and_shown_as_a_scan_would_use_them() {
    let folder = folder();
    write(&folder, "off.toml", "disable = ['jwt-token']\n");
    let list = run(&folder, "rules list --rules own.toml --rules off.toml --disable-rules github-pat");
    let list = String::from_utf8(list.stdout).unwrap();
    let line = |id: &str| list.lines().find(|line| line.starts_with(&format!("{id} "))).unwrap().to_owned();
    assert!(line("acme-token").ends_with("Acme token  [own.toml]"), "{list}");
    assert!(line("jwt-token").ends_with("[disabled by off.toml:1]"), "{list}");
    assert!(line("github-pat").ends_with("[disabled by disable-rules]"), "{list}");
    let listed = json(&run(&folder, "rules list --format json --rules own.toml --disable-rules jwt-token"));
    let rule =
        |id: &str| listed["rules"].as_array().unwrap().iter().find(|rule| rule["id"] == id).unwrap().clone();
    assert_eq!(
        (&rule("acme-token")["file"], &rule("acme-token")["disabled_by"]),
        (&"own.toml".into(), &Value::Null)
    );
    assert_eq!(
        (&rule("jwt-token")["file"], &rule("jwt-token")["disabled_by"]),
        (&Value::Null, &"disable-rules".into())
    );
    let shown = json(&run(&folder, "rules show acme-token --format json --rules own.toml"));
    assert_eq!(
        (&shown["severity"], &shown["pattern"]),
        (&"high".into(), &r"\b(?<secret>acme_[0-9a-f]{32})\b".into())
    );
    let shown = run(&folder, "rules show jwt-token --disable-rules jwt-token");
    assert!(String::from_utf8(shown.stdout).unwrap().contains("disabled by disable-rules"));
}

#[test]
fn a_check_tries_own_rules_against_all_others() {
    let folder = folder();
    let check = |line: &str| {
        let output = run(&folder, &format!("rules check {line}"));
        let texts = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
        (output.status.code(), texts.concat().trim_end().to_owned())
    };
    let finds = |text: &str| format!("[[rule.finds]]\ntext = '{text}'\nsecret = 'acme_{{hex:32}}'\n");
    let proof = [finds("a=acme_{hex:32}"), finds("b acme_{hex:32} c")].concat();
    let ignored = "[[rule.ignores]]\ntext = 'acme_'\nwhy = 'too short'\n";
    write(&folder, "own.toml", &format!("{OWN}{proof}{ignored}"));
    assert_eq!(check("own.toml"), (Some(0), "1 rule is right".to_owned()));
    write(&folder, "twin.toml", &format!("{OWN}{proof}{ignored}").replace("acme-token", "acme-twin"));
    let (code, text) = check("own.toml twin.toml");
    assert_eq!(code, Some(1));
    assert!(text.contains("rule `acme-twin`") && text.contains("rule `acme-token` claims it"), "{text}");
    write(&folder, "bare.toml", OWN);
    let (code, text) = check("bare.toml");
    assert_eq!(code, Some(1));
    assert!(text.contains("it has 0 `finds` and 0 `ignores`, and needs two and one"), "{text}");
    write(&folder, "told.toml", &format!("{OWN}unproven = 'Made tomorrow.'\n"));
    let (code, text) = check("told.toml");
    assert_eq!(code, Some(0));
    assert!(text.contains("1 rule is right, as far as their examples go"), "{text}");
}
