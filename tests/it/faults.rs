//! Damaged, lying and hostile input: a clear problem with its place, the rest scanned, the right exit code, no panic.

use std::fs;

use serde_json::json;

use crate::support::bundle::Bundle;
use crate::support::compression::{COMPRESSIONS, Compression};
use crate::support::formats::named;
use crate::support::image::{ImageBuilder, Layer};
use crate::support::noise::Noise;
use crate::support::scanner::{Report, Run, scanner};
use crate::support::{digest, hex};
use layersift::signature::template::expand;

fn token() -> String {
    expand("ghp_{base62:30}{github-crc32}", "faults")
}

/// An image whose first layer leaks.
fn leaky() -> ImageBuilder {
    ImageBuilder::new()
        .step("COPY .env /.env # buildkit", |layer| layer.file(".env", token()))
        .step("COPY app /app # buildkit", |layer| layer.file("app", "#!/bin/sh\n"))
}

/// An image with two layers and no leak.
fn clean() -> ImageBuilder {
    ImageBuilder::new()
        .step("COPY a /a # buildkit", |layer| layer.file("a", "nothing\n"))
        .step("COPY app /app # buildkit", |layer| {
            layer.file("app", Noise::new("app").take(30_000).collect::<Vec<u8>>())
        })
}

fn oci(image: ImageBuilder, compression: Compression) -> Bundle {
    (named("oci-archive").write)(&[image], compression)
}

/// A file and a pipe must tell the same.
fn scan(archive: &[u8]) -> Report {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), archive).unwrap();
    let report = scanner().path(file.path()).report();
    let piped = scanner().stdin(archive).report();
    assert_eq!(report.code, piped.code, "file {:#}\npipe {:#}", report.json, piped.json);
    assert_eq!(
        report.problem_kinds(),
        piped.problem_kinds(),
        "file {:#}\npipe {:#}",
        report.json,
        piped.json
    );
    assert_eq!(report.comparable(), piped.comparable());
    report
}

/// Findings are gone on with in spite of a problem of `kind`, and every problem has a place and a remedy.
#[track_caller]
fn leaks_with(archive: &[u8], kind: &str) -> Report {
    let report = scan(archive);
    assert!(report.finding(&token()).is_some(), "{:#}", report.json);
    assert_eq!(report.code, 1, "findings win over gaps");
    has_problem(&report, kind);
    report
}

/// No finding and a problem of `kind`: not clean.
#[track_caller]
fn gap(archive: &[u8], kind: &str) -> Report {
    let report = scan(archive);
    assert_eq!(report.code, 4, "{:#}", report.json);
    has_problem(&report, kind);
    report
}

#[track_caller]
fn has_problem(report: &Report, kind: &str) {
    assert!(report.problem_kinds().contains(&kind), "no {kind}: {:#}", report.json);
    for problem in report.problems() {
        for key in ["place", "message", "remedy"] {
            assert!(problem[key].as_str().is_some_and(|text| !text.is_empty()), "no {key}: {problem}");
        }
    }
}

/// Not scanned at all: a message, exit code 3.
#[track_caller]
fn unreadable(run: &Run) {
    assert_eq!(run.code, 3, "{run:?}");
    assert!(!run.stderr.is_empty() || run.stdout.contains("problem"), "{run:?}");
    assert!(!run.stderr.contains("panicked"), "{run:?}");
}

#[test]
fn a_missing_file_is_unreadable() {
    let run = scanner().args(["/nowhere/image.tar"]).run();
    unreadable(&run);
    assert!(format!("{}{}", run.stdout, run.stderr).contains("/nowhere/image.tar"), "{run:?}");
}

#[test]
fn what_is_no_image_is_unreadable() {
    let noise: Vec<u8> = Noise::new("no image").take(50_000).collect();
    for bytes in [Vec::new(), b"hello\n".to_vec(), noise, b"{\"some\":\"json\"}".to_vec()] {
        unreadable(&scanner().stdin(bytes.clone()).run());
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), &bytes).unwrap();
        unreadable(&scanner().path(file.path()).run());
    }
    let folder = tempfile::tempdir().unwrap();
    unreadable(&scanner().path(folder.path()).run());
}

#[test]
fn one_unreadable_image_does_not_hide_the_findings_of_another() {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), oci(leaky(), Compression::Gzip).tar()).unwrap();
    let run = scanner().args(["/nowhere/image.tar"]).path(file.path()).args(["--show-secrets"]).run();
    assert!(run.stdout.contains(&token()), "{run:?}");
    assert_eq!(run.code, 1, "{run:?}");
}

#[test]
fn an_archive_without_a_manifest_is_searched_all_the_same() {
    let mut bundle = oci(leaky(), Compression::Gzip);
    bundle.remove("index.json");
    leaks_with(&bundle.tar(), "missing");
}

