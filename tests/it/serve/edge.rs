//! The service: connections, of those who mean well and of others.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use hmac::{Hmac, KeyInit as _, Mac as _};

use super::image;
use crate::support::database::Database;
use crate::support::front::{Act, Front};
use crate::support::registry::{Registry, certificates, free_address, run};
use crate::support::scanner::Scanner;
use crate::support::service::{PROOF, Service, over_tls};

fn service(folder: &Path, more: &str) -> Service {
    Service::start(folder, &free_address(), &["registry.example"], more)
}

fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).unwrap_or_default().parse().unwrap_or(0)
}

#[test]
fn who_proves_nothing_sends_no_body_and_holds_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let service = service(folder.path(), "");
    // The body does not come, and is not waited for.
    let head = "POST /hooks/plain HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n";
    let began = Instant::now();
    let answer = service.converse(head);
    assert_eq!(status(&answer), 401, "{answer}");
    assert!(answer.to_ascii_lowercase().contains("\r\nconnection: close\r\n"), "{answer}");
    assert!(began.elapsed() < Duration::from_secs(5));
    let chunked =
        "POST /hooks/plain HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nfff\r\n{";
    assert_eq!(status(&service.converse(chunked)), 401);
}

#[test]
fn who_guesses_has_to_wait_and_others_need_not() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("token"), "a token of this test").unwrap();
    let more = "trusted-proxies = ['127.0.0.1']\n\
        [[serve.token]]\nname = 'a'\nrole = 'read'\nsecret-file = 'token'";
    let service = service(folder.path(), more);
    let ask = |from: &str, token: &str| {
        service.converse(&format!(
            "GET /api/v1/images HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 9.9.9.9, {from}\r\n\
             Authorization: Bearer {token}\r\nConnection: close\r\n\r\n"
        ))
    };
    let answers: Vec<String> =
        (0..40).map(|guess| ask("192.0.2.1", &format!("guess number {guess}"))).collect();
    assert!(answers[..20].iter().all(|answer| status(answer) == 401));
    let last = answers.last().unwrap();
    assert_eq!(status(last), 429, "{last}");
    assert!(last.to_ascii_lowercase().contains("\r\nretry-after: "), "{last}");
    // The right one comes too late: whoever tells a right guess from a wrong one could go on guessing.
    assert_eq!(status(&ask("192.0.2.1", "a token of this test")), 429);
    assert_eq!(status(&ask("192.0.2.2", "a token of this test")), 200);
    assert!(service.metric("requests_limited_total") > 0);
}

