//! A folder with images, in which the program is run as a user does: the files that it writes are there for the next run.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use layersift::signature::template::expand;
use serde_json::Value;
use tempfile::TempDir;

use super::compression::Compression;
use super::formats::named;
use super::image::ImageBuilder;

/// A folder to run in, with images in it.
pub(crate) struct Desk {
    pub(crate) folder: TempDir,
}

/// Exit code and outputs of a run.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// A desk with one image, `app.tar`.
    pub(crate) fn with(image: ImageBuilder) -> Self {
        let desk = Self::new();
        desk.save("app.tar", image);
        desk
    }

    pub(crate) fn save(&self, name: &str, image: ImageBuilder) {
        let archive = (named("docker-25").write)(&[image], Compression::Plain).tar();
        fs::write(self.path(name), archive).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes `.layersiftignore`.
    pub(crate) fn ignore(&self, text: &str) {
        fs::write(self.path(".layersiftignore"), text).unwrap();
    }

    pub(crate) fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_layersift"));
        command.args(line.split_whitespace()).current_dir(&self.folder).env_clear().stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, line: &str) -> Ran {
        Ran::of(&mut self.command(line))
    }

    /// The JSON report of a scan of `app.tar` with these options.
    pub(crate) fn report(&self, options: &str) -> Value {
        let ran = self.run(&format!("scan app.tar -f json --show-secrets {options}"));
        serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:?}"))
    }

    /// The seeds of `seeds` whose tokens are found, with these options.
    pub(crate) fn shown<'s>(&self, options: &str, seeds: &[&'s str]) -> Vec<&'s str> {
        let report = self.report(options);
        let is_in = |list: &Value, seed: &&&str| {
            list.as_array().unwrap().iter().any(|finding| finding["secret"] == token(seed))
        };
        for seed in seeds.iter().filter(|seed| !is_in(&report["findings"], seed)) {
            assert!(
                is_in(&report["suppressed"], &seed),
                "{seed} is neither shown nor suppressed: {report:#}"
            );
        }
        seeds.iter().filter(|seed| is_in(&report["findings"], seed)).copied().collect()
    }
}

impl Ran {
    pub(crate) fn of(command: &mut Command) -> Self {
        let output = command.output().unwrap();
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// A credential of its own for each seed.
pub(crate) fn token(seed: &str) -> String {
    expand("ghp_{base62:30}{github-crc32}", seed)
}

/// A day before or after today, in UTC, as GNU date writes it: another clock than the program's.
pub(crate) fn day(days: i32) -> String {
    let output = Command::new("date").args(["-u", "+%F", "-d", &format!("{days} days")]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
