//! A corpus that nobody has to label: tokens of every rule in every context, and near misses of them.
//!
//! What is right is known because it was made here. Recall is the share of tokens that are found as they stand there, an
//! alarm is a finding in a near miss. The tests hold both to floors with one token a rule; the full run, with more of them
//! and with tables, is
//!
//! ```sh
//! cargo test --release --test it corpus -- --ignored --nocapture
//! LAYERSIFT_CORPUS=flickr cargo test --test it corpus -- --ignored --nocapture     # rules of that name, text by text
//! ```

mod context;
mod name;
mod near;
mod tally;
mod token;

use std::collections::BTreeSet;

use layersift::content::encoding;
use layersift::matcher::{Matcher, Surroundings};
use layersift::signature::template::expand_find;
use layersift::signature::{Confidence, Rule, RuleSet, Shape};
use serde_json::Value;

use self::context::{CONTEXTS, Context, For, Form};
use self::name::Name;
use self::near::{NEAR_MISSES, Source};
use self::tally::{Found, Tally};
use self::token::{Kind, Mint};
use crate::support::compression::Compression;
use crate::support::formats::named;
use crate::support::image::ImageBuilder;
use crate::support::layer::LayerBuilder;
use crate::support::scanner::scanner;

/// In a quick run each rule is tried in one of so many contexts, another rule in others.
const FEW: usize = 6;

/// Tokens of each rule in a full run.
const MANY: u64 = 6;

#[test]
fn recall_and_alarms_keep_their_floors() {
    let tally = corpus(0..1, FEW);
    eprintln!("{}", tally.summary());
    for (kind, least) in [(Kind::Distinctive, 98.0), (Kind::Keyed, 85.0), (Kind::Generic, 85.0)] {
        assert!(tally.recall(kind) >= least, "recall of {}:\n{}", kind.name(), tally.tables());
    }
    assert!(tally.alarms() <= 1.0, "{}", tally.tables());
}

/// One rule in so many goes through an image.
const SAMPLE: usize = 41;

#[test]
fn a_scan_of_an_image_finds_what_the_matcher_finds() {
    let matcher = Matcher::new(RuleSet::embedded());
    let (mut layer, mut expected) = (LayerBuilder::new(), Vec::new());
    for rule in matcher.rules().rules().iter().step_by(SAMPLE).filter(|rule| Kind::of(rule) != Kind::Place) {
        let (name, token) = (name_of(rule, 0), Mint::new(rule).token(0));
        // What a file with a certificate is depends on the keys beside it, which the matcher does not see.
        if token.contains('\n') {
            continue;
        }
        for context in CONTEXTS.iter().filter(|context| stands_in(rule, &name, context)) {
            let Some(text) = context.fill(&name, &token) else { continue };
            let found = Found::new(rule, &token, &hits(&matcher, &text, context.form, context.path));
            let path = format!("c/{}/{}/{}", rule.id(), expected.len(), context.path);
            layer = layer.file(&path, text);
            expected.push((path, matches!(found, Found::Own | Found::Other)));
        }
    }
    let image = ImageBuilder::new().layer(|_| layer);
    let archive = (named("oci-archive").write)(&[image], Compression::Gzip).tar();
    let report = scanner().stdin(archive).report();
    let places = |finding: &Value| finding["places"].as_array().unwrap().clone();
    let paths: BTreeSet<String> = report
        .findings()
        .iter()
        .flat_map(places)
        .filter_map(|place| Some(place["path"].as_str()?.to_owned()))
        .collect();
    let differ = |(path, found): &&(String, bool)| *found && !paths.contains(path);
    let missing: Vec<_> = expected.iter().filter(differ).collect();
    assert!(expected.len() > 500 && missing.is_empty(), "{missing:#?}");
}

#[test]
#[ignore = "takes minutes, and shows tables: see the module"]
fn tables_of_a_full_run() {
    eprintln!("{}", corpus(0..MANY, 1).tables());
}

/// Everything, on all processors.
fn corpus(seeds: std::ops::Range<u64>, sparse: usize) -> Tally {
    let matcher = Matcher::new(RuleSet::embedded());
    let only = std::env::var("LAYERSIFT_CORPUS").ok();
    let wanted = |rule: &&Rule| only.as_ref().is_none_or(|part| rule.id().contains(part.as_str()));
    let rules: Vec<&Rule> = matcher.rules().rules().iter().filter(wanted).collect();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let work = |turn: usize| {
        let mut tally = Tally::new(only.is_some());
        for (number, rule) in rules.iter().enumerate().skip(turn).step_by(threads) {
            let chosen = |index: usize| (index + number).is_multiple_of(sparse);
            seeds.clone().for_each(|seed| one(&Trial { matcher: &matcher, rule, seed }, &chosen, &mut tally));
        }
        tally
    };
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|turn| scope.spawn(move || work(turn))).collect();
        running
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .reduce(Tally::and)
            .unwrap_or_else(|| Tally::new(false))
    })
}

/// A rule to be tried.
struct Trial<'t> {
    matcher: &'t Matcher,
    rule: &'t Rule,
    seed: u64,
}

