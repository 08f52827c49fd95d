//! layersift's own image in a real engine, and the pipelines that use it, as `docs/ci/` shows them.
//!
//! Needs the static program that `.ci/image` builds, named by `LAYERSIFT_RELEASE`; `tests/run.sh` runs these so. Jobs are run as their
//! hosts would run their shell lines, against the engine, a registry, and a folder with a Dockerfile that leaks or does not.

#[cfg(feature = "serve")]
mod serve;

use std::env;
use std::fs;
use std::net::UdpSocket;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::thread;

use layersift::signature::template::expand;
use regex::Regex;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::engine::Engine;
use crate::support::registry::Registry;
use crate::support::scanner::scanner;
use crate::support::{root, yaml};

const NAME: &str = "layersift:0.1.0";

fn program() -> PathBuf {
    let program = env::var_os("LAYERSIFT_RELEASE").expect("LAYERSIFT_RELEASE names a static release build");
    PathBuf::from(program)
}

/// The image in a file.
fn image(out: &Path) {
    let mut command = Command::new(root().join(".ci/image"));
    let output = command.arg("--program").arg(program()).arg(out).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The engine, with the image loaded.
fn engine() -> &'static Engine {
    static LOADED: OnceLock<&Engine> = OnceLock::new();
    LOADED.get_or_init(|| {
        let (engine, folder) = (Engine::shared(), tempfile::tempdir().unwrap());
        let file = folder.path().join("layersift.tar");
        image(&file);
        engine.docker(&["load", "--quiet", "--input", &file.display().to_string()]);
        engine
    })
}

/// What a container of the image writes, and its exit code. It has no network but what `args` give it.
fn run(args: &[&str], input: Stdio) -> (i32, String) {
    let output = engine().client(&[&["run", "--rm"], args].concat()).stdin(input).output().unwrap();
    let told = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(told).unwrap())
}

/// A folder to build in, with an `.env` that leaks into the image unless `.dockerignore` keeps it out.
fn context(leaky: bool) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("Dockerfile"), "FROM scratch\nCOPY . /app/\n").unwrap();
    let token = expand("ghp_{base62:30}{github-crc32}", "packaged");
    fs::write(at(".env"), format!("GITHUB_TOKEN={token}\n")).unwrap();
    fs::write(at("shop"), "the shop\n").unwrap();
    if !leaky {
        fs::write(at(".dockerignore"), ".env\n").unwrap();
    }
    folder
}

#[test]
#[ignore = "needs a static release build; tests/run.sh runs it"]
fn the_image_is_small_clean_and_always_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (folder.path().join("first.tar"), folder.path().join("second.tar"));
    image(&first);
    // Another time, another place, another umask.
    let copy = folder.path().join("copy");
    fs::copy(program(), &copy).unwrap();
    let script =
        format!("umask 077; exec '{}' --program copy second.tar", root().join(".ci/image").display());
    let mut again = Command::new("sh");
    let again = again.args(["-c", &script]).current_dir(folder.path()).stdout(Stdio::null());
    assert!(again.status().unwrap().success());
    assert!(fs::read(&first).unwrap() == fs::read(&second).unwrap(), "the same program gives the same image");
    let size = fs::metadata(&first).unwrap().len();
    assert!(size < 30_000_000, "{size} bytes");
    let report = scanner().path(&first).report();
    assert_eq!(
        (report.code, report.findings(), report.problems()),
        (0, &[][..], &[][..]),
        "{:#}",
        report.json
    );
    let config = engine().docker(&["image", "inspect", "--format", "{{json .Config}}", NAME]);
    let config: Value = serde_json::from_slice(&config).unwrap();
    assert_eq!((&config["User"], &config["Entrypoint"]), (&json!("65532:65532"), &json!(["/layersift"])));
}

#[test]
#[ignore = "needs a static release build; tests/run.sh runs it"]
fn a_container_scans_a_file_and_a_pipe() {
    let demo = root().join("testdata/demo/leaky.tar.gz");
    let volume = format!("{}:/image.tar:ro", demo.display());
    let hardened = ["--network=none", "--read-only", "--cap-drop=ALL", "--volume", &volume, NAME];
    let (code, told) = run(&[&hardened[..], &["scan", "/image.tar"]].concat(), Stdio::null());
    assert!(code == 1 && told.contains("5 findings: 4 CRITICAL 1 HIGH"), "{code}: {told}");
    assert!(!told.contains("warning:"), "{told}");
    let pipe = fs::File::open(demo).unwrap().into();
    let (code, told) = run(&["--network=none", "--interactive", NAME, "scan", "-"], pipe);
    assert!(code == 1 && told.contains("5 findings: 4 CRITICAL 1 HIGH"), "{code}: {told}");
}

