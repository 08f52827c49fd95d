//! Outcomes made by hand, for the tests of all formats.

mod lists;

use self::lists::{judgement, suppression};
use super::{ReportOptions, Source};
use crate::digest::Digest;
use crate::findings::policy::{Action, Verdict};
use crate::findings::suppress::Known;
use crate::findings::{
    Coverage, Finding, Ledger, Origin, Outcome, Part, PartValue, Place, PlaceLayer, PlaceStep, Skipped,
    State, StateBy,
};
use crate::image::{Base, BaseFrom, BlobRef, Dockerfile, Image, Layer, PlaceKind, Platform, Step};
use crate::problem::{Problem, ProblemKind};
use crate::secret::{FingerprintKey, Secret};
use crate::signature::checksum::Fact;
use crate::signature::{Confidence, Severity};

/// The shape of a token, and none that was ever issued.
pub(super) fn token() -> String {
    ["ghp", "_", &"A1b2".repeat(9)].concat()
}

/// What the image of the samples was built from.
pub(super) const DOCKERFILE: &str = "\
# comment
FROM debian

ENV GITHUB_TOKEN=\\
made-up
COPY .env \\
    # in between
    /app/
RUN rm -f /app/.env
";

/// Options with that Dockerfile.
pub(super) fn with_dockerfile() -> ReportOptions {
    let dockerfile = Dockerfile::parse(DOCKERFILE).expect("a Dockerfile");
    let source = Source { path: "Dockerfile".into(), dockerfile };
    ReportOptions { dockerfile: Some(source), ..ReportOptions::default() }
}

/// Nothing found, nothing left out.
pub(super) fn clean() -> Outcome {
    Outcome {
        source: "app.tar".into(),
        format: "docker-archive".into(),
        images: vec![image()],
        coverage: Coverage { blobs: vec![layer_ledger(), config_ledger()] },
        ..Outcome::default()
    }
}

/// Every field of every type has a value somewhere, and every optional one also none.
pub(super) fn full() -> Outcome {
    let mut outcome = clean();
    outcome.images.push(nameless_image());
    outcome.findings = vec![token_finding(), key_finding()];
    outcome.hidden = 3;
    outcome.hidden_shipped = 1;
    outcome.suppression = suppression();
    outcome.judgement = Some(judgement());
    outcome.problems = vec![gap(), note()];
    let mut damaged = layer_ledger();
    damaged.blob = "blobs/sha256/damaged".into();
    damaged.verified = false;
    damaged.diff_id = None;
    damaged.skipped = vec![
        Skipped { bytes: Some(5_000), reason: "the archive ends here".into() },
        Skipped { bytes: None, reason: "encrypted".into() },
    ];
    outcome.coverage.blobs.push(damaged);
    outcome
}

/// An image whose texts try to drive a terminal and to be mistaken for the report's own.
pub(super) fn hostile() -> Outcome {
    saying("\u{1b}]0;owned\u{7}\u{9b}2J\r\nclean: everything\u{202e}\u{2028}\u{200b}\u{e0041}")
}

/// An image in which everything is called `evil`.
pub(super) fn saying(evil: &str) -> Outcome {
    let mut outcome = full();
    outcome.source = evil.into();
    outcome.format = evil.into();
    for image in &mut outcome.images {
        image.names = vec![evil.into()];
        image.steps.iter_mut().for_each(|step| step.created_by = evil.into());
    }
    for finding in &mut outcome.findings {
        finding.name = evil.into();
        finding.secret = Secret::new(evil);
        finding.fix = vec![evil.into()];
        finding.facts = vec![Fact { name: "comment".into(), value: evil.into() }];
        for part in &mut finding.parts {
            part.value = PartValue::Text(evil.into());
        }
        for place in &mut finding.places {
            place.path = Some(evil.into());
            place.name = Some(evil.into());
            place.inner = vec![evil.into()];
            place.image = Some(evil.into());
            place.shipped_by = Some(evil.into());
            let steps = [place.step.as_mut(), place.state_by.as_mut().and_then(|by| by.step.as_mut())];
            for step in steps.into_iter().flatten() {
                step.instruction = evil.into();
                step.created_by = evil.into();
            }
        }
    }
    for suppressed in &mut outcome.suppression.findings {
        suppressed.finding = outcome.findings[0].clone();
        suppressed.causes.truncate(1);
        suppressed.causes[0].at = evil.into();
        suppressed.causes[0].reason = Some(evil.into());
    }
    let stale = &mut outcome.suppression.stale;
    for expired in &mut stale.expired {
        (expired.at, expired.reason) = (evil.into(), evil.into());
    }
    for unused in &mut stale.unused {
        (unused.at, unused.reason) = (evil.into(), evil.into());
    }
    for gone in &mut stale.gone {
        gone.rule = evil.into();
    }
    for problem in &mut outcome.problems {
        problem.place = evil.into();
        problem.message = evil.into();
    }
    for blob in &mut outcome.coverage.blobs {
        blob.blob = evil.into();
        blob.form = evil.into();
    }
    outcome
}

