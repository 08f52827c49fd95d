//! The text of a file, with every rule: what is found lies in it.
#![no_main]

use std::sync::LazyLock;

use layersift::matcher::{Matcher, Surroundings};
use layersift::signature::RuleSet;
use libfuzzer_sys::fuzz_target;

static MATCHER: LazyLock<Matcher> = LazyLock::new(|| Matcher::new(RuleSet::embedded()));

fuzz_target!(|bytes: &[u8]| {
    let around = Surroundings { path: Some(b"srv/app/settings.yaml"), pair: None };
    for hit in MATCHER.scan(bytes, around) {
        assert!(bytes.get(hit.secret).is_some());
    }
});
