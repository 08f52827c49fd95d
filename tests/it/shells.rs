//! Completions in real shells, and manual pages in a real reader. tests/install.sh installs them.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::desk::Desk;

/// What a program says, with nothing on its standard input.
fn says(program: &str, arguments: &[&str], folder: &Path) -> String {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}; tests/install.sh installs it"));
    let text = [output.stdout, output.stderr].concat();
    String::from_utf8_lossy(&text).into_owned()
}

fn script(desk: &Desk, shell: &str, name: &str) {
    let ran = desk.run(&format!("completions {shell}"));
    assert_eq!((ran.code, &*ran.stderr), (0, ""));
    fs::write(desk.path(name), ran.stdout).unwrap();
}

#[test]
fn bash_completes_commands_options_and_values() {
    let desk = Desk::new();
    script(&desk, "bash", "layersift.bash");
    // The function that the script gives to bash, asked as bash does.
    let complete = |words: &str| {
        let ask = format!(
            "source layersift.bash; COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); \
             _layersift layersift \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD-1]}}\"; echo \"${{COMPREPLY[@]}}\""
        );
        says("bash", &["--norc", "-c", &ask], &desk.path(""))
    };
    assert_eq!(complete("layersift sc").trim(), "scan");
    assert!(complete("layersift baseline up").contains("update"));
    assert!(complete("layersift scan --fail-on-n").contains("--fail-on-new"));
    assert!(complete("layersift scan --fail-on cri").contains("critical"));
    assert!(complete("layersift scan --min-confidence lik").contains("likely"));
}

#[test]
fn zsh_takes_the_script_and_completes() {
    let desk = Desk::new();
    script(&desk, "zsh", "_layersift");
    assert_eq!(says("zsh", &["-f", "-n", "_layersift"], &desk.path("")), "", "its syntax");
    let load =
        "fpath=($PWD $fpath); autoload -Uz compinit; compinit -u -d ./dump; print -r -- ${_comps[layersift]}";
    assert_eq!(says("zsh", &["-f", "-c", load], &desk.path("")).trim(), "_layersift");
}

#[test]
fn fish_completes_commands_options_and_values() {
    let desk = Desk::new();
    script(&desk, "fish", "layersift.fish");
    let complete = |line: &str| {
        let ask = format!("source layersift.fish; complete --do-complete '{line}'");
        says("fish", &["--no-config", "--command", &ask], &desk.path(""))
    };
    assert!(complete("layersift sc").contains("scan"));
    assert!(complete("layersift policy ").contains("check"));
    assert!(complete("layersift scan --fail-on-").contains("--fail-on-new"));
    assert!(complete("layersift scan --color ").contains("always"));
}

#[test]
fn other_shells_get_a_script_too_and_a_wrong_name_is_refused() {
    let desk = Desk::new();
    for shell in ["powershell", "elvish"] {
        let ran = desk.run(&format!("completions {shell}"));
        assert!(ran.code == 0 && ran.stdout.contains("layersift"), "{ran:?}");
    }
    assert_eq!(desk.run("completions tcsh").code, 2);
}

#[test]
fn every_command_has_a_page_that_a_reader_takes() {
    let desk = Desk::new();
    let ran = desk.run("man pages");
    assert_eq!(ran.code, 0, "{ran:?}");
    let mut names: Vec<_> = fs::read_dir(desk.path("pages"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let help = desk.run("--help").stdout;
    let commands =
        help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let commands: Vec<_> = commands
        .filter(|line| !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(commands.len() > 8, "{help}");
    for command in commands.iter().filter(|command| **command != "help") {
        assert!(names.contains(&format!("layersift-{command}.1")), "{command}: {names:?}");
    }
    for page in ["layersift.1", "layersift-scan.1", "layersift-baseline-update.1"] {
        assert!(names.contains(&page.to_owned()), "{names:?}");
    }
    // Bold and underlined, as printers did it: a character, back, and again.
    let back = regex::Regex::new(".\u{8}").unwrap();
    for name in &names {
        let path = format!("pages/{name}");
        let complaints = says("mandoc", &["-T", "lint", "-W", "error", &path], &desk.path(""));
        assert_eq!(complaints, "", "{name}");
        let drawn = says("mandoc", &["-T", "utf8", &path], &desk.path(""));
        let shown = back.replace_all(&drawn, "");
        assert!(shown.contains("layersift") && shown.contains("SYNOPSIS"), "{name}: {shown}");
    }
    // Written again they take the place of the old ones.
    assert_eq!(desk.run("man pages").code, 0);
    assert_eq!(fs::read_dir(desk.path("pages")).unwrap().count(), names.len());
}
