//! The layer cache, from outside: a report is the same whether its layers were scanned now or earlier, and whatever
//! happens to the cache.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::bundle::Bundle;
use crate::support::case::Case;
use crate::support::compression::Compression;
use crate::support::formats::named;
use crate::support::image::ImageBuilder;
use crate::support::layer::LayerBuilder;
use crate::support::root;
use crate::support::scanner::{Run, Scanner, scanner};
use layersift::signature::template::expand;

/// A way to hand over an image, and the options of scans one after the other.
type Way<'w> = (&'w dyn Fn(Scanner) -> Scanner, &'w [&'w str]);

/// A saved image of a case, and a cache.
struct Desk {
    folder: TempDir,
    archive: PathBuf,
    layout: PathBuf,
    tar: Vec<u8>,
}

impl Desk {
    fn new(case: &Case, format: &str, compression: Compression) -> Self {
        Self::of(&(named(format).write)(&case.images(), compression))
    }

    fn of(bundle: &Bundle) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (archive, layout) = (folder.path().join("image.tar"), folder.path().join("layout"));
        let tar = bundle.tar();
        fs::write(&archive, &tar).unwrap();
        bundle.write_dir(&layout);
        Self { folder, archive, layout, tar }
    }

    fn cache(&self) -> PathBuf {
        self.folder.path().join("cache")
    }

    /// A scan with the cache.
    fn scan(&self, case: &Case) -> Scanner {
        scanner().args(["--format", "json", "--cache-dir"]).path(&self.cache()).args(&case.args)
    }

    fn stats(&self) -> Value {
        let run = cache(&["stats", "--format", "json"], &self.cache());
        serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {run:?}"))
    }
}

fn cache(args: &[&str], folder: &Path) -> Run {
    Scanner::of("cache").args(args).args(["--cache-dir"]).path(folder).run()
}

fn leaky() -> (Case, Desk) {
    let case = Case::read("deleted-file");
    let desk = Desk::new(&case, "oci-archive", Compression::Gzip);
    (case, desk)
}

fn cases() -> Vec<String> {
    let files = fs::read_dir(root().join("testdata/cases")).unwrap();
    let name = |path: PathBuf| path.file_stem().unwrap().to_str().unwrap().to_owned();
    files.map(|entry| name(entry.unwrap().path())).collect()
}

#[test]
fn a_report_is_the_same_with_and_without_a_cache() {
    let mut kept = 0;
    for name in cases() {
        let case = Case::read(&name);
        let desk = Desk::new(&case, "oci-archive", Compression::Gzip);
        // A cold cache, a warm one, and one that is believed; what a file left is not asked for by a pipe.
        let ways: [Way<'_>; 2] = [
            (&|scan| scan.path(&desk.archive), &["--jobs=2", "--jobs=4", "--trust-digests"]),
            (&|scan| scan.stdin(desk.tar.clone()), &["--jobs=2", "--trust-digests"]),
        ];
        for (input, options) in ways {
            let fresh = input(desk.scan(&case)).args(["--no-cache"]).run();
            for option in options {
                let run = input(desk.scan(&case)).args([*option]).run();
                assert_eq!(run.stdout, fresh.stdout, "{name}, {option}");
                assert_eq!((run.code, &run.stderr), (fresh.code, &fresh.stderr), "{name}, {option}");
            }
        }
        kept += desk.stats()["reports"].as_u64().unwrap();
    }
    assert!(kept > 30, "{kept} reports were kept");
}

#[test]
fn a_docker_archive_finds_the_layers_that_a_layout_left() {
    let case = Case::read("deleted-file");
    let layout = Desk::new(&case, "oci-archive", Compression::Plain);
    let archive = Desk::new(&case, "docker-legacy", Compression::Plain);
    assert_eq!(layout.scan(&case).path(&layout.layout).run().code, 1);
    let before = layout.stats()["reports"].as_u64().unwrap();
    let scan = || scanner().args(["--format", "json"]).path(&archive.archive).args(["--cache-dir"]);
    let fresh = scan().path(&archive.cache()).run();
    assert_eq!(scan().path(&layout.cache()).run().stdout, fresh.stdout);
    // Beside each layer there is a file with the version of the format.
    assert_eq!(layout.stats()["reports"].as_u64().unwrap(), before + 1);
}