#[test]
fn a_truncated_archive_never_looks_clean() {
    let whole = oci(clean(), Compression::Gzip).tar();
    for cut in [1, 100, 511, 512, 513, 1024, 2000, whole.len() / 2, whole.len() - 3000, whole.len() - 1100] {
        let report = scanner().stdin(&whole[..cut]).args(["--format", "json"]).run();
        assert!([3, 4].contains(&report.code), "cut at {cut}: {report:?}");
        assert!(!report.stderr.contains("panicked"), "cut at {cut}: {report:?}");
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), &whole[..cut]).unwrap();
        let report = scanner().path(file.path()).args(["--format", "json"]).run();
        assert!([3, 4].contains(&report.code), "cut at {cut}: {report:?}");
    }
}

#[test]
fn a_truncated_archive_yields_what_stands_before_the_cut() {
    let whole = (named("docker-25").write)(&[leaky()], Compression::Plain).tar();
    let report = scanner().stdin(&whole[..whole.len() - 3 * 1024]).report();
    assert!(report.finding(&token()).is_some(), "{:#}", report.json);
    has_problem(&report, "damaged");
}

#[test]
fn a_truncated_layer_is_damaged_in_every_compression() {
    for compression in COMPRESSIONS.iter().filter(|compression| **compression != Compression::Plain) {
        let mut bundle = oci(clean(), *compression);
        let blob = compression.compress(&clean().layers[1].tar);
        let path = format!("blobs/sha256/{}", hex(&blob));
        let cut = blob.len() / 2;
        bundle.file_mut(&path).truncate(cut);
        let report = gap(&bundle.tar(), "damaged");
        assert!(report.problem_kinds().contains(&"mismatch"), "{compression:?}: {:#}", report.json);
    }
}

#[test]
fn a_changed_byte_is_noticed_in_every_compression() {
    for compression in COMPRESSIONS {
        let mut bundle = oci(clean(), *compression);
        let blob = compression.compress(&clean().layers[1].tar);
        let middle = blob.len() / 2;
        bundle.file_mut(&format!("blobs/sha256/{}", hex(&blob)))[middle] ^= 0x10;
        gap(&bundle.tar(), "mismatch");
    }
}

#[test]
fn wrong_claims_are_mismatches() {
    let other = digest(b"something else");
    let wrong: [fn(&mut Layer, &str); 3] = [
        |layer, other| layer.diff_id = Some(other.to_owned()),
        |layer, _| drop(layer.claims.insert("size".to_owned(), json!(3))),
        |layer, _| drop(layer.claims.insert("size".to_owned(), json!(300_000_000_000_u64))),
    ];
    for change in wrong {
        for compression in [Compression::Plain, Compression::Gzip, Compression::Zstd] {
            let image = leaky().top(|layer| change(layer, &other));
            leaks_with(&oci(image, compression).tar(), "mismatch");
            let image = clean().top(|layer| change(layer, &other));
            gap(&oci(image, compression).tar(), "mismatch");
        }
    }
}

#[test]
fn a_blob_under_another_name_than_its_digest_is_a_mismatch() {
    let mut bundle = oci(clean(), Compression::Gzip);
    let path = format!("blobs/sha256/{}", hex(&Compression::Gzip.compress(&clean().layers[1].tar)));
    *bundle.file_mut(&path) = Compression::Gzip.compress(&leaky().layers[0].tar);
    leaks_with(&bundle.tar(), "mismatch");
}

#[test]
fn a_wrong_media_type_does_not_mislead() {
    for media_type in ["application/vnd.oci.image.layer.v1.tar+gzip", "application/x-gzip", "text/plain"] {
        for compression in [Compression::Plain, Compression::Zstd] {
            let image = leaky().layer(|layer| layer.file("later", "x\n")).top(|layer| {
                layer.claims.insert("mediaType".to_owned(), json!(media_type));
            });
            let report = scan(&oci(image, compression).tar());
            assert!(report.finding(&token()).is_some(), "{media_type}: {:#}", report.json);
            assert!(!report.problem_kinds().contains(&"mismatch"), "{:#}", report.json);
        }
    }
}

#[test]
fn a_missing_blob_is_a_gap() {
    let image = clean().top(|layer| layer.absent = true);
    gap(&oci(image, Compression::Gzip).tar(), "missing");
    let mut bundle = (named("docker-legacy").write)(&[clean()], Compression::Plain);
    bundle.remove(&format!("{}/layer.tar", clean().legacy_id(1)));
    gap(&bundle.tar(), "missing");
}

#[test]
fn a_missing_config_leaves_the_layers_searched() {
    let mut bundle = oci(leaky(), Compression::Gzip);
    bundle.remove(&format!("blobs/sha256/{}", hex(&leaky().config_bytes())));
    leaks_with(&bundle.tar(), "missing");
}