#[test]
fn no_address_takes_all_connections() {
    let folder = tempfile::tempdir().unwrap();
    let address = free_address();
    let service = Service::start(folder.path(), &address, &["registry.example"], "");
    let held: Vec<TcpStream> = (0..256).map(|_| TcpStream::connect(&address).unwrap()).collect();
    let ask = |path: &str| service.converse(&format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    service.wait_for("all to be taken", |_| status(&ask("/api/v1/images")) == 503);
    assert_eq!(status(&ask("/healthz")), 200);
    assert_eq!(status(&ask("/readyz")), 200);
    // Who says nothing is sent away.
    let mut first = &held[0];
    first.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    assert_eq!(first.read(&mut [0]).unwrap_or(0), 0);
    service.wait_for("connections to be free", |_| {
        let closing = "GET /api/v1/images HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        status(&service.converse(closing)) == 200
    });
}

#[test]
fn a_machine_without_room_for_connections_does_not_spin() {
    let folder = tempfile::tempdir().unwrap();
    let address = free_address();
    let service = Service::start(folder.path(), &address, &["registry.example"], "");
    let pid = service.pid();
    let open = fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count();
    let few = format!("--nofile={0}:{0}", open + 8);
    run("prlimit", &["--pid", &pid.to_string(), &few], folder.path());
    let held: Vec<TcpStream> = (0..40).map(|_| TcpStream::connect(&address).unwrap()).collect();
    service.wait_for("nobody to get in", |service| service.log().contains("nobody can connect"));
    // Ticks of its time, of which there are a hundred in a second.
    let worked = || {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        let (_, rest) = stat.rsplit_once(')').unwrap();
        rest.split(' ').skip(12).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum::<u64>()
    };
    let before = worked();
    std::thread::sleep(Duration::from_secs(2));
    assert!(worked() - before < 50, "it spins");
    drop(held);
    service.wait_for("an answer", |service| service.status("GET", "/healthz", None, "") == Some(200));
}

#[test]
fn who_comes_by_a_proxy_is_nobody_of_this_machine() {
    let folder = tempfile::tempdir().unwrap();
    let service = service(folder.path(), "");
    let ask = |version: &str, more: &str| {
        let head = format!(
            "GET /api/v1/images HTTP/{version}\r\nHost: 127.0.0.1\r\nConnection: close\r\n{more}\r\n"
        );
        status(&service.converse(&head))
    };
    assert_eq!(ask("1.1", ""), 200);
    for more in ["X-Forwarded-For: 127.0.0.1\r\n", "Forwarded: for=127.0.0.1\r\n", "Via: 1.1 proxy\r\n"] {
        assert_eq!(ask("1.1", more), 403, "{more}");
    }
    // As nginx asks unless it is told otherwise.
    assert_eq!(ask("1.0", ""), 403);
}

#[test]
fn a_hook_takes_as_many_deliveries_as_it_may() {
    let folder = tempfile::tempdir().unwrap();
    let hook = "[[serve.hook]]\nkind = 'quay'\nproof = 'header'\nheader = 'Authorization'\n\
        secret-file = 'proof'\nper-minute = 3";
    let service = service(folder.path(), hook);
    let tell = || service.status("POST", "/hooks/quay", Some(PROOF), "{}").unwrap();
    assert_eq!([tell(), tell(), tell(), tell()], [400, 400, 400, 429]);
    assert_eq!(service.status("POST", "/hooks/plain", Some(PROOF), "{}").unwrap(), 400, "others go on");
}

/// The head of a delivery that comes by a proxy from an address, to a hook whose proof is the body.
fn signed_head(from: &str, signature: &str, length: usize) -> String {
    format!(
        "POST /hooks/ghcr HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: {from}\r\nContent-Length: {length}\r\n\
         X-Hub-Signature-256: sha256={signature}\r\nConnection: close\r\n\r\n"
    )
}

#[test]
fn who_drips_bodies_is_in_nobodys_way() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("token"), "a token of this test").unwrap();
    let more = "trusted-proxies = ['127.0.0.1']\n\
        [[serve.token]]\nname = 'a'\nrole = 'read'\nsecret-file = 'token'\n\
        [[serve.hook]]\nkind = 'ghcr'\nsecret-file = 'proof'";
    let service = service(folder.path(), more);
    // A body of the largest size each, of which next to nothing comes.
    let drip = |from: &str| {
        let mut stream = TcpStream::connect(service.address()).unwrap();
        let head = signed_head(from, &"00".repeat(32), 1 << 20);
        stream.write_all(format!("{head}{{").as_bytes()).unwrap();
        stream
    };
    let held: Vec<TcpStream> = (0..64).map(|_| drip("192.0.2.1")).collect();
    let body = "{\"zen\": \"of this test\", \"hook_id\": 1, \"hook\": {}}";
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(PROOF.as_bytes()).unwrap();
    mac.update(body.as_bytes());
    let signature = layersift::digest::hex(&mac.finalize().into_bytes());
    service.wait_for("the share of the address to be taken", |service| {
        status(&service.converse(&format!("{}{body}", signed_head("192.0.2.1", &signature, body.len()))))
            == 429
    });
    let began = Instant::now();
    let other = service.converse(&format!("{}{body}", signed_head("192.0.2.2", &signature, body.len())));
    assert_eq!(status(&other), 200, "{other}");
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    // Nobody waits as long for who drips as for who sends.
    for mut stream in held {
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let status = status(&String::from_utf8_lossy(&answer));
        assert!(status == 408 || status == 429, "{status}");
    }
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
}

