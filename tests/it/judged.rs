//! How well names and values are judged: generic secrets and their look-alikes, as files of one image.
//!
//! `testdata/judged` holds lists of both. A line `=== context path` opens a sample, the file of that path; with ` each`
//! behind it, every line is a sample by itself. In the lists of secrets `⟦kinds⟧` stands for a secret: each kind of value
//! (`tests/support/human.rs`) makes a sample of its own. `{hex:40}` and its like are filled in as in rules. The lists
//! that are held out were written in another hand, and are never looked at while the judge is worked on.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use layersift::signature::template::expand;
use serde_json::Value;

use crate::support::compression::Compression;
use crate::support::formats::named;
use crate::support::human;
use crate::support::image::ImageBuilder;
use crate::support::root;
use crate::support::scanner::scanner;

/// One file of the image.
struct Sample {
    context: String,
    path: String,
    text: String,
    /// Kind and value of each secret in it.
    secrets: Vec<(String, String)>,
}

#[test]
fn generic_secrets_are_found() {
    for (list, least) in [("secrets", 0.93), ("secrets-more", 0.87), ("secrets-held-out", 0.85)] {
        let figures = secrets(list);
        assert!(figures.share() >= least, "{}", figures.table(list));
    }
}

#[test]
fn look_alikes_are_left_alone() {
    for (list, most) in [("ignores", 0.01), ("ignores-held-out", 0.015)] {
        let figures = look_alikes(list, &samples(list));
        assert!(figures.share() <= most, "{}", figures.table(list));
    }
}

#[test]
fn placeholders_are_left_alone_wherever_they_stand() {
    let figures = look_alikes("placeholders", &placeholders());
    assert!(figures.share() <= 0.01, "{}", figures.table("placeholders"));
}

/// Each placeholder of the list in each of its places.
fn placeholders() -> Vec<Sample> {
    let text = fs::read_to_string(root().join("testdata/judged/placeholders.txt")).unwrap();
    let (places, values) = text.split_once("\n\n").unwrap();
    let places: Vec<&str> = places.lines().filter(|line| !line.starts_with('#')).collect();
    assert!(places.len() >= 10);
    let values: Vec<&str> = values.lines().filter(|line| !line.starts_with('#')).collect();
    let mut samples = Vec::new();
    for value in values {
        for place in &places {
            let (path, line) = place.split_once(' ').unwrap();
            let name = format!("{:04}/{path}", samples.len());
            let text = expand(&line.replace("⟦⟧", value), &name) + "\n";
            samples.push(Sample { context: path.to_owned(), path: name, text, secrets: Vec::new() });
        }
    }
    samples
}

/// The samples of a list.
fn samples(list: &str) -> Vec<Sample> {
    let text = fs::read_to_string(root().join(format!("testdata/judged/{list}.txt"))).unwrap();
    let mut samples = Vec::new();
    for block in text.split("\n=== ").skip(1) {
        let (head, body) = block.split_once('\n').unwrap();
        let (context, path) = head.split_once(' ').unwrap();
        match path.strip_suffix(" each") {
            Some(path) => {
                body.lines().for_each(|line| fill(context, path, &format!("{line}\n"), &mut samples));
            }
            None => fill(context, path, &format!("{}\n", body.trim_end()), &mut samples),
        }
    }
    samples
}

/// The samples of one template: as many as the mark with most kinds has.
fn fill(context: &str, path: &str, body: &str, samples: &mut Vec<Sample>) {
    let marks: Vec<(&str, bool)> = body
        .split('⟦')
        .skip(1)
        .zip(body.split('⟦'))
        .map(|(mark, before)| (mark.split_once('⟧').unwrap().0, before.ends_with(['"', '\''])))
        .collect();
    let kinds: Vec<Vec<&str>> = marks
        .iter()
        .map(|(mark, quoted)| mark.split(',').flat_map(|set| human::kinds(set, *quoted)).collect())
        .collect();
    for turn in 0..kinds.iter().map(Vec::len).max().unwrap_or(1) {
        let path = format!("{:04}/{path}", samples.len());
        let mut pieces = body.split('⟦');
        let mut text = expand(pieces.next().unwrap(), &path);
        let mut secrets = Vec::new();
        for (at, piece) in pieces.enumerate() {
            let kind = kinds[at][turn % kinds[at].len()];
            let value = human::value(kind, &format!("{path}/{at}"));
            let _ = write!(text, "{value}{}", piece.split_once('⟧').unwrap().1);
            if turn < kinds[at].len() {
                secrets.push((kind.to_owned(), value));
            }
        }
        samples.push(Sample { context: context.to_owned(), path, text, secrets });
    }
}

