//! Archives with a `manifest.json` of Docker's own kind.
//!
//! The layout is described in moby, `image/spec/v1.2.md`, and in the writers named at each function. Its documents
//! name layers by path; the only digests are the config's `diff_ids`.

use serde_json::{Value, json};

use super::super::bundle::{Bundle, Member};
use super::super::compression::Compression;
use super::super::image::ImageBuilder;
use super::super::{digest, hex};
use super::oci::Store;

/// `docker save` up to version 24: a folder a layer, metadata last.
pub(crate) fn legacy(images: &[ImageBuilder], compression: Compression) -> Bundle {
    let mut bundle = Bundle::default();
    let mut rows = Vec::new();
    for image in images {
        let mut paths = Vec::new();
        for (index, layer) in image.layers.iter().enumerate() {
            let id = image.legacy_id(index);
            put_legacy_folder(&mut bundle, image, index);
            bundle.put(format!("{id}/layer.tar"), compression.compress(&layer.tar));
            paths.push(format!("{id}/layer.tar"));
        }
        let config = image.config_bytes();
        let config_path = format!("{}.json", hex(&config));
        bundle.put(&config_path, config);
        rows.push(row(image, &config_path, &paths));
    }
    finish(bundle, images, &rows)
}

/// The same, when two layers of an image are equal: the later `layer.tar` is a link to the earlier one, as moby's
/// `image/tarexport/save.go` wrote it.
pub(crate) fn legacy_symlinks(images: &[ImageBuilder], compression: Compression) -> Bundle {
    let mut bundle = legacy(images, compression);
    let mut seen: Vec<(String, Vec<u8>)> = Vec::new();
    for (path, member) in &mut bundle.0 {
        let Member::File(bytes) = member else { continue };
        if !path.ends_with("/layer.tar") {
            continue;
        }
        match seen.iter().find(|(_, other)| other == bytes) {
            Some((first, _)) => *member = Member::Link(format!("../{first}")),
            None => seen.push((path.clone(), bytes.clone())),
        }
    }
    bundle
}

/// `podman save`, `skopeo copy … docker-archive:` and `buildah push docker-archive:`: the layers by `diff_id`, links to
/// them in the folders of old, then the config and the metadata (containers/image, `docker/internal/tarfile`).
pub(crate) fn podman(images: &[ImageBuilder], compression: Compression) -> Bundle {
    let mut bundle = Bundle::default();
    let mut rows = Vec::new();
    for image in images {
        let paths: Vec<String> =
            image.layers.iter().map(|layer| format!("{}.tar", hex(&layer.tar))).collect();
        for (layer, path) in image.layers.iter().zip(&paths) {
            bundle.put(path, compression.compress(&layer.tar));
        }
        let config = image.config_bytes();
        let config_path = format!("{}.json", hex(&config));
        bundle.put(&config_path, config);
        for (index, path) in paths.iter().enumerate() {
            put_legacy_folder(&mut bundle, image, index);
            let link = format!("{}/layer.tar", image.legacy_id(index));
            bundle.member(link, Member::Link(format!("../{path}")));
        }
        rows.push(row(image, &config_path, &paths));
    }
    finish(bundle, images, &rows)
}

/// kaniko's `--tar-path` (go-containerregistry, `pkg/v1/tarball/write.go`): layers by the digest of the blob with
/// `.tar.gz`, a config called by its full digest, the manifest last.
pub(crate) fn kaniko(images: &[ImageBuilder], compression: Compression) -> Bundle {
    let mut bundle = Bundle::default();
    let mut rows = Vec::new();
    for image in images {
        let config = image.config_bytes();
        let config_path = digest(&config);
        bundle.put(&config_path, config);
        let paths = put_blobs(&mut bundle, image, compression, |_, blob| format!("{}.tar.gz", hex(blob)));
        rows.push(row(image, &config_path, &paths));
    }
    bundle.put_json("manifest.json", &json!(rows));
    bundle
}

/// `jibBuildTar` (jib-core, `ImageTarball`): layers, `config.json`, `manifest.json`.
pub(crate) fn jib(images: &[ImageBuilder], compression: Compression) -> Bundle {
    assert_eq!(images.len(), 1, "jib writes one image a tarball");
    let mut bundle = Bundle::default();
    let image = &images[0];
    let paths = put_blobs(&mut bundle, image, compression, |_, blob| format!("{}.tar.gz", hex(blob)));
    bundle.put("config.json", image.config_bytes());
    bundle.put_json("manifest.json", &json!([row(image, "config.json", &paths)]));
    bundle
}

