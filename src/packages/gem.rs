//! Ruby: a specification for each gem, beside the folder `gems` with the gem itself. There are no digests of files.
//!
//! Gems from a repository are in another folder, `bundler/gems`, which no specification speaks of.

use super::lists::{Lists, Origin};
use super::registry::is_public;
use super::{List, split};

/// `specifications/NAME-VERSION.gemspec`.
pub(super) fn is_specification(path: &[u8]) -> bool {
    path.ends_with(b".gemspec") && split(split(path).0).1 == b"specifications"
}

/// A gem that may be pushed only to another host than the public one is not public.
pub(super) fn read_specification(list: &List<'_>, out: &mut Lists) {
    let (folder, file) = list.split();
    let (root, _) = split(folder);
    let name = file.strip_suffix(b".gemspec").unwrap_or(file);
    let home = [root, b"/gems/", name];
    if let Some(package) = out.package("gem", name, &home) {
        out.folder(
            package,
            &home,
            if pushed_elsewhere(list.bytes) { Origin::Private } else { Origin::Public },
        );
    }
}

/// Whether the text has `"allowed_push_host" => "https://…"` with a host that is not public.
fn pushed_elsewhere(text: &[u8]) -> bool {
    let Some(at) = memchr::memmem::find(text, b"allowed_push_host") else { return false };
    let line = text[at..].split(|byte| *byte == b'\n').next().unwrap_or_default();
    // Specifications stand in one line with all metadata: the value is the next text in quotation marks.
    let value = line.split(|byte| matches!(byte, b'"' | b'\'')).nth(2).unwrap_or_default();
    !is_public(&String::from_utf8_lossy(value))
}

#[cfg(test)]
mod tests {
    use super::super::path_key;
    use super::super::tests::read;
    use super::*;

    #[test]
    fn a_specification_speaks_of_the_folder_of_its_gem() {
        let path = "usr/local/bundle/specifications/abc-1.0.gemspec";
        let host = |host: &str| {
            format!("  s.metadata = {{ \"allowed_push_host\" => \"{host}\", \"x\" => \"y\" }}\n")
        };
        for (text, origin) in [
            ("Gem::Specification.new do |s|\n".to_owned(), Origin::Public),
            (host("https://rubygems.org"), Origin::Public),
            (host("https://gems.corp.example"), Origin::Private),
        ] {
            let folder = read(path, text).folders()[0];
            assert_eq!((folder.path, folder.origin), (path_key(b"usr/local/bundle/gems/abc-1.0"), origin));
        }
    }
}
