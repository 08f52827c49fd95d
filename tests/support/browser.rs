//! A headless browser, driven over the pipe that Chromium reads its debugging protocol from.
//!
//! (<https://chromedevtools.github.io/devtools-protocol/>.) Messages are JSON with a zero byte behind each. What goes wrong on
//! a page, and what it asks the network for, is collected while others wait for an answer.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use base64::Engine;
use serde_json::{Value, json};
use tempfile::TempDir;

/// How long an answer may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// One tab of a browser of its own.
pub(crate) struct Browser {
    child: Child,
    to: File,
    from: Receiver<Value>,
    session: Option<String>,
    sent: u64,
    /// Uncaught errors, and errors that the browser logs (a broken policy, a file that is not there).
    pub(crate) errors: Vec<String>,
    /// Every address that was asked for.
    pub(crate) requests: Vec<String>,
    loaded: usize,
    _folder: TempDir,
}

impl Browser {
    pub(crate) fn start() -> Self {
        Self::with("")
    }

    /// One that trusts the certificate in a file, and otherwise whom everybody trusts.
    #[cfg(feature = "serve")]
    pub(crate) fn trusting(certificate: &Path) -> Self {
        let script = "openssl x509 -in \"$0\" -pubkey -noout | openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | base64";
        let key = Command::new("bash").args(["-c", script]).arg(certificate).output().unwrap().stdout;
        let key = String::from_utf8(key).unwrap();
        Self::with(&format!("--ignore-certificate-errors-spki-list={}", key.trim()))
    }

    /// One with another option.
    fn with(option: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (to, from) = (folder.path().join("to"), folder.path().join("from"));
        assert!(Command::new("mkfifo").args([&to, &from]).status().unwrap().success());
        let options = "--headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run \
                       --disable-extensions --disable-background-networking --remote-debugging-pipe";
        let command =
            format!("exec chromium {options} {option} --user-data-dir=\"$2\" about:blank 3<\"$0\" 4>\"$1\"");
        let child = Command::new("bash")
            .args(["-c", &command])
            .args([&to, &from, &folder.path().join("profile")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let installed = Command::new("chromium").arg("--version").output();
        assert!(
            installed.is_ok_and(|out| out.status.success()),
            "there is no chromium: run tests/install.sh"
        );
        let to = File::options().write(true).open(to).unwrap();
        let from = listen(File::open(from).unwrap());
        let mut browser = Self {
            child,
            to,
            from,
            session: None,
            sent: 0,
            errors: Vec::new(),
            requests: Vec::new(),
            loaded: 0,
            _folder: folder,
        };
        let target = browser.call("Target.createTarget", &json!({ "url": "about:blank" }));
        let target = json!({ "targetId": target["targetId"], "flatten": true });
        let session = browser.call("Target.attachToTarget", &target);
        browser.session = Some(session["sessionId"].as_str().unwrap().to_owned());
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.call(&format!("{domain}.enable"), &json!({}));
        }
        browser
    }

    /// Opens a file and waits until it is loaded.
    pub(crate) fn open(&mut self, file: &Path) {
        self.go(&format!("file://{}", file.display()));
    }

    /// Opens an address and waits until it is loaded.
    pub(crate) fn go(&mut self, url: &str) {
        let before = self.loaded;
        self.call("Page.navigate", &json!({ "url": url }));
        self.loads_after(before);
    }

    /// What an expression does leads to another page; waits until that is loaded.
    pub(crate) fn follow(&mut self, expression: &str) {
        let before = self.loaded;
        self.evaluate(expression);
        self.loads_after(before);
    }

    fn loads_after(&mut self, before: usize) {
        while self.loaded == before {
            self.hear();
        }
    }

    /// What an expression gives on the page.
    pub(crate) fn evaluate(&mut self, expression: &str) -> Value {
        let answer =
            self.call("Runtime.evaluate", &json!({ "expression": expression, "returnByValue": true }));
        assert!(answer.get("exceptionDetails").is_none(), "{expression}: {answer}");
        answer["result"]["value"].clone()
    }

    /// Presses and releases a key that leads to another page; waits until that is loaded.
    pub(crate) fn press_and_follow(&mut self, key: &str) {
        let before = self.loaded;
        self.press(key);
        self.loads_after(before);
    }

    /// Presses and releases a key that writes `text`, or one without a text such as `Escape`.
    pub(crate) fn press(&mut self, key: &str) {
        let text = if key.len() == 1 { key } else { "" };
        let text = if key == "Enter" { "\r" } else { text };
        let code = match key {
            "Enter" => 13,
            "Tab" => 9,
            _ => 0,
        };
        for kind in ["keyDown", "keyUp"] {
            let text = if kind == "keyDown" { text } else { "" };
            self.call(
                "Input.dispatchKeyEvent",
                &json!({ "type": kind, "key": key, "text": text, "windowsVirtualKeyCode": code }),
            );
        }
    }

    pub(crate) fn resize(&mut self, width: u32, height: u32) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.call("Emulation.setDeviceMetricsOverride", &size);
    }

