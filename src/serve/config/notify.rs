//! `[[serve.notify]]`: who is told of new findings.

use std::path::PathBuf;

use serde::Deserialize;

use super::faults::{InTable, Said};
use super::secrets::{Secrets, Whereabouts};
use crate::secret::Secret;
use crate::serve::allowed::Allowed;
use crate::serve::messages::{FORMS, Form, signing_key};
use crate::signature::Severity;
use crate::source::is_address;
use crate::source::registry::fits_some;

/// A table `[[serve.notify]]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct NotifyTable {
    /// What the receiver is called, in logs and in the list of jobs.
    pub name: String,
    /// The form of a message: `webhook`, `cloudevents`, `cloudevents-structured` or `slack`.
    pub kind: String,
    /// Where its address is, which is a secret.
    pub url_file: Option<PathBuf>,
    /// The variable of the environment that has its address.
    pub url_env: Option<String>,
    /// Where the key is that messages are signed with.
    pub secret_file: Option<PathBuf>,
    /// The variable of the environment that has the key.
    pub secret_env: Option<String>,
    /// Findings that are less severe are not told; `low`.
    pub min_severity: Option<String>,
    /// Globs of repositories with their registries, `HOST/PATH`; all if there is none.
    pub repositories: Vec<String>,
    /// Messages in a minute, at most; 60.
    pub per_minute: Option<u32>,
}

/// Somebody who is told of new findings.
#[derive(Debug, Clone)]
pub struct Receiver {
    /// What it is called.
    pub name: String,
    /// The form of its messages.
    pub form: &'static Form,
    /// Its address.
    pub url: Secret,
    /// What messages are signed with, as the bytes that it is.
    pub key: Option<Secret>,
    /// What is less severe is not told.
    pub least: Severity,
    /// Globs of repositories with their registries.
    pub repositories: Vec<String>,
    /// Milliseconds between two messages.
    pub pause: i64,
}

/// Messages in a minute unless the configuration says otherwise, and at most.
const PACE: (u32, u32) = (60, 6_000);

/// Bytes of the name of a receiver at most.
const LONGEST: usize = 60;

impl NotifyTable {
    pub(super) fn checked(
        &self,
        secrets: &Secrets<'_>,
        registries: &[Allowed],
        table: &mut InTable<'_>,
    ) -> Option<Receiver> {
        let usable = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if self.name.is_empty() || self.name.len() > LONGEST || !self.name.bytes().all(usable) {
            table.fault(
                "name",
                format!("give it a name of letters, digits, `.`, `_` and `-`, {LONGEST} at most"),
            );
        }
        let form = FORMS.iter().find(|form| form.name == self.kind).ok_or_else(|| {
            let known: Vec<&str> = FORMS.iter().map(|form| form.name).collect();
            format!("there is no kind `{}`: there are {}", self.kind, known.join(", "))
        });
        let form = table.right("kind", form);
        let url = self.url(secrets, table);
        let key = self.key(secrets, form.is_some_and(|form| form.needs_key), table);
        let least = self.min_severity.as_deref().map_or(Some(Severity::Low), Severity::named);
        let least = table
            .right("min-severity", least.ok_or_else(|| "it is low, medium, high or critical".to_owned()));
        for glob in &self.repositories {
            if !registries.is_empty()
                && !registries.iter().any(|allowed| fits_some(glob, &format!("{}/", allowed.name)))
            {
                let host = registries.first().map_or("registry.example", |allowed| &allowed.name);
                let why = format!(
                    "`{glob}` is of no registry on the list: it is compared with HOST/PATH, as in {host}/team/*"
                );
                table.fault("repositories", why);
            }
        }
        let pace = table.number("per-minute", (self.per_minute, PACE.0), (1, PACE.1));
        let (name, repositories) = (self.name.clone(), self.repositories.clone());
        Some(Receiver {
            name,
            form: form?,
            url: url?,
            key: key.ok()?,
            least: least?,
            repositories,
            pause: i64::from(60_000 / pace),
        })
    }

    fn url(&self, secrets: &Secrets<'_>, table: &mut InTable<'_>) -> Option<Secret> {
        let there = Whereabouts {
            called: "url",
            file: ("url-file", self.url_file.as_deref()),
            variable: ("url-env", self.url_env.as_deref()),
        };
        let url = secrets.read_any(table, &there)?;
        // What it is does not stand in the message: it may be the secret.
        if !std::str::from_utf8(url.expose()).is_ok_and(is_address) {
            let why = "what it holds is no address of http or https: write one line, as in https://chat.example/hooks/…";
            table.fault(there.key(), why);
            return None;
        }
        Some(url)
    }

    /// The key of signatures, if there is one. What is wrong with it is noted.
    fn key(
        &self,
        secrets: &Secrets<'_>,
        needed: bool,
        table: &mut InTable<'_>,
    ) -> Result<Option<Secret>, ()> {
        if !needed && self.secret_file.is_none() && self.secret_env.is_none() {
            return Ok(None);
        }
        let there = Whereabouts::secret(self.secret_file.as_deref(), self.secret_env.as_deref());
        let secret = secrets.read(table, &there).ok_or(())?;
        table.right(there.key(), signing_key(&secret)).map(Some).ok_or(())
    }
}

/// Notes receivers that have one name.
pub(super) fn alike(all: &[NotifyTable], said: &mut Said) {
    for (number, table) in all.iter().enumerate() {
        if all[..number].iter().any(|other| other.name == table.name) {
            let why = format!("two have the name `{}`: give one of them another", table.name);
            said.of("notify", Some(number)).fault("name", why);
        }
    }
}
