//! `action.yml` as GitHub's runner would run it: its shell lines in their order, with inputs and outputs filled in.
//!
//! Only what needs GitHub is left out: the upload, which is an action of its own. The release that a job would fetch comes from
//! a `curl` in front of the path, which serves a folder and wants the options that keep a download honest.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use regex::Regex;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::compression::Compression;
use crate::support::formats::named;
use crate::support::image::ImageBuilder;
use crate::support::{hex, root, yaml};

/// What stands for `curl`: the file of that name in `$RELEASED`.
const CURL: &str = r#"#!/bin/bash
set -e
case " $* " in *" --fail "*" --proto =https "*) ;; *) echo "curl: $*" >&2; exit 3 ;; esac
while [ $# -gt 1 ]; do
  if [ "$1" = --output ]; then output=$2; fi
  shift
done
case $1 in https://github.example/someone/layersift/releases/download/v0.1.0/*) ;; *) echo "curl: $1" >&2; exit 6 ;; esac
cp "$RELEASED/${1##*/}" "$output" 2> /dev/null || { echo "curl: (22) 404" >&2; exit 22; }
"#;

/// A job in the making: a folder with what its steps need.
struct Job {
    folder: TempDir,
    inputs: BTreeMap<String, String>,
    outputs: BTreeMap<String, String>,
    log: String,
}

impl Job {
    fn new(inputs: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("bin")).unwrap();
        fs::write(at("bin/curl"), CURL).unwrap();
        fs::set_permissions(at("bin/curl"), fs::Permissions::from_mode(0o755)).unwrap();
        for name in ["temp", "released"] {
            fs::create_dir(at(name)).unwrap();
        }
        fs::write(at("summary.md"), "# Before\n").unwrap();
        let clean = ImageBuilder::new().step("COPY a /a # buildkit", |layer| layer.file("a", "nothing\n"));
        fs::write(at("clean.tar"), (named("docker-25").write)(&[clean], Compression::Plain).tar()).unwrap();
        fs::copy(root().join("testdata/demo/leaky.tar.gz"), at("leaky image.tar.gz")).unwrap();
        fs::copy(root().join("testdata/demo/Dockerfile"), at("Dockerfile")).unwrap();
        let inputs = inputs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self { folder, inputs, outputs: BTreeMap::new(), log: String::new() }
    }

    /// Puts a program and its checksums where releases are.
    fn release(&self, program: &[u8], sum: &str) {
        let machine = String::from_utf8(Command::new("uname").arg("-m").output().unwrap().stdout).unwrap();
        let asset = format!("layersift-{}-linux", machine.trim());
        let released = self.folder.path().join("released");
        fs::write(released.join(&asset), program).unwrap();
        fs::write(released.join("SHA256SUMS"), format!("{}  other\n{sum}  {asset}\n", "0".repeat(64)))
            .unwrap();
    }

    /// Runs the action; the exit code of the step that ended it.
    fn run(&mut self) -> i32 {
        let action = yaml::read(&root().join("action.yml"));
        let given: Vec<_> = action["inputs"].as_object().unwrap().iter().collect();
        for (name, input) in given {
            if let Some(default) = input["default"].as_str() {
                self.inputs.entry(name.clone()).or_insert_with(|| default.to_owned());
            }
            assert!(self.inputs.contains_key(name), "no {name}");
        }
        for step in action["runs"]["steps"].as_array().unwrap() {
            let Some(script) = step["run"].as_str() else {
                assert!(step["uses"].as_str().unwrap().starts_with("github/codeql-action/upload-sarif@"));
                continue;
            };
            assert_eq!(step["shell"], "bash");
            assert!(!script.contains("${{"), "what somebody typed never becomes a part of a script");
            let code = self.step(step, script);
            if code != 0 {
                return code;
            }
        }
        0
    }

    /// As a runner does: `bash -eo pipefail`, with `env` and files for what a step gives to others.
    fn step(&mut self, step: &Value, script: &str) -> i32 {
        let at = |name: &str| self.folder.path().join(name);
        let file = at("script.sh");
        fs::write(&file, script).unwrap();
        fs::write(at("output"), "").unwrap();
        let variables = step["env"].as_object().unwrap();
        let variables: Vec<_> =
            variables.iter().map(|(name, value)| (name, self.filled(value.as_str().unwrap()))).collect();
        let path = std::env::var("PATH").unwrap();
        let output = Command::new("bash")
            .args(["--noprofile", "--norc", "-eo", "pipefail"])
            .arg(&file)
            .current_dir(&self.folder)
            .env_clear()
            .env("PATH", format!("{}:{path}", at("bin").display()))
            .envs(variables)
            .env("HOME", at("temp"))
            .env("RELEASED", at("released"))
            .env("RUNNER_TEMP", at("temp"))
            .env("GITHUB_OUTPUT", at("output"))
            .env("GITHUB_STEP_SUMMARY", at("summary.md"))
            .stdin(Stdio::null())
            .output()
            .unwrap();
        for text in [&output.stdout, &output.stderr] {
            self.log.push_str(&String::from_utf8_lossy(text));
        }
        for line in fs::read_to_string(at("output")).unwrap().lines() {
            let (name, value) = line.split_once('=').unwrap();
            let id = step["id"].as_str().expect("who gives something has an id");
            self.outputs.insert(format!("steps.{id}.outputs.{name}"), value.to_owned());
        }
        output.status.code().unwrap()
    }

    /// `text` with its expressions evaluated.
    fn filled(&self, text: &str) -> String {
        let expression = Regex::new(r"\$\{\{ ([a-z0-9_.-]+) \}\}").unwrap();
        let filled = expression.replace_all(text, |found: &regex::Captures<'_>| {
            let name = &found[1];
            match (name, name.strip_prefix("inputs.")) {
                (_, Some(input)) => self.inputs.get(input).expect("an input that is declared").clone(),
                ("github.server_url", _) => "https://github.example".to_owned(),
                ("github.action_repository", _) => "someone/layersift".to_owned(),
                _ => self.outputs.get(name).cloned().unwrap_or_default(),
            }
        });
        assert!(!filled.contains("${{"), "{text}");
        filled.into_owned()
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).unwrap_or_default()
    }
}

