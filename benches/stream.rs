//! The reader stack, one reader at a time: decompression, hashing, and both ways of walking a tar.

use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::thread;

use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use layersift::digest::{Digest, Hasher};
use layersift::limits::Limits;
use layersift::stream::{Compression, Decoder, Members, Streamed, Walked, Walker};
use lzma_rust2::{XzOptions, XzWriter};

use crate::support::archive::{Tar, gzip};
use crate::support::content::Kind;

/// Plain bytes of each content.
const SIZE: usize = 4 << 20;
/// Bytes that a walker is pushed at a time.
const CHUNK: usize = 1 << 20;
const SAMPLES: u32 = 20;

const COMPRESSIONS: [Compression; 8] = [
    Compression::Gzip,
    Compression::Zstd,
    Compression::Xz,
    Compression::Bzip2,
    Compression::Lz4,
    Compression::Lzma,
    Compression::Lzip,
    Compression::Compress,
];

/// Source code, half of it noise: it shrinks as much as layers of applications do.
fn plain() -> Vec<u8> {
    let pieces = [Kind::Source, Kind::Noise, Kind::Json, Kind::Binary];
    pieces.iter().flat_map(|kind| kind.content(SIZE / pieces.len(), 2).bytes).collect()
}

fn compress(bytes: &[u8], compression: Compression) -> Vec<u8> {
    const MEMORY: &str = "memory takes every write";
    match compression {
        Compression::Gzip => gzip(bytes),
        Compression::Zstd => zstd::encode_all(bytes, 3).expect(MEMORY),
        Compression::Xz => {
            let mut encoder = XzWriter::new(Vec::new(), XzOptions::with_preset(1)).expect(MEMORY);
            encoder.write_all(bytes).expect(MEMORY);
            encoder.finish().expect(MEMORY)
        }
        Compression::Bzip2 => {
            let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::default());
            encoder.write_all(bytes).expect(MEMORY);
            encoder.finish().expect(MEMORY)
        }
        Compression::Lz4 => tool(&["lz4", "-qzc"], bytes),
        Compression::Lzma => tool(&["xz", "-zc1", "--format=lzma"], bytes),
        Compression::Lzip => tool(&["lzip", "-c1"], bytes),
        Compression::Compress => tool(&["compress", "-c"], bytes),
    }
}

/// What a tool that tests/install.sh installs makes of the bytes on its input.
fn tool(command: &[&str], bytes: &[u8]) -> Vec<u8> {
    let mut child = Command::new(command[0])
        .args(&command[1..])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{}: {error}; run tests/install.sh", command[0]));
    let mut input = child.stdin.take().expect("it was asked for");
    thread::scope(|scope| {
        scope.spawn(move || input.write_all(bytes).expect("the tool reads all"));
        child.wait_with_output().expect("the tool was started").stdout
    })
}

/// Reads to the end; the bytes that came.
fn drain(mut reader: impl Read) -> usize {
    let mut buffer = vec![0; 64 << 10];
    let mut total = 0;
    loop {
        match reader.read(&mut buffer).expect("the content is not damaged") {
            0 => return total,
            read => total += read,
        }
    }
}

/// Bytes a second are plain bytes.
#[divan::bench(args = COMPRESSIONS, sample_count = SAMPLES, sample_size = 1)]
fn decompress(bencher: Bencher<'_, '_>, compression: Compression) {
    let plain = plain();
    let stored = compress(&plain, compression);
    assert_eq!(Compression::sniff(&stored), Some(compression));
    bencher
        .counter(BytesCount::of_slice(&plain))
        .bench(|| assert_eq!(drain(Decoder::new(&stored[..], compression, 1 << 26)), plain.len()));
}

/// SHA-256, chunk by chunk: a compressed layer has it twice, as stored and as plain bytes.
#[divan::bench(sample_count = SAMPLES, sample_size = 1)]
fn hash(bencher: Bencher<'_, '_>) {
    let plain = plain();
    let expected = Digest::of(&plain);
    bencher.counter(BytesCount::of_slice(&plain)).bench(|| {
        let mut hasher = Hasher::default();
        plain.chunks(CHUNK).for_each(|chunk| hasher.update(chunk));
        assert_eq!(hasher.finish(), expected);
    });
}

/// A tar of files of `size` bytes each, and their number.
fn tar(size: usize) -> (Vec<u8>, u64) {
    let mut tar = Tar::new();
    let content = vec![b'x'; size];
    let count = SIZE / size;
    for number in 0..count {
        tar.file(
            &format!("usr/lib/python3/dist-packages/package{}/module{number}.py", number / 50),
            &content,
        );
    }
    (tar.finish(), count as u64)
}

/// Layers are pushed through a walker, in chunks. The argument is the size of the files.
#[divan::bench(args = [0x200, 0x4000, 0x10_0000], sample_count = SAMPLES, sample_size = 1)]
fn walk_pushed(bencher: Bencher<'_, '_>, size: usize) {
    let (tar, count) = tar(size);
    let bencher = bencher.counter(BytesCount::of_slice(&tar)).counter(ItemsCount::new(count));
    bencher.bench(|| {
        let mut walker = Walker::new(&Limits::default());
        let mut segments = 0;
        for chunk in tar.chunks(CHUNK) {
            let mut out = Walked::default();
            walker.push(chunk, &mut out);
            segments += out.segments.len() as u64;
        }
        assert_eq!(walker.entries(), count);
        assert!(segments >= 2 * count);
        assert!(walker.finish().1.is_empty());
    });
}

/// Archives are pulled, member by member; their contents are passed over.
#[divan::bench(args = [0x200, 0x4000, 0x10_0000], sample_count = SAMPLES, sample_size = 1)]
fn walk_pulled(bencher: Bencher<'_, '_>, size: usize) {
    let (tar, count) = tar(size);
    let bencher = bencher.counter(BytesCount::of_slice(&tar)).counter(ItemsCount::new(count));
    bencher.bench(|| {
        let mut members = Members::new(Streamed(&tar[..]), &Limits::default());
        let mut seen = 0;
        while members.next_member().expect("the tar is not damaged").is_some() {
            seen += 1;
        }
        assert_eq!(seen, count);
    });
}
