//! `[[serve.registry]]`: a registry that events may be about.

use serde::Deserialize;

use crate::serve::allowed::Allowed;
use crate::source::registry::RepositoryName;
use crate::source::{Network, Reach};

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
    /// Hosts, addresses and networks that it may lead on to beside those that everybody reaches.
    pub leads_to: Vec<String>,
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
        for text in &self.leads_to {
            if !is_place(text) {
                fault(format!(
                    "serve.registry: leads-to: `{text}` is no host, address or network, as in 10.0.0.0/8"
                ));
            }
        }
        Allowed { name, aliases: aliases.clone(), repositories: repositories.clone() }
    }
}

/// Whether `text` is a network, an address or the name of a host.
fn is_place(text: &str) -> bool {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    text.parse::<Network>().is_ok() || (!text.is_empty() && text.bytes().all(is_name))
}

/// Where registries may lead on to.
pub(super) fn reach(tables: &[RegistryTable], registries: &[Allowed]) -> Reach {
    let host = |allowed: &Allowed| match allowed.name.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host.to_owned(),
        _ => allowed.name.clone(),
    };
    let mut reach = Reach { registries: registries.iter().map(host).collect(), ..Reach::default() };
    for text in tables.iter().flat_map(|table| &table.leads_to) {
        match text.parse() {
            Ok(network) => reach.networks.push(network),
            Err(_) => reach.hosts.push(text.clone()),
        }
    }
    reach
}