/// Overwrites the layers of a layout, so that only the cache knows what was in them.
fn overwrite_layers(layout: &Path) -> usize {
    let blobs = fs::read_dir(layout.join("blobs/sha256")).unwrap().map(|entry| entry.unwrap().path());
    let layers: Vec<PathBuf> =
        blobs.filter(|path| fs::read(path).unwrap().starts_with(&[0x1f, 0x8b])).collect();
    for layer in &layers {
        let bytes = vec![0x20; fs::read(layer).unwrap().len()];
        fs::write(layer, bytes).unwrap();
    }
    layers.len()
}

#[test]
fn names_are_believed_only_if_somebody_says_so() {
    let (case, desk) = leaky();
    let fresh = desk.scan(&case).path(&desk.layout).run();
    assert!(overwrite_layers(&desk.layout) > 0);
    let trusting = desk.scan(&case).args(["--trust-digests"]).path(&desk.layout).run();
    assert_eq!(trusting.stdout, fresh.stdout);
    let wary = desk.scan(&case).path(&desk.layout).run();
    let report: Value = serde_json::from_str(&wary.stdout).unwrap();
    assert!(report["problems"].as_array().unwrap().iter().any(|problem| problem["kind"] == "mismatch"));
}

fn token(of: &str) -> String {
    expand("ghp_{base62:30}{github-crc32}", of)
}

#[test]
fn a_layer_with_credentials_in_its_paths_is_kept_without_them() {
    let planted = ["content", "folder", "name", "link", "target", "above", "environment"].map(token);
    let [content, folder, name, link, target, above, environment] = &planted;
    let lower = |layer: LayerBuilder| {
        layer
            .file("app/.env", format!("TOKEN={content}\n"))
            .file(format!("srv/{folder}/conf"), format!("{content}\n{name}"))
            .file(format!("srv/{name}.txt"), "nothing")
            .hardlink(format!("srv/{link}"), "app/.env")
            .symlink("srv/there", format!("/run/{target}"))
    };
    let upper = |layer: LayerBuilder| {
        layer.whiteout(&format!("srv/{folder}")).whiteout("app/.env").file(format!("srv/{above}/x"), content)
    };
    let image = ImageBuilder::new()
        .step("COPY a / # buildkit", lower)
        .step("COPY b / # buildkit", upper)
        .empty_step(&format!("ENV TOKEN={environment}"))
        .env("TOKEN", environment);
    let desk = Desk::of(&(named("oci-archive").write)(&[image], Compression::Gzip));
    let scan = || scanner().args(["--format", "json", "--min-confidence", "review"]).path(&desk.layout);
    let fresh = scan().args(["--no-cache"]).run();
    let report: Value = serde_json::from_str(&fresh.stdout).unwrap();
    assert_eq!(report["findings"].as_array().unwrap().len(), planted.len(), "{report:#}");
    let cached = || scan().args(["--cache-dir"]).path(&desk.cache());
    assert_eq!(cached().run().stdout, fresh.stdout, "a cold cache");
    // What the layers held is in the cache alone now.
    assert_eq!(overwrite_layers(&desk.layout), 2);
    let warm = cached().args(["--trust-digests"]).run();
    assert_eq!((warm.stdout, warm.code), (fresh.stdout, fresh.code));
    for file in fs::read_dir(desk.cache()).unwrap() {
        let bytes = fs::read(file.unwrap().path()).unwrap();
        for secret in &planted {
            let part = &secret.as_bytes()[8..24];
            assert!(!bytes.windows(part.len()).any(|window| window == part), "{secret}");
        }
    }
}

