//! What the tests share: images built in memory, the ways in which tools save them, and the scanner as a process.
//!
//! Nothing here knows how layersift works inside. Images are made from the specifications of their formats, and a
//! scan is the real program with its arguments, standard input, exit code and JSON report.

pub(crate) mod browser;
pub(crate) mod bundle;
pub(crate) mod case;
pub(crate) mod compression;
#[cfg(feature = "serve")]
pub(crate) mod database;
pub(crate) mod desk;
pub(crate) mod engine;
pub(crate) mod expect;
pub(crate) mod formats;
pub(crate) mod front;
pub(crate) mod human;
pub(crate) mod image;
pub(crate) mod layer;
pub(crate) mod machine;
pub(crate) mod noise;
pub(crate) mod registry;
pub(crate) mod scanner;
#[cfg(feature = "serve")]
pub(crate) mod service;
pub(crate) mod yaml;

use std::path::PathBuf;

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// `sha256:<hex>` of `bytes`.
pub(crate) fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex(bytes))
}

/// The hexadecimal SHA-256 of `bytes`.
pub(crate) fn hex(bytes: &[u8]) -> String {
    layersift::digest::Digest::of(bytes).hex()
}

/// What stands in the fenced blocks of that language in a document of the repository.
pub(crate) fn blocks(document: &str, language: &str) -> Vec<String> {
    let text = std::fs::read_to_string(root().join(document)).unwrap();
    let fence = regex::Regex::new(&format!(r"(?ms)^```{language}\n(.*?)^```$")).unwrap();
    fence.captures_iter(&text).map(|found| found[1].to_owned()).collect()
}
