//! A real `PostgreSQL` server on this machine, of Debian's package, with nothing of the system's own clusters. The tests of the
//! library share it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::machine::{certificates, free_address, run};

/// A database server that ends with this.
pub(crate) struct Database {
    child: Child,
    folder: tempfile::TempDir,
    /// The folder of its programs, behind what runs them as another user.
    programs: String,
    /// Its address, as the service takes it.
    pub(crate) url: String,
}

impl Drop for Database {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// The folder with the server's programs.
fn programs() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let found =
        versions.map(|entry| entry.path().join("bin")).filter(|bin| bin.join("initdb").exists()).max();
    found.unwrap_or_else(|| panic!("PostgreSQL is needed: run tests/install.sh"))
}

/// Runs the server; it ends with its standard input.
fn serve(programs: &str, port: &str, folder: &Path) -> Child {
    let script = format!(
        "{programs}/postgres -D data -p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= \
         -c fsync=off & server=$!; read -r _ || true; kill -INT $server; wait"
    );
    let log = fs::OpenOptions::new().create(true).append(true).open(folder.join("log")).unwrap();
    let mut command = Command::new("bash");
    command.args(["-c", &script]).current_dir(folder).stdin(Stdio::piped()).stdout(Stdio::null());
    command.stderr(log).spawn().unwrap()
}

impl Database {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = free_address().rsplit(':').next().unwrap().to_owned();
        // It refuses to run as root.
        let root = String::from_utf8(run("id", &["-u"], folder.path())).unwrap().trim() == "0";
        let user = if root { "setpriv --reuid=postgres --regid=postgres --clear-groups " } else { "" };
        if root {
            run("chown", &["postgres", &folder.path().display().to_string()], folder.path());
        }
        let programs = format!("{user}{}", programs().display());
        let made = format!("{programs}/initdb -D data -U test -A trust -E UTF8 --no-sync");
        run("bash", &["-c", &made], folder.path());
        let child = serve(&programs, &port, folder.path());
        let this =
            Self { child, folder, programs, url: format!("postgres://test@127.0.0.1:{port}/postgres") };
        this.wait();
        this
    }

    /// Lets it run for as long as this program does, and removes it then. Its address.
    #[allow(dead_code, reason = "for the tests of the library")]
    pub(crate) fn outlive(self) -> String {
        let script = "read -r _; while [ -e data/postmaster.pid ]; do sleep 0.1; done; rm -r \"$PWD\"";
        let mut command = Command::new("bash");
        command.args(["-c", script]).current_dir(self.folder.path()).stdin(Stdio::piped());
        // Both end with their standard input, which ends with this program.
        std::mem::forget(command.spawn().unwrap());
        let url = self.url.clone();
        std::mem::forget(self);
        url
    }

    /// Has it speak TLS, too; the file of the authority of its certificate.
    pub(crate) fn secure(&self) -> PathBuf {
        let folder = self.folder.path();
        certificates(folder);
        let at = |name: &str| folder.join(name).display().to_string();
        if self.programs.contains("setpriv") {
            run("chown", &["postgres", &at("server.key"), &at("server.pem")], folder);
        }
        for (key, value) in [
            ("ssl_cert_file", at("server.pem")),
            ("ssl_key_file", at("server.key")),
            ("ssl", "on".to_owned()),
        ] {
            self.ask(&format!("ALTER SYSTEM SET {key} = '{value}'")).unwrap();
        }
        self.ask("SELECT pg_reload_conf()").unwrap();
        folder.join("ca.pem")
    }

    fn wait(&self) {
        let started = Instant::now();
        while self.ask("SELECT 1").is_none() {
            let log = || fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            assert!(started.elapsed() < Duration::from_secs(120), "PostgreSQL does not answer: {}", log());
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// Ends it at once, as a power cut would; what it is started with again is returned.
    pub(crate) fn crash(&mut self) {
        self.signal("-KILL");
        drop(self.child.stdin.take());
        self.child.wait().unwrap();
    }

    /// Starts it again behind a crash.
    pub(crate) fn restart(&mut self) {
        let port = self.url.rsplit([':', '/']).nth(1).unwrap().to_owned();
        self.child = serve(&self.programs, &port, self.folder.path());
        self.wait();
    }

    /// Sends a signal to the server and all that works for it.
    pub(crate) fn signal(&self, signal: &str) {
        let server = fs::read_to_string(self.folder.path().join("data/postmaster.pid")).unwrap();
        let server = server.lines().next().unwrap();
        let script = format!("kill {signal} {server} $(ps -o pid= --ppid {server})");
        run("bash", &["-c", &script], self.folder.path());
    }

    /// What it answers to a statement, if it answers.
    pub(crate) fn ask(&self, statement: &str) -> Option<String> {
        let output = Command::new("psql").args(["-AtX", "-c", statement, &self.url]).output();
        let output = output.unwrap_or_else(|error| panic!("psql: {error}; run tests/install.sh"));
        output.status.success().then(|| String::from_utf8(output.stdout).unwrap().trim().to_owned())
    }
}
