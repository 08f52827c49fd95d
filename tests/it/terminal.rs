//! What is drawn on a terminal, and what is not drawn where there is none: a real pseudo-terminal, of any width.

use std::fs;
use std::process::{Command, Stdio};

use crate::support::desk::{Desk, token};
use crate::support::image::ImageBuilder;
use crate::support::root;

/// What came out.
struct Drawn {
    code: i32,
    text: String,
}

/// Runs layersift on a terminal of that width, with no variables but these.
fn on_terminal(desk: &Desk, columns: usize, line: &str, variables: &[(&str, &str)]) -> Drawn {
    let output = Command::new("python3")
        .arg(root().join("tests/support/terminal.py"))
        .arg(columns.to_string())
        .arg(env!("CARGO_BIN_EXE_layersift"))
        .args(line.split(' '))
        .current_dir(desk.path(""))
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .output()
        .expect("python3 is there; tests/install.sh installs it");
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!stderr.contains("Traceback"), "{stderr}");
    Drawn {
        code: output.status.code().unwrap_or(-1),
        text: String::from_utf8_lossy(&output.stdout).into_owned(),
    }
}

/// A terminal that shows UTF-8 and moves its cursor.
const XTERM: [(&str, &str); 2] = [("TERM", "xterm-256color"), ("LC_ALL", "C.UTF-8")];

/// A small image with a leak, and one that takes some time.
fn desk() -> Desk {
    let leaky = ImageBuilder::new().name("shop:1.0").step("COPY .env /app/ # buildkit", |layer| {
        layer
            .file("app/a-folder-with-a-long-name/and-another-one/.env", format!("TOKEN={}\n", token("drawn")))
    });
    let desk = Desk::with(leaky);
    let words = "some plain words that nobody looks for, again and again\n".repeat(1_200_000);
    desk.save(
        "large.tar",
        ImageBuilder::new().step("COPY big /big # buildkit", |layer| layer.file("big", words)),
    );
    desk
}

/// The lines as the terminal shows them: without sequences, each redrawing a line of its own.
fn lines(text: &str) -> Vec<String> {
    let sequence = regex::Regex::new("\u{1b}\\[[0-9;?]*[A-Za-z]").unwrap();
    let plain = sequence.replace_all(text, "\r");
    plain.split(['\r', '\n']).filter(|line| !line.trim().is_empty()).map(str::to_owned).collect()
}

#[test]
fn progress_says_how_fast_and_how_long_and_fits_its_line() {
    let desk = desk();
    for columns in [40, 60, 80, 120, 200] {
        let drawn = on_terminal(&desk, columns, "scan --no-cache large.tar", &XTERM);
        assert_eq!(drawn.code, 0, "{}", drawn.text);
        let lines = lines(&drawn.text);
        let progress: Vec<_> = lines.iter().filter(|line| line.contains("iB/s")).collect();
        assert!(progress.iter().any(|line| line.contains(" left")), "{columns}: {lines:?}");
        for line in &lines {
            assert!(line.chars().count() <= columns, "{columns}: {line}");
        }
        assert!(lines.last().is_some_and(|line| line.contains("everything was looked at")), "{lines:?}");
    }
}

#[test]
fn no_progress_is_drawn_where_nobody_wants_it_or_none_can_be() {
    let desk = desk();
    let dumb = [("TERM", "dumb"), ("LC_ALL", "C.UTF-8")];
    for (line, variables) in [
        ("scan --no-cache large.tar", &dumb),
        ("scan --no-cache --no-progress large.tar", &XTERM),
        ("scan --no-cache --quiet large.tar", &XTERM),
    ] {
        let drawn = on_terminal(&desk, 80, line, variables);
        assert!(!drawn.text.contains("iB/s"), "{line}: {}", drawn.text);
    }
    let piped = desk.run("scan --no-cache large.tar");
    assert!(piped.stderr.is_empty() && !piped.stdout.contains('\u{1b}'), "{piped:?}");
}

#[test]
fn colours_come_and_go_as_is_agreed() {
    let desk = desk();
    let with = |more: &[(&'static str, &'static str)]| [&XTERM[..], more].concat();
    for (line, variables, expected) in [
        ("scan app.tar", with(&[]), true),
        ("scan app.tar", with(&[("NO_COLOR", "1")]), false),
        ("scan app.tar", with(&[("CLICOLOR", "0")]), false),
        ("scan app.tar", vec![("TERM", "dumb")], false),
        ("scan app.tar --color never", with(&[]), false),
        ("scan app.tar --color always", with(&[("NO_COLOR", "1")]), true),
    ] {
        let drawn = on_terminal(&desk, 80, &format!("{line} --no-progress"), &variables);
        assert_eq!(drawn.code, 1);
        assert_eq!(drawn.text.contains("\u{1b}[1m"), expected, "{line} {variables:?}: {}", drawn.text);
    }
    for (variables, expected) in [(vec![], false), (vec![("CLICOLOR_FORCE", "1")], true)] {
        let mut command = desk.command("scan app.tar");
        let output = command.envs(variables.iter().copied()).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(text.contains("\u{1b}[1m"), expected, "{variables:?}: {text}");
    }
}

#[test]
fn a_narrow_terminal_and_one_without_utf_8_can_show_it() {
    let desk = desk();
    for columns in [40, 60, 100] {
        let drawn = on_terminal(&desk, columns, "scan app.tar --no-progress", &XTERM);
        for line in lines(&drawn.text) {
            // Words are never broken, so that an address can be copied.
            let longest = line.split_whitespace().map(|word| word.chars().count()).max().unwrap_or(0);
            assert!(line.chars().count() <= columns.max(longest + 12), "{columns}: {line}");
        }
    }
    for locale in ["C", "POSIX"] {
        let ascii =
            on_terminal(&desk, 60, "scan app.tar --no-progress", &[("TERM", "xterm"), ("LC_ALL", locale)]);
        assert_eq!(ascii.code, 1);
        assert!(ascii.text.is_ascii(), "{}", ascii.text);
    }
}

#[test]
fn a_report_in_a_file_is_the_same_whatever_the_terminal() {
    let desk = desk();
    let mut written = Vec::new();
    for columns in [40, 200] {
        let drawn = on_terminal(&desk, columns, "scan app.tar -o report.txt", &XTERM);
        assert_eq!(drawn.code, 1);
        written.push(fs::read(desk.path("report.txt")).unwrap());
    }
    assert_eq!(written[0], written[1]);
}
