//! A big image in little memory: the peak of the process stays under `--max-memory`, whatever the image's size.
//!
//! The image is made while it is read, so that the test needs neither memory nor disk for it. Gigabytes are scanned, and the
//! bound is the program's own, when `LAYERSIFT_RELEASE` names a release build of the program (`tests/run.sh` does); a debug
//! build, which is slow and large, gets less and may have more. The peak is `ru_maxrss` of the child (getrusage(2)), as
//! Python reports it.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use layersift::digest::{Digest, Hasher};
use layersift::scan::{default_memory, least_memory};
use layersift::signature::template::expand;
use serde_json::{Value, json};

use crate::support::engine::{Engine, Kind};
use crate::support::noise::Noise;
use crate::support::registry::Registry;

const MIB: u64 = 1 << 20;
/// What a debug build may have more.
const DEBUG: u64 = 72_000_000;
const LAYERS: usize = 4;

/// Runs the rest of its arguments and prints their exit code and peak memory in KiB behind their output.
const MEASURE: &str = "
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:]).returncode
print(code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
";

/// The same of a program that is told to end when standard input does, without its exit code.
#[cfg(feature = "serve")]
const MEASURE_UNTIL: &str = "
import resource, subprocess, sys
child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
sys.stdin.read()
child.terminate()
child.wait()
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
";

#[test]
fn a_piped_image_of_two_gigabytes_needs_no_more_than_128_megabytes() {
    let run = Run { jobs: 2, max_memory: None };
    run.piped(|pipe| write_archive(pipe, 2048 * MIB / scale()));
}

#[test]
fn the_layers_of_a_file_side_by_side_need_no_more_than_128_megabytes() {
    let file = tempfile::NamedTempFile::new().unwrap();
    write_archive(&mut io::BufWriter::with_capacity(1 << 20, &file), 2048 * MIB / scale()).unwrap();
    Run { jobs: 2, max_memory: None }.file(file.path());
}

#[test]
fn an_image_of_a_registry_or_an_engine_needs_no_more_than_128_megabytes() {
    let file = tempfile::NamedTempFile::new().unwrap();
    write_archive(&mut io::BufWriter::with_capacity(1 << 20, &file), 512 * MIB / scale()).unwrap();
    let run = Run { jobs: 2, max_memory: None };
    let registry = Registry::plain();
    registry.copy(&format!("docker-archive:{}", file.path().display()), "big:latest", &[]);
    run.named(&format!("registry:{}/big:latest", registry.address), None);
    drop(registry);
    let archive = std::fs::read(file.path()).unwrap();
    for (kind, name) in [(Kind::Docker, "docker"), (Kind::Podman, "podman")] {
        let engine = Engine::start(kind);
        engine.load(&archive);
        run.named(&format!("{name}:big:latest"), Some(engine.variable()));
    }
}

#[test]
fn memory_grows_with_the_threads_by_what_is_said() {
    let file = tempfile::NamedTempFile::new().unwrap();
    write_archive(&mut io::BufWriter::with_capacity(1 << 20, &file), 512 * MIB / scale()).unwrap();
    for jobs in [1, 4, 8] {
        Run { jobs, max_memory: None }.file(file.path());
        Run { jobs, max_memory: None }.piped(|pipe| write_archive(pipe, 512 * MIB / scale()));
    }
}

#[test]
fn the_least_memory_is_enough_for_any_image() {
    let file = tempfile::NamedTempFile::new().unwrap();
    write_archive(&mut io::BufWriter::with_capacity(1 << 20, &file), 512 * MIB / scale()).unwrap();
    for jobs in [1, 2] {
        Run { jobs, max_memory: Some(least_memory(jobs)) }.file(file.path());
    }
}

#[test]
fn windows_of_64_mebibytes_are_had_one_after_another() {
    let mut tar = Vec::new();
    windows(&mut tar, 96 * MIB / scale().min(2)).unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &tar).unwrap();
    Run { jobs: 2, max_memory: None }.file(file.path());
    Run { jobs: 2, max_memory: None }.piped(|pipe| pipe.write_all(&tar));
}

