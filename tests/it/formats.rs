//! One leaking image in every form, with every compression, as a whole and wrapped again: the same findings.

use std::fs;

use serde_json::Value;

use crate::support::compression::{COMPRESSIONS, Compression};
use crate::support::formats::{FORMATS, Format, named};
use crate::support::image::ImageBuilder;
use crate::support::scanner::{Report, is_copy, scanner};
use layersift::signature::template::expand;

/// A credential of its own for each `seed`.
fn token(seed: &str) -> String {
    expand("ghp_{base62:30}{github-crc32}", seed)
}

/// Leaks in the environment, in a visible, a deleted and a repeated file.
fn leaky() -> ImageBuilder {
    ImageBuilder::new()
        .step("COPY app /app # buildkit", |layer| {
            layer.dir("app").file("app/.env", format!("TOKEN={}\n", token("deleted")))
        })
        .empty_step("ENV API_TOKEN=from-outside")
        .step("COPY same /same # buildkit", |layer| layer.file("same", token("same")))
        .step("COPY same /same # buildkit", |layer| layer.file("same", token("same")))
        .step("RUN /bin/sh -c rm /app/.env # buildkit", |layer| layer.whiteout("app/.env"))
        .env("API_TOKEN", &token("env"))
}

/// What is expected of any form of [`leaky`].
fn check(form: &str, report: &Report) {
    assert_eq!(report.code, 1, "{form}");
    assert_eq!(report.problems(), [] as [Value; 0], "{form}");
    assert_eq!(report.findings().len(), 3, "{form}: {:#}", report.json);
    let places = |seed: &str| {
        let finding = report.finding(&token(seed)).unwrap_or_else(|| panic!("{form}: no {seed}"));
        let places = finding["places"].as_array().unwrap().iter();
        let mut places: Vec<String> = places
            .filter(|place| !is_copy(place))
            .map(|place| {
                format!("{} {} {}", place["kind"], place["layer"]["index"], place["state"]).replace('"', "")
            })
            .collect();
        places.sort();
        places
    };
    assert_eq!(places("env"), ["env null null"], "{form}");
    assert_eq!(places("deleted"), ["file 0 deleted"], "{form}");
    assert_eq!(places("same"), ["file 1 overwritten", "file 2 visible"], "{form}");
}

/// Scans `archive` as a file and from a pipe.
fn scan_both(form: &str, archive: &[u8], check: impl Fn(&str, &Report)) -> Report {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), archive).unwrap();
    let report = scanner().path(file.path()).report();
    check(&format!("{form}, file"), &report);
    let piped = scanner().stdin(archive).report();
    check(&format!("{form}, pipe"), &piped);
    assert_eq!(report.comparable(), piped.comparable(), "{form}");
    report
}

fn write(format: &Format, images: &[ImageBuilder], compression: Compression) -> Vec<u8> {
    (format.write)(images, compression).tar()
}

#[test]
fn every_form_with_every_compression_gives_the_same_findings() {
    let mut first: Option<Vec<Value>> = None;
    for format in FORMATS {
        for compression in COMPRESSIONS {
            let form = format!("{}, {compression:?}", format.name);
            let report = scan_both(&form, &write(format, &[leaky()], *compression), check);
            let found = report.comparable();
            assert_eq!(first.get_or_insert_with(|| found.clone()), &found, "{form}");
        }
    }
}

#[test]
fn a_layout_folder_gives_what_its_archive_gives() {
    for format in
        ["oci-archive", "buildx-oci", "oci-index-in-index", "docker-25", "docker-containerd", "docker-legacy"]
    {
        for compression in COMPRESSIONS {
            let form = format!("{format}, {compression:?}");
            let bundle = (named(format).write)(&[leaky()], *compression);
            let folder = tempfile::tempdir().unwrap();
            bundle.write_dir(folder.path());
            let report = scanner().path(folder.path()).report();
            check(&form, &report);
            let archive = scanner().stdin(bundle.tar()).report();
            assert_eq!(report.comparable(), archive.comparable(), "{form}");
        }
    }
}

#[test]
fn a_compressed_archive_gives_what_the_archive_gives() {
    for format in ["docker-legacy", "docker-25", "oci-archive"] {
        for outer in COMPRESSIONS {
            let archive = outer.compress(&write(named(format), &[leaky()], Compression::Gzip));
            scan_both(&format!("{format} in {outer:?}"), &archive, check);
        }
    }
}

#[test]
fn all_images_of_an_archive_are_scanned() {
    let image = |name: &str| {
        ImageBuilder::new()
            .name(name)
            .step("COPY base /base # buildkit", |layer| layer.file("base", token("shared")))
            .step("COPY own /own # buildkit", |layer| layer.file("own", token(name)))
    };
    let images = [image("one:1"), image("two:2")];
    for format in FORMATS.iter().filter(|format| format.name != "jib") {
        let archive = write(format, &images, Compression::Gzip);
        scan_both(format.name, &archive, |form, report| {
            assert_eq!(report.code, 1, "{form}");
            assert_eq!(report.problems(), [] as [Value; 0], "{form}");
            for name in ["shared", "one:1", "two:2"] {
                assert!(report.finding(&token(name)).is_some(), "{form}: no {name}: {:#}", report.json);
            }
            assert_eq!(report.findings().len(), 3, "{form}");
        });
    }
}

#[test]
fn a_credential_in_a_document_that_names_nothing_is_found() {
    for format in ["docker-25", "oci-archive"] {
        let mut bundle = (named(format).write)(&[leaky()], Compression::Plain);
        bundle.put("notes.txt", format!("token {}\n", token("stray")));
        let report = scan_both(format, &bundle.tar(), |_, _| ());
        assert!(report.finding(&token("stray")).is_some(), "{format}: {:#}", report.json);
    }
}
