//! Whether the rules find their examples the way a scan meets them: cut by the border of two chunks, at the place that is
//! worst for them, and in UTF-16 of both byte orders.
//!
//! `matcher::check` tries the examples as texts; here they run through the very code that matches a chunk of a layer.

use std::sync::Arc;

use rayon::prelude::*;

use super::chunk::{Chunk, KEPT, LEFT};
use super::matching::{Match, matches};
use crate::limits::{Limit, Limits};
use crate::matcher::{Checked, Complaint, Matcher, resolve};
use crate::signature::template::expand_find;
use crate::signature::{Find, Rule, RuleSet};
use crate::stream::header::Kind;
use crate::stream::{Entry, Segment, SegmentKind};

/// Checks `rules`: what their examples yield as texts, and if that is right, as files of a layer. Where a user's rules stand
/// on top of those of the program, only theirs go through a layer.
pub fn check(rules: &Arc<RuleSet>) -> Checked {
    let mut checked = crate::matcher::check(rules);
    if checked.wrong.is_empty() {
        checked.wrong = in_layers(rules);
    }
    checked
}

/// What is wrong with the rules' examples as files of a layer.
fn in_layers(rules: &Arc<RuleSet>) -> Vec<Complaint> {
    let matcher = Matcher::new(Arc::clone(rules));
    let users = rules.rules().iter().any(|rule| !rule.is_embedded());
    let own = |(_, rule): &(usize, &Rule)| !users || !rule.is_embedded();
    let numbered: Vec<(usize, &Rule)> = rules.rules().iter().enumerate().filter(own).collect();
    let told = numbered.par_iter().flat_map_iter(|(index, rule)| examples(&matcher, *index, rule));
    let mut complaints: Vec<Complaint> = told.collect();
    complaints.sort();
    complaints
}

fn examples(matcher: &Matcher, index: usize, rule: &Rule) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for (number, find) in rule.finds().iter().enumerate() {
        let (text, expanded) = expand_find(find, &format!("{}/{number}", rule.id()));
        let example = Example { matcher, index, path: path(find), secret: &expanded[0] };
        if let Err(form) = example.try_all(&text) {
            let message = format!("finds {}, {}: it is not found {form}", number + 1, find.text);
            complaints.push(Complaint { rule: rule.id().into(), message, rival: None });
        }
    }
    complaints
}

/// A file without a name is a blob of the image, whose texts are judged alike.
fn path(find: &Find) -> &[u8] {
    find.path.as_deref().unwrap_or("file").as_bytes()
}

/// One credential that its rule has to find.
struct Example<'e> {
    matcher: &'e Matcher,
    index: usize,
    path: &'e [u8],
    secret: &'e str,
}

/// Borders of two chunks that are tried within one example, evenly spread: over all examples they come to stand at every place
/// of a credential and beside it. Without optimisation each takes some thirty times as long.
const BORDERS: usize = if cfg!(debug_assertions) { 3 } else { 12 };

