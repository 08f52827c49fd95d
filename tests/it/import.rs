//! Configurations of other scanners, written for this test, imported as a user does and then scanned with.

use std::fs;
use std::process::{Command, Output, Stdio};

use layersift::signature::template::expand;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::compression::Compression;
use crate::support::formats::named;
use crate::support::image::ImageBuilder;

/// One rule for each feature of the format, named after it.
const CONFIG: &str = r#"
title = "Acme rules"
minVersion = "v8.20.0"

[extend]
useDefault = false
disabledRules = ["jwt-token", "no-such-rule"]

[[rules]]
id = "one-group"
description = "Token of one group. It has a second sentence."
regex = '''(?i)acme[_ ]one\s*[=:]\s*["']?([0-9a-f]{32})\b'''
keywords = ["acme"]
tags = ["acme", "token"]

[[rules]]
id = "whole_match"
description = "Token without a group"
regex = '''\bacme-whole-\Qx.y\E-[a-z0-9]{24}\z?'''
entropy = 2.5

[[rules]]
id = "second-group"
description = "Token in the second group"
regex = '''(acme|ACME)-second-([0-9]{20})\b'''
secretGroup = 2

[[rules]]
id = "two-groups"
description = "Token of nobody knows which group"
regex = '''(acme)-pair-([0-9]{20})\b'''

[[rules]]
id = "allowed-words"
description = "Token with lists"
regex = '''\bacme-allow-[a-z]{20}\b'''
[[rules.allowlists]]
description = "made for tests"
paths = ['''(^|/)tests?/''']
stopwords = ["sample"]
commits = ["0000000000000000000000000000000000000001"]
[[rules.allowlists]]
condition = "AND"
regexTarget = "line"
regexes = ['''nosecret''']
paths = ['''\.conf$''']

[[rules]]
id = "old-allowlist"
description = "Token with a list of older versions"
regex = '''\bacme-old-[a-z]{20}\b'''
[rules.allowlist]
regexTarget = "match"
regexes = ['''^acme-old-zz''']

[[rules]]
id = "of-path"
description = "Token of some files"
regex = '''\bacme-path-[a-z]{20}\b'''
path = '''\.acmerc$'''

[[rules]]
id = "value-only"
description = "Token that only its key tells"
regex = '''\b[0-9a-f]{40}\b'''
keywords = ["acmecorp"]

[[rules]]
id = "far-keyword"
description = "Token whose keyword stands elsewhere"
regex = '''\bakey-[0-9a-f]{30}\b'''
keywords = ["elsewhere"]

[[rules]]
id = "with-required"
description = "Token that needs another"
regex = '''\bacme-need-[0-9a-f]{30}\b'''
[[rules.required]]
id = "one-group"
withinLines = 5

[[rules]]
id = "with-filter"
description = "Token with an expression"
regex = '''\bacme-expr-[0-9a-f]{30}\b'''
filter = '''entropy(finding["secret"]) < 2.8 || containsAny(finding["secret"], ["b0b0"]) || tokenRatio(finding["secret"]) > 2'''
validate = '''http.get("https://acme.invalid")'''

[[rules]]
id = "github-pat"
description = "The token of GitHub, again"
regex = '''ghp_[0-9a-zA-Z]{36}'''
keywords = ["ghp_"]

[[rules]]
id = "npm-access-token"
[[rules.allowlists]]
paths = ['''^fixtures/''']

[[rules]]
id = "only-path"
description = "A file that should not be there"
path = '''\.p12$'''

[[rules]]
id = "no-literal"
description = "Anything"
regex = '''[0-9a-f]{32}'''

[[rules]]
id = "looks-ahead"
description = "What RE2 has not"
regex = '''acme(?=x)[a-z]{20}'''

[[rules]]
id = "wrong-group"
description = "A group that is not there"
regex = '''acme-([a-z]{20})'''
secretGroup = 3

[[rules]]
id = "helper"
description = "Serves others"
regex = '''acme-help-[a-z]{20}'''
skipReport = true

[allowlist]
description = "for all"
paths = ['''(^|/)vendor/''']
regexes = ['''^acme-old-vendored''']
"#;

fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("config.toml"), CONFIG).unwrap();
    folder
}

