//! Files in files, as deep as they go.
#![no_main]

mod shown;

use layersift::content::{HEAD, Head};
use libfuzzer_sys::fuzz_target;
use shown::Reads;

fn open(bytes: &[u8], reads: &mut Reads) {
    let head = Head { path: b"", bytes: &bytes[..bytes.len().min(HEAD)], size: None };
    if let Some(decoder) = head.decoder() {
        let _ = (decoder.decode)(&head, &mut &*bytes, reads);
    }
}

fuzz_target!(|bytes: &[u8]| open(bytes, &mut Reads { bytes: 0, deeper: Some(open), depth: 0 }));
