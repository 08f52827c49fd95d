//! The committed demonstration image: it is what its recipe says, it leaks as its recipe says, and it holds no
//! credential in plain text.

use std::fs;
use std::io::Read as _;
use std::path::PathBuf;

use crate::support::bundle::Bundle;
use crate::support::case::Case;
use crate::support::compression::Compression;
use crate::support::expect::differences;
use crate::support::formats::named;
use crate::support::root;
use crate::support::scanner::scanner;

fn folder() -> PathBuf {
    root().join("testdata/demo")
}

fn recipe() -> Case {
    Case::read_from(&folder().join("leaky.toml"))
}

fn archive() -> Bundle {
    let images: Vec<_> = recipe().images().into_iter().map(|image| image.name("shop:1.4.2")).collect();
    (named("docker-25").write)(&images, Compression::Plain)
}

#[test]
fn the_committed_archive_is_what_its_recipe_says() {
    let path = folder().join("leaky.tar.gz");
    if std::env::var_os("LAYERSIFT_MAKE_DEMO").is_some() {
        fs::write(&path, Compression::Gzip.compress(&archive().tar())).unwrap();
    }
    let committed = fs::read(&path).unwrap();
    assert!(committed.len() < 300_000, "{} bytes", committed.len());
    let mut tar = Vec::new();
    flate2::read::MultiGzDecoder::new(committed.as_slice()).read_to_end(&mut tar).unwrap();
    assert!(tar == archive().tar(), "run testdata/demo/make.sh");
    let text = String::from_utf8_lossy(&committed);
    for finding in &recipe().finding {
        assert!(!text.contains(recipe().secret(&finding.secret)), "{} stands in plain text", finding.secret);
    }
}

#[test]
fn the_demonstration_shows_its_leaks() {
    let report = scanner().path(&folder().join("leaky.tar.gz")).report();
    let differences = differences(&recipe(), &report);
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}
