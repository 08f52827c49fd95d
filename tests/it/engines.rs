//! Images that engines have: the same findings as from a file, whatever they are called, and whatever goes wrong.
//!
//! The engines are real ones. What real ones do not do on request, a server of ours does in front of one.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::support::bundle::Bundle;
use crate::support::compression::Compression;
use crate::support::engine::{Engine, Kind};
use crate::support::formats::named;
use crate::support::front::{Act, Asked, Front};
use crate::support::image::ImageBuilder;
use crate::support::noise::Noise;
use crate::support::registry::{Registry, run};
use crate::support::scanner::{Report, Scanner, scanner};
use layersift::signature::template::expand;
use serde_json::json;

fn token() -> String {
    expand("ghp_{base62:30}{github-crc32}", "engine")
}

/// A small layer that leaks, and a large one that does not.
fn leaky() -> ImageBuilder {
    ImageBuilder::new()
        .name("leaky:1")
        .step("COPY .env /.env # buildkit", |layer| layer.file(".env", token()))
        .step("COPY noise /noise # buildkit", |layer| {
            layer.file("noise", Noise::new("engine").take(900_000).collect::<Vec<u8>>())
        })
}

fn saved(images: &[ImageBuilder]) -> Bundle {
    (named("docker-legacy").write)(images, Compression::Plain)
}

fn from_file(bundle: &Bundle) -> Report {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), bundle.tar()).unwrap();
    scanner().path(file.path()).report()
}

/// A scan that knows where `engine` is.
fn with(engine: &Engine) -> Scanner {
    let (name, value) = engine.variable();
    scanner().env(name, value)
}

/// The first digits of the id of an image.
fn id_of(bundle: &Bundle) -> String {
    let manifest = bundle.tar();
    let mut archive = tar::Archive::new(&manifest[..]);
    let mut entries = archive.entries().unwrap().map(Result::unwrap);
    let config = entries.find(|entry| {
        let path = entry.path().unwrap();
        path.extension().is_some_and(|end| end == "json")
            && path.file_stem().is_some_and(|stem| stem.len() == 64)
    });
    config.unwrap().path().unwrap().display().to_string()[..64].to_owned()
}

#[test]
fn an_image_is_found_by_its_name_and_by_its_id() {
    let bundle = saved(&[leaky()]);
    let expected = from_file(&bundle).comparable();
    let id = id_of(&bundle);
    for (engine, name) in [(Engine::start(Kind::Docker), "docker"), (Engine::start(Kind::Podman), "podman")] {
        engine.load(&bundle.tar());
        for image in ["leaky:1", &format!("sha256:{id}"), &id, &id[..12]] {
            let report = with(&engine).args([format!("{name}:{image}")]).report();
            assert_eq!(
                (report.comparable(), report.problems().len()),
                (expected.clone(), 0),
                "{name}:{image}"
            );
            let found = &report.json["image"];
            assert_eq!(
                (&found["source"], &found["format"]),
                (&json!(format!("{name}:{image}")), &json!(format!("{name}-engine")))
            );
            assert!(report.json["coverage"]["blobs"].as_array().is_some_and(|blobs| !blobs.is_empty()));
        }
        // Nothing of it was unpacked or kept where the scan ran; the engine itself is as it was.
        let twice = with(&engine).args([format!("{name}:leaky:1"), format!("{name}:leaky:1")]).report();
        assert_eq!(twice.json["reports"].as_array().map(Vec::len), Some(2));
    }
}

