//! The table of saved forms: how each tool lays out the same image.
//!
//! A writer takes images (several platforms of one image, or several images) and how their layers are compressed.
//! `tests/it/layouts.rs` shows each result to skopeo, so that the layouts are not only this project's belief.

mod docker;
mod oci;

use super::bundle::Bundle;
use super::compression::Compression;
use super::image::ImageBuilder;

/// One way of saving images.
pub(crate) struct Format {
    pub(crate) name: &'static str,
    /// Whether it has room for annotations, attestations and several platforms.
    pub(crate) oci: bool,
    pub(crate) write: fn(&[ImageBuilder], Compression) -> Bundle,
}

/// Every form. What each is made after stands at its writer.
pub(crate) const FORMATS: &[Format] = &[
    format("docker-legacy", false, docker::legacy),
    format("docker-legacy-symlinks", false, docker::legacy_symlinks),
    format("podman-docker-archive", false, docker::podman),
    format("kaniko", false, docker::kaniko),
    format("jib", false, docker::jib),
    format("bazel-docker", false, docker::bazel),
    format("bazel-oci", false, docker::bazel_oci),
    format("docker-25", false, docker::docker_25),
    format("docker-containerd", true, oci::containerd),
    format("buildx-docker", true, oci::buildx_docker),
    format("buildx-oci", true, oci::buildx_oci),
    format("oci-archive", true, oci::archive),
    format("oci-index-in-index", true, oci::index_in_index),
];

const fn format(name: &'static str, oci: bool, write: fn(&[ImageBuilder], Compression) -> Bundle) -> Format {
    Format { name, oci, write }
}

/// The row called `name`.
pub(crate) fn named(name: &str) -> &'static Format {
    FORMATS.iter().find(|format| format.name == name).unwrap_or_else(|| panic!("no format {name}"))
}
