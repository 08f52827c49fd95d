//! Images that lie in a registry: the same findings as from a file, whoever has to log in, and whatever goes wrong.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use crate::support::bundle::Bundle;
use crate::support::case::Case;
use crate::support::compression::Compression;
use crate::support::digest;
use crate::support::expect::differences;
use crate::support::formats::named;
use crate::support::front::{Act, Asked, Front};
use crate::support::image::ImageBuilder;
use crate::support::noise::Noise;
use crate::support::registry::{PASSWORD, Registry, USER, run};
use crate::support::scanner::{Report, Scanner, scanner};
use layersift::signature::template::expand;
use serde_json::{Value, json};

fn token() -> String {
    expand("ghp_{base62:30}{github-crc32}", "registry")
}

/// A small layer that leaks, and a large one that does not.
fn leaky() -> ImageBuilder {
    let noise = |layer: crate::support::layer::LayerBuilder| {
        layer.file("noise", Noise::new("registry").take(900_000).collect::<Vec<u8>>())
    };
    ImageBuilder::new()
        .step("COPY .env /.env # buildkit", |layer| layer.file(".env", token()))
        .step("COPY noise /noise # buildkit", noise)
}

fn bundle(images: &[ImageBuilder], compression: Compression) -> Bundle {
    (named("oci-archive").write)(images, compression)
}

fn from_file(bundle: &Bundle) -> Report {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), bundle.tar()).unwrap();
    scanner().path(file.path()).report()
}

/// The digest of the largest layer of a bundle.
fn large_layer(bundle: &Bundle) -> String {
    let folder = tempfile::tempdir().unwrap();
    bundle.write_dir(folder.path());
    let blobs = fs::read_dir(folder.path().join("blobs/sha256")).unwrap().map(|entry| entry.unwrap().path());
    digest(&fs::read(blobs.max_by_key(|path| path.metadata().unwrap().len()).unwrap()).unwrap())
}

#[test]
fn a_registry_gives_the_same_findings_as_a_file() {
    let registry = Registry::plain();
    for name in ["deleted-file", "env-history-and-file-are-one", "attestation-build-arg", "packages-of-node"]
    {
        let case = Case::read(name);
        for compression in [Compression::Plain, Compression::Gzip, Compression::Zstd] {
            let bundle = (named("buildx-oci").write)(&case.images(), compression);
            let reference =
                format!("{}/{name}:{}", registry.address, format!("{compression:?}").to_lowercase());
            registry.push(&bundle, reference.split_once('/').unwrap().1);
            let report = scanner().args([&format!("registry:{reference}")]).args(&case.args).report();
            let differences = differences(&case, &report);
            assert!(differences.is_empty(), "{reference}\n{}", differences.join("\n"));
            assert_eq!(report.comparable(), from_file(&bundle).comparable(), "{reference}");
            let image = &report.json["image"];
            assert_eq!((&image["format"], &image["source"]), (&json!("registry"), &json!(reference)));
            assert_eq!(image["manifests"][0]["names"][0], json!(reference));
            let blobs = report.json["coverage"]["blobs"].as_array().unwrap();
            assert!(blobs.iter().all(|blob| blob["verified"] == true), "{blobs:?}");
        }
    }
}

#[test]
fn of_several_platforms_that_of_this_machine_is_scanned_unless_others_are_asked_for() {
    let registry = Registry::plain();
    let case = Case::read("several-platforms");
    let bundle = (named("buildx-oci").write)(&case.images(), Compression::Gzip);
    registry.push(&bundle, "app:1");
    let reference = format!("{}/app:1", registry.address);
    let scan = |args: &[&str]| scanner().args([&reference]).args(args.iter().copied()).report();
    let all = scan(&["--platform", "all"]);
    assert_eq!(differences(&case, &all), [""; 0]);
    let arm = scan(&["--platform", "linux/arm/v7"]);
    assert!(arm.finding(case.secret("amd")).is_none() && arm.finding(case.secret("arm")).is_some());
    assert!(arm.problems().is_empty(), "{:#}", arm.json);
    let own = scan(&[]);
    let says = own.problems().iter().map(|problem| problem["message"].as_str().unwrap()).collect::<Vec<_>>();
    if cfg!(target_arch = "x86_64") {
        assert!(own.finding(case.secret("amd")).is_some() && own.finding(case.secret("arm")).is_none());
        assert_eq!(says, ["only linux/amd64 was scanned; there are also linux/arm/v7"]);
    }
}

#[test]
fn what_refers_to_an_image_is_scanned_too() {
    let registry = Registry::plain();
    let bundle = bundle(&[leaky()], Compression::Gzip);
    registry.push(&bundle, "app:1");
    let manifest = scanner().args([format!("{}/app:1", registry.address)]).report();
    let subject = manifest.json["image"]["manifests"][0]["manifest"].as_str().unwrap().to_owned();
    let tag = subject.replace(':', "-");
    // By the tag of the specification, which holds no list here but what would be listed, and by that of cosign.
    let tags = [tag.clone(), format!("{tag}.att")];
    for tag in &tags {
        let secret = expand("ghp_{base62:30}{github-crc32}", tag);
        let artifact = ImageBuilder::new().step("x", |layer| layer.file("note", secret));
        registry.push(&self::bundle(&[artifact], Compression::Gzip), &format!("app:{tag}"));
    }
    let report = scanner().args([format!("{}/app:1", registry.address)]).report();
    let found = |tag: &String| report.finding(&expand("ghp_{base62:30}{github-crc32}", tag)).is_some();
    assert_eq!(tags.each_ref().map(found), [true, true], "{:#}", report.json);
}

