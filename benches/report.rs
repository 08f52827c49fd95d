//! Every report format over the outcome of an image that is nothing but credentials, in findings a second.

use divan::Bencher;
use divan::counter::ItemsCount;
use layersift::report::{FORMATS, Format, ReportOptions};
use layersift::source::Input;

use crate::image::scanner;
use crate::join::tokens;
use crate::support::archive::{Form, Image, Tar};

const FINDINGS: usize = 500;
const SAMPLES: u32 = 10;

#[divan::bench(args = FORMATS.iter().map(|format| format.name), sample_count = SAMPLES, sample_size = 1)]
fn write(bencher: Bencher<'_, '_>, name: &str) {
    let format = Format::named(name).expect("the table has its own names");
    let mut tar = Tar::new();
    tar.file("srv/tokens", tokens(FINDINGS).as_bytes());
    let image = Image::of(&[tar.finish()], FINDINGS, Form::Plain);
    let outcome = scanner(1).scan(&Input::Path(image.path.clone()), &()).expect("it is an image");
    assert_eq!(outcome.findings.len(), FINDINGS);
    let (outcomes, options) = ([outcome], ReportOptions { show_secrets: true, ..ReportOptions::default() });
    let written = || {
        let mut out = Vec::new();
        (format.write)(&mut out, &outcomes, &options).expect("memory takes every write");
        out
    };
    let expected = written();
    assert!(!expected.is_empty());
    bencher.counter(ItemsCount::new(FINDINGS)).bench(|| assert!(written() == expected, "the same each time"));
}
