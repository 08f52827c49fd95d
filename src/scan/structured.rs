//! Reads files of known formats: the credentials in their fields, with the keys that hold them.

use super::Context;
use super::matching::Match;
use super::sighting::{PartSeen, Sighting, Spot, line_ends, lines_between};
use super::whole::{Reader, Text, Yield};
use crate::image::PlaceKind;
use crate::limits::Limit;
use crate::matcher::{Companion, FieldHit, Mark, NEAR};
use crate::secret::Secret;

/// See the module.
pub(super) const STRUCTURED: Reader = Reader {
    what: "a file of a known format",
    limit: Limit::FormatBytes,
    wants: |context, path| !context.matcher.structures(path).is_empty(),
    read,
};

fn read(context: &Context<'_>, file: &Text<'_>, out: &mut Yield) -> bool {
    let (path, text) = (&file.entry.path, file.bytes);
    let mut hits = context.matcher.fields(path, text, context.limits.get_usize(Limit::Matches));
    hits.sort_by_key(|hit| hit.range.start);
    let mut lines = Lines { text, at: 0, line: 1 };
    out.found.extend(hits.into_iter().map(|hit| found(context, file, hit, &mut lines)));
    context.matcher.structures(path).into_iter().any(|row| (row.is)(text))
}

fn found(context: &Context<'_>, file: &Text<'_>, hit: FieldHit, lines: &mut Lines<'_>) -> Match {
    let text = lines.text;
    let mark = Mark::at(text, &hit.range);
    let line = lines.of(hit.range.start);
    let companions = context.matcher.companions(hit.rule, &hit.range, text, NEAR);
    let part = |companion: Companion| {
        let at = companion.range.start;
        let spot = Spot { kind: PlaceKind::File, offset: at as u64, line: 0, name: None };
        PartSeen::new(&companion, text, spot, lines_between(text, hit.range.start, at))
    };
    let parts = companions.into_iter().map(part).collect();
    let FieldHit { rule, confidence, facts, .. } = hit;
    Match {
        what: Sighting { rule, confidence, secret: Secret::new(hit.secret), facts, parts, owner: None },
        kind: PlaceKind::File,
        entry: Some(std::sync::Arc::clone(file.entry)),
        name: Some(hit.key),
        line: Some(line),
        range: hit.range.start as u64..hit.range.end as u64,
        inside: None,
        decoded: hit.decoded.into_iter().collect(),
        mark,
    }
}

/// Numbers lines of places that never go back.
struct Lines<'t> {
    text: &'t [u8],
    at: usize,
    line: u64,
}

impl Lines<'_> {
    fn of(&mut self, place: usize) -> u64 {
        self.line += line_ends(&self.text[self.at..place]);
        self.at = place;
        self.line
    }
}
