//! The tar of a layer: pieces of any size are the same segments, and together they are all of it.
#![no_main]

use layersift::limits::Limits;
use layersift::stream::{Walked, Walker};
use libfuzzer_sys::fuzz_target;

fn walk(bytes: &[u8], piece: usize) -> (Vec<(u64, u64)>, u64) {
    let mut walker = Walker::new(&Limits::default());
    let mut walked = Walked::default();
    bytes.chunks(piece).for_each(|piece| walker.push(piece, &mut walked));
    let entries = walker.entries();
    (walked.segments.iter().map(|segment| (segment.start, segment.end)).collect(), entries)
}

fuzz_target!(|bytes: &[u8]| assert_eq!(walk(bytes, 7), walk(bytes, bytes.len().max(1))));
