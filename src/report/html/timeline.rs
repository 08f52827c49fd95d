//! The life of a credential in an image: put in at a step, perhaps deleted at another, and still there at the end.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::stack::Stacks;
use crate::findings::{Finding, Outcome, Place, State};
use crate::image::PlaceKind;
use crate::report::words;

/// Events that are told of one credential.
const EVENTS: usize = 12;
/// Steps that are drawn as ticks.
const TICKS: usize = 80;
/// The line is drawn from here to there.
const LEFT: usize = 10;
const RIGHT: usize = 590;

/// One event.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Event {
    step: Option<usize>,
    layer: Option<usize>,
    class: &'static str,
    text: String,
    code: Option<String>,
}

/// What happened, first things first, and how it ends.
pub(super) fn events(finding: &Finding) -> Vec<Value> {
    let mut events = BTreeSet::new();
    let mut ends = BTreeSet::new();
    for place in &finding.places {
        events.insert(entered(place));
        events.extend(left(place));
        ends.insert(end(place));
    }
    let more = events.len().saturating_sub(EVENTS);
    let told = events.into_iter().take(EVENTS).map(|event| {
        let Event { class, text, code, .. } = event;
        json!({ "class": class, "text": text, "code": code })
    });
    let more = (more > 0).then(|| json!({ "class": "", "text": format!("and {more} more") }));
    let ends = ends.into_iter().map(|text| json!({ "class": "end", "text": text }));
    told.chain(more).chain(ends).collect()
}

fn entered(place: &Place) -> Event {
    let step = place.step.as_ref();
    let layer = place.layer.as_ref().and_then(|layer| layer.index);
    let by = match (step, layer) {
        (Some(step), Some(layer)) => format!(" at step {} (layer {layer})", step.index),
        (Some(step), None) => format!(" at step {}", step.index),
        (None, Some(layer)) => format!(" in layer {layer}"),
        (None, None) => String::new(),
    };
    let how = match place.kind {
        kind if words::is_in_layer(kind) => "added",
        PlaceKind::BuildArg => "given as a build argument",
        PlaceKind::History => "written into the history",
        _ => "set",
    };
    Event {
        step: step.map(|step| step.index),
        layer,
        class: "",
        text: format!("{} {how}{by}", words::place(place)),
        code: step.map(crate::findings::PlaceStep::shown),
    }
}

fn left(place: &Place) -> Option<Event> {
    let by = place.state_by.as_ref()?;
    let state = place.state.filter(|state| *state != State::Visible)?;
    let at = by.step.as_ref().map_or_else(String::new, |step| format!(" at step {}", step.index));
    Some(Event {
        step: by.step.as_ref().map(|step| step.index),
        layer: Some(by.layer),
        class: "gone",
        text: format!("{} {}{at} (layer {})", words::path(place), state.as_str(), by.layer),
        code: by.step.as_ref().map(crate::findings::PlaceStep::shown),
    })
}

fn end(place: &Place) -> String {
    match (place.state, place.kind) {
        (Some(State::Visible), _) => "still visible in every container of the image".to_owned(),
        (Some(_), _) => {
            let layer = place.layer.as_ref().and_then(|layer| layer.index);
            let of = layer.map_or_else(|| "its layer".to_owned(), |layer| format!("layer {layer}"));
            format!("still extractable: {of} keeps it, whatever later layers do")
        }
        (None, PlaceKind::Env) => {
            "in the environment of every container, and in the configuration".to_owned()
        }
        (None, PlaceKind::BuildArg | PlaceKind::History) => {
            "still in the history, which everybody reads who can pull the image".to_owned()
        }
        (None, kind) if words::is_in_layer(kind) => "still in the bytes of the layer".to_owned(),
        (None, _) => "in the documents of the image, which everybody reads who can pull it".to_owned(),
    }
}

/// The same as a line over the steps of the image that the first place belongs to.
pub(super) fn track(finding: &Finding, outcome: &Outcome, stacks: &Stacks<'_>) -> Option<Value> {
    let image =
        finding.places.iter().find_map(|place| stacks.image_of(place).filter(|_| place.step.is_some()))?;
    let steps = outcome.images[image].steps.len();
    let x = |step: usize| LEFT + (RIGHT - LEFT) * step.min(steps) / steps.max(1);
    let (mut spans, mut dots, mut said) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for place in finding.places.iter().filter(|place| stacks.image_of(place) == Some(image)) {
        let Some(start) = place.step.as_ref().map(|step| step.index) else { continue };
        dots.insert((x(start), "dot"));
        said.insert((start, "put in"));
        let gone = place.state_by.as_ref().and_then(|by| by.step.as_ref()).map(|step| step.index);
        match (place.state, gone) {
            (Some(State::Deleted | State::Overwritten), Some(gone)) => {
                spans.extend([(x(start), x(gone), "seen"), (x(gone), RIGHT, "hidden")]);
                dots.insert((x(gone), "gone"));
                said.insert((gone, "deleted"));
            }
            (Some(State::Visible), _) => drop(spans.insert((x(start), RIGHT, "seen"))),
            (None, _) if place.kind == PlaceKind::Env => drop(spans.insert((x(start), RIGHT, "seen"))),
            _ => drop(spans.insert((x(start), RIGHT, "hidden"))),
        }
    }
    let said: Vec<_> =
        said.iter().take(EVENTS).map(|(step, what)| format!("{what} at step {step}")).collect();
    let ticks: Vec<_> = if steps <= TICKS { (0..=steps).map(x).collect() } else { Vec::new() };
    let spans =
        spans.iter().take(EVENTS).map(|(from, to, class)| json!({ "from": from, "to": to, "class": class }));
    let dots = dots.iter().take(2 * EVENTS).map(|(x, class)| json!({ "x": x, "class": class }));
    Some(json!({
        "label": format!("{}; still in the image after {steps} steps", said.join(", ")),
        "ticks": ticks,
        "spans": spans.collect::<Vec<_>>(),
        "dots": dots.collect::<Vec<_>>(),
    }))
}