#[test]
fn readers_that_wait_for_the_database_keep_no_delivery_out() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::start();
    let more = format!("workers = 0\ndatabase = '{}'\nseal-key-file = 'proof'", database.url);
    let service = service(folder.path(), &more);
    let released = AtomicBool::new(false);
    std::thread::scope(|scope| {
        // Whoever asks who changed what waits for this.
        let lock = "BEGIN; LOCK TABLE audit IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(8)";
        scope.spawn(|| {
            database.ask(lock);
            released.store(true, Ordering::SeqCst);
        });
        let locked = "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND relation = 'audit'::regclass";
        service.wait_for("the lock", |_| database.ask(locked).unwrap() != "0");
        for _ in 0..60 {
            scope.spawn(|| service.status("GET", "/api/v1/audit", None, ""));
        }
        let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
        service.wait_for("the readers to wait", |_| {
            database.ask(waiting).unwrap().parse::<usize>().unwrap() >= 24
        });
        std::thread::sleep(Duration::from_secs(1));
        let began = Instant::now();
        assert_eq!(service.tell("registry.example/app:1")["queued"], 1);
        assert_eq!(service.status("GET", "/readyz", None, ""), Some(200));
        assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
        assert!(!released.load(Ordering::SeqCst), "nobody waited any more");
    });
}

#[test]
fn who_does_not_read_is_sent_away() {
    let folder = tempfile::tempdir().unwrap();
    let service = service(folder.path(), "");
    let mut stream = TcpStream::connect(service.address()).unwrap();
    stream.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    // It asks on and on, and reads nothing, until what it asks finds no room.
    let head = "GET /api/v1/openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let ask = head.repeat(100);
    let asked = std::iter::from_fn(|| stream.write_all(ask.as_bytes()).ok()).take(10_000).count();
    assert!(asked < 10_000, "it waits for who reads");
    let began = Instant::now();
    // The connections of this port that stand, as the system has them ("proc_pid_net", tcp).
    let (_, port) = service.address().split_once(':').unwrap();
    let at = format!(":{:04X}", port.parse::<u16>().unwrap());
    let open = || {
        let table = fs::read_to_string("/proc/net/tcp").unwrap();
        let stands = |line: &&str| {
            let columns: Vec<&str> = line.split_whitespace().collect();
            columns[1].ends_with(&at) && columns[3] == "01"
        };
        table.lines().skip(1).filter(stands).count()
    };
    assert_eq!(open(), 1);
    service.wait_for("the connection to be ended", |_| open() == 0);
    assert!(began.elapsed() < Duration::from_secs(40), "{:?}", began.elapsed());
}

#[test]
fn a_delivery_tells_of_so_much_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(folder.path(), &free_address(), &["registry.example"], "workers = 0");
    let tell = |number: usize| {
        let images: Vec<String> = (0..number).map(|number| format!("registry.example/a{number}:1")).collect();
        let body = serde_json::json!({"images": images}).to_string();
        service.ask("POST", "/hooks/plain", Some(PROOF), &body).unwrap()
    };
    let (status, answer) = tell(5_001);
    assert_eq!(status, 413, "{answer}");
    assert!(answer.contains("more than 5000 pushes") && answer.contains("several deliveries"), "{answer}");
    let jobs = || service.get("/api/v1/jobs?limit=1000")["items"].as_array().unwrap().len();
    assert_eq!(jobs(), 0, "nothing of it is kept");
    let (status, answer) = tell(700);
    assert_eq!((status, answer.trim()), (200, "{\"known\":0,\"queued\":700,\"refused\":0}"));
    assert_eq!(jobs(), 700);
}

/// Asks over TLS, as one who trusts `authority` alone.
fn secure(address: &str, authority: &Path) -> String {
    let head = "GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    over_tls(address, authority, ["-verify_ip", "127.0.0.1"], head)
}