#[test]
fn a_bare_name_is_a_path_then_an_engines_then_a_registrys() {
    let (docker, podman, registry) =
        (Engine::start(Kind::Docker), Engine::start(Kind::Podman), Registry::plain());
    let secrets = ["path", "docker", "podman", "registry"]
        .map(|place| expand("ghp_{base62:30}{github-crc32}", &format!("in {place}")));
    let image = |secret: &String| {
        let step = |layer: crate::support::layer::LayerBuilder| layer.file(".env", secret);
        ImageBuilder::new().name("app:1").step("COPY .env / # buildkit", step)
    };
    let oci = |secret| (named("oci-archive").write)(&[image(secret)], Compression::Gzip);
    registry.push(&oci(&secrets[3]), "app:1");
    let name = format!("{}/app:1", registry.address);
    let (repository, _) = name.rsplit_once(':').unwrap();
    let folder = tempfile::tempdir().unwrap();
    let scan = || {
        let (docker_host, docker) = docker.variable();
        let (podman_host, podman) = podman.variable();
        scanner().env(docker_host, docker).env(podman_host, podman).within(folder.path()).args([&name])
    };
    let expect = |secret: &String, source: &str, format: &str| {
        let report = scan().report();
        assert!(report.finding(secret).is_some(), "{source}: {:#}", report.json);
        assert_eq!((report.findings().len(), report.problems().len()), (1, 0), "{:#}", report.json);
        let image = &report.json["image"];
        assert_eq!((&image["source"], &image["format"]), (&json!(source), &json!(format)));
        let table = scan().args(["--color", "never"]).run();
        assert!(table.stdout.starts_with(&format!("{source}  {format}\n")), "{}", table.stdout);
    };
    expect(&secrets[3], &name, "registry");
    podman.load(&saved(&[image(&secrets[2])]).tar());
    podman.tag("app:1", repository, "1");
    expect(&secrets[2], &format!("podman:{name}"), "podman-engine");
    docker.load(&saved(&[image(&secrets[1])]).tar());
    docker.tag("app:1", repository, "1");
    expect(&secrets[1], &format!("docker:{name}"), "docker-engine");
    let path = folder.path().join(&name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, oci(&secrets[0]).tar()).unwrap();
    expect(&secrets[0], &name, "oci-archive");
    let others = [format!("registry:{name}"), format!("docker:{name}"), format!("podman:{name}")];
    for (other, secret) in others.iter().zip([&secrets[3], &secrets[1], &secrets[2]]) {
        let report = with(&docker).env(podman.variable().0, podman.variable().1).args([other]).report();
        assert!(report.finding(secret).is_some(), "{other}");
    }
}

#[test]
fn an_image_that_nobody_has_is_an_error_that_says_where_it_was_looked_for() {
    let docker = Engine::start(Kind::Docker);
    docker.load(&saved(&[leaky()]).tar());
    let told = |scan: Scanner, name: &str| {
        let run = scan.args([name, "--registry-retries", "0"]).run();
        assert_eq!((run.code, run.stdout.as_str()), (3, ""), "{}", run.stderr);
        run.stderr
    };
    let near = told(with(&docker), "docker:laeky:1");
    assert!(near.contains("has no image laeky:1; it has leaky:1") && near.contains("pull it"), "{near}");
    let tag = told(with(&docker), "docker:leaky");
    assert!(tag.contains("it has leaky:1"), "{tag}");
    let everywhere = told(with(&docker), "127.0.0.1:1/leaky:2");
    for part in [
        "127.0.0.1:1",
        "a file, and there is none",
        "docker, and the Docker engine at unix:///",
        "podman, and no service of podman listens at unix:///",
    ] {
        assert!(everywhere.contains(part), "{part}: {everywhere}");
    }
    let id = told(with(&docker), &"0a".repeat(32));
    assert!(id.contains("no engine has one of that id") && !id.contains("docker.io"), "{id}");
    let nobody = told(scanner().env("DOCKER_HOST", "unix:///nowhere/docker.sock"), "docker:leaky:1");
    for part in [
        "no Docker engine listens at unix:///nowhere/docker.sock",
        "DOCKER_HOST",
        "docker save NAME | layersift scan -",
    ] {
        assert!(nobody.contains(part), "{part}: {nobody}");
    }
    let service = told(scanner().env("CONTAINER_HOST", "unix:///nowhere/podman.sock"), "podman:leaky:1");
    assert!(service.contains("systemctl --user start podman.socket"), "{service}");
}

#[test]
fn a_mistyped_file_is_looked_for_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("image.tar"), saved(&[leaky()]).tar()).unwrap();
    let front = Front::of("127.0.0.1:1", |_| Act::Answer(404, vec![], String::new()));
    let host = format!("tcp://{}", front.address);
    for name in ["imge.tar", "./imge.tar", "image.tar.gz", "./image", "/no/such/image"] {
        let run = scanner().env("DOCKER_HOST", &host).within(folder.path()).args([name]).run();
        assert_eq!(run.code, 3, "{}", run.stderr);
        assert!(run.stderr.contains(&format!("cannot read {name}: No such file")), "{}", run.stderr);
        let near = run.stderr.contains("did you mean `");
        assert!(near || !name.ends_with("imge.tar"), "{}", run.stderr);
    }
    assert!(front.asked().is_empty());
    assert_eq!(scanner().within(folder.path()).args(["image.tar"]).run().code, 1);
}

