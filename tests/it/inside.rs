//! What is inside files: found wherever it stands, told as a chain, the same for every way to hand it over, and bounded.

use std::fs;

use serde_json::{Value, json};

use crate::support::compression::Compression;
use crate::support::formats::named;
use crate::support::image::ImageBuilder;
use crate::support::noise::Noise;
use crate::support::root;
use crate::support::scanner::{Report, scanner};
use layersift::content::DECODERS;
use layersift::signature::template::expand;

fn token() -> String {
    expand("ghp_{base62:30}{github-crc32}", "inside")
}

/// Scans an image with one layer that holds these files, from a file and from a pipe, with one thread and with four.
pub(crate) fn scan(files: &[(&str, Vec<u8>)], args: &[&str]) -> Report {
    let add_files = |layer| {
        files.iter().fold(layer, |layer: crate::support::layer::LayerBuilder, (path, content)| {
            layer.file(path, content)
        })
    };
    let image = ImageBuilder::new().step("COPY . / # buildkit", add_files);
    let archive = (named("oci-archive").write)(&[image], Compression::Gzip).tar();
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), &archive).unwrap();
    let report = scanner().path(file.path()).args(args).report();
    for jobs in ["1", "4"] {
        let other = scanner().stdin(archive.clone()).args(args).args(["--jobs", jobs]).report();
        assert_eq!(report.comparable(), other.comparable(), "{jobs}");
    }
    report
}

/// The chain of the only place of the only finding: path, members, encodings, line.
fn place(report: &Report) -> Value {
    let findings = report.json["findings"].as_array().unwrap();
    assert_eq!(findings.len(), 1, "{:#}", report.json);
    let places = findings[0]["places"].as_array().unwrap();
    assert_eq!(places.len(), 1, "{places:#?}");
    let place = &places[0];
    json!([place["path"], place["inner"], place["decoded"], place["line"]])
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    Compression::Gzip.compress(bytes)
}

#[test]
fn a_file_in_two_encodings_is_whole_whatever_stands_behind_it() {
    use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD, Engine};
    let release = gzip(format!("token: {}\n{}", token(), "key: value\n".repeat(40)).as_bytes());
    let more = "more: settings of the same file\n".repeat(80_000);
    for inner in [BASE64_STANDARD.encode(&release), BASE64_STANDARD_NO_PAD.encode(&release)] {
        let yaml = format!("data:\n  release: {}\n{more}", BASE64_STANDARD.encode(&inner));
        let report = scan(&[("release.yaml", yaml.into_bytes())], &[]);
        assert!(report.problems().is_empty(), "{:#}", report.json["problems"]);
        assert_eq!(place(&report)[2], json!(["base64", "base64", "gzip"]));
    }
    // One that is longer than a chunk is looked into as far as that goes, and that is told.
    let long = format!("data: {}\n{more}", BASE64_STANDARD.encode(gzip(&text(3 << 20))));
    let report = scan(&[("long.yaml", long.into_bytes())], &[]);
    assert!(report.problem_kinds().contains(&"limit"), "{:#}", report.json["problems"]);
}

/// A text of about `size` bytes that does not compress, with the token in the line before the last.
fn text(size: usize) -> Vec<u8> {
    let mut noise = Noise::new("text");
    let line = |noise: &mut Noise| -> Vec<u8> {
        let mut line: Vec<u8> = noise.take(60).map(|byte| b'#' + byte % 8).collect();
        line.push(b'\n');
        line
    };
    let mut text: Vec<u8> = (0..size / 61).flat_map(|_| line(&mut noise)).collect();
    text.extend(format!("export GITHUB_TOKEN={}\nend\n", token()).bytes());
    text
}

fn lines(text: &[u8]) -> usize {
    text.split(|byte| *byte == b'\n').count() - 2
}

#[test]
fn compressed_files_of_any_size_are_read() {
    // Within a chunk, across chunks, and too large to be kept.
    for size in [100, 600_000, 3_000_000, 14_000_000] {
        let text = text(size);
        for (compression, name) in [
            (Compression::Gzip, "gzip"),
            (Compression::Zstd, "zstd"),
            (Compression::Xz, "xz"),
            (Compression::Bzip2, "bzip2"),
        ] {
            if size > 4_000_000 && compression != Compression::Gzip {
                continue;
            }
            let path = format!("var/log/app.log.1.{name}");
            let report = scan(&[("a", vec![0; 700_001]), (&path, compression.compress(&text))], &[]);
            assert_eq!(place(&report), json!([path, [], [name], lines(&text)]), "{size}");
            assert_eq!((report.code, report.problems().len()), (1, 0));
        }
    }
}

