//! The service: who is believed, who may ask, and what its operators configure.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::image;
use crate::support::database::Database;
use crate::support::front::{Act, Front};
use crate::support::registry::{Registry, free_address};
use crate::support::scanner::{Run, Scanner};
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
    let wrong = check(
        "[serve]\nlisten = 'x'\n\n[[serve.hook]]\nkind = 'habor'\n\n[[serve.hook]]\nkind = 'harbor'\nper-minute = 0\n\
         secret-env = 'NOT_SET'\n[[serve.token]]\n# Who has it?\n  role = 'root'\nsecret-env = 'NOT_SET'\n",
    );
    assert_eq!(wrong.code, 2, "{}", wrong.stderr);
    let file = folder.path().join("layersift.toml").display().to_string();
    for (line, part) in [
        (1, "serve.data: name the folder"),
        (1, "serve.registry: name a registry"),
        (2, "serve.listen: `x` is no address"),
        (4, "serve.hook 1: say where its secret is"),
        (5, "serve.hook 1, kind: there is no kind `habor`"),
        (9, "serve.hook 2, per-minute: nothing would be taken"),
        (10, "serve.hook 2, secret-env: the variable NOT_SET is not set"),
        (11, "serve.token 1, name: say who has it"),
        (13, "serve.token 1, role: there is no role `root`"),
    ] {
        assert!(wrong.stderr.contains(&format!("{file}:{line}: {part}")), "{line} {part}: {}", wrong.stderr);
    }
    assert!(wrong.stderr.lines().count() >= 9 && !wrong.stderr.contains("\\n"), "{}", wrong.stderr);
    // What does not stand in the file is told by who said it.
    let typed = Scanner::of("serve").args(["--check", "--listen", "here", "--config"]).path(Path::new(&file));
    let typed = typed.env("LAYERSIFT_DATA", format!("{file}/x")).run();
    for part in ["--listen: serve.listen: `here` is no address", "LAYERSIFT_DATA: serve.data: "] {
        assert!(typed.stderr.contains(part), "{part}: {}", typed.stderr);
    }
    let none = check("[serve]\ndata = 'd'\n[[serve.registry]]\nname = 'r.example'\n");
    assert!(none.stderr.contains(":1: serve.hook: nobody could tell"), "{}", none.stderr);
    let typo = check("[serve]\nlisen = 'x'\n");
    assert!(typo.code == 2 && typo.stderr.contains("lisen"), "{}", typo.stderr);
    fs::write(folder.path().join("proof"), PROOF).unwrap();
    let right = check(
        "[serve]\ndata = 'd'\n[[serve.registry]]\nname = 'r.example'\n[[serve.hook]]\nkind = 'harbor'\nsecret-file = 'proof'\n",
    );
    assert_eq!(
        (right.code, right.stdout.as_str()),
        (0, "the configuration is right, and there is no database yet: it is made when the service begins\n")
    );
    assert!(
        right.stderr.contains(":7: serve.hook 1, secret-file: everybody on this machine can read"),
        "{}",
        right.stderr
    );
    assert!(!folder.path().join("d").exists(), "nothing is made by a look");
}

/// Runs the program with the configuration in `folder`, and this key of fingerprints.
fn run_with(folder: &Path, check: &[&str], key: &str) -> Run {
    let scanner = Scanner::of("serve").args(check).args(["--config"]).path(&folder.join("layersift.toml"));
    scanner.env("LAYERSIFT_FINGERPRINT_KEY", key).run()
}

#[test]
fn another_fingerprint_key_is_refused_before_decisions_are_lost() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(folder.path(), &free_address(), &["registry.example"], "");
    assert_eq!(run_with(folder.path(), &["--check"], "").code, 0, "beside one that works");
    assert!(service.terminate().success());
    for check in [&["--check"][..], &[]] {
        let refused = run_with(folder.path(), check, "theirs");
        assert_eq!(refused.code, 3, "{}", refused.stderr);
        assert!(refused.stderr.contains("set LAYERSIFT_FINGERPRINT_KEY as it was"), "{}", refused.stderr);
    }
    assert_eq!(run_with(folder.path(), &["--check"], "").code, 0);
}

