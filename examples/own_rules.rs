//! Looks for tokens of one's own on top of the rules that come with the crate: `cargo run --example own_rules -- app.tar`.
//!
//! A rule is text in the form of `signatures/`, with examples that prove it: see `docs/rules.md`.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use layersift::scan::{Options, Scanner};
use layersift::signature::RuleSet;
use layersift::source::Input;

/// The rules of a house whose tokens are `acme_` and 24 digits.
pub const RULES: &str = r#"
provider = "Acme"
revoke = "https://tokens.acme.example"

[[rule]]
id = "acme-token"
name = "token of Acme"
severity = "high"
pattern = '\b(?<secret>acme_[0-9a-f]{24})\b'
why = "Reads every repository."

[[rule.finds]]
text = 'export ACME_TOKEN=acme_{hex:24}'
secret = 'acme_{hex:24}'

[[rule.finds]]
text = '{ "token": "acme_{hex:24}" }'
secret = 'acme_{hex:24}'

[[rule.ignores]]
text = 'acme_0123'
why = "too short"
"#;

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os().nth(1).map_or_else(|| "testdata/demo/leaky.tar.gz".into(), PathBuf::from);
    for name in found(&path)? {
        println!("{name}");
    }
    Ok(())
}

/// The ids of the rules by which something was found.
pub fn found(path: &Path) -> Result<Vec<String>, Box<dyn Error>> {
    let rules = Arc::new(RuleSet::embedded().extended([("acme.toml", RULES)])?);
    let scanner = Scanner::new(rules, Options::default());
    let outcome = scanner.scan(&Input::Path(path.to_owned()), &())?;
    Ok(outcome.findings.into_iter().map(|finding| finding.rule).collect())
}
