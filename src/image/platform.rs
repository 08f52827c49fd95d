//! Platforms: one spelling for each, and which of them the user wants.
//!
//! Builders, kernels and people spell processors in several ways (`x86_64`, `amd64`). Both sides are normalised by
//! the rules that container engines use (containerd, platforms package) before they are compared.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use super::{BlobRef, Platform};

/// Which images of a multi-platform input are looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Selection {
    /// Every platform whose blobs are in the input.
    #[default]
    Available,
    /// Every platform that an index names; one that is not there is a gap.
    All,
    /// The platforms that match.
    Platform(PlatformFilter),
    /// Everything but these manifests, which the source did not fetch and told of.
    AllBut(BTreeSet<BlobRef>),
}

impl Selection {
    /// Whether an image of `platform` is looked at. One whose platform nobody states cannot be ruled out.
    pub fn wants(&self, platform: Option<&Platform>) -> bool {
        match (self, platform) {
            (Self::Platform(filter), Some(platform)) => filter.matches(platform),
            _ => true,
        }
    }
}

impl FromStr for Selection {
    type Err = ParsePlatformError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "all" => Ok(Self::All),
            _ => text.parse().map(Self::Platform),
        }
    }
}

/// A platform as a user asks for it, normalised. Without a variant it matches every variant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlatformFilter {
    os: String,
    architecture: String,
    variant: Option<String>,
}

impl PlatformFilter {
    /// Whether `platform` is one of those asked for.
    pub fn matches(&self, platform: &Platform) -> bool {
        let platform = platform.normalized();
        let variant = platform.variant.as_deref().or(default_variant(&platform.architecture));
        self.os == platform.os
            && self.architecture == platform.architecture
            && self.variant.as_deref().is_none_or(|wanted| Some(wanted) == variant)
    }
}

impl fmt::Display for PlatformFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        self.variant.iter().try_for_each(|variant| write!(f, "/{variant}"))
    }
}

/// Why a text is not a platform.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a platform: expected os/arch, os/arch/variant or all, for example linux/arm64")]
pub struct ParsePlatformError(String);

impl FromStr for PlatformFilter {
    type Err = ParsePlatformError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || ParsePlatformError(text.chars().take(80).collect());
        let word = |part: &&str| {
            !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c))
        };
        let parts: Vec<&str> = text.split('/').collect();
        if !parts.iter().all(word) {
            return Err(error());
        }
        let (os, architecture, variant) = match *parts {
            [os, architecture] => (os, architecture, None),
            [os, architecture, variant] => (os, architecture, Some(variant.to_lowercase())),
            _ => return Err(error()),
        };
        let os = normal_os(os);
        let (architecture, implied) = normal_architecture(architecture);
        Ok(Self { os, variant: variant.map(normal_variant).or(implied.map(str::to_owned)), architecture })
    }
}

impl Platform {
    /// The same platform in the spelling of container engines.
    #[must_use]
    pub fn normalized(&self) -> Self {
        let (architecture, implied) = normal_architecture(&self.architecture);
        let stated = self
            .variant
            .as_deref()
            .filter(|variant| !variant.is_empty())
            .map(|variant| normal_variant(variant.to_lowercase()));
        let variant = stated.or(implied.map(str::to_owned));
        Self {
            os: normal_os(&self.os),
            variant: variant.filter(|variant| is_telling(&architecture, variant)),
            architecture,
        }
    }
}

fn normal_os(os: &str) -> String {
    match os.to_lowercase().as_str() {
        "macos" => "darwin".to_owned(),
        os => os.to_owned(),
    }
}

/// The engines' name of an architecture, and the variant that an alias stands for.
fn normal_architecture(architecture: &str) -> (String, Option<&'static str>) {
    let lower = architecture.to_lowercase();
    let (name, variant) = match lower.as_str() {
        "x86_64" | "x86-64" => ("amd64", None),
        "i386" | "i486" | "i586" | "i686" | "x86" => ("386", None),
        "aarch64" => ("arm64", None),
        "armhf" => ("arm", Some("v7")),
        "armel" => ("arm", Some("v6")),
        _ => return (lower, None),
    };
    (name.to_owned(), variant)
}

