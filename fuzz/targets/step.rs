//! A build step: every argument lies in its text.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    for argument in layersift::image::parse_step(text).arguments {
        assert!(text.get(argument.value).is_some());
    }
});
