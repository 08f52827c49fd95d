//! What a config says about the image as a whole: its platform, the `diff_id` of each layer, its build history.

use super::document::{DocumentKind, classify};
use super::json::DocumentError;
use super::step::instruction;
use super::{Platform, Step, lenient};

/// A config document, judged by its content.
#[derive(Debug)]
pub(super) enum Config {
    /// The configuration of a container image.
    Image(Facts),
    /// Something else: the config of a Helm chart, an empty document, a signature's.
    Other,
    /// Bytes that should be the configuration of an image and are not.
    Damaged(DocumentError),
    /// Not in the input.
    Missing,
    /// The manifest names none.
    None,
}

/// What aligns layers and history.
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// None unless the config states both parts of it.
    pub(super) platform: Option<Platform>,
    /// When it was built, as it says.
    pub(super) created: Option<String>,
    /// As written: one for each layer, from the lowest.
    pub(super) diff_ids: Vec<String>,
    /// Oldest first; empty if the config has none.
    pub(super) steps: Vec<Step>,
}

impl Config {
    /// Reads the config `bytes`; `claims_image` if the manifest says that they configure a container image.
    pub(super) fn read(bytes: &[u8], claims_image: bool) -> Self {
        let is_image = classify(bytes) == Some(DocumentKind::Config);
        let is_empty = bytes.trim_ascii() == b"{}";
        if !is_image && (is_empty || !claims_image) {
            return Self::Other;
        }
        match Facts::read(bytes) {
            Ok(facts) => Self::Image(facts),
            Err(error) => Self::Damaged(error),
        }
    }

    /// The facts of an image's configuration.
    pub(super) fn facts(&self) -> Option<&Facts> {
        match self {
            Self::Image(facts) => Some(facts),
            _ => None,
        }
    }
}

impl Facts {
    /// Reads the configuration `bytes`.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, DocumentError> {
        let config = lenient::config(bytes)?;
        let platform = Platform {
            os: config.os().to_string(),
            architecture: config.architecture().to_string(),
            variant: config.variant().clone(),
        };
        let stated = !platform.os.is_empty() && !platform.architecture.is_empty();
        let history = config.history().as_deref().unwrap_or_default();
        let steps = history.iter().enumerate().map(|(index, entry)| {
            let created_by = entry.created_by().clone().unwrap_or_default();
            let instruction = instruction(&created_by).to_owned();
            Step {
                index,
                instruction,
                created_by,
                empty_layer: entry.empty_layer().unwrap_or_default(),
                layer: None,
            }
        });
        Ok(Self {
            platform: stated.then(|| platform.normalized()),
            created: config.created().clone(),
            diff_ids: config.rootfs().diff_ids().clone(),
            steps: steps.collect(),
        })
    }
}
