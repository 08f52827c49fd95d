//! The documents show only what happens: every command in them is run, and what they show of its output is compared.
//!
//! A `console` block is a shell session of its own: `$ ` starts a command, `> ` continues it, other lines are output, of
//! which a line `...` leaves out any number. It runs in a folder with the repository's `testdata` and `signatures` and
//! with the demonstration image as `app.tar`. A command that leaves with anything but 0, or 1 for a leaking image, has
//! to be followed by `echo $?`. What builds is not run, and what saves by a client of an engine is fed the demonstration image
//! in place of what that would save; what engines really save is scanned in `builders`. Where a document asks an engine, and
//! where it names `registry.example`, real ones on this machine hold the demonstration image.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use regex::Regex;
use tempfile::TempDir;

use crate::support::engine::{Engine, Kind};
use crate::support::registry::Registry;
use crate::support::{blocks, root};

/// Documents whose `console` blocks are run.
const SHOWN: &[&str] = &[
    "README.md",
    "docs/cache.md",
    "docs/ci.md",
    "docs/compare.md",
    "docs/engines.md",
    "docs/formats.md",
    "docs/policy.md",
    "docs/registry.md",
    "docs/report.md",
    "docs/rules.md",
    "docs/shell.md",
    "docs/suppress.md",
];

/// Documents whose links have to lead somewhere.
const LINKED: &[&str] = &[
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "CHANGELOG.md",
    "docs/cache.md",
    "docs/compare.md",
    "docs/ci.md",
    "docs/engines.md",
    "docs/formats.md",
    "docs/library.md",
    "docs/policy.md",
    "docs/registry.md",
    "docs/report.md",
    "docs/rules.md",
    "docs/shell.md",
    "docs/serve.md",
    "docs/serve-hooks.md",
    "docs/serve-operations.md",
    "docs/suppress.md",
    "signatures/README.md",
    "testdata/README.md",
];

/// Commands that are not run: they need an engine, a network or the time of a whole build.
const NOT_RUN: &[&str] = &["docker build ", "docker push ", "cargo install ", "tests/run.sh"];

/// What a document shows, and what is run instead.
const REPLACED: &[(&str, &str)] = &[
    (r"^cargo run --release -- ", "layersift "),
    (r"^(?:docker|podman) save \S+ \| ", "gzip -dc testdata/demo/leaky.tar.gz | "),
];

/// A command and what is shown of its output.
#[derive(Default)]
struct Shown {
    command: String,
    output: Vec<String>,
}

fn session(block: &str) -> Vec<Shown> {
    let mut session: Vec<Shown> = Vec::new();
    for line in block.lines() {
        if let Some(command) = line.strip_prefix("$ ") {
            session.push(Shown { command: command.to_owned(), output: Vec::new() });
            continue;
        }
        let last = session.last_mut().expect("a block begins with a command");
        match line.strip_prefix("> ") {
            Some(more) => last.command.extend(["\n", more]),
            None => last.output.push(line.to_owned()),
        }
    }
    session
}

/// A folder in which the documents' commands work.
fn playground() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["testdata", "signatures"] {
        symlink(root().join(name), folder.path().join(name)).unwrap();
    }
    let image = fs::File::create(folder.path().join("app.tar")).unwrap();
    let mut gzip = Command::new("gzip");
    let gzip = gzip.args(["-dc", "testdata/demo/leaky.tar.gz"]).current_dir(&folder).stdout(image);
    assert!(gzip.status().unwrap().success());
    folder
}

/// The host that stands for a real registry.
const HOST: &str = "registry.example";

static REGISTRY: OnceLock<&str> = OnceLock::new();

/// The address of a registry that holds the demonstration image, for as long as the tests run.
fn registry() -> &'static str {
    REGISTRY.get_or_init(|| {
        let folder = playground();
        let registry = Registry::plain();
        let image = format!("docker-archive:{}", folder.path().join("app.tar").display());
        registry.copy(&image, "shop:1.4.2", &[]);
        registry.outlive(folder)
    })
}

/// What stands in a document for the place where Docker's engine listens.
const SOCKET: &str = "unix:///run/docker.example";

/// An engine that commands of documents ask.
struct Asked {
    /// What such a command has in it.
    command: &'static str,
    kind: Kind,
    running: OnceLock<Engine>,
}

static ENGINES: [Asked; 3] = [
    Asked { command: "docker:|--all-images docker", kind: Kind::Docker, running: OnceLock::new() },
    Asked { command: "podman:", kind: Kind::Podman, running: OnceLock::new() },
    Asked { command: "^ctr ", kind: Kind::Containerd, running: OnceLock::new() },
];

/// The variables that lead to the engines that `block` asks, which hold the demonstration image.
fn engines(block: &str) -> Vec<(&'static str, String)> {
    let session = session(block);
    let wanted = |asked: &&Asked| {
        let pattern = Regex::new(asked.command).unwrap();
        session.iter().any(|shown| pattern.is_match(&shown.command))
    };
    let start = |asked: &Asked| {
        let engine = Engine::start(asked.kind);
        engine.load(&fs::read(playground().path().join("app.tar")).unwrap());
        engine
    };
    let asked = ENGINES.iter().filter(wanted);
    asked.map(|asked| asked.running.get_or_init(|| start(asked)).variable()).collect()
}

/// A shell that knows `layersift` and nothing of the user's settings.
fn shell(folder: &Path, script: &str) -> Command {
    let program = Path::new(env!("CARGO_BIN_EXE_layersift")).parent().unwrap();
    let path = std::env::var("PATH").unwrap();
    let mut shell = Command::new("bash");
    shell.args(["-c", script]).current_dir(folder).stdin(Stdio::null());
    shell
        .env_clear()
        .env("TOKEN", "not a secret")
        .env("PATH", format!("{}:{path}", program.display()))
        .env("HOME", folder);
    shell
}

