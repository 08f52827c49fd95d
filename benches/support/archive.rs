//! Tars of generated files, and images of several layers made of them.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::write::GzEncoder;
use layersift::digest::Digest;
use serde_json::json;

use super::content::{Content, KINDS};

/// How the layers of an image are stored.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Form {
    Plain,
    Gzip,
}

impl Form {
    pub(crate) const ALL: [Self; 2] = [Self::Plain, Self::Gzip];
}

/// An image in a file.
pub(crate) struct Image {
    pub(crate) path: PathBuf,
    /// Bytes of all layers, decompressed.
    pub(crate) plain: u64,
    /// Credentials in it, each in one place.
    pub(crate) secrets: usize,
    /// Goes away with the image.
    _folder: tempfile::TempDir,
}

impl Image {
    /// Made from finished layers: their tars, and the credentials in all of them.
    pub(crate) fn of(layers: &[Vec<u8>], secrets: usize, form: Form) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let path = folder.path().join("image.tar");
        save(&path, layers, form);
        Self { path, plain: layers.iter().map(|layer| layer.len() as u64).sum(), secrets, _folder: folder }
    }

    /// `layers` layers with every kind of content, each of `size` bytes or some more.
    pub(crate) fn generated(layers: usize, size: usize, form: Form) -> Self {
        let mut secrets = 0;
        let tars: Vec<Vec<u8>> = (0..layers)
            .map(|layer| {
                let kind = KINDS[layer % (KINDS.len() - 1)];
                let content = kind.content(size, layer as u64);
                secrets += content.secrets.len();
                files(&content, 16 << 10)
            })
            .collect();
        Self::of(&tars, secrets, form)
    }
}

/// A tar in the making.
pub(crate) struct Tar(tar::Builder<Vec<u8>>);

impl Tar {
    pub(crate) fn new() -> Self {
        Self(tar::Builder::new(Vec::new()))
    }

    pub(crate) fn file(&mut self, path: &str, bytes: &[u8]) {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        header.set_size(bytes.len() as u64);
        header.set_mtime(1_700_000_000);
        self.0.append_data(&mut header, path, bytes).expect("memory takes every write");
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.0.into_inner().expect("memory takes every write")
    }
}

/// A tar of files of `size` bytes that hold `content`, cut between lines where a line ends in time.
pub(crate) fn files(content: &Content, size: usize) -> Vec<u8> {
    let mut tar = Tar::new();
    let (mut rest, mut number) = (&content.bytes[..], 0);
    while !rest.is_empty() {
        let most = rest.len().min(size);
        let line = rest[..most].iter().rposition(|byte| *byte == b'\n').map_or(most, |at| at + 1);
        let (file, behind) = rest.split_at(line);
        tar.file(&format!("srv/app/lib/module{}/file{number}.txt", number / 100), file);
        (rest, number) = (behind, number + 1);
    }
    tar.finish()
}

/// Compresses as most builders do.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).expect("memory takes every write");
    encoder.finish().expect("memory takes every write")
}

/// A docker-archive: its layers may be compressed, as those of engines with a containerd store are.
fn save(path: &Path, layers: &[Vec<u8>], form: Form) {
    let mut archive = Tar::new();
    let (mut names, mut diff_ids, mut history) = (Vec::new(), Vec::new(), Vec::new());
    for (index, layer) in layers.iter().enumerate() {
        let stored = match form {
            Form::Plain => layer.clone(),
            Form::Gzip => gzip(layer),
        };
        let name = format!("blobs/sha256/{}", Digest::of(&stored).hex());
        archive.file(&name, &stored);
        names.push(name);
        diff_ids.push(Digest::of(layer).to_string());
        history.push(json!({ "created_by": format!("COPY layer{index} /srv # buildkit") }));
    }
    let config = json!({
        "os": "linux", "architecture": "amd64", "config": {}, "history": history,
        "rootfs": { "type": "layers", "diff_ids": diff_ids },
    });
    archive.file("config.json", config.to_string().as_bytes());
    let manifest = json!([{ "Config": "config.json", "RepoTags": ["bench:latest"], "Layers": names }]);
    archive.file("manifest.json", manifest.to_string().as_bytes());
    fs::write(path, archive.finish()).expect("the temporary folder has room");
}