#[test]
fn every_page_of_what_refers_to_an_image_is_asked_for() {
    let registry = Registry::plain();
    registry.push(&bundle(&[leaky()], Compression::Gzip), "app:1");
    let secret = |number: usize| expand("ghp_{base62:30}{github-crc32}", &format!("page {number}"));
    let pages: Vec<String> = (0..2)
        .map(|number| {
            let artifact = ImageBuilder::new().step("x", |layer| layer.file("note", secret(number)));
            registry.push(&bundle(&[artifact], Compression::Gzip), &format!("app:page-{number}"));
            let report = scanner().args([format!("{}/app:page-{number}", registry.address)]).report();
            let digest = report.json["image"]["manifests"][0]["manifest"].clone();
            json!({"schemaVersion": 2, "manifests": [{"digest": digest, "size": 1,
                "mediaType": "application/vnd.oci.image.manifest.v1+json"}]})
            .to_string()
        })
        .collect();
    let front = Front::of(&registry.address, move |asked| {
        let number = usize::from(asked.path.contains("last=0"));
        let next = "</v2/app/referrers/x?last=0>; rel=\"next\"".to_owned();
        let link = (number == 0).then_some(("Link", next));
        if asked.path.contains("/referrers/") {
            Act::Answer(200, link.into_iter().collect(), pages[number].clone())
        } else {
            Act::Pass
        }
    });
    let report = scanner().args([format!("{}/app:1", front.address)]).report();
    for number in 0..2 {
        assert!(report.finding(&secret(number)).is_some(), "page {number}: {:#}", report.json);
    }
}

#[test]
fn tls_and_logins_are_those_of_the_tools() {
    let registry = Registry::with_login();
    let bundle = bundle(&[leaky()], Compression::Zstd);
    registry.push(&bundle, "org/app:1");
    let reference = format!("{}/org/app:1", registry.address);
    let authority = registry.file("ca.pem");
    let scan = || scanner().args([&reference, "--registry-ca"]).path(&authority);
    let home = tempfile::tempdir().unwrap();
    let login = |auths: Value| {
        fs::create_dir_all(home.path().join(".docker")).unwrap();
        fs::write(home.path().join(".docker/config.json"), auths.to_string()).unwrap();
    };
    let at_home = |scan: Scanner| scan.env("HOME", home.path()).env("PATH", home.path());

    let untrusted = scanner().args([&reference]).run();
    assert_eq!(untrusted.code, 3);
    assert!(untrusted.stderr.contains("--registry-ca"), "{}", untrusted.stderr);
    let stranger = scan().run();
    assert_eq!(stranger.code, 3);
    assert!(stranger.stderr.contains("--username"), "{}", stranger.stderr);
    let expected = from_file(&bundle).comparable();
    let typed = scan().args(["--username", USER, "--password-stdin"]).input(format!("{PASSWORD}\n"));
    assert_eq!(typed.report().comparable(), expected);
    let variables = scan().env("LAYERSIFT_USERNAME", USER).env("LAYERSIFT_PASSWORD", PASSWORD);
    assert_eq!(variables.report().comparable(), expected);
    let wrong = scan().args(["--username", USER, "--password-stdin"]).input("another word").run();
    assert_eq!(wrong.code, 3);
    assert!(
        wrong.stderr.contains("does not accept the login") && !wrong.stderr.contains("another word"),
        "{}",
        wrong.stderr
    );

    login(json!({"auths": {registry.address.as_str(): {"username": USER, "password": PASSWORD}}}));
    assert_eq!(at_home(scan()).report().comparable(), expected);
    login(json!({"auths": {}, "credHelpers": {registry.address.as_str(): "test"}}));
    helper(home.path(), &format!("read server\n[ \"$server\" = {} ] || exit 1\n", registry.address));
    assert_eq!(at_home(scan()).report().comparable(), expected);
    login(json!({"credsStore": "test"}));
    helper(home.path(), "echo 'credentials not found in native keychain'\nexit 1\n");
    assert!(at_home(scan()).run().stderr.contains("it asks for a login"));
    helper(home.path(), "echo oops\nexit 1\n");
    assert!(at_home(scan()).run().stderr.contains("docker-credential-test gives no login"));
    login(json!({"credsStore": "../../bin/evil"}));
    assert!(at_home(scan()).run().stderr.contains("its name is not one of a program"));
}