/// One token of one rule in the chosen contexts, and its near misses.
fn one(trial: &Trial<'_>, chosen: &dyn Fn(usize) -> bool, tally: &mut Tally) {
    let Trial { matcher, rule, seed } = *trial;
    if Kind::of(rule) == Kind::Place {
        return examples(matcher, rule, seed, tally);
    }
    let mint = Mint::new(rule);
    let (name, token) = (name_of(rule, seed), mint.token(seed));
    for (_, context) in CONTEXTS.iter().enumerate().filter(|(index, _)| chosen(*index)) {
        if !stands_in(rule, &name, context) {
            continue;
        }
        let Some(text) = context.fill(&name, &token) else { continue };
        let hits = hits(matcher, &text, context.form, context.path);
        tally.recall_of(rule, context.name, Found::new(rule, &token, &hits), &text);
    }
    let source = Source { rule, mint: &mint, token: &token, seed };
    for (index, near) in NEAR_MISSES.iter().enumerate() {
        let Some(text) = near.of(&source) else { continue };
        let miss = Miss { kind: near.name, text: &text, drawn: near.drawn, name: &name };
        alarms(trial, &miss, &|context| chosen(index + context), tally);
    }
    if Kind::of(rule) == Kind::Keyed {
        let name = &Name::neutral();
        let miss = Miss { kind: "without the provider's word", text: &token, drawn: true, name };
        alarms(trial, &miss, chosen, tally);
    }
}

/// The files in which near misses stand.
const NEAR_CONTEXTS: &[&str] = &["env", "JSON", "Python", "YAML"];

/// A near miss to be written beside a name.
struct Miss<'m> {
    kind: &'static str,
    text: &'m str,
    /// Whether its letters are drawn: then a finding by a name that says secret is right.
    drawn: bool,
    name: &'m Name,
}

fn alarms(trial: &Trial<'_>, miss: &Miss<'_>, chosen: &dyn Fn(usize) -> bool, tally: &mut Tally) {
    let Trial { matcher, rule, .. } = *trial;
    let contexts = CONTEXTS.iter().filter(|context| NEAR_CONTEXTS.contains(&context.name));
    for (_, context) in contexts.enumerate().filter(|(index, _)| chosen(*index)) {
        let Some(text) = context.fill(miss.name, miss.text) else { continue };
        let hits = hits(matcher, &text, context.form, context.path);
        let wrong =
            |hit: &&Hit<'_>| hit.confidence >= Confidence::Likely && !(miss.drawn && judged(hit.rule));
        let wrong = hits.iter().find(wrong).map(|hit| hit.rule);
        tally.alarm_of(rule, miss.kind, wrong, &text);
    }
}

fn judged(rule: &Rule) -> bool {
    Kind::of(rule) == Kind::Generic
}

/// A rule of a place with its own examples, drawn anew.
fn examples(matcher: &Matcher, rule: &Rule, seed: u64, tally: &mut Tally) {
    const FORMS: &[(&str, Form)] = &[
        ("example", Form::Plain),
        ("example in CRLF", Form::Crlf),
        ("example in UTF-16 LE", Form::Utf16 { big: false }),
        ("example in UTF-16 BE", Form::Utf16 { big: true }),
    ];
    // Fields of known formats are read from whole files: their own tests and the cases show that.
    let by_field = matches!(rule.shape(), Shape::Fields) || !rule.asked().is_empty();
    for (number, find) in rule.finds().iter().enumerate().filter(|_| !by_field) {
        let (text, expanded) = expand_find(find, &format!("{}/{number}/{seed}", rule.id()));
        let token = &expanded[0];
        for (name, form) in FORMS {
            let token = if *form == Form::Crlf { token.replace('\n', "\r\n") } else { token.clone() };
            let text = context::encode(format!("first line\n{text}\nlast line\n"), *form);
            let hits = hits(matcher, &text, *form, find.path.as_deref().unwrap_or("app/file"));
            tally.recall_of(rule, name, Found::new(rule, &token, &hits), &text);
        }
    }
}

fn name_of(rule: &Rule, seed: u64) -> Name {
    match rule.shape() {
        Shape::Pattern(_) | Shape::Fields => Name::neutral(),
        Shape::Keyed { words, and, .. } => {
            let word = &words[usize::try_from(seed).unwrap() % words.len()];
            if judged(rule) { Name::generic(word) } else { Name::keyed(word, and) }
        }
    }
}

fn stands_in(rule: &Rule, name: &Name, context: &Context) -> bool {
    let kind = Kind::of(rule);
    match context.wanted {
        For::All => true,
        For::Tokens => kind == Kind::Distinctive,
        For::Keyed => kind == Kind::Keyed && name.is_split(),
    }
}

/// A finding: whose, of what, how sure.
struct Hit<'m> {
    rule: &'m Rule,
    secret: Vec<u8>,
    confidence: Confidence,
}

fn hits<'m>(matcher: &'m Matcher, text: &[u8], form: Form, path: &str) -> Vec<Hit<'m>> {
    let around = Surroundings { path: Some(path.as_bytes()), pair: None };
    let texts = match form {
        Form::Utf16 { .. } => encoding::runs(text).into_iter().map(|run| run.text).collect(),
        _ => vec![text.to_vec()],
    };
    let mut all = Vec::new();
    for text in texts {
        all.extend(matcher.scan(&text, around).into_iter().map(|hit| Hit {
            rule: matcher.rule(&hit),
            secret: text[hit.secret].to_vec(),
            confidence: hit.confidence,
        }));
    }
    all
}
