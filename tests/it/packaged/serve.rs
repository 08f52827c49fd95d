//! The service as the compose files run it: from what the documents have made to a finding, with a process that is killed, and
//! through `down` and `up`. The database is this machine's `PostgreSQL` in an image that takes what the official one takes.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use layersift::signature::template::expand;
use serde_json::Value;
use tempfile::TempDir;

use super::{NAME, engine};
use crate::support::bundle::Bundle;
use crate::support::compression::Compression;
use crate::support::formats::named;
use crate::support::image::ImageBuilder;
use crate::support::registry::{Registry, free_address, notifications};
use crate::support::root;
use crate::support::service::over_tls;

/// What stands for `PostgreSQL`'s image.
const DATABASE: &str = "postgres-of-this-machine:1";

/// The blocks of the section about containers in that language.
fn shown(language: &str) -> Vec<String> {
    let text = fs::read_to_string(root().join("docs/serve-operations.md")).unwrap();
    let (_, section) = text.split_once("\n## In containers\n").expect("there is such a section");
    let section = section.split("\n## ").next().unwrap();
    let fence = format!("\n```{language}\n");
    let blocks = section.split(&fence).skip(1);
    blocks.map(|block| block.split("\n```").next().unwrap().to_owned()).collect()
}

/// The engine, with the image of the database loaded.
fn database() {
    static LOADED: OnceLock<()> = OnceLock::new();
    LOADED.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("root.tar");
        let made = Command::new(root().join("tests/support/postgres-image.sh")).arg(&file).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let path = format!("ENV PATH={}:/usr/bin:/bin", String::from_utf8(made.stdout).unwrap().trim());
        let changes = ["--change", "ENTRYPOINT [\"/entry\"]", "--change", &path];
        engine().docker(&[&["import"], &changes[..], &[&file.display().to_string(), DATABASE]].concat());
    });
}

/// An image with a credential of its own.
fn leaky(name: &str) -> Bundle {
    let token = expand("ghp_{base62:30}{github-crc32}", name);
    let image =
        ImageBuilder::new().step("COPY .env /.env # buildkit", |layer| layer.file(".env", token.clone()));
    (named("oci-archive").write)(&[image], Compression::Gzip)
}

/// What a compose file runs, in a folder that was made as the documents say.
struct Stack {
    folder: TempDir,
    file: &'static str,
    address: String,
    registry: Registry,
}

impl Drop for Stack {
    fn drop(&mut self) {
        let _ = self.command(&["down", "--volumes", "--timeout", "5"]).output();
    }
}

impl Stack {
    /// Where nothing runs yet. The networks of several must not meet: `network` is the start of its addresses.
    fn new(file: &'static str, network: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let address = free_address();
        let told =
            Command::new("bash").args(["-euc", &shown("sh")[0]]).current_dir(&folder).output().unwrap();
        assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
        fs::copy(root().join("docs/ci").join(file), at(file)).unwrap();
        let secret = fs::read_to_string(at("hook-secret")).unwrap();
        let hooks = format!("https://localhost:{}", address.rsplit(':').next().unwrap());
        let registry = Registry::for_containers(&notifications(&hooks, secret.trim()), &at("tls.crt"));
        // As containers see it, and as who pushes does.
        let port = registry.address.rsplit(':').next().unwrap();
        let named = format!("name = \"{network}.1:{port}\"\naliases = [\"{}\"]", registry.address);
        let config = shown("toml")[0].replace("name = \"registry.example:5000\"", &named);
        fs::write(at("config/layersift.toml"), format!("plain-http = true\n{config}")).unwrap();
        let outside = if file.contains("fleet") { "outside" } else { "default" };
        let more = format!("networks: {{{outside}: {{ipam: {{config: [{{subnet: {network}.0/24}}]}}}}}}\n");
        fs::write(at("more.yaml"), more).unwrap();
        Self { folder, file, address, registry }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new("docker-compose");
        command.args(["--file", self.file, "--file", "more.yaml"]).args(args).current_dir(&self.folder);
        command.envs(engine().variables()).stdin(Stdio::null());
        // What the environment says wins over `.env`.
        let project = self.file.replace('.', "-");
        let own =
            [("LAYERSIFT_IMAGE", NAME), ("POSTGRES_IMAGE", DATABASE), ("LAYERSIFT_PORT", &self.address)];
        command.envs(own).env("COMPOSE_PROJECT_NAME", project);
        command
    }

    fn compose(&self, args: &[&str]) -> String {
        let output = self.command(args).output().unwrap();
        let told = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        let logs = || self.command(&["logs", "--tail=40"]).output().unwrap().stdout;
        assert!(output.status.success(), "{args:?}: {told}\n{}", String::from_utf8_lossy(&logs()));
        told
    }

    /// Starts it by the command of the documents.
    fn up(&self) {
        let commands = shown("sh")[1].clone();
        let line = commands.lines().find(|line| line.contains(self.file)).expect("the file is shown");
        let (_, rest) = line.split('#').next().unwrap().split_once(self.file).unwrap();
        self.compose(&rest.split_whitespace().collect::<Vec<_>>());
        self.wait_for("an answer", || self.ask("/readyz").starts_with("HTTP/1.1 200"));
    }

