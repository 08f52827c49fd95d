//! The service: who is told of new findings, once, by whom, and what of them.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};

use super::{image, token};
use crate::support::blocks;
use crate::support::compression::Compression;
use crate::support::database::Database;
use crate::support::formats::named;
use crate::support::front::{Act, Asked, Front};
use crate::support::image::ImageBuilder;
use crate::support::registry::{Registry, free_address, notifications};
use crate::support::service::{PROOF, Service};

const KEY: &str = "a key of this test";

fn took() -> Act {
    Act::Answer(204, Vec::new(), String::new())
}

/// Receivers of these kinds, each at `/KIND` of `address`.
fn receivers(folder: &Path, address: &str, kinds: &[&str]) -> String {
    fs::write(folder.join("key"), KEY).unwrap();
    let mut config = String::new();
    for kind in kinds {
        fs::write(folder.join(kind), format!("http://{address}/{kind}\n")).unwrap();
        let key = if *kind == "webhook" { "secret-file = 'key'\n" } else { "" };
        let _ = write!(
            config,
            "[[serve.notify]]\nname = 'to-{kind}'\nkind = '{kind}'\nurl-file = '{kind}'\nper-minute = 6000\n{key}"
        );
    }
    config
}

fn body(asked: &Asked) -> Value {
    serde_json::from_str(&asked.body).unwrap()
}

fn at<'a>(asked: &'a [Asked], path: &str) -> Vec<&'a Asked> {
    asked.iter().filter(|asked| asked.path == path).collect()
}

#[test]
fn each_form_tells_of_what_is_new_and_shows_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::plain();
    let front = Front::of(&registry.address, |_| took());
    let kinds = ["webhook", "cloudevents", "cloudevents-structured", "slack"];
    let config = receivers(folder.path(), &front.address, &kinds);
    let config = format!("public-url = 'https://layersift.example'\n{config}");
    let service = Service::start(folder.path(), &free_address(), &[&registry.address], &config);
    let push = |name: &str, tag: &str, messages: usize| {
        registry.push(&image(name), tag);
        service.tell(&format!("{}/{tag}", registry.address));
        service.wait_for("the messages", |service| service.metric("messages_sent_total") >= messages as u64);
    };
    push("a", "app:1", 4);
    // Of the second image of the repository only its own is new; in another repository both are.
    push("b", "app:2", 8);
    push("b", "other:1", 12);
    // The same image again, and another one with nothing new.
    registry.push(&image("a"), "app:3");
    service.tell(&format!("{}/app:3", registry.address));
    service.wait_for("the tag to be known and the queue to be empty", |service| {
        service.get("/api/v1/images").to_string().contains("[\"1\",\"3\"]")
            && service.get("/api/v1/jobs")["items"].as_array().unwrap().is_empty()
    });
    let asked = front.asked();
    assert_eq!(asked.len(), 12, "{asked:?}");
    for asked in &asked {
        assert_eq!(asked.method, "POST");
        for name in ["shared", "a", "b"] {
            assert!(!asked.body.contains(&token(name)), "a message shows a secret");
        }
    }
    let own = at(&asked, "/webhook");
    let counts: Vec<usize> =
        own.iter().map(|asked| body(asked)["data"]["findings"].as_array().unwrap().len()).collect();
    assert_eq!(counts, [2, 1, 2]);
    signed(own[0]);
    checked_as_documented(own[0]);
    assert_eq!(shape(&body(own[0])), shape(&documented()), "docs/serve-hooks.md shows what there is");
    let data = &body(own[0])["data"];
    assert_eq!((&data["image"]["tag"], &data["image"]["repository"]), (&json!("1"), &json!("app")));
    let page = data["image"]["page"].as_str().unwrap();
    assert_eq!(page, format!("https://layersift.example/images/{}", data["image"]["id"]));
    let finding = &data["findings"][0];
    let found =
        service.get(&format!("/api/v1/findings?fingerprint={}", finding["fingerprint"].as_str().unwrap()));
    assert_eq!(found["items"][0]["redacted"], finding["redacted"]);
    events(at(&asked, "/cloudevents")[0], at(&asked, "/cloudevents-structured")[0]);
    let text = body(at(&asked, "/slack")[1]);
    let text = text["text"].as_str().unwrap();
    assert!(
        text.contains("a new finding in")
            && text.contains("app:2")
            && text.contains("https://layersift.example/images/"),
        "{text}"
    );
    assert!(
        !service.log().contains(&format!("{}/slack", front.address)),
        "the address of a receiver is a secret"
    );
}

