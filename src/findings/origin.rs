//! Whether a place comes from the image that its image is built on, or was added to it.

use serde::{Deserialize, Serialize};

use super::{Finding, Place};
use crate::image::{Base, PlaceKind};

/// Whose a place is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// The base image has it too: its owner has to mend it, or another base has to be taken.
    Base,
    /// It was added to the base image.
    Own,
}

impl Origin {
    /// The name of this origin in every report.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::Own => "own",
        }
    }

    /// Whose `place` is, in an image that is built on `base`; none if its layers are not known.
    pub fn of(place: &Place, base: &Base) -> Option<Self> {
        use PlaceKind::{File, Link, Padding, Path, TarHeader};
        let (layers, steps) = (base.layers?, base.steps.unwrap_or(0));
        let in_layer = matches!(place.kind, File | Path | Link | TarHeader | Padding);
        let layer = place.layer.as_ref().and_then(|layer| layer.index).filter(|_| in_layer);
        let is_base = match (layer, &place.step) {
            (Some(layer), _) => layer < layers,
            (None, Some(step)) => step.index < steps,
            (None, None) => false,
        };
        Some(if is_base { Self::Base } else { Self::Own })
    }
}

impl Finding {
    /// Whose it is: of the base only if each of its places is, and there is one.
    pub fn origin(&self) -> Option<Origin> {
        let origins = || self.places.iter().map(|place| place.origin);
        if origins().any(|origin| origin == Some(Origin::Own)) {
            return Some(Origin::Own);
        }
        let all = !self.places.is_empty() && origins().all(|origin| origin.is_some());
        all.then_some(Origin::Base)
    }
}