#[cfg(feature = "serve")]
#[test]
fn workers_of_a_service_share_the_memory_of_one_scan_with_as_many_threads() {
    use crate::support::registry::free_address;
    use crate::support::service::Service;

    const WORKERS: usize = 4;
    let registry = Registry::plain();
    let push = |name: &str, write: &dyn Fn(&mut dyn Write) -> io::Result<()>| {
        let file = tempfile::NamedTempFile::new().unwrap();
        write(&mut io::BufWriter::with_capacity(1 << 20, &file)).unwrap();
        registry.copy(&format!("docker-archive:{}", file.path().display()), name, &[]);
    };
    push("big:latest", &|mut out| write_archive(&mut out, 512 * MIB / scale()));
    push("windows:latest", &|mut out| windows(&mut out, 96 * MIB / scale().min(2)));
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(folder.path(), &free_address(), &[&registry.address], "workers = 0");
    let mut workers = Command::new("python3")
        .args(["-c", MEASURE_UNTIL])
        .arg(subject())
        .args(["worker", "--workers", &WORKERS.to_string()])
        .current_dir(folder.path())
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("python3 is installed: run tests/install.sh");
    // All layers of both at a time.
    for name in ["big", "windows"] {
        service.tell(&format!("{}/{name}:latest", registry.address));
    }
    for image in service.scanned(2) {
        assert_eq!((&image["totals"]["critical"], &image["gaps"]), (&json!(1), &json!(0)), "{image}");
    }
    drop(workers.stdin.take());
    let told = String::from_utf8(workers.wait_with_output().unwrap().stderr).unwrap();
    let peak: u64 = told.lines().last().unwrap().parse::<u64>().unwrap() * 1024;
    let most = default_memory(WORKERS);
    println!("{WORKERS} workers: {} of {} MB", peak / 1_000_000, most / 1_000_000);
    let most = most + if scale() > 1 { DEBUG } else { 0 };
    assert!(peak <= most, "{WORKERS} workers: peak memory is {} MB", peak / 1_000_000);
}

#[test]
fn too_little_memory_is_an_error_that_names_the_least() {
    let least = least_memory(2);
    let run = |bytes: u64| {
        let args = ["scan", "--jobs", "2", "--max-memory", &bytes.to_string(), "no such file"];
        let output = Command::new(env!("CARGO_BIN_EXE_layersift")).args(args).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, told) = run(least - 1);
    assert_eq!(code, Some(2), "{told}");
    assert!(told.contains(&format!("{}MiB or more", least / MIB)) && told.contains("--max-memory"), "{told}");
    let (code, told) = run(least);
    assert!(code == Some(3) && !told.contains("--max-memory"), "{told}");
}

/// The program to measure.
fn subject() -> PathBuf {
    std::env::var_os("LAYERSIFT_RELEASE").map_or_else(|| env!("CARGO_BIN_EXE_layersift").into(), Into::into)
}

/// How many times smaller an image a debug build gets.
fn scale() -> u64 {
    if std::env::var_os("LAYERSIFT_RELEASE").is_some() { 1 } else { 16 }
}

/// One measured scan.
struct Run {
    jobs: usize,
    max_memory: Option<u64>,
}

impl Run {
    fn piped(&self, write: impl FnOnce(&mut io::BufWriter<ChildStdin>) -> io::Result<()> + Send) {
        let mut child = self.start(Stdio::piped(), Path::new("-"), None);
        let mut pipe = io::BufWriter::with_capacity(1 << 20, child.stdin.take().unwrap());
        std::thread::scope(|threads| {
            let writer = threads.spawn(move || {
                write(&mut pipe).and_then(|()| pipe.flush()).expect("the scan reads its input to the end");
            });
            self.check(child, "from a pipe");
            writer.join().unwrap();
        });
    }

    fn file(&self, path: &Path) {
        self.check(self.start(Stdio::null(), path, None), "from a file");
    }

    fn named(&self, name: &str, variable: Option<(&str, String)>) {
        self.check(self.start(Stdio::null(), Path::new(name), variable), name);
    }

    fn start(&self, stdin: Stdio, input: &Path, variable: Option<(&str, String)>) -> Child {
        let memory = self.max_memory.map(|bytes| format!("--max-memory={bytes}"));
        Command::new("python3")
            .args(["-c", MEASURE])
            .arg(subject())
            .args(["scan", "--format", "json", "--show-secrets", "--jobs", &self.jobs.to_string()])
            .args(memory)
            .arg(input)
            .envs(variable)
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("python3 is installed: run tests/install.sh")
    }

