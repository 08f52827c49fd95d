//! A real registry on this machine: Debian's `docker-registry`, with or without TLS and logins, filled by skopeo.

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

#[cfg(feature = "serve")]
use layersift::digest::Digest;
#[cfg(feature = "serve")]
use serde_json::{Value, json};

use super::bundle::Bundle;
pub(crate) use super::machine::{certificates, free_address, run};

/// The user whom a registry with logins knows.
pub(crate) const USER: &str = "pull-robot";
/// His password: nothing that a scanner would look for.
pub(crate) const PASSWORD: &str = "not a secret, just a test";

/// A registry that ends with this.
pub(crate) struct Registry {
    child: Child,
    folder: tempfile::TempDir,
    /// `127.0.0.1:PORT`
    pub(crate) address: String,
    tls: bool,
    login: bool,
}

/// How a registry is.
#[derive(Default)]
struct Setup<'s> {
    tls: bool,
    login: bool,
    /// Whether only clients with a certificate may ask.
    clients: bool,
    /// Whom it trusts, if it is to be reached from containers.
    authority: Option<&'s Path>,
    /// What else its configuration has.
    more: &'s str,
}

/// What has a registry tell the service at `address` of each push, as we say that it is to be written.
#[cfg(feature = "serve")]
pub(crate) fn notifications(address: &str, secret: &str) -> String {
    let shown = super::blocks("docs/serve-hooks.md", "yaml");
    let shown = shown.into_iter().find(|block| block.contains("notifications:")).unwrap();
    shown.replace("https://layersift.example:8321", address).replace("SECRET", secret)
}

impl Drop for Registry {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

impl Registry {
    /// Without TLS and for everybody.
    pub(crate) fn plain() -> Self {
        Self::start(&Setup::default())
    }

    /// Without TLS and for everybody, and with these `notifications` in its configuration.
    #[cfg(feature = "serve")]
    pub(crate) fn telling(notifications: &str) -> Self {
        Self::start(&Setup { more: notifications, ..Setup::default() })
    }

    /// The same at every address of this machine, so that containers reach it; who is told has a certificate of that authority.
    #[cfg(feature = "serve")]
    pub(crate) fn for_containers(notifications: &str, authority: &Path) -> Self {
        Self::start(&Setup { authority: Some(authority), more: notifications, ..Setup::default() })
    }

    /// With TLS by an authority of its own, and a login.
    pub(crate) fn with_login() -> Self {
        Self::start(&Setup { tls: true, login: true, ..Setup::default() })
    }

    /// With TLS, and only for clients with a certificate of its authority.
    pub(crate) fn for_clients() -> Self {
        Self::start(&Setup { tls: true, clients: true, ..Setup::default() })
    }

    fn start(setup: &Setup<'_>) -> Self {
        let Setup { tls, login, clients, authority, more } = *setup;
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        let address = free_address();
        let listen =
            if authority.is_some() { address.replace("127.0.0.1", "0.0.0.0") } else { address.clone() };
        let mut config = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage:\n  filesystem: {{rootdirectory: {}}}\n  delete: {{enabled: true}}\nhttp:\n  addr: {listen}\n",
            at("data")
        );
        if tls {
            certificates(folder.path());
            config.extend([
                "  tls:\n    certificate: ",
                &at("server.pem"),
                "\n    key: ",
                &at("server.key"),
                "\n",
            ]);
        }
        if clients {
            config.extend(["    clientcas: [", &at("ca.pem"), "]\n"]);
        }
        if login {
            let line = run("htpasswd", &["-Bbn", USER, PASSWORD], folder.path());
            fs::write(at("htpasswd"), line).unwrap();
            config.extend(["auth:\n  htpasswd: {realm: test, path: ", &at("htpasswd"), "}\n"]);
        }
        config.push_str(more);
        fs::write(at("config.yml"), config).unwrap();
        // It ends when its standard input does, so also with a test that is killed.
        let script = "docker-registry serve config.yml & read -r _; kill $!; wait; rm -r data";
        let child = Command::new("sh")
            .args(["-c", script])
            .current_dir(folder.path())
            .envs(authority.map(|file| ("SSL_CERT_FILE", file)))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        wait_for(&address);
        Self { child, folder, address, tls, login }
    }

