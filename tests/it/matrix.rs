//! One token in every container and every encoding, and in those again, up to four deep: found, and where it is shown.
//!
//! `tests/support/pack.py` packs them with the writers that people use. Run it with `--nocapture` to see the table.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::compression::Compression;
use crate::support::formats::named;
use crate::support::image::ImageBuilder;
use crate::support::noise::Noise;
use crate::support::root;
use crate::support::scanner::scanner;
use layersift::signature::template::expand;

/// What a form of `pack.py` takes and gives.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Of {
    Text,
    Bytes,
}

/// A form: its name, what it takes, what it gives, and how the report shows it: `/` for a member, or what was undone.
struct Form(&'static str, Of, Of, &'static str);

const FORMS: &[Form] = &[
    Form("zip", Of::Bytes, Of::Bytes, "/"),
    Form("zip-stored", Of::Bytes, Of::Bytes, "/"),
    Form("tar", Of::Bytes, Of::Bytes, "/"),
    Form("gzip", Of::Bytes, Of::Bytes, "gzip"),
    Form("bzip2", Of::Bytes, Of::Bytes, "bzip2"),
    Form("xz", Of::Bytes, Of::Bytes, "xz"),
    Form("zstd", Of::Bytes, Of::Bytes, "zstd"),
    Form("lz4", Of::Bytes, Of::Bytes, "lz4"),
    Form("ar", Of::Bytes, Of::Bytes, "/"),
    Form("cpio", Of::Bytes, Of::Bytes, "/"),
    Form("7z", Of::Bytes, Of::Bytes, "/"),
    Form("cab", Of::Bytes, Of::Bytes, "/"),
    Form("squashfs", Of::Bytes, Of::Bytes, "/"),
    Form("lzip", Of::Bytes, Of::Bytes, "lzip"),
    Form("sqlite", Of::Bytes, Of::Bytes, "?"),
    Form("base64", Of::Bytes, Of::Text, "base64"),
    Form("base64-url", Of::Bytes, Of::Text, "base64"),
    Form("base64-lines", Of::Bytes, Of::Text, "base64"),
    Form("hex", Of::Bytes, Of::Text, "hex"),
    Form("url", Of::Text, Of::Text, "?"),
    Form("json", Of::Text, Of::Text, "?"),
    Form("quoted-printable", Of::Text, Of::Text, "?"),
    Form("utf-16le", Of::Text, Of::Bytes, "utf-16le"),
    Form("utf-16be", Of::Text, Of::Bytes, "utf-16be"),
    Form("utf-32le", Of::Text, Of::Bytes, "utf-32le"),
];

/// Forms on top of each other, the innermost first.
type Chain = Vec<&'static Form>;

/// Every chain of one and of two forms, and so many of each greater depth.
fn chains(deep: usize) -> Vec<Chain> {
    let fits = |chain: &Chain, form: &Form| {
        let inner = chain.last().map_or(Of::Text, |form| form.2);
        // Quoted-printable breaks lines, and so do what is in it and what is escaped in lines.
        let lines = form.0 == "quoted-printable" && !chain.is_empty()
            || form.0 == "url" && chain.last().is_some_and(|last| last.0 == "base64-lines");
        !lines
            && (form.1 == Of::Bytes || inner == Of::Text)
            && chain.last().is_none_or(|last| last.0 != form.0)
    };
    let longer = |chains: &[Chain]| -> Vec<Chain> {
        let with = |chain: &Chain| {
            let fitting = FORMS.iter().filter(|form| fits(chain, form));
            fitting.map(|form| chain.iter().copied().chain([form]).collect()).collect::<Vec<_>>()
        };
        chains.iter().flat_map(with).collect()
    };
    let one = longer(&[Vec::new()]);
    let two = longer(&one);
    let mut all = [one, two.clone()].concat();
    let mut last = two;
    let mut noise = Noise::new("chains");
    for _ in 3..=4 {
        let next = longer(&last);
        let mut pick =
            || noise.by_ref().take(4).fold(0, |sum, byte| sum << 8 | usize::from(byte)) % next.len();
        last = (0..deep).map(|_| next[pick()].clone()).collect();
        all.extend(last.clone());
    }
    all
}

