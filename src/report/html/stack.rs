//! An image as a stack: a row for each step, the last one on top, with what it made and what leaks from it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::findings::{Outcome, Place, PlaceStep, State};
use crate::image::{Image, Layer, Step};
use crate::report::words;
use crate::signature::Severity;

/// Rows of one image.
const ROWS: usize = 500;
/// Files that one row lists.
const FILES: usize = 200;
/// How deep the tree of files is drawn; what is deeper is one name.
const DEPTH: usize = 8;

/// The rows of all images of one outcome, and what belongs to each.
pub(super) struct Stacks<'a> {
    outcome: &'a Outcome,
    /// Before every key: which outcome.
    prefix: usize,
    leaks: BTreeMap<String, BTreeMap<Severity, usize>>,
    files: BTreeMap<String, Vec<File>>,
}

/// A path that a finding tells of.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct File {
    path: Vec<String>,
    change: &'static str,
    /// The anchor of the finding.
    finding: String,
}

impl<'a> Stacks<'a> {
    /// `anchors`: the name of each finding on the page.
    pub(super) fn new(prefix: usize, outcome: &'a Outcome, anchors: &[String]) -> Self {
        let mut stacks = Self { outcome, prefix, leaks: BTreeMap::new(), files: BTreeMap::new() };
        for (finding, anchor) in outcome.findings.iter().zip(anchors) {
            let mut keys: Vec<_> = finding.places.iter().filter_map(|place| stacks.key(place)).collect();
            keys.sort();
            keys.dedup();
            for key in keys {
                *stacks.leaks.entry(key).or_default().entry(finding.severity).or_default() += 1;
            }
            for place in &finding.places {
                stacks.add_file(place, anchor);
            }
        }
        stacks.files.values_mut().for_each(|files| {
            files.sort();
            files.dedup_by(|one, other| one.path == other.path && one.change == other.change);
        });
        stacks
    }

    /// Which image a place belongs to.
    pub(super) fn image_of(&self, place: &Place) -> Option<usize> {
        self.outcome.images.iter().position(|image| {
            place.platform == image.platform
                && place.image.as_ref().is_none_or(|name| image.names.contains(name))
        })
    }

    /// The row of a place.
    pub(super) fn key(&self, place: &Place) -> Option<String> {
        let image = self.image_of(place)?;
        let layer = place.layer.as_ref().and_then(|layer| layer.index);
        Some(match (&place.step, layer) {
            (Some(step), _) => self.step_key(image, step.index),
            (None, Some(layer)) => self.layer_key(image, layer),
            (None, None) => format!("{}-{image}-c", self.prefix),
        })
    }

    /// The row of what hid a place.
    pub(super) fn hiding_key(&self, place: &Place) -> Option<String> {
        let by = place.state_by.as_ref()?;
        Some(self.layer_key(self.image_of(place)?, by.layer))
    }

    fn step_key(&self, image: usize, step: usize) -> String {
        format!("{}-{image}-s{step}", self.prefix)
    }

    fn layer_key(&self, image: usize, layer: usize) -> String {
        match self.outcome.images[image].layers.get(layer).and_then(|layer| layer.step) {
            Some(step) => self.step_key(image, step),
            None => format!("{}-{image}-l{layer}", self.prefix),
        }
    }

    fn add_file(&mut self, place: &Place, anchor: &str) {
        let Some(path) = place.path.as_ref().filter(|_| words::is_in_layer(place.kind)) else { return };
        let components = || path.split('/').filter(|part| !part.is_empty()).map(str::to_owned);
        let mut whole: Vec<_> = components().collect();
        if let Some(last) = whole.last_mut() {
            place.inner.iter().for_each(|member| last.extend(["!/", member]));
        }
        let change = match place.state {
            Some(State::Deleted) => Some("deleted"),
            Some(State::Overwritten) => Some("changed"),
            _ => None,
        };
        let added = self.key(place).map(|key| (key, whole, "added"));
        let hidden =
            self.hiding_key(place).zip(change).map(|(key, change)| (key, components().collect(), change));
        for (key, path, change) in added.into_iter().chain(hidden) {
            let file = File { path, change, finding: anchor.to_owned() };
            self.files.entry(key).or_default().push(file);
        }
    }

