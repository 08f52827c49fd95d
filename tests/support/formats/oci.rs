//! OCI image layouts, as archives or folders (OCI image-spec, image-layout.md).

use serde_json::{Value, json};

use super::super::bundle::Bundle;
use super::super::compression::Compression;
use super::super::digest;
use super::super::image::{Attestation, ImageBuilder};
use super::docker::{named, row};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// `skopeo copy … oci-archive:`, `podman save --format oci-archive`, `buildah push oci-archive:`: `index.json` names
/// the manifests, and there is no `manifest.json`.
pub(crate) fn archive(images: &[ImageBuilder], compression: Compression) -> Bundle {
    let mut store = Store::new(compression);
    let manifests: Vec<Value> = images.iter().flat_map(|image| store.image(image)).collect();
    store.finish(&manifests)
}

/// `docker save` with the containerd image store: compressed blobs, `index.json` names an index of platforms and
/// attestations, `manifest.json` one platform; alphabetical (containerd, `core/images/archive/exporter.go`).
pub(crate) fn containerd(images: &[ImageBuilder], compression: Compression) -> Bundle {
    let (store, index) = nested(images, compression);
    with_docker_manifest(store, &[index], images).sorted_with_dirs()
}

/// `docker buildx build -o type=docker`: the same exporter, here with provenance.
pub(crate) fn buildx_docker(images: &[ImageBuilder], compression: Compression) -> Bundle {
    let (store, index) = nested(images, compression);
    with_docker_manifest(store, &[index], &images[..1]).sorted_with_dirs()
}

/// `docker buildx build -o type=oci`: no `manifest.json`.
pub(crate) fn buildx_oci(images: &[ImageBuilder], compression: Compression) -> Bundle {
    let (store, index) = nested(images, compression);
    store.finish(&[index]).sorted_with_dirs()
}

/// An index that names an index that names an index.
pub(crate) fn index_in_index(images: &[ImageBuilder], compression: Compression) -> Bundle {
    let (mut store, inner) = nested(images, compression);
    let outer = store.index(&[inner]);
    store.finish(&[outer])
}

fn nested(images: &[ImageBuilder], compression: Compression) -> (Store, Value) {
    let mut store = Store::new(compression);
    let manifests: Vec<Value> = images.iter().flat_map(|image| store.image(image)).collect();
    let index = store.index(&manifests);
    (store, named(index, &images[0]))
}

fn with_docker_manifest(store: Store, top: &[Value], images: &[ImageBuilder]) -> Bundle {
    let rows: Vec<Value> = images
        .iter()
        .map(|image| {
            let config = store.path(&digest(&image.config_bytes()));
            let layers = image.layers.iter().map(|layer| store.descriptor(layer));
            row(image, &config, &store.paths(&layers.collect::<Vec<_>>()))
        })
        .collect();
    let mut bundle = store.finish(top);
    bundle.put_json("manifest.json", &json!(rows));
    bundle
}

/// Blobs by digest, and the documents that name them.
pub(crate) struct Store {
    bundle: Bundle,
    compression: Compression,
}

impl Store {
    pub(crate) fn new(compression: Compression) -> Self {
        Self { bundle: Bundle::default(), compression }
    }

    /// The manifest and the attestation manifest of one image, as rows of an index.
    fn image(&mut self, image: &ImageBuilder) -> Vec<Value> {
        let (manifest, _) = self.manifest(image);
        let mut rows = vec![named(manifest.clone(), image)];
        rows[0]["platform"] = image.platform_json();
        if !image.attestations.is_empty() {
            rows.push(self.attestations(&image.attestations, &manifest));
        }
        rows
    }

    /// Writes config, layers and manifest; gives the manifest's descriptor and those of the layers.
    pub(crate) fn manifest(&mut self, image: &ImageBuilder) -> (Value, Vec<Value>) {
        let config = self.put(CONFIG, &image.config_bytes());
        let mut layers = Vec::new();
        for layer in &image.layers {
            if !layer.absent {
                self.put(LAYER, &self.compression.compress(&layer.tar));
            }
            layers.push(self.descriptor(layer));
        }
        let mut manifest =
            json!({ "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers });
        if !image.annotations.is_empty() {
            manifest["annotations"] = json!(image.annotations);
        }
        (self.put_json(MANIFEST, &manifest), layers)
    }

    /// The descriptor of a layer, with what it claims wrongly.
    fn descriptor(&self, layer: &super::super::image::Layer) -> Value {
        let blob = self.compression.compress(&layer.tar);
        let mut descriptor = describe(&format!("{LAYER}{}", self.compression.suffix()), &blob);
        descriptor.as_object_mut().unwrap().extend(layer.claims.clone());
        descriptor
    }

    /// What `BuildKit` attaches: a manifest for no platform whose layers are in-toto statements
    /// (`BuildKit`, `docs/attestations/attestation-storage.md`).
    fn attestations(&mut self, attestations: &[Attestation], subject: &Value) -> Value {
        let mut layers = Vec::new();
        for attestation in attestations {
            let statement = json!({
                "_type": "https://in-toto.io/Statement/v0.1",
                "predicateType": attestation.predicate_type,
                "subject": [],
                "predicate": attestation.predicate,
            });
            let mut layer = self.put_json("application/vnd.in-toto+json", &statement);
            layer["annotations"] = json!({ "in-toto.io/predicate-type": attestation.predicate_type });
            layers.push(layer);
        }
        let diff_ids: Vec<&Value> = layers.iter().map(|layer| &layer["digest"]).collect();
        let config = json!({
            "architecture": "unknown", "os": "unknown", "config": {},
            "rootfs": { "type": "layers", "diff_ids": diff_ids },
        });
        let config = self.put_json(CONFIG, &config);
        let manifest =
            json!({ "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers });
        let mut row = self.put_json(MANIFEST, &manifest);
        row["annotations"] = json!({
            "vnd.docker.reference.type": "attestation-manifest",
            "vnd.docker.reference.digest": subject["digest"],
        });
        row["platform"] = json!({ "architecture": "unknown", "os": "unknown" });
        row
    }

    pub(crate) fn index(&mut self, manifests: &[Value]) -> Value {
        self.put_json(INDEX, &json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": manifests }))
    }

    /// `blobs/…` of each descriptor.
    pub(crate) fn paths(&self, descriptors: &[Value]) -> Vec<String> {
        descriptors.iter().map(|descriptor| self.path(descriptor["digest"].as_str().unwrap())).collect()
    }

    #[expect(clippy::unused_self, reason = "the store says where its blobs are")]
    fn path(&self, digest: &str) -> String {
        format!("blobs/{}", digest.replace(':', "/"))
    }

    fn put_json(&mut self, media_type: &str, value: &Value) -> Value {
        self.put(media_type, value.to_string().as_bytes())
    }

    fn put(&mut self, media_type: &str, bytes: &[u8]) -> Value {
        let descriptor = describe(media_type, bytes);
        self.bundle.put(self.path(descriptor["digest"].as_str().unwrap()), bytes);
        descriptor
    }

    /// The layout with an `index.json` that names `top`.
    pub(crate) fn finish(mut self, top: &[Value]) -> Bundle {
        let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": top });
        self.bundle.put_json("index.json", &index);
        self.bundle.put_json("oci-layout", &json!({ "imageLayoutVersion": "1.0.0" }));
        self.bundle
    }
}

fn describe(media_type: &str, bytes: &[u8]) -> Value {
    json!({ "mediaType": media_type, "digest": digest(bytes), "size": bytes.len() })
}
