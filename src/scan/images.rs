//! Images inside a file: the documents of an archive in a layer are searched as what they are, its steps as steps.

use std::sync::Arc;

use super::documents::Document;
use super::matching::Match;
use super::texts::{TextMatch, search};
use super::{Context, whole::Text};
use crate::digest::Digest;
use crate::image::{DocumentKind, PlaceKind, classify};
use crate::problem::Problem;

/// Whether a text that begins like that may be a document of an image.
pub(super) fn begins(head: &[u8]) -> bool {
    head.iter().find(|byte| !byte.is_ascii_whitespace()).is_none_or(|first| matches!(first, b'{' | b'['))
}

/// The credentials of `text`, if all of it is there and it is a document of an image that holds texts of its own.
pub(super) fn read(context: &Context<'_>, text: &Text<'_>, problems: &mut Vec<Problem>) -> Vec<Match> {
    if text.size != text.bytes.len() as u64 || !begins(text.bytes) {
        return Vec::new();
    }
    let Some(kind) = classify(text.bytes).filter(|kind| has_texts(*kind)) else { return Vec::new() };
    let document = Document { bytes: text.bytes.to_vec(), digest: Digest::of(text.bytes), kind };
    let found = search(context, "", &document, problems);
    found.into_iter().map(|found| of(found, text)).collect()
}

fn has_texts(kind: DocumentKind) -> bool {
    use DocumentKind::{Config, Index, LegacyLayer, Manifest, Statement};
    matches!(kind, Config | LegacyLayer | Manifest | Index | Statement)
}

/// The match as one of the file: its name says what it is the value of.
fn of(found: TextMatch, text: &Text<'_>) -> Match {
    let TextMatch { what, kind, name, step, offset, line, mark, decoded, at, .. } = found;
    let mut words = vec![kind.as_str().to_owned()];
    words.extend(step.map(|step| format!("step {step}")));
    words.extend(name);
    let end = at.end - at.start + offset;
    Match {
        what,
        kind: PlaceKind::File,
        entry: Some(Arc::clone(text.entry)),
        name: Some(words.join(" ")),
        range: offset..end,
        line: Some(line),
        inside: None,
        decoded,
        mark,
    }
}