    /// Lets it run for as long as this program does; what `folder` holds is removed.
    pub(crate) fn outlive(self, folder: tempfile::TempDir) -> &'static str {
        drop(folder);
        let address = self.address.clone();
        std::mem::forget(self);
        address.leak()
    }

    /// A file beside its configuration: `ca.pem`, `client.pem`, `client.key`.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Pushes the one image or index of an OCI layout as it is.
    pub(crate) fn push(&self, bundle: &Bundle, name: &str) {
        let layout = tempfile::tempdir().unwrap();
        bundle.write_dir(layout.path());
        self.copy(&format!("oci:{}", layout.path().display()), name, &["--all", "--preserve-digests"]);
    }

    /// Makes `count` images `app:0`, `app:1`, … of the image `app:base`: with its layers, and a configuration of their own.
    #[cfg(feature = "serve")]
    pub(crate) fn multiply(&self, count: usize) {
        let agent = ureq::Agent::new_with_defaults();
        let at = |path: &str| format!("http://{}/v2/app/{path}", self.address);
        let get = |path: &str| -> Value {
            let kind = "application/vnd.oci.image.manifest.v1+json";
            let mut answer = agent.get(at(path)).header("accept", kind).call().unwrap();
            serde_json::from_reader(answer.body_mut().as_reader()).unwrap()
        };
        let mut manifest = get("manifests/base");
        let mut config = get(&format!("blobs/{}", manifest["config"]["digest"].as_str().unwrap()));
        for number in 0..count {
            config["config"]["Labels"] = json!({"number": number.to_string()});
            let bytes = serde_json::to_vec(&config).unwrap();
            let digest = Digest::of(&bytes).to_string();
            manifest["config"]["digest"] = json!(digest);
            manifest["config"]["size"] = json!(bytes.len());
            let begun = agent.post(at("blobs/uploads/")).send_empty().unwrap();
            let upload = begun.headers()["location"].to_str().unwrap();
            agent.put(format!("{upload}&digest={digest}")).send(&bytes).unwrap();
            let kind = manifest["mediaType"].as_str().unwrap().to_owned();
            let put = agent.put(at(&format!("manifests/{number}"))).content_type(kind);
            put.send(&serde_json::to_vec(&manifest).unwrap()).unwrap();
        }
    }

    /// Deletes an image, with all its tags.
    #[cfg(feature = "serve")]
    pub(crate) fn delete(&self, repository: &str, digest: &str) {
        let url = format!("http://{}/v2/{repository}/manifests/{digest}", self.address);
        assert_eq!(ureq::delete(url).call().unwrap().status(), 202);
    }

    /// Copies whatever skopeo can read, with more arguments for it.
    pub(crate) fn copy(&self, from: &str, name: &str, args: &[&str]) {
        let target = format!("docker://{}/{name}", self.address);
        let certificates = self.folder.path().join("skopeo");
        let login = format!("{USER}:{PASSWORD}");
        let mut all = vec!["copy", "--quiet", from, &target];
        all.extend(args);
        let folder = certificates.display().to_string();
        if self.tls {
            fs::create_dir_all(&certificates).unwrap();
            for (file, as_name) in
                [("ca.pem", "ca.crt"), ("client.pem", "client.cert"), ("client.key", "client.key")]
            {
                fs::copy(self.file(file), certificates.join(as_name)).unwrap();
            }
            all.extend(["--dest-cert-dir", &folder]);
        } else {
            all.push("--dest-tls-verify=false");
        }
        if self.login {
            all.extend(["--dest-creds", &login]);
        }
        run("skopeo", &all, self.folder.path());
    }
}

fn wait_for(address: &str) {
    let started = Instant::now();
    while TcpStream::connect(address).is_err() {
        assert!(
            started.elapsed() < Duration::from_secs(60),
            "nobody listens at {address}; docker-registry is needed: run tests/install.sh"
        );
        thread::sleep(Duration::from_millis(20));
    }
}
