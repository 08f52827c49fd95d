//! A real `PostgreSQL` server on this machine, of Debian's package, with nothing of the system's own clusters.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::registry::{free_address, run};

/// A database server that ends with this.
pub(crate) struct Database {
    child: Child,
    folder: tempfile::TempDir,
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

impl Database {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = free_address().rsplit(':').next().unwrap().to_owned();
        let (programs, data) =
            (programs().display().to_string(), folder.path().join("data").display().to_string());
        // It refuses to run as root.
        let root = String::from_utf8(run("id", &["-u"], folder.path())).unwrap().trim() == "0";
        let user = if root { "setpriv --reuid=postgres --regid=postgres --clear-groups " } else { "" };
        if root {
            run("chown", &["postgres", &folder.path().display().to_string()], folder.path());
        }
        let script = format!(
            "set -e; {user}{programs}/initdb -D {data} -U test -A trust -E UTF8 --no-sync > /dev/null; \
             {user}{programs}/postgres -D {data} -p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= \
             -c fsync=off & server=$!; read -r _ || true; kill -INT $server; wait"
        );
        let child = Command::new("bash")
            .args(["-c", &script])
            .current_dir(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(fs::File::create(folder.path().join("log")).unwrap())
            .spawn()
            .unwrap();
        let this = Self { child, folder, url: format!("postgres://test@127.0.0.1:{port}/postgres") };
        let started = Instant::now();
        while this.ask("SELECT 1").is_none() {
            let log = || fs::read_to_string(this.folder.path().join("log")).unwrap_or_default();
            assert!(started.elapsed() < Duration::from_secs(120), "PostgreSQL does not answer: {}", log());
            thread::sleep(Duration::from_millis(100));
        }
        this
    }

    /// What it answers to a statement, if it answers.
    pub(crate) fn ask(&self, statement: &str) -> Option<String> {
        let output = Command::new("psql").args(["-AtX", "-c", statement, &self.url]).output();
        let output = output.unwrap_or_else(|error| panic!("psql: {error}; run tests/install.sh"));
        output.status.success().then(|| String::from_utf8(output.stdout).unwrap().trim().to_owned())
    }
}
