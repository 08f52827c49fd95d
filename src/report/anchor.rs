//! Where a finding is shown to somebody who looks at a repository: a path and a line that a forge can open.
//!
//! With a Dockerfile that is the line of the step that brought the credential in, if the history and the Dockerfile are
//! certain of it. Without, it is the path in the image, or a made-up path of what is no file (`env/NAME`), so that the
//! same leak has the same path in every report.

use std::fmt::Write as _;

use super::ReportOptions;
use super::words::is_in_layer;
use crate::findings::{Finding, Outcome, Place};
use crate::image::{Dockerfile, Image, Lines};

/// The Dockerfile that images were built from.
#[derive(Debug, Clone)]
pub struct Source {
    /// Its path in the repository, with `/` between folders.
    pub path: String,
    /// What it says.
    pub dockerfile: Dockerfile,
}

/// A path and lines in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Anchor {
    /// Relative, with `/`, not encoded.
    pub(super) path: String,
    pub(super) lines: Lines,
    /// Whether it is the Dockerfile.
    pub(super) in_dockerfile: bool,
}

/// The anchors of one outcome's findings.
pub(super) struct Anchors<'a> {
    source: Option<&'a Source>,
    /// For each image that is of this Dockerfile the lines of its steps.
    lines: Vec<(&'a Image, Vec<Option<Lines>>)>,
}

impl<'a> Anchors<'a> {
    pub(super) fn new(outcome: &'a Outcome, options: &'a ReportOptions) -> Self {
        let source = options.dockerfile.as_ref();
        let lines = source.map_or_else(Vec::new, |source| {
            let of = |image: &'a Image| Some((image, source.dockerfile.lines_of(&image.steps)?));
            outcome.images.iter().filter_map(of).collect()
        });
        Self { source, lines }
    }

    /// Where a finding is shown.
    pub(super) fn of(&self, finding: &Finding) -> Anchor {
        let in_dockerfile = finding.places.iter().find_map(|place| self.in_dockerfile(place));
        in_dockerfile.or_else(|| finding.places.first().map(in_image)).unwrap_or_else(|| Anchor {
            path: "image".to_owned(),
            lines: one(1),
            in_dockerfile: false,
        })
    }

    /// The line of the Dockerfile that a place comes from, where it is certain.
    pub(super) fn in_dockerfile(&self, place: &Place) -> Option<Anchor> {
        let (source, step) = (self.source?, place.step.as_ref()?);
        let is_of = |image: &Image| {
            image.steps.get(step.index).is_some_and(|own| own.created_by == step.created_by)
                && place.platform == image.platform
                && place.image.as_ref().is_none_or(|name| image.names.contains(name))
        };
        let (_, lines) = self.lines.iter().find(|(image, _)| is_of(image))?;
        let lines = lines.get(step.index).copied().flatten()?;
        Some(Anchor { path: source.path.clone(), lines, in_dockerfile: true })
    }
}

/// The path of a place in the image.
pub(super) fn in_image(place: &Place) -> Anchor {
    let mut path = match &place.path {
        Some(path) if is_in_layer(place.kind) => path.trim_start_matches('/').to_owned(),
        _ => String::new(),
    };
    if path.is_empty() {
        path.push_str(place.kind.as_str());
        match (&place.name, &place.step, &place.path) {
            (Some(name), ..) => path.extend(["/", name]),
            (None, Some(step), _) => drop(write!(path, "/step-{}", step.index)),
            (None, None, Some(document)) => path.extend(["/", document]),
            (None, None, None) => {}
        }
    }
    for member in &place.inner {
        path.push_str("!/");
        path.push_str(member);
    }
    let line = place.line.and_then(|line| usize::try_from(line).ok()).unwrap_or(1);
    Anchor { path, lines: one(line.max(1)), in_dockerfile: false }
}

fn one(line: usize) -> Lines {
    Lines { first: line, last: line }
}

impl Anchor {
    /// The path as a relative reference (RFC 3986, section 4.2), everything but unreserved characters and `/` encoded.
    pub(super) fn uri(&self) -> String {
        let mut uri = String::with_capacity(self.path.len());
        for byte in self.path.bytes() {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                    uri.push(char::from(byte));
                }
                byte => drop(write!(uri, "%{byte:02X}")),
            }
        }
        uri
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    fn options(dockerfile: &str) -> ReportOptions {
        let dockerfile = Dockerfile::parse(dockerfile).expect("a Dockerfile");
        let source = Source { path: "build/Dockerfile".to_owned(), dockerfile };
        ReportOptions { dockerfile: Some(source), ..ReportOptions::default() }
    }

    #[test]
    fn a_finding_is_shown_at_the_line_that_brought_it_in() {
        let outcome = sample::full();
        let options = options(sample::DOCKERFILE);
        let anchors = Anchors::new(&outcome, &options);
        let anchor = anchors.of(&outcome.findings[0]);
        assert_eq!((anchor.uri(), anchor.lines.first, anchor.lines.last), ("build/Dockerfile".into(), 4, 5));
        let key = anchors.of(&outcome.findings[1]);
        assert_eq!((key.uri(), key.in_dockerfile), ("etc/keys/1.der".into(), false), "its step is not known");
    }

    #[test]
    fn without_a_dockerfile_of_this_image_the_path_in_the_image_counts() {
        let outcome = sample::full();
        for options in [ReportOptions::default(), options("FROM scratch\nRUN another\n")] {
            let anchor = Anchors::new(&outcome, &options).of(&outcome.findings[0]);
            assert_eq!((anchor.uri(), anchor.in_dockerfile), ("env/GITHUB_TOKEN".into(), false));
        }
    }

    #[test]
    fn no_path_leads_elsewhere() {
        let mut place = sample::full().findings[1].places[0].clone();
        for (path, uri) in [
            ("//evil.example/x", "evil.example/x"),
            ("javascript:alert(1)", "javascript%3Aalert%281%29"),
            ("a b%/ä", "a%20b%25/%C3%A4"),
        ] {
            place.path = Some(path.to_owned());
            assert_eq!(in_image(&place).uri(), uri);
        }
    }
}
