use std::time::{Duration, UNIX_EPOCH};

use super::super::{Detail, FORMATS, sample};
use super::*;

fn kept(outcome: Outcome) -> Kept {
    let begun = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let mut tool = Tool { fingerprint_key: Some("bd446867".to_owned()), ..Tool::default() };
    tool.version = "0.0.9".to_owned();
    Kept { outcome, tool, times: Some((begun, begun + Duration::from_secs(61))) }
}

fn written(format: &super::super::Format, kept: &Kept, options: &ReportOptions) -> String {
    let mut out = Vec::new();
    let outcomes = std::slice::from_ref(&kept.outcome);
    (format.write)(&mut out, outcomes, &kept.options(options)).expect("a vector takes everything");
    String::from_utf8(out).expect("every format writes UTF-8")
}

#[test]
fn every_format_is_the_same_of_what_was_kept() {
    for outcome in [sample::full(), sample::clean(), sample::hostile(), Outcome::default()] {
        let before = kept(outcome);
        let after = Kept::unpack(&before.pack().unwrap()).unwrap();
        for format in FORMATS {
            for detail in [Detail::Brief, Detail::Full] {
                let plain = ReportOptions { detail, show_suppressed: true, ..ReportOptions::default() };
                for options in [plain, ReportOptions { detail, ..sample::with_dockerfile() }] {
                    let (old, new) = (written(format, &before, &options), written(format, &after, &options));
                    assert_eq!(old, new, "{}", format.name);
                }
            }
        }
    }
}

#[test]
fn marks_are_kept_and_credentials_are_not() {
    let mut outcome = sample::full();
    let mark = Mark { rules: vec!["r".into()], reason: Some("why".into()), above: true };
    outcome.findings[1].places[2].mark = Some(mark.clone());
    let packed = kept(outcome).pack().unwrap();
    let text = String::from_utf8(zstd::decode_all(packed.as_slice()).unwrap()).unwrap();
    assert!(!text.contains(&sample::token()), "{text}");
    let read = Kept::unpack(&packed).unwrap();
    let marks: Vec<_> = read
        .outcome
        .findings
        .iter()
        .flat_map(|found| &found.places)
        .filter_map(|at| at.mark.as_ref())
        .collect();
    assert_eq!(marks, [&mark]);
}

#[test]
fn a_report_in_a_file_is_read_too() {
    let before = kept(sample::full());
    let json = super::super::Format::named("json").unwrap();
    let text = written(json, &before, &ReportOptions::default());
    let after = Kept::read(text.as_bytes()).unwrap();
    assert_eq!((after.times, after.tool.version.as_str()), (None, "0.0.9"));
    assert_eq!(written(json, &after, &ReportOptions::default()), text);
}

#[test]
fn what_is_none_is_refused() {
    let of = |text: &str| Kept::read(text.as_bytes()).err().unwrap().to_string();
    assert!(of("[]").contains("no report"));
    assert!(of(r#"{"schema": "layersift.report/v9"}"#).contains("report/v9"));
    assert!(of(r#"{"schema": "layersift.kept/v1"}"#).contains("does not read"));
    assert!(of(r#"{"schema": "layersift.report/v1"}"#).contains("no report"));
    let mut packed = kept(sample::full()).pack().unwrap();
    packed.truncate(packed.len() / 2);
    assert!(matches!(Kept::unpack(&packed), Err(KeptError::Damaged(_))));
    assert!(matches!(Kept::unpack(b"nothing"), Err(KeptError::Damaged(_))));
}

#[test]
fn what_is_kept_can_be_read_to_its_last_byte() {
    let kept = kept(sample::full());
    let text = zstd::decode_all(kept.pack().unwrap().as_slice()).unwrap();
    let room = text.len() as u64;
    assert!(Kept::unpack(&kept.pack_within(room).unwrap()).is_ok());
    for less in [room - 1, room / 2, 0] {
        assert!(matches!(kept.pack_within(less), Err(PackError::TooLarge)), "{less}");
    }
}
