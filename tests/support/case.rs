//! The language of `testdata/cases/*.toml`: an image, step by step, and what a scan of it has to say.
//!
//! `testdata/README.md` describes it for people. Unknown keys are refused, so that a typing error is no silent pass.

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::Digest as _;

use super::image::ImageBuilder;
use super::layer::LayerBuilder;
use super::noise::Noise;
use layersift::signature::template::expand;

/// One file of cases.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    /// What the case shows, in a sentence.
    pub(crate) about: String,
    /// Credentials by name, as templates; `${name}` stands for them everywhere below.
    #[serde(default)]
    secrets: BTreeMap<String, String>,
    /// Further arguments of the scan.
    #[serde(default)]
    pub(crate) args: Vec<String>,
    /// One a platform.
    image: Vec<CaseImage>,
    #[serde(default)]
    pub(crate) finding: Vec<ExpectedFinding>,
    /// How many findings are not shown only because packages ship them.
    #[serde(default)]
    pub(crate) hidden_shipped: u64,
    #[serde(default)]
    pub(crate) problem: Vec<ExpectedProblem>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseImage {
    platform: Option<String>,
    /// `config` of the image configuration, as it stands there.
    #[serde(default)]
    config: toml::Table,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    #[serde(default)]
    step: Vec<Step>,
    #[serde(default)]
    attestation: Vec<Attestation>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    /// `created_by` of the history entry; without it the history does not mention the layer.
    run: Option<String>,
    comment: Option<String>,
    author: Option<String>,
    /// The layer's entries in order; without it the step made none.
    layer: Option<Vec<Entry>>,
    /// Says otherwise than the layer's presence does.
    empty_layer: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Attestation {
    predicate_type: String,
    predicate: toml::Table,
}

/// One tar entry: exactly one of the kinds, and what goes with it. Bytes of a path that are no text are written `%XX`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    file: Option<String>,
    dir: Option<String>,
    symlink: Option<String>,
    hardlink: Option<String>,
    whiteout: Option<String>,
    opaque: Option<String>,
    /// Of a link.
    target: Option<String>,
    /// Of a file.
    #[serde(default)]
    content: Content,
    #[serde(default)]
    xattr: BTreeMap<String, String>,
    #[serde(default)]
    pax: BTreeMap<String, String>,
}

/// A text, or pieces in a row.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Pieces(Vec<Piece>),
}

impl Default for Content {
    fn default() -> Self {
        Self::Text(String::new())
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
enum Piece {
    Text(String),
    /// In UTF-16, little-endian.
    Utf16(String),
    /// That many NUL bytes.
    Nul(usize),
    /// That many bytes that no compressor shrinks.
    Noise(usize),
    /// A text, in base64.
    Base64(String),
    /// A text, in lines of base64 of base64.
    Base64Twice(String),
    /// A text, in hexadecimal digits.
    Hex(String),
    /// That many bytes in lines of plain words.
    Words(usize),
    /// The MD5 of the file of that path in the case, in hexadecimal, as dpkg writes it.
    Md5(String),
    /// The SHA-1 of the file of that path in the case, as apk writes it.
    Apk(String),
    /// The SHA-256 of the file of that path in the case, as Python's records have it.
    Record(String),
}

/// A finding, by rule and credential, with every place.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExpectedFinding {
    /// Name in `[secrets]`.
    pub(crate) secret: String,
    pub(crate) rule: String,
    pub(crate) places: Vec<ExpectedPlace>,
    /// Every part, in any order.
    #[serde(default)]
    pub(crate) parts: Vec<ExpectedPart>,
    /// Facts that it must have; others may be there.
    #[serde(default)]
    pub(crate) facts: BTreeMap<String, String>,
    pub(crate) severity: Option<String>,
    pub(crate) confidence: Option<String>,
}

/// A part of a finding: a credential of `[secrets]`, or a text, and where it stands.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExpectedPart {
    pub(crate) name: String,
    pub(crate) secret: Option<String>,
    pub(crate) value: Option<String>,
    pub(crate) places: Vec<ExpectedPlace>,
}

