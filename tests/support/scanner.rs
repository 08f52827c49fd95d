//! The program as a user runs it: arguments and standard input in, exit code and texts out.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

/// A call of `layersift scan` in the making.
pub(crate) struct Scanner {
    args: Vec<OsString>,
    stdin: Option<Vec<u8>>,
    variables: Vec<(&'static str, OsString)>,
    folder: Option<PathBuf>,
}

/// What a call gave.
#[derive(Debug)]
pub(crate) struct Run {
    /// Exit code; -1 if a signal ended it.
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// `layersift scan`, to be completed.
pub(crate) fn scanner() -> Scanner {
    Scanner::of("scan")
}

impl Scanner {
    /// A call of another subcommand.
    pub(crate) fn of(subcommand: &str) -> Self {
        Self { args: vec![subcommand.into()], stdin: None, variables: Vec::new(), folder: None }
    }

    pub(crate) fn args<S: Into<OsString>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    pub(crate) fn path(self, path: &Path) -> Self {
        self.args([path])
    }

    /// Scans `-` and feeds it `bytes`.
    pub(crate) fn stdin(self, bytes: impl Into<Vec<u8>>) -> Self {
        self.input(bytes).args(["-"])
    }

    /// Feeds it `bytes`, whatever it reads them for.
    pub(crate) fn input(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(bytes.into());
        self
    }

    /// Sets an environment variable; it has no other.
    pub(crate) fn env(mut self, name: &'static str, value: impl Into<OsString>) -> Self {
        self.variables.push((name, value.into()));
        self
    }

    /// Runs it in that folder.
    pub(crate) fn within(mut self, folder: &Path) -> Self {
        self.folder = Some(folder.to_owned());
        self
    }

    /// Runs it with a standard output that nobody reads.
    pub(crate) fn run_with_closed_stdout(self) -> Run {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        self.run_with(writer.into())
    }

    pub(crate) fn run(self) -> Run {
        self.run_with(Stdio::piped())
    }

    /// Runs it away from this repository's own settings.
    fn run_with(self, stdout: Stdio) -> Run {
        let home = tempfile::tempdir().unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_layersift"))
            .args(self.args)
            .current_dir(self.folder.as_deref().unwrap_or(home.path()))
            .env_clear()
            .envs(self.variables)
            .stdin(if self.stdin.is_some() { Stdio::piped() } else { Stdio::null() })
            .stdout(stdout)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let feeder = self.stdin.map(|bytes| {
            let mut pipe = child.stdin.take().unwrap();
            // Whoever refuses an input may close the pipe before it ends.
            std::thread::spawn(move || drop(pipe.write_all(&bytes)))
        });
        let output = child.wait_with_output().unwrap();
        if let Some(feeder) = feeder {
            feeder.join().unwrap();
        }
        Run {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).expect("a report is UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("messages are UTF-8"),
        }
    }

    /// Runs it for its JSON report with the credentials shown.
    pub(crate) fn report(self) -> Report {
        let run = self.args(["--format", "json", "--show-secrets"]).run();
        let json = serde_json::from_str(&run.stdout).unwrap_or_else(|error| {
            panic!("no JSON report ({error}): code {}, {}{}", run.code, run.stdout, run.stderr)
        });
        Report { code: run.code, json }
    }
}

/// A JSON report and the exit code that came with it.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) code: i32,
    pub(crate) json: Value,
}

impl Report {
    pub(crate) fn findings(&self) -> &[Value] {
        self.json["findings"].as_array().expect("a report has findings")
    }

    pub(crate) fn problems(&self) -> &[Value] {
        self.json["problems"].as_array().expect("a report has problems")
    }

    /// The finding of this credential.
    pub(crate) fn finding(&self, secret: &str) -> Option<&Value> {
        self.findings().iter().find(|finding| finding["secret"] == secret)
    }

    /// The problem kinds, sorted.
    pub(crate) fn problem_kinds(&self) -> Vec<&str> {
        let mut kinds: Vec<&str> =
            self.problems().iter().filter_map(|problem| problem["kind"].as_str()).collect();
        kinds.sort_unstable();
        kinds
    }

    /// The findings without what has to differ between two forms of the same image: names and digests of blobs, the
    /// way in which a form writes the image's name, and copies of the config that only some forms hold.
    pub(crate) fn comparable(&self) -> Vec<Value> {
        let mut findings = self.findings().to_vec();
        for finding in &mut findings {
            comparable_places(finding);
            finding["parts"]
                .as_array_mut()
                .expect("a finding has parts")
                .iter_mut()
                .for_each(comparable_places);
        }
        findings
    }
}

fn comparable_places(of: &mut Value) {
    let places = of["places"].as_array_mut().expect("it has places");
    places.retain(|place| !is_copy(place));
    for place in places {
        place.as_object_mut().expect("a place is an object").remove("image");
        if let Some(layer) = place["layer"].as_object_mut() {
            layer.remove("digest");
        }
        if place["path"].as_str().is_some_and(|path| path.contains("sha256")) {
            place["path"] = "<blob>".into();
        }
    }
}

/// Whether a place is in the `<id>/json` of an old docker archive, which repeats the config.
pub(crate) fn is_copy(place: &Value) -> bool {
    place["path"].as_str().is_some_and(|path| path.len() == 64 + "/json".len() && path.ends_with("/json"))
}
