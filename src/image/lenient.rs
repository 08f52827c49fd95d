//! Makes documents of real builders fit the types of oci-spec, and says what had to be repaired.
//!
//! The types follow the specification to the letter, and one odd descriptor makes the whole document unreadable:
//! `"layers": null` (what Go writes for an empty list), a digest in upper case, a negative size, an annotation that
//! is not a string, a platform without `os`, a configuration without `rootfs.type` or `architecture`. A scanner must
//! go on. So a document is reduced to the fields that this module reads and repaired as a JSON value; then the types
//! take it. This is the only place that knows of such deviations.

use oci_spec::image::{ArtifactManifest, Descriptor, Digest, ImageConfiguration, ImageIndex, ImageManifest};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::json::{DocumentError, prune_whole};
use crate::problem::{Problem, ProblemKind};

/// A document, and what of it was not as it should be.
pub(super) struct Repaired<T> {
    /// The document as its type sees it.
    pub(super) document: T,
    /// Fields without which something cannot be found or verified.
    pub(super) problems: Vec<Problem>,
}

/// The algorithm of the digest that stands in for one that cannot be parsed.
pub(super) const NO_DIGEST: &str = "unreadable";

/// The size that stands in for one that is not a number of bytes.
const NO_SIZE: u64 = u64::MAX;

/// Annotations that are read; all others are only searched for texts.
const ANNOTATIONS: &[&str] = &[
    "org.opencontainers.image.ref.name",
    "io.containerd.image.name",
    "vnd.docker.reference.type",
    "vnd.docker.reference.digest",
    "in-toto.io/predicate-type",
    "predicateType",
];

const MANIFEST_FIELDS: &[&str] = &[
    "schemaVersion",
    "mediaType",
    "artifactType",
    "config",
    "layers",
    "blobs",
    "manifests",
    "subject",
    "annotations",
    "digest",
    "size",
    "urls",
    "platform",
    "architecture",
    "os",
    "variant",
    "org.opencontainers.image.ref.name",
    "io.containerd.image.name",
    "vnd.docker.reference.type",
    "vnd.docker.reference.digest",
    "in-toto.io/predicate-type",
    "predicateType",
];

const CONFIG_FIELDS: &[&str] = &[
    "architecture",
    "os",
    "variant",
    "created",
    "rootfs",
    "type",
    "diff_ids",
    "history",
    "created_by",
    "empty_layer",
];
/// Bytes of the longest time that RFC 3339 can write, to the nanosecond.
const LONGEST_TIME: usize = 35;

/// Reads an OCI index or a Docker manifest list. `place` names it in problems.
pub(super) fn index(bytes: &[u8], place: &str) -> Result<Repaired<ImageIndex>, DocumentError> {
    const FORM: DocumentError = DocumentError::Form("an image index");
    let mut fields = object(bytes, MANIFEST_FIELDS).map_err(|error| error.unwrap_or(FORM))?;
    let mut repair = Repair::new(place);
    repair.list(&mut fields, "manifests");
    repair.optional(&mut fields);
    fields.insert("schemaVersion".into(), json!(2));
    finish(fields, repair, FORM)
}

/// Reads an OCI or Docker image manifest. `place` names it in problems.
pub(super) fn manifest(bytes: &[u8], place: &str) -> Result<Repaired<ImageManifest>, DocumentError> {
    const FORM: DocumentError = DocumentError::Form("an image manifest");
    let mut fields = object(bytes, MANIFEST_FIELDS).map_err(|error| error.unwrap_or(FORM))?;
    let mut repair = Repair::new(place);
    repair.list(&mut fields, "layers");
    let config = repair.descriptor(fields.remove("config").unwrap_or_default(), "config");
    fields.insert("config".into(), config);
    repair.optional(&mut fields);
    fields.insert("schemaVersion".into(), json!(2));
    finish(fields, repair, FORM)
}

/// Reads an OCI artifact manifest (image-spec 1.1.0-rc1 and -rc2). `place` names it in problems.
pub(super) fn artifact(bytes: &[u8], place: &str) -> Result<Repaired<ArtifactManifest>, DocumentError> {
    const FORM: DocumentError = DocumentError::Form("an artifact manifest");
    let mut fields = object(bytes, MANIFEST_FIELDS).map_err(|error| error.unwrap_or(FORM))?;
    let mut repair = Repair::new(place);
    repair.list(&mut fields, "blobs");
    repair.optional(&mut fields);
    for name in ["mediaType", "artifactType"] {
        fields.entry(name).or_insert_with(|| json!(""));
    }
    finish(fields, repair, FORM)
}

