//! Images that were scanned before, so that one that is built on another is known to be: by the digests of all their layers.
//!
//! It holds what whoever sees the report of such an image is told of it, under keyed hashes of its layers and steps. Whether an
//! image really has them is known from its own layers, so nothing has to be believed but that the other one was scanned.

use serde::{Deserialize, Serialize};

use super::Session;
use crate::digest::Digest;
use crate::image::Step;

/// An image without its layers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::scan) struct KnownImage {
    /// How it is called, without credentials.
    pub(in crate::scan) name: Option<String>,
    pub(in crate::scan) manifest: Option<[u8; 32]>,
    /// How many steps it has.
    pub(in crate::scan) steps: u64,
    /// Hash of all of them.
    pub(in crate::scan) history: [u8; 32],
}

/// Names the lowest layers of an image, from one of them to all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::scan) struct Chains(pub(in crate::scan) Vec<[u8; 32]>);

impl Session<'_> {
    /// The names of the lowest layers of an image, which are those of these digests.
    pub(in crate::scan) fn chains(&self, layers: &[Digest]) -> Chains {
        let mut below = [0; 32];
        let chain = |layer: &Digest| {
            below = self.cache.key.hash("chain", &[&below, layer.bytes()]);
            below
        };
        Chains(layers.iter().map(chain).collect())
    }

    /// The hash of the first `count` of `steps`, if there are as many.
    pub(in crate::scan) fn history(&self, steps: &[Step], count: u64) -> Option<[u8; 32]> {
        let steps = steps.get(..usize::try_from(count).ok()?)?;
        let empty: &[&[u8]] = &[b"filled", b"empty"];
        let texts =
            steps.iter().flat_map(|step| [empty[usize::from(step.empty_layer)], step.created_by.as_bytes()]);
        Some(self.cache.key.hash("history", &texts.collect::<Vec<_>>()))
    }

    /// The image that has exactly the layers of that chain, if one was scanned.
    pub(in crate::scan) fn image(&self, chain: &[u8; 32]) -> Option<KnownImage> {
        let (bytes, seal) = self.cache.place.file()?.image(chain)?;
        let known =
            (seal == self.seal_image(chain, &bytes)).then(|| postcard::from_bytes(&bytes).ok()).flatten();
        if known.is_none() {
            self.cache.place.file()?.forget_image(chain);
        }
        known
    }

    /// Keeps in mind that an image with the layers of that chain was scanned.
    pub(in crate::scan) fn remember(&self, chain: &[u8; 32], image: &KnownImage) {
        let Ok(bytes) = postcard::to_allocvec(image) else { return };
        // What several machines share holds reports alone.
        if let Some(mut store) = self.cache.place.file() {
            store.keep_image(chain, &bytes, &self.seal_image(chain, &bytes));
        }
    }

    /// What only a holder of the key can put beside what is known of an image.
    fn seal_image(&self, chain: &[u8; 32], bytes: &[u8]) -> [u8; 32] {
        self.cache.key.hash("image", &[chain, bytes])
    }
}
