//! `[[serve.registry]]`: a registry that events may be about.

use serde::Deserialize;

use super::faults::{InTable, Said};
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
    pub(super) fn checked(&self, table: &mut InTable<'_>) -> Allowed {
        let Self { name, aliases, repositories, .. } = self;
        let name = if let Ok(image) = RepositoryName::at(name, "image") {
            image.domain().to_owned()
        } else {
            table.fault("name", format!("`{name}` is no host of a registry, as in registry.example:5000"));
            name.clone()
        };
        for alias in aliases.iter().filter(|alias| !is_host(alias)) {
            let why = "is no name of a registry in an event: write a host, perhaps with a port, without scheme and path";
            table.fault("aliases", format!("`{alias}` {why}"));
        }
        for glob in repositories {
            if let Err(why) = is_glob(&name, glob) {
                table.fault("repositories", why);
            }
        }
        for text in &self.leads_to {
            if !is_place(text) {
                let why = format!(
                    "`{text}` is no host, address or network: write it without scheme and port, as in 10.0.0.0/8"
                );
                table.fault("leads-to", why);
            }
        }
        Allowed { name, aliases: aliases.clone(), repositories: repositories.clone() }
    }
}

/// Notes registries of which one event could be meant for two: by their names, or by other names of theirs.
pub(super) fn alike(all: &[Allowed], said: &mut Said) {
    for (number, allowed) in all.iter().enumerate() {
        let mut table = said.of("registry", Some(number));
        let called = |name: &str| all[..number].iter().find(|other| other.is_called(name));
        if let Some(other) = called(&allowed.name) {
            table.fault(
                "name",
                format!("the registry `{}` is called so already: put both tables into one", other.name),
            );
        }
        for alias in &allowed.aliases {
            // An alias that is the name of a later one is told where that one is looked at.
            if let Some(other) = called(alias) {
                let why =
                    format!("`{alias}` is the registry `{}`: events would be taken for its own", other.name);
                table.fault("aliases", why);
            }
        }
    }
}

/// Whether `text` may be how an event names a registry: a host or a word, perhaps with a port.
fn is_host(text: &str) -> bool {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
    !text.is_empty() && text.bytes().all(is_name) && !text.starts_with(':')
}

/// Why no repository of the registry `name` is as `glob` says, if none can be.
fn is_glob(name: &str, glob: &str) -> Result<(), String> {
    // A host of one word may be the first word of a path too.
    let is_host = name.contains(['.', ':']);
    if let Some(path) = glob.strip_prefix(&format!("{name}/")).filter(|_| is_host) {
        return Err(format!("`{glob}` is compared with what stands behind the host: write `{path}`"));
    }
    // What `*` and `?` stand for matters to no rule of paths as long as it is a letter.
    let path = glob.replace(['*', '?'], "a");
    match RepositoryName::at(name, &path) {
        Ok(_) => Ok(()),
        Err(_) => Err(format!(
            "no repository is as `{glob}` says: write a path of small letters without tag, as in team/*"
        )),
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