/// Something that was not looked at.
pub(super) fn gap() -> Problem {
    Problem::new(
        ProblemKind::Damaged,
        "blobs/sha256/damaged",
        "the archive ends in the middle of a blob",
        "save the image again",
    )
}

/// Something that leaves nothing unseen.
pub(super) fn note() -> Problem {
    Problem::new(
        ProblemKind::Note,
        "app:1.0",
        "the history names more layers than the image has",
        "none of the steps is attributed",
    )
}

fn platform(variant: Option<&str>) -> Platform {
    Platform {
        os: "linux".into(),
        architecture: if variant.is_some() { "arm" } else { "amd64" }.into(),
        variant: variant.map(Into::into),
    }
}

fn image() -> Image {
    let step = |index, instruction: &str, created_by: &str, layer: Option<usize>| Step {
        index,
        instruction: instruction.into(),
        created_by: created_by.into(),
        empty_layer: layer.is_none(),
        layer,
    };
    Image {
        names: vec!["app:1.0".into()],
        platform: Some(platform(None)),
        manifest: Some(Digest::of(b"manifest")),
        config: Some(Digest::of(b"config")),
        created: Some("2026-10-01T08:00:00Z".into()),
        layers: vec![layer(0, Some(1)), layer(1, Some(2))],
        steps: vec![
            step(0, "ENV", "ENV GITHUB_TOKEN=[redacted ghp_A1…A1b2 (40 bytes)]", None),
            step(1, "COPY", "COPY .env /app/ # buildkit", Some(0)),
            step(2, "RUN", "RUN /bin/sh -c rm -f /app/.env # buildkit", Some(1)),
        ],
        base: Some(Base {
            name: Some("debian:12".into()),
            digest: Some(Digest::of(b"base")),
            layers: Some(1),
            steps: Some(2),
            from: BaseFrom::Given,
        }),
    }
}

fn nameless_image() -> Image {
    Image {
        platform: Some(platform(Some("v7"))),
        layers: vec![Layer {
            index: 0,
            blob: BlobRef::Path("0a1b/layer.tar".into()),
            digest: None,
            diff_id: None,
            size: None,
            media_type: None,
            urls: Vec::new(),
            step: None,
        }],
        ..Image::default()
    }
}

fn layer(index: usize, step: Option<usize>) -> Layer {
    let digest = Digest::of(&[u8::try_from(index).expect("few layers")]);
    Layer {
        index,
        blob: BlobRef::Digest(digest),
        digest: Some(digest),
        diff_id: Some(Digest::of(b"diff")),
        size: Some(3_250_000),
        media_type: Some("application/vnd.oci.image.layer.v1.tar+gzip".into()),
        urls: Vec::new(),
        step,
    }
}

fn layer_ledger() -> Ledger {
    Ledger {
        blob: "blobs/sha256/layer".into(),
        digest: Some(Digest::of(b"layer")),
        diff_id: Some(Digest::of(b"diff")),
        role: "layer".into(),
        form: "tar+gzip".into(),
        verified: true,
        stored_bytes: 3_250_000,
        plain_bytes: 9_500_000,
        entries: 1_234,
        matched_bytes: 9_500_000,
        skipped: Vec::new(),
    }
}

fn config_ledger() -> Ledger {
    Ledger {
        blob: "blobs/sha256/config".into(),
        role: "config".into(),
        form: "json".into(),
        verified: true,
        stored_bytes: 2_000,
        plain_bytes: 2_000,
        matched_bytes: 2_000,
        ..Ledger::default()
    }
}

