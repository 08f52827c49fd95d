//! A big image in little memory: the peak of the process stays under 200 MB, whatever the image's size.
//!
//! The image is made while it is read, so that the test needs neither memory nor disk for it. Two gigabytes are
//! scanned when `LAYERSIFT_RELEASE` names a release build of the program (`tests/run.sh` does), and less of the slow
//! debug build. The peak is `ru_maxrss` of the child (getrusage(2)), as Python reports it.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use layersift::digest::{Digest, Hasher};
use layersift::signature::template::expand;
use serde_json::{Value, json};

use crate::support::noise::Noise;

const MIB: u64 = 1 << 20;
const MAX_PEAK: u64 = 200 * 1_000_000;
const LAYERS: usize = 4;

/// Runs the rest of its arguments and prints their exit code and peak memory in KiB behind their output.
const MEASURE: &str = "
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:]).returncode
print(code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
";

#[test]
fn a_piped_image_of_two_gigabytes_needs_less_than_200_megabytes() {
    let (binary, size) = subject();
    let mut child = measured(&binary, Stdio::piped(), Path::new("-"));
    let mut pipe = io::BufWriter::with_capacity(1 << 20, child.stdin.take().unwrap());
    let writer = std::thread::spawn(move || write_archive(&mut pipe, size));
    check(child);
    writer.join().unwrap().expect("the scan reads its input to the end");
}

#[test]
fn the_layers_of_a_file_side_by_side_need_less_than_200_megabytes() {
    let (binary, size) = subject();
    let file = tempfile::NamedTempFile::new().unwrap();
    write_archive(&mut io::BufWriter::with_capacity(1 << 20, &file), size).unwrap();
    check(measured(&binary, Stdio::null(), file.path()));
}

/// The program to measure, and how large an image it gets.
fn subject() -> (PathBuf, u64) {
    match std::env::var_os("LAYERSIFT_RELEASE") {
        Some(path) => (path.into(), 2048 * MIB),
        None => (env!("CARGO_BIN_EXE_layersift").into(), 128 * MIB),
    }
}

/// Scans `input` with four threads.
fn measured(binary: &Path, stdin: Stdio, input: &Path) -> Child {
    Command::new("python3")
        .args(["-c", MEASURE])
        .arg(binary)
        .args(["scan", "--jobs", "4", "--format", "json", "--show-secrets"])
        .arg(input)
        .stdin(stdin)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("python3 is installed: run tests/install.sh")
}

fn check(child: Child) {
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
    println!("peak {} MB", peak / 1_000_000);
    assert!(peak < MAX_PEAK, "peak memory is {} MB", peak / 1_000_000);
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