    fn check(&self, child: Child, how: &str) {
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        let mut last = stderr.lines().last().unwrap_or_default().split(' ');
        let mut number =
            || last.next().and_then(|text| text.parse::<u64>().ok()).unwrap_or_else(|| panic!("{stderr}"));
        let (code, peak) = (number(), number() * 1024);
        assert_eq!(code, 1, "{stderr}");
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let places = &report["findings"][0]["places"];
        assert_eq!(report["findings"][0]["secret"], token(), "{report:#}");
        assert_eq!(places.as_array().map(Vec::len), Some(LAYERS), "{places:#}");
        assert_eq!(report["problems"], json!([]));
        let most = self.max_memory.unwrap_or_else(|| default_memory(self.jobs));
        println!("{} jobs {how}: {} of {} MB", self.jobs, peak / 1_000_000, most / 1_000_000);
        let most = most + if scale() > 1 { DEBUG } else { 0 };
        assert!(peak <= most, "{} jobs {how}: peak memory is {} MB", self.jobs, peak / 1_000_000);
    }
}

fn token() -> String {
    expand("ghp_{base62:30}{github-crc32}", "memory")
}

/// A docker-archive of old, because it names its layers by something else than their content: one big file, many
/// small ones, and one layer that is compressed. Every layer ends with a token.
pub(crate) fn write_archive(out: &mut impl Write, size: u64) -> io::Result<()> {
    let each = size / LAYERS as u64;
    let mut diff_ids = Vec::new();
    let mut paths = Vec::new();
    for layer in 0..LAYERS {
        let path = format!("{layer:064}/layer.tar");
        let mut hashed = Hashed::new();
        if layer == LAYERS - 1 {
            // Its compressed size stands in front of it, so it is made first; it is small.
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            hashed.tee(&mut encoder, |out| write_layer(out, layer, each))?;
            let blob = encoder.finish()?;
            header(out, &path, blob.len() as u64)?;
            out.write_all(&blob)?;
            pad(out, blob.len() as u64)?;
        } else {
            header(out, &path, layer_size(layer, each))?;
            hashed.tee(out, |out| write_layer(out, layer, each))?;
        }
        diff_ids.push(hashed.digest().to_string());
        paths.push(path);
    }
    documents(out, &diff_ids, &paths)
}

/// What names the layers, and the end of the archive.
fn documents(out: &mut impl Write, diff_ids: &[String], paths: &[String]) -> io::Result<()> {
    let history: Vec<Value> =
        (0..LAYERS).map(|layer| json!({ "created_by": format!("COPY {layer} / # buildkit") })).collect();
    let config = json!({
        "os": "linux", "architecture": "amd64", "config": {}, "history": history,
        "rootfs": { "type": "layers", "diff_ids": diff_ids },
    });
    member(out, "config.json", config.to_string().as_bytes())?;
    let manifest = json!([{ "Config": "config.json", "RepoTags": ["big:latest"], "Layers": paths }]);
    member(out, "manifest.json", manifest.to_string().as_bytes())?;
    out.write_all(&[0; 1024])?;
    out.flush()
}

/// An archive of layers in zstd with `size` plain bytes each. Half of them have a window of 64 MiB, in their first frame or in
/// their second, the others files that ask for as much.
fn windows(out: &mut impl Write, size: u64) -> io::Result<()> {
    let (mut diff_ids, mut paths) = (Vec::new(), Vec::new());
    for layer in 0..LAYERS {
        let (path, mut hashed) = (format!("{layer:064}/layer.tar"), Hashed::new());
        // Half of the layers have a window of their own, the others files with one.
        let log = if layer % 2 == 0 { WINDOW.ilog2() } else { 20 };
        let mut encoder = zstd::Encoder::new(Vec::new(), 1)?;
        encoder.window_log(log)?;
        hashed.tee(&mut encoder, |out| {
            if layer % 2 == 1 {
                for file in 0..2 {
                    member(out, &format!("srv/{layer}/{file}.xz"), &xz(size)?)?;
                }
            } else {
                header(out, &format!("srv/{layer}/0"), size)?;
                varied(out, size)?;
            }
            member(out, &format!("srv/{layer}/.env"), token().as_bytes())?;
            out.write_all(&[0; 1024])
        })?;
        let mut blob = encoder.finish()?;
        if layer % 4 == 0 {
            // The first frame asks for next to nothing.
            blob.splice(0..0, zstd::encode_all(&[][..], 1)?);
        }
        header(out, &path, blob.len() as u64)?;
        out.write_all(&blob)?;
        pad(out, blob.len() as u64)?;
        diff_ids.push(hashed.digest().to_string());
        paths.push(path);
    }
    documents(out, &diff_ids, &paths)
}