/// A place; keys that are not given are not looked at.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExpectedPlace {
    pub(crate) kind: String,
    pub(crate) path: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) line: Option<u64>,
    pub(crate) offset: Option<u64>,
    pub(crate) decoded: Option<Vec<String>>,
    pub(crate) layer: Option<u64>,
    pub(crate) step: Option<u64>,
    pub(crate) instruction: Option<String>,
    /// `visible`, `deleted`, `overwritten`.
    pub(crate) state: Option<String>,
    /// The layer and the step that hid it.
    pub(crate) by_layer: Option<u64>,
    pub(crate) by_step: Option<u64>,
    pub(crate) platform: Option<String>,
    /// The package that shipped the file; `""` for none.
    pub(crate) shipped_by: Option<String>,
    /// That the report knows no build step of the place.
    #[serde(default)]
    pub(crate) no_step: bool,
}

/// A problem by its kind and a part of its message or place.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExpectedProblem {
    pub(crate) kind: String,
    pub(crate) says: String,
}

impl Case {
    /// Reads `testdata/cases/<name>.toml`.
    pub(crate) fn read(name: &str) -> Self {
        Self::read_from(&super::root().join("testdata/cases").join(format!("{name}.toml")))
    }

    /// Reads a file of the language, with its credentials made.
    pub(crate) fn read_from(path: &Path) -> Self {
        let text =
            std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut case: Self =
            toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let name = path.file_stem().unwrap().to_string_lossy();
        for (key, template) in &mut case.secrets {
            *template = expand(template, &format!("{name}/{key}"));
        }
        case
    }

    /// The credential called `name`.
    pub(crate) fn secret(&self, name: &str) -> &str {
        self.secrets.get(name).unwrap_or_else(|| panic!("no secret {name} in the case"))
    }

    /// Whether only the OCI forms have room for it.
    pub(crate) fn needs_oci(&self) -> bool {
        let more = |image: &CaseImage| !image.annotations.is_empty() || !image.attestation.is_empty();
        self.image.len() > 1 || self.image.iter().any(more)
    }

    /// The images, ready to be saved.
    pub(crate) fn images(&self) -> Vec<ImageBuilder> {
        self.image.iter().map(|image| self.build(image)).collect()
    }

    fn build(&self, image: &CaseImage) -> ImageBuilder {
        let mut builder = ImageBuilder::new();
        if let Some(platform) = &image.platform {
            builder = builder.platform(platform);
        }
        for (key, value) in &image.config {
            builder = builder.config(key, self.json(value));
        }
        for (name, value) in &image.annotations {
            builder = builder.annotation(name, &self.fill(value));
        }
        for attestation in &image.attestation {
            let predicate = self.json(&toml::Value::Table(attestation.predicate.clone()));
            builder = builder.attestation(&attestation.predicate_type, predicate);
        }
        image.step.iter().fold(builder, |builder, step| self.add_step(builder, step))
    }

    fn add_step(&self, mut builder: ImageBuilder, step: &Step) -> ImageBuilder {
        if let Some(run) = &step.run {
            let mut entry = json!({ "created_by": self.fill(run) });
            for (key, value) in [("comment", &step.comment), ("author", &step.author)] {
                if let Some(value) = value {
                    entry[key] = json!(self.fill(value));
                }
            }
            if step.empty_layer.unwrap_or(step.layer.is_none()) {
                entry["empty_layer"] = json!(true);
            }
            builder = builder.history(entry);
        }
        let Some(entries) = &step.layer else {
            return builder;
        };
        builder.layer(|layer| entries.iter().fold(layer, |layer, entry| self.add_entry(layer, entry)))
    }

