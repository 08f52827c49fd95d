//! What the benches share: content that looks like that of images, tars of it, and whole images.
//!
//! Everything is made from a seed, so that every run on every machine measures the same bytes and knows how many
//! credentials stand in them.

pub(crate) mod archive;
pub(crate) mod content;
pub(crate) mod random;
