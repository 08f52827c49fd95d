//! Names of images, by the grammar that all container tools share (distribution/reference).
//!
//! ```text
//! [HOST[:PORT]/]PATH[:TAG][@DIGEST]
//! ```
//!
//! What stands before the first `/` is a host if it has a dot or a colon in it, is `localhost`, or has a capital
//! letter; everything else is on Docker Hub, and there `library/` if it has but one part.

use std::fmt;
use std::str::FromStr;

/// The name of an image, or of several platforms of one, in a registry.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    name: RepositoryName,
    tag: Option<String>,
    digest: Option<String>,
}

/// The name of all versions of an image.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepositoryName {
    domain: String,
    path: String,
}

/// Why a text is no name of an image.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no name of an image: {why}")]
pub struct ParseReferenceError {
    text: String,
    why: &'static str,
}

/// Host and path together.
const LONGEST_NAME: usize = 255;
const LONGEST_TAG: usize = 128;

const NO_TAG: &str = "a tag has letters, digits, `_`, `.` and `-`, at most 128 of them";
const NO_DIGEST: &str = "behind `@` there must be a digest, as in sha256:<64 hexadecimal digits>";

const HUB: &str = "docker.io";

impl RepositoryName {
    /// The repository `path` of the registry `domain`. Unlike in a name that people write, what is said to be a host is one.
    pub fn at(domain: &str, path: &str) -> Result<Self, ParseReferenceError> {
        let domain = if domain == "index.docker.io" { HUB } else { domain };
        checked(domain.to_owned(), path.to_owned()).map_err(|why| error(&format!("{domain}/{path}"), why))
    }

    /// What stands for all repositories of the registry `domain`.
    pub(super) fn all_of(domain: &str) -> Self {
        Self { domain: domain.to_owned(), path: String::new() }
    }

    /// As people write it: `docker.io`, `ghcr.io`, `[::1]:5000`.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// `library/alpine`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The version that is called `tag`, if that can be the name of one.
    pub(super) fn version(&self, tag: &str) -> Option<Reference> {
        is_tag(tag).then(|| self.tagged(tag))
    }

    /// The version that is called `tag`.
    #[must_use]
    pub fn tagged(&self, tag: &str) -> Reference {
        Reference { name: self.clone(), tag: Some(tag.to_owned()), digest: None }
    }
}

impl Reference {
    /// A version of a repository by its tag, its digest or both; `latest` without either.
    pub fn new(
        name: RepositoryName,
        tag: Option<&str>,
        digest: Option<&str>,
    ) -> Result<Self, ParseReferenceError> {
        if let Some(tag) = tag.filter(|tag| !is_tag(tag)) {
            return Err(error(tag, NO_TAG));
        }
        if let Some(digest) = digest.filter(|digest| !is_digest(digest)) {
            return Err(error(digest, NO_DIGEST));
        }
        Ok(Self::made(name, tag, digest))
    }

    /// The name in parts, which unlike its text can be read in one way only: a host need not have a dot.
    pub fn to_json(&self) -> String {
        let Self { name: RepositoryName { domain, path }, tag, digest } = self;
        serde_json::json!({"registry": domain, "repository": path, "tag": tag, "digest": digest}).to_string()
    }

    /// What [`to_json`](Self::to_json) wrote.
    pub fn from_json(text: &str) -> Option<Self> {
        let parts: serde_json::Value = serde_json::from_str(text).ok()?;
        let part = |name: &str| parts.get(name).and_then(serde_json::Value::as_str);
        let name = RepositoryName::at(part("registry")?, part("repository")?).ok()?;
        Self::new(name, part("tag"), part("digest")).ok()
    }

    fn made(name: RepositoryName, tag: Option<&str>, digest: Option<&str>) -> Self {
        let tag = tag.or(digest.is_none().then_some("latest"));
        Self { name, tag: tag.map(str::to_owned), digest: digest.map(str::to_owned) }
    }

    /// The repository.
    pub fn name(&self) -> &RepositoryName {
        &self.name
    }

    /// What to ask the registry for: the digest if there is one, else the tag.
    pub fn version(&self) -> &str {
        self.digest.as_deref().or(self.tag.as_deref()).unwrap_or("latest")
    }

    /// The tag, if it has one.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest, with its algorithm.
    pub fn digest(&self) -> Option<&str> {
        self.digest.as_deref()
    }
}

