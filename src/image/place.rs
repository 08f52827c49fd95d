//! The kinds of places in an image where a credential can stand.

use serde::{Deserialize, Serialize};

/// Where in an image a text stands. The names are those of the reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum PlaceKind {
    /// The content of a file in a layer.
    File,
    /// `created_by`, `comment` or `author` of a history entry.
    History,
    /// A build argument, from `RUN |n NAME=value …` of the history.
    BuildArg,
    /// `config.Env`.
    Env,
    /// `config.Labels`.
    Label,
    /// `config.Cmd`.
    Cmd,
    /// `config.Entrypoint`.
    Entrypoint,
    /// `config.Healthcheck`.
    Healthcheck,
    /// `config.OnBuild`.
    Onbuild,
    /// Any other field of the image configuration: `Volumes`, `WorkingDir`, `User`, `Shell`, and what no specification names.
    Config,
    /// An annotation of an index, a manifest or a descriptor.
    Annotation,
    /// A `BuildKit` attestation: provenance, SBOM or another in-toto statement.
    Attestation,
    /// The name of a file in a layer.
    Path,
    /// The target of a symbolic or hard link.
    Link,
    /// A PAX record or extended attribute of a layer's tar entry.
    TarHeader,
    /// Bytes of a layer's tar stream that belong to no entry: padding, and what follows the end marker.
    Padding,
    /// A document of the archive or layout itself: index, manifest, `repositories`, a legacy layer's `json`.
    Metadata,
    /// A blob that is neither a layer nor a document, or that no manifest names.
    Blob,
}

impl PlaceKind {
    /// Every kind, in the order of reports.
    pub const ALL: [Self; 18] = [
        Self::File,
        Self::History,
        Self::BuildArg,
        Self::Env,
        Self::Label,
        Self::Cmd,
        Self::Entrypoint,
        Self::Healthcheck,
        Self::Onbuild,
        Self::Config,
        Self::Annotation,
        Self::Attestation,
        Self::Path,
        Self::Link,
        Self::TarHeader,
        Self::Padding,
        Self::Metadata,
        Self::Blob,
    ];

    /// The kind that reports name so.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// The name of this kind in every report.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::History => "history",
            Self::BuildArg => "build-arg",
            Self::Env => "env",
            Self::Label => "label",
            Self::Cmd => "cmd",
            Self::Entrypoint => "entrypoint",
            Self::Healthcheck => "healthcheck",
            Self::Onbuild => "onbuild",
            Self::Config => "config",
            Self::Annotation => "annotation",
            Self::Attestation => "attestation",
            Self::Path => "path",
            Self::Link => "link",
            Self::TarHeader => "tar-header",
            Self::Padding => "padding",
            Self::Metadata => "metadata",
            Self::Blob => "blob",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_in_the_list_once() {
        for (index, kind) in PlaceKind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, index);
            assert_eq!(PlaceKind::named(kind.as_str()), Some(kind));
        }
        assert_eq!(
            PlaceKind::Blob as usize + 1,
            PlaceKind::ALL.len(),
            "the last kind is the last of the list"
        );
        assert_eq!(PlaceKind::named("File"), None);
    }
}
