//! `[[serve.registry]]`: a registry that events may be about.

use serde::Deserialize;

use crate::serve::allowed::Allowed;
use crate::source::registry::RepositoryName;

/// A table `[[serve.registry]]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
#[expect(missing_docs, reason = "the keys are those of `Allowed`")]
pub struct RegistryTable {
    pub name: String,
    pub aliases: Vec<String>,
    pub repositories: Vec<String>,
}

impl RegistryTable {
    pub(super) fn checked(&self, fault: &mut dyn FnMut(String)) -> Allowed {
        let Self { name, aliases, repositories } = self;
        let name = if let Ok(image) = RepositoryName::at(name, "image") {
            image.domain().to_owned()
        } else {
            fault(format!("serve.registry: `{name}` is no host of a registry, as in registry.example:5000"));
            name.clone()
        };
        Allowed { name, aliases: aliases.clone(), repositories: repositories.clone() }
    }
}
