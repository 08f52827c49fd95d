//! One decoder, named by the program: whatever the bytes, it neither panics nor goes on for ever, and it reads them the same
//! in pieces of any size.
#![no_main]

mod shown;

use layersift::content::{DECODERS, HEAD, Head};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let row = DECODERS.iter().find(|row| row.name == env!("CARGO_BIN_NAME")).expect("a row has that name");
    let read = |piece: usize| {
        let head = Head { path: b"", bytes: &bytes[..bytes.len().min(HEAD)], size: Some(bytes.len() as u64) };
        let mut reads = shown::Reads { bytes: 0, deeper: None, depth: 0 };
        let mut body = std::io::BufReader::with_capacity(piece, bytes);
        let ended = (row.decode)(&head, &mut body, &mut reads);
        (reads.bytes, ended.is_ok())
    };
    assert_eq!(read(1), read(4096));
});
