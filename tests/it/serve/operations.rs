//! The service: what its operators read is what it does. Every key, event and metric is described, and none that there is not.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use layersift::serve::config::Table;
use layersift::serve::hooks::DIALECTS;

use crate::support::registry::{certificates, free_address, run};
use crate::support::scanner::Scanner;
use crate::support::service::{PROOF, Service};
use crate::support::{blocks, root, yaml};

const OPERATIONS: &str = "docs/serve-operations.md";

fn document() -> String {
    fs::read_to_string(root().join(OPERATIONS)).unwrap()
}

/// What stands between backticks in the first column of the table below the heading.
fn described(heading: &str) -> BTreeSet<String> {
    let document = document();
    let (_, rest) = document.split_once(&format!("\n## {heading}\n")).expect("there is such a heading");
    let part = rest.split("\n## ").next().unwrap();
    let rows = part.lines().filter(|line| line.starts_with("| `"));
    let cells = rows.map(|row| row.split('|').nth(1).unwrap());
    cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).map(str::to_owned).collect()
}

fn same(described: &BTreeSet<String>, real: &BTreeSet<String>) {
    let missing: Vec<_> = real.difference(described).collect();
    let invented: Vec<_> = described.difference(real).collect();
    assert!(
        missing.is_empty() && invented.is_empty(),
        "not described: {missing:?}; there is no: {invented:?}"
    );
    assert!(!real.is_empty());
}

/// The keys that may stand in the place of `zzz` in `text`, as the parser says.
fn expected(text: &str) -> Option<Vec<String>> {
    let error = toml::from_str::<Table>(text).err()?.message().to_owned();
    let rest = error.strip_prefix("unknown field `zzz`, expected ")?;
    Some(rest.split('`').skip(1).step_by(2).map(str::to_owned).collect())
}

#[test]
fn every_key_is_described() {
    let mut real = BTreeSet::new();
    for key in expected("zzz = 1").unwrap() {
        let within = ["[", "[["].iter().find_map(|open| {
            let close = open.replace('[', "]");
            expected(&format!("{open}{key}{close}\nzzz = 1"))
        });
        match within {
            Some(inner) => real.extend(inner.iter().map(|inner| format!("{key}.{inner}"))),
            None => drop(real.insert(key)),
        }
    }
    assert!(real.contains("hook.kind") && real.contains("listen"), "{real:?}");
    same(&described("Keys"), &real);
}

/// Every text that stands behind `.info(` or `.warn(` in a file of the service.
fn told(folder: &Path, events: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            told(&path, events);
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let text: String =
            text.split("#[cfg(test)]").next().unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
        for call in [".info(", ".warn("] {
            for part in text.split(call).skip(1) {
                let part = part.trim_start().strip_prefix('"');
                events.extend(part.and_then(|part| part.split('"').next()).map(str::to_owned));
            }
        }
    }
}

#[test]
fn every_event_of_the_log_is_described() {
    let mut real = BTreeSet::new();
    told(&root().join("src/serve"), &mut real);
    same(&described("Log"), &real);
}

#[test]
fn the_log_says_which_files_count_wherever_it_was_begun() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("ignored.toml"), "").unwrap();
    let variables = [("LAYERSIFT_IGNORE_FILE", "ignored.toml"), ("LAYERSIFT_DATA", "elsewhere")];
    let service = Service::begin_with(folder.path(), &free_address(), &variables);
    service.wait_for("it to begin", |service| service.log().contains("\"begun\""));
    let log = service.log();
    let begun = log.lines().find(|line| line.contains("\"begun\"")).unwrap();
    let begun: serde_json::Value = serde_json::from_str(begun).unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    assert_eq!(begun["configuration"], at("layersift.toml"));
    assert_eq!(begun["data"], at("elsewhere"));
    assert_eq!(begun["lists"], serde_json::json!([at("ignored.toml")]));
}

#[test]
fn every_metric_is_described() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(folder.path(), &free_address(), &["registry.example"], "");
    let (_, text) = service.ask("GET", "/metrics", None, "").unwrap();
    let names = text.lines().filter_map(|line| line.strip_prefix("# TYPE layersift_"));
    let real: BTreeSet<String> = names.filter_map(|rest| rest.split(' ').next()).map(str::to_owned).collect();
    same(&described("Metrics"), &real);
    well_formed(&text);
}