fn run(folder: &TempDir, line: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_layersift"));
    let words = line.split(' ').filter(|word| !word.is_empty());
    command.args(words).current_dir(folder).env_clear().stdin(Stdio::null());
    command.output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The rules of an image with these files, found by the imported rules alone, each with its credential.
fn found(folder: &TempDir, files: &[(&str, &str)]) -> Vec<(String, String)> {
    let image = files.iter().fold(ImageBuilder::new(), |image, (path, content)| {
        image.step("COPY . . # buildkit", |layer| layer.file(path, content))
    });
    let archive = (named("oci-archive").write)(&[image], Compression::Plain).tar();
    fs::write(folder.path().join("app.tar"), archive).unwrap();
    let imported = json(&run(folder, "rules list --format json --rules rules.toml"));
    let own = imported["rules"].as_array().unwrap().iter().filter(|rule| !rule["file"].is_null());
    let own: Vec<&str> = own.map(|rule| rule["id"].as_str().unwrap()).collect();
    let line = format!(
        "scan app.tar -f json --show-secrets --min-confidence review --rules rules.toml --only-rules {}",
        own.join(",")
    );
    let report = json(&run(folder, &line));
    let field = |finding: &Value, key: &str| finding[key].as_str().unwrap().to_owned();
    let findings = report["findings"].as_array().unwrap().iter();
    let mut found: Vec<_> =
        findings.map(|finding| (field(finding, "rule"), field(finding, "secret"))).collect();
    found.sort();
    found
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", text(&output.stderr)))
}

fn imported() -> (TempDir, Output) {
    let folder = folder();
    let output = run(&folder, "rules import config.toml -o rules.toml");
    (folder, output)
}

#[test]
fn whatever_does_not_come_over_as_it_was_is_told() {
    let (folder, output) = imported();
    assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(4), ""));
    insta::assert_snapshot!(text(&output.stderr), @r#"
    warning: config.toml:1: rule `no-such-rule` left out: it is turned off there, and no rule has that id here: `layersift rules list`
    warning: config.toml:16: rule `whole_match` changed: its id is `whole-match` here
    warning: config.toml:28: rule `two-groups` changed: it has 2 groups and names none with `secretGroup`: all that it matches is the credential
    warning: config.toml:33: rule `allowed-words` changed: an image has no commits: they are left out of the list
    warning: config.toml:62: rule `value-only` changed: its keywords (acmecorp) had to stand somewhere in the file; here one has to stand in the key of the value
    warning: config.toml:68: rule `far-keyword` changed: its keywords (elsewhere) had to stand somewhere in the file; here they need not, so its confidence is review
    warning: config.toml:74: rule `with-required` changed: it is found without one-group near it too (`required`), so its confidence is review
    warning: config.toml:82: rule `with-filter` changed: `validate` takes nothing away from what is found, and means nothing here
    warning: config.toml:82: rule `with-filter` changed: this condition of its `filter` means nothing here: tokenRatio(finding["secret"]) > 2, so its confidence is review
    warning: config.toml:89: rule `github-pat` changed: its id is taken here, so it is `github-pat-imported`; both are used
    warning: config.toml:95: rule `npm-access-token` changed: it changes the rule of that id here, which is another than the one there
    warning: config.toml:100: rule `only-path` left out: it reports files by their path alone; a rule here looks at what is in them
    warning: config.toml:105: rule `no-literal` left out: no literal of three bytes stands in every match, and it has no `keywords`: it would have to be tried at every byte
    warning: config.toml:110: rule `looks-ahead` left out: it looks ahead or behind, which no such engine can do
    warning: config.toml:115: rule `wrong-group` left out: secretGroup is 3, and it has 1 groups
    warning: config.toml:121: rule `helper` left out: it only serves other rules' `required`, and nothing does so here
    note: 13 rules imported, 9 of them changed, 0 without examples; 6 left out
    "#);
    let file = fs::read_to_string(folder.path().join("rules.toml")).unwrap();
    for line in text(&output.stderr).lines().filter_map(|line| line.strip_prefix("warning: ")) {
        assert!(file.contains(&format!("# * {line}\n")), "{line}");
    }
}