#[test]
fn an_index_is_one_image_and_told_of_once_by_its_tag() {
    let folder = tempfile::tempdir().unwrap();
    let address = free_address();
    let registry = Registry::telling(&notifications(&format!("http://{address}"), PROOF));
    let front = Front::of(&registry.address, |_| took());
    let config = receivers(folder.path(), &front.address, &["webhook"]);
    let service = Service::start(folder.path(), &address, &[&registry.address], &config);
    let of_platform = |platform: &str| {
        let image = ImageBuilder::new().platform(platform);
        image
            .step("COPY .env /.env # buildkit", |layer| layer.file(".env", token("shared")))
            .step("COPY own /own # buildkit", |layer| layer.file("own", token(platform)))
            .attestation("https://slsa.dev/provenance/v1", json!({"buildDefinition": {}}))
    };
    let images = ["linux/amd64", "linux/arm64"].map(of_platform);
    registry.push(&(named("buildx-oci").write)(&images, Compression::Gzip), "team/app:1");
    service.wait_for("a message", |service| service.metric("messages_sent_total") > 0);
    // The registry tells of each manifest; the attestations are the same.
    service.wait_for("everything to be scanned", |service| {
        let all = service.get("/api/v1/images?parts=true");
        let all = all["items"].as_array().unwrap();
        all.len() == 4 && all.iter().all(|image| !image["scanned"].is_null())
    });
    let listed = service.get("/api/v1/images");
    let [index] = &listed["items"].as_array().unwrap()[..] else { panic!("{listed}") };
    assert_eq!((&index["tags"], &index["totals"]["critical"]), (&json!(["1"]), &json!(3)));
    let platforms = index["platforms"].as_array().unwrap();
    let names: Vec<_> = platforms.iter().map(|platform| platform["platform"].as_str().unwrap()).collect();
    assert_eq!(names, ["linux/amd64", "linux/arm64"]);
    for platform in platforms {
        let own = service.get(&format!("/api/v1/images/{}", platform["image"]));
        assert_eq!((&own["index"], &own["totals"]["critical"]), (&index["id"], &json!(2)), "{own}");
        let digest = platform["digest"].as_str().unwrap();
        let by_digest = service.get(&format!("/api/v1/images?digest={digest}"));
        assert_eq!(by_digest["items"], json!([own]));
    }
    let parts = service.get(&format!("/api/v1/images?index={}", index["id"]));
    assert_eq!(parts["items"].as_array().unwrap().len(), 3, "{parts}");
    let secrets = service.get("/api/v1/secrets");
    for secret in secrets["items"].as_array().unwrap() {
        assert_eq!((&secret["images"], &secret["state"]), (&json!(1), &json!("open")), "{secret}");
        let places =
            service.get(&format!("/api/v1/secrets/{}/occurrences", secret["fingerprint"].as_str().unwrap()));
        let places = places["items"].as_array().unwrap();
        assert_eq!(places.iter().map(|place| &place["reference"]).collect::<Vec<_>>(), [&json!("1")]);
    }
    let asked = front.asked();
    let [message] = &asked[..] else { panic!("{asked:?}") };
    let data = &body(message)["data"];
    assert_eq!((&data["image"]["tag"], &data["image"]["id"]), (&json!("1"), &index["id"]));
    assert_eq!(data["findings"].as_array().unwrap().len(), 3);
}

/// Checks the signature as a receiver does ("Standard Webhooks", "Verifying").
fn signed(asked: &Asked) {
    let header = |name: &str| asked.header(name).unwrap();
    let text = format!("{}.{}.{}", header("webhook-id"), header("webhook-timestamp"), asked.body);
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(KEY.as_bytes()).unwrap();
    mac.update(text.as_bytes());
    let expected = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
    assert_eq!(header("webhook-signature"), expected);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    assert!(now.abs_diff(header("webhook-timestamp").parse().unwrap()) < 300);
    assert_eq!(header("content-type"), "application/json");
}

/// What the documents show of a message.
fn documented() -> Value {
    let block =
        blocks("docs/serve-hooks.md", "json").into_iter().find(|block| block.contains("image.findings"));
    serde_json::from_str(&block.unwrap()).unwrap()
}

