//! The whole way with a real engine: a Dockerfile that leaks is built, saved and scanned, the report points at its lines,
//! and what the report advises makes the image clean.
//!
//! `testdata/pipeline/` has the Dockerfile before and after. The second needs secret mounts, so `BuildKit` alone builds it.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use layersift::signature::template::expand;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::engine::Engine;
use crate::support::root;

/// What leaks, or would: the build arguments of two stages, and what is in `.env`.
struct Secrets {
    build: String,
    deploy: String,
    file: String,
}

fn secrets() -> Secrets {
    let token = |name: &str| expand("ghp_{base62:30}{github-crc32}", &format!("pipeline {name}"));
    Secrets { build: token("build"), deploy: token("deploy"), file: token("file") }
}

/// A folder to build in, with the Dockerfile of that name.
fn context(name: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let given = |name: String| fs::read_to_string(root().join("testdata/pipeline").join(name)).unwrap();
    fs::write(at("Dockerfile"), given(format!("{name}.Dockerfile"))).unwrap();
    if name == "mended" {
        fs::write(at(".dockerignore"), given(format!("{name}.dockerignore"))).unwrap();
    }
    fs::write(at(".env"), format!("GITHUB_TOKEN={}\n", secrets().file)).unwrap();
    let busybox = String::from_utf8(Command::new("which").arg("busybox").output().unwrap().stdout).unwrap();
    fs::copy(busybox.trim(), at("busybox")).expect("busybox-static is needed: run tests/install.sh");
    folder
}

/// `docker save NAME | layersift scan ARGS -`: the exit code, and what is on standard output.
fn scan(engine: &Engine, name: &str, folder: &Path, args: &[&str]) -> (i32, String) {
    let mut save = engine.client(&["save", name]).stdout(Stdio::piped()).spawn().unwrap();
    let scan = Command::new(env!("CARGO_BIN_EXE_layersift"))
        .arg("scan")
        .args(args)
        .arg("-")
        .current_dir(folder)
        .env_clear()
        .stdin(save.stdout.take().unwrap())
        .output()
        .unwrap();
    assert!(save.wait().unwrap().success());
    (scan.status.code().unwrap(), String::from_utf8(scan.stdout).unwrap())
}

/// Each result's message, and the lines of the Dockerfile that it points at.
fn results(sarif: &str) -> Vec<(String, String)> {
    let sarif: Value = serde_json::from_str(sarif).unwrap();
    let result = |result: &Value| {
        let place = &result["locations"][0]["physicalLocation"];
        let file = place["artifactLocation"]["uri"].as_str().unwrap();
        let line = |key: &str| place["region"][key].as_u64();
        let start = line("startLine").unwrap();
        let lines = format!("{file}:{start}-{}", line("endLine").unwrap_or(start));
        (result["message"]["text"].as_str().unwrap().to_owned(), lines)
    };
    sarif["runs"][0]["results"].as_array().unwrap().iter().map(result).collect()
}

/// The number of the line that is `text`, in that Dockerfile.
fn line(folder: &Path, text: &str) -> usize {
    let dockerfile = fs::read_to_string(folder.join("Dockerfile")).unwrap();
    1 + dockerfile.lines().position(|line| line == text).expect("the Dockerfile has the line")
}

#[test]
fn a_leaking_build_is_shown_at_the_lines_of_its_dockerfile() {
    let (engine, secrets, folder) = (Engine::shared(), secrets(), context("leaky"));
    for (buildkit, name) in [(true, "leaky:buildkit"), (false, "leaky:classic")] {
        let argument = |name: &str, value: &str| format!("--build-arg={name}={value}");
        let args = [argument("NPM_TOKEN", &secrets.build), argument("DEPLOY_TOKEN", &secrets.deploy)];
        engine.build(folder.path(), name, buildkit, &args.each_ref().map(String::as_str));
        let shown = ["--show-secrets", "--format", "json"];
        let (code, json) = scan(engine, name, folder.path(), &shown);
        let report: Value = serde_json::from_str(&json).unwrap();
        assert_eq!((code, &report["problems"]), (1, &serde_json::json!([])), "{name}: {report:#}");
        let mut found: Vec<_> =
            report["findings"].as_array().unwrap().iter().map(|finding| &finding["secret"]).collect();
        found.sort_by_key(|secret| secret.as_str());
        let mut wanted = [&secrets.deploy, &secrets.file];
        wanted.sort();
        assert_eq!(found, wanted, "{name}: what the stage `build` was given is not in the image");

        let args = ["--dockerfile", "Dockerfile", "--format", "sarif"];
        let (code, sarif) = scan(engine, name, folder.path(), &args);
        assert_eq!(code, 1);
        let mut lines: Vec<_> = results(&sarif).into_iter().map(|(_, lines)| lines).collect();
        lines.sort();
        let at = |text: &str| line(folder.path(), text);
        let (copy, run) = (at("COPY . ."), at("RUN test -n \"$DEPLOY_TOKEN\""));
        let wanted = [format!("Dockerfile:{copy}-{copy}"), format!("Dockerfile:{run}-{run}")];
        assert_eq!(lines, wanted, "{name}: {sarif}");
    }
}

#[test]
fn what_is_advised_makes_it_clean() {
    let (engine, secrets, folder) = (Engine::shared(), secrets(), context("mended"));
    let keys = tempfile::tempdir().unwrap();
    let secret = |name: &str, value: &str| {
        let path = keys.path().join(name);
        fs::write(&path, value).unwrap();
        format!("--secret=id={name},src={}", path.display())
    };
    let args = [secret("NPM_TOKEN", &secrets.build), secret("DEPLOY_TOKEN", &secrets.deploy)];
    engine.build(folder.path(), "mended", true, &args.each_ref().map(String::as_str));
    let (code, table) = scan(engine, "mended", folder.path(), &["--dockerfile", "Dockerfile"]);
    assert_eq!(code, 0, "{table}");
    let saved = engine.docker(&["save", "mended"]);
    for secret in [&secrets.build, &secrets.deploy, &secrets.file] {
        assert!(!saved.windows(secret.len()).any(|bytes| bytes == secret.as_bytes()));
    }
    let said = engine.docker(&["run", "--rm", "--network=none", "mended"]);
    assert_eq!(String::from_utf8(said).unwrap(), "the shop\n");
}