/// What is run for a command: nothing if it cannot be.
fn runnable(command: &str) -> Option<String> {
    if NOT_RUN.iter().any(|start| command.starts_with(start)) {
        return None;
    }
    let replace = |command: String, (shown, run): &(&str, &str)| {
        Regex::new(shown).unwrap().replace(&command, *run).into_owned()
    };
    let command = REPLACED.iter().fold(command.to_owned(), replace);
    Some(if command.contains(HOST) { command.replace(HOST, registry()) } else { command })
}

/// Output and exit code of each command, run one after the other in one shell.
fn run(folder: &Path, commands: &[String], engines: &[(&str, String)]) -> Vec<(String, i32)> {
    let mark = "what follows is the next command";
    let each =
        |command: &String| format!("{command}\ncode=$?; printf '\\n{mark} %s\\n' $code; (exit $code)\n");
    let script: String = std::iter::once("exec 2>&1\n".to_owned()).chain(commands.iter().map(each)).collect();
    let mut shell = shell(folder, &script);
    shell.envs(engines.iter().cloned());
    let mut output = String::from_utf8(shell.output().unwrap().stdout).unwrap();
    if let Some((_, host)) = engines.iter().find(|(name, _)| *name == "DOCKER_HOST") {
        output = output.replace(host, SOCKET);
    }
    if let Some(address) = REGISTRY.get() {
        let safe = output.replace(&format!("http://{address}"), &format!("https://{HOST}"));
        output = safe.replace(address, HOST);
    }
    let ends = Regex::new(&format!(r"(?s)(.*?)\n{mark} (\d+)\n")).unwrap();
    ends.captures_iter(&output).map(|found| (found[1].to_owned(), found[2].parse().unwrap())).collect()
}

/// Whether `output` is what is shown; a line `...` stands for any lines.
fn fits(shown: &[String], output: &str) -> bool {
    let line = |line: &String| match line.trim_end() {
        "..." => r"(?:.*\n)*".to_owned(),
        text => format!(r"{}\s*\n", regex::escape(text)),
    };
    let pattern: String = shown.iter().map(line).collect();
    let output = if output.is_empty() { String::new() } else { format!("{}\n", output.trim_end()) };
    Regex::new(&format!("^{pattern}$")).unwrap().is_match(&output)
}

fn check(document: &str, block: &str, wrong: &mut Vec<String>) -> usize {
    let folder = playground();
    let session = session(block);
    let shown: Vec<(&Shown, String)> =
        session.iter().filter_map(|shown| Some((shown, runnable(&shown.command)?))).collect();
    let commands: Vec<String> = shown.iter().map(|(_, command)| command.clone()).collect();
    let results = run(folder.path(), &commands, &engines(block));
    assert_eq!(results.len(), commands.len(), "{document}: a command ended the shell:\n{block}");
    for (index, ((shown, command), (output, code))) in shown.iter().zip(&results).enumerate() {
        if !fits(&shown.output, output) {
            wrong.push(format!("{document}: `{command}` shows {:#?} and gives\n{output}", shown.output));
        }
        let told = commands.get(index + 1).is_some_and(|next| next == "echo $?");
        if *code > 1 && !told {
            wrong.push(format!("{document}: `{command}` ends with {code}: follow it by `echo $?`"));
        }
    }
    commands.len()
}

#[test]
fn every_command_that_a_document_shows_gives_what_it_shows() {
    let mut wrong = Vec::new();
    for document in SHOWN {
        let count: usize =
            blocks(document, "console").iter().map(|block| check(document, block, &mut wrong)).sum();
        assert!(count > 0, "{document} shows no command");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn every_configuration_that_documents_show_is_accepted() {
    let examples = ["README.md", "docs/ci.md", "docs/policy.md"].map(|document| {
        let examples = blocks(document, "toml");
        assert!(!examples.is_empty(), "{document}");
        examples
    });
    for example in examples.concat() {
        let folder = playground();
        // What the examples name beside themselves.
        fs::copy(folder.path().join("app.tar"), folder.path().join("debian.tar")).unwrap();
        let known = shell(folder.path(), "layersift baseline create known.json app.tar").output().unwrap();
        assert!(known.status.success(), "{known:?}");
        fs::write(folder.path().join("layersift.toml"), &example).unwrap();
        let output = shell(folder.path(), "layersift scan app.tar").output().unwrap();
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(matches!(output.status.code(), Some(0 | 1)), "{complaint}\n{example}");
    }
}

#[test]
fn every_link_of_a_document_leads_to_a_file() {
    let link = Regex::new(r"\]\(([^)\s#]+)(?:#[^)]*)?\)").unwrap();
    let mut wrong = Vec::new();
    for document in LINKED {
        let path = root().join(document);
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{document}: {error}"));
        for found in link.captures_iter(&text).filter(|found| !found[1].contains("://")) {
            if !path.parent().unwrap().join(&found[1]).exists() {
                wrong.push(format!("{document} links to {}, which is not there", &found[1]));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn output_that_differs_does_not_fit() {
    let shown = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    assert!(fits(&shown("a\n...\nd"), "a\nb\nc\nd\n"));
    assert!(fits(&shown("a\n...\nb"), "a\nb"));
    assert!(fits(&[], ""));
    for (expected, output) in [("a\n...\nd", "a\nb"), ("a", "a\nb"), ("", "a"), ("a.c", "abc")] {
        assert!(!fits(&shown(expected), output), "{expected} {output}");
    }
}