/// Reads what aligns layers and steps of an image configuration. Execution parameters are left out.
pub(super) fn config(bytes: &[u8]) -> Result<ImageConfiguration, DocumentError> {
    const FORM: DocumentError = DocumentError::Form("an image configuration");
    let mut fields = object(bytes, CONFIG_FIELDS).map_err(|error| error.unwrap_or(FORM))?;
    for name in ["architecture", "os"] {
        if !fields.get(name).is_some_and(Value::is_string) {
            fields.insert(name.into(), json!(""));
        }
    }
    if !fields.get("variant").is_some_and(Value::is_string) {
        fields.remove("variant");
    }
    if !fields.get("created").and_then(Value::as_str).is_some_and(is_time) {
        fields.remove("created");
    }
    let diff_ids = match fields.get("rootfs").and_then(|rootfs| rootfs.get("diff_ids")) {
        Some(Value::Array(ids)) => ids.iter().map(|id| json!(id.as_str().unwrap_or_default())).collect(),
        _ => Vec::new(),
    };
    fields.insert("rootfs".into(), json!({"type": "layers", "diff_ids": diff_ids}));
    if let Some(Value::Array(entries)) = fields.remove("history") {
        let entries: Vec<Value> = entries.into_iter().map(history_entry).collect();
        fields.insert("history".into(), entries.into());
    }
    serde_json::from_value(fields.into()).map_err(|_| FORM)
}

/// Whether a text has the characters of a time (RFC 3339, 5.6), and so can hold nothing else.
fn is_time(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_digit() || b"-:.+TZtz".contains(&byte);
    (20..=LONGEST_TIME).contains(&text.len()) && text.bytes().all(is_part)
}

/// The size that a descriptor states, unless it is not a number of bytes.
pub(super) fn size(descriptor: &Descriptor) -> Option<u64> {
    Some(descriptor.size()).filter(|size| *size != NO_SIZE)
}

fn history_entry(entry: Value) -> Value {
    let mut kept = Map::new();
    if let Value::Object(mut fields) = entry {
        kept.extend(fields.remove_entry("created_by").filter(|(_, text)| text.is_string()));
        kept.extend(fields.remove_entry("empty_layer").filter(|(_, flag)| flag.is_boolean()));
    }
    kept.into()
}

/// The object in `bytes`, reduced to `keep`; an error without text if it is no object.
fn object(bytes: &[u8], keep: &[&str]) -> Result<Map<String, Value>, Option<DocumentError>> {
    match prune_whole(bytes, keep).map_err(Some)? {
        Value::Object(fields) => Ok(fields),
        _ => Err(None),
    }
}

fn finish<T: DeserializeOwned>(
    fields: Map<String, Value>,
    repair: Repair<'_>,
    form: DocumentError,
) -> Result<Repaired<T>, DocumentError> {
    // The error of the types may quote the document, so it is not passed on.
    let document = serde_json::from_value(fields.into()).map_err(|_| form)?;
    Ok(Repaired { document, problems: repair.problems })
}

struct Repair<'a> {
    place: &'a str,
    problems: Vec<Problem>,
}

impl<'a> Repair<'a> {
    fn new(place: &'a str) -> Self {
        Self { place, problems: Vec::new() }
    }

    /// Makes `name` a list of descriptors.
    fn list(&mut self, fields: &mut Map<String, Value>, name: &str) {
        let list = match fields.remove(name) {
            Some(Value::Array(items)) => items
                .into_iter()
                .enumerate()
                .map(|(index, item)| self.descriptor(item, &format!("{name}/{index}")))
                .collect(),
            _ => Vec::new(),
        };
        fields.insert(name.to_owned(), Value::Array(list));
    }

    /// Drops optional fields that the types would choke on.
    fn optional(&mut self, fields: &mut Map<String, Value>) {
        for name in ["mediaType", "artifactType"] {
            if !fields.get(name).is_some_and(Value::is_string) {
                fields.remove(name);
            }
        }
        annotations(fields);
        if let Some(subject) = fields.remove("subject").filter(|subject| !subject.is_null()) {
            let subject = self.descriptor(subject, "subject");
            fields.insert("subject".into(), subject);
        }
    }

    /// Makes `value` a descriptor, whatever it was, so that the positions of its neighbours stay.
    fn descriptor(&mut self, value: Value, pointer: &str) -> Value {
        let mut fields = match value {
            Value::Object(fields) => fields,
            _ => Map::new(),
        };
        let digest = fields.get("digest").and_then(Value::as_str).map(str::to_lowercase);
        let digest = digest.filter(|digest| digest.parse::<Digest>().is_ok());
        if digest.is_none() {
            self.damaged(pointer, "has no readable digest");
        }
        let number = pointer.rsplit('/').next().unwrap_or_default();
        let digest = digest.unwrap_or_else(|| format!("{NO_DIGEST}:{number}"));
        fields.insert("digest".into(), digest.into());
        if !fields.get("size").is_some_and(Value::is_u64) {
            self.damaged(pointer, "has no readable size");
            fields.insert("size".into(), NO_SIZE.into());
        }
        if !fields.get("mediaType").is_some_and(Value::is_string) {
            fields.insert("mediaType".into(), json!(""));
        }
        if !fields.get("artifactType").is_some_and(Value::is_string) {
            fields.remove("artifactType");
        }
        let urls = fields.get("urls").and_then(Value::as_array);
        if !urls.is_some_and(|urls| urls.iter().all(Value::is_string)) {
            fields.remove("urls");
        }
        annotations(&mut fields);
        platform(&mut fields);
        fields.into()
    }