/// Every file below `folder`, and what is in it; but for what the readers of a database share while they read.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.insert(path.clone(), Vec::new());
            all.extend(contents(&path));
        } else if !path.display().to_string().ends_with("-shm") {
            all.insert(path.clone(), fs::read(&path).unwrap());
        }
    }
    all
}

#[test]
fn a_check_changes_nothing_of_a_database_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let check = || {
        let before = contents(folder.path());
        let run = run_with(folder.path(), &["--check"], "");
        assert!(contents(folder.path()) == before, "a check changed something: {}", run.stderr);
        run
    };
    assert!(Service::start(folder.path(), &free_address(), &["registry.example"], "").terminate().success());
    assert!(check().stdout.ends_with("and the database answers\n"));
    let file = folder.path().join("data/service-1.sqlite");
    let change = |statements: &str| {
        rusqlite::Connection::open(&file).unwrap().execute_batch(statements).unwrap();
    };
    // As the first version left it, as far as a look goes.
    change("DELETE FROM versions WHERE version > 1; DROP TABLE facts");
    let older = check();
    assert_eq!(older.code, 0, "{}", older.stderr);
    assert!(older.stdout.contains("its tables are brought from version 1 to "), "{}", older.stdout);
    // Of a key that is not ours nothing was noted by all of that.
    assert_eq!(run_with(folder.path(), &["--check"], "theirs").code, 0);
    change("INSERT INTO versions VALUES (1000, 0)");
    let newer = check();
    assert_eq!(newer.code, 3, "{}", newer.stdout);
    assert!(newer.stderr.contains("are of version 1000, and this program knows up to "), "{}", newer.stderr);
    fs::write(&file, "something else, and long enough to be looked at".repeat(100)).unwrap();
    assert_eq!(check().code, 3);
}

#[test]
fn a_check_changes_nothing_of_a_database_on_a_server() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::start();
    let more = format!("database = '{}'\nseal-key-file = 'proof'", database.url);
    let address = free_address();
    let config = Service::configure(folder.path(), &address, &["registry.example"], &more);
    let check = || run_with(folder.path(), &["--check"], "");
    let empty = check();
    assert_eq!(empty.code, 0, "{}", empty.stderr);
    assert!(empty.stdout.contains("its tables are made when the service begins"), "{}", empty.stdout);
    let tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'";
    assert_eq!(database.ask(tables).unwrap(), "0");
    // Who may not make tables is told before.
    database.ask("CREATE ROLE other LOGIN").unwrap();
    fs::write(&config, fs::read_to_string(&config).unwrap().replace("//test@", "//other@")).unwrap();
    let refused = check();
    assert_eq!(refused.code, 3, "{}", refused.stdout);
    assert!(refused.stderr.contains("GRANT CREATE ON SCHEMA"), "{}", refused.stderr);
    assert!(Service::start(folder.path(), &address, &["registry.example"], &more).terminate().success());
    assert!(check().stdout.ends_with("and the database answers\n"));
    assert_eq!(run_with(folder.path(), &["--check"], "theirs").code, 3);
    database.ask("DELETE FROM versions WHERE version > 1").unwrap();
    assert!(check().stdout.contains("are brought from version 1 to "));
    assert_eq!(database.ask("SELECT max(version) FROM versions").unwrap(), "1");
    drop(database);
    let gone = check();
    assert_eq!(gone.code, 3, "{}", gone.stdout);
}

#[test]
fn every_dialect_is_described() {
    let text = fs::read_to_string(crate::support::root().join("docs/serve.md")).unwrap();
    for dialect in layersift::serve::hooks::DIALECTS {
        assert!(text.contains(&format!("`{}`", dialect.name)), "{}", dialect.name);
    }
}