#[test]
fn a_foreign_layer_is_a_gap_that_names_its_address() {
    let image = clean().top(|layer| {
        layer.absent = true;
        let media_type = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
        layer.claims.insert("mediaType".to_owned(), json!(media_type));
        layer.claims.insert("urls".to_owned(), json!(["https://layers.example.com/base"]));
    });
    let report = scan(&oci(image, Compression::Gzip).tar());
    assert_eq!(report.code, 4, "{:#}", report.json);
    assert!(report.json["problems"].to_string().contains("layers.example.com"), "{:#}", report.json);
}

#[test]
fn two_manifests_that_disagree_are_reported_and_both_followed() {
    let mut bundle = (named("docker-25").write)(&[leaky()], Compression::Plain);
    bundle.edit_json("manifest.json", |manifest| {
        manifest[0]["Layers"].as_array_mut().unwrap().remove(0);
    });
    leaks_with(&bundle.tar(), "mismatch");
}

#[test]
fn broken_json_is_damage() {
    for path in ["index.json", "manifest.json"] {
        let mut bundle = (named("docker-25").write)(&[leaky()], Compression::Plain);
        bundle.file_mut(path).truncate(40);
        leaks_with(&bundle.tar(), "damaged");
    }
    let mut bundle = (named("docker-legacy").write)(&[leaky()], Compression::Plain);
    *bundle.file_mut("manifest.json") = b"[".repeat(200_000);
    leaks_with(&bundle.tar(), "damaged");
}

#[test]
fn a_huge_document_is_a_limit_and_not_an_end() {
    let mut bundle = (named("docker-legacy").write)(&[leaky()], Compression::Plain);
    let padding = b" ".repeat(2 << 20);
    bundle.file_mut("manifest.json").extend(padding);
    let report = scanner().stdin(bundle.tar()).args(["--max-document-bytes", "1MiB"]).report();
    assert!(report.finding(&token()).is_some(), "{:#}", report.json);
    has_problem(&report, "limit");
    assert!(report.json["problems"].to_string().contains("--max-document-bytes"), "{:#}", report.json);
}

#[test]
fn bytes_behind_the_tar_s_end_are_searched() {
    let image = ImageBuilder::new().step("COPY a /a # buildkit", |layer| {
        layer.file("a", "x\n").after_end(format!("behind the end {}\n", token()).as_bytes())
    });
    for compression in [Compression::Plain, Compression::Gzip, Compression::Zstd] {
        let report = scan(&oci(image.clone(), compression).tar());
        let finding =
            report.finding(&token()).unwrap_or_else(|| panic!("{compression:?}: {:#}", report.json));
        assert_eq!(finding["places"][0]["kind"], "padding");
    }
}

#[test]
fn a_second_gzip_member_is_read() {
    let mut image = clean();
    let blob = Compression::Gzip.compress(&image.layers[1].tar);
    let mut bundle = oci(image.clone(), Compression::Gzip);
    let second = Compression::Gzip.compress(format!("in a second member {}\n", token()).as_bytes());
    bundle.file_mut(&format!("blobs/sha256/{}", hex(&blob))).extend(second);
    leaks_with(&bundle.tar(), "mismatch");

    // With true digests it is just another layer whose tar goes on behind its end.
    image = image.layer(|layer| layer.file("z", "z\n").after_end(format!("{}\n", token()).as_bytes()));
    let report = scan(&oci(image, Compression::GzipMembers).tar());
    assert!(report.finding(&token()).is_some(), "{:#}", report.json);
}

#[test]
fn rubbish_behind_the_gzip_member_is_no_silence() {
    let mut bundle = oci(clean(), Compression::Gzip);
    let blob = Compression::Gzip.compress(&clean().layers[1].tar);
    bundle
        .file_mut(&format!("blobs/sha256/{}", hex(&blob)))
        .extend(format!("rubbish {}\n", token()).as_bytes());
    let report = scan(&bundle.tar());
    assert!([1, 4].contains(&report.code), "{:#}", report.json);
    has_problem(&report, "mismatch");
}

#[test]
fn bytes_behind_the_archive_s_end_are_searched() {
    let mut archive = oci(clean(), Compression::Gzip).tar();
    archive.extend(format!("appended {}\n", token()).as_bytes());
    let report = scan(&archive);
    assert!(report.finding(&token()).is_some(), "{:#}", report.json);
}