#[test]
fn what_is_compressed_again_and_again_is_read_up_to_the_depth() {
    let mut content = text(1000);
    for depth in 1..=4 {
        content = gzip(&content);
        let report = scan(&[("x.gz", content.clone())], &[]);
        assert_eq!(place(&report), json!(["x.gz", [], vec!["gzip"; depth], lines(&text(1000))]));
        let less = (depth - 1).to_string();
        let report = scan(&[("x.gz", content.clone())], &["--max-depth", &less]);
        assert_eq!((report.code, report.problem_kinds()), (4, vec!["limit"]), "{depth}");
    }
}

#[test]
fn a_blob_that_is_no_tar_is_opened_too() {
    let image = ImageBuilder::new().layer(|layer| layer.file("hello", "hello\n"));
    let mut bundle = (named("oci-archive").write)(&[image], Compression::Gzip);
    bundle.put("extra", gzip(&gzip(&text(1000))));
    let report = scanner().stdin(bundle.tar()).report();
    let finding = &report.json["findings"][0];
    assert_eq!(finding["places"][0]["decoded"], json!(["gzip"]), "{:#}", report.json["findings"]);
}

#[test]
fn bombs_are_told_and_the_scan_goes_on() {
    // Zeros that become more than 1,100 times as many, in one step and in two.
    let zeros = Compression::Zstd.compress(&vec![0; 400 << 20]);
    let nested = gzip(&gzip(&vec![0; 200 << 20]));
    for bomb in [zeros, nested] {
        let report = scan(&[("bomb", bomb), ("z/.env", text(100))], &[]);
        let problem = &report.problems()[0];
        assert_eq!(problem["kind"], "limit", "{problem}");
        assert!(problem["place"].as_str().unwrap().ends_with("bomb"), "{problem}");
        assert_eq!(report.json["findings"].as_array().unwrap().len(), 1);
        assert_eq!(report.code, 1);
    }
}

#[test]
fn many_small_bombs_cost_no_more_than_one_large_one() {
    // Three megabytes in some hundred bytes, as files and in a text.
    let bomb = Compression::Zstd.compress(&vec![0; 3 << 20]);
    assert!(bomb.len() < 500);
    let line = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, &bomb) + "\n\n";
    for file in [bomb, line.repeat(200).into_bytes()] {
        let report = scan(&[("small", file)], &[]);
        assert_eq!(report.problem_kinds(), ["limit"], "{:#}", report.json["problems"]);
        assert!(report.problems()[0]["remedy"].to_string().contains("--max-ratio"));
    }
}

#[test]
fn what_is_damaged_is_read_as_far_as_it_goes_and_told() {
    let text = [text(1000), Noise::new("more").take(100_000).collect::<Vec<u8>>()].concat();
    let whole = gzip(&text);
    let report = scan(&[("cut.gz", whole[..whole.len() - 500].to_vec())], &[]);
    assert_eq!((report.code, report.problem_kinds()), (1, vec!["damaged"]));
    assert_eq!(place(&report)[2], json!(["gzip"]));
    // What only begins like a compressed file is none.
    let report = scan(&[("none", b"\x1f\x8b\x08 is how gzip begins".to_vec())], &[]);
    assert_eq!((report.code, report.problems().len()), (0, 0), "{:#}", report.json);
}

#[test]
fn the_readme_lists_every_decoder() {
    let rows: Vec<_> = DECODERS.iter().map(|row| format!("| `{}` | {} |\n", row.name, row.about)).collect();
    let rows = rows.concat();
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    assert!(readme.contains(&rows), "README.md should list:\n{rows}");
}

#[test]
fn every_decoder_is_fuzzed() {
    let fuzz = fs::read_to_string(root().join("fuzz/Cargo.toml")).unwrap();
    for row in DECODERS {
        let target = format!("[[bin]]\nname = \"{}\"\npath = \"targets/decoder.rs\"\n", row.name);
        assert!(fuzz.contains(&target), "fuzz/Cargo.toml has no target for {}", row.name);
    }
}
