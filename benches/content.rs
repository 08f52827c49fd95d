//! What files are opened with, one decoder at a time, and encodings: bytes that come out of a stream each second.
//!
//! The files are packed by `tests/support/pack.py`, with the writers that people use.

use std::io::{Read, Write as _};
use std::ops::ControlFlow;
use std::process::{Command, Stdio};

use divan::Bencher;
use divan::counter::BytesCount;
use layersift::content::encoding;
use layersift::content::{Fault, HEAD, Head, Part, Visitor};
use layersift::limits::{Limit, Limits};

use crate::support::content::Kind;

/// Bytes of the text that is packed.
const SIZE: usize = 4 << 20;
const SAMPLES: u32 = 10;

/// Reads all that it is shown and counts it.
struct Counts(u64);

impl Visitor for Counts {
    fn visit(&mut self, _: Part<'_>, body: &mut dyn Read) -> ControlFlow<()> {
        let mut buffer = vec![0; 32 << 10];
        loop {
            match body.read(&mut buffer).expect("the files are whole") {
                0 => return ControlFlow::Continue(()),
                read => self.0 += read as u64,
            }
        }
    }

    fn fault(&mut self, _: Part<'_>, fault: Fault) {
        panic!("the files are whole: {fault:?}");
    }

    fn limit(&self, limit: Limit) -> u64 {
        Limits::default().get(limit)
    }

    fn room(&self) -> u64 {
        self.limit(Limit::WholeBytes)
    }
}

/// The text in a container of this form.
fn packed(form: &str, text: &[u8]) -> Vec<u8> {
    let file = tempfile::NamedTempFile::new().expect("a file for what is packed");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/pack.py");
    let mut child = Command::new("python3")
        .arg(script)
        .stdin(Stdio::piped())
        .spawn()
        .expect("python3 runs; see tests/install.sh");
    let item =
        serde_json::json!({"file": file.path(), "text": String::from_utf8_lossy(text), "chain": [form]});
    writeln!(child.stdin.take().expect("it is piped"), "{item}").expect("it reads");
    assert!(child.wait().expect("it ends").success(), "pack.py failed; see tests/install.sh");
    std::fs::read(file.path()).expect("it wrote the file")
}

#[divan::bench(
    args = [
        "zip", "tar", "gzip", "bzip2", "xz", "zstd", "lz4", "lzip", "ar", "cpio", "7z", "cab", "squashfs", "sqlite",
        "pyc", "git-bundle", "git-object",
    ],
    sample_count = SAMPLES,
    sample_size = 1
)]
fn open(bencher: Bencher<'_, '_>, form: &str) {
    let text = Kind::Source.content(SIZE, 1).bytes;
    let bytes = packed(form, &text);
    let head = Head { path: b"", bytes: &bytes[..HEAD], size: Some(bytes.len() as u64) };
    let decoder = head.decoder().expect("a row opens it");
    bencher.counter(BytesCount::of_slice(&text)).bench(|| {
        let mut counts = Counts(0);
        (decoder.decode)(&head, &mut &bytes[..], &mut counts).expect("it is whole");
        assert!(counts.0 >= text.len() as u64, "{} bytes of {}", counts.0, text.len());
    });
}

/// The search for encoded text of all kinds in content that has none, and in one run of UTF-16.
#[divan::bench(args = [false, true], sample_count = SAMPLES, sample_size = 1)]
fn encodings(bencher: Bencher<'_, '_>, wide: bool) {
    let content = Kind::Binary.content(SIZE, 1).bytes;
    let bytes = if wide { content.iter().flat_map(|byte| [byte % 95 + b' ', 0]).collect() } else { content };
    let expected = encoding::runs(&bytes).len();
    assert_eq!(expected == 1, wide);
    bencher
        .counter(BytesCount::of_slice(&bytes))
        .bench(|| assert_eq!(encoding::runs(&bytes).len(), expected));
}

/// The search for files in digits, in source code that has none and in base64 of one.
#[divan::bench(args = [false, true], sample_count = SAMPLES, sample_size = 1)]
fn embedded(bencher: Bencher<'_, '_>, there: bool) {
    let text = Kind::Source.content(SIZE, 1).bytes;
    let bytes = if there { digits(&packed("gzip", &text)) } else { text };
    let expected = usize::from(there);
    bencher.counter(BytesCount::of_slice(&bytes)).bench(|| {
        let mut found = 0;
        encoding::embedded(&bytes, &mut |_| found += 1);
        assert_eq!(found, expected);
    });
}

fn digits(bytes: &[u8]) -> Vec<u8> {
    use base64::prelude::{BASE64_STANDARD, Engine};
    BASE64_STANDARD.encode(bytes).into_bytes()
}
