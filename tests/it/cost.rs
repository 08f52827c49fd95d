//! What a scan costs, in instructions: a guard against losses that needs no quiet machine.
//!
//! Valgrind counts the instructions of a release build that scans small images with one thread. What it counts is the same in
//! every run, within some millionths, because it shows the program one processor, without the newest instructions. Each input
//! is scanned in two sizes; the difference is what its bytes cost, without starting up and without compiling patterns. The
//! figures are kept in `testdata/cost.tsv`; `LAYERSIFT_COST=record` writes them anew. It fails for what became cheaper too:
//! else a later loss would hide in the gain.
//!
//! A byte of a hostile input may cost ten times as much as one of ordinary content. What costs more is listed with how much, and
//! why: nothing on that list becomes slower, and what was mended is taken off. It grows only with kinds of input that nobody
//! thought of before, or when ordinary content becomes cheaper.
//!
//! Ordinary content is made from seeds, as for the benches. Hostile content is that of `tests/support/hostile.py`, of which
//! the kinds are here that once were slow, or could become it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::{env, fs, thread};

use crate::made::content::{KINDS, Kind};
use crate::support::compression::Compression;
use crate::support::formats::named;
use crate::support::image::ImageBuilder;
use crate::support::root;
use crate::support::scanner::scanner;

/// Bytes of each input, in its two sizes.
const SIZES: [usize; 2] = [64 << 10, 256 << 10];

/// How far a figure may be from what is kept: a share of it, and so many instructions for a byte whatever it is.
const SHARE: f64 = 0.05;
const LEAST: f64 = 1.0;

/// Hostile inputs.
const HOSTILE: &[&str] = &[
    "quiet",
    "password",
    "password-value",
    "password-nested",
    "less",
    "quotes",
    "backslashes",
    "continued",
    "percent-token",
    "strings-added",
    "strings-token",
    "colons",
    "queries",
    "pem-certificates",
    "jwt-heads",
    "base64-zip",
    "base64-words",
    "wide-letters",
    "keywords-before-runs",
    "tiny-files",
    "hard-link-chain",
    "whiteouts",
    "parts-zip-tiny",
    "parts-zstd-frames",
    "parts-elf-strings",
    "parts-elf-wide",
    "parts-sqlite-names",
    "steps-password",
    "blocks",
    "calls",
    "hosts",
    "strings-quotes",
    "strings-comments",
    "assigned-parts",
    "long-values",
];

/// How many times as much as a byte of ordinary content one of a hostile input may cost.
const MOST_TIMES: f64 = 10.0;

/// Ordinary content.
const ORDINARY: &[&str] =
    &["made Binary", "made Json", "made Logs", "made Minified", "made Noise", "made Source"];

/// Hostile inputs that cost more: how many times as much, at most, and what for.
const KNOWN: &[(&str, f64, &str)] = &[
    (
        "assigned-parts",
        1_700.0,
        "a fingerprint for each fifty bytes, slow on purpose; ends at `--max-matches`",
    ),
    ("base64-words", 165.0, "the same for fewer of its bytes"),
    ("blocks", 85.0, "each block is walked for each word in it"),
    ("calls", 55.0, "the same, and arguments"),
    ("hosts", 13.0, "each may belong to a credential of the same command"),
    ("jwt-heads", 11.5, "each may be a token, and is decoded"),
    ("keywords-before-runs", 33.0, "the pattern of each rule is compiled, once"),
    ("less", 10.7, "each may be an element with a value"),
    ("parts-sqlite-names", 13.0, "names of columns, each with a value to be judged"),
    ("steps-password", 26.0, "an argument to be judged every ten bytes of a build step"),
    ("strings-comments", 19.0, "pieces that may go on behind each comment"),
    ("strings-quotes", 15.0, "rows of pieces are kept for each of the ways to read them"),
    ("strings-token", 14.0, "pieces that are joined, each with an assignment to be judged"),
];

/// Who makes an input of so many bytes and writes it as an image to a file.
enum Input {
    Made(Kind),
    Gzip(Kind),
    Hostile(&'static str),
}

impl Input {
    fn all() -> Vec<(String, Self)> {
        let made = KINDS.into_iter().map(|kind| (format!("made {kind:?}"), Self::Made(kind)));
        let gzip = [("made Source, gzip".to_owned(), Self::Gzip(Kind::Source))];
        let hostile = HOSTILE.iter().map(|kind| (format!("hostile {kind}"), Self::Hostile(kind)));
        made.chain(gzip).chain(hostile).collect()
    }