    fn add_entry(&self, mut layer: LayerBuilder, entry: &Entry) -> LayerBuilder {
        for (name, value) in &entry.xattr {
            layer = layer.xattr(name, self.fill(value));
        }
        for (name, value) in &entry.pax {
            layer = layer.pax(name, self.fill(value));
        }
        let target = || self.path(entry.target.as_deref().expect("a link has a target"));
        match entry {
            Entry { file: Some(path), .. } => layer.file(self.path(path), self.content(&entry.content)),
            Entry { dir: Some(path), .. } => layer.dir(self.path(path)),
            Entry { symlink: Some(path), .. } => layer.symlink(self.path(path), target()),
            Entry { hardlink: Some(path), .. } => layer.hardlink(self.path(path), target()),
            Entry { whiteout: Some(path), .. } => layer.whiteout(path),
            Entry { opaque: Some(path), .. } => layer.opaque(path),
            _ => panic!("an entry without a kind: {entry:?}"),
        }
    }

    fn content(&self, content: &Content) -> Vec<u8> {
        match content {
            Content::Text(text) => self.fill(text).into_bytes(),
            Content::Pieces(pieces) => pieces.iter().flat_map(|piece| self.piece(piece)).collect(),
        }
    }

    fn piece(&self, piece: &Piece) -> Vec<u8> {
        match piece {
            Piece::Text(text) => self.fill(text).into_bytes(),
            Piece::Utf16(text) => self.fill(text).encode_utf16().flat_map(u16::to_le_bytes).collect(),
            Piece::Base64(text) => BASE64_STANDARD.encode(self.fill(text)).into_bytes(),
            Piece::Base64Twice(text) => {
                let once = BASE64_STANDARD.encode(self.fill(text));
                let lines: Vec<String> =
                    once.as_bytes().chunks(57).map(|line| BASE64_STANDARD.encode(line)).collect();
                (lines.join("\n") + "\n").into_bytes()
            }
            Piece::Hex(text) => {
                self.fill(text).bytes().flat_map(|byte| format!("{byte:02x}").into_bytes()).collect()
            }
            Piece::Md5(path) => {
                let digest = md5::Md5::digest(self.file(path));
                digest.iter().flat_map(|byte| format!("{byte:02x}").into_bytes()).collect()
            }
            Piece::Apk(path) => {
                format!("Q1{}", BASE64_STANDARD.encode(sha1::Sha1::digest(self.file(path)))).into_bytes()
            }
            Piece::Record(path) => {
                let digest = BASE64_URL_SAFE_NO_PAD.encode(sha2::Sha256::digest(self.file(path)));
                format!("sha256={digest}").into_bytes()
            }
            Piece::Nul(count) => vec![0; *count],
            Piece::Noise(count) => Noise::new("noise").take(*count).collect(),
            Piece::Words(count) => b"the quick brown fox jumps over the lazy dog\n"
                .iter()
                .copied()
                .cycle()
                .take(*count)
                .collect(),
        }
    }

    /// The content of the first file of that path.
    fn file(&self, path: &str) -> Vec<u8> {
        let steps = self.image.iter().flat_map(|image| &image.step);
        let mut entries = steps.flat_map(|step| step.layer.iter().flatten());
        let entry = entries.find(|entry| entry.file.as_deref() == Some(path));
        self.content(&entry.unwrap_or_else(|| panic!("no file {path} in the case")).content)
    }

    fn fill(&self, text: &str) -> String {
        let filled = self
            .secrets
            .iter()
            .fold(text.to_owned(), |text, (name, secret)| text.replace(&format!("${{{name}}}"), secret));
        // Upper case is a variable of the image's own.
        let wrong = filled.split("${").skip(1).any(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase()));
        assert!(!wrong, "no such secret: {filled}");
        filled
    }

    fn json(&self, value: &toml::Value) -> Value {
        let text = serde_json::to_string(value).unwrap();
        serde_json::from_str(&self.fill(&text)).unwrap()
    }

    fn path(&self, text: &str) -> Vec<u8> {
        let text = self.fill(text);
        let mut pieces = text.split('%');
        let mut path = pieces.next().unwrap_or_default().as_bytes().to_vec();
        for piece in pieces {
            path.push(u8::from_str_radix(&piece[..2], 16).expect("%XX"));
            path.extend_from_slice(&piece.as_bytes()[2..]);
        }
        path
    }
}
