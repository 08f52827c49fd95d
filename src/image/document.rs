//! Which document of an image some bytes are, judged by their content alone.
//!
//! Names and media types are hints that builders get wrong and attackers choose. What a document is follows from the
//! fields that it has: an index lists manifests with digests, a manifest has a config and layers, a configuration
//! has a `rootfs`. Whether a document says sensible things is not judged here.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::json::prune;

/// The kinds of JSON documents in an image archive or layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum DocumentKind {
    /// An OCI image index or a Docker manifest list.
    Index,
    /// An OCI image manifest, a Docker schema 2 manifest, or an OCI artifact manifest.
    Manifest,
    /// `manifest.json` of a docker archive: an array.
    DockerArchive,
    /// An image configuration (OCI or Docker).
    Config,
    /// An in-toto statement, a DSSE envelope around one, a Sigstore bundle, or a bare provenance predicate.
    Statement,
    /// `oci-layout`.
    LayoutMarker,
    /// `repositories` of a legacy docker archive: names and tags to layer ids.
    Repositories,
    /// `<id>/json` of a legacy docker archive.
    LegacyLayer,
    /// Any other JSON.
    Json,
}

/// What the JSON document `bytes` is; none if it is not JSON.
///
/// Costs one pass, and neither stack nor memory that the document's author can drive up.
pub fn classify(bytes: &[u8]) -> Option<DocumentKind> {
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace())?;
    if !matches!(first, b'{' | b'[' | b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n') {
        return None;
    }
    match prune(bytes, FIELDS).ok()?.value {
        Value::Array(items) if is_docker_archive(&items) => Some(DocumentKind::DockerArchive),
        Value::Object(fields) if fields.is_empty() && is_repositories(bytes) => {
            Some(DocumentKind::Repositories)
        }
        Value::Object(fields) => Some(classify_object(&fields)),
        _ => Some(DocumentKind::Json),
    }
}

/// The fields that tell one kind from another.
const FIELDS: &[&str] = &[
    "Config",
    "Layers",
    "RepoTags",
    "_type",
    "architecture",
    "artifactType",
    "blobs",
    "buildDefinition",
    "buildType",
    "builder",
    "config",
    "container_config",
    "created",
    "Cmd",
    "digest",
    "diff_ids",
    "dsseEnvelope",
    "Entrypoint",
    "Env",
    "history",
    "id",
    "imageLayoutVersion",
    "invocation",
    "Labels",
    "layers",
    "manifests",
    "mediaType",
    "os",
    "parent",
    "payload",
    "payloadType",
    "predicateType",
    "rootfs",
    "runDetails",
    "schemaVersion",
    "type",
    "WorkingDir",
];

fn classify_object(fields: &Map<String, Value>) -> DocumentKind {
    let has = |name: &str| fields.contains_key(name);
    if is_index(fields) {
        DocumentKind::Index
    } else if is_manifest(fields) {
        DocumentKind::Manifest
    } else if is_statement(fields) {
        DocumentKind::Statement
    } else if has("imageLayoutVersion") {
        DocumentKind::LayoutMarker
    } else if is_config(fields) {
        DocumentKind::Config
    } else if is_legacy_layer(fields) {
        DocumentKind::LegacyLayer
    } else {
        DocumentKind::Json
    }
}

fn is_index(fields: &Map<String, Value>) -> bool {
    let Some(Value::Array(manifests)) = fields.get("manifests") else {
        return fields.get("manifests").is_some_and(Value::is_null) && fields.contains_key("schemaVersion");
    };
    fields.contains_key("schemaVersion")
        || fields.contains_key("mediaType")
        || manifests.first().is_some_and(is_descriptor)
}

fn is_manifest(fields: &Map<String, Value>) -> bool {
    let list = |name: &str| fields.get(name).is_some_and(|value| value.is_array() || value.is_null());
    let config = fields.get("config").is_some_and(is_descriptor);
    (config && (list("layers") || fields.contains_key("schemaVersion")))
        || (list("layers") && fields.contains_key("schemaVersion"))
        || (list("blobs") && fields.contains_key("artifactType"))
}

fn is_statement(fields: &Map<String, Value>) -> bool {
    let has = |name: &str| fields.contains_key(name);
    let in_toto = fields
        .get("_type")
        .and_then(Value::as_str)
        .is_some_and(|kind| kind.contains("in-toto.io/") || kind == "link");
    in_toto
        || has("predicateType")
        || (has("payload") && has("payloadType"))
        || has("dsseEnvelope")
        || (has("buildType") && (has("invocation") || has("builder")))
        || (has("buildDefinition") && has("runDetails"))
}

fn is_config(fields: &Map<String, Value>) -> bool {
    let object = |name: &str| fields.get(name).and_then(Value::as_object);
    let execution = |config: &Map<String, Value>| {
        ["Env", "Cmd", "Entrypoint", "Labels", "WorkingDir"].iter().any(|name| config.contains_key(*name))
    };
    let root =
        object("rootfs").is_some_and(|rootfs| rootfs.contains_key("diff_ids") || rootfs.contains_key("type"));
    let legacy = fields.contains_key("id");
    let platform = fields.contains_key("architecture") && fields.contains_key("os");
    root || (!legacy && platform && (fields.contains_key("config") || fields.contains_key("history")))
        || (!legacy && object("config").is_some_and(execution))
}

fn is_legacy_layer(fields: &Map<String, Value>) -> bool {
    let id = fields.get("id").and_then(Value::as_str);
    let has = |name: &str| fields.contains_key(name);
    // The lowest layer of an archive by podman or skopeo has nothing but its id.
    id.is_some_and(is_layer_id)
        || (has("id") && (has("created") || has("parent") || has("container_config") || has("config")))
}