    fn write(&self, size: usize, path: &Path) {
        let (kind, compression) = match self {
            Self::Made(kind) => (kind, Compression::Plain),
            Self::Gzip(kind) => (kind, Compression::Gzip),
            Self::Hostile(kind) => {
                return hostile(kind, size, path);
            }
        };
        let content = kind.content(size, 1).bytes;
        let image = ImageBuilder::new().layer(|layer| layer.file("srv/app/data", content));
        fs::write(path, (named("docker-25").write)(&[image], compression).tar()).unwrap();
    }
}

/// Writes hostile images of a kind, or of all.
fn hostile(kind: &str, size: usize, path: &Path) {
    let script = root().join("tests/support/hostile.py");
    let made = Command::new("python3").arg(script).args([kind, &*size.to_string()]).arg(path).status();
    assert!(made.is_ok_and(|status| status.success()), "{kind}: run tests/install.sh");
}

/// Instructions of a scan of the image at `path`.
fn instructions(binary: &Path, path: &Path) -> u64 {
    let output = Command::new("valgrind")
        .args(["--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"])
        .arg(binary)
        .args([
            "scan",
            "--quiet",
            "--no-progress",
            "--no-ignore",
            "--no-cache",
            "--jobs",
            "1",
            "--format",
            "json",
        ])
        .arg(path)
        .env_clear()
        .current_dir(path.parent().unwrap())
        .output()
        .expect("valgrind is installed: run tests/install.sh");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(matches!(output.status.code(), Some(0 | 1 | 4)), "{}: {told}", path.display());
    let counted = told.lines().find_map(|line| line.split("I   refs:").nth(1));
    let counted = counted.and_then(|count| count.trim().replace(',', "").parse().ok());
    counted.unwrap_or_else(|| panic!("no count: {told}"))
}

/// Instructions for each byte of the input.
fn figure(binary: &Path, input: &Input) -> f64 {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image.tar");
    let [(small, less), (large, more)] = SIZES.map(|size| {
        input.write(size, &path);
        (instructions(binary, &path), fs::metadata(&path).unwrap().len())
    });
    #[expect(clippy::cast_precision_loss, reason = "both are far below 2^52")]
    let for_each = (large - small) as f64 / (more - less) as f64;
    for_each
}

/// Every figure, in millions for the start of the program, and for each byte of the inputs.
fn figures(binary: &Path) -> BTreeMap<String, f64> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image.tar");
    Input::Hostile("quiet").write(1 << 10, &path);
    #[expect(clippy::cast_precision_loss, reason = "it is far below 2^52")]
    let start = instructions(binary, &path) as f64 / 1e6;
    let queue = Mutex::new(Input::all().into_iter());
    let out = Mutex::new(BTreeMap::from([("start, millions".to_owned(), start)]));
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().unwrap().next();
                    let Some((name, input)) = next else { return };
                    let figure = figure(binary, &input);
                    out.lock().unwrap().insert(name, figure);
                }
            });
        }
    });
    out.into_inner().unwrap()
}

/// What `testdata/cost.tsv` holds.
fn kept_figures(text: &str) -> BTreeMap<&str, f64> {
    let lines = text.lines().filter_map(|line| line.split_once('\t'));
    lines.map(|(name, figure)| (name, figure.parse().unwrap())).collect()
}

#[test]
fn a_hostile_byte_costs_ten_ordinary_ones_at_most_or_what_is_known_of_it() {
    let text = fs::read_to_string(root().join("testdata/cost.tsv")).unwrap();
    let kept = kept_figures(&text);
    #[expect(clippy::cast_precision_loss, reason = "there are a few")]
    let ordinary = ORDINARY.iter().map(|name| kept[name]).sum::<f64>() / ORDINARY.len() as f64;
    let times = |kind: &str| kept[format!("hostile {kind}").as_str()] / ordinary;
    let mut wrong = Vec::new();
    for kind in HOSTILE {
        let known = KNOWN.iter().find(|(name, ..)| name == kind);
        let (times, most) = (times(kind), known.map_or(MOST_TIMES, |(_, most, _)| *most));
        if times > most {
            wrong.push(format!("{kind}: {times:.1} times an ordinary byte, and {most} are allowed"));
        } else if known.is_some() && (times <= MOST_TIMES || times < 0.8 * most) {
            wrong.push(format!("{kind}: {times:.1} times an ordinary byte, better than is known of it"));
        }
    }
    assert!(KNOWN.iter().all(|(kind, ..)| HOSTILE.contains(kind)));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_hostile_image_is_scanned_to_its_end() {
    let folder = tempfile::tempdir().unwrap();
    hostile("all", 4 << 10, folder.path());
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(HOSTILE.iter().all(|kind| paths.contains(&folder.path().join(format!("{kind}.tar")))));
    let run = scanner().args(["--quiet", "--format", "jsonl"]).args(&paths).run();
    assert_eq!((run.code, &*run.stderr), (1, ""), "some hold what looks like a credential");
    let told = run.stdout.lines().filter(|line| line.starts_with("{\"type\":\"summary\"")).count();
    assert_eq!(told, paths.len(), "each has its summary");
}

#[test]
#[ignore = "wants a release build and a minute: tests/run.sh gives it both"]
fn no_content_costs_more_or_fewer_instructions_than_is_kept() {
    let binary = env::var_os("LAYERSIFT_RELEASE").expect("LAYERSIFT_RELEASE names a release build");
    let measured = figures(&PathBuf::from(binary));
    let kept = root().join("testdata/cost.tsv");
    if env::var_os("LAYERSIFT_COST").is_some_and(|value| value == "record") {
        let lines = measured.iter().fold(String::new(), |mut lines, (name, figure)| {
            let _ = writeln!(lines, "{name}\t{figure:.1}");
            lines
        });
        fs::write(&kept, lines).unwrap();
        return;
    }
    let text = fs::read_to_string(&kept).unwrap();
    let kept = kept_figures(&text);
    let names: Vec<&str> = measured.keys().map(String::as_str).collect();
    assert_eq!(kept.keys().copied().collect::<Vec<_>>(), names, "LAYERSIFT_COST=record writes them anew");
    let wrong: Vec<String> = measured
        .iter()
        .filter(|(name, figure)| {
            (*figure - kept[name.as_str()]).abs() > LEAST.max(SHARE * kept[name.as_str()])
        })
        .map(|(name, figure)| format!("{name}: {figure:.1}, kept is {:.1}", kept[name.as_str()]))
        .collect();
    assert!(wrong.is_empty(), "instructions that changed; see CONTRIBUTING.md:\n{}", wrong.join("\n"));
}