/// Checks the text as a scraper reads it ("Exposition formats", "Text format details"): each metric with its help and type before
/// its samples and together, each sample a name, labels and a number, and none twice.
fn well_formed(text: &str) {
    let (mut current, mut samples, mut known) = (String::new(), BTreeSet::new(), BTreeSet::new());
    assert!(text.ends_with('\n'));
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, about) = rest.split_once(' ').unwrap();
            assert!(!about.is_empty() && known.insert(name.to_owned()), "{line}");
            name.clone_into(&mut current);
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert!(name == current && ["counter", "gauge", "histogram"].contains(&kind), "{line}");
            // What is counted ends with `_total`, and times are in seconds ("Metric and label naming").
            assert_eq!(name.ends_with("_total"), kind == "counter", "{line}");
            assert!(!name.contains("milliseconds"), "{line}");
        } else {
            let (sample, value) = line.rsplit_once(' ').unwrap();
            let name = sample.split('{').next().unwrap();
            let parts = ["", "_bucket", "_sum", "_count"];
            assert!(parts.iter().any(|part| name == format!("{current}{part}")), "{line}");
            assert!(value.parse::<f64>().is_ok() && samples.insert(sample.to_owned()), "{line}");
        }
    }
}

#[test]
fn the_compose_files_are_such_files_and_the_unit_is_one() {
    for name in ["serve", "fleet"] {
        let file = root().join(format!("docs/ci/compose.{name}.yaml"));
        yaml::check(&file, "vendor.compose-spec");
        let folder = tempfile::tempdir().unwrap();
        for beside in
            ["layersift.toml", "hook-secret", "admin-token", "seal-key", "tls.crt", "tls.key", "login.json"]
        {
            fs::write(folder.path().join(beside), "").unwrap();
        }
        fs::copy(&file, folder.path().join("compose.yaml")).unwrap();
        let script = "DATABASE_PASSWORD=x docker-compose --file compose.yaml config --quiet";
        run("sh", &["-c", script], folder.path());
        assert!(document().contains(&format!("ci/compose.{name}.yaml")), "{name}");
    }
}

#[test]
fn what_to_write_into_each_registry_is_told() {
    let text = fs::read_to_string(root().join("docs/serve-hooks.md")).unwrap();
    for dialect in DIALECTS {
        // GitLab has the block of distribution, but for its path.
        let path = format!("https://layersift.example:8321/hooks/{}", dialect.name);
        assert!(
            text.contains(&path) || text.contains(&format!("ends with `{}`", dialect.name)),
            "{}",
            dialect.name
        );
        let in_path = dialect.scheme.name() == "url";
        assert_eq!(text.contains(&format!("{path}/SECRET")), in_path, "{}", dialect.name);
    }
}

#[test]
fn what_is_to_be_written_for_amazon_lets_pushes_pass() {
    let pattern =
        blocks("docs/serve-hooks.md", "json").into_iter().find(|block| block.contains("aws.ecr")).unwrap();
    let pattern: serde_json::Value = serde_json::from_str(&pattern).unwrap();
    // An event of a push: of each of the fields that are asked for the first value that passes ("Event patterns").
    let first = |fields: &serde_json::Value, name: &str| fields[name][0].clone();
    let event = serde_json::json!({
        "source": first(&pattern, "source"), "detail-type": first(&pattern, "detail-type"),
        "account": "123456789012", "region": "eu-west-1",
        "detail": {
            "action-type": first(&pattern["detail"], "action-type"), "result": first(&pattern["detail"], "result"),
            "repository-name": "team/app", "image-tag": "1",
        },
    });
    let folder = tempfile::tempdir().unwrap();
    let hook = "[[serve.hook]]\nkind = 'ecr'\nsecret-file = 'proof'";
    let service = Service::start(folder.path(), &free_address(), &["registry.example"], hook);
    let (status, answer) = service.ask("POST", "/hooks/ecr", Some(PROOF), &event.to_string()).unwrap();
    // It is a push, of a registry that is not on the list here.
    assert_eq!((status, answer.trim()), (200, "{\"known\":0,\"queued\":0,\"refused\":1}"));
}