    /// `screen` or `print`, `light` or `dark`.
    pub(crate) fn media(&mut self, media: &str, scheme: &str) {
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.call("Emulation.setEmulatedMedia", &json!({ "media": media, "features": features }));
    }

    /// Does not run scripts of pages any more; `evaluate` does.
    pub(crate) fn forbid_scripts(&mut self) {
        self.call("Emulation.setScriptExecutionDisabled", &json!({ "value": true }));
    }

    /// The cookies that are sent to the page.
    #[cfg(feature = "serve")]
    pub(crate) fn cookies(&mut self) -> Value {
        self.call("Network.getCookies", &json!({}))["cookies"].clone()
    }

    /// Writes a picture into the folder that `LAYERSIFT_SCREENSHOTS` names, for people to look at.
    pub(crate) fn picture(&mut self, name: &str) {
        let Some(folder) = std::env::var_os("LAYERSIFT_SCREENSHOTS") else { return };
        let answer = self.call("Page.captureScreenshot", &json!({ "format": "png" }));
        let bytes =
            base64::engine::general_purpose::STANDARD.decode(answer["data"].as_str().unwrap()).unwrap();
        fs::write(Path::new(&folder).join(format!("{name}.png")), bytes).unwrap();
    }

    fn call(&mut self, method: &str, params: &Value) -> Value {
        self.sent += 1;
        let id = self.sent;
        let mut message = json!({ "id": id, "method": method, "params": params });
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        self.to.write_all(message.to_string().as_bytes()).unwrap();
        self.to.write_all(&[0]).unwrap();
        loop {
            let answer = self.hear();
            if answer["id"] == json!(id) {
                assert!(answer.get("error").is_none(), "{method}: {answer}");
                return answer["result"].clone();
            }
        }
    }

    /// The next message; what it tells of the page is noted.
    fn hear(&mut self) -> Value {
        let message = self.from.recv_timeout(PATIENCE).expect("the browser answers");
        let params = &message["params"];
        match message["method"].as_str() {
            Some("Page.loadEventFired") => self.loaded += 1,
            Some("Runtime.exceptionThrown") => self.errors.push(params["exceptionDetails"].to_string()),
            Some("Log.entryAdded") if params["entry"]["level"] == "error" => {
                self.errors.push(params["entry"].to_string());
            }
            Some("Runtime.consoleAPICalled") if params["type"] == "error" => {
                self.errors.push(params["args"].to_string());
            }
            Some("Network.requestWillBeSent") => {
                self.requests.push(params["request"]["url"].as_str().unwrap_or_default().to_owned());
            }
            _ => {}
        }
        message
    }
}

fn listen(from: File) -> Receiver<Value> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut from = BufReader::new(from);
        let mut message = Vec::new();
        while from.read_until(0, &mut message).is_ok_and(|length| length > 0) {
            message.pop();
            let parsed = serde_json::from_slice(&message).expect("the browser speaks JSON");
            message.clear();
            if sender.send(parsed).is_err() {
                return;
            }
        }
    });
    receiver
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
