//! The service: who is believed, who may ask, and what its operators configure.

use std::fs;

use super::image;
use crate::support::front::{Act, Front};
use crate::support::registry::{Registry, free_address};
use crate::support::scanner::Scanner;
use crate::support::service::{PROOF, Service};
use serde_json::json;

#[test]
fn nobody_is_believed_who_does_not_prove_it_and_nobody_leads_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::plain();
    registry.push(&image("a"), "app:1");
    let elsewhere = Front::of(&registry.address, |_| Act::Pass);
    let service =
        Service::start(folder.path(), &free_address(), &[&registry.address], "max-body-bytes = 2000");
    let body = json!({"image": format!("{}/app:1", registry.address)}).to_string();
    let status =
        |path: &str, proof: Option<&str>, body: &str| service.status("POST", path, proof, body).unwrap();
    assert_eq!(status("/hooks/plain", None, &body), 401);
    assert_eq!(status("/hooks/plain", Some("not a secret"), &body), 401);
    // Nothing of a body is read before that.
    assert_eq!(status("/hooks/plain", None, "{"), 401);
    assert_eq!(status("/hooks/plain", Some(PROOF), "{"), 400);
    assert_eq!(status("/hooks/harbor", Some(PROOF), &body), 404);
    assert_eq!(status("/hooks/distribution", Some(PROOF), &body), 400);
    assert_eq!(status("/hooks/plain", Some(PROOF), &" ".repeat(3_000)), 413);
    assert_eq!(service.status("GET", "/hooks/plain", Some(PROOF), "").unwrap(), 405);
    assert_eq!(service.status("GET", "/api/v1/nothing", None, "").unwrap(), 404);
    let led = service.tell(&format!("{}/app:1", elsewhere.address));
    assert_eq!(led, json!({"queued": 0, "known": 0, "refused": 1}));
    let told = service.tell(&format!("{}/app:1", registry.address));
    assert_eq!(told, json!({"queued": 1, "known": 0, "refused": 0}));
    assert_eq!(service.scanned(1)[0]["tags"], json!(["1"]));
    assert!(elsewhere.asked().is_empty(), "{:?}", elsewhere.asked());
}

#[test]
fn tokens_say_who_may_do_what() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("reader"), "a reader of this test").unwrap();
    fs::write(folder.path().join("admin"), "an admin of this test").unwrap();
    let tokens = "[[serve.token]]\nname = 'r'\nrole = 'read'\nsecret-file = 'reader'\n\
        [[serve.token]]\nname = 'a'\nrole = 'admin'\nsecret-file = 'admin'";
    let service = Service::start(folder.path(), &free_address(), &["registry.example"], tokens);
    let status =
        |method: &str, path: &str, token: Option<&str>| service.status(method, path, token, "").unwrap();
    let (reader, admin) = (Some("Bearer a reader of this test"), Some("Bearer an admin of this test"));
    for (method, path, token, expected) in [
        ("GET", "/api/v1/images", None, 401),
        ("GET", "/api/v1/images", Some("Bearer "), 401),
        ("GET", "/api/v1/images", Some("a reader of this test"), 401),
        ("GET", "/api/v1/images", reader, 200),
        ("GET", "/api/v1/images", admin, 200),
        ("POST", "/api/v1/jobs/1/retry", reader, 403),
        ("POST", "/api/v1/jobs/1/retry", admin, 404),
        ("GET", "/api/v1/images/1", reader, 404),
        ("GET", "/api/v1/images/1/report", reader, 404),
        ("GET", "/api/v1/findings?after=x", reader, 400),
        ("GET", "/metrics", None, 200),
    ] {
        assert_eq!(status(method, path, token), expected, "{method} {path} {token:?}");
    }
    let closed =
        ["images", "images/1", "images/1/findings", "images/1/report", "findings", "layers/x/images", "jobs"];
    for path in closed {
        assert_eq!(status("GET", &format!("/api/v1/{path}"), None), 401, "{path}");
    }
    assert_eq!(status("POST", "/api/v1/jobs/1/retry", None), 401);
}

#[test]
fn a_configuration_is_checked_as_a_whole() {
    let folder = tempfile::tempdir().unwrap();
    let check = |config: &str| {
        fs::write(folder.path().join("layersift.toml"), config).unwrap();
        let file = folder.path().join("layersift.toml");
        Scanner::of("serve").args(["--check", "--config"]).path(&file).run()
    };
    let wrong = check("[serve]\nlisten = 'x'\n[[serve.hook]]\nkind = 'habor'\n");
    assert_eq!(wrong.code, 2, "{}", wrong.stderr);
    for part in ["serve.listen", "serve.data", "serve.registry", "there is no kind `habor`"] {
        assert!(wrong.stderr.contains(part), "{part}: {}", wrong.stderr);
    }
    assert!(wrong.stderr.lines().count() >= 4 && !wrong.stderr.contains("\\n"), "{}", wrong.stderr);
    let typo = check("[serve]\nlisen = 'x'\n");
    assert!(typo.code == 2 && typo.stderr.contains("lisen"), "{}", typo.stderr);
    fs::write(folder.path().join("proof"), PROOF).unwrap();
    let right = check(
        "[serve]\ndata = 'd'\n[[serve.registry]]\nname = 'r.example'\n[[serve.hook]]\nkind = 'harbor'\nsecret-file = 'proof'\n",
    );
    assert_eq!(
        (right.code, right.stdout.as_str()),
        (0, "the configuration is right, and the database answers\n")
    );
}

#[test]
fn another_fingerprint_key_is_refused_before_decisions_are_lost() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("proof"), PROOF).unwrap();
    let file = folder.path().join("layersift.toml");
    let config = "[serve]\ndata = 'd'\n[[serve.registry]]\nname = 'r.example'\n[[serve.hook]]\nkind = 'harbor'\n\
        secret-file = 'proof'\n";
    fs::write(&file, config).unwrap();
    let begin = |key: &str| {
        let checked = Scanner::of("serve").args(["--check", "--config"]).path(&file);
        checked.env("LAYERSIFT_FINGERPRINT_KEY", key).run()
    };
    assert_eq!(begin("ours").code, 0);
    for other in ["theirs", ""] {
        let refused = begin(other);
        assert_eq!(refused.code, 3, "{}", refused.stderr);
        assert!(refused.stderr.contains("set LAYERSIFT_FINGERPRINT_KEY as it was"), "{}", refused.stderr);
    }
    assert_eq!(begin("ours").code, 0);
}

#[test]
fn every_dialect_is_described() {
    let text = fs::read_to_string(crate::support::root().join("docs/serve.md")).unwrap();
    for dialect in layersift::serve::hooks::DIALECTS {
        assert!(text.contains(&format!("`{}`", dialect.name)), "{}", dialect.name);
    }
}