#[test]
#[ignore = "needs a static release build; tests/run.sh runs it"]
fn a_container_resolves_names_and_trusts_the_authorities_that_it_is_given() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::with_login();
    let port = registry.address.rsplit(':').next().unwrap();
    // A name server of one answer: whatever is asked is at 127.0.0.1 (RFC 1035, 4.1).
    let server = UdpSocket::bind("127.0.0.77:53").expect("a test of names needs port 53");
    thread::spawn(move || {
        let mut asked = [0; 512];
        while let Ok((length, from)) = server.recv_from(&mut asked) {
            let end = 12 + asked[12..length].iter().position(|byte| *byte == 0).unwrap() + 5;
            let is_v4 = asked[end - 4..end - 2] == [0, 1];
            let head = [asked[0], asked[1], 0x81, 0x80, 0, 1, 0, u8::from(is_v4), 0, 0, 0, 0];
            let mut answer = [&head[..], &asked[12..end]].concat();
            if is_v4 {
                answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1]);
            }
            let _ = server.send_to(&answer, from);
        }
    });
    fs::write(folder.path().join("resolv.conf"), "nameserver 127.0.0.77\n").unwrap();
    let names = format!("{}:/etc/resolv.conf:ro", folder.path().join("resolv.conf").display());
    let image = format!("registry.test.example:{port}/shop:1");
    let network = ["--network=host", "--volume", &names];
    let (code, told) = run(&[&network[..], &[NAME, "scan", &image]].concat(), Stdio::null());
    // The name led there; that this registry's authority is none of the system's says that those are read.
    assert!(code == 3 && told.contains("certificate"), "{code}: {told}");
    let hosts = ["--network=host", "--add-host=registry.test.example:127.0.0.1"];
    let (code, told) = run(&[&hosts[..], &[NAME, "scan", &image]].concat(), Stdio::null());
    assert!(code == 3 && told.contains("certificate"), "{code}: {told}");
    // What a container is given in place of its own authorities counts.
    let ca = format!("{}:/etc/ssl/certs/ca-certificates.crt:ro", registry.file("ca.pem").display());
    let trusted = ["--network=host", "--volume", &ca, NAME, "scan"];
    let (code, told) = run(&[&trusted[..], &[&format!("localhost:{port}/shop:1")]].concat(), Stdio::null());
    assert!(code == 3 && told.contains("login"), "{code}: {told}");
}

/// The engine's socket as a container sees it, and the group that may use it.
fn socket() -> (String, String) {
    let socket = engine().socket();
    let group = fs::metadata(&socket).unwrap().gid().to_string();
    (format!("{}:/var/run/docker.sock", socket.display()), group)
}

#[test]
#[ignore = "needs a static release build; tests/run.sh runs it"]
fn a_container_scans_an_image_of_the_engine_by_its_socket() {
    let (volume, group) = socket();
    for (leaky, code) in [(true, 1), (false, 0)] {
        let (folder, name) = (context(leaky), format!("by-socket:{code}"));
        engine().build(folder.path(), &name, true, &[]);
        let image = format!("docker:{name}");
        let args = ["--network=none", "--volume", &volume, "--group-add", &group, NAME, "scan", &image];
        let (ended, told) = run(&args, Stdio::null());
        assert_eq!(ended, code, "{told}");
    }
    let (ended, told) =
        run(&["--network=none", "--volume", &volume, NAME, "scan", "docker:by-socket:1"], Stdio::null());
    assert_eq!(ended, 3, "who is not in the group gets nothing: {told}");
}

#[test]
#[ignore = "needs a static release build; tests/run.sh runs it"]
fn a_service_of_compose_scans_what_was_built() {
    let file = root().join("docs/ci/compose.yaml");
    yaml::check(&file, "vendor.compose-spec");
    let (volume, group) = socket();
    let shown = fs::read_to_string(&file).unwrap();
    assert!(shown.contains("/var/run/docker.sock:/var/run/docker.sock"));
    for (leaky, code) in [(true, 1), (false, 0)] {
        let host = Job::new(leaky);
        let here = shown.replace("/var/run/docker.sock:/var/run/docker.sock", &volume);
        fs::write(host.folder.path().join("compose.yaml"), here).unwrap();
        let script = "docker-compose --file compose.yaml build shop && docker-compose --file compose.yaml run --rm layersift";
        let project = if leaky { "leaky" } else { "clean" };
        let variables = [("DOCKER_GROUP", &*group), ("COMPOSE_PROJECT_NAME", project)];
        let (ended, told) = host.run(&["bash", "-c"], script, &variables);
        assert_eq!(ended, code, "{told}");
    }
}

/// A job's surroundings: a folder, the client of the engine, a registry to push to.
struct Job {
    folder: TempDir,
    registry: Registry,
}

impl Job {
    fn new(leaky: bool) -> Self {
        Self { folder: context(leaky), registry: Registry::plain() }
    }

    /// The name under which the job makes its image.
    fn candidate(&self) -> String {
        format!("{}/shop:7", self.registry.address)
    }

