//! The join: what became of files in the layers above, and one finding for each credential.
//!
//! It reads no byte of a layer, so its time is counted in entries and in matches.

use std::collections::BTreeMap;

use divan::Bencher;
use divan::counter::ItemsCount;
use layersift::findings::{Query, State, fates};
use layersift::matcher::{Hit, Matcher, Surroundings, resolve};
use layersift::signature::RuleSet;
use layersift::signature::template::expand;
use layersift::source::Input;
use layersift::stream::PathIndex;
use layersift::stream::header::{Kind, Member};

use crate::image::scanner;
use crate::support::archive::{Form, Image, Tar};

const ENTRIES: usize = 1_000_000;
const LAYERS: usize = 4;
const QUERIES: usize = 1_000;
const SAMPLES: u32 = 10;

fn member(path: String, kind: Kind, link: &str) -> Member {
    let (path, link) = (path.into_bytes(), link.as_bytes().to_vec());
    Member { path, kind, size: 0, link, records: BTreeMap::new(), long: false }
}

fn path(number: usize) -> String {
    format!("usr/lib/node_modules/package{}/dist/file{number}.js", number / 40)
}

/// Every entry's path, hashed and kept: what each layer leaves for the join.
#[divan::bench(sample_count = SAMPLES, sample_size = 1)]
fn index(bencher: Bencher<'_, '_>) {
    let members: Vec<Member> =
        (0..ENTRIES / LAYERS).map(|number| member(path(number), Kind::File, "")).collect();
    bencher.counter(ItemsCount::new(members.len())).bench(|| {
        let mut index = PathIndex::default();
        assert!(members.iter().all(|member| index.add(member, usize::MAX)));
        assert_eq!(index.len(), members.len() as u64);
        index
    });
}

/// A million entries in four layers: the topmost deletes the first half of the files that are asked for.
#[divan::bench(sample_count = SAMPLES, sample_size = 1)]
fn visibility(bencher: Bencher<'_, '_>) {
    let mut layers: Vec<PathIndex> = (0..LAYERS).map(|_| PathIndex::default()).collect();
    for number in 0..ENTRIES - QUERIES / 2 {
        layers[number % LAYERS].add(&member(path(number), Kind::File, ""), usize::MAX);
    }
    for number in 0..QUERIES / 2 {
        let (folder, name) = path(number * LAYERS)
            .rsplit_once('/')
            .map(|(f, n)| (f.to_owned(), n.to_owned()))
            .expect("the path has folders");
        layers[LAYERS - 1].add(&member(format!("{folder}/.wh.{name}"), Kind::File, ""), usize::MAX);
    }
    let layers: Vec<Option<&PathIndex>> = layers.iter().map(Some).collect();
    let query = |number| Query {
        layer: 0,
        path: path(number * LAYERS).into_bytes(),
        keys: None,
        ordinal: number as u64,
    };
    let queries: Vec<Query> = (0..QUERIES).map(query).collect();
    bencher.counter(ItemsCount::new(ENTRIES)).bench(|| {
        let fates = fates(&layers, &queries);
        let deleted = fates.iter().filter(|fate| fate[0].state == State::Deleted).count();
        assert_eq!((fates.len(), deleted), (QUERIES, QUERIES / 2));
    });
}

/// Hard links give content further names, and each name is looked for in all of them.
#[divan::bench(args = [1_000, 10_000, 100_000], sample_count = SAMPLES, sample_size = 1)]
fn visibility_of_links(bencher: Bencher<'_, '_>, links: usize) {
    const ASKED: usize = 100;
    let mut layer = PathIndex::default();
    for number in 0..ASKED {
        layer.add(&member(path(number), Kind::File, ""), usize::MAX);
    }
    for number in 0..links {
        let target = path(number % (2 * ASKED));
        layer.add(&member(format!("opt/link{number}"), Kind::Hardlink, &target), usize::MAX);
    }
    let query =
        |number| Query { layer: 0, path: path(number).into_bytes(), keys: None, ordinal: number as u64 };
    let queries: Vec<Query> = (0..ASKED).map(query).collect();
    let names = (1 + links / (2 * ASKED)).min(64);
    bencher.counter(ItemsCount::new(links)).bench(|| {
        let fates = fates(&[Some(&layer)], &queries);
        assert!(fates.iter().all(|fate| fate.len() >= names));
    });
}

/// Hits of several rules in one text: the most specific one stays.
#[divan::bench(args = [1_000, 20_000], sample_count = SAMPLES, sample_size = 1)]
fn resolve_hits(bencher: Bencher<'_, '_>, count: usize) {
    let rules = RuleSet::embedded();
    let matcher = Matcher::new(rules.clone());
    let hits: Vec<Hit> = matcher.scan(tokens(count).as_bytes(), Surroundings::default());
    assert_eq!(hits.len(), count);
    bencher.counter(ItemsCount::new(2 * count)).bench(|| {
        let twice = [&hits[..], &hits[..]].concat();
        assert_eq!(resolve(twice, &rules).len(), count);
    });
}

/// A small image that is nothing but credentials, each in two layers: grouping, places and states of all of them.
#[divan::bench(args = [1_000, 10_000], sample_count = SAMPLES, sample_size = 1)]
fn group(bencher: Bencher<'_, '_>, count: usize) {
    let layers: Vec<Vec<u8>> = (0..2)
        .map(|layer| {
            let mut tar = Tar::new();
            tar.file(&format!("srv/tokens{layer}"), tokens(count).as_bytes());
            tar.finish()
        })
        .collect();
    let image = Image::of(&layers, count, Form::Plain);
    let scanner = scanner(1);
    bencher.counter(ItemsCount::new(2 * count)).bench(|| {
        let outcome = scanner.scan(&Input::Path(image.path.clone()), &()).expect("it is an image");
        assert_eq!(outcome.findings.len(), count);
        assert!(outcome.findings.iter().all(|finding| finding.places.len() == 2));
    });
}

pub(crate) fn tokens(count: usize) -> String {
    let token = |number| expand("GITHUB_TOKEN=ghp_{base62:30}{github-crc32}\n", &format!("join {number}"));
    (0..count).map(token).collect()
}