/// How a report shows a chain: members and encodings, outermost first.
fn shown(chain: &Chain) -> Option<(Vec<&'static str>, Vec<&'static str>)> {
    let (mut inner, mut decoded) = (Vec::new(), Vec::new());
    for (depth, form) in chain.iter().enumerate().rev() {
        let around = chain.get(depth + 1).map(|form| form.3);
        match form.3 {
            "?" => return None,
            "/" => inner.push("inner.txt"),
            // In digits the order of the bytes cannot be told, and the first is taken.
            "utf-16be" if matches!(around, Some("base64" | "hex")) => decoded.push("utf-16le"),
            encoding => decoded.push(encoding),
        }
    }
    Some((inner, decoded))
}

fn pack(items: &[(String, String, &Chain)]) {
    let mut child = Command::new("python3")
        .arg(root().join("tests/support/pack.py"))
        .stdin(Stdio::piped())
        .spawn()
        .expect("python3 runs; tests/install.sh installs what is missing");
    let mut stdin = child.stdin.take().unwrap();
    for (file, text, chain) in items {
        let chain: Vec<_> = chain.iter().map(|form| form.0).collect();
        writeln!(stdin, "{}", json!({"file": file, "text": text, "chain": chain})).unwrap();
    }
    drop(stdin);
    assert!(
        child.wait().unwrap().success(),
        "pack.py failed: run tests/install.sh to get zstd, lz4, cpio, 7z, gcab, mksquashfs and lzip"
    );
}

#[test]
fn a_token_is_found_in_every_container_and_encoding() {
    let chains = chains(150);
    let folder = tempfile::tempdir().unwrap();
    let name = |chain: &Chain| chain.iter().rev().map(|form| form.0).collect::<Vec<_>>().join("/");
    let token = |index: usize| expand("ghp_{base62:30}{github-crc32}", &format!("matrix {index}"));
    let file = |index: usize| folder.path().join(index.to_string()).to_str().unwrap().to_owned();
    let text =
        |index: usize| format!("# the token of the deployment\nexport GITHUB_TOKEN=\"{}\"\n", token(index));
    let items: Vec<_> =
        chains.iter().enumerate().map(|(index, chain)| (file(index), text(index), chain)).collect();
    pack(&items);
    let add_all = |mut layer: crate::support::layer::LayerBuilder| {
        for index in 0..chains.len() {
            layer = layer.file(format!("{index}/packed"), fs::read(file(index)).unwrap());
        }
        layer
    };
    let image = ImageBuilder::new().step("COPY . / # buildkit", add_all);
    let archive = (named("oci-archive").write)(&[image], Compression::Plain).tar();
    let report = scanner().stdin(archive).report();
    let places: BTreeMap<&str, &Vec<Value>> = report.json["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| (finding["secret"].as_str().unwrap(), finding["places"].as_array().unwrap()))
        .collect();
    let mut wrong = Vec::new();
    for (index, chain) in chains.iter().enumerate() {
        let Some(places) = places.get(token(index).as_str()) else {
            wrong.push(format!("{}: not found", name(chain)));
            continue;
        };
        let place = &places[0];
        println!("{}: {} {}", name(chain), place["inner"], place["decoded"]);
        let seen = json!([place["path"], place["inner"], place["decoded"], places.len()]);
        let known =
            shown(chain).map(|(inner, decoded)| json!([format!("{index}/packed"), inner, decoded, 1]));
        if known.is_some_and(|known| known != seen) {
            wrong.push(format!("{}: shown as {seen}", name(chain)));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), chains.len(), wrong.join("\n"));
    let gaps: Vec<_> = report.problems().iter().filter(|problem| problem["gap"] == true).collect();
    assert!(gaps.is_empty(), "{gaps:#?}");
}