#[test]
fn credentials_are_shown_although_the_cache_has_none() {
    let (case, desk) = leaky();
    let without = scanner().args(["--no-cache"]).path(&desk.archive).report();
    assert_eq!(desk.scan(&case).path(&desk.archive).run().code, 1);
    let with = scanner().args(["--cache-dir"]).path(&desk.cache()).path(&desk.archive).report();
    assert_eq!(with.json, without.json);
    let secret = with.findings()[0]["secret"].as_str().unwrap().to_owned();
    for file in fs::read_dir(desk.cache()).unwrap() {
        let bytes = fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()));
    }
}

#[test]
fn a_damaged_cache_is_begun_anew_and_told() {
    let (case, desk) = leaky();
    let fresh = desk.scan(&case).path(&desk.archive).run();
    let file = PathBuf::from(desk.stats()["file"].as_str().unwrap());
    fs::write(&file, b"not a database at all, but a text that is long enough to be looked at").unwrap();
    let run = desk.scan(&case).path(&desk.archive).run();
    assert_eq!((run.code, run.stdout), (fresh.code, fresh.stdout.clone()));
    assert!(run.stderr.contains("begun anew"), "{}", run.stderr);
    let run = desk.scan(&case).path(&desk.archive).run();
    assert_eq!((run.stdout, run.stderr), (fresh.stdout, String::new()));
}

#[test]
fn a_cache_that_cannot_be_is_told_and_the_scan_goes_on() {
    let (case, desk) = leaky();
    fs::write(desk.cache(), "a file where the folder should be").unwrap();
    let run = desk.scan(&case).path(&desk.archive).run();
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("cannot be used"), "{}", run.stderr);
    let stats = cache(&["stats"], &desk.cache());
    assert_eq!(stats.code, 3, "{stats:?}");
}

#[test]
fn several_processes_share_a_cache() {
    let (case, desk) = leaky();
    let fresh = desk.scan(&case).args(["--no-cache"]).path(&desk.archive).run();
    let runs: Vec<Run> = std::thread::scope(|scope| {
        let scan = || desk.scan(&case).path(&desk.archive).run();
        let threads: Vec<_> = (0..6).map(|_| scope.spawn(scan)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    for run in runs {
        assert_eq!((run.stdout, run.stderr), (fresh.stdout.clone(), String::new()));
    }
    assert!(desk.stats()["reports"].as_u64().unwrap() > 0);
}

#[test]
fn a_scan_that_is_killed_leaves_a_whole_cache() {
    let (case, desk) = leaky();
    let fresh = desk.scan(&case).args(["--no-cache"]).path(&desk.archive).run();
    for delay in (0..12).map(|step| Duration::from_millis(step * 40)) {
        let mut child = Command::new(env!("CARGO_BIN_EXE_layersift"))
            .args(["scan", "--cache-dir"])
            .args([&desk.cache(), &desk.archive])
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(delay);
        // SIGKILL.
        child.kill().unwrap();
        child.wait().unwrap();
        let run = desk.scan(&case).path(&desk.archive).run();
        assert_eq!((run.stdout, run.stderr), (fresh.stdout.clone(), String::new()), "{delay:?}");
        assert_eq!(cache(&["clear"], &desk.cache()).code, 0);
    }
}

#[test]
fn the_cache_can_be_looked_at_pruned_and_cleared() {
    let (case, desk) = leaky();
    assert_eq!(desk.scan(&case).path(&desk.archive).run().code, 1);
    let reports = desk.stats()["reports"].as_u64().unwrap();
    let shown = cache(&["stats"], &desk.cache());
    assert!(shown.stdout.contains(&format!("reports  {reports}\n")), "{shown:?}");
    let pruned = cache(&["prune", "--max-size", "0"], &desk.cache());
    assert_eq!(pruned.stdout, format!("{reports} reports were removed\n"));
    assert_eq!(cache(&["prune", "--max-size", "much"], &desk.cache()).code, 2);
    assert_eq!(cache(&["clear"], &desk.cache()).code, 0);
    assert_eq!(fs::read_dir(desk.cache()).unwrap().count(), 0);
}