    /// All that the page says of an image.
    pub(super) fn image(&self, index: usize) -> Value {
        let image = &self.outcome.images[index];
        let largest = image.layers.iter().filter_map(|layer| layer.size).max().unwrap_or(0);
        let config = format!("{}-{index}-c", self.prefix);
        let on_top = self.leaks.contains_key(&config).then(|| {
            self.row(
                &config,
                json!({ "title": "configuration", "text": "set without a step of the history" }),
            )
        });
        let steps = image.steps.iter().rev().map(|step| self.step(index, step, largest));
        let alone = image.layers.iter().rev().filter(|layer| layer.step.is_none());
        let layers = alone.map(|layer| self.layer(index, layer, largest));
        let rows: Vec<_> = on_top.into_iter().chain(steps).chain(layers).take(ROWS).collect();
        let all = image.steps.len() + image.layers.iter().filter(|layer| layer.step.is_none()).count();
        json!({
            "name": name(image),
            "about": about(image),
            "rows": rows,
            "more_rows": all.saturating_sub(ROWS),
        })
    }

    fn step(&self, image: usize, step: &Step, largest: u64) -> Value {
        let shown = PlaceStep {
            index: step.index,
            instruction: step.instruction.clone(),
            created_by: step.created_by.clone(),
        };
        let layer = step.layer.and_then(|layer| self.outcome.images[image].layers.get(layer));
        let mut row = json!({ "title": format!("step {}", step.index), "text": shown.shown() });
        if let Some(layer) = layer {
            add_layer(&mut row, layer, largest);
        }
        self.row(&self.step_key(image, step.index), row)
    }

    fn layer(&self, image: usize, layer: &Layer, largest: u64) -> Value {
        let mut row = json!({ "title": "no step is known", "text": layer.blob.to_string() });
        add_layer(&mut row, layer, largest);
        self.row(&self.layer_key(image, layer.index), row)
    }

    /// What belongs to the row of that key.
    fn row(&self, key: &str, mut row: Value) -> Value {
        let leaks = self.leaks.get(key).into_iter().flatten().rev();
        let badges: Vec<_> =
            leaks.map(|(severity, count)| json!({ "severity": severity.as_str(), "count": count })).collect();
        let files = self.files.get(key).map_or(&[][..], Vec::as_slice);
        row["key"] = json!(key);
        row["badges"] = json!(badges);
        row["files"] = json!(tree(files));
        row["files_about"] = json!(match files.len().checked_sub(FILES) {
            Some(more @ 1..) =>
                format!("{} that findings tell of, and {more} more", words::count(FILES as u64, "path")),
            _ => format!("{} that findings tell of", words::count(files.len() as u64, "path")),
        });
        row
    }
}

fn add_layer(row: &mut Value, layer: &Layer, largest: u64) {
    row["layer"] = json!(format!("layer {}", layer.index));
    if let Some(size) = layer.size {
        row["size"] = json!(words::bytes(size));
        row["share"] = json!((size.saturating_mul(100) / largest.max(1)).max(1));
    }
}

fn name(image: &Image) -> String {
    match &*image.names {
        [] => image
            .manifest
            .or(image.config)
            .map_or_else(|| "image without a name".to_owned(), |digest| digest.short()),
        names => names[..names.len().min(5)].join(", "),
    }
}

fn about(image: &Image) -> String {
    let size: u64 = image.layers.iter().filter_map(|layer| layer.size).fold(0, u64::saturating_add);
    let mut parts: Vec<_> = image.platform.iter().map(ToString::to_string).collect();
    parts.push(words::count(image.layers.len() as u64, "layer"));
    if size > 0 {
        parts.push(words::bytes(size));
    }
    parts.join(", ")
}

/// Folders and files in the order of a tree, each with its depth. Folders have no change.
fn tree(files: &[File]) -> Vec<Value> {
    let mut lines = Vec::new();
    let mut above: Vec<String> = Vec::new();
    for file in files.iter().take(FILES) {
        let path = shortened(&file.path);
        let (name, folders) = match path.split_last() {
            Some((name, folders)) => (name.clone(), folders),
            None => continue,
        };
        let common = above.iter().zip(folders).take_while(|(one, other)| one == other).count();
        for (depth, folder) in folders.iter().enumerate().skip(common) {
            lines.push(json!({ "depth": depth, "name": format!("{folder}/"), "change": "", "finding": "" }));
        }
        lines.push(json!({
            "depth": folders.len(),
            "name": name,
            "change": file.change,
            "finding": file.finding,
        }));
        above = folders.to_vec();
    }
    lines
}

/// The same path with at most [`DEPTH`] folders.
fn shortened(path: &[String]) -> Vec<String> {
    let Some(more) = path.len().checked_sub(DEPTH + 1).filter(|more| *more > 0) else { return path.to_vec() };
    let (head, rest) = path.split_at(more + 1);
    std::iter::once(head.join("/")).chain(rest.iter().cloned()).collect()
}
