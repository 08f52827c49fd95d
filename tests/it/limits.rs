//! Every limit of the table: an image that exceeds it gives a problem that names the flag, and never looks clean.

use std::io::Write as _;

use serde_json::Value;

use layersift::limits::LIMITS;

use crate::support::compression::Compression;
use crate::support::formats::named;
use crate::support::image::ImageBuilder;
use crate::support::layer::LayerBuilder;
use crate::support::scanner::scanner;
use layersift::signature::template::expand;

/// A value for the limit called `name`, and an archive that exceeds it.
fn excess(name: &str) -> (&'static str, Vec<u8>) {
    let zeros = || image().layer(|layer| layer.file("zeros", vec![0; 8 << 20]));
    let oci = |image, compression| (named("oci-archive").write)(&[image], compression).tar();
    match name {
        "max-layer-bytes" => ("1MiB", oci(zeros(), Compression::Plain)),
        "max-window-bytes" => ("1KiB", oci(zeros(), Compression::Zstd)),
        "max-ratio" => ("5", oci(zeros(), Compression::Zstd)),
        "max-layer-entries" => {
            let fill = |layer| {
                (0..100).fold(layer, |layer: crate::support::layer::LayerBuilder, n| layer.dir(n.to_string()))
            };
            ("50", oci(image().layer(fill), Compression::Gzip))
        }
        "max-document-bytes" => {
            ("1KiB", oci(image().label("long", &"long ".repeat(1000)), Compression::Gzip))
        }
        "max-header-bytes" => (
            "1KiB",
            oci(image().layer(|layer| layer.pax("comment", [b'x'; 5000]).file("a", "a")), Compression::Gzip),
        ),
        "max-path-bytes" => {
            ("1KiB", oci(image().layer(|layer| layer.file("d/".repeat(5000) + "a", "a")), Compression::Gzip))
        }
        "max-matches" => {
            let text = (0..50)
                .map(|n| expand("ghp_{base62:30}{github-crc32}\n", &n.to_string()))
                .collect::<String>();
            ("10", oci(image().layer(|layer| layer.file("tokens", text)), Compression::Gzip))
        }
        "max-depth" => ("1", (named("oci-index-in-index").write)(&[image()], Compression::Gzip).tar()),
        "max-manifests" => {
            let images: Vec<_> =
                (0..5).map(|n| image().name(&format!("image:{n}")).env("N", &n.to_string())).collect();
            ("2", (named("oci-archive").write)(&images, Compression::Gzip).tar())
        }
        "max-link-bytes" => {
            let fill = |layer: LayerBuilder| {
                let first = layer.file("first", "x");
                (0..500).fold(first, |layer, n| {
                    layer.hardlink(format!("a-rather-long-name-of-a-link/{n}"), "first")
                })
            };
            ("1KiB", oci(image().layer(fill), Compression::Gzip))
        }
        "max-format-bytes" => {
            let logins =
                format!(r#"{{"auths": {{}}, "HttpHeaders": {{"long": "{}"}}}}"#, "long ".repeat(1000));
            (
                "1KiB",
                oci(image().layer(|layer| layer.file("root/.docker/config.json", logins)), Compression::Gzip),
            )
        }
        "max-list-bytes" => {
            let list = format!("{}  usr/share/a\n", "0".repeat(32)).repeat(100);
            let layer = |layer: LayerBuilder| layer.file("var/lib/dpkg/info/a.md5sums", list);
            ("1KiB", oci(image().layer(layer), Compression::Gzip))
        }
        "max-list-entries" => {
            let list = format!("{}  usr/share/a\n", "0".repeat(32)).repeat(100);
            let layer = |layer: LayerBuilder| layer.file("var/lib/dpkg/info/a.md5sums", list);
            ("50", oci(image().layer(layer), Compression::Gzip))
        }
        "max-members" => {
            let many = (0..100).fold(LayerBuilder::new(), |tar, n| tar.file(n.to_string(), "a"));
            ("50", oci(image().layer(|layer| layer.file("a.tar", many.tar())), Compression::Gzip))
        }
        "max-inner-bytes" => {
            ("1KiB", oci(image().layer(|layer| layer.file("a.gz", log(100_000))), Compression::Gzip))
        }
        "max-whole-bytes" => {
            ("1KiB", oci(image().layer(|layer| layer.file("a.zip", zip(1000))), Compression::Gzip))
        }
        "max-file-seconds" => {
            ("0", oci(image().layer(|layer| layer.file("a.gz", log(100_000))), Compression::Gzip))
        }
        _ => panic!("no image exceeds --{name}: add one here"),
    }
}

/// A compressed log of so many bytes.
fn log(bytes: usize) -> Vec<u8> {
    Compression::Gzip.compress(&"a line\n".repeat(bytes / 7).into_bytes())
}

/// A zip archive of so many empty members (APPNOTE.TXT 6.3.10, sections 4.3.7, 4.3.12 and 4.3.16).
fn zip(members: u32) -> Vec<u8> {
    let (mut files, mut directory) = (Vec::new(), Vec::new());
    for member in 0..members {
        let name = format!("{member:08}");
        let common = [&[20, 0][..], &[0; 20], &[8, 0, 0, 0]].concat();
        let at = u32::try_from(files.len()).unwrap();
        files.extend([b"PK\x03\x04", &common[..], name.as_bytes()].concat());
        let rest = [&[0; 10][..], &at.to_le_bytes()].concat();
        directory.extend([b"PK\x01\x02\x14\0", &common[..], &rest, name.as_bytes()].concat());
    }
    let count = u16::try_from(members).unwrap().to_le_bytes();
    let (size, at) = (u32::try_from(directory.len()).unwrap(), u32::try_from(files.len()).unwrap());
    let end = [&b"PK\x05\x06\0\0\0\0"[..], &count, &count, &size.to_le_bytes(), &at.to_le_bytes(), &[0, 0]];
    [files, directory, end.concat()].concat()
}

fn image() -> ImageBuilder {
    ImageBuilder::new().layer(|layer| layer.file("hello", "hello\n"))
}

#[test]
fn a_window_inside_of_a_compressed_file_gets_what_there_is_or_is_told() {
    let secret = expand("ghp_{base62:30}{github-crc32}", "a window in a window");
    let log = format!("{secret}\n{}", "a line\n".repeat(10_000));
    // As `xz` writes it unless told otherwise: with a dictionary of 8 MiB.
    let mut xz = lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::with_preset(6)).unwrap();
    xz.write_all(log.as_bytes()).unwrap();
    let file = Compression::Gzip.compress(&xz.finish().unwrap());
    let archive =
        (named("oci-archive").write)(&[image().layer(|layer| layer.file("a.gz", file))], Compression::Gzip);
    let report = scanner().stdin(archive.tar()).report();
    let told = report.problem_kinds().contains(&"limit");
    assert!(report.finding(&secret).is_some() && !told, "{:#}", report.json);
    // What is too large for anybody is not looked into, and that is said.
    let report = scanner().stdin(archive.tar()).args(["--max-window-bytes", "1MiB"]).report();
    assert!(report.problem_kinds().contains(&"limit") && report.code == 4, "{:#}", report.json);
}