    fn damaged(&mut self, pointer: &str, what: &str) {
        self.problems.push(Problem::new(
            ProblemKind::Damaged,
            format!("{}#/{pointer}", self.place),
            format!("the descriptor {what}"),
            "rebuild or save the image again; this entry cannot be verified",
        ));
    }
}

/// Keeps the annotations that are read, if they are texts.
fn annotations(fields: &mut Map<String, Value>) {
    if let Some(Value::Object(mut annotations)) = fields.remove("annotations") {
        annotations.retain(|key, value| ANNOTATIONS.contains(&key.as_str()) && value.is_string());
        fields.insert("annotations".into(), annotations.into());
    }
}

/// Keeps a platform that names both its parts.
fn platform(fields: &mut Map<String, Value>) {
    let Some(Value::Object(platform)) = fields.remove("platform") else {
        return;
    };
    let text = |name: &str| platform.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    if let (Some(os), Some(architecture)) = (text("os"), text("architecture")) {
        let platform = json!({"os": os, "architecture": architecture, "variant": text("variant")});
        fields.insert("platform".into(), platform);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(digit: char) -> String {
        format!("sha256:{}", digit.to_string().repeat(64))
    }

    #[test]
    fn lists_that_go_writes_as_null_are_empty() {
        let text = format!(
            r#"{{"schemaVersion":2,"config":{{"mediaType":"","digest":"{}","size":2}},"layers":null}}"#,
            digest('a')
        );
        assert!(serde_json::from_str::<ImageManifest>(&text).is_err(), "no repair needed");
        let read = manifest(text.as_bytes(), "m").unwrap();
        assert!(read.document.layers().is_empty() && read.problems.is_empty());
        let read = index(br#"{"schemaVersion":2,"manifests":null}"#, "i").unwrap();
        assert!(read.document.manifests().is_empty());
    }

    #[test]
    fn a_broken_descriptor_keeps_its_position_and_is_reported() {
        let text = format!(
            r#"{{"config":{{"digest":"{a}","size":2}},"layers":[
                {{"digest":"{a}","size":-1}}, 7, {{"digest":"../blah:x","size":"9"}},
                {{"digest":"{upper}","size":4,"urls":[1],"platform":{{"os":1}},"annotations":{{"a":2}}}}]}}"#,
            a = digest('a'),
            upper = digest('b').to_uppercase()
        );
        let read = manifest(text.as_bytes(), "m").unwrap();
        let layers = read.document.layers();
        assert_eq!(layers.len(), 4);
        assert_eq!(size(&layers[0]), None);
        assert_eq!(layers[1].digest().algorithm().as_ref(), NO_DIGEST);
        assert_eq!(layers[3].digest().as_ref(), digest('b'));
        assert_eq!(size(&layers[3]), Some(4));
        let places: Vec<_> = read.problems.iter().map(|problem| problem.place.as_str()).collect();
        assert_eq!(places, ["m#/layers/0", "m#/layers/1", "m#/layers/1", "m#/layers/2", "m#/layers/2"]);
    }

    #[test]
    fn a_config_needs_none_of_its_fields() {
        for text in [
            "{}",
            r#"{"rootfs":null,"history":null,"os":null}"#,
            r#"{"config":{"ExposedPorts":{"80/tcp":null}},"architecture":7,"rootfs":{"diff_ids":null}}"#,
        ] {
            assert!(serde_json::from_str::<ImageConfiguration>(text).is_err(), "no repair needed");
            assert!(config(text.as_bytes()).unwrap().rootfs().diff_ids().is_empty());
        }
        let odd = br#"{"rootfs":{"diff_ids":[1,"x"]},"history":[3,{"created_by":4,"empty_layer":"yes"},{"created":0,"created_by":"RUN x"}]}"#;
        let read = config(odd).unwrap();
        assert_eq!(read.rootfs().diff_ids(), &["", "x"]);
        let steps = read.history().as_ref().unwrap();
        assert_eq!(steps.len(), 3);
        assert_eq!(steps[2].created_by().as_deref(), Some("RUN x"));
    }

    #[test]
    fn another_form_is_an_error() {
        assert!(matches!(config(b"[]"), Err(DocumentError::Form(_))));
        assert!(matches!(index(b"3", "i"), Err(DocumentError::Form(_))));
        assert!(matches!(manifest(b"{", "m"), Err(DocumentError::Syntax { .. })));
    }
}