#[test]
fn an_engine_that_may_not_be_asked_is_told_and_not_passed_over() {
    let docker = Engine::start(Kind::Docker);
    docker.load(&saved(&[leaky()]).tar());
    let registry = Registry::plain();
    registry.push(&(named("oci-archive").write)(&[leaky()], Compression::Gzip), "app:1");
    let name = format!("{}/app:1", registry.address);
    // A socket that nobody listens to any more.
    let folder = tempfile::tempdir().unwrap();
    let stale = folder.path().join("stale.sock");
    drop(std::os::unix::net::UnixListener::bind(&stale).unwrap());
    let host = format!("unix://{}", stale.display());
    let run = scanner().env("DOCKER_HOST", &host).args(["docker:leaky:1"]).run();
    assert!(run.code == 3 && run.stderr.contains("does not run: nobody listens there"), "{}", run.stderr);
    let report = scanner().env("DOCKER_HOST", &host).args([&name]).report();
    let problem = &report.problems()[0];
    assert_eq!((report.code, &problem["kind"]), (1, &json!("note")), "{:#}", report.json);
    let says = problem["message"].as_str().unwrap();
    assert!(says.starts_with("this may be another image than the engine's"), "{says}");
}

#[test]
fn who_may_not_use_the_socket_is_told_what_to_do() {
    // As somebody who is not the owner of the socket, with a program that he may run.
    let docker = Engine::start(Kind::Docker);
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let program = folder.path().join("layersift");
    fs::copy(env!("CARGO_BIN_EXE_layersift"), &program).unwrap();
    fs::set_permissions(docker.folder(), fs::Permissions::from_mode(0o755)).unwrap();
    let (name, value) = docker.variable();
    let output = std::process::Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .arg(&program)
        .args(["scan", "docker:leaky:1"])
        .env_clear()
        .env(name, value)
        .current_dir("/")
        .output()
        .expect("setpriv is there, as on every Debian");
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{told}");
    assert!(told.contains("you may not use its socket") && told.contains("`docker`"), "{told}");
}

#[test]
fn every_image_of_an_engine_is_scanned_by_one_word() {
    for (engine, name) in [(Engine::start(Kind::Docker), "docker"), (Engine::start(Kind::Podman), "podman")] {
        let none = with(&engine).args(["--all-images", name]).run();
        assert!(none.code == 3 && none.stderr.contains("has no image"), "{}", none.stderr);
        let other = ImageBuilder::new().name("other:1").step("x", |layer| layer.file("a", "b"));
        engine.load(&saved(&[leaky()]).tar());
        engine.load(&saved(&[other]).tar());
        let run = with(&engine).args(["--all-images", &format!("{name}:"), "--format", "json"]).run();
        assert_eq!(run.code, 1, "{}", run.stderr);
        let reports: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
        let mut sources: Vec<&str> = reports["reports"]
            .as_array()
            .unwrap()
            .iter()
            .map(|report| report["image"]["source"].as_str().unwrap())
            .collect();
        sources.sort_unstable();
        assert_eq!(sources.len(), 2, "{sources:?}");
        assert!(sources[0].ends_with("leaky:1") && sources[1].ends_with("other:1"), "{sources:?}");
    }
    for args in [
        &["--all-images", "app"][..],
        &["--all-images", "--all-tags", "docker"],
        &["--all-images", "--history-only", "docker"],
        &["docker:"],
        &["podman:"],
        &["docker://app"],
        &["containerd:app"],
        &["--history-only", "docker:app"],
    ] {
        assert_eq!(scanner().args(args.iter().copied()).run().code, 2, "{args:?}");
    }
}

#[test]
fn annotations_come_out_of_podman_too() {
    let podman = Engine::start(Kind::Podman);
    let secret = expand("ghp_{base62:30}{github-crc32}", "annotation");
    let image = leaky().annotation("org.example.deploy", &secret);
    let bundle = (named("oci-archive").write)(&[image], Compression::Gzip);
    podman.load(&bundle.tar());
    let report = with(&podman).args(["podman:leaky:1"]).report();
    assert!(report.finding(&secret).is_some(), "{:#}", report.json);
    assert_eq!(report.comparable(), from_file(&bundle).comparable());
}

