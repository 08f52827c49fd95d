//! The command line: its help and its complaints, exit codes, output files, closed pipes and interrupts.

use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use layersift::signature::template::expand;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::compression::Compression;
use crate::support::formats::named;
use crate::support::image::ImageBuilder;

/// Three images: one with a credential, one without, and one with a byte that is not what its digest says.
fn images() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let token = expand("ghp_{base62:30}{github-crc32}", "command");
    let leaky = ImageBuilder::new().step("COPY .env /.env # buildkit", |layer| layer.file(".env", token));
    let clean =
        || ImageBuilder::new().step("COPY a /a # buildkit", |layer| layer.file("a", "nothing to see"));
    let save = |image| (named("oci-archive").write)(&[image], Compression::Plain).tar();
    let mut changed = save(clean());
    let at = changed.windows(7).position(|bytes| bytes == b"nothing").expect("the file's content");
    changed[at] = b'N';
    for (name, archive) in [("leaky.tar", save(leaky)), ("clean.tar", save(clean())), ("gap.tar", changed)] {
        fs::write(folder.path().join(name), archive).unwrap();
    }
    folder
}

fn layersift(folder: &TempDir, line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_layersift"));
    command.args(line.split(' ')).current_dir(folder).env_clear().stdin(Stdio::null());
    command
}

fn code(folder: &TempDir, line: &str) -> Option<i32> {
    layersift(folder, line).output().unwrap().status.code()
}

fn names(folder: &TempDir) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn help_and_complaints_read_like_this() {
    trycmd::TestCases::new().case("tests/cmd/*.trycmd");
}

#[test]
fn the_exit_code_follows_findings_then_errors_then_gaps() {
    let folder = images();
    for (line, expected) in [
        ("scan clean.tar", 0),
        ("scan leaky.tar", 1),
        ("scan leaky.tar --fail-on critical", 1),
        ("scan leaky.tar --fail-on none", 0),
        ("scan clean.tar leaky.tar", 1),
        ("scan missing.tar leaky.tar", 1),
        ("scan missing.tar clean.tar gap.tar", 3),
        ("scan gap.tar", 4),
        ("scan gap.tar --allow-partial", 0),
        ("scan gap.tar leaky.tar", 1),
        ("scan gap.tar leaky.tar --fail-on none", 4),
    ] {
        assert_eq!(code(&folder, line), Some(expected), "{line}");
    }
}

#[test]
fn settings_come_from_the_folder_the_environment_and_the_flags() {
    let folder = images();
    fs::write(folder.path().join("layersift.toml"), "format = \"jsonl\"\nfail-on = \"none\"\n").unwrap();
    let starts_with = |command: &mut Command, start: &str| {
        let output = command.output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.starts_with(start), "{text}");
        output.status.code()
    };
    assert_eq!(starts_with(&mut layersift(&folder, "scan leaky.tar"), "{\"type\":"), Some(0));
    let mut with_variable = layersift(&folder, "scan leaky.tar");
    assert_eq!(starts_with(with_variable.env("LAYERSIFT_FORMAT", "json"), "{\n"), Some(0));
    let mut with_flag = layersift(&folder, "scan leaky.tar --format table --fail-on low");
    assert_eq!(starts_with(with_flag.env("LAYERSIFT_FORMAT", "json"), "leaky.tar"), Some(1));
}

#[test]
fn several_reports_are_written_at_once() {
    let folder = images();
    let mut run =
        layersift(&folder, "scan leaky.tar --format json=a.json --format jsonl=b.jsonl --format table");
    let output = run.output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let alone =
        |format: &str| layersift(&folder, &format!("scan leaky.tar --format {format}")).output().unwrap();
    assert_eq!(output.stdout, alone("table").stdout);
    assert_eq!(fs::read(folder.path().join("a.json")).unwrap(), alone("json").stdout);
    assert_eq!(fs::read(folder.path().join("b.jsonl")).unwrap(), alone("jsonl").stdout);
}

#[test]
fn a_report_is_written_to_a_file_and_nothing_else_stays_there() {
    let folder = images();
    let output = layersift(&folder, "scan leaky.tar -f json -o report.json").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(output.stdout, b"");
    let report: Value =
        serde_json::from_slice(&fs::read(folder.path().join("report.json")).unwrap()).unwrap();
    assert_eq!(report["summary"]["findings"], 1);
    assert_eq!(names(&folder), ["clean.tar", "gap.tar", "leaky.tar", "report.json"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error() {
    let folder = images();
    for line in ["scan leaky.tar -o /dev/full", "scan leaky.tar -f json -o /dev/full"] {
        let output = layersift(&folder, line).output().unwrap();
        assert_eq!(output.status.code(), Some(3), "{line}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("cannot write to /dev/full"), "{line}");
    }
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let status = layersift(&folder, "scan leaky.tar").stdout(full).status().unwrap();
    assert_eq!(status.code(), Some(3));
}

#[test]
fn a_closed_pipe_ends_quietly_with_the_code_of_the_scan() {
    let folder = images();
    for (line, expected) in
        [("scan leaky.tar -f json", 1), ("scan clean.tar", 0), ("rules list", 0), ("--help", 0)]
    {
        let mut command = layersift(&folder, line);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(expected), "{line}");
        assert_eq!(String::from_utf8(output.stderr).unwrap(), "", "{line}");
    }
}

#[cfg(unix)]
#[test]
fn an_interrupt_leaves_no_file_behind() {
    let folder = images();
    let mut child = layersift(&folder, "scan - -o report.json").stdin(Stdio::piped()).spawn().unwrap();
    let unfinished = || names(&folder).iter().any(|name| name.ends_with(".unfinished"));
    while !unfinished() && child.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(5));
    }
    let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(kill.success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(names(&folder), ["clean.tar", "gap.tar", "leaky.tar"]);
}

#[cfg(unix)]
#[test]
fn secrets_in_a_file_are_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = images();
    assert_eq!(code(&folder, "scan leaky.tar --show-secrets -f json -o report.json"), Some(1));
    let report = folder.path().join("report.json");
    assert_eq!(fs::metadata(&report).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(
        fs::read_to_string(report).unwrap().contains(&expand("ghp_{base62:30}{github-crc32}", "command"))
    );
}