/// Every field of a document, with the kind of its value; of lists those of their first element.
fn shape(value: &Value) -> BTreeSet<String> {
    fn walk(value: &Value, at: &str, all: &mut BTreeSet<String>) {
        match value {
            Value::Object(fields) => {
                fields.iter().for_each(|(name, value)| walk(value, &format!("{at}/{name}"), all));
            }
            Value::Array(items) => walk(&items[0], &format!("{at}/0"), all),
            Value::String(_) => drop(all.insert(format!("{at}: text"))),
            Value::Number(_) => drop(all.insert(format!("{at}: number"))),
            other => drop(all.insert(format!("{at}: {other}"))),
        }
    }
    let mut all = BTreeSet::new();
    walk(value, "", &mut all);
    all
}

/// Checks the signature with the program that the documents give to receivers.
fn checked_as_documented(asked: &Asked) {
    let program = blocks("docs/serve-hooks.md", "python").concat();
    let names = ["webhook-id", "webhook-timestamp", "webhook-signature"];
    let headers: serde_json::Map<String, Value> =
        names.iter().map(|name| ((*name).to_owned(), json!(asked.header(name).unwrap()))).collect();
    let given = json!({"headers": headers, "body": asked.body, "secret": KEY}).to_string();
    let program = format!(
        "{program}\n\
import json, sys\n\
given = json.load(sys.stdin)\n\
headers, body, secret = given['headers'], given['body'].encode(), given['secret'].encode()\n\
assert is_right(headers, body, secret)\n\
assert not is_right(headers, body + b' ', secret)\n\
assert not is_right(headers, body, secret + b'x')\n\
assert not is_right({{**headers, 'webhook-id': 'another'}}, body, secret)\n\
assert not is_right({{**headers, 'webhook-signature': 'v1,AAAA'}}, body, secret)\n\
assert is_right({{**headers, 'webhook-signature': 'v1,AAAA ' + headers['webhook-signature']}}, body, secret)\n\
time.time = lambda: int(headers['webhook-timestamp']) + 301\n\
assert not is_right(headers, body, secret)\n"
    );
    let mut child = Command::new("python3")
        .args(["-c", &program])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("python3: {error}; run tests/install.sh"));
    child.stdin.take().unwrap().write_all(given.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Checks both modes against the JSON schema of the specification, in short: what has to be there, of which kind.
fn events(binary: &Asked, structured: &Asked) {
    let header = |name: &str| binary.header(name).unwrap_or_else(|| panic!("no {name}")).to_owned();
    let mut event = body(structured);
    assert_eq!(structured.header("content-type").unwrap(), "application/cloudevents+json; charset=utf-8");
    assert_eq!(event["data"], body(binary));
    for name in ["specversion", "source", "type", "subject"] {
        assert_eq!(event[name], header(&format!("ce-{name}")), "{name}");
    }
    assert_ne!(event["id"], header("ce-id"), "each message has its own");
    let schema = json!({
        "type": "object",
        "required": ["id", "source", "specversion", "type"],
        "additionalProperties": false,
        "properties": {
            "id": {"type": "string", "minLength": 1},
            "source": {"type": "string", "minLength": 1},
            "specversion": {"const": "1.0"},
            "type": {"type": "string", "pattern": "^dev\\.layersift\\.image\\.findings\\.v[0-9]+$"},
            "datacontenttype": {"const": "application/json"},
            "subject": {"type": "string", "minLength": 1},
            "time": {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z$"},
            "data": {"type": "object"}
        }
    });
    let validator = jsonschema::validator_for(&schema).unwrap();
    assert!(validator.is_valid(&event), "{event}");
    event["id"] = json!("");
    assert!(!validator.is_valid(&event));
}

#[test]
fn what_does_not_arrive_is_sent_again_with_the_same_id_whoever_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::plain();
    registry.push(&image("a"), "app:1");
    let open = Arc::new(AtomicBool::new(false));
    let takes = Arc::clone(&open);
    let front = Front::of(&registry.address, move |_| {
        let status = if takes.load(Ordering::Relaxed) { 200 } else { 500 };
        Act::Answer(status, Vec::new(), String::new())
    });
    let config = receivers(folder.path(), &front.address, &["webhook"]);
    let address = free_address();
    let service = Service::start(folder.path(), &address, &[&registry.address], &config);
    service.tell(&format!("{}/app:1", registry.address));
    service.wait_for("a message", |_| !front.asked().is_empty());
    service.kill();
    let before = front.asked().len();
    open.store(true, Ordering::Relaxed);
    let service = Service::start(folder.path(), &address, &[&registry.address], &config);
    service.wait_for("the message again", |service| service.metric("messages_sent_total") == 1);
    let asked = front.asked();
    assert_eq!(asked.len(), before + 1, "once it arrived it is not sent again");
    let id = |asked: &Asked| asked.header("webhook-id").unwrap().to_owned();
    assert!(asked.iter().all(|other| id(other) == id(&asked[0])));
    signed(asked.last().unwrap());
}

#[test]
fn who_leads_elsewhere_or_hangs_holds_nobody_up() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::plain();
    registry.push(&image("a"), "app:1");
    let elsewhere = Front::of(&registry.address, |_| took());
    let target = format!("http://{}/", elsewhere.address);
    let leading = Front::of(&registry.address, move |_| {
        Act::Answer(307, vec![("Location", target.clone())], String::new())
    });
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let good = Front::of(&registry.address, |_| took());
    let mut config = String::new();
    let silent_address = silent.local_addr().unwrap().to_string();
    for (name, address) in
        [("silent", &silent_address), ("leading", &leading.address), ("good", &good.address)]
    {
        fs::write(folder.path().join(name), format!("http://{address}/hidden-{name}")).unwrap();
        let _ = write!(config, "[[serve.notify]]\nname = '{name}'\nkind = 'slack'\nurl-file = '{name}'\n");
    }
    let service = Service::start(folder.path(), &free_address(), &[&registry.address], &config);
    assert_eq!(service.status("POST", "/api/v1/receivers/nobody/test", None, "").unwrap(), 404);
    assert_eq!(service.status("POST", "/api/v1/receivers/good/test", None, "").unwrap(), 202);
    service.wait_for("the test", |_| !good.asked().is_empty());
    assert!(good.asked()[0].body.contains("this is a test"));
    let listed = service.get("/api/v1/receivers").to_string();
    assert!(listed.contains("leading") && !listed.contains("hidden-"), "{listed}");
    service.tell(&format!("{}/app:1", registry.address));
    service.wait_for("the good one", |service| service.metric("messages_sent_total") == 2);
    service.wait_for("both others", |service| {
        let jobs = service.get("/api/v1/jobs").to_string();
        jobs.contains("leads elsewhere") && jobs.contains("the receiver silent")
    });
    assert!(service.metric("messages_failed_total") >= 2);
    let jobs = service.get("/api/v1/jobs");
    let jobs = jobs["items"].as_array().unwrap();
    let of = |name: &str| {
        let mut found = jobs.iter().filter(|job| job["name"].as_str().unwrap().contains(name));
        found.next().unwrap_or_else(|| panic!("{name}: {jobs:?}"))
    };
    assert_eq!(of("leading")["state"], "dead");
    assert!(of("leading")["reason"].as_str().unwrap().contains("leads elsewhere"));
    assert!(of("silent")["reason"].as_str().unwrap().contains("the receiver silent"), "{jobs:?}");
    assert_ne!(of("silent")["state"], "dead");
    assert!(elsewhere.asked().is_empty());
    assert!(!service.log().contains("hidden-") && !format!("{jobs:?}").contains("hidden-"));
}