fn binary() -> &'static str {
    env!("CARGO_BIN_EXE_layersift")
}

#[test]
fn what_github_reads_follows_its_schemas() {
    yaml::check(&root().join("action.yml"), "vendor.github-actions");
    yaml::check(&root().join("docs/ci/github.yml"), "vendor.github-workflows");
    let file = fs::read_to_string(root().join("docs/ci/github.yml")).unwrap();
    let (_, shown) = file.split_once('\n').expect("the file begins with a comment");
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    assert!(readme.contains(&format!("```yaml\n{shown}```\n")), "the README shows docs/ci/github.yml");
    let action = yaml::read(&root().join("action.yml"));
    let workflow = yaml::read(&root().join("docs/ci/github.yml"));
    let steps = workflow["jobs"]["image"]["steps"].as_array().unwrap();
    let used =
        steps.iter().find(|step| step["uses"].as_str().is_some_and(|uses| uses.contains("/layersift@")));
    for name in used.expect("the workflow uses the action")["with"].as_object().unwrap().keys() {
        assert!(action["inputs"].get(name).is_some(), "the action has no input {name}");
    }
}

#[test]
fn a_leak_fails_the_job_after_all_is_reported() {
    let mut job = Job::new(&[
        ("image", "leaky image.tar.gz"),
        ("binary", binary()),
        ("dockerfile", "Dockerfile"),
        ("fail-on", "high"),
        ("args", "--disable-rules\nprivate-key-*\n"),
    ]);
    assert_eq!(job.run(), 1, "{}", job.log);
    assert!(job.log.contains("4 findings: 3 CRITICAL 1 HIGH"), "{}", job.log);
    assert!(job.log.lines().any(|line| line.starts_with("::error file=Dockerfile,line=9")), "{}", job.log);
    assert_eq!(job.outputs["steps.scan.outputs.exit-code"], "1");
    let sarif: Value = serde_json::from_str(&job.read(&job.outputs["steps.scan.outputs.sarif"])).unwrap();
    assert_eq!(sarif["runs"][0]["results"].as_array().unwrap().len(), 4);
    let summary = job.read("summary.md");
    assert!(summary.starts_with("# Before\n") && summary.contains("npm access token"), "{summary}");
}

#[test]
fn a_clean_image_passes_without_annotations() {
    let inputs = [("image", "clean.tar"), ("binary", binary()), ("annotations", "false")];
    let mut job = Job::new(&inputs);
    assert_eq!(job.run(), 0, "{}", job.log);
    assert!(job.log.contains("nothing leaks") && !job.log.contains("::notice"), "{}", job.log);
    let mut job = Job::new(&inputs[..2]);
    assert_eq!(job.run(), 0, "{}", job.log);
    assert!(job.log.contains("::notice title=layersift"), "{}", job.log);
}

#[test]
fn what_is_typed_is_no_shell_and_what_cannot_be_scanned_is_no_success() {
    let evil = "$(touch owned)`touch owned`; touch owned; --version\"";
    let mut job = Job::new(&[("image", evil), ("binary", binary()), ("args", evil), ("sarif", evil)]);
    assert_eq!(job.run(), 3, "{}", job.log);
    let mut job = Job::new(&[("image", "--version"), ("binary", binary())]);
    assert_eq!(job.run(), 3, "{}", job.log);
    assert_eq!(job.outputs.get("steps.scan.outputs.exit-code").map(String::as_str), Some("3"));
    assert!(!job.folder.path().join("owned").exists());
}

#[test]
fn a_release_is_run_only_if_it_has_its_checksum() {
    let program = fs::read(Path::new(binary())).unwrap();
    let (right, wrong) = (hex(&program), "1".repeat(64));
    for (sum, given, code) in [(&right, "", 0), (&wrong, "", 1), (&wrong, &*right, 0), (&right, &*wrong, 1)] {
        let mut job = Job::new(&[("image", "clean.tar"), ("sha256", given)]);
        job.release(&program, sum);
        assert_eq!(job.run(), code, "list {sum}, given {given:?}: {}", job.log);
        assert_eq!(job.outputs.contains_key("steps.install.outputs.program"), code == 0);
    }
    let mut job = Job::new(&[("image", "clean.tar")]);
    assert_eq!(job.run(), 22, "{}", job.log);
}