#[test]
fn connections_are_safe_and_a_new_certificate_is_taken() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    certificates(folder.path());
    certificates(other.path());
    let address = free_address();
    let more = "tls-certificate = 'server.pem'\ntls-key = 'server.key'";
    let service = Service::begin(folder.path(), &address, &["registry.example"], more);
    let [own, others] = [folder.path().join("ca.pem"), other.path().join("ca.pem")];
    service.wait_for("an answer over TLS", |_| status(&secure(&address, &own)) == 200);
    let plain = service.converse("GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert!(!plain.contains("ready"), "{plain}");
    // Half of a renewal does not fit, and changes nothing.
    fs::copy(other.path().join("server.pem"), folder.path().join("server.pem")).unwrap();
    service.wait_for("the files to be looked at", |service| service.log().contains("cannot be renewed"));
    assert_eq!(status(&secure(&address, &own)), 200);
    fs::copy(other.path().join("server.key"), folder.path().join("server.key")).unwrap();
    service.wait_for("the new certificate", |_| status(&secure(&address, &others)) == 200);
    assert_eq!(status(&secure(&address, &own)), 0, "the old authority knows nothing of it");
    let log = service.log();
    assert!(!log.contains("PRIVATE"), "{log}");
}

/// A front of `registry` that leads to `target` whoever asks for an image.
fn leading(registry: &Registry, target: String) -> Front {
    Front::of(&registry.address, move |asked| {
        let to = format!("http://{target}{}", asked.path);
        let leads = asked.path.contains("/manifests/") || asked.path.contains("/blobs/");
        if leads { Act::Answer(307, vec![("Location", to)], String::new()) } else { Act::Pass }
    })
}

#[test]
fn no_registry_leads_to_what_only_this_machine_reaches() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::plain();
    registry.push(&image("a"), "app:1");
    let hidden = Front::of(&registry.address, |_| Act::Pass);
    let (_, port) = hidden.address.split_once(':').unwrap();
    let targets = ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "127.1.2.3"];
    let fronts = targets.map(|host| leading(&registry, format!("{host}:{port}")));
    let names: Vec<&str> = fronts.iter().map(|front| front.address.as_str()).collect();
    let service = Service::start(folder.path(), &free_address(), &names, "");
    for name in &names {
        service.tell(&format!("{name}/app:1"));
    }
    let dead =
        |service: &Service| service.get("/api/v1/jobs?state=dead")["items"].as_array().unwrap().clone();
    service.wait_for("all to be given up", |service| dead(service).len() == names.len());
    for job in dead(&service) {
        assert!(job["reason"].as_str().unwrap().contains("of this machine or of its link"), "{job}");
    }
    assert!(hidden.asked().is_empty(), "{:?}", hidden.asked());
    assert!(service.terminate().success());

    // What the configuration names is followed.
    let leading_on = format!("[[serve.registry]]\nname = '{}'\nleads-to = ['127.0.0.0/8']", names[0]);
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(folder.path(), &free_address(), &[], &leading_on);
    service.tell(&format!("{}/app:1", names[0]));
    assert_eq!(service.scanned(1)[0]["gaps"], 0);
    assert!(!hidden.asked().is_empty());
}

#[test]
fn the_database_is_reached_over_tls_and_is_the_one_that_it_should_be() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let database = Database::start();
    let authority = database.secure();
    certificates(other.path());
    let at = |path: &Path| {
        let file = path.display();
        format!(
            "database = '{}?sslmode=verify-full&sslrootcert={file}'\nseal-key-file = 'proof'",
            database.url
        )
    };
    let service = service(folder.path(), &at(&authority));
    let safe = "SELECT count(*) > 0 AND bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
        WHERE application_name = 'layersift'";
    assert_eq!(database.ask(safe).unwrap(), "t");
    assert!(service.terminate().success());
    // Another authority knows nothing of it.
    let config = fs::read_to_string(folder.path().join("layersift.toml")).unwrap();
    let config = config.replace(&at(&authority), &at(&other.path().join("ca.pem")));
    fs::write(folder.path().join("layersift.toml"), config).unwrap();
    let file = folder.path().join("layersift.toml");
    let refused = Scanner::of("serve").args(["--check", "--config"]).path(&file).run();
    assert_ne!(refused.code, 0);
    assert!(refused.stderr.contains("certificate"), "{}", refused.stderr);
}
