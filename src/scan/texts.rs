//! Searches the documents of an image: every text in them, as what it is.

use std::ops::Range;

use super::Context;
use super::beside::Beside;
use super::documents::Document;
use super::encoded::{Bounds, Over, Trail, each_decoded};
use super::sighting::{PartSeen, Seen, Sighting, Spot, join, line_ends, lines_between};
use crate::content::encoding::Text as Encoded;
use crate::image::{ArgumentKind, ParsedStep, PlaceKind, Text, each_text, parse_step};
use crate::limits::Limit;
use crate::matcher::{Claim, Hit, Mark, Matcher, NEAR, Surroundings, resolve};
use crate::problem::{Problem, ProblemKind};
use crate::secret::Secret;
use crate::signature::Confidence;

/// A credential in a document.
#[derive(Debug, Clone)]
pub(crate) struct TextMatch {
    pub(crate) what: Sighting,
    pub(crate) kind: PlaceKind,
    /// What it is the value of.
    pub(crate) name: Option<String>,
    /// Position of the history entry.
    pub(crate) step: Option<usize>,
    /// Bytes before it in its text.
    pub(crate) offset: u64,
    /// Line in its text, 1 = the first.
    pub(crate) line: u64,
    /// What stands beside it to have it ignored.
    pub(crate) mark: Option<Mark>,
    /// Encodings that were undone, outermost first.
    pub(crate) decoded: Vec<&'static str>,
    /// Where it stands among the texts beside it: see [`Beside`].
    pub(super) at: Range<u64>,
}

impl Claim for TextMatch {
    fn rule(&self) -> usize {
        self.what.rule
    }

    fn range(&self) -> Range<u64> {
        self.at.clone()
    }

    fn confidence(&self) -> Confidence {
        self.what.confidence
    }

    fn raise(&mut self, confidence: Confidence) {
        self.what.confidence = confidence;
    }
}

impl Seen for TextMatch {
    fn what(&self) -> &Sighting {
        &self.what
    }

    fn what_mut(&mut self) -> &mut Sighting {
        &mut self.what
    }

    fn spot(&self) -> Spot {
        Spot { kind: self.kind, offset: self.offset, line: self.line, name: self.name.clone() }
    }
}

/// The credentials of `document`, in its order.
pub(crate) fn search(
    context: &Context<'_>,
    name: &str,
    document: &Document,
    problems: &mut Vec<Problem>,
) -> Vec<TextMatch> {
    let most = context.limits.get_usize(Limit::Matches);
    let (mut found, mut over) = (Vec::new(), None);
    let mut beside = Beside::new(context.matcher);
    let mut sink = |text: Text| {
        if found.len() > most {
            return;
        }
        let start = beside.take(&text, &mut found);
        let first = found.len();
        search_text(context.matcher, &text, &mut found);
        over = over.or(search_decoded(context, &text, first, &mut found));
        if text.kind == PlaceKind::History {
            beside.pass(&found);
        } else {
            found[first..]
                .iter_mut()
                .for_each(|found| found.at = found.at.start + start..found.at.end + start);
        }
    };
    let walked = each_text(document.kind, &document.bytes, &mut sink);
    beside.finish(&mut found);
    if let Err(error) = walked {
        let message = format!("{error}; the document was also searched as raw bytes");
        let remedy = "build or push the image again";
        problems.push(Problem::new(ProblemKind::Damaged, name, message, remedy));
        let hits = context.matcher.scan(&document.bytes, Surroundings::default());
        found.extend(hits.iter().map(|hit| of(hit, &document.bytes, PlaceKind::Metadata, None)));
    }
    if let Some(over) = over {
        problems.push(Problem::new(ProblemKind::Limit, name, over.message(), over.remedy()));
    }
    if found.len() > most {
        let message = format!("more than {most} matches; the others were dropped");
        problems.push(Problem::new(ProblemKind::Limit, name, message, Limit::Matches.remedy()));
        found.truncate(most);
    }
    found
}

fn search_text(matcher: &Matcher, text: &Text, found: &mut Vec<TextMatch>) {
    let bytes = text.text.as_bytes();
    let first = found.len();
    match &text.name {
        // A value is judged by its name too; the name stands in front, as in `NAME=value`.
        Some(name) if text.kind != PlaceKind::History => {
            let pair = [name.as_bytes(), b"=", bytes].concat();
            let around = Surroundings { path: None, pair: Some(name.len()) };
            let value = name.len() + 1;
            let hits = matcher.scan(&pair, around);
            found.extend(hits.iter().filter(|hit| hit.secret.start >= value).map(|hit| {
                let hit = Hit { secret: hit.secret.start - value..hit.secret.end - value, ..hit.clone() };
                of(&hit, bytes, text.kind, text.name.clone())
            }));
        }
        _ if text.kind == PlaceKind::History => step(matcher, text, found),
        _ => {
            let hits = matcher.scan(bytes, Surroundings::default());
            found.extend(hits.iter().map(|hit| of(hit, bytes, text.kind, text.name.clone())));
        }
    }
    found[first..].iter_mut().for_each(|found| found.step = text.step);
}

