//! The service: what it answers, in which form, and that this is what its description says.

use std::fs;

use super::image;
use crate::support::front::{Act, Front};
use crate::support::registry::{Registry, free_address};
use crate::support::scanner::{Scanner, scanner};
use crate::support::service::Service;
use layersift::report::FORMATS;
use serde_json::{Value, json};

/// A policy of which a rule lets pass what is in `own`, and an ignore file for nothing that is there.
const POLICY: &str = "[[policy.rule]]\nname = 'own'\naction = 'warn'\npath = 'own'\n";
const IGNORED: &str = "[[ignore]]\nrule = 'aws-*'\nreason = 'a key of the tests'\n";

/// A service that scanned one image, and the name of that.
fn scanned(folder: &std::path::Path, registry: &Registry, more: &str) -> (Service, String) {
    registry.push(&image("a"), "team/app:1");
    fs::write(folder.join(".layersiftignore"), IGNORED).unwrap();
    let service = Service::start(folder, &free_address(), &[&registry.address], more);
    let digest = scanner().args([format!("{}/team/app:1", registry.address)]).report();
    let digest = digest.json["image"]["manifests"][0]["manifest"].as_str().unwrap().to_owned();
    let name = format!("{}/team/app:1@{digest}", registry.address);
    service.tell(&name);
    service.scanned(1);
    (service, name)
}

/// A report without when the scan was, which is the one thing in it that is another each time.
fn timeless(report: &str) -> String {
    let line = |line: &str| !line.contains("\"start_time\"") && !line.contains("\"end_time\"");
    report.lines().filter(|text| line(text)).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_format_is_what_a_scan_writes() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::plain();
    let (service, name) = scanned(folder.path(), &registry, POLICY);
    for format in FORMATS {
        let run = Scanner::of("scan").args([&name, "--format", format.name]).within(folder.path()).run();
        assert_eq!(run.code, 1, "{}", run.stderr);
        let path = format!("/api/v1/images/1/report?format={}", format.name);
        let (status, headers, body) = service.fetch(&path, &[]);
        assert_eq!((status, timeless(&body)), (200, timeless(&run.stdout)), "{}", format.name);
        assert_eq!(headers["content-type"], format.media_type);
        let tag = headers["etag"].to_str().unwrap().to_owned();
        let (status, _, body) = service.fetch(&path, &[("if-none-match", &tag)]);
        assert_eq!((status, body.as_str()), (304, ""));
        let (status, headers, _) = service.fetch("/api/v1/images/1/report", &[("accept", format.media_type)]);
        let kind = |text: &str| text.split(';').next().unwrap().to_owned();
        assert_eq!((status, kind(headers["content-type"].to_str().unwrap())), (200, kind(format.media_type)));
    }
    for (path, headers, status, part) in [
        ("/api/v1/images/1/report?format=xml", &[][..], 400, "sarif"),
        ("/api/v1/images/1/report", &[("accept", "image/png")][..], 406, "format"),
        ("/api/v1/images/9/report", &[][..], 404, "scanned"),
    ] {
        let (found, _, body) = service.fetch(path, headers);
        assert!(found == status && body.contains(part), "{path} {found} {body}");
    }
    let row = service.get("/api/v1/images/1");
    assert_eq!((&row["verdict"], &row["totals"]["critical"]), (&json!("fail"), &json!(2)));
    let verdicts = service.get("/api/v1/images/1/findings");
    let verdicts: Vec<_> =
        verdicts["items"].as_array().unwrap().iter().map(|found| &found["verdict"]).collect();
    assert!(verdicts.contains(&&json!("warn")) && verdicts.contains(&&json!("fail")), "{verdicts:?}");
}

#[test]
fn what_was_scanned_is_judged_by_the_policy_and_the_lists_of_today() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::plain();
    let (service, _) = scanned(folder.path(), &registry, POLICY);
    assert!(service.terminate().success());
    let ignored = "[[ignore]]\npath = '.env'\nreason = 'a file of the tests'\n";
    fs::write(folder.path().join(".layersiftignore"), ignored).unwrap();
    let more = "[[policy.rule]]\naction = 'pass'\n";
    let service = Service::start(folder.path(), &free_address(), &["registry.example"], more);
    service
        .wait_for("the image to be judged", |service| service.get("/api/v1/images/1")["verdict"] == "pass");
    let row = service.get("/api/v1/images/1");
    assert_eq!((&row["totals"]["critical"], service.metric("images_scanned_total")), (&json!(1), 0), "{row}");
    let report = service.get("/api/v1/images/1/report");
    assert_eq!(report["suppressed"][0]["causes"][0]["by"], "ignore-file", "{report}");
    assert_eq!(report["findings"][0]["verdict"]["action"], "pass");
}

