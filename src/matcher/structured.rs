//! Matches the fields of a whole file: its format says which value is the credential, the rules say what of.
//!
//! What a reader of `signature::structure` calls a field is still judged like any other candidate: a placeholder or a
//! reference is no credential. Where an encoding was undone, all rules look at what came out, too.

use std::ops::Range;

use super::judge::{self, Setting};
use super::verify::{Tier, tier};
use super::{Matcher, Style, Surroundings};
use crate::signature::checksum::Fact;
use crate::signature::structure::{self, Field, SETTING, Structure, VALUE, VARIABLE};
use crate::signature::{Confidence, Rule, Shape};

/// A credential in a field of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldHit {
    /// Index into the rule set.
    pub rule: usize,
    /// Where it stands in the file, as the file has it.
    pub range: Range<usize>,
    /// The credential itself.
    pub secret: Vec<u8>,
    /// How sure it is.
    pub confidence: Confidence,
    /// The key that holds it.
    pub key: String,
    /// The encoding that was undone.
    pub decoded: Option<&'static str>,
    /// What its proof tells of it.
    pub facts: Vec<Fact>,
}

impl Matcher {
    /// The formats that a file of this path may be of, if any rule asks for them.
    pub fn structures(&self, path: &[u8]) -> Vec<&'static Structure> {
        let mut rows = structure::wanting(path);
        rows.retain(|row| self.asking.iter().any(|(asked, _)| asked == row));
        rows
    }

    /// The credentials in the fields of a file. `text` is its content from the start, as far as it was kept; at most
    /// `most` are given.
    pub fn fields(&self, path: &[u8], text: &[u8], most: usize) -> Vec<FieldHit> {
        let mut hits = Vec::new();
        let rows = structure::wanting(path);
        for (row, rules) in self.asking.iter().filter(|(row, _)| rows.contains(row) && (row.is)(text)) {
            row.read(text, &mut |field| {
                if hits.len() < most {
                    let asks = |rule: &&usize| self.rules.rules()[**rule].asks(row, field.name);
                    self.field(path, &field, rules.iter().filter(asks), &mut hits);
                }
            });
        }
        hits
    }

    fn field<'r>(
        &self,
        path: &[u8],
        field: &Field<'_>,
        rules: impl Iterator<Item = &'r usize>,
        hits: &mut Vec<FieldHit>,
    ) {
        let mut hit = |rule, range, secret: &[u8], Tier { confidence, facts }| {
            hits.push(FieldHit {
                rule,
                range,
                secret: secret.to_vec(),
                confidence,
                key: field.key.clone(),
                decoded: field.decoded,
                facts,
            });
        };
        for index in rules {
            let rule = &self.rules.rules()[*index];
            let compiled = self.compiled(*index);
            let around = Surroundings { path: Some(path), pair: None };
            let fits = self.guard(*index).fits_path(Some(path)) && compiled.fits_value(&field.value, around);
            if !fits || !is_called(rule, field) {
                continue;
            }
            if let Some(tier) = tier_of(rule, path, field) {
                hit(*index, field.range.clone(), &field.value, tier);
            }
        }
        if field.decoded.is_some() {
            // By all rules, as what its key is set to.
            let name = field.called();
            let pair = [name.as_bytes(), b"=", &field.value].concat();
            let from = name.len() + 1;
            let around = Surroundings { path: Some(path), pair: Some(name.len()) };
            for found in self.scan(&pair, around).into_iter().filter(|found| found.secret.start >= from) {
                let part = found.secret.start - from..found.secret.end - from;
                let tier = Tier { confidence: found.confidence, facts: found.facts };
                hit(found.rule, field.encoded(&part), &field.value[part], tier);
            }
        }
    }
}

/// Whether a value is what the rule is about: where its key says what it is, one of the rule's words stands in the key.
fn is_called(rule: &Rule, field: &Field<'_>) -> bool {
    let Shape::Keyed { words, and, .. } = rule.shape() else { return true };
    if !matches!(field.name, SETTING | VARIABLE | VALUE) {
        return true;
    }
    let name = field.called().to_ascii_lowercase();
    let any = |words: &[String]| words.is_empty() || words.iter().any(|word| name.contains(word.as_str()));
    any(words) && any(and)
}

/// The tier of a field's value, or none if it is no credential.
fn tier_of(rule: &Rule, path: &[u8], field: &Field<'_>) -> Option<Tier> {
    // The end of a name says nothing where the name itself is the format's.
    let told = Setting::of_path(path.strip_suffix(b".txt").unwrap_or(path)) == Setting::Documentation;
    let mut tier = tier(rule, &field.value, Some(&field.value))?;
    if !rule.judged() {
        if told && tier.confidence == Confidence::Likely {
            tier.confidence = Confidence::Review;
        }
        return Some(tier);
    }
    let (setting, named) = match field.name {
        _ if told => (Setting::Documentation, false),
        SETTING => (Setting::Config, false),
        VARIABLE => (Setting::Environment, false),
        _ => (Setting::Environment, true),
    };
    let context = judge::Context { setting, style: Style::Equals, quoted: true, bare: false, literal: true };
    let judged = judge::judge(field.called(), &field.value, &context)?;
    // What a format calls a password is one, where a mere assignment might be about something else.
    if !named {
        tier.confidence = tier.confidence.min(judged.confidence);
    }
    Some(tier)
}
