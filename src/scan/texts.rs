//! Searches the documents of an image: every text in them, as what it is.

use super::Context;
use super::documents::Document;
use crate::image::{ArgumentKind, PlaceKind, Text, each_text, parse_step};
use crate::limits::Limit;
use crate::matcher::{Hit, Mark, Matcher, Surroundings, resolve};
use crate::problem::{Problem, ProblemKind};
use crate::secret::Secret;
use crate::signature::Confidence;

/// A credential in a document.
#[derive(Debug, Clone)]
pub(crate) struct TextMatch {
    /// Index into the rule set.
    pub(crate) rule: usize,
    pub(crate) confidence: Confidence,
    pub(crate) secret: Secret,
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
}

/// The credentials of `document`, in its order.
pub(crate) fn search(
    context: &Context<'_>,
    name: &str,
    document: &Document,
    problems: &mut Vec<Problem>,
) -> Vec<TextMatch> {
    let most = context.limits.get_usize(Limit::Matches);
    let mut found = Vec::new();
    let mut sink = |text: Text| {
        if found.len() <= most {
            search_text(context.matcher, &text, &mut found);
        }
    };
    let walked = each_text(document.kind, &document.bytes, &mut sink);
    if let Err(error) = walked {
        let message = format!("{error}; the document was also searched as raw bytes");
        let remedy = "build or push the image again";
        problems.push(Problem::new(ProblemKind::Damaged, name, message, remedy));
        let hits = context.matcher.scan(&document.bytes, Surroundings::default());
        found.extend(hits.iter().map(|hit| of(hit, &document.bytes, PlaceKind::Metadata, None)));
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

/// A build step: its text as a whole, and each argument as the pair of a name and a value that it is.
fn step(matcher: &Matcher, text: &Text, found: &mut Vec<TextMatch>) {
    let bytes = text.text.as_bytes();
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
        let argument = parsed.argument_at(hit.secret.clone());
        let build_arg = argument.is_some_and(|argument| argument.kind == ArgumentKind::BuildArg);
        let kind = if build_arg { PlaceKind::BuildArg } else { PlaceKind::History };
        let name = argument.map(|argument| argument.name.clone()).filter(|name| !name.is_empty());
        found.push(of(&hit, bytes, kind, name.or_else(|| text.name.clone())));
    }
}

fn of(hit: &Hit, text: &[u8], kind: PlaceKind, name: Option<String>) -> TextMatch {
    let line = memchr::memchr_iter(b'\n', &text[..hit.secret.start]).count();
    TextMatch {
        rule: hit.rule,
        confidence: hit.confidence,
        secret: Secret::new(&text[hit.secret.clone()]),
        kind,
        name,
        step: None,
        offset: hit.secret.start as u64,
        line: line as u64 + 1,
        mark: takes_marks(kind).then(|| Mark::at(text, &hit.secret)).flatten(),
    }
}

/// Whether a text of this kind is written in lines with comments: build steps, commands, and the Dockerfile in an
/// attestation.
fn takes_marks(kind: PlaceKind) -> bool {
    use PlaceKind::{Attestation, BuildArg, Cmd, Entrypoint, Healthcheck, History, Onbuild};
    matches!(kind, History | BuildArg | Cmd | Entrypoint | Healthcheck | Onbuild | Attestation)
}