#[test]
fn what_is_imported_passes_its_check() {
    let (folder, _) = imported();
    let check = run(&folder, "rules check rules.toml");
    assert_eq!(check.status.code(), Some(0), "{}", text(&check.stderr));
    assert_eq!(text(&check.stdout), "13 rules are right, as far as their examples go\n");
    insta::assert_snapshot!(text(&check.stderr), @r"
    note: rule `npm-access-token`: no `ignores` shows its allow (an imported allowlist)
    note: rule `old-allowlist`: no `ignores` shows its allow (an imported allowlist)
    ");
    let printed = run(&folder, "rules import config.toml");
    assert_eq!(text(&printed.stdout), fs::read_to_string(folder.path().join("rules.toml")).unwrap());
}

#[test]
fn imported_rules_find_the_group_that_was_the_credential() {
    let (folder, _) = imported();
    let secret = |template: &str| expand(template, "import");
    for (rule, template, before, after) in [
        ("one-group", "{hex:32}", "ACME_ONE = '", "'"),
        ("whole-match", "acme-whole-x.y-{alnum:24}", "a ", "\n"),
        ("second-group", "{digits:20}", "ACME-second-", " "),
        ("two-groups", "acme-pair-{digits:20}", "", ""),
        ("allowed-words", "acme-allow-{lower:20}", "a=", ""),
        ("old-allowlist", "acme-old-{lower:20}", "a=", ""),
        ("value-only", "{hex:40}", "ACMECORP_KEY=", "\n"),
        ("far-keyword", "akey-{hex:30}", "", ""),
        ("with-required", "acme-need-{hex:30}", "", ""),
        ("with-filter", "acme-expr-{hex:30}", "", ""),
    ] {
        let secret = secret(template);
        let content = format!("{before}{secret}{after}");
        assert_eq!(found(&folder, &[("srv/a.txt", &content)]), [(rule.to_owned(), secret)], "{content}");
    }
    let token = secret("acme-path-{lower:20}");
    assert_eq!(found(&folder, &[("srv/a.txt", &token)]), []);
    assert_eq!(found(&folder, &[("srv/.acmerc", &token)]), [("of-path".to_owned(), token)]);
    assert_eq!(found(&folder, &[("srv/a.txt", &format!("sum {}", secret("{hex:40}")))]), []);
}

#[test]
fn lists_let_pass_what_they_did() {
    let (folder, _) = imported();
    let token = expand("acme-allow-{lower:20}", "lists");
    let old = expand("acme-old-{lower:20}", "lists");
    let passes = |path: &str, content: &str| found(&folder, &[(path, content)]).is_empty();
    assert!(!passes("srv/a.conf", &token));
    assert!(passes("srv/test/a.conf", &token));
    assert!(passes("srv/a.conf", &format!("{}sample{}", &token[..13], &token[19..])));
    assert!(passes("srv/a.conf", &format!("x {token} # nosecret\n")));
    assert!(!passes("srv/a.conf", &format!("x {token}\n# nosecret\n")), "another line");
    assert!(!passes("srv/a.txt", &format!("x {token} # nosecret\n")), "one of two that have to fit");
    assert!(!passes("srv/a.txt", &old));
    assert!(passes("srv/a.txt", &old.replacen(&old[..11], "acme-old-zz", 1)));
    assert!(passes("vendor/a.txt", &old), "the list of the whole configuration");
    assert!(passes("vendor/a.txt", &token));
    let expression = expand("acme-expr-{hex:30}", "lists");
    assert!(!passes("srv/a.txt", &expression));
    assert!(
        passes("srv/a.txt", &expression.replacen(&expression[10..14], "b0b0", 1)),
        "a word of the filter"
    );
    assert!(passes("srv/a.txt", &format!("acme-expr-{}", "aaab".repeat(7) + "ab")), "too little entropy");
}

#[test]
fn a_configuration_takes_along_what_it_extends() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write(
        "base.toml",
        "[extend]\npath = 'top.toml'\n[[rules]]\nid = 'a'\ndescription = 'Base'\nregex = 'acme-a-[0-9]{20}'\n[[rules]]\nid = 'b'\nregex = 'acme-b-[0-9]{20}'\n",
    );
    write(
        "top.toml",
        "[extend]\npath = 'base.toml'\ndisabledRules = ['b']\n[[rules]]\nid = 'a'\ndescription = 'Top'\n[[rules]]\nid = 'c'\nregex = 'acme-c-[0-9]{20}'\n",
    );
    let output = run(&folder, "rules import top.toml -o rules.toml");
    assert_eq!(output.status.code(), Some(4));
    assert!(
        text(&output.stderr).contains("extend.path: top.toml leads back, or too deep"),
        "{}",
        text(&output.stderr)
    );
    let rules = fs::read_to_string(folder.path().join("rules.toml")).unwrap();
    assert!(
        rules.contains("id = 'a'\nname = 'Top'") && rules.contains("acme-a-") && rules.contains("id = 'c'"),
        "{rules}"
    );
    assert!(!rules.contains("acme-b-"), "{rules}");
}

#[test]
fn what_is_no_such_configuration_is_refused_with_its_place() {
    let folder = folder();
    let refused = |config: &str| {
        fs::write(folder.path().join("wrong.toml"), config).unwrap();
        let output = run(&folder, "rules import wrong.toml -o rules.toml");
        assert!(!folder.path().join("rules.toml").exists());
        (output.status.code(), text(&output.stderr).trim_end().to_owned())
    };
    let (code, complaint) = refused("[[rules]]\nid = 'a'\nregex = 7\n");
    assert_eq!(
        (code, complaint.as_str()),
        (Some(2), "error: wrong.toml:3: invalid type: integer `7`, expected a string")
    );
    assert_eq!(refused("rules = [").0, Some(2));
    assert_eq!(run(&folder, "rules import none.toml").status.code(), Some(3));
}