#[test]
fn every_limit_that_bites_is_a_problem_that_names_its_flag() {
    let mut wrong = Vec::new();
    for row in LIMITS {
        let (value, archive) = excess(row.name);
        let flag = format!("--{}", row.name);
        let calm = scanner().stdin(archive.clone()).report();
        if calm.problem_kinds().contains(&"limit") {
            wrong.push(format!("{flag} bites at its default: {:#}", calm.json["problems"]));
        }
        let report = scanner().stdin(archive).args([flag.as_str(), value]).report();
        let named =
            |problem: &Value| problem["kind"] == "limit" && problem["remedy"].to_string().contains(&flag);
        if !report.problems().iter().any(named) {
            wrong.push(format!("{flag} {value}: {:#}", report.json["problems"]));
        }
        if ![1, 4].contains(&report.code) {
            wrong.push(format!("{flag} {value}: exit code {}", report.code));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_step_with_many_credentials_is_not_repeated_with_each_of_them() {
    let tokens: Vec<String> =
        (0..300).map(|n| expand("ghp_{base62:30}{github-crc32}", &format!("step/{n}"))).collect();
    let step = format!("RUN /bin/sh -c use {} # buildkit", tokens.join(" "));
    let leaky = ImageBuilder::new().step(&step, |layer| layer.file("a", "a"));
    let archive = (named("docker-25").write)(&[leaky], Compression::Plain).tar();
    let run = scanner().stdin(archive).args(["--format", "json"]).run();
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(report["summary"]["findings"], tokens.len());
    let whole = report["image"]["manifests"][0]["history"][0]["created_by"].as_str().unwrap();
    assert_eq!(whole.matches("[redacted ").count(), tokens.len(), "the history has all of it");
    for place in report["findings"].as_array().unwrap().iter().map(|finding| &finding["places"][0]) {
        let text = place["step"]["created_by"].as_str().unwrap();
        assert!(text.len() < 5_000 && text.ends_with('…'), "{text}");
        assert!(whole.starts_with(text.trim_end_matches('…')), "it is cut after credentials were taken out");
    }
    // In pieces too: what is cut off must not be half of one.
    assert!(!tokens.iter().any(|token| run.stdout.contains(&token[..20])));
}
