//! Which registries an event may speak of: those of the configuration, and no others.
//!
//! An event never says where a connection goes. What it names is looked for in the list, and what is asked is the registry
//! as the list has it. So neither a forged event nor a name that resolves to somewhere else today leads this service to a
//! server that nobody listed; where a listed registry leads on to, `source/http` watches.

use crate::source::registry::{ParseReferenceError, Reference, RepositoryName};

use super::hooks::Push;

/// A registry of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowed {
    /// Host, perhaps with a port: what is asked.
    pub name: String,
    /// Other names under which events speak of it.
    pub aliases: Vec<String>,
    /// Repositories that are looked at, as globs; all if there is none.
    pub repositories: Vec<String>,
}

impl Allowed {
    /// Whether `name` is its own or one of its other names.
    pub(super) fn is_called(&self, name: &str) -> bool {
        let name = if name == "index.docker.io" { "docker.io" } else { name };
        std::iter::once(&self.name).chain(&self.aliases).any(|own| own.eq_ignore_ascii_case(name))
    }

    /// Whether the repository at `path` is looked at.
    pub(super) fn covers(&self, path: &str) -> bool {
        let fits = |glob: &String| crate::source::registry::fits(glob, path);
        self.repositories.is_empty() || self.repositories.iter().any(fits)
    }
}

/// Why an event is not followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// The registry is not on the list.
    #[error("the registry is not on the list")]
    Registry,
    /// The event does not say which registry it is of, and the hook has none.
    #[error("the event names no registry, and the hook has none")]
    Nameless,
    /// The repository is not on the list.
    #[error("the repository is not on the list of this registry")]
    Repository,
    /// What it names is no image.
    #[error("{0}")]
    Name(#[from] ParseReferenceError),
}

/// The image that `push` is about, of a registry on the list. `fallback` is that of an event that names none.
pub fn image(push: &Push, list: &[Allowed], fallback: Option<&str>) -> Result<Reference, Refused> {
    let named = push.registry.as_deref().or(fallback).ok_or(Refused::Nameless)?;
    let allowed = list.iter().find(|allowed| allowed.is_called(named)).ok_or(Refused::Registry)?;
    let name = RepositoryName::at(&allowed.name, &push.repository)?;
    if !allowed.covers(name.path()) {
        return Err(Refused::Repository);
    }
    Ok(Reference::new(name, push.tag.as_deref(), push.digest.as_deref())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(registry: Option<&str>, repository: &str, tag: Option<&str>, digest: Option<&str>) -> Push {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Push {
            registry: owned(registry),
            repository: repository.into(),
            tag: owned(tag),
            digest: owned(digest),
        }
    }

    fn list() -> Vec<Allowed> {
        let strings = |all: &[&str]| all.iter().map(|&one| one.to_owned()).collect();
        let allowed = |name: &str, aliases: &[&str], repositories: &[&str]| Allowed {
            name: name.into(),
            aliases: strings(aliases),
            repositories: strings(repositories),
        };
        vec![
            allowed("registry.example:5000", &["registry"], &[]),
            allowed("hub.example", &[], &["org/*"]),
            allowed("docker.io", &[], &[]),
        ]
    }

    #[test]
    fn what_is_asked_is_the_registry_as_the_list_has_it() {
        let digest = format!("sha256:{}", "0a".repeat(32));
        for (registry, expected) in [
            (Some("registry.example:5000"), "registry.example:5000/team/app:1"),
            (Some("Registry"), "registry.example:5000/team/app:1"),
            (None, "registry.example:5000/team/app:1"),
            (Some("index.docker.io"), "docker.io/team/app:1"),
        ] {
            let push = push(registry, "team/app", Some("1"), Some(&digest));
            let image = image(&push, &list(), Some("registry")).unwrap();
            assert_eq!(image.to_string(), format!("{expected}@{digest}"), "{registry:?}");
            assert_eq!(image.version(), digest);
        }
        let latest = image(&push(Some("docker.io"), "library/app", None, None), &list(), None).unwrap();
        assert_eq!(latest.to_string(), "docker.io/library/app:latest");
    }

    #[test]
    fn nobody_is_led_elsewhere() {
        for registry in [
            "evil.example",
            "registry.example",
            "registry.example:5000@evil.example",
            "registry.example:5000/evil",
            "169.254.169.254",
            "127.0.0.1:5432",
            "localhost",
            "",
        ] {
            let found = image(&push(Some(registry), "app", Some("1"), None), &list(), None);
            assert_eq!(found, Err(Refused::Registry), "{registry}");
        }
        assert_eq!(image(&push(None, "app", None, None), &list(), None), Err(Refused::Nameless));
        let other = push(Some("hub.example"), "other/app", Some("1"), None);
        assert_eq!(image(&other, &list(), None), Err(Refused::Repository));
        assert!(image(&push(Some("hub.example"), "org/app", Some("1"), None), &list(), None).is_ok());
        for (repository, tag, digest) in [
            ("../../etc", Some("1"), None),
            ("app?x", Some("1"), None),
            ("app", Some("a/../b"), None),
            ("app", None, Some("sha256:00")),
            ("", None, None),
        ] {
            let found = image(&push(Some("registry"), repository, tag, digest), &list(), None);
            assert!(matches!(found, Err(Refused::Name(_))), "{repository} {tag:?} {digest:?}");
        }
    }
}