#[test]
fn what_is_not_understood_is_refused_and_what_did_not_change_is_not_sent_again() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::plain();
    let (service, _) = scanned(folder.path(), &registry, "");
    for (path, part) in [
        ("images?repo=x", "repository"),
        ("images?tag=1&tag=2", "more than once"),
        ("images?limit=0", "1 to 1000"),
        ("images?limit=x", "1 to 1000"),
        ("images?after=x", "`next`"),
        ("images?severity=bad", "critical, high"),
        ("images?since=yesterday", "2026-11-01"),
        ("images/x", "number"),
        ("secrets?state=gone", "open, closed, fixed"),
        ("findings?after=x", "`next`"),
        ("jobs?state=failed", "ready, running, waiting, later, dead"),
        ("findings?fingerprint=12", "first 12"),
        ("decisions?fingerprint=x", "first 12"),
        ("secrets/12", "first 12"),
        ("layers/abc/images", "sha256"),
        ("summary?x=1", "nothing"),
    ] {
        let (status, _, body) = service.fetch(&format!("/api/v1/{path}"), &[]);
        let error: Value = serde_json::from_str(&body).unwrap();
        assert!(status == 400 && error["error"].as_str().unwrap().contains(part), "{path}: {status} {body}");
    }
    let found =
        |query: &str| service.get(&format!("/api/v1/images?{query}"))["items"].as_array().unwrap().len();
    let repository = format!("repository={}/team/app", registry.address);
    for (query, expected) in [
        (repository.as_str(), 1),
        ("repository=registry.example/app", 0),
        ("tag=1", 1),
        ("tag=2", 0),
        ("severity=critical", 1),
        ("severity=low", 0),
        ("verdict=fail&tag=1", 1),
        ("verdict=warn", 0),
        ("since=2020-01-31", 1),
        ("since=2999-01-31", 0),
    ] {
        assert_eq!(found(query), expected, "{query}");
    }
    for path in ["images", "secrets", "summary", "openapi.json"] {
        let path = format!("/api/v1/{path}");
        let (_, headers, _) = service.fetch(&path, &[]);
        let (status, _, body) = service.fetch(&path, &[("if-none-match", headers["etag"].to_str().unwrap())]);
        assert_eq!((status, body.as_str()), (304, ""), "{path}");
    }
    let mut path = "/api/v1/secrets?limit=1&sort=severity".to_owned();
    let mut secrets = Vec::new();
    for _ in 0..3 {
        let page = service.get(&path);
        secrets.extend(page["items"].as_array().unwrap().iter().map(|one| one["fingerprint"].to_string()));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/api/v1/secrets?limit=1&sort=severity&after={next}");
    }
    secrets.dedup();
    assert_eq!(secrets.len(), 2, "{secrets:?}");
    let short = &secrets[0][1..13];
    for (path, rows) in [
        (format!("findings?fingerprint={short}"), 1),
        (format!("secrets/{}/occurrences", short.to_uppercase()), 1),
        (format!("decisions?fingerprint={short}"), 0),
        ("findings?fingerprint=000000000000".to_owned(), 0),
    ] {
        assert_eq!(
            service.get(&format!("/api/v1/{path}"))["items"].as_array().unwrap().len(),
            rows,
            "{path}"
        );
    }
    let one = service.get(&format!("/api/v1/secrets/{short}"));
    assert_eq!(one["fingerprint"].to_string(), secrets[0], "{one}");
    assert_eq!(service.fetch("/api/v1/secrets/000000000000", &[]).0, 404);
}

/// The routes of the description: method, path, and what stands there.
fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let paths = document["paths"].as_object().unwrap();
    let all = paths.iter().flat_map(|(path, methods)| {
        let methods = methods.as_object().unwrap().iter();
        methods.map(move |(method, operation)| (method.to_uppercase(), path.clone(), operation.clone()))
    });
    all.collect()
}

/// Whether an answer is a list of nothing.
fn empty(text: &str) -> bool {
    let answer: Value = serde_json::from_str(text).unwrap();
    answer["items"].as_array().is_some_and(Vec::is_empty)
}

