//! The whole job without the program around it: an image in a file, from opening it to its findings.

use divan::Bencher;
use divan::counter::BytesCount;
use layersift::findings::Outcome;
use layersift::scan::{Options, Scanner};
use layersift::signature::RuleSet;
use layersift::source::Input;

use crate::support::archive::{Form, Image};

const LAYERS: usize = 6;
/// Bytes of each layer.
const SIZE: usize = 4 << 20;
const SAMPLES: u32 = 10;

pub(crate) fn scanner(jobs: usize) -> Scanner {
    Scanner::new(RuleSet::embedded(), Options { jobs, ..Options::default() })
}

fn scan(scanner: &Scanner, image: &Image) -> Outcome {
    let outcome = scanner.scan(&Input::Path(image.path.clone()), &()).expect("it is an image");
    assert_eq!(outcome.findings.len(), image.secrets);
    assert!(outcome.problems.is_empty(), "{:?}", outcome.problems);
    assert!(outcome.coverage.blobs.iter().all(|blob| blob.verified));
    outcome
}

/// Bytes a second are plain bytes. The parameter is the number of threads.
#[divan::bench(args = Form::ALL, consts = [1, 2], sample_count = SAMPLES, sample_size = 1)]
fn whole<const JOBS: usize>(bencher: Bencher<'_, '_>, form: Form) {
    let image = Image::generated(LAYERS, SIZE, form);
    let scanner = scanner(JOBS);
    scan(&scanner, &image);
    bencher.counter(BytesCount::new(image.plain)).bench(|| scan(&scanner, &image));
}

/// One layer holds everything: it is decompressed on one core while others match.
#[divan::bench(args = Form::ALL, consts = [1, 2], sample_count = SAMPLES, sample_size = 1)]
fn one_layer<const JOBS: usize>(bencher: Bencher<'_, '_>, form: Form) {
    let image = Image::generated(1, LAYERS * SIZE, form);
    let scanner = scanner(JOBS);
    scan(&scanner, &image);
    bencher.counter(BytesCount::new(image.plain)).bench(|| scan(&scanner, &image));
}
