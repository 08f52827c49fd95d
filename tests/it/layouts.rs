//! Shows the images that the tests make to the tools of the field: if skopeo and tar read them, they are what they
//! claim to be, and a scan of them shows something.
//!
//! skopeo reads every layer to its end and compares it with the config's `diff_ids`. What it cannot read by design
//! (two images at once, an index of indexes, xz in an OCI layout) is left out here and tried by the scans alone.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::compression::Compression;
use crate::support::formats::FORMATS;
use crate::support::image::ImageBuilder;

fn image() -> ImageBuilder {
    ImageBuilder::new()
        .step("COPY a /a # buildkit", |layer| {
            layer.dir("etc").file("etc/a", "a\n").symlink("etc/b", "a").hardlink("etc/c", "etc/a")
        })
        .empty_step("ENV A=b")
        .step("RUN /bin/sh -c rm /etc/a # buildkit", |layer| {
            let long = "long/".repeat(40) + "name";
            layer.whiteout("etc/a").xattr("user.note", "x").file(long, "b\n")
        })
        .step("RUN /bin/sh -c rm /etc/a # buildkit", |layer| {
            let long = "long/".repeat(40) + "name";
            layer.whiteout("etc/a").xattr("user.note", "x").file(long, "b\n")
        })
        .env("A", "b")
        .label("l", "m")
}

#[test]
fn skopeo_reads_every_form() {
    for format in FORMATS {
        for compression in [Compression::Plain, Compression::Gzip, Compression::Estargz, Compression::Zstd] {
            let bundle = (format.write)(&[image()], compression);
            let folder = tempfile::tempdir().unwrap();
            let archive = folder.path().join("image.tar");
            fs::write(&archive, bundle.tar()).unwrap();
            let transports: &[&str] = match format.name {
                // skopeo follows an index of images, and no index of indexes.
                "oci-index-in-index" => &[],
                "docker-25" | "bazel-oci" | "docker-containerd" | "buildx-docker" => {
                    &["docker-archive", "oci-archive"]
                }
                _ if format.oci => &["oci-archive"],
                _ => &["docker-archive"],
            };
            for transport in transports {
                copy(&format!("{transport}:{}", archive.display()), &folder.path().join(transport))
                    .unwrap_or_else(|error| {
                        panic!("{} as {transport}, {compression:?}: {error}", format.name)
                    });
            }
        }
    }
}

#[test]
fn skopeo_reads_the_image_that_is_made_while_it_is_piped() {
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("image.tar");
    super::memory::write_archive(&mut fs::File::create(&archive).unwrap(), 8 << 20).unwrap();
    copy(&format!("docker-archive:{}", archive.display()), &folder.path().join("copy")).unwrap();
}

#[test]
fn tar_reads_a_layer_to_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let layer = folder.path().join("layer.tar");
    fs::write(&layer, &image().layers[1].tar).unwrap();
    let output =
        Command::new("tar").arg("--list").arg("--verbose").arg("--file").arg(&layer).output().unwrap();
    let listing = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(listing.contains("etc/.wh.a"), "{listing}");
    assert!(listing.contains(&("long/".repeat(40) + "name")), "{listing}");
}

/// Copies an image and gives what skopeo says if it refuses.
fn copy(from: &str, to: &Path) -> Result<(), String> {
    let output = Command::new("skopeo")
        .args(["--insecure-policy", "copy", "--quiet", from])
        .arg(format!("dir:{}", to.display()))
        .output()
        .expect("skopeo is installed: run tests/install.sh");
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&output.stderr).into_owned())
}