#[test]
fn every_answer_is_as_described() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::plain();
    let receiver = Front::of(&registry.address, |_| Act::Answer(204, Vec::new(), String::new()));
    fs::write(folder.path().join("receiver"), format!("http://{}/", receiver.address)).unwrap();
    let more = "[[serve.notify]]\nname = 'people'\nkind = 'slack'\nurl-file = 'receiver'";
    let (service, _) = scanned(folder.path(), &registry, more);
    let mut document = service.get("/api/v1/openapi.json");
    // Clients should bear new fields; here each has to be described.
    for schema in document["components"]["schemas"].as_object_mut().unwrap().values_mut() {
        if schema.get("properties").is_some() {
            schema["additionalProperties"] = json!(false);
        }
    }
    assert_eq!(document["openapi"], "3.1.1");
    let findings = service.get("/api/v1/findings");
    let (one, other) = (&findings["items"][0], &findings["items"][1]);
    let body = |kind: &str, fingerprint: &Value| {
        json!({"fingerprint": fingerprint, "kind": kind, "reason": "it is one of the tests"}).to_string()
    };
    let layer =
        service.get("/api/v1/images/1/report")["image"]["manifests"][0]["layers"][0]["digest"].clone();
    let mut all = operations(&document);
    // What is changed stands in lists that are asked for after it, and what deletes comes last.
    all.sort_by_key(|(method, ..)| ["POST", "GET", "DELETE"].iter().position(|known| known == method));
    for (method, path, operation) in &all {
        let given = match path.as_str() {
            path if path.contains("/jobs/{id}") => path.replace("{id}", "99"),
            path => path
                .replace("{id}", "1")
                .replace("{name}", "people")
                .replace("{fingerprint}", one["fingerprint"].as_str().unwrap())
                .replace("{digest}", layer.as_str().unwrap()),
        };
        let sent = if method == "POST" { body("false-alarm", &other["fingerprint"]) } else { String::new() };
        if method == "GET" && !path.ends_with("/jobs") {
            // What a worker brings about stands in its list some time after it was asked for; jobs may be done already.
            service.wait_for(&given, |service| !empty(&service.ask(method, &given, None, "").unwrap().1));
        }
        let (status, text) = service.ask(method, &given, None, &sent).unwrap();
        let answers = &operation["responses"];
        let described = answers.get(status.to_string()).unwrap_or(&answers["default"]);
        let answer: Value = serde_json::from_str(&text).unwrap();
        let mut schema = described["content"]["application/json"]["schema"].clone();
        if schema.is_null() {
            assert!(status == 200 && !described.is_null(), "{method} {path} {status}");
            continue;
        }
        schema["components"] = document["components"].clone();
        jsonschema::validate(&schema, &answer)
            .unwrap_or_else(|error| panic!("{method} {path}: {error} {answer}"));
        assert!(status < 300 || path.contains("/jobs/{id}"), "{method} {path}: {status} {answer}");
    }
}

#[test]
fn every_route_takes_the_role_that_is_described() {
    let folder = tempfile::tempdir().unwrap();
    let roles = ["read", "triage", "admin"];
    let token = |role: &str| {
        fs::write(folder.path().join(role), format!("a token to {role} in this test")).unwrap();
        format!("[[serve.token]]\nname = '{role}'\nrole = '{role}'\nsecret-file = '{role}'\n")
    };
    let tokens = roles.map(token).concat();
    let service = Service::start(folder.path(), &free_address(), &["registry.example"], &tokens);
    let bearer = |role: &str| format!("Bearer a token to {role} in this test");
    let (_, document) = service.ask("GET", "/api/v1/openapi.json", Some(&bearer("read")), "").unwrap();
    let all = operations(&serde_json::from_str(&document).unwrap());
    assert!(all.len() > 15, "{}", all.len());
    for (method, path, operation) in &all {
        let needed = roles.iter().position(|role| *role == operation["x-role"]).unwrap();
        let path = path.replace("{id}", "99");
        for (held, role) in roles.iter().enumerate() {
            let status = service.status(method, &path, Some(&bearer(role)), "").unwrap();
            assert_eq!(status == 403, held < needed, "{method} {path} as {role}: {status}");
        }
    }
    let (method, path, _) = &all[0];
    assert_eq!(service.status(method, path, None, ""), Some(401));
}

#[test]
fn every_route_is_told_of_in_the_documents() {
    let text = fs::read_to_string(crate::support::root().join("docs/api.md")).unwrap();
    for path in layersift::serve::routes() {
        assert!(text.contains(&format!("`{path}`")), "{path}");
    }
}

#[test]
fn the_document_says_what_each_parameter_may_be() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(folder.path(), &free_address(), &["registry.example"], "workers = 0");
    let document = service.get("/api/v1/openapi.json");
    let parameters = document["paths"]["/api/v1/images"]["get"]["parameters"].as_array().unwrap();
    let schema =
        |name: &str| &parameters.iter().find(|parameter| parameter["name"] == name).unwrap()["schema"];
    assert_eq!(schema("verdict")["enum"], json!(["fail", "warn", "incomplete", "pass"]));
    assert_eq!((&schema("limit")["minimum"], &schema("limit")["maximum"]), (&json!(1), &json!(1000)));
    // What is decided is described with its conditions.
    let schema = json!({"$ref": "#/components/schemas/NewDecision", "components": document["components"]});
    let validator = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
    let decision = |kind: &str, until: Option<&str>, reason: &str| {
        let fingerprint = "0".repeat(32);
        let whole = json!({"fingerprint": fingerprint, "kind": kind, "until": until, "reason": reason});
        let status = service.status("POST", "/api/v1/decisions", None, &whole.to_string()).unwrap();
        // A credential that nobody found is the last thing that is asked for.
        assert_eq!(status, if validator.is_valid(&whole) { 404 } else { 400 }, "{whole}");
        status
    };
    assert_eq!(decision("accepted", Some("2999-01-31"), "because"), 404);
    assert_eq!(decision("fixed", None, "because"), 404);
    assert_eq!(decision("accepted", None, "because"), 400);
    assert_eq!(decision("accepted", Some("tomorrow"), "because"), 400);
    assert_eq!(decision("open", Some("2999-01-31"), "because"), 400);
    assert_eq!(decision("fixed", None, " "), 400);
    assert_eq!(decision("gone", None, "because"), 400);
}