    /// What is answered at a path.
    fn ask(&self, path: &str) -> String {
        let token = fs::read_to_string(self.folder.path().join("admin-token")).unwrap();
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\nConnection: close\r\n\r\n",
            token.trim()
        );
        let authority = self.folder.path().join("tls.crt");
        over_tls(&self.address, &authority, ["-verify_hostname", "localhost"], &head)
    }

    /// What is told of images; nothing if nobody answers.
    fn images(&self) -> Vec<Value> {
        let answer = self.ask("/api/v1/images");
        let (_, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
        let body: Value = serde_json::from_str(body).unwrap_or_default();
        body["items"].as_array().cloned().unwrap_or_default()
    }

    /// Tags of images that were scanned whole and in which something critical was found.
    fn found(&self) -> Vec<String> {
        let images = self.images();
        let found = images.iter().filter(|image| image["totals"]["critical"] == 1 && image["gaps"] == 0);
        found
            .flat_map(|image| image["tags"].as_array().unwrap())
            .map(|tag| tag.as_str().unwrap().to_owned())
            .collect()
    }

    /// Pushes an image to the registry, and waits until it and all before are found.
    fn push(&self, tag: &str, all: &[&str]) {
        self.registry.push(&leaky(tag), &format!("team/app:{tag}"));
        self.wait_for("the finding", || self.found() == all);
    }

    /// Ends the process of a container at once, and waits until it is there again.
    fn kill(&self, service: &str) {
        let containers = self.compose(&["ps", "-q", service]);
        let container = containers.lines().next().unwrap().to_owned();
        let pid = || {
            let told = engine().docker(&["inspect", "--format", "{{.State.Pid}}", &container]);
            String::from_utf8(told).unwrap().trim().to_owned()
        };
        let before = pid();
        assert!(Command::new("kill").args(["-KILL", &before]).status().unwrap().success());
        self.wait_for("another process", || ![before.clone(), "0".to_owned()].contains(&pid()));
    }

    fn wait_for(&self, what: &str, done: impl Fn() -> bool) {
        let began = Instant::now();
        while !done() {
            let logs = || self.compose(&["logs", "--tail=40"]);
            assert!(began.elapsed() < Duration::from_secs(120), "waited for {what} in vain:\n{}", logs());
            thread::sleep(Duration::from_millis(200));
        }
    }
}

#[test]
#[ignore = "needs a static release build; tests/run.sh runs it"]
fn one_command_starts_the_service() {
    let stack = Stack::new("compose.serve.yaml", "10.231.7");
    stack.up();
    stack.push("1", &["1"]);
    stack.kill("layersift");
    stack.push("2", &["1", "2"]);
    stack.compose(&["down"]);
    stack.up();
    assert_eq!(stack.found(), ["1", "2"], "what is known outlasts the containers");
    stack.push("3", &["1", "2", "3"]);
    // What stands beside the configuration counts.
    let ignored = "[[ignore]]\nrule = \"github-pat\"\nreason = \"of a test\"\n";
    fs::write(stack.folder.path().join("config/.layersiftignore"), ignored).unwrap();
    stack.compose(&["restart"]);
    stack.wait_for("an answer", || stack.ask("/readyz").starts_with("HTTP/1.1 200"));
    stack.wait_for("all of it to be ignored", || {
        let images = stack.images();
        let ignored = |image: &Value| image["totals"]["critical"] == 0 && image["closed"] == 1;
        images.len() == 3 && images.iter().all(ignored)
    });
    assert!(stack.compose(&["logs"]).contains("/etc/layersift/.layersiftignore"));
}

#[test]
#[ignore = "needs a static release build; tests/run.sh runs it"]
fn another_command_starts_a_fleet() {
    database();
    let stack = Stack::new("compose.fleet.yaml", "10.231.8");
    stack.up();
    assert_eq!(stack.compose(&["ps", "-q", "worker"]).lines().count(), 2);
    stack.push("1", &["1"]);
    stack.kill("worker");
    stack.kill("database");
    stack.push("2", &["1", "2"]);
    stack.compose(&["down"]);
    stack.up();
    assert_eq!(stack.found(), ["1", "2"], "what is known outlasts the containers");
    stack.push("3", &["1", "2", "3"]);
    let shell = stack.compose(&["logs", "database"]);
    assert!(!shell.contains("FATAL:  password"), "{shell}");
}

/// Who may read what was made: nobody else.
#[test]
fn the_files_that_the_documents_make_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let told = Command::new("bash").args(["-euc", &shown("sh")[0]]).current_dir(&folder).output().unwrap();
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o077;
    let files: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(files.len() >= 8 && files.iter().all(|path| mode(path) == 0), "{files:?}");
    for file in ["compose.serve.yaml", "compose.fleet.yaml"] {
        let text = fs::read_to_string(root().join("docs/ci").join(file)).unwrap();
        for name in text.split("{file: ./").skip(1).map(|rest| rest.split('}').next().unwrap()) {
            assert!(folder.path().join(name).is_file(), "{file} needs {name}");
        }
    }
}
