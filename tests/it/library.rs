//! The crate as others use it: its examples give what they say, and what they get can be shared and printed safely.

#[path = "../../examples/own_rules.rs"]
#[allow(dead_code, unreachable_pub, reason = "an example is a program too")]
mod own_rules;
#[path = "../../examples/own_sink.rs"]
#[allow(dead_code, unreachable_pub, reason = "an example is a program too")]
mod own_sink;
#[path = "../../examples/scan_path.rs"]
#[allow(dead_code, unreachable_pub, reason = "an example is a program too")]
mod scan_path;
#[path = "../../examples/scan_reader.rs"]
#[allow(dead_code, unreachable_pub, reason = "an example is a program too")]
mod scan_reader;
#[path = "../../examples/write_sarif.rs"]
#[allow(dead_code, unreachable_pub, reason = "an example is a program too")]
mod write_sarif;

use std::fs;
use std::io::{self, Cursor, Read};
use std::path::PathBuf;
use std::sync::Arc;

use layersift::findings::Outcome;
use layersift::report::{ReportOptions, Template};
use layersift::scan::cache::Cache;
use layersift::scan::{Options, ScanError, Scanner};
use layersift::signature::RuleSet;
use layersift::signature::template::expand;
use layersift::source::Input;
use serde_json::Value;

use crate::support::compression::Compression;
use crate::support::formats::named;
use crate::support::image::ImageBuilder;
use crate::support::root;

fn demo() -> PathBuf {
    root().join("testdata/demo/leaky.tar.gz")
}

/// An image with this text in a file.
fn saved(text: String) -> Vec<u8> {
    let image = ImageBuilder::new().step("COPY .env /.env # buildkit", |layer| layer.file(".env", text));
    (named("docker-25").write)(&[image], Compression::Plain).tar()
}

#[test]
fn a_path_and_a_reader_are_scanned_in_a_few_lines() {
    let verdict = scan_path::of(&demo()).unwrap();
    assert!(verdict.ends_with("leaky.tar.gz: 5 credentials leak"), "{verdict}");
    let token = expand("ghp_{base62:30}{github-crc32}", "library");
    let lines = scan_reader::leaks("a pipe", Cursor::new(saved(format!("TOKEN={token}\n")))).unwrap();
    assert_eq!(lines.len(), 1);
    assert!(lines[0].starts_with("critical GitHub personal access token (classic): ghp_"), "{lines:?}");
    assert!(!lines[0].contains(&token));
}

#[test]
fn a_reader_has_a_name_and_its_faults_are_told() {
    let scanner = Scanner::new(RuleSet::embedded(), Options::default());
    let outcome =
        scanner.scan(&Input::reader("app of today", Cursor::new(saved("nothing\n".into()))), &()).unwrap();
    assert_eq!((&*outcome.source, &*outcome.format), ("app of today", "docker-archive"));
    assert!(outcome.findings.is_empty() && !outcome.has_gaps());
    let error = scanner.scan(&Input::reader("app of today", io::empty()), &()).unwrap_err().to_string();
    assert!(error.contains("app of today") && error.contains("empty"), "{error}");
    let cut = saved("nothing\n".into());
    let cut = Cursor::new(cut[..cut.len() / 2].to_vec()).chain(Failing);
    let gaps = scanner.scan(&Input::reader("cut", cut), &()).map(|outcome| outcome.has_gaps());
    assert!(!matches!(gaps, Ok(false)), "what breaks off is never clean");
}

struct Failing;

impl Read for Failing {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::ConnectionReset.into())
    }
}

#[test]
fn own_rules_find_own_tokens_beside_all_others() {
    let text = format!(
        "A={}\nB={}\n",
        expand("acme_{hex:24}", "own"),
        expand("ghp_{base62:30}{github-crc32}", "own")
    );
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), saved(text)).unwrap();
    assert_eq!(own_rules::found(file.path()).unwrap(), ["github-pat", "acme-token"]);
    let rules = Arc::new(RuleSet::parse([("acme.toml", own_rules::RULES)]).unwrap());
    let checked = layersift::scan::check(&rules);
    assert!(checked.wrong.is_empty(), "the rule's own examples prove it: {:?}", checked.wrong);
}

#[test]
fn a_sink_gets_every_finding_and_a_report_is_a_report() {
    let mut owners = own_sink::Owners::default();
    let seen = own_sink::scan(&demo(), |finding| owners.take(finding)).unwrap();
    assert_eq!(owners.0.values().map(Vec::len).sum::<usize>(), 5);
    assert!(seen >= 5 && owners.0["GitHub"][0].contains("https://github.com/settings/tokens"), "{owners:?}");
    let mut sarif = Vec::new();
    write_sarif::write(&demo(), &mut sarif).unwrap();
    let sarif: Value = serde_json::from_slice(&sarif).unwrap();
    assert_eq!(sarif["runs"][0]["results"].as_array().unwrap().len(), 5);
}

#[test]
fn what_the_crate_gives_can_be_shared_by_threads() {
    fn is_shared<T: Send + Sync>() {}
    is_shared::<Scanner>();
    is_shared::<Options>();
    is_shared::<RuleSet>();
    is_shared::<Outcome>();
    is_shared::<ScanError>();
    is_shared::<Input>();
    is_shared::<Cache>();
    is_shared::<ReportOptions>();
    is_shared::<Template>();
}

#[test]
fn what_is_printed_to_find_a_fault_holds_no_credential() {
    let token = expand("ghp_{base62:30}{github-crc32}", "library");
    let scanner = Scanner::new(RuleSet::embedded(), Options::default());
    let image = saved(format!("TOKEN={token}\n"));
    let outcome = scanner.scan(&Input::reader("pipe", Cursor::new(image)), &()).unwrap();
    assert_eq!(outcome.findings[0].secret.expose(), token.as_bytes());
    let printed = format!("{outcome:#?} {}", outcome.findings[0].secret);
    assert!(!printed.contains(&token) && printed.contains(&outcome.findings[0].secret.redacted()));
}