/// The host that serves the registry called `domain`.
pub(super) fn host(domain: &str) -> &str {
    if domain == HUB { "registry-1.docker.io" } else { domain }
}

/// The name under which logins for the registry `domain` are kept.
pub(super) fn login_name(domain: &str) -> &str {
    if domain == HUB { "https://index.docker.io/v1/" } else { domain }
}

impl FromStr for RepositoryName {
    type Err = ParseReferenceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        repository(text).map_err(|why| error(text, why))
    }
}

impl FromStr for Reference {
    type Err = ParseReferenceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).map_err(|why| error(text, why))
    }
}

fn error(text: &str, why: &'static str) -> ParseReferenceError {
    ParseReferenceError { text: text.chars().take(80).collect(), why }
}

fn parse(text: &str) -> Result<Reference, &'static str> {
    let (text, digest) = match text.split_once('@') {
        Some((name, digest)) => (name, Some(digest)),
        None => (text, None),
    };
    if digest.is_some_and(|digest| !is_digest(digest)) {
        return Err(NO_DIGEST);
    }
    // A colon before the last `/` is that of a port.
    let slash = text.rfind('/').map_or(0, |at| at + 1);
    let (name, tag) = match text[slash..].split_once(':') {
        Some((last, tag)) => (&text[..slash + last.len()], Some(tag)),
        None => (text, None),
    };
    if tag.is_some_and(|tag| !is_tag(tag)) {
        return Err(NO_TAG);
    }
    let name = repository(name)?;
    Ok(Reference::made(name, tag, digest))
}

fn repository(text: &str) -> Result<RepositoryName, &'static str> {
    let (domain, path) = match text.split_once('/') {
        Some((first, rest)) if is_domain(first) => (first.to_owned(), rest),
        _ => (HUB.to_owned(), text),
    };
    let domain = if domain == "index.docker.io" { HUB.to_owned() } else { domain };
    let path = if domain == HUB && !path.contains('/') { format!("library/{path}") } else { path.to_owned() };
    checked(domain, path)
}

fn checked(domain: String, path: String) -> Result<RepositoryName, &'static str> {
    if !is_host(&domain) {
        return Err("what stands before the first `/` is no host");
    }
    if path.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err("the path of a repository has small letters only");
    }
    if domain.len() + 1 + path.len() > LONGEST_NAME {
        return Err("it is too long");
    }
    if !path.split('/').all(is_component) {
        return Err(
            "each part of its path has small letters and digits, with `.`, `_`, `__` or dashes between them",
        );
    }
    Ok(RepositoryName { domain, path })
}

/// Whether the first part of a name is a host and not a path.
fn is_domain(first: &str) -> bool {
    first.contains(['.', ':']) || first == "localhost" || first.bytes().any(|byte| byte.is_ascii_uppercase())
}