/// Bazel's `rules_docker`: the manifest first, layers by number.
pub(crate) fn bazel(images: &[ImageBuilder], compression: Compression) -> Bundle {
    let mut blobs = Bundle::default();
    let mut rows = Vec::new();
    for image in images {
        let config = image.config_bytes();
        let config_path = format!("{}.json", hex(&config));
        blobs.put(&config_path, config);
        let tag = hex(image.name.as_bytes());
        let paths = put_blobs(&mut blobs, image, compression, |index, _| {
            format!(
                "{}{index:03}/layer.tar",
                if images.len() > 1 { format!("{tag}-") } else { String::new() }
            )
        });
        rows.push(row(image, &config_path, &paths));
    }
    let mut bundle = Bundle::default();
    bundle.put_json("manifest.json", &json!(rows));
    bundle.0.append(&mut blobs.0);
    bundle
}

/// Bazel's `rules_oci` and `rules_img`: an OCI layout whose `manifest.json` names the same blobs, metadata first.
pub(crate) fn bazel_oci(images: &[ImageBuilder], compression: Compression) -> Bundle {
    let mut both = docker_25_with(images, compression);
    both.0.sort_by_key(|(path, _)| (path.starts_with("blobs"), path.clone()));
    both
}

/// `docker save` from version 25 with the classic image store: uncompressed blobs, everything in alphabetical order
/// (moby, `image/tarexport/save.go`).
pub(crate) fn docker_25(images: &[ImageBuilder], compression: Compression) -> Bundle {
    docker_25_with(images, compression).sorted_with_dirs()
}

fn docker_25_with(images: &[ImageBuilder], compression: Compression) -> Bundle {
    let mut store = Store::new(compression);
    let mut rows = Vec::new();
    let mut manifests = Vec::new();
    for image in images {
        let (manifest, layers) = store.manifest(image);
        let config = image.config_bytes();
        let mut row = row(image, &format!("blobs/sha256/{}", hex(&config)), &store.paths(&layers));
        row["LayerSources"] = image
            .layers
            .iter()
            .zip(&layers)
            .map(|(layer, descriptor)| (layer.diff_id(), descriptor.clone()))
            .collect();
        rows.push(row);
        manifests.push(named(manifest, image));
    }
    let mut bundle = store.finish(&manifests);
    bundle.put_json("manifest.json", &json!(rows));
    bundle.put_json("repositories", &repositories(images));
    bundle
}

/// The annotations by which exporters keep an image's name.
pub(crate) fn named(mut descriptor: Value, image: &ImageBuilder) -> Value {
    let tag = image.name.rsplit_once(':').map_or("latest", |(_, tag)| tag);
    descriptor["annotations"] = json!({
        "io.containerd.image.name": format!("docker.io/library/{}", image.name),
        "org.opencontainers.image.ref.name": tag,
    });
    descriptor
}

/// A row of `manifest.json`.
pub(crate) fn row(image: &ImageBuilder, config: &str, layers: &[String]) -> Value {
    json!({ "Config": config, "RepoTags": [image.name], "Layers": layers })
}

fn put_blobs(
    bundle: &mut Bundle,
    image: &ImageBuilder,
    compression: Compression,
    path: impl Fn(usize, &[u8]) -> String,
) -> Vec<String> {
    let blobs = image.layers.iter().map(|layer| compression.compress(&layer.tar));
    blobs
        .enumerate()
        .map(|(index, blob)| {
            let path = path(index, &blob);
            bundle.put(&path, blob);
            path
        })
        .collect()
}

/// `<id>/VERSION` and `<id>/json`; the topmost layer's holds the image's config, as Docker wrote it.
fn put_legacy_folder(bundle: &mut Bundle, image: &ImageBuilder, index: usize) {
    let id = image.legacy_id(index);
    let mut v1 = image.platform_json();
    v1["id"] = json!(id);
    v1["created"] = json!("1970-01-01T00:00:00Z");
    if index > 0 {
        v1["parent"] = json!(image.legacy_id(index - 1));
    }
    if index + 1 == image.layers.len() {
        v1["config"] = Value::Object(image.config.clone());
    }
    bundle.member(id.clone(), Member::Dir);
    bundle.put(format!("{id}/VERSION"), "1.0");
    bundle.put_json(format!("{id}/json"), &v1);
}

fn repositories(images: &[ImageBuilder]) -> Value {
    let mut all = json!({});
    for image in images {
        let (repository, tag) = image.name.split_once(':').unwrap();
        all[repository][tag] = json!(image.legacy_id(image.layers.len().saturating_sub(1)));
    }
    all
}

fn finish(mut bundle: Bundle, images: &[ImageBuilder], rows: &[Value]) -> Bundle {
    bundle.put_json("manifest.json", &json!(rows));
    bundle.put_json("repositories", &repositories(images));
    bundle
}
