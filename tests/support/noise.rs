//! Bytes that no compressor shrinks, the same in every run.

use sha2::{Digest as _, Sha256};

/// Endless bytes from a seed: SHA-256 of the seed and a counter.
pub(crate) struct Noise {
    seed: String,
    block: u64,
    ready: Vec<u8>,
}

impl Noise {
    pub(crate) fn new(seed: &str) -> Self {
        Self { seed: seed.to_owned(), block: 0, ready: Vec::new() }
    }
}

impl Iterator for Noise {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        if self.ready.is_empty() {
            self.ready = Sha256::digest(format!("{}/{}", self.seed, self.block)).to_vec();
            self.block += 1;
        }
        self.ready.pop()
    }
}