/// Adds what stands encoded in `text` to what was found in it, which begins at `first`: one match for each credential.
fn search_decoded(
    context: &Context<'_>,
    text: &Text,
    first: usize,
    found: &mut Vec<TextMatch>,
) -> Option<Over> {
    let (bytes, matcher) = (text.text.as_bytes(), context.matcher);
    let mut decoded = Vec::new();
    let most = context.limits.get_usize(Limit::Matches);
    let bounds = Bounds::new(context.limits, bytes.len());
    let over = each_decoded(&Encoded::whole(bytes), bounds, &mut |trail| {
        for hit in matcher.scan(trail.text(), Surroundings::default()) {
            if decoded.len() < most {
                decoded.push(of_decoded(&hit, trail, text));
            }
        }
    });
    if !decoded.is_empty() {
        let plain = found.split_off(first);
        found.extend(resolve(plain.into_iter().chain(decoded).collect(), matcher.rules()));
    }
    over
}

/// A match in what stands encoded in `text`.
fn of_decoded(hit: &Hit, trail: &Trail<'_>, text: &Text) -> TextMatch {
    let place = trail.place(&hit.secret);
    let (kind, name) = if text.kind == PlaceKind::History {
        argument_at(&parse_step(&text.text), place.clone())
    } else {
        (text.kind, None)
    };
    let plain = Hit { secret: place, ..hit.clone() };
    let found = of(&plain, text.text.as_bytes(), kind, name.or_else(|| text.name.clone()));
    let secret = Secret::new(&trail.text()[hit.secret.clone()]);
    TextMatch { what: Sighting::new(hit, secret), decoded: trail.names(), step: text.step, ..found }
}

/// A build step: its text as a whole, and each argument as the pair of a name and a value that it is.
fn step(matcher: &Matcher, text: &Text, found: &mut Vec<TextMatch>) {
    let (bytes, first) = (text.text.as_bytes(), found.len());
    let parsed = parse_step(&text.text);
    let mut hits = matcher.scan(bytes, Surroundings::default());
    for argument in parsed.arguments.iter().filter(|argument| !argument.name.is_empty()) {
        let value = argument.value.clone();
        let pair = [argument.name.as_bytes(), b"=", &bytes[value.clone()]].concat();
        let around = Surroundings { path: None, pair: Some(argument.name.len()) };
        let from = argument.name.len() + 1;
        hits.extend(matcher.scan(&pair, around).into_iter().filter(|hit| hit.secret.start >= from).map(
            |hit| {
                let secret = hit.secret.start - from + value.start..hit.secret.end - from + value.start;
                Hit { secret, key: None, ..hit }
            },
        ));
    }
    for hit in resolve(hits, matcher.rules()) {
        let (kind, name) = argument_at(&parsed, hit.secret.clone());
        found.push(of(&hit, bytes, kind, name.or_else(|| text.name.clone())));
    }
    for found in &mut found[first..] {
        companions(matcher, bytes, &parsed, found);
    }
    join(&mut found[first..], matcher.rules(), NEAR as u64);
}

/// Adds the parts that patterns find in the step beside `found`.
fn companions(matcher: &Matcher, bytes: &[u8], parsed: &ParsedStep, found: &mut TextMatch) {
    let offset = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
    let secret = offset(found.at.start)..offset(found.at.end);
    for companion in matcher.companions(found.what.rule, &secret, bytes, NEAR) {
        let (kind, name) = argument_at(parsed, companion.range.clone());
        let at = companion.range.start;
        let spot = Spot { kind, offset: at as u64, line: 0, name };
        found.what.parts.push(PartSeen::new(&companion, bytes, spot, lines_between(bytes, secret.start, at)));
    }
}

/// What a text in a step is, and the name of the argument that it stands in.
fn argument_at(parsed: &ParsedStep, range: Range<usize>) -> (PlaceKind, Option<String>) {
    let argument = parsed.argument_at(range);
    let build_arg = argument.is_some_and(|argument| argument.kind == ArgumentKind::BuildArg);
    let kind = if build_arg { PlaceKind::BuildArg } else { PlaceKind::History };
    (kind, argument.map(|argument| argument.name.clone()).filter(|name| !name.is_empty()))
}

/// The line of a byte, 1 = the first.
fn line(text: &[u8], at: usize) -> u64 {
    line_ends(&text[..at]) + 1
}

fn of(hit: &Hit, text: &[u8], kind: PlaceKind, name: Option<String>) -> TextMatch {
    TextMatch {
        what: Sighting::new(hit, Secret::new(&text[hit.secret.clone()])),
        kind,
        name,
        step: None,
        offset: hit.secret.start as u64,
        line: line(text, hit.secret.start),
        at: hit.secret.start as u64..hit.secret.end as u64,
        decoded: Vec::new(),
        mark: takes_marks(kind).then(|| Mark::at(text, &hit.secret)).flatten(),
    }
}

/// Whether a text of this kind is written in lines with comments: build steps, commands, and the Dockerfile in an
/// attestation.
fn takes_marks(kind: PlaceKind) -> bool {
    use PlaceKind::{Attestation, BuildArg, Cmd, Entrypoint, Healthcheck, History, Onbuild};
    matches!(kind, History | BuildArg | Cmd | Entrypoint | Healthcheck | Onbuild | Attestation)
}
