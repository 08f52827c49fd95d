//! The service as its operators run it: a process with a configuration, asked over HTTP.

use std::fmt::Write as _;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// What senders of hooks show, and what it is worth: nothing.
pub(crate) const PROOF: &str = "not a secret, just a test";

/// What is answered over TLS to the request `head`, to one who trusts `authority` alone and looks for a name or an address in the
/// certificate as `openssl s_client` is told by `verify`.
pub(crate) fn over_tls(address: &str, authority: &Path, verify: [&str; 2], head: &str) -> String {
    let mut child = Command::new("openssl")
        .args(["s_client", "-quiet", "-verify_return_error", "-connect", address])
        .args(verify)
        .arg("-CAfile")
        .arg(authority)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let _ = child.stdin.as_mut().unwrap().write_all(head.as_bytes());
    String::from_utf8_lossy(&child.wait_with_output().unwrap().stdout).into_owned()
}

/// A service that ends with this.
pub(crate) struct Service {
    child: Child,
    folder: PathBuf,
    address: String,
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Service {
    /// Begins at `address`, for `registries`, with what it knows in `folder`; `more` is put into its configuration.
    pub(crate) fn start(folder: &Path, address: &str, registries: &[&str], more: &str) -> Self {
        let this = Self::begin(folder, address, registries, more);
        this.wait_for_answer();
        this
    }

    /// The same, without waiting for it to answer.
    pub(crate) fn begin(folder: &Path, address: &str, registries: &[&str], more: &str) -> Self {
        Self::configure(folder, address, registries, more);
        let child = Self::spawn(folder, &["serve"]);
        Self { child, folder: folder.to_owned(), address: address.to_owned() }
    }

    /// Starts with the configuration that is in `folder` already.
    pub(crate) fn again(folder: &Path, address: &str) -> Self {
        let child = Self::spawn(folder, &["serve"]);
        let this = Self { child, folder: folder.to_owned(), address: address.to_owned() };
        this.wait_for_answer();
        this
    }

    fn wait_for_answer(&self) {
        self.wait_for("the service to answer", |service| {
            service.status("GET", "/readyz", None, "") == Some(200)
        });
    }

    /// Begins in an environment that has these variables, without waiting for it to answer.
    pub(crate) fn begin_with(folder: &Path, address: &str, variables: &[(&str, &str)]) -> Self {
        Self::configure(folder, address, &["registry.example"], "");
        let child = Self::spawn_with(folder, &["serve"], variables);
        Self { child, folder: folder.to_owned(), address: address.to_owned() }
    }

    /// Writes its configuration alone, and says where.
    pub(crate) fn configure(folder: &Path, address: &str, registries: &[&str], more: &str) -> PathBuf {
        fs::write(folder.join("proof"), PROOF).unwrap();
        let mut config = format!(
            "platform = 'all'\n[serve]\nlisten = '{address}'\ndata = 'data'\nlease-seconds = 1\n{more}\n"
        );
        for registry in registries {
            let _ = write!(config, "[[serve.registry]]\nname = '{registry}'\n");
        }
        for kind in ["distribution", "plain"] {
            let _ = write!(
                config,
                "[[serve.hook]]\nkind = '{kind}'\nproof = 'header'\nheader = 'Authorization'\nsecret-file = 'proof'\n"
            );
        }
        let file = folder.join("layersift.toml");
        fs::write(&file, config).unwrap();
        file
    }

    /// Sends what is written, byte for byte, and reads to the end of the connection.
    pub(crate) fn converse(&self, text: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream.write_all(text.as_bytes()).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// The number of its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has written of what it does.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// Runs the program with the configuration in `folder`.
    pub(crate) fn spawn(folder: &Path, args: &[&str]) -> Child {
        Self::spawn_with(folder, args, &[])
    }

    /// The same with variables of the environment; it has no others.
    fn spawn_with(folder: &Path, args: &[&str], variables: &[(&str, &str)]) -> Child {
        let log = fs::OpenOptions::new().create(true).append(true).open(folder.join("log")).unwrap();
        Command::new(env!("CARGO_BIN_EXE_layersift"))
            .args(args)
            .current_dir(folder)
            .env_clear()
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap()
    }

    /// Where it listens: host and port.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Sends a request; its status and body, if there is an answer.
    pub(crate) fn ask(
        &self,
        method: &str,
        path: &str,
        proof: Option<&str>,
        body: &str,
    ) -> Option<(u16, String)> {
        let config = ureq::Agent::config_builder().http_status_as_error(false).build();
        let mut request =
            ureq::http::Request::builder().method(method).uri(format!("http://{}{path}", self.address));
        if let Some(proof) = proof {
            request = request.header("authorization", proof);
        }
        let mut answer =
            ureq::Agent::new_with_config(config).run(request.body(body.to_owned()).unwrap()).ok()?;
        Some((answer.status().as_u16(), answer.body_mut().read_to_string().unwrap()))
    }

    /// What it gives at `path` with those headers: status, headers, body.
    pub(crate) fn fetch(&self, path: &str, headers: &[(&str, &str)]) -> (u16, ureq::http::HeaderMap, String) {
        let config = ureq::Agent::config_builder().http_status_as_error(false).build();
        let mut request = ureq::http::Request::builder().uri(format!("http://{}{path}", self.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut answer = ureq::Agent::new_with_config(config).run(request.body(()).unwrap()).unwrap();
        let body = answer.body_mut().read_to_string().unwrap();
        (answer.status().as_u16(), answer.headers().clone(), body)
    }

    pub(crate) fn status(&self, method: &str, path: &str, proof: Option<&str>, body: &str) -> Option<u16> {
        self.ask(method, path, proof, body).map(|(status, _)| status)
    }

    /// What it gives at `path`.
    pub(crate) fn get(&self, path: &str) -> Value {
        let (status, body) = self.ask("GET", path, None, "").unwrap();
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).unwrap()
    }

    /// Tells it of an image, as the plain form does; its answer.
    pub(crate) fn tell(&self, image: &str) -> Value {
        let body = json!({"image": image}).to_string();
        let (status, body) = self.ask("POST", "/hooks/plain", Some(PROOF), &body).unwrap();
        assert_eq!(status, 200, "{body}");
        serde_json::from_str(&body).unwrap()
    }

    /// The number of a metric.
    pub(crate) fn metric(&self, name: &str) -> u64 {
        let (_, text) = self.ask("GET", "/metrics", None, "").unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("layersift_{name} ")));
        line.unwrap_or_else(|| panic!("no {name} in {text}")).parse().unwrap()
    }

    /// Images that were scanned, once there are so many of them.
    pub(crate) fn scanned(&self, number: usize) -> Vec<Value> {
        let scanned = |service: &Self| -> Vec<Value> {
            let images = service.get("/api/v1/images");
            let images = images["items"].as_array().unwrap().iter();
            images.filter(|image| !image["scanned"].is_null()).cloned().collect()
        };
        self.wait_for("images to be scanned", |service| scanned(service).len() >= number);
        scanned(self)
    }

    pub(crate) fn wait_for(&self, what: &str, done: impl Fn(&Self) -> bool) {
        let started = Instant::now();
        while !done(self) {
            assert!(
                started.elapsed() < Duration::from_secs(120),
                "waited for {what} in vain:\n{}",
                self.log()
            );
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Ends it at once, as a power cut would.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to end.
    pub(crate) fn terminate(mut self) -> ExitStatus {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        self.child.wait().unwrap()
    }
}
