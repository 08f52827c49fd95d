//! A real Docker engine on this machine: Debian's `dockerd` with folders, a socket and a client's settings of its own.
//!
//! It has no network but the host's, and needs root. One runs for all tests and ends with them, killed or not.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

/// Debian's client: another one on the path may refuse the `BuildKit` of Debian's engine.
const CLIENT: &str = "/usr/bin/docker";

/// Runs the engine until standard input ends, and removes what it leaves behind.
const SCRIPT: &str = r#"
dockerd --storage-driver=vfs --iptables=false --ip6tables=false --bridge=none --data-root "$PWD/data" \
  --exec-root "$PWD/exec" --host "unix://$PWD/docker.sock" --pidfile "$PWD/pid" > log 2>&1 &
read -r _
kill $!
wait
awk -v dir="$PWD/" 'index($5, dir) == 1 { print $5 }' /proc/self/mountinfo | sort -r |
  while read -r mount; do umount -l "$mount"; done
rm -rf "$PWD"
"#;

/// An engine that ends with this.
pub(crate) struct Engine {
    child: Child,
    folder: PathBuf,
}

impl Drop for Engine {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

impl Engine {
    /// The one that all tests share; names of images in it are for each to choose so that they do not meet.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<Engine> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    fn start() -> Self {
        // Not below a deep folder: the path of a socket has 107 bytes.
        let folder = tempfile::Builder::new().prefix("engine").tempdir_in("/tmp").unwrap().keep();
        fs::create_dir(folder.join("client")).unwrap();
        fs::write(folder.join("client/config.json"), "{}").unwrap();
        let path = std::env::var("PATH").unwrap();
        let child = Command::new("sh")
            .args(["-c", SCRIPT])
            .current_dir(&folder)
            .env("PATH", format!("{path}:/usr/sbin:/sbin"))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let engine = Self { child, folder };
        engine.wait();
        engine
    }

    fn wait(&self) {
        let started = Instant::now();
        while !self.client(&["version"]).output().is_ok_and(|output| output.status.success()) {
            let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
            assert!(
                started.elapsed() < Duration::from_secs(120),
                "no Docker engine answers; docker.io, runc and root are needed: run tests/install.sh\n{log}"
            );
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// The path of its socket.
    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.join("docker.sock")
    }

    /// What lets any client reach it: `DOCKER_HOST` and `DOCKER_CONFIG`.
    pub(crate) fn variables(&self) -> [(&'static str, String); 2] {
        [
            ("DOCKER_HOST", format!("unix://{}", self.socket().display())),
            ("DOCKER_CONFIG", self.folder.join("client").display().to_string()),
        ]
    }

    /// `docker` with these arguments, to be run.
    pub(crate) fn client(&self, args: &[&str]) -> Command {
        let mut command = Command::new(CLIENT);
        command.args(args).envs(self.variables()).stdin(Stdio::null());
        command
    }

    /// What a `docker` that has to succeed writes.
    pub(crate) fn docker(&self, args: &[&str]) -> Vec<u8> {
        self.run(&mut self.client(args))
    }

    /// Builds `context` as `name`, by `BuildKit` or by the older builder.
    pub(crate) fn build(&self, context: &Path, name: &str, buildkit: bool, args: &[&str]) {
        let context = context.display().to_string();
        let mut all = vec!["build", "--quiet", "--no-cache", "--network=host", "--tag", name];
        all.extend(args);
        all.push(&context);
        let buildkit = if buildkit { "1" } else { "0" };
        self.run(self.client(&all).env("DOCKER_BUILDKIT", buildkit));
    }

    fn run(&self, command: &mut Command) -> Vec<u8> {
        let output = command.output();
        let output = output.unwrap_or_else(|error| panic!("{CLIENT}: {error}; run tests/install.sh"));
        let told = String::from_utf8_lossy(&output.stderr);
        let log = || fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        assert!(output.status.success(), "{command:?}: {told}\n{}", log());
        output.stdout
    }
}
