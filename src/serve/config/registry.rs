//! `[[serve.registry]]`: a registry that events may be about.

use serde::Deserialize;

use crate::serve::allowed::Allowed;
use crate::source::registry::RepositoryName;

/// A table `[[serve.registry]]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct RegistryTable {
    /// Host, perhaps with a port.
    pub name: String,
    /// Other names under which events speak of it.
    pub aliases: Vec<String>,
    /// Globs of the repositories that are looked at; all if there is none.
    pub repositories: Vec<String>,
    /// How often it is looked through, if not as often as `[serve.sweep]` says; `never`.
    pub sweep: Option<String>,
}

impl RegistryTable {
    pub(super) fn checked(&self, fault: &mut dyn FnMut(String)) -> Allowed {
        let Self { name, aliases, repositories, .. } = self;
        let name = if let Ok(image) = RepositoryName::at(name, "image") {
            image.domain().to_owned()
        } else {
            fault(format!("serve.registry: `{name}` is no host of a registry, as in registry.example:5000"));
            name.clone()
        };
        Allowed { name, aliases: aliases.clone(), repositories: repositories.clone() }
    }
}
