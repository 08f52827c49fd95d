//! The program's own rules, as `build.rs` writes them down: files that were read, and patterns whose literals were derived,
//! when the program was built. Doing that at each start would be most of a start. Text and literals are the same as those
//! of the files, which a test compares.

use serde::Deserialize;

use super::file::{Checked, Draft, Entry};
use super::literal::Anchor;

/// The files of the `signatures` folder in JSON, with every bit turned over. As they are, their examples would make this program
/// look like one that leaks, to itself and to every other scanner.
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

/// Every rule as it was written, in the order of the files' names.
///
/// # Panics
/// Never in a build whose tests passed: one of them reads them.
pub(super) fn drafts() -> impl Iterator<Item = Draft> {
    let json = String::from_utf8(RULES.iter().map(|byte| !byte).collect());
    let files: Option<Vec<File>> = json.ok().and_then(|json| serde_json::from_str(&json).ok());
    let files = files.expect("the tests read what was written for them");
    files.into_iter().flat_map(|File { name, provider, revoke, rule }| {
        rule.into_iter().map(move |Compiled { anchor, entry }| Draft {
            file: name.clone(),
            line: 1,
            provider: provider.clone(),
            revoke: revoke.clone(),
            entry,
            checked: Some(Checked { anchor }),
        })
    })
}
