//! `gl-container-scanning-report.json`: a finding stands in an image, at a path.

use std::io::{self, Write};

use serde::Serialize;

use crate::findings::{Finding, Outcome};
use crate::image::Image;
use crate::report::{ReportOptions, words};

#[derive(Serialize)]
struct Location {
    image: String,
    operating_system: String,
    dependency: Dependency,
}

/// GitLab shows a package and its version; here a place and the layer that it is in.
#[derive(Serialize)]
struct Dependency {
    package: Package,
    version: String,
}

#[derive(Serialize)]
struct Package {
    name: String,
}

/// See [`FORMATS`](crate::report::FORMATS).
pub(in crate::report) fn write(
    out: &mut dyn Write,
    outcomes: &[Outcome],
    options: &ReportOptions,
) -> io::Result<()> {
    super::write(out, "container_scanning", (outcomes, options), locate)
}

fn locate(outcome: &Outcome, finding: &Finding) -> Location {
    let place = finding.places.first();
    let image = place.and_then(|place| place.image.clone());
    let platform = place.and_then(|place| place.platform.as_ref());
    let layer = place.and_then(|place| place.layer.as_ref()?.index);
    Location {
        image: reference(image.as_deref(), outcome),
        operating_system: platform.map_or_else(|| "unknown".to_owned(), ToString::to_string),
        dependency: Dependency {
            package: Package { name: place.map_or_else(|| "image".to_owned(), words::place) },
            version: layer.map_or_else(|| "configuration".to_owned(), |layer| format!("layer {layer}")),
        },
    }
}

/// A name with a tag or a digest, which the schema asks for: `[^:]+(:\d+[^:]*)?:[^:]+`.
fn reference(name: Option<&str>, outcome: &Outcome) -> String {
    let name =
        name.or_else(|| outcome.images.iter().find_map(|image| image.names.first().map(String::as_str)));
    let digest = outcome.images.iter().find_map(|image: &Image| image.manifest.or(image.config));
    let (name, tag) = match name {
        Some(name) => match name.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') && !tag.is_empty() => (name, tag.to_owned()),
            _ => (name, "latest".to_owned()),
        },
        None => (words::source(outcome), digest.map_or_else(|| "unknown".to_owned(), |digest| digest.hex())),
    };
    let has_port =
        |(_, port): (&str, &str)| port.starts_with(|c: char| c.is_ascii_digit()) && !port.contains(':');
    let is_allowed = !name.contains(':') || name.split_once(':').is_some_and(has_port);
    let name = if is_allowed { name.to_owned() } else { name.replace(':', "_") };
    let name = if name.is_empty() { "unknown" } else { &name };
    format!("{name}:{tag}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_has_a_tag_whatever_the_name() {
        let outcome = Outcome { source: "c:/images/app.tar".into(), ..Outcome::default() };
        for (name, expected) in [
            (Some("app:1.0"), "app:1.0"),
            (Some("app"), "app:latest"),
            (Some("r.example:5000/app"), "r.example:5000/app:latest"),
            (Some("app@sha256:00ff"), "app@sha256:00ff"),
            (Some("a:b:c:d"), "a_b_c:d"),
            (Some(":1"), "unknown:1"),
            (None, "c_/images/app.tar:unknown"),
        ] {
            assert_eq!(reference(name, &outcome), expected);
        }
    }
}