#[test]
fn hostile_paths_are_only_names() {
    let deep = "d/".repeat(50_000) + "name";
    let image = ImageBuilder::new().step("COPY . / # buildkit", |layer| {
        layer
            .file("../../etc/shadow", token())
            .file("/absolute", token())
            .file("a/../../b", token())
            .file(b"nul\0name", token())
            .file("", token())
            .file(&deep, token())
            .symlink("loop", "loop")
            .hardlink("up", "../../etc/passwd")
            .hardlink("nothing", "not/there")
            .file("esc\u{1b}[2Jape\u{202e}", token())
    });
    let archive = oci(image, Compression::Gzip).tar();
    let report = scan(&archive);
    assert_eq!(report.code, 1, "{:#}", report.json);
    let files = report.finding(&token()).unwrap()["places"].as_array().unwrap().iter();
    assert_eq!(files.filter(|place| place["kind"] == "file").count(), 7, "{:#}", report.json);
    let table = scanner().stdin(archive).run();
    assert!(!table.stdout.contains('\u{1b}') && !table.stdout.contains('\u{202e}'), "{}", table.stdout);
}

#[test]
fn an_archive_s_own_hostile_paths_write_nothing_and_hide_nothing() {
    let mut bundle = (named("docker-legacy").write)(&[leaky()], Compression::Plain);
    bundle.edit_json("manifest.json", |manifest| {
        manifest[0]["Layers"].as_array_mut().unwrap().push(json!("../../../../etc/passwd"));
    });
    bundle.put("../../escaped", "x");
    leaks_with(&bundle.tar(), "missing");
}

#[test]
fn a_layout_s_links_do_not_lead_out_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let outside = tempfile::NamedTempFile::new().unwrap();
    fs::write(outside.path(), Compression::Gzip.compress(&leaky().layers[0].tar)).unwrap();
    oci(clean(), Compression::Gzip).write_dir(folder.path());
    let blob =
        folder.path().join("blobs/sha256").join(hex(&Compression::Gzip.compress(&clean().layers[1].tar)));
    fs::remove_file(&blob).unwrap();
    std::os::unix::fs::symlink(outside.path(), &blob).unwrap();
    let report = scanner().path(folder.path()).report();
    assert!(report.finding(&token()).is_none(), "{:#}", report.json);
    assert_eq!(report.code, 4, "{:#}", report.json);
}

#[test]
fn a_loop_of_symbolic_links_in_an_archive_ends() {
    let mut bundle = (named("docker-legacy").write)(&[clean()], Compression::Plain);
    let (one, two) = (clean().legacy_id(0), clean().legacy_id(1));
    for (from, to) in [(&one, &two), (&two, &one)] {
        let path = format!("{from}/layer.tar");
        bundle.remove(&path);
        bundle.member(path, crate::support::bundle::Member::Link(format!("../{to}/layer.tar")));
    }
    let report = scan(&bundle.tar());
    assert!([3, 4].contains(&report.code), "{:#}", report.json);
}

#[test]
fn allow_partial_turns_a_gap_into_success_and_still_tells_it() {
    let image = clean().top(|layer| layer.absent = true);
    let archive = oci(image, Compression::Gzip).tar();
    let report = scanner().stdin(archive).args(["--allow-partial"]).report();
    assert_eq!(report.code, 0, "{:#}", report.json);
    has_problem(&report, "missing");
}

#[test]
fn a_bomb_runs_into_a_limit() {
    let bomb = Compression::Zstd.compress(&vec![0; 64 << 20]);
    let mut image = clean();
    image = image.layer(|layer| layer.file("zeros", vec![0; 64 << 20]));
    let archive = oci(image, Compression::Zstd).tar();
    assert!(bomb.len() < 64 << 10);
    let report = scanner().stdin(archive).args(["--max-layer-bytes", "1MiB"]).report();
    assert_eq!(report.code, 4, "{:#}", report.json);
    has_problem(&report, "limit");
}

#[test]
fn a_full_disk_is_told() {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), oci(leaky(), Compression::Gzip).tar()).unwrap();
    let run = scanner().path(file.path()).args(["--output", "/dev/full"]).run();
    assert!(!run.stderr.contains("panicked"), "{run:?}");
    assert_eq!(run.code, 3, "{run:?}");
    assert!(run.stderr.contains("/dev/full"), "{run:?}");
}

#[test]
fn a_reader_that_goes_away_causes_no_panic() {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), oci(leaky(), Compression::Gzip).tar()).unwrap();
    for format in ["table", "json", "jsonl"] {
        let run = scanner().path(file.path()).args(["--format", format]).run_with_closed_stdout();
        assert!(!run.stderr.contains("panicked"), "{format}: {run:?}");
        assert_ne!(run.code, 101, "{format}: {run:?}");
    }
}

#[test]
fn an_unknown_flag_is_a_usage_error() {
    assert_eq!(scanner().args(["--no-such-flag", "x.tar"]).run().code, 2);
    assert_eq!(scanner().run().code, 2);
}