#[test]
fn docker_may_be_podman() {
    let podman = Engine::start(Kind::Podman);
    podman.load(&saved(&[leaky()]).tar());
    let host = format!("unix://{}", podman.socket().display());
    let report = scanner().env("DOCKER_HOST", host).args(["docker:leaky:1"]).report();
    assert!(report.finding(&token()).is_some() && report.problems().is_empty(), "{:#}", report.json);
}

/// A folder with a program called `ssh` that does what ssh does on the way to this machine: it runs the command.
fn fake_ssh(script: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("ssh");
    fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

#[test]
fn an_engine_is_reached_over_ssh() {
    let podman = Engine::start(Kind::Podman);
    podman.load(&saved(&[leaky()]).tar());
    let expected = from_file(&saved(&[leaky()])).comparable();
    // What is called over ssh is podman's own program, here with the address that the user named for it.
    let ssh = fake_ssh("while [ \"$1\" != -- ]; do shift; done; shift 2; exec \"$@\"");
    let path = format!("{}:{}", ssh.path().display(), std::env::var("PATH").unwrap());
    let host = format!("ssh://me@far.example:2222{}", podman.socket().display());
    let scan = |host: &str, path: &str| {
        scanner().env("CONTAINER_HOST", host).env("PATH", path).env("HOME", "/root").args(["podman:leaky:1"])
    };
    assert_eq!(scan(&host, &path).report().comparable(), expected);

    let refused = fake_ssh("echo 'me@far.example: Permission denied (publickey).' >&2; exit 255");
    let run = scan(&host, &format!("{}:/bin:/usr/bin", refused.path().display())).run();
    assert_eq!(run.code, 3);
    for part in ["Permission denied (publickey)", "see that ssh gets there"] {
        assert!(run.stderr.contains(part), "{}", run.stderr);
    }
    let hangs = fake_ssh("exec sleep 60");
    let run = scan(&host, &format!("{}:/bin:/usr/bin", hangs.path().display()))
        .args(["--registry-timeout", "1"])
        .run();
    assert!(run.code == 3 && run.stderr.contains("gave no answer in 1 s"), "{}", run.stderr);
}

#[test]
fn contexts_lead_to_engines_and_tls_is_checked() {
    let docker = Engine::start(Kind::Docker);
    docker.load(&saved(&[leaky()]).tar());
    let home = tempfile::tempdir().unwrap();
    let context = |name: &str, host: &str| {
        let key = layersift::digest::Digest::of(name.as_bytes()).hex();
        let folder = home.path().join(".docker/contexts/meta").join(&key);
        fs::create_dir_all(&folder).unwrap();
        let meta = json!({"Name": name, "Metadata": {}, "Endpoints": {"docker": {"Host": host, "SkipTLSVerify": false}}});
        fs::write(folder.join("meta.json"), meta.to_string()).unwrap();
        home.path().join(".docker/contexts/tls").join(&key).join("docker")
    };
    let current = |name: &str| {
        let file = home.path().join(".docker/config.json");
        fs::write(file, json!({"currentContext": name}).to_string()).unwrap();
    };
    let scan = || scanner().env("HOME", home.path()).args(["docker:leaky:1"]);
    context("near", &docker.variable().1);
    current("near");
    assert!(scan().report().finding(&token()).is_some());
    assert!(scan().env("DOCKER_HOST", "unix:///nowhere").run().stderr.contains("unix:///nowhere"));
    assert!(scan().env("DOCKER_CONTEXT", "none").run().stderr.contains("no Docker context `none`"));

    // A registry has the certificates that an engine would have; what it answers is no engine's, but it answers.
    let server = Registry::for_clients();
    let certificates = context("safe", &format!("tcp://{}", server.address));
    fs::create_dir_all(&certificates).unwrap();
    current("safe");
    let untrusted = scan().run();
    assert!(
        untrusted.stderr.contains("no safe connection to the Docker engine at tcp://"),
        "{}",
        untrusted.stderr
    );
    let put = |from: &str, to: &str| assert!(fs::copy(server.file(from), certificates.join(to)).unwrap() > 0);
    put("ca.pem", "ca.pem");
    assert!(!scan().run().stderr.contains("answers 404"), "nobody comes without a certificate");
    put("client.pem", "cert.pem");
    put("client.key", "key.pem");
    let trusted = scan().run();
    assert!(trusted.stderr.contains("answers 404"), "{}", trusted.stderr);
    let variables = scanner()
        .env("DOCKER_HOST", format!("tcp://{}", server.address))
        .env("DOCKER_TLS_VERIFY", "1")
        .env("DOCKER_CERT_PATH", &certificates);
    let trusted = variables.args(["docker:leaky:1"]).run();
    assert!(trusted.stderr.contains("answers 404"), "{}", trusted.stderr);
}

/// What an engine can do wrong when it is asked for an archive, and what has to come of it.
struct Fault {
    name: &'static str,
    act: fn(&Asked) -> Act,
    outcome: Outcome,
}

#[derive(Clone, Copy)]
enum Outcome {
    /// It is an error that says this.
    Error(&'static str),
    /// What came is scanned, and a problem says this.
    Gap(&'static str),
}

fn answer(status: u16, body: &str) -> Act {
    Act::Answer(status, vec![], body.to_owned())
}

const FAULTS: &[Fault] = &[
    Fault {
        name: "500 with a reason",
        act: |_| answer(500, "{\"message\": \"the disk is full\"}"),
        outcome: Outcome::Error("answers 500: the disk is full"),
    },
    Fault {
        name: "500 with a very long reason",
        act: |_| answer(500, &json!({"message": "no ".repeat(3_000)}).to_string()),
        outcome: Outcome::Error("answers 500: no no no"),
    },
    Fault {
        name: "500 with more than anybody reads",
        act: |_| answer(500, &"x".repeat(9_000_000)),
        outcome: Outcome::Error("answers 500;"),
    },
    Fault {
        name: "500 that drives a terminal",
        act: |_| answer(500, "{\"message\": \"\\u001b[2Jgone\"}"),
        outcome: Outcome::Error("answers 500"),
    },
    Fault { name: "404", act: |_| answer(404, ""), outcome: Outcome::Error("answers 404") },
    Fault {
        name: "a page",
        act: |_| answer(200, "<html></html>"),
        outcome: Outcome::Error("is not a saved image"),
    },
    Fault { name: "nothing", act: |_| answer(200, ""), outcome: Outcome::Error("it is empty") },
    Fault {
        name: "cut before the first byte",
        act: |_| Act::Cut(0),
        outcome: Outcome::Error("stopped in the middle"),
    },
    Fault { name: "cut", act: |_| Act::Cut(500_000), outcome: Outcome::Gap("stopped in the middle") },
    Fault { name: "hangs at once", act: |_| Act::Hang(0), outcome: Outcome::Error("stopped in the middle") },
    Fault { name: "hangs", act: |_| Act::Hang(500_000), outcome: Outcome::Gap("stopped in the middle") },
    Fault { name: "a byte now and then", act: |_| Act::Drip, outcome: Outcome::Error("bytes in 1 s") },
    Fault {
        name: "less than it says",
        act: |_| Act::Longer(1_000),
        outcome: Outcome::Gap("stopped in the middle"),
    },
    Fault { name: "more than it says", act: |_| Act::Longer(-300_000), outcome: Outcome::Gap("the archive") },
    Fault {
        name: "a layer with another content",
        act: |_| Act::SpoilAt(20_000),
        outcome: Outcome::Gap("it was searched all the same"),
    },
    Fault {
        name: "an error behind half of it",
        act: |_| Act::Instead(500_000, "{\"errorDetail\": {\"message\": \"the disk is full\"}}"),
        outcome: Outcome::Gap("the archive"),
    },
    Fault {
        name: "leads elsewhere",
        act: |_| Act::Answer(302, vec![("Location", "http://registry.invalid/x".into())], String::new()),
        outcome: Outcome::Error("registry.invalid"),
    },
];

#[test]
fn each_fault_of_an_engine_is_told() {
    let docker = Engine::start(Kind::Docker);
    // The large layer is the first here, so that half of the archive is in its middle.
    docker.load(&saved(&[leaky()]).tar());
    let mut wrong = Vec::new();
    for Fault { name, act, outcome } in FAULTS {
        let act = *act;
        let front = Front::of_socket(&docker.socket(), move |asked| {
            if asked.path.ends_with("/get") { act(asked) } else { Act::Pass }
        });
        let scan = scanner().env("DOCKER_HOST", format!("tcp://{}", front.address));
        let run = scan.args(["docker:leaky:1", "--registry-timeout", "1", "--format", "json"]).run();
        let right = match outcome {
            Outcome::Error(says) => {
                run.code == 3
                    && run.stderr.contains(says)
                    && run.stderr.len() < 1_000
                    && !run.stderr.contains('\u{1b}')
            }
            Outcome::Gap(says) => {
                let report: serde_json::Value = serde_json::from_str(&run.stdout).unwrap_or_default();
                let problems = report["problems"].as_array().cloned().unwrap_or_default();
                let gap = |problem: &serde_json::Value| {
                    problem["kind"] != "note"
                        && problem["message"].as_str().is_some_and(|text| text.contains(says))
                        && problem["remedy"].as_str().is_some_and(|text| !text.is_empty())
                };
                [1, 4].contains(&run.code) && problems.iter().any(gap)
            }
        };
        if !right {
            wrong.push(format!("{name}: {} {}{}", run.code, run.stderr, run.stdout));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn nothing_found_in_a_half_is_not_clean() {
    let docker = Engine::start(Kind::Docker);
    let noise = |layer: crate::support::layer::LayerBuilder| {
        layer.file("noise", Noise::new("engine").take(50_000).collect::<Vec<u8>>())
    };
    docker.load(&saved(&[ImageBuilder::new().name("clean:1").step("COPY noise / # buildkit", noise)]).tar());
    let code = |act: fn() -> Act| {
        let front =
            Front::of_socket(
                &docker.socket(),
                move |asked| {
                    if asked.path.ends_with("/get") { act() } else { Act::Pass }
                },
            );
        scanner().env("DOCKER_HOST", format!("tcp://{}", front.address)).args(["docker:clean:1"]).run().code
    };
    assert_eq!(code(|| Act::Pass), 0);
    for bytes in [600, 5_000, 40_000, 55_000] {
        let act: fn() -> Act = match bytes {
            600 => || Act::Cut(600),
            5_000 => || Act::Cut(5_000),
            40_000 => || Act::Cut(40_000),
            _ => || Act::Cut(55_000),
        };
        // Of so little nobody can say that it is an image.
        let expected = if bytes == 600 { 3 } else { 4 };
        assert_eq!(code(act), expected, "{bytes}");
    }
}

#[test]
fn what_is_no_engine_is_told() {
    let wrong = |path: &'static str, body: &'static str| {
        let front = Front::of("127.0.0.1:1", move |asked| {
            if asked.path.contains(path) { answer(200, body) } else { answer(200, "OK") }
        });
        let host = format!("tcp://{}", front.address);
        scanner().env("DOCKER_HOST", host).args(["docker:app"]).run()
    };
    let run = wrong("/json", "<html>");
    assert!(run.code == 3 && run.stderr.contains("does not answer as an engine does"), "{}", run.stderr);
    let run = scanner().env("DOCKER_HOST", "npipe:////./pipe/docker_engine").args(["docker:app"]).run();
    assert!(run.code == 3 && run.stderr.contains("is no address of an engine"), "{}", run.stderr);
}

#[test]
fn an_image_of_containerd_comes_by_a_pipe() {
    let containerd = Engine::start(Kind::Containerd);
    let bundle = (named("oci-archive").write)(&[leaky()], Compression::Gzip);
    containerd.load(&saved(&[leaky()]).tar());
    let said = scanner().args(["containerd:leaky:1"]).run();
    assert_eq!(said.code, 2);
    let line = "ctr image export - docker.io/library/leaky:1 | layersift scan -";
    assert!(said.stderr.contains(&format!("`{line}`")), "{}", said.stderr);
    let program = Path::new(env!("CARGO_BIN_EXE_layersift"));
    let script = format!(
        "export {}={}; PATH=$PATH:{}; {line} --format json --show-secrets --no-cache || [ $? = 1 ]",
        containerd.variable().0,
        containerd.variable().1,
        program.parent().unwrap().display()
    );
    let json = serde_json::from_slice(&run("sh", &["-c", &script], containerd.folder())).unwrap();
    assert_eq!(Report { code: 1, json }.comparable(), from_file(&bundle).comparable());
}
