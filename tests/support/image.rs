//! An image in memory: layers, config, history, annotations and attestations, the same for every format.

use serde_json::{Map, Value, json};

use super::layer::LayerBuilder;
use super::{digest, hex};

/// One layer, with what its documents claim about it where that is not the truth.
#[derive(Clone)]
pub(crate) struct Layer {
    pub(crate) tar: Vec<u8>,
    /// Laid over the descriptor in the OCI manifest: a wrong digest or size, another media type, `urls`, annotations.
    pub(crate) claims: Map<String, Value>,
    /// Instead of the true `diff_id` in the config.
    pub(crate) diff_id: Option<String>,
    /// Whether the blob is left out, as for a foreign layer.
    pub(crate) absent: bool,
}

impl Layer {
    /// The `diff_id` that the config claims.
    pub(crate) fn diff_id(&self) -> String {
        self.diff_id.clone().unwrap_or_else(|| digest(&self.tar))
    }
}

/// An in-toto statement that `BuildKit` would attach.
#[derive(Clone)]
pub(crate) struct Attestation {
    pub(crate) predicate_type: String,
    pub(crate) predicate: Value,
}

/// An image in the making; a finished one is the same thing.
#[derive(Clone)]
pub(crate) struct ImageBuilder {
    /// `repository:tag`.
    pub(crate) name: String,
    /// `os/architecture[/variant]`.
    pub(crate) platform: String,
    pub(crate) layers: Vec<Layer>,
    /// `config` of the image configuration: `Env`, `Cmd`, …
    pub(crate) config: Map<String, Value>,
    pub(crate) history: Vec<Value>,
    /// When it says that it was made.
    pub(crate) created: Value,
    /// Of the manifest.
    pub(crate) annotations: Map<String, Value>,
    pub(crate) attestations: Vec<Attestation>,
}

impl ImageBuilder {
    pub(crate) fn new() -> Self {
        Self {
            name: "leaky:latest".to_owned(),
            platform: "linux/amd64".to_owned(),
            layers: Vec::new(),
            config: Map::new(),
            history: Vec::new(),
            created: json!("2023-11-14T22:13:20Z"),
            annotations: Map::new(),
            attestations: Vec::new(),
        }
    }

    pub(crate) fn name(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    pub(crate) fn platform(mut self, platform: &str) -> Self {
        platform.clone_into(&mut self.platform);
        self
    }

    /// A layer without a line in the history.
    pub(crate) fn layer(mut self, fill: impl FnOnce(LayerBuilder) -> LayerBuilder) -> Self {
        self.layers.push(Layer {
            tar: fill(LayerBuilder::new()).tar(),
            claims: Map::new(),
            diff_id: None,
            absent: false,
        });
        self
    }

    /// A build step that made a layer.
    pub(crate) fn step(self, created_by: &str, fill: impl FnOnce(LayerBuilder) -> LayerBuilder) -> Self {
        self.history(json!({ "created_by": created_by })).layer(fill)
    }

    /// A build step that made none.
    pub(crate) fn empty_step(self, created_by: &str) -> Self {
        self.history(json!({ "created_by": created_by, "empty_layer": true }))
    }

    /// A history entry, member by member.
    pub(crate) fn history(mut self, mut entry: Value) -> Self {
        entry["created"] = json!("2023-11-14T22:13:20Z");
        self.history.push(entry);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        let env = self.config.entry("Env").or_insert_with(|| json!([]));
        env.as_array_mut().unwrap().push(json!(format!("{name}={value}")));
        self
    }

    pub(crate) fn label(mut self, name: &str, value: &str) -> Self {
        let labels = self.config.entry("Labels").or_insert_with(|| json!({}));
        labels[name] = json!(value);
        self
    }

    /// Any other member of `config`.
    pub(crate) fn config(mut self, key: &str, value: Value) -> Self {
        self.config.insert(key.to_owned(), value);
        self
    }

    pub(crate) fn created(mut self, time: Value) -> Self {
        self.created = time;
        self
    }

    pub(crate) fn annotation(mut self, name: &str, value: &str) -> Self {
        self.annotations.insert(name.to_owned(), json!(value));
        self
    }

    pub(crate) fn attestation(mut self, predicate_type: &str, predicate: Value) -> Self {
        self.attestations.push(Attestation { predicate_type: predicate_type.to_owned(), predicate });
        self
    }

    /// Changes the topmost layer: its claims, its absence.
    pub(crate) fn top(mut self, change: impl FnOnce(&mut Layer)) -> Self {
        change(self.layers.last_mut().unwrap());
        self
    }

    /// `{"os", "architecture", "variant"}`.
    pub(crate) fn platform_json(&self) -> Value {
        let mut parts = self.platform.split('/');
        let mut platform = json!({ "os": parts.next(), "architecture": parts.next() });
        if let Some(variant) = parts.next() {
            platform["variant"] = json!(variant);
        }
        platform
    }

    /// The image configuration (OCI image-spec, config.md).
    pub(crate) fn config_bytes(&self) -> Vec<u8> {
        let mut config = self.platform_json();
        config["created"] = self.created.clone();
        config["config"] = Value::Object(self.config.clone());
        let diff_ids: Vec<String> = self.layers.iter().map(Layer::diff_id).collect();
        config["rootfs"] = json!({ "type": "layers", "diff_ids": diff_ids });
        config["history"] = json!(self.history);
        config.to_string().into_bytes()
    }

    /// The made-up id of a layer in the archives of old: unique, and not a digest of anything that can be checked.
    pub(crate) fn legacy_id(&self, index: usize) -> String {
        hex(format!("{}/{}/{index}", self.name, self.platform).as_bytes())
    }
}
