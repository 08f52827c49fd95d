//! One spelling for each path of an archive or layout.
//!
//! `manifest.json` says `./layer.tar`, the tar entry says `layer.tar`: both sides clean their paths here and then
//! compare. A cleaned path never leaves the folder that it is relative to.

/// The path relative to the archive's root, without `.`, `..` and empty components.
///
/// `..` removes the component before it and is dropped at the root, as a container's root directory does.
///
/// ```
/// assert_eq!(layersift::image::clean_path("./a//b/../layer.tar"), "a/layer.tar");
/// assert_eq!(layersift::image::clean_path("/../etc"), "etc");
/// ```
pub fn clean_path(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            name => parts.push(name),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_clean_path_is_relative_and_stays_as_it_is(path in "[./ab\\\\]{0,40}") {
            let clean = clean_path(&path);
            prop_assert!(!clean.starts_with('/'));
            prop_assert!(clean.split('/').all(|part| part != ".." && part != "."));
            prop_assert_eq!(clean_path(&clean), clean);
        }
    }
}