#[test]
fn several_servers_look_through_a_registry_and_tell_of_it_once() {
    let database = Database::start();
    let registry = Registry::plain();
    for number in 0..5 {
        registry.push(&image(&format!("image {number}")), &format!("app{}:{number}", number % 2));
    }
    let receiver = Front::of(&registry.address, |_| took());
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let servers = [0, 1].map(|server: usize| {
        let folder = folders[server].path();
        // So few in a minute that they have to wait for each other.
        let config = receivers(folder, &receiver.address, &["webhook"]).replace("6000", "120");
        let config = format!(
            "database = '{}'\nseal-key-file = 'proof'\n{config}[serve.sweep]\nevery = '24h'\nrequests-per-second = 1000",
            database.url
        );
        Service::start(folder, &free_address(), &[&registry.address], &config)
    });
    let all = |name: &str| servers.iter().map(|server| server.metric(name)).sum::<u64>();
    servers[0].wait_for("five messages", |_| all("messages_sent_total") >= 5);
    let idle = |service: &Service| service.get("/api/v1/jobs")["items"].as_array().unwrap().is_empty();
    servers[0].wait_for("the queue to be empty", idle);
    assert_eq!((all("sweeps_total"), all("sweep_tags_total"), all("images_scanned_total")), (1, 5, 5));
    let asked = receiver.asked();
    let ids: BTreeSet<&str> = asked.iter().map(|asked| asked.header("webhook-id").unwrap()).collect();
    assert_eq!((asked.len(), ids.len()), (5, 5));
    // What both images of a repository have is told of one of them.
    let findings = |asked: &Asked| body(asked)["data"]["findings"].as_array().unwrap().len();
    assert_eq!(asked.iter().map(findings).sum::<usize>(), 2 + 5);
}