/// Writes a credential helper that does `script` and then gives the login.
fn helper(folder: &std::path::Path, script: &str) {
    use std::os::unix::fs::PermissionsExt as _;

    let file = folder.join("docker-credential-test");
    let login = json!({"Username": USER, "Secret": PASSWORD}).to_string();
    fs::write(&file, format!("#!/bin/sh\n{script}echo '{login}'\n")).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_client_certificate_is_shown() {
    let registry = Registry::for_clients();
    let bundle = bundle(&[leaky()], Compression::Gzip);
    registry.push(&bundle, "app:1");
    let scan = || {
        scanner()
            .args([format!("{}/app:1", registry.address)])
            .args(["--registry-ca"])
            .path(&registry.file("ca.pem"))
    };
    assert_eq!(scan().args(["--registry-retries", "0"]).run().code, 3);
    let cert = scan().args(["--registry-cert"]).path(&registry.file("client.pem"));
    assert_eq!(
        cert.args(["--registry-key"]).path(&registry.file("client.key")).report().comparable(),
        from_file(&bundle).comparable()
    );
    let alone = scan().args(["--registry-key"]).path(&registry.file("client.key")).run();
    assert!(alone.stderr.contains("only together"), "{}", alone.stderr);
}

/// Whether a request carries the token that is good for `number` of requests each.
fn has_token(asked: &Asked, number: usize) -> bool {
    asked.header("authorization") == Some(&format!("Bearer pass-{number}"))
}

fn challenge(address: &str) -> Act {
    let realm =
        format!("Bearer realm=\"http://{address}/token\",service=\"test\",scope=\"repository:app:pull\"");
    Act::Answer(401, vec![("WWW-Authenticate", realm)], String::new())
}

#[test]
fn tokens_are_fetched_with_the_login_kept_and_renewed_in_the_middle() {
    use std::sync::atomic::{AtomicUsize, Ordering};

    let registry = Registry::plain();
    let bundle = bundle(&[leaky()], Compression::Gzip);
    registry.push(&bundle, "app:1");
    let issued = std::sync::Arc::new(AtomicUsize::new(0));
    let server = Front::of(&registry.address, {
        let issued = std::sync::Arc::clone(&issued);
        move |_| {
            let number = issued.fetch_add(1, Ordering::SeqCst);
            Act::Answer(
                200,
                vec![],
                json!({"token": format!("pass-{number}"), "expires_in": 300}).to_string(),
            )
        }
    });
    let realm = server.address.clone();
    let large = large_layer(&bundle);
    // Each token is refused when the large layer is asked for the first time.
    let front = Front::of(&registry.address, move |asked| {
        let current = issued.load(Ordering::SeqCst);
        let revoked = asked.path.contains(&large) && asked.before == 0;
        let good = current > 0 && has_token(asked, current - 1);
        if good && !revoked { Act::Pass } else { challenge(&realm) }
    });
    let reference = format!("{}/app:1", front.address);
    let scan = scanner().args([&reference, "--username", USER, "--password-stdin"]).input(PASSWORD);
    assert_eq!(scan.report().comparable(), from_file(&bundle).comparable());
    let asked = server.asked();
    assert_eq!(asked.len(), 2, "one token, and one more after it was refused: {asked:?}");
    assert!(
        asked[0].path.contains("scope=repository%3Aapp%3Apull") && asked[0].path.contains("service=test")
    );
    assert!(
        asked
            .iter()
            .all(|asked| asked.header("authorization").is_some_and(|value| value.starts_with("Basic ")))
    );
    let sent = front
        .asked()
        .iter()
        .filter_map(|asked| asked.header("authorization").map(str::to_owned))
        .collect::<Vec<_>>();
    assert!(sent.iter().all(|value| value.starts_with("Bearer ")), "{sent:?}");
}

#[test]
fn a_token_that_ended_is_not_sent_again() {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::{Duration, Instant};

    let registry = Registry::plain();
    let bundle = bundle(&[leaky()], Compression::Gzip);
    registry.push(&bundle, "app:1");
    let issued = std::sync::Arc::new((AtomicUsize::new(0), std::sync::Mutex::new(Instant::now())));
    let server = Front::of(&registry.address, {
        let issued = std::sync::Arc::clone(&issued);
        move |_| {
            let number = issued.0.fetch_add(1, Ordering::SeqCst);
            *issued.1.lock().unwrap() = Instant::now();
            let token = json!({"token": format!("pass-{number}"), "expires_in": 1});
            Act::Answer(200, vec![], token.to_string())
        }
    });
    let realm = server.address.clone();
    // The answer about the manifest takes longer than its token is good for.
    let front = Front::of(&registry.address, move |asked| {
        let current = issued.0.load(Ordering::SeqCst);
        let good = current > 0
            && has_token(asked, current - 1)
            && issued.1.lock().unwrap().elapsed() < Duration::from_secs(1);
        if good && asked.path.contains("/manifests/1") {
            std::thread::sleep(Duration::from_millis(1_100));
        }
        if good { Act::Pass } else { challenge(&realm) }
    });
    let report = scanner().args([&format!("{}/app:1", front.address)]).report();
    assert_eq!(report.comparable(), from_file(&bundle).comparable());
    assert!(server.asked().len() > 1, "{:?}", server.asked());
}

#[test]
fn a_token_of_the_account_is_traded_for_one_of_the_repository() {
    let registry = Registry::plain();
    let bundle = bundle(&[leaky()], Compression::Gzip);
    registry.push(&bundle, "app:1");
    let server = Front::of(&registry.address, |_| {
        Act::Answer(200, vec![], json!({"access_token": "pass-0"}).to_string())
    });
    let realm = server.address.clone();
    let front = Front::of(
        &registry.address,
        move |asked| if has_token(asked, 0) { Act::Pass } else { challenge(&realm) },
    );
    let file = tempfile::NamedTempFile::new().unwrap();
    let auths = json!({"auths": {front.address.as_str(): {"identitytoken": "account/token"}}});
    fs::write(file.path(), auths.to_string()).unwrap();
    let scan = scanner().args([format!("{}/app:1", front.address)]).env("REGISTRY_AUTH_FILE", file.path());
    assert_eq!(scan.report().comparable(), from_file(&bundle).comparable());
    let asked = &server.asked()[0];
    assert_eq!((asked.method.as_str(), asked.path.as_str()), ("POST", "/token"));
    for part in [
        "refresh_token=account%2Ftoken",
        "grant_type=refresh_token",
        "service=test",
        "scope=repository%3Aapp%3Apull",
    ] {
        assert!(asked.body.contains(part), "{}", asked.body);
    }
}

#[test]
fn a_login_stays_behind_when_the_registry_leads_elsewhere() {
    let registry = Registry::plain();
    let bundle = bundle(&[leaky()], Compression::Gzip);
    registry.push(&bundle, "app:1");
    let store = Front::of(&registry.address, |_| Act::Pass);
    let elsewhere = store.address.clone();
    let front = Front::of(&registry.address, move |asked| match asked.header("authorization") {
        None => Act::Answer(401, vec![("WWW-Authenticate", "Basic realm=x".into())], String::new()),
        Some(_) if asked.path.contains("/blobs/") => {
            let target = format!("http://{elsewhere}{}?signature=abc", asked.path);
            Act::Answer(307, vec![("Location", target)], String::new())
        }
        Some(_) => Act::Pass,
    });
    let reference = format!("{}/app:1", front.address);
    let scan = scanner().args([&reference, "--username", USER, "--password-stdin"]).input(PASSWORD);
    assert_eq!(scan.report().comparable(), from_file(&bundle).comparable());
    assert!(!store.asked().is_empty());
    assert!(store.asked().iter().all(|asked| asked.header("authorization").is_none()), "{:?}", store.asked());
}

#[test]
fn mirrors_are_asked_first_and_may_fail() {
    let registry = Registry::plain();
    let bundle = bundle(&[leaky()], Compression::Gzip);
    registry.push(&bundle, "org/app:1");
    registry.push(&bundle, "cache/org/app:1");
    let expected = from_file(&bundle).comparable();
    let mirror = Front::of(&registry.address, |_| Act::Pass);
    let scan = |name: &str, mirror: &str| {
        scanner().args([name, "--registry-retries", "0", "--registry-mirror", mirror])
    };
    // The registry itself is not there at all.
    let good = scan("nowhere.invalid/org/app:1", &format!("nowhere.invalid={}/cache", mirror.address));
    assert_eq!(good.report().comparable(), expected);
    assert!(
        mirror
            .asked()
            .iter()
            .all(|asked| asked.path == "/v2/" || asked.path.starts_with("/v2/cache/org/app/"))
    );
    let broken = Front::of(&registry.address, |_| Act::Answer(500, vec![], String::new()));
    let own = registry.address.clone();
    let fallen_back = scan(&format!("{own}/org/app:1"), &format!("{own}={}", broken.address));
    assert_eq!(fallen_back.report().comparable(), expected);
    assert!(!broken.asked().is_empty());
}

/// A way in which a registry can fail, and what comes of it.
struct Fault {
    name: &'static str,
    act: fn(&Asked) -> Act,
    outcome: Outcome,
}

#[derive(Debug, PartialEq)]
enum Outcome {
    /// As if nothing had happened.
    Same,
    /// The leak of the other layer is found, and a problem of this kind says what is missing.
    Gap(&'static str),
}

fn answer(status: u16) -> Act {
    Act::Answer(status, vec![], String::new())
}

fn retry_after(seconds: &str) -> Act {
    Act::Answer(429, vec![("Retry-After", seconds.to_owned())], String::new())
}

fn once(asked: &Asked, act: Act) -> Act {
    if asked.before == 0 { act } else { Act::Pass }
}

fn leads_to(target: &str) -> Act {
    Act::Answer(302, vec![("Location", target.to_owned())], String::new())
}

/// What can happen to the large layer.
const FAULTS: &[Fault] = &[
    Fault { name: "500 once", act: |asked| once(asked, answer(500)), outcome: Outcome::Same },
    Fault { name: "503 for good", act: |_| answer(503), outcome: Outcome::Gap("unreadable") },
    Fault {
        name: "429, come back at once",
        act: |asked| once(asked, retry_after("0")),
        outcome: Outcome::Same,
    },
    Fault {
        name: "429, come back tomorrow",
        act: |_| retry_after("86400"),
        outcome: Outcome::Gap("unreadable"),
    },
    Fault { name: "404", act: |_| answer(404), outcome: Outcome::Gap("unreadable") },
    Fault { name: "403", act: |_| answer(403), outcome: Outcome::Gap("unreadable") },
    Fault { name: "401 for good", act: |_| answer(401), outcome: Outcome::Gap("unreadable") },
    Fault { name: "cut once", act: |asked| once(asked, Act::Cut(500_000)), outcome: Outcome::Same },
    Fault {
        name: "cut before the first byte",
        act: |asked| once(asked, Act::Cut(0)),
        outcome: Outcome::Same,
    },
    Fault {
        name: "cut once, and no ranges",
        act: |asked| if asked.before == 0 { Act::Cut(500_000) } else { Act::Whole },
        outcome: Outcome::Same,
    },
    Fault { name: "cut each time", act: |_| Act::Cut(1_000), outcome: Outcome::Gap("unreadable") },
    Fault { name: "hangs once", act: |asked| once(asked, Act::Hang(1_000)), outcome: Outcome::Same },
    Fault { name: "hangs for good", act: |_| Act::Hang(1_000), outcome: Outcome::Gap("unreadable") },
    Fault { name: "a byte now and then", act: |_| Act::Drip, outcome: Outcome::Gap("unreadable") },
    Fault { name: "another content", act: |_| Act::Spoil, outcome: Outcome::Gap("mismatch") },
    Fault {
        name: "more than there should be",
        act: |_| Act::Longer(1_000),
        outcome: Outcome::Gap("unreadable"),
    },
    Fault {
        name: "less than there should be",
        act: |_| Act::Longer(-1_000),
        outcome: Outcome::Gap("unreadable"),
    },
    Fault { name: "no end", act: |_| Act::Endless, outcome: Outcome::Gap("unreadable") },
    Fault {
        name: "leads to itself",
        act: |asked| leads_to(&asked.path),
        outcome: Outcome::Gap("unreadable"),
    },
    Fault {
        name: "leads to a file",
        act: |_| leads_to("file:///etc/passwd"),
        outcome: Outcome::Gap("unreadable"),
    },
    Fault {
        name: "a page instead",
        act: |_| Act::Answer(200, vec![("Content-Type", "text/html".into())], "<html>".repeat(9)),
        outcome: Outcome::Gap("unreadable"),
    },
];

#[test]
fn each_fault_of_a_layer_is_overcome_or_told() {
    let registry = Registry::plain();
    let bundle = bundle(&[leaky()], Compression::Gzip);
    registry.push(&bundle, "app:1");
    let expected = from_file(&bundle);
    let large = large_layer(&bundle);
    let mut wrong = Vec::new();
    for Fault { name, act, outcome } in FAULTS {
        let (layer, act) = (format!("/blobs/{large}"), *act);
        let front =
            Front::of(
                &registry.address,
                move |asked| {
                    if asked.path.ends_with(&layer) { act(asked) } else { Act::Pass }
                },
            );
        let scan = scanner().args([&format!("{}/app:1", front.address), "--registry-retries", "2"]);
        let report = scan.args(["--registry-timeout", "1"]).report();
        let found = report.finding(&token()).is_some() && report.code == 1;
        let right = match outcome {
            Outcome::Same => report.comparable() == expected.comparable() && report.problems().is_empty(),
            Outcome::Gap(kind) => report.problem_kinds().contains(kind),
        };
        let remedied = report
            .problems()
            .iter()
            .all(|problem| problem["remedy"].as_str().is_some_and(|text| !text.is_empty()));
        if !found || !right || !remedied {
            wrong.push(format!("{name}: {:#}", report.json["problems"]));
        }
        let resumed = front.asked().iter().any(|asked| asked.header("range").is_some());
        if *name == "cut once" && !resumed {
            wrong.push(format!("{name}: began anew"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn nothing_found_in_a_half_is_not_clean() {
    let registry = Registry::plain();
    let noise = |layer: crate::support::layer::LayerBuilder| {
        layer.file("noise", Noise::new("registry").take(50_000).collect::<Vec<u8>>())
    };
    let bundle =
        bundle(&[ImageBuilder::new().step("COPY noise /noise # buildkit", noise)], Compression::Gzip);
    registry.push(&bundle, "app:1");
    let front = Front::of(&registry.address, |asked| {
        if asked.path.contains("/blobs/") { Act::Cut(1_000) } else { Act::Pass }
    });
    let report = scanner().args([&format!("{}/app:1", front.address), "--registry-retries", "0"]).report();
    assert_eq!(report.code, 4, "{:#}", report.json);
    assert_eq!(scanner().args([format!("{}/app:1", registry.address)]).report().code, 0);
}

#[test]
fn a_manifest_that_cannot_be_had_is_an_error() {
    let registry = Registry::plain();
    registry.push(&bundle(&[leaky()], Compression::Gzip), "app:1");
    for (name, act, says) in [
        ("404", answer(404), "there is no http://"),
        ("500", answer(500), "the server failed (500)"),
        ("loop", leads_to("/v2/app/manifests/1"), "without an end"),
        ("hang", Act::Hang(10), "stopped in the middle"),
        ("page", Act::Answer(200, vec![], "<html></html>".into()), ""),
    ] {
        let front = Front::of(&registry.address, move |asked| {
            if asked.path.contains("/manifests/") { act.clone() } else { Act::Pass }
        });
        let scan = scanner().args([&format!("{}/app:1", front.address), "--registry-retries", "1"]);
        let run = scan.args(["--registry-timeout", "1"]).run();
        assert!([3, 4].contains(&run.code), "{name}: {} {}{}", run.code, run.stdout, run.stderr);
        assert!(run.stderr.contains(says), "{name}: {}", run.stderr);
    }
}

#[test]
fn a_document_that_drips_ends_by_the_time_out() {
    let registry = Registry::plain();
    registry.push(&bundle(&[leaky()], Compression::Gzip), "app:1");
    let front =
        Front::of(
            &registry.address,
            |asked| {
                if asked.path.contains("/manifests/") { Act::Drip } else { Act::Pass }
            },
        );
    let name = format!("{}/app:1", front.address);
    let start = Instant::now();
    let scan = scanner().args([&name, "--registry-retries", "0", "--registry-timeout", "1"]);
    let run = scan.run();
    // The whole would take more than a minute.
    assert!(start.elapsed() < Duration::from_secs(40), "{:?}", start.elapsed());
    assert_eq!(run.code, 3, "{}", run.stderr);
}

/// Passes on what clients and `server` say, each way by itself; of more than `most` bytes from the server a byte now and then.
fn drip_behind(server: &str, most: usize) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, server) = (listener.local_addr().unwrap().to_string(), server.to_owned());
    let pass = |mut from: TcpStream, mut to: TcpStream, most: usize| {
        let (mut buffer, mut passed) = ([0; 1024], 0);
        while let Ok(read @ 1..) = from.read(&mut buffer) {
            for piece in buffer[..read].chunks(if passed < most { read } else { 1 }) {
                if piece.len() < read {
                    std::thread::sleep(Duration::from_millis(100));
                }
                if to.write_all(piece).is_err() {
                    return;
                }
            }
            passed += read;
        }
    };
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let Ok(upstream) = TcpStream::connect(&server) else { continue };
            let (from, to) = (client.try_clone().unwrap(), upstream.try_clone().unwrap());
            std::thread::spawn(move || pass(from, to, usize::MAX));
            std::thread::spawn(move || pass(upstream, client, most));
        }
    });
    address
}

#[test]
fn a_record_of_tls_that_drips_ends_by_the_time_out() {
    let registry = Registry::with_login();
    registry.push(&bundle(&[leaky()], Compression::Gzip), "app:1");
    // Documents are given, and of the large layer some records.
    let address = drip_behind(&registry.address, 100_000);
    let name = format!("{address}/app:1");
    let start = Instant::now();
    let scan = scanner().args([&name, "--registry-retries", "0", "--registry-timeout", "1", "--registry-ca"]);
    let scan = scan.path(&registry.file("ca.pem")).args(["--username", USER, "--password-stdin"]);
    let report = scan.input(PASSWORD).report();
    // A record has up to 16 KiB, each of which would take 27 minutes.
    assert!(start.elapsed() < Duration::from_secs(40), "{:?}", start.elapsed());
    assert!(report.finding(&token()).is_some(), "{:#}", report.json);
    assert!(report.problem_kinds().contains(&"unreadable"), "{:#}", report.json["problems"]);
}

#[test]
fn a_tag_that_lies_about_its_digest_is_told() {
    let registry = Registry::plain();
    let bundle = bundle(&[leaky()], Compression::Gzip);
    registry.push(&bundle, "app:1");
    let report = scanner().args([format!("{}/app:1", registry.address)]).report();
    let digest = report.json["image"]["manifests"][0]["manifest"].as_str().unwrap();
    let by_digest = |address: &str| scanner().args([format!("{address}/app@{digest}")]).report();
    assert_eq!(by_digest(&registry.address).problems(), [json!(null); 0]);
    let front = Front::of(&registry.address, |asked| {
        if asked.path.contains("/manifests/sha256") && asked.method == "GET" { Act::Spoil } else { Act::Pass }
    });
    let spoiled = by_digest(&front.address);
    assert_ne!(spoiled.code, 0, "{:#}", spoiled.json);
    assert!(!spoiled.problems().is_empty(), "{:#}", spoiled.json);
}

#[test]
fn skopeo_and_layersift_read_the_same_image() {
    let registry = Registry::plain();
    let bundle = bundle(&[leaky()], Compression::Plain);
    let layout = tempfile::tempdir().unwrap();
    bundle.write_dir(layout.path());
    let from = format!("oci:{}", layout.path().display());
    let expected = from_file(&bundle).comparable();
    for (tag, args) in [
        ("gzip", &["--dest-compress-format", "gzip", "--dest-compress"][..]),
        ("zstd", &["--dest-compress-format", "zstd", "--dest-compress"]),
        ("docker", &["--format", "v2s2"]),
    ] {
        registry.copy(&from, &format!("app:{tag}"), args);
        let report = scanner().args([format!("{}/app:{tag}", registry.address)]).report();
        assert_eq!((report.comparable(), report.problems().len()), (expected.clone(), 0), "{tag}");
    }
    let listed = run(
        "skopeo",
        &["list-tags", "--tls-verify=false", &format!("docker://{}/app", registry.address)],
        layout.path(),
    );
    assert!(String::from_utf8(listed).unwrap().contains("zstd"));
}

#[test]
fn whole_repositories_are_one_report_and_shared_layers_are_read_once() {
    let registry = Registry::plain();
    let other = expand("ghp_{base62:30}{github-crc32}", "newer");
    let newer = leaky().step("COPY token /token # buildkit", |layer| layer.file("token", &other));
    registry.push(&bundle(&[leaky()], Compression::Gzip), "org/app:1.0");
    registry.push(&bundle(&[newer], Compression::Gzip), "org/app:1.1");
    registry.push(&bundle(&[leaky()], Compression::Gzip), "org/app:nightly");
    registry.push(&bundle(&[leaky()], Compression::Gzip), "tools:1");
    let large = large_layer(&bundle(&[leaky()], Compression::Gzip));
    // A page at a time, and each names the next.
    let front = Front::of(&registry.address, |asked| {
        if !asked.path.contains("/tags/list") || asked.path.contains("n=2&") || asked.path.ends_with("n=2") {
            return Act::Pass;
        }
        Act::Answer(
            200,
            vec![("Link", "</x?n=2&last=1.0>; rel=\"next\"".into())],
            json!({"tags": ["1.0"]}).to_string(),
        )
    });
    let repository = format!("{}/org/app", front.address);
    let scan = |args: &[&str]| scanner().args(args.iter().copied()).report();
    let names = |report: &Report| -> Vec<String> {
        let images = report.json["image"]["manifests"].as_array().unwrap();
        images
            .iter()
            .flat_map(|image| image["names"].as_array().unwrap())
            .map(|name| name.as_str().unwrap().to_owned())
            .collect()
    };
    let all = scan(&["--all-tags", &repository]);
    for tag in ["1.0", "1.1", "nightly"] {
        assert!(names(&all).contains(&format!("{repository}:{tag}")), "{:?}", names(&all));
    }
    assert!(all.finding(&token()).is_some() && all.finding(&other).is_some());
    assert_eq!((all.code, all.problems().len()), (1, 0), "{:#}", all.json["problems"]);
    let read = |path: &str| front.asked().iter().filter(|asked| asked.path.ends_with(path)).count();
    assert_eq!(read(&format!("/blobs/{large}")), 1);
    let some = scan(&["--all-tags", "--tags", "1.*", "--tags", "x", &repository]);
    assert!(names(&some).iter().all(|name| !name.ends_with(":nightly")), "{:?}", names(&some));

    let catalog = scan(&["--catalog", &registry.address]);
    for name in ["org/app:1.1", "tools:1"] {
        assert!(names(&catalog).contains(&format!("{}/{name}", registry.address)), "{:?}", names(&catalog));
    }
    assert_eq!(scan(&["--all-tags", &format!("{}/none", registry.address)]).code, 3);
    for args in [
        &["--tags", "1", "a"][..],
        &["--history-only", "a.tar"],
        &["--catalog", "--all-tags", "a"],
        &["--catalog", "A b"],
    ] {
        assert_eq!(scanner().args(args.iter().copied()).run().code, 2, "{args:?}");
    }
}

/// An image that was made on that day, with a token of its own.
fn made(day: &str, of: &str) -> ImageBuilder {
    let secret = expand("ghp_{base62:30}{github-crc32}", of);
    let image = ImageBuilder::new().step("COPY x /x # buildkit", |layer| layer.file("x", secret));
    image.created(if day.is_empty() { Value::Null } else { json!(day) })
}

#[test]
fn tags_are_chosen_by_age() {
    let registry = Registry::plain();
    let images = [
        ("a-old", "2024-01-01T00:00:00Z"),
        ("b-new", "2025-06-01T12:00:00Z"),
        ("c-newest", "2025-07-01T00:00:00Z"),
        ("d-undated", ""),
        ("e-epoch", "1970-01-01T00:00:00Z"),
    ];
    for (tag, day) in images {
        registry.push(&bundle(&[made(day, tag)], Compression::Gzip), &format!("app:{tag}"));
    }
    let repository = format!("{}/app", registry.address);
    let scan =
        |args: &[&str]| scanner().args(["--all-tags", &repository]).args(args.iter().copied()).report();
    let found = |report: &Report| {
        let secret = |tag: &str| expand("ghp_{base62:30}{github-crc32}", tag);
        let there = images.iter().filter(|(tag, _)| report.finding(&secret(tag)).is_some());
        there.map(|(tag, _)| *tag).collect::<Vec<_>>()
    };
    let all = scan(&[]);
    assert_eq!(found(&all), images.map(|(tag, _)| tag));
    assert!(all.problems().is_empty(), "{:#}", all.json["problems"]);
    for since in ["2025-01-01", "2025-06-01T13:00:00+02:00"] {
        let new = scan(&["--newer-than", since]);
        assert_eq!(found(&new), ["b-new", "c-newest", "d-undated", "e-epoch"], "{since}");
        assert_eq!((new.code, new.problem_kinds()), (1, vec!["note", "note"]), "{:#}", new.json["problems"]);
        let told = new.json["problems"].to_string();
        assert!(told.contains("1 of 5 tags") && told.contains("2 of 5 tags"), "{told}");
    }
    assert_eq!(found(&scan(&["--newer-than", "2025-06-15", "--tags", "a*", "--tags", "b*"])), [""; 0]);
    let none = scan(&["--newer-than", "1h", "--tags", "a*", "--tags", "b*"]);
    assert_eq!((none.code, none.problem_kinds()), (0, vec!["note"]), "{:#}", none.json);
    let wrong = scanner().args(["--all-tags", &repository, "--newer-than", "soon"]).run();
    assert!(wrong.code == 2 && wrong.stderr.contains("30d"), "{}", wrong.stderr);
    assert_eq!(scanner().args([&repository, "--newer-than", "1d"]).run().code, 2);
}

#[test]
fn documents_of_many_tags_are_fetched_side_by_side_and_once() {
    let registry = Registry::plain();
    for number in 0..12 {
        let name = format!("app:{number}");
        registry.push(&bundle(&[made("2025-06-01T12:00:00Z", &name)], Compression::Gzip), &name);
    }
    let front = Front::of(&registry.address, |_| Act::Slow(Duration::from_millis(50)));
    let repository = format!("{}/app", front.address);
    let report = scanner().args(["--all-tags", "--history-only", &repository]).report();
    assert_eq!(report.json["image"]["manifests"].as_array().unwrap().len(), 12);
    let asked = front.asked();
    let repeated: Vec<_> = asked.iter().filter(|asked| asked.before > 0).map(|asked| &asked.path).collect();
    assert!(repeated.iter().all(|path| path.as_str() == "/v2/"), "{repeated:?}");
    assert!(front.most_at_once() > 2, "{} at once", front.most_at_once());
}

#[test]
fn what_has_no_tag_or_none_that_fits_says_so() {
    let registry = Registry::plain();
    registry.push(&bundle(&[leaky()], Compression::Gzip), "app:1");
    let repository = format!("{}/app", registry.address);
    let run = |args: &[&str]| scanner().args(args.iter().copied()).run();
    let misfit = run(&["--all-tags", &repository, "--tags", "v*"]);
    assert_eq!(misfit.code, 3);
    assert!(
        misfit.stderr.contains("the one tag of") && misfit.stderr.contains("--tags"),
        "{}",
        misfit.stderr
    );
    let in_all = run(&["--catalog", &registry.address, "--tags", "v*"]);
    assert!(in_all.code == 3 && in_all.stderr.contains("--tags"), "{}", in_all.stderr);
    let empty = Front::of(&registry.address, |asked| {
        let list = json!({"name": "app", "tags": null}).to_string();
        if asked.path.contains("/tags/list") { Act::Answer(200, vec![], list) } else { Act::Pass }
    });
    let none = run(&["--all-tags", &format!("{}/app", empty.address)]);
    assert!(none.code == 3 && none.stderr.contains("has no tags"), "{}", none.stderr);
}

#[test]
fn an_empty_page_does_not_end_a_list() {
    let registry = Registry::plain();
    registry.push(&bundle(&[leaky()], Compression::Gzip), "app:1");
    let front = Front::of(&registry.address, |asked| {
        let (list, next) = (asked.path.contains("/tags/list"), asked.path.contains("last=0"));
        let link = ("Link", "</v2/app/tags/list?last=0&n=1>; rel=\"next\"".to_owned());
        let page = |tags: Value| json!({"name": "app", "tags": tags}).to_string();
        match (list, next) {
            (true, false) => Act::Answer(200, vec![link], page(Value::Null)),
            (true, true) => Act::Answer(200, vec![], page(json!(["1"]))),
            _ => Act::Pass,
        }
    });
    let report = scanner().args(["--all-tags", &format!("{}/app", front.address)]).report();
    assert!(report.finding(&token()).is_some(), "{:#}", report.json);
}

#[test]
fn a_helper_is_asked_once_for_a_whole_registry() {
    let registry = Registry::with_login();
    for name in ["a:1", "b:1", "c:1"] {
        registry.push(&bundle(&[leaky()], Compression::Gzip), name);
    }
    let home = tempfile::tempdir().unwrap();
    fs::create_dir_all(home.path().join(".docker")).unwrap();
    fs::write(home.path().join(".docker/config.json"), json!({"credsStore": "test"}).to_string()).unwrap();
    let log = home.path().join("asked");
    helper(home.path(), &format!("echo x >> {}\n", log.display()));
    let scan =
        scanner().args(["--catalog", &registry.address, "--registry-ca"]).path(&registry.file("ca.pem"));
    let report = scan.env("HOME", home.path()).env("PATH", home.path()).report();
    let images = report.json["image"]["manifests"].as_array().unwrap();
    let names: usize = images.iter().map(|image| image["names"].as_array().unwrap().len()).sum();
    assert_eq!(names, 3, "{:#}", report.json["image"]);
    assert_eq!(fs::read_to_string(log).unwrap(), "x\n");
}

#[test]
fn the_history_alone_is_read_without_a_layer() {
    let registry = Registry::plain();
    let told = expand("ghp_{base62:30}{github-crc32}", "in the environment");
    registry.push(&bundle(&[leaky().env("DEPLOY_TOKEN", &told)], Compression::Gzip), "app:1");
    let front = Front::of(&registry.address, |_| Act::Pass);
    let report = scanner().args(["--history-only", &format!("{}/app:1", front.address)]).report();
    assert!(report.finding(&told).is_some() && report.finding(&token()).is_none(), "{:#}", report.json);
    assert_eq!((report.code, report.problems().len()), (1, 0), "{:#}", report.json["problems"]);
    let blobs = report.json["coverage"]["blobs"].as_array().unwrap();
    let skipped =
        blobs.iter().filter(|blob| blob["skipped"][0]["reason"] == "only the history was asked for").count();
    assert_eq!(skipped, 2, "{blobs:?}");
    assert_eq!(front.asked().iter().filter(|asked| asked.path.contains("/blobs/")).count(), 1, "the config");
}

#[test]
fn a_second_scan_fetches_the_documents_and_a_changed_layer_costs_that_layer() {
    let registry = Registry::plain();
    let changed = expand("ghp_{base62:30}{github-crc32}", "changed");
    let newer = leaky().step("COPY x /x # buildkit", |layer| layer.file("x", &changed));
    let (first, second) = (bundle(&[leaky()], Compression::Gzip), bundle(&[newer], Compression::Gzip));
    let cache = tempfile::tempdir().unwrap();
    let mut reports = Vec::new();
    for (image, layers, bytes) in [(Some(&first), 2, 900_000), (None, 0, 0), (Some(&second), 1, 0)] {
        if let Some(image) = image {
            registry.push(image, "app:1");
        }
        let front = Front::of(&registry.address, |_| Act::Pass);
        let args = ["--format", "json", "--quiet", "--registry-mirror"];
        let mirror = format!("{}={}", registry.address, front.address);
        let name = format!("{}/app:1", registry.address);
        let scan = || scanner().args(args).args([mirror.clone(), name.clone()]);
        let run = scan().args(["--cache-dir"]).path(cache.path()).run();
        assert_eq!(run.code, 1, "{}", run.stderr);
        let asked = front.asked();
        let got = |path: &str| {
            asked.iter().filter(|asked| asked.method == "GET" && asked.path.contains(path)).count()
        };
        // One of the blobs is the configuration.
        assert_eq!((got("/manifests/1"), got("/blobs/")), (1, layers + 1), "{asked:?}");
        let large = large_layer(&first);
        assert_eq!(asked.iter().any(|asked| asked.path.ends_with(&large)), bytes > 0);
        let told: [Value; 2] =
            [run, scan().args(["--no-cache"]).run()].map(|run| serde_json::from_str(&run.stdout).unwrap());
        // That it is built on the first image only the cache knows.
        let base = &told[0]["image"]["manifests"][0]["base"];
        assert_eq!(base["from"] == "cache", reports.len() == 2, "{base}");
        let findings = |report: &Value| -> Vec<Value> {
            let findings = report["findings"].as_array().unwrap();
            findings.iter().map(|finding| finding["fingerprint"].clone()).collect()
        };
        let (with, without) = (findings(&told[0]), findings(&told[1]));
        assert_eq!(with, without);
        reports.push(with);
    }
    assert_eq!(reports.iter().map(Vec::len).collect::<Vec<_>>(), [1, 1, 2]);
}
