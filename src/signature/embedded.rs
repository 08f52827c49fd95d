//! The program's own rules, as `build.rs` writes them down: files that were read, and patterns whose literals were derived,
//! when the program was built. Doing that at each start would be most of a start. Text and literals are the same as those
//! of the files, which a test compares.

use serde::Deserialize;

use super::file::{Checked, Draft, Entry, Parsed};
use super::literal::Anchor;

/// The files of the `signatures` folder in JSON, a line each, with every bit turned over. As they are, their examples would make
/// this program look like one that leaks, to itself and to every other scanner.
pub(super) const RULES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/signatures"));

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    provider: Option<String>,
    revoke: Option<String>,
    #[serde(default)]
    rule: Vec<Compiled>,
}

#[derive(Deserialize)]
struct Compiled {
    anchor: Option<Anchor>,
    entry: Entry,
}

/// The files, still turned over, in the order of their names.
pub(super) fn files() -> Vec<&'static [u8]> {
    RULES.split(|byte| *byte == !b'\n').collect()
}

/// What one of [`files()`] says.
///
/// # Panics
/// Never in a build whose tests passed: one of them reads them.
pub(super) fn parse(file: &[u8]) -> Parsed {
    let json: Vec<u8> = file.iter().map(|byte| !byte).collect();
    let File { name, provider, revoke, rule } =
        serde_json::from_slice(&json).expect("the tests read what was written for them");
    let draft = |Compiled { anchor, entry }| Draft {
        file: name.clone(),
        line: 1,
        provider: provider.clone(),
        revoke: revoke.clone(),
        entry,
        checked: Some(Checked { anchor }),
    };
    Parsed { drafts: rule.into_iter().map(draft).collect(), disable: Vec::new(), allow: Vec::new() }
}