const WINDOW: u32 = 64 << 20;

/// `size` bytes of text in xz with a dictionary of 64 MiB.
fn xz(size: u64) -> io::Result<Vec<u8>> {
    let mut options = lzma_rust2::XzOptions::with_preset(0);
    options.lzma_options.dict_size = WINDOW;
    let mut writer = lzma_rust2::XzWriter::new(Vec::new(), options)?;
    varied(&mut writer, size)?;
    writer.finish()
}

/// `size` bytes, whole MiB, that become a hundredth by compression.
fn varied(out: &mut (impl Write + ?Sized), size: u64) -> io::Result<()> {
    for number in 0..size / MIB {
        let piece: Vec<u8> = Noise::new(&number.to_string()).take(8 << 10).collect();
        for _ in 0..MIB / (8 << 10) {
            out.write_all(&piece)?;
        }
    }
    Ok(())
}

/// Files of this layer's kind: how many, and how large each is.
fn shape(layer: usize, size: u64) -> (u64, u64) {
    match layer {
        1 => (size / (16 << 10), 16 << 10),
        _ => (1, size),
    }
}

fn layer_size(layer: usize, size: u64) -> u64 {
    let (count, bytes) = shape(layer, size);
    count * (512 + bytes) + 512 + 512 + 1024
}

fn write_layer(out: &mut dyn Write, layer: usize, size: u64) -> io::Result<()> {
    let (count, bytes) = shape(layer, size);
    // Text whose lines differ, and noise that no prefilter can skip: both repeat, so that they are quick to make.
    let mut block: Vec<u8> = Noise::new("block").take(32 << 10).collect();
    block.extend(
        (0..1000)
            .flat_map(|line| format!("line {line}: token = none, user = nobody, key = \"\"\n").into_bytes()),
    );
    for file in 0..count {
        header(out, &format!("srv/{layer}/{file}"), bytes)?;
        let mut left = usize::try_from(bytes).unwrap();
        while left > 0 {
            let piece = left.min(block.len());
            out.write_all(&block[..piece])?;
            left -= piece;
        }
    }
    member(out, &format!("srv/{layer}/.env"), token().as_bytes())?;
    out.write_all(&[0; 1024])
}

fn member(out: &mut (impl Write + ?Sized), path: &str, bytes: &[u8]) -> io::Result<()> {
    header(out, path, bytes.len() as u64)?;
    out.write_all(bytes)?;
    pad(out, bytes.len() as u64)
}

fn header(out: &mut (impl Write + ?Sized), path: &str, size: u64) -> io::Result<()> {
    let mut header = tar::Header::new_ustar();
    header.set_path(path)?;
    header.set_mode(0o644);
    header.set_size(size);
    header.set_cksum();
    out.write_all(header.as_bytes())
}

fn pad(out: &mut (impl Write + ?Sized), size: u64) -> io::Result<()> {
    let padding = usize::try_from(size.next_multiple_of(512) - size).unwrap();
    out.write_all(&[0; 512][..padding])
}

/// Hashes what is written through it.
struct Hashed(Hasher);

impl Hashed {
    fn new() -> Self {
        Self(Hasher::default())
    }

    fn tee(
        &mut self,
        out: &mut dyn Write,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> io::Result<()> {
        struct Tee<'a>(&'a mut Hasher, &'a mut dyn Write);
        impl Write for Tee<'_> {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.1.write_all(bytes)?;
                self.0.update(bytes);
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                self.1.flush()
            }
        }
        write(&mut Tee(&mut self.0, out))
    }

    fn digest(self) -> Digest {
        self.0.finish()
    }
}
