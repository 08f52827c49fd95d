//! The service: from a push to a real registry to the finding, and what happens when something goes wrong on the way.

mod access;
mod api;
mod edge;
mod faults;
mod fleet;
mod gaps;
mod messages;
mod operations;
mod outages;
mod page;
mod push;
mod sweep;
mod triage;

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::support::bundle::Bundle;
use crate::support::compression::Compression;
use crate::support::formats::named;
use crate::support::front::{Act, Front};
use crate::support::image::ImageBuilder;
use crate::support::registry::Registry;
use crate::support::scanner::scanner;
use crate::support::service::Service;
use layersift::signature::template::expand;
use serde_json::Value;

fn token(name: &str) -> String {
    expand("ghp_{base62:30}{github-crc32}", name)
}

/// An image with a layer that all of these images have, and one of its own; both leak.
fn image(name: &str) -> Bundle {
    let image = ImageBuilder::new()
        .step("COPY .env /.env # buildkit", |layer| layer.file(".env", token("shared")))
        .step("COPY own /own # buildkit", |layer| layer.file("own", token(name)));
    (named("oci-archive").write)(&[image], Compression::Gzip)
}

/// The paths of an image's layers in the repository `app`.
fn layers(report: &Value) -> Vec<String> {
    let layers = report["image"]["manifests"][0]["layers"].as_array().unwrap();
    layers.iter().map(|layer| format!("/v2/app/blobs/{}", layer["digest"].as_str().unwrap())).collect()
}

/// Whether a file below `folder` has `text` in it.
fn stands_in(folder: &std::path::Path, text: &str) -> bool {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).any(|path| {
        if path.is_dir() {
            return stands_in(&path, text);
        }
        fs::read(&path).unwrap().windows(text.len()).any(|window| window == text.as_bytes())
    })
}

/// A front of a registry that gives no layer of `app:1` as long as it hangs.
struct Hanging {
    front: Front,
    layers: Vec<String>,
    hangs: Arc<AtomicBool>,
}

impl Hanging {
    fn before(registry: &Registry) -> Self {
        let layers = layers(&scanner().args([format!("{}/app:1", registry.address)]).report().json);
        let hangs = Arc::new(AtomicBool::new(true));
        let (hanging, own) = (Arc::clone(&hangs), layers.clone());
        let front = Front::of(&registry.address, move |asked| {
            let layer = own.contains(&asked.path) && hanging.load(Ordering::Relaxed);
            if layer { Act::Hang(10) } else { Act::Pass }
        });
        Self { front, layers, hangs }
    }

    fn wait_for_a_layer(&self, service: &Service) {
        service.wait_for("a layer to be asked for", |_| {
            self.front.asked().iter().any(|asked| self.layers.contains(&asked.path))
        });
    }

    fn let_go(&self) {
        self.hangs.store(false, Ordering::Relaxed);
    }
}
