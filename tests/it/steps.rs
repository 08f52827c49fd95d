//! Every known way in which a secret gets into a build step, as steps of one image: found, and the argument named.
//!
//! `testdata/steps.tsv` says what the argument is called. That steps are read so is tested where they are read; here the
//! whole scan has to show each secret by default, with its argument.

use std::fmt::Write as _;
use std::fs;

use crate::support::compression::Compression;
use crate::support::formats::named;
use crate::support::human;
use crate::support::image::ImageBuilder;
use crate::support::root;
use crate::support::scanner::{Report, scanner};

/// Expected arguments and the text, for each row of the table whose name says that it is a secret.
fn rows() -> Vec<(String, String)> {
    let table = fs::read_to_string(root().join("testdata/steps.tsv")).unwrap();
    let told = |line: &&str| !line.starts_with('#') && !line.contains("label A.B");
    let rows = table.lines().filter(told);
    rows.map(|row| row.split_once('\t').unwrap())
        .map(|(names, text)| (names.to_owned(), text.replace('⏎', "\n")))
        .collect()
}

fn scan(steps: &[String]) -> Report {
    let image = steps.iter().fold(ImageBuilder::new(), |image, step| image.empty_step(step));
    let image = image.layer(|layer| layer.file("etc/hostname", "box\n"));
    let bundle = (named("docker-25").write)(&[image], Compression::Plain);
    scanner().stdin(bundle.tar()).report()
}

/// What is wrong with the finding of `secret`, whose argument is one of `names`.
fn complaint(report: &Report, secret: &str, names: &str) -> Option<String> {
    let holds = |finding: &&serde_json::Value| {
        let found = finding["secret"].as_str().unwrap();
        // A user may be a part of it, and a private key is one with its first and last line.
        found == secret
            || found.ends_with(&format!(":{secret}"))
            || (found.starts_with("-----BEGIN") && found.contains(secret))
    };
    let Some(finding) = report.findings().iter().find(holds) else {
        let like = report.findings().iter().map(|finding| finding["secret"].as_str().unwrap());
        let part = like.filter(|found| found.contains(secret) || secret.contains(found)).collect::<Vec<_>>();
        return Some(format!("is not found, but {part:?}"));
    };
    let name = finding["places"][0]["name"].as_str().unwrap_or_default();
    // `option --password (docker login)`: the report has the name alone.
    let expected = |shown: &str| {
        let bare = shown.split_once(' ').map_or(shown, |(_, rest)| rest);
        bare.rsplit_once(" (").map_or(bare, |(bare, _)| bare).to_owned()
    };
    (!names.split(" | ").any(|shown| expected(shown) == name)).then(|| format!("is called `{name}`"))
}

/// Whether a person may have chosen what stands there.
fn takes_password(text: &str) -> bool {
    let lower = text.to_lowercase();
    let any = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    any(&["pass", "pwd", " -p", "user"]) && !any(&["token", "key", "auth", "bearer", "sig="])
}

/// What kind of secret stands in a step, where not any will do.
fn kind<'k>(text: &str, usual: &'k str) -> &'k str {
    const OWN: &[(&str, &str)] = &[
        ("sig=", "sas"),
        ("kaggle", "hex32"),
        ("Basic {secret}", "basic"),
        ("\"auth\"", "basic"),
        ("-----BEGIN OPENSSH", "openssh"),
        ("id_rsa &&", "b64-400"),
        ("base64 -d", "b64-400"),
        ("ssh-add", "b64-400"),
    ];
    OWN.iter().find(|(part, _)| text.contains(part)).map_or(usual, |(_, kind)| kind)
}

#[test]
fn every_way_into_a_step_is_found_with_its_argument() {
    // Drawn at random, as tokens are; and, where the step says that it is a password, chosen by a person.
    for usual in ["gen24", "season-plain"] {
        let rows = rows();
        let value = |(at, (_, text)): (usize, &(String, String))| {
            human::value(kind(text, usual), &format!("step {at}"))
        };
        let secrets: Vec<String> = rows.iter().enumerate().map(value).collect();
        let steps: Vec<String> =
            rows.iter().zip(&secrets).map(|((_, text), secret)| text.replace("{secret}", secret)).collect();
        let report = scan(&steps);
        let mut complaints = String::new();
        for (((names, text), secret), step) in rows.iter().zip(&secrets).zip(&steps) {
            if usual == "season-plain" && !takes_password(text) {
                continue;
            }
            if let Some(complaint) = complaint(&report, secret, names) {
                let _ = writeln!(complaints, "{usual} | {names} | {complaint} | {step}");
            }
        }
        println!("{complaints}");
        assert!(complaints.is_empty());
    }
}

#[test]
fn steps_without_a_secret_raise_nothing() {
    let steps = [
        "RUN --mount=type=ssh git clone git@host:o/r",
        "RUN --mount=type=secret,id=npmrc npm ci",
        "ENV PASSWORD_FILE=/run/secrets/x",
        "ENV POSTGRES_PASSWORD_FILE=/run/secrets/db",
        "ENV SSH_AUTH_SOCK=/tmp/ssh-aB3dE5gH7jK9/agent.1",
        "ENV KEYCLOAK_VERSION=24.0.1",
        "ENV TOKENIZERS_PARALLELISM=false",
        "ENV GPG_KEY=A035C8C19219BA821ECEA86B64E628F8D684696D",
        "ENV PASSWORD=postgres",
        "ENV POSTGRES_PASSWORD=example",
        "ARG NPM_TOKEN",
        "RUN |1 NPM_TOKEN= /bin/sh -c npm ci",
        "RUN |1 NPM_TOKEN=$NPM_TOKEN /bin/sh -c npm ci",
        "RUN npm config set //registry.example/:_authToken ${NPM_TOKEN}",
        "RUN curl -u \"$USER:$PASSWORD\" https://host/x",
        "RUN echo \"root:$ROOT_PASSWORD\" | chpasswd",
        "RUN docker login -u ci --password-stdin registry.example",
        "RUN apk add libcrypto3=3.1.4-r5 && export PATH=/usr/bin",
        "RUN git clone https://${GITHUB_TOKEN}@github.com/org/repo.git",
        "VOLUME [/var/lib/secret]",
        "USER password",
    ];
    let steps: Vec<String> = steps.iter().map(|step| (*step).to_owned()).collect();
    let report = scan(&steps);
    assert_eq!(report.findings(), &[] as &[serde_json::Value]);
}
