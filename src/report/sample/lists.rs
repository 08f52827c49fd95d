//! What somebody decided of the findings of the samples.

use super::{key_finding, token_finding};
use crate::findings::Finding;
use crate::findings::policy::{Action, Decided, Judgement};
use crate::findings::suppress::{By, Cause, Expired, Gone, StaleLists, Suppressed, Suppression, Unused};

/// A policy of which one rule failed a finding, one let another pass, and one did nothing.
pub(super) fn judgement() -> Judgement {
    let rule = |name: &str, action, findings| Decided {
        name: name.into(),
        at: None,
        action,
        expires: None,
        expired: false,
        findings,
    };
    let failing = rule("no deleted files either", Action::Fail, 1);
    let expired = Decided {
        at: Some("layersift.toml:12".into()),
        expires: "2026-10-31".parse().ok(),
        expired: true,
        ..rule("--own-only", Action::Pass, 0)
    };
    Judgement {
        fails: true,
        rules: vec![
            Decided { at: Some("layersift.toml:7".into()), ..failing },
            expired,
            rule("what no other rule matches", Action::Warn, 1),
        ],
    }
}

/// A finding that a file suppresses, one that others do, and lists that are stale.
pub(super) fn suppression() -> Suppression {
    let cause = |by, at: &str, places: Vec<usize>| Cause {
        by,
        at: at.into(),
        reason: None,
        expires: None,
        places,
        new_places: Vec::new(),
    };
    let day = |day: &str| day.parse().expect("a day");
    let by_file = Cause {
        reason: Some("a key of the tests".into()),
        expires: Some(day("2027-01-31")),
        ..cause(By::IgnoreFile, "../.layersiftignore:7", vec![0, 1])
    };
    let known = Cause { new_places: vec![1], ..cause(By::Baseline, "known.json", vec![1, 2]) };
    let several = vec![cause(By::Inline, "etc/keys/1.der:1", vec![0]), known];
    let of = |finding: &Finding, places: usize| {
        let places = finding.places.iter().take(places).cloned().collect();
        Finding { places, ..finding.clone() }
    };
    Suppression {
        findings: vec![
            Suppressed { finding: of(&token_finding(), 2), partly: true, causes: vec![by_file.clone()] },
            Suppressed { finding: of(&token_finding(), 2), partly: false, causes: vec![by_file] },
            Suppressed { finding: of(&key_finding(), 3), partly: false, causes: several },
        ],
        stale: StaleLists {
            expiring: vec![Expired {
                at: "../.layersiftignore:7".into(),
                reason: "a key of the tests".into(),
                expires: day("2027-01-31"),
                findings: 2,
            }],
            expired: vec![Expired {
                at: "../.layersiftignore:12".into(),
                reason: "until the vendor answers".into(),
                expires: day("2026-10-31"),
                findings: 1,
            }],
            unused: vec![Unused { at: "../.layersiftignore:20".into(), reason: "gone since 2.0".into() }],
            gone: vec![Gone { fingerprint: "0123456789abcdef0123456789abcdef".into(), rule: "jwt".into() }],
        },
    }
}