fn normal_variant(variant: String) -> String {
    if variant.chars().all(|c| c.is_ascii_digit()) {
        return format!("v{variant}");
    }
    variant
}

/// What an image without a variant runs on.
fn default_variant(architecture: &str) -> Option<&'static str> {
    match architecture {
        "amd64" => Some("v1"),
        "arm" => Some("v7"),
        "arm64" => Some("v8"),
        _ => None,
    }
}

/// `arm64/v8` and `amd64/v1` say nothing that `arm64` and `amd64` do not; `arm/v7` does, since v5 and v6 are common.
fn is_telling(architecture: &str, variant: &str) -> bool {
    architecture == "arm" || default_variant(architecture) != Some(variant)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn platform(text: &str) -> Platform {
        let mut parts = text.split('/').map(str::to_owned);
        Platform { os: parts.next().unwrap(), architecture: parts.next().unwrap(), variant: parts.next() }
    }

    #[test]
    fn spellings_of_one_platform_match_each_other() {
        for (filter, image, expected) in [
            ("linux/amd64", "linux/amd64", true),
            ("linux/x86_64", "linux/amd64", true),
            ("linux/amd64", "Linux/x86-64", true),
            ("linux/amd64/v1", "linux/amd64", true),
            ("linux/amd64/v2", "linux/amd64", false),
            ("linux/amd64", "linux/amd64/v3", true),
            ("linux/aarch64", "linux/arm64/v8", true),
            ("linux/arm64/v8", "linux/arm64", true),
            ("linux/arm64/8", "linux/arm64", true),
            ("linux/arm/v7", "linux/arm", true),
            ("linux/arm/v6", "linux/arm", false),
            ("linux/arm", "linux/arm/v5", true),
            ("linux/armhf", "linux/arm/v7", true),
            ("linux/armel", "linux/arm/v7", false),
            ("linux/arm/v8", "linux/arm64", false),
            ("linux/386", "linux/i686", true),
            ("windows/amd64", "linux/amd64", false),
            ("linux/riscv64", "linux/riscv64", true),
        ] {
            let filter: PlatformFilter = filter.parse().unwrap();
            assert_eq!(filter.matches(&platform(image)), expected, "{filter} {image}");
        }
    }

    #[test]
    fn normal_spellings_are_those_of_the_engines() {
        for (image, normal) in [
            ("linux/x86_64/v1", "linux/amd64"),
            ("linux/aarch64/v8", "linux/arm64"),
            ("linux/arm64/v9", "linux/arm64/v9"),
            ("linux/armhf", "linux/arm/v7"),
            ("linux/arm/v7", "linux/arm/v7"),
            ("linux/arm/", "linux/arm"),
            ("macOS/arm64", "darwin/arm64"),
        ] {
            assert_eq!(platform(image).normalized().to_string(), normal);
        }
    }

    #[test]
    fn what_is_no_platform_is_refused_with_the_expected_form() {
        for text in ["", "linux", "linux/", "/amd64", "a/b/c/d", "linux/am d64", "all/"] {
            let error = text.parse::<Selection>().unwrap_err();
            assert!(error.to_string().contains("os/arch"), "{error}");
        }
        assert_eq!("all".parse::<Selection>(), Ok(Selection::All));
    }

    #[test]
    fn an_unknown_platform_is_never_ruled_out() {
        let wanted: Selection = "linux/arm64".parse().unwrap();
        assert!(wanted.wants(None));
        assert!(!wanted.wants(Some(&platform("linux/amd64"))));
        assert!(Selection::Available.wants(Some(&platform("plan9/mips"))));
    }
}
