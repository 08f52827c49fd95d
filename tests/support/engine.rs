//! Real engines on this machine: Debian's `dockerd`, podman's service and containerd, each with folders, a socket and storage of
//! its own.
//!
//! They have no network but the host's, and need root. Each ends with its standard input, so with the tests, killed or not. One
//! of Docker's runs for all tests; a test that cares what else is there starts its own.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use super::registry::run;

/// Debian's client: another one on the path may refuse the `BuildKit` of Debian's engine.
const CLIENT: &str = "/usr/bin/docker";

/// Runs the service until standard input ends, and removes what it leaves behind.
const SCRIPT: &str = r#"
SERVICE > log 2>&1 &
read -r _
kill $!
wait
awk -v dir="$PWD/" 'index($5, dir) == 1 { print $5 }' /proc/self/mountinfo | sort -r |
  while read -r mount; do umount -l "$mount"; done
rm -rf "$PWD"
"#;

const CONTAINERD: &str = "version = 2
disabled_plugins = [\"io.containerd.grpc.v1.cri\", \"io.containerd.snapshotter.v1.devmapper\"]
root = \"PWD/root\"
state = \"PWD/state\"
[grpc]
address = \"PWD/socket\"
[ttrpc]
address = \"PWD/ttrpc\"
";

/// Which engine it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Docker,
    Podman,
    Containerd,
}

impl Kind {
    /// The command that runs it, below the present folder.
    fn service(self) -> &'static str {
        match self {
            Self::Docker => {
                "dockerd --storage-driver=vfs --iptables=false --ip6tables=false --bridge=none --data-root $PWD/data \
                 --exec-root $PWD/exec --host unix://$PWD/socket --pidfile $PWD/pid"
            }
            Self::Podman => {
                "podman --root $PWD/data --runroot $PWD/run --storage-driver vfs system service --time 0 unix://$PWD/socket"
            }
            Self::Containerd => "containerd --config config.toml",
        }
    }
}

/// An engine that ends with this.
pub(crate) struct Engine {
    child: Child,
    folder: PathBuf,
    kind: Kind,
}

impl Drop for Engine {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

impl Engine {
    /// Docker's that all tests share; names of images in it are for each to choose so that they do not meet.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<Engine> = OnceLock::new();
        SHARED.get_or_init(|| Self::start(Kind::Docker))
    }

    /// One that is empty.
    pub(crate) fn start(kind: Kind) -> Self {
        // Not below a deep folder: the path of a socket has 107 bytes.
        let folder = tempfile::Builder::new().prefix("engine").tempdir_in("/tmp").unwrap().keep();
        fs::create_dir(folder.join("client")).unwrap();
        fs::write(folder.join("client/config.json"), "{}").unwrap();
        let config = CONTAINERD.replace("PWD", &folder.display().to_string());
        fs::write(folder.join("config.toml"), config).unwrap();
        let path = std::env::var("PATH").unwrap();
        let child = Command::new("sh")
            .args(["-c", &SCRIPT.replace("SERVICE", kind.service())])
            .current_dir(&folder)
            // Services live in /usr/sbin, which is not on everybody's path.
            .env("PATH", format!("{path}:/usr/sbin:/sbin"))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let engine = Self { child, folder, kind };
        engine.wait();
        engine
    }

    fn wait(&self) {
        let started = Instant::now();
        while !self.answers() {
            assert!(
                started.elapsed() < Duration::from_secs(120),
                "{:?} does not answer; docker.io, podman, containerd, runc and root are needed: run tests/install.sh\n{}",
                self.kind,
                self.log()
            );
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn answers(&self) -> bool {
        let connects = UnixStream::connect(self.socket()).is_ok();
        connects && (self.kind == Kind::Containerd || self.ask("GET /_ping", b"").contains(" 200 "))
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// The path of its socket.
    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.join("socket")
    }

    /// The folder with all that it writes.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The variable that names it to its clients.
    pub(crate) fn variable(&self) -> (&'static str, String) {
        let socket = self.socket().display().to_string();
        match self.kind {
            Kind::Docker => ("DOCKER_HOST", format!("unix://{socket}")),
            Kind::Podman => ("CONTAINER_HOST", format!("unix://{socket}")),
            Kind::Containerd => ("CONTAINERD_ADDRESS", socket),
        }
    }

    /// What lets any client of Docker reach it: `DOCKER_HOST` and `DOCKER_CONFIG`.
    pub(crate) fn variables(&self) -> [(&'static str, String); 2] {
        [self.variable(), ("DOCKER_CONFIG", self.folder.join("client").display().to_string())]
    }

    /// Loads the images of an archive.
    pub(crate) fn load(&self, archive: &[u8]) {
        let said = match self.kind {
            Kind::Docker => self.ask("POST /images/load", archive),
            Kind::Podman => self.ask("POST /v4.0.0/libpod/images/load", archive),
            Kind::Containerd => {
                let file = tempfile::NamedTempFile::new().unwrap();
                fs::write(file.path(), archive).unwrap();
                let (socket, file) = (self.socket().display().to_string(), file.path().display().to_string());
                run("ctr", &["--address", &socket, "image", "import", &file], &self.folder);
                return;
            }
        };
        assert!(
            said.contains(" 200 ") && !said.contains("errorDetail"),
            "the image is not taken: {said}\n{}",
            self.log()
        );
    }

    /// Gives an image one more name.
    pub(crate) fn tag(&self, name: &str, repository: &str, tag: &str) {
        let said = self.ask(&format!("POST /images/{name}/tag?repo={repository}&tag={tag}"), b"");
        assert!(said.contains(" 201 "), "{said}");
    }

    /// Head and body of what it answers.
    fn ask(&self, request: &str, body: &[u8]) -> String {
        let mut stream = UnixStream::connect(self.socket()).unwrap();
        let head = format!(
            "{request} HTTP/1.1\r\nHost: engine\r\nConnection: close\r\nContent-Type: application/x-tar\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        // One that refuses an archive may do so before it has read it.
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
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
        assert!(output.status.success(), "{command:?}: {told}\n{}", self.log());
        output.stdout
    }
}