#[test]
fn what_is_shown_for_everything_else_is_believed() {
    let block =
        blocks("docs/serve-hooks.md", "sh").into_iter().find(|block| block.contains("hooks/plain")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let address = free_address();
    // The service of other tests takes these with another proof, so here is one of its own.
    fs::write(folder.path().join("secret"), PROOF).unwrap();
    let file = Service::configure(folder.path(), &address, &["registry.example:5000"], "workers = 0");
    let config = fs::read_to_string(&file).unwrap();
    let (config, _) = config.split_once("[[serve.hook]]").unwrap();
    fs::write(&file, format!("{config}[[serve.hook]]\nkind = 'plain'\nsecret-file = 'secret'\n")).unwrap();
    let service = Service::again(folder.path(), &address);
    let script = block.replace("https://layersift.example:8321", &format!("http://{address}"));
    let told = |secret: &str| {
        let script = format!("SECRET='{secret}'\n{script}");
        String::from_utf8(run("bash", &["-c", &script], folder.path())).unwrap()
    };
    assert_eq!(told(PROOF).trim(), "{\"known\":0,\"queued\":1,\"refused\":0}");
    assert!(told("another secret than ours").contains("did not prove itself"));
    drop(service);
}

#[test]
fn every_example_of_the_help_names_a_configuration() {
    // Without one there is no registry to listen to.
    let help = Scanner::of("serve").args(["--help"]).run().stdout;
    let examples = help.lines().filter(|line| line.starts_with("  layersift serve "));
    let examples: Vec<&str> = examples.collect();
    assert!(!examples.is_empty() && examples.iter().all(|line| line.contains(" --config ")), "{help}");
}

/// Where systemd puts what a unit loads.
const CREDENTIALS: &str = "/run/credentials/layersift.service/";

/// Where compose puts secrets.
const SECRETS: &str = "/run/secrets/";

#[test]
fn the_unit_and_the_compose_files_bring_every_secret_that_is_shown() {
    let unit = blocks(OPERATIONS, "ini").into_iter().find(|unit| unit.contains("[Service]")).unwrap();
    let loaded: BTreeSet<&str> = unit
        .lines()
        .filter_map(|line| line.strip_prefix("LoadCredential=")?.split_once(':'))
        .map(|(name, _)| name)
        .collect();
    let shown = blocks(OPERATIONS, "toml").concat();
    let named = |folder| -> BTreeSet<&str> {
        shown.split(folder).skip(1).map(|rest| rest.split('"').next().unwrap()).collect()
    };
    let mut needed = named(CREDENTIALS);
    assert!(needed.contains("tls-key") && shown.contains("public-url = \"https://"), "{shown}");
    // Of the registry, which no key names.
    needed.insert("login");
    assert_eq!(loaded, needed);
    assert!(unit.contains("\nEnvironment=REGISTRY_AUTH_FILE=%d/login\n"), "{unit}");
    for name in ["serve", "fleet"] {
        let file = fs::read_to_string(root().join(format!("docs/ci/compose.{name}.yaml"))).unwrap();
        assert!(file.contains("    REGISTRY_AUTH_FILE: /run/secrets/login\n"), "{name}");
        let given = file.lines().find_map(|line| line.trim().strip_prefix("secrets: [")).unwrap();
        let given: BTreeSet<&str> = given.trim_end_matches(']').split(", ").collect();
        // The seal is for what is in a database.
        let shown = named(SECRETS).into_iter().filter(|secret| name == "fleet" || *secret != "seal");
        for secret in shown.chain(needed.iter().copied()) {
            assert!(
                given.contains(secret) && file.contains(&format!("\n  {secret}: {{file: ./")),
                "{name} {secret}"
            );
        }
    }
}

#[test]
fn the_configurations_that_are_shown_are_right() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    certificates(folder.path());
    fs::rename(at("server.pem"), at("tls-certificate")).unwrap();
    fs::rename(at("server.key"), at("tls-key")).unwrap();
    for name in ["hook", "admin", "seal"] {
        fs::write(at(name), format!("{PROOF} of {name}")).unwrap();
    }
    let shown = blocks(OPERATIONS, "toml");
    assert!(!shown.is_empty());
    for config in shown {
        let here = config.replace(CREDENTIALS, "").replace(SECRETS, "");
        let here = here.replace("/var/lib/layersift", "data");
        assert!(!here.contains("= \"/"), "nothing else is of this machine: {here}");
        fs::write(at("layersift.toml"), &here).unwrap();
        let check = Scanner::of("serve").args(["--check", "--config"]).path(&at("layersift.toml"));
        // Of the database or its folder the compose files say in the environment where it is.
        let check = if here.contains("data = ") { check } else { check.env("LAYERSIFT_DATA", at("data")) };
        let checked = check.run();
        assert_eq!(checked.code, 0, "{here}\n{}", checked.stderr);
    }
}

#[test]
fn the_parts_of_a_configuration_that_are_shown_make_one() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("hook-secret"), PROOF).unwrap();
    fs::write(at("slack-url"), "https://chat.example/hooks/of-this-test").unwrap();
    let shown = blocks("docs/serve.md", "toml");
    assert!(shown.len() >= 4, "{shown:?}");
    let config = shown.concat().replace("/etc/layersift/", "").replace("/var/lib/layersift", "data");
    assert!(!config.contains("= \"/"), "nothing else is of this machine: {config}");
    fs::write(at("layersift.toml"), &config).unwrap();
    let checked = Scanner::of("serve").args(["--check", "--config"]).path(&at("layersift.toml")).run();
    assert_eq!(checked.code, 0, "{config}\n{}", checked.stderr);
}