fn is_layer_id(id: &str) -> bool {
    id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_descriptor(value: &Value) -> bool {
    value.get("digest").is_some_and(Value::is_string)
}

fn is_docker_archive(items: &[Value]) -> bool {
    items
        .first()
        .is_some_and(|item| item.get("Layers").is_some() || item.get("Config").is_some_and(Value::is_string))
}

/// `repositories` has no field of its own, so its whole form is checked. Real ones have a few lines.
fn is_repositories(bytes: &[u8]) -> bool {
    const MAX: usize = 1 << 20;
    if bytes.len() > MAX {
        return false;
    }
    let tags = serde_json::from_slice::<BTreeMap<String, BTreeMap<String, String>>>(bytes);
    tags.is_ok_and(|names| {
        let mut ids = names.values().flat_map(BTreeMap::values).peekable();
        ids.peek().is_some() && ids.all(|id| is_layer_id(id))
    })
}

#[cfg(test)]
mod tests {
    use super::DocumentKind as Kind;
    use super::*;

    const CASES: &[(Kind, &str)] = &[
        (Kind::Index, r#"{"schemaVersion":2,"manifests":[]}"#),
        (Kind::Index, r#"{"schemaVersion":2,"manifests":null}"#),
        (Kind::Index, r#"{"manifests":[{"digest":"sha256:00"}]}"#),
        (
            Kind::Index,
            r#"{"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.list.v2+json","manifests":[{"digest":"sha256:00"}]}"#,
        ),
        (Kind::Manifest, r#"{"schemaVersion":2,"config":{"digest":"sha256:00"},"layers":[]}"#),
        (Kind::Manifest, r#"{"schemaVersion":2,"config":{"digest":"sha256:00"},"layers":null}"#),
        (
            Kind::Manifest,
            r#"{"mediaType":"application/vnd.oci.artifact.manifest.v1+json","artifactType":"x/y","blobs":[]}"#,
        ),
        (Kind::DockerArchive, r#"[{"Config":"a.json","RepoTags":null,"Layers":["a/layer.tar"]}]"#),
        (Kind::Config, r#"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}"#),
        (Kind::Config, r#"{"architecture":"amd64","os":"linux","config":{"Env":[]}}"#),
        (Kind::Config, r#"{"config":{"Env":["A=b"]}}"#),
        (Kind::Config, r#"{"id":"x","container":"y","rootfs":{"type":"layers","diff_ids":null}}"#),
        (Kind::LayoutMarker, r#"{"imageLayoutVersion":"1.0.0"}"#),
        (
            Kind::LegacyLayer,
            r#"{"id":"ab","parent":"cd","created":"2020-01-01T00:00:00Z","container_config":{"Cmd":null},"os":"linux","architecture":"amd64","config":{"Env":[]}}"#,
        ),
        (
            Kind::Statement,
            r#"{"_type":"https://in-toto.io/Statement/v1","subject":[],"predicateType":"https://slsa.dev/provenance/v1","predicate":{}}"#,
        ),
        (
            Kind::Statement,
            r#"{"payloadType":"application/vnd.in-toto+json","payload":"e30=","signatures":[]}"#,
        ),
        (Kind::Statement, r#"{"buildType":"https://mobyproject.org/buildkit@v1","invocation":{}}"#),
        (Kind::Statement, r#"{"buildDefinition":{},"runDetails":{}}"#),
        (Kind::Json, r#"{"manifests":["a.yaml"],"name":"a kustomization"}"#),
        (Kind::Json, "{}"),
        (Kind::Json, "[]"),
        (Kind::Json, "17"),
        (Kind::Json, r#"{"name":"left-pad","version":"1.0.0"}"#),
    ];

    #[test]
    fn content_tells_the_kind() {
        for (kind, text) in CASES {
            assert_eq!(classify(text.as_bytes()), Some(*kind), "{text}");
            let spaced = format!("\n {text} \n");
            assert_eq!(classify(spaced.as_bytes()), Some(*kind), "{spaced}");
        }
    }

    #[test]
    fn repositories_are_names_tags_and_layer_ids() {
        let id = "0123456789abcdef".repeat(4);
        let text = format!(r#"{{"app":{{"latest":"{id}"}},"b":{{"1":"{id}","2":"{id}"}}}}"#);
        assert_eq!(classify(text.as_bytes()), Some(Kind::Repositories));
        assert_eq!(classify(br#"{"app":{"latest":"x"}}"#), Some(Kind::Json));
    }

    #[test]
    fn a_legacy_layer_may_have_an_id_alone() {
        let text = format!(r#"{{"id":"{}"}}"#, "0123456789abcdef".repeat(4));
        assert_eq!(classify(text.as_bytes()), Some(Kind::LegacyLayer));
        assert_eq!(classify(br#"{"id":"0a"}"#), Some(Kind::Json));
    }

    #[test]
    fn what_is_not_json_is_nothing() {
        for bytes in [&b""[..], b"\x1f\x8b\x08", b"{", b"{\"a\":", b"VERSION", b"{}{}"] {
            assert_eq!(classify(bytes), None, "{bytes:?}");
        }
    }

    #[test]
    fn nesting_bombs_neither_crash_nor_hide_the_kind() {
        let deep = "[".repeat(300_000) + &"]".repeat(300_000);
        assert_eq!(classify(deep.as_bytes()), Some(Kind::Json));
        let index = format!(r#"{{"x":{deep},"schemaVersion":2,"manifests":[]}}"#);
        assert_eq!(classify(index.as_bytes()), Some(Kind::Index));
    }
}