impl Example<'_> {
    fn try_all(&self, text: &str) -> Result<(), &'static str> {
        // A field of a known format is read from the whole file, which no border cuts.
        let fields = self.matcher.fields(self.path, text.as_bytes(), usize::MAX);
        if fields.iter().any(|hit| hit.rule == self.index && hit.secret == self.secret.as_bytes()) {
            return Ok(());
        }
        for (form, big) in [("in UTF-16, low byte first", false), ("in UTF-16, high byte first", true)] {
            let wide = utf16(text, big);
            self.found_in(&[whole(&wide, self.path)]).then_some(()).ok_or(form)?;
            let found = self.across_borders(&wide, 2 * BORDERS / 3);
            found.then_some(()).ok_or("across the border of two chunks in UTF-16")?;
        }
        self.across_borders(text.as_bytes(), BORDERS)
            .then_some(())
            .ok_or("across the border of two chunks")?;
        // With so much around it, a chunk ends and begins where it does in a large file.
        let far = |length: usize| "-\n".repeat(length / 2);
        let padded = format!("{}{text}\n{}", far(KEPT + 64), far(LEFT + 64));
        let at = padded.find(self.secret).unwrap_or(0);
        let borders = [at + self.secret.len() / 2, at, at + self.secret.len()];
        let found = borders
            .iter()
            .take(BORDERS.div_ceil(3))
            .all(|at| self.found_in(&cut(padded.as_bytes(), *at, self.path)));
        found.then_some(()).ok_or("across the border of two large chunks")
    }

    fn across_borders(&self, bytes: &[u8], borders: usize) -> bool {
        let step = (bytes.len() / borders).max(1);
        (step.div_ceil(2)..bytes.len()).step_by(step).all(|at| self.found_in(&cut(bytes, at, self.path)))
    }

    /// Whether the rule has the credential, once the matches of all chunks are brought together.
    fn found_in(&self, chunks: &[Chunk]) -> bool {
        let limits = Limits::default().with(Limit::Matches, u64::MAX);
        let found: Vec<Match> =
            chunks.iter().flat_map(|chunk| matches(self.matcher, chunk, &limits).found).collect();
        let own = |found: &Match| {
            found.what.rule == self.index && found.what.secret.expose() == self.secret.as_bytes()
        };
        resolve(found, self.matcher.rules()).iter().any(own)
    }
}

fn utf16(text: &str, big: bool) -> Vec<u8> {
    text.encode_utf16().flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
}

/// A file in one chunk.
fn whole(bytes: &[u8], path: &[u8]) -> Chunk {
    let entry = Entry { path: path.to_vec(), ordinal: 0, kind: Kind::File, link: Vec::new() };
    Chunk {
        bytes: bytes.to_vec(),
        owned: 0..bytes.len(),
        segments: vec![Segment {
            start: 0,
            end: bytes.len() as u64,
            kind: SegmentKind::Content,
            entry: Some(Arc::new(entry)),
        }],
        ..Chunk::default()
    }
}

/// A file in two chunks, of which the first answers for the bytes before `at`: what a `Chunker` makes of it.
fn cut(bytes: &[u8], at: usize, path: &[u8]) -> [Chunk; 2] {
    let (mut first, mut second) = (whole(bytes, path), whole(bytes, path));
    first.bytes.truncate(at + LEFT);
    first.owned = 0..at;
    let base = at.saturating_sub(KEPT);
    second.bytes.drain(..base);
    second.base = base as u64;
    second.owned = at - base..bytes.len() - base;
    [first, second]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::Walked;

    use super::super::chunk::Chunker;

    const CHUNK: usize = 1 << 20;

    #[test]
    fn a_cut_file_has_the_windows_of_a_real_one() {
        let bytes: Vec<u8> = (0..251).cycle().take(CHUNK + 777).collect();
        let filled = Chunker::of(CHUNK).fill(&mut &bytes[..], Vec::new(), &mut |_, _: &mut Walked| {});
        let real = filled.chunk;
        let [first, second] = cut(&bytes, real.owned.end, b"a");
        assert_eq!(first.owned, real.owned);
        assert!(first.bytes == real.bytes, "{} and {} bytes", first.bytes.len(), real.bytes.len());
        assert_eq!(second.owned.start, KEPT);
    }

    #[test]
    fn every_embedded_rule_finds_its_examples_in_a_layer() {
        let complaints: Vec<String> =
            in_layers(&RuleSet::embedded()).iter().map(ToString::to_string).collect();
        assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
    }

    #[test]
    fn a_rule_that_needs_more_than_a_chunk_keeps_is_told() {
        let matcher = Matcher::new(RuleSet::embedded());
        let index = matcher.rules().rules().iter().position(|rule| rule.id() == "github-pat").unwrap();
        let example = Example { matcher: &matcher, index, path: b"a", secret: "nothing of the kind" };
        assert!(example.try_all("an ordinary text without a credential").is_err());
    }
}