fn token_finding() -> Finding {
    let secret = Secret::new(token());
    Finding {
        id: "0123456789ab".into(),
        rule: "github-pat".into(),
        provider: "GitHub".into(),
        name: "GitHub personal access token (classic)".into(),
        severity: Severity::Critical,
        confidence: Confidence::Confirmed,
        fingerprint: secret.fingerprint(&FingerprintKey::default()),
        secret,
        facts: vec![],
        parts: vec![
            Part {
                name: "app id".into(),
                rule: None,
                value: PartValue::Text("123456".into()),
                places: vec![env_place()],
            },
            Part {
                name: "key".into(),
                rule: Some("private-key".into()),
                value: PartValue::Secret(Secret::new("made-up-key")),
                places: vec![Place { shipped_by: Some("dpkg made-up".into()), ..file_place() }],
            },
        ],
        why: "Acts as the user on every repository that the token's scopes allow.".into(),
        revoke: Some("https://github.com/settings/tokens".into()),
        fix: vec!["Revoke it now: https://github.com/settings/tokens".into(), "Rebuild.".into()],
        places: vec![env_place(), file_place()],
        known: Some(Known {
            by: "known.json".into(),
            first_seen: "2026-10-01".parse().ok(),
            reason: Some("waits for the vendor".into()),
        }),
        verdict: Some(Verdict {
            action: Action::Fail,
            rule: "no deleted files either".into(),
            at: Some("layersift.toml:7".into()),
            places: vec![1],
        }),
    }
}

/// A key whose bytes are no UTF-8 and that stands in many files.
fn key_finding() -> Finding {
    let secret = Secret::new([0xff; 48]);
    let place = |number: u64| Place {
        path: Some(format!("etc/keys/{number}.der")),
        line: None,
        offset: Some(number),
        layer: Some(PlaceLayer { index: None, digest: None, diff_id: None }),
        state: None,
        state_by: None,
        mark: None,
        shipped_by: Some("dpkg libabc1".into()),
        step: None,
        platform: None,
        image: None,
        inner: Vec::new(),
        decoded: Vec::new(),
        ..file_place()
    };
    Finding {
        id: "ba9876543210".into(),
        rule: "private-key".into(),
        provider: "Private keys".into(),
        name: "Private key".into(),
        severity: Severity::Medium,
        confidence: Confidence::Review,
        fingerprint: secret.fingerprint(&FingerprintKey::default()),
        secret,
        facts: vec![fact("type", "RSA"), fact("bits", "2048"), fact("comment", "root@build")],
        parts: vec![],
        why: "Proves its owner's identity.".into(),
        revoke: None,
        fix: vec!["Make a new key pair.".into()],
        places: (1..=9).map(place).collect(),
        known: None,
        verdict: Some(Verdict {
            action: Action::Warn,
            rule: "what no other rule matches".into(),
            at: None,
            places: vec![0],
        }),
    }
}

fn fact(name: &'static str, value: &str) -> Fact {
    Fact::new(name, value).expect("it says something")
}

fn env_place() -> Place {
    Place {
        kind: PlaceKind::Env,
        image: Some("app:1.0".into()),
        platform: Some(platform(None)),
        layer: None,
        step: Some(PlaceStep {
            index: 0,
            instruction: "ENV".into(),
            created_by: "ENV GITHUB_TOKEN=[redacted ghp_A1…A1b2 (40 bytes)]".into(),
        }),
        path: None,
        inner: Vec::new(),
        name: Some("GITHUB_TOKEN".into()),
        line: None,
        offset: None,
        decoded: Vec::new(),
        state: None,
        state_by: None,
        mark: None,
        shipped_by: None,
        origin: Some(Origin::Base),
    }
}

fn file_place() -> Place {
    Place {
        kind: PlaceKind::File,
        layer: Some(PlaceLayer {
            index: Some(0),
            digest: Some(Digest::of(&[0])),
            diff_id: Some(Digest::of(b"diff")),
        }),
        step: Some(PlaceStep {
            index: 1,
            instruction: "COPY".into(),
            created_by: "COPY .env /app/ # buildkit".into(),
        }),
        path: Some("app/backup.tar".into()),
        inner: vec![".env".into()],
        name: None,
        line: Some(3),
        offset: Some(57),
        decoded: vec!["utf-16le".into()],
        state: Some(State::Deleted),
        state_by: Some(StateBy {
            layer: 1,
            step: Some(PlaceStep {
                index: 2,
                instruction: "RUN".into(),
                created_by: "RUN /bin/sh -c rm -f /app/backup.tar # buildkit".into(),
            }),
        }),
        origin: Some(Origin::Own),
        ..env_place()
    }
}