/// What a scan said of each file: the credentials that it shows by default, and the others.
fn scan(samples: &[Sample]) -> BTreeMap<String, Vec<(String, bool)>> {
    let image = ImageBuilder::new().layer(|layer| {
        samples.iter().fold(layer, |layer, sample| layer.file(sample.path.as_bytes(), &sample.text))
    });
    let bundle = (named("docker-25").write)(&[image], Compression::Plain);
    let report = scanner().args(["--min-confidence", "example"]).stdin(bundle.tar()).report();
    let mut found = BTreeMap::<String, Vec<(String, bool)>>::new();
    for finding in report.findings() {
        let shown = matches!(finding["confidence"].as_str(), Some("likely" | "confirmed"));
        let secret = finding["secret"].as_str().unwrap();
        for place in finding["places"].as_array().unwrap() {
            let path = place["path"].as_str().or_else(|| place["file"].as_str()).unwrap_or_default();
            found
                .entry(path.trim_start_matches('/').to_owned())
                .or_default()
                .push((format!("{secret}\t{}", Value::as_str(&finding["rule"]).unwrap()), shown));
        }
    }
    found
}

/// Counts by name, and what has to be looked at.
#[derive(Default)]
struct Figures {
    by_context: BTreeMap<String, (usize, usize)>,
    by_kind: BTreeMap<String, (usize, usize)>,
    listed: String,
}

impl Figures {
    fn count(&mut self, context: &str, kind: &str, hit: bool) {
        for (table, name) in [(&mut self.by_context, context), (&mut self.by_kind, kind)] {
            let row = table.entry(name.to_owned()).or_default();
            row.0 += usize::from(hit);
            row.1 += 1;
        }
    }

    #[allow(clippy::cast_precision_loss, reason = "thousands")]
    fn share(&self) -> f64 {
        let sum = |pick: fn(&(usize, usize)) -> usize| self.by_context.values().map(pick).sum::<usize>();
        sum(|row| row.0) as f64 / sum(|row| row.1) as f64
    }

    fn table(&self, name: &str) -> String {
        let all: usize = self.by_context.values().map(|row| row.1).sum();
        let mut out = format!("{name}: {:.1} % of {all}\n", 100.0 * self.share());
        if name.ends_with("held-out") {
            return out;
        }
        for table in [&self.by_context, &self.by_kind] {
            for (name, (hits, all)) in table {
                let _ = write!(out, "{name} {hits}/{all}  ");
            }
            out.push('\n');
        }
        out + &self.listed
    }
}

/// Which secrets of a list are shown by default.
fn secrets(list: &str) -> Figures {
    let samples = samples(list);
    let found = scan(&samples);
    let mut figures = Figures::default();
    for sample in &samples {
        let none = Vec::new();
        let findings = found.get(&sample.path).unwrap_or(&none);
        for (kind, value) in &sample.secrets {
            let is = |(text, shown): &&(String, bool)| *shown && text.split('\t').next() == Some(value);
            let hit = findings.iter().any(|finding| is(&finding));
            figures.count(&sample.context, kind, hit);
            if !hit {
                let line = sample.text.lines().find(|line| line.contains(value)).unwrap_or(&sample.text);
                let _ = writeln!(figures.listed, "MISS {} {kind} | {line} | {findings:?}", sample.path);
            }
        }
    }
    println!("{}", figures.table(list));
    figures
}

/// How many samples without a secret raise an alarm.
fn look_alikes(list: &str, samples: &[Sample]) -> Figures {
    let found = scan(samples);
    let mut figures = Figures::default();
    for sample in samples {
        let shown: Vec<&String> = found
            .get(&sample.path)
            .into_iter()
            .flatten()
            .filter(|finding| finding.1)
            .map(|finding| &finding.0)
            .collect();
        figures.count(&sample.context, list, !shown.is_empty());
        if !shown.is_empty() {
            let _ =
                writeln!(figures.listed, "ALARM {} | {} | {shown:?}", sample.path, sample.text.trim_end());
        }
    }
    println!("{}", figures.table(list));
    figures
}
