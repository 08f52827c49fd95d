//! A finding and a place made by hand, for tests of whatever looks at them: of each nothing is known but what a test says.

use super::{Finding, Place};
use crate::image::PlaceKind;
use crate::secret::{FingerprintKey, Secret};
use crate::signature::{Confidence, Severity};

/// A place of this kind.
pub(crate) fn place(kind: PlaceKind) -> Place {
    Place {
        kind,
        image: None,
        platform: None,
        layer: None,
        step: None,
        path: None,
        inner: Vec::new(),
        name: None,
        line: None,
        offset: None,
        decoded: Vec::new(),
        state: None,
        state_by: None,
        mark: None,
        shipped_by: None,
        origin: None,
    }
}

/// A token of GitHub that stands at these places.
pub(crate) fn finding(secret: &str, places: Vec<Place>) -> Finding {
    let secret = Secret::new(secret);
    let fingerprint = secret.fingerprint(&FingerprintKey::default());
    Finding {
        id: fingerprint.to_string()[..12].to_owned(),
        rule: "github-pat".into(),
        provider: "GitHub".into(),
        name: "GitHub token".into(),
        severity: Severity::Critical,
        confidence: Confidence::Confirmed,
        fingerprint,
        secret,
        facts: Vec::new(),
        parts: Vec::new(),
        why: String::new(),
        revoke: None,
        fix: vec!["all of it".into()],
        places,
        known: None,
        verdict: None,
    }
}