    /// Runs a script with `docker` on the path, the engine's and more variables.
    fn run(&self, shell: &[&str], script: &str, variables: &[(&str, &str)]) -> (i32, String) {
        let bin = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/usr/bin/docker", bin.path().join("docker")).unwrap();
        let path = env::var("PATH").unwrap();
        let output = Command::new(shell[0])
            .args(&shell[1..])
            .arg(script)
            .current_dir(&self.folder)
            .env_clear()
            .env("PATH", format!("{}:{path}", bin.path().display()))
            .env("LAYERSIFT_IMAGE", NAME)
            .env("CANDIDATE", self.candidate())
            .envs(engine().variables())
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let told = [output.stdout, output.stderr].concat();
        (output.status.code().unwrap(), String::from_utf8_lossy(&told).into_owned())
    }

    /// Whether the image got into the registry.
    fn is_pushed(&self) -> bool {
        let image = format!("docker://{}", self.candidate());
        let inspect = ["inspect", "--raw", "--tls-verify=false", &image];
        Command::new("skopeo").args(inspect).stdin(Stdio::null()).output().unwrap().status.success()
    }

    fn file(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }
}

/// The lines of a list of scripts.
fn lines(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().unwrap().iter().map(|line| line.as_str().unwrap())
}

#[test]
#[ignore = "needs a static release build; tests/run.sh runs it"]
fn a_job_of_gitlab_pushes_only_what_does_not_leak() {
    let file = root().join("docs/ci/gitlab.yml");
    yaml::check(&file, "vendor.gitlab-ci");
    let document = yaml::read(&file);
    let job = &document["build-image"];
    let script: String =
        lines(&job["before_script"]).chain(lines(&job["script"])).flat_map(|line| [line, "\n"]).collect();
    for (leaky, code) in [(true, 1), (false, 0)] {
        let host = Job::new(leaky);
        let registry = &host.registry.address;
        let builds = tempfile::tempdir().unwrap();
        let builds = builds.path().display().to_string();
        let image = format!("{registry}/shop");
        let variables = [
            ("CI_REGISTRY", registry.as_str()),
            ("CI_REGISTRY_IMAGE", &image),
            ("CI_REGISTRY_USER", "somebody"),
            ("CI_REGISTRY_PASSWORD", "not a secret"),
            ("CI_COMMIT_SHORT_SHA", "7"),
            ("CI_BUILDS_DIR", &*builds),
        ];
        // What the file itself sets, but for where the image is; the runner expands it.
        let candidate = document["variables"]["CANDIDATE"].as_str().unwrap();
        let script = format!("export CANDIDATE=\"{candidate}\"\n{script}");
        let (ended, told) = host.run(&["bash", "-eo", "pipefail", "-c"], &script, &variables);
        assert_eq!(ended, code, "leaky: {leaky}: {told}");
        assert_eq!(host.is_pushed(), !leaky, "{told}");
        let reports = job["artifacts"]["reports"].as_object().unwrap();
        assert_eq!(reports.len(), 3);
        for report in reports.values() {
            let report: Value = serde_json::from_str(&host.file(report.as_str().unwrap())).unwrap();
            let found = report["vulnerabilities"].as_array().or(report.as_array()).unwrap();
            assert_eq!(found.len(), usize::from(leaky), "{told}{report:#}");
        }
    }
}

#[test]
#[ignore = "needs a static release build; tests/run.sh runs it"]
fn a_pipeline_of_jenkins_pushes_only_what_does_not_leak() {
    let file = fs::read_to_string(root().join("docs/ci/Jenkinsfile")).unwrap();
    let shell = Regex::new(r"(?s)\bsh (?:'''(.*?)'''|'([^']*)')").unwrap();
    let steps: Vec<_> = shell
        .captures_iter(&file)
        .map(|found| found.get(1).or(found.get(2)).unwrap().as_str().replace("\\\n", ""))
        .collect();
    assert_eq!(steps.len(), 3, "build, scan, push");
    for (leaky, ran) in [(true, 2), (false, 3)] {
        let host = Job::new(leaky);
        let mut log = String::new();
        let failed = steps.iter().position(|step| {
            let (code, told) = host.run(&["sh", "-xec"], step, &[]);
            log.push_str(&told);
            code != 0
        });
        assert_eq!(failed.map_or(steps.len(), |at| at + 1), ran, "{log}");
        assert_eq!(host.is_pushed(), !leaky, "{log}");
        let page = host.file("layersift.html");
        assert_eq!(page.matches("<article").count(), usize::from(leaky));
        let tests = host.file("layersift.xml");
        assert_eq!(
            roxmltree::Document::parse(&tests)
                .unwrap()
                .descendants()
                .filter(|node| node.has_tag_name("failure"))
                .count(),
            usize::from(leaky)
        );
    }
}