/// A name of DNS, or an address in brackets, with or without a port.
pub(super) fn is_host(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((address, port)) if address.parse::<std::net::Ipv6Addr>().is_ok() => ("v6", port),
            _ => return false,
        },
        None => text.split_at(text.find(':').unwrap_or(text.len())),
    };
    let port = port.is_empty() || port.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok());
    let label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    port && host.split('.').all(label)
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`
fn is_component(text: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let ends = text.bytes().next().is_some_and(word) && text.bytes().next_back().is_some_and(word);
    let between = text.split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    ends && between
        .into_iter()
        .all(|between| matches!(between, "" | "." | "_" | "__") || between.bytes().all(|byte| byte == b'-'))
}

/// `[\w][\w.-]{0,127}`
fn is_tag(text: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    text.len() <= LONGEST_TAG
        && text.bytes().next().is_some_and(word)
        && text.bytes().all(|byte| word(byte) || byte == b'.' || byte == b'-')
}

/// Algorithms that the specification registers (image-spec, descriptor.md, "Registered algorithms").
pub(super) fn is_digest(text: &str) -> bool {
    let length = match text.split_once(':') {
        Some(("sha256" | "blake3", digits)) => (digits.len() == 64).then_some(digits),
        Some(("sha512", digits)) => (digits.len() == 128).then_some(digits),
        _ => None,
    };
    length.is_some_and(|digits| digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')))
}

impl fmt::Display for RepositoryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.domain, self.path)
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name.fmt(f)?;
        self.tag.iter().try_for_each(|tag| write!(f, ":{tag}"))?;
        self.digest.iter().try_for_each(|digest| write!(f, "@{digest}"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_mean_what_they_mean_elsewhere() {
        let digest = format!("sha256:{}", "0a".repeat(32));
        for (text, expected) in [
            ("alpine", "docker.io/library/alpine:latest"),
            ("alpine:3.20", "docker.io/library/alpine:3.20"),
            ("library/alpine", "docker.io/library/alpine:latest"),
            ("org/app", "docker.io/org/app:latest"),
            ("docker.io/alpine", "docker.io/library/alpine:latest"),
            ("index.docker.io/org/app:1", "docker.io/org/app:1"),
            ("localhost/app", "localhost/app:latest"),
            ("localhost:5000/app:Tag_1", "localhost:5000/app:Tag_1"),
            ("127.0.0.1:5000/a/b/c__d--e.f:1", "127.0.0.1:5000/a/b/c__d--e.f:1"),
            ("[::1]:5000/app", "[::1]:5000/app:latest"),
            ("[2001:db8::1]/app:1", "[2001:db8::1]/app:1"),
            ("ghcr.io/org/app@DIGEST", "ghcr.io/org/app@DIGEST"),
            ("ghcr.io/org/app:1@DIGEST", "ghcr.io/org/app:1@DIGEST"),
            ("Registry/app", "Registry/app:latest"),
            ("app:5000", "docker.io/library/app:5000"),
        ] {
            let reference: Reference = text.replace("DIGEST", &digest).parse().unwrap();
            assert_eq!(reference.to_string(), expected.replace("DIGEST", &digest), "{text}");
        }
    }

    #[test]
    fn a_name_in_parts_is_read_as_it_was_written() {
        let digest = format!("sha256:{}", "0a".repeat(32));
        for (host, tag, given) in [
            ("registry", Some("1"), Some(&*digest)),
            ("docker.io", None, Some(&*digest)),
            ("a:1", Some("x"), None),
        ] {
            let name = RepositoryName::at(host, "library/app").unwrap();
            let reference = Reference::new(name, tag, given).unwrap();
            assert_eq!(Reference::from_json(&reference.to_json()), Some(reference));
        }
        assert_eq!(Reference::from_json("{\"registry\": \"a\"}"), None);
        let name = RepositoryName::at("a", "b").unwrap();
        assert!(Reference::new(name.clone(), Some("-"), None).is_err());
        assert!(Reference::new(name, None, Some("sha256:00")).is_err());
    }

    #[test]
    fn a_digest_wins_over_a_tag() {
        let digest = format!("sha256:{}", "0a".repeat(32));
        let reference: Reference = format!("app:1@{digest}").parse().unwrap();
        assert_eq!(reference.version(), digest);
        assert_eq!("app:1".parse::<Reference>().unwrap().version(), "1");
        assert_eq!("app".parse::<Reference>().unwrap().version(), "latest");
    }

    #[test]
    fn what_is_no_name_is_refused() {
        let long = format!("a/{}", "b".repeat(256));
        for text in [
            "",
            ":",
            "@",
            "/",
            "a/",
            "/a",
            "a//b",
            "App",
            "org/App",
            "a:",
            "a:-x",
            "a@",
            "a@sha256:00",
            "a b",
            "a___b",
            "-a",
            "a-",
            "a..b",
            "a.b/",
            "[::1/app",
            "[x]:1/app",
            "h.x:99999/app",
            "h.x:p/app",
            "ä",
            "a@sha512:00",
            "../etc/passwd",
            "./app",
            "-.x/a",
            &long,
        ] {
            assert!(text.parse::<Reference>().is_err(), "{text}");
        }
    }

    #[test]
    fn hub_has_other_names_inside() {
        assert_eq!((host("docker.io"), host("ghcr.io")), ("registry-1.docker.io", "ghcr.io"));
        assert_eq!(
            (login_name("docker.io"), login_name("ghcr.io")),
            ("https://index.docker.io/v1/", "ghcr.io")
        );
    }

    proptest! {
        #[test]
        fn a_name_survives_being_printed(text in "([a-zA-Z0-9.:\\[\\]-]{1,12}/)?[a-z0-9._/-]{1,20}(:[a-zA-Z0-9._-]{1,9})?") {
            if let Ok(reference) = text.parse::<Reference>() {
                prop_assert_eq!(reference.to_string().parse::<Reference>().unwrap(), reference);
            }
        }

        #[test]
        fn nothing_panics(text in "\\PC{0,40}") {
            let _ = text.parse::<Reference>();
        }
    }
}
