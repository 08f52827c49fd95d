//! The same report, byte for byte, with any number of threads: on an image that has every kind of content, most of it at
//! places where threads could get in each other's way.

use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use layersift::signature::RuleSet;
use layersift::signature::template::expand;
use serde_json::{Value, json};

use crate::support::compression::Compression;
use crate::support::formats::named;
use crate::support::image::ImageBuilder;
use crate::support::layer::LayerBuilder;
use crate::support::noise::Noise;
use crate::support::root;
use crate::support::scanner::scanner;

/// Forms of `tests/support/pack.py`, innermost first, each with a token of its own.
const PACKED: &[&[&str]] = &[
    &["zip"],
    &["tar", "gzip"],
    &["xz"],
    &["zstd", "tar"],
    &["bzip2", "zip-stored"],
    &["ar"],
    &["cpio", "lz4"],
    &["7z"],
    &["sqlite"],
    &["squashfs"],
    &["gzip", "base64"],
    &["base64", "base64"],
    &["hex"],
    &["url"],
    &["utf-16le"],
    &["utf-32le", "gzip"],
];

fn token(seed: &str) -> String {
    expand("ghp_{base62:30}{github-crc32}", seed)
}

fn packed() -> Vec<(String, Vec<u8>)> {
    let folder = tempfile::tempdir().unwrap();
    let script = root().join("tests/support/pack.py");
    let mut child = Command::new("python3").arg(script).stdin(Stdio::piped()).spawn().expect("python3 runs");
    let mut input = child.stdin.take().unwrap();
    let names: Vec<String> = PACKED.iter().map(|chain| format!("opt/packed/{}", chain.join("-"))).collect();
    let path = |index: usize| folder.path().join(index.to_string());
    for (index, chain) in PACKED.iter().enumerate() {
        let text = format!("# {}\nGITHUB_TOKEN={}\n", "x y ".repeat(30), token(&names[index]));
        writeln!(input, "{}", json!({"file": path(index), "text": text, "chain": chain})).unwrap();
    }
    drop(input);
    assert!(child.wait().unwrap().success(), "pack.py failed; run tests/install.sh");
    names.into_iter().enumerate().map(|(index, name)| (name, fs::read(path(index)).unwrap())).collect()
}

/// Lines of noise with a token in every hundred thousandth byte, over some chunks.
fn large() -> Vec<u8> {
    let mut noise = Noise::new("threads");
    (0..22)
        .flat_map(|part| {
            let lines =
                noise.by_ref().take(100_000).map(|byte| if byte < 4 { b'\n' } else { b' ' + byte % 90 });
            let token = format!("\ntoken = \"{}\"\n", token(&format!("part {part}")));
            lines.collect::<Vec<u8>>().into_iter().chain(token.into_bytes())
        })
        .collect()
}

/// An example of every rule, each in a file of its own.
fn examples(layer: LayerBuilder) -> LayerBuilder {
    let rules = RuleSet::embedded();
    rules
        .rules()
        .iter()
        .flat_map(|rule| rule.finds().iter().take(1).map(move |find| (rule, find)))
        .enumerate()
        .fold(layer, |layer, (number, (rule, find))| {
            let path = find.path.clone().unwrap_or_else(|| "data.txt".to_owned());
            let text = expand(&find.text, &format!("{} {number}", rule.id()));
            layer.file(format!("srv/examples/{}/{number}/{path}", rule.id()), text)
        })
}

fn image() -> ImageBuilder {
    let containers = packed();
    ImageBuilder::new()
        .env("DB_PASSWORD", &token("environment"))
        .step("COPY . /srv # buildkit", examples)
        .step(
            &format!("RUN curl -H 'Authorization: token {}' https://a.example # buildkit", token("step")),
            |layer| containers.iter().fold(layer, |layer, (name, content)| layer.file(name, content)),
        )
        .step("COPY large / # buildkit", |layer| layer.file("large", large()).hardlink("again", "large"))
        .step("RUN rm # buildkit", |layer| layer.whiteout("large").opaque("srv/examples/github-pat"))
}

#[test]
fn one_two_and_eight_threads_give_the_same_bytes() {
    for (format, compression) in [("docker-25", Compression::Plain), ("oci-archive", Compression::Gzip)] {
        let archive = (named(format).write)(&[image()], compression).tar();
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), &archive).unwrap();
        let run = |jobs: &str, piped: bool| {
            let scanner = scanner().args(["--jobs", jobs, "--format", "json", "--min-confidence", "example"]);
            let run = if piped { scanner.stdin(archive.clone()) } else { scanner.path(file.path()) }.run();
            assert_eq!(run.code, 1, "{}", run.stderr);
            run.stdout
        };
        // One of them from a pipe, too.
        let ways: &[bool] = if compression == Compression::Plain { &[false, true] } else { &[false] };
        for &piped in ways {
            let one = run("1", piped);
            let report: Value = serde_json::from_str(&one).unwrap();
            let findings = report["findings"].as_array().unwrap().len();
            assert!(findings > RuleSet::embedded().rules().len(), "{findings} findings");
            for jobs in ["2", "8"] {
                let other = run(jobs, piped);
                let line = one.lines().zip(other.lines()).find(|(a, b)| a != b);
                assert!(one == other, "{format}, {jobs} threads: {line:?}");
            }
        }
    }
}
