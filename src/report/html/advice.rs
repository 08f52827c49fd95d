//! What to do, written once: of many credentials that came in by one way the advice is the same, and long.
//!
//! A long line that several findings share stands in a list at the end of the page, and each of them has its beginning and a link.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::findings::Finding;

/// Bytes of a line that may be repeated.
const SHORT: usize = 160;
/// Characters of a shared line that each finding shows.
const BEGINNING: usize = 60;

/// The lines that several findings of one outcome have in common.
pub(super) struct Shared<'a> {
    prefix: usize,
    /// Characters of one line that are shown.
    most: usize,
    lines: BTreeMap<&'a str, usize>,
}

impl<'a> Shared<'a> {
    /// Those of `findings`, which are of the outcome of that index; of each line, `most` characters are shown.
    pub(super) fn new(prefix: usize, findings: impl Iterator<Item = &'a Finding>, most: usize) -> Self {
        let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
        for line in findings.flat_map(|finding| &finding.fix).filter(|line| line.len() > SHORT) {
            *seen.entry(line).or_default() += 1;
        }
        let shared = seen.into_iter().filter(|(_, findings)| *findings > 1);
        let lines = shared.enumerate().map(|(index, (line, _))| (line, index)).collect();
        Self { prefix, most, lines }
    }

    /// A line of a finding's advice.
    pub(super) fn line(&self, line: &str) -> Value {
        let Some(index) = self.lines.get(line) else { return json!({ "parts": self.parts(line) }) };
        let end = line.char_indices().nth(BEGINNING).map_or(line.len(), |(at, _)| at);
        // Not in the middle of a word, if there is one that ends.
        let end = line[..end].rfind(' ').unwrap_or(end);
        json!({ "anchor": self.anchor(*index), "beginning": line[..end].replace('`', "") })
    }

    /// The list at the end of the page.
    pub(super) fn list(&self) -> Vec<Value> {
        let line = |(line, index): (&&str, &usize)| json!({ "anchor": self.anchor(*index), "parts": self.parts(line) });
        self.lines.iter().map(line).collect()
    }

    /// What stands between back-quotes is code.
    fn parts(&self, line: &str) -> Vec<Value> {
        let end = line.char_indices().nth(self.most);
        let shown = end.map_or_else(|| line.into(), |(at, _)| Cow::Owned(format!("{}…", &line[..at])));
        let parts = shown.split('`').enumerate().filter(|(_, part)| !part.is_empty());
        parts.map(|(index, part)| json!({ "text": part, "code": index % 2 == 1 })).collect()
    }

    fn anchor(&self, index: usize) -> String {
        format!("advice-{}-{index}", self.prefix)
    }
}
