//! `[[serve.notify]]`: who is told of new findings.

use std::path::PathBuf;

use serde::Deserialize;

use super::Secrets;
use crate::secret::Secret;
use crate::serve::messages::{FORMS, Form};
use crate::signature::Severity;

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
    /// What messages are signed with.
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

impl NotifyTable {
    pub(super) fn checked(&self, secrets: &Secrets<'_>) -> Result<Receiver, String> {
        let form = FORMS.iter().find(|form| form.name == self.kind).ok_or_else(|| {
            let known: Vec<&str> = FORMS.iter().map(|form| form.name).collect();
            format!("there is no kind `{}`: there are {}", self.kind, known.join(", "))
        })?;
        let usable = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if self.name.is_empty() || self.name.len() > 60 || !self.name.bytes().all(usable) {
            return Err("give it a name of letters, digits, `.`, `_` and `-`, with name".to_owned());
        }
        let url = secrets.read_as("url", self.url_file.as_ref(), self.url_env.as_ref())?;
        let text = std::str::from_utf8(url.expose()).unwrap_or_default();
        if !text.starts_with("https://") && !text.starts_with("http://") {
            return Err("its url is no address of http or https".to_owned());
        }
        let has_key = self.secret_file.is_some() || self.secret_env.is_some();
        let key = (has_key || form.needs_key)
            .then(|| secrets.read(self.secret_file.as_ref(), self.secret_env.as_ref()))
            .transpose()?;
        let least = self.min_severity.as_deref().map_or(Some(Severity::Low), Severity::named);
        let least = least.ok_or("min-severity is low, medium, high or critical")?;
        let pace = self.per_minute.unwrap_or(PACE.0);
        if !(1..=PACE.1).contains(&pace) {
            return Err(format!("per-minute is from 1 to {}", PACE.1));
        }
        let (name, repositories) = (self.name.clone(), self.repositories.clone());
        Ok(Receiver { name, form, url, key, least, repositories, pause: i64::from(60_000 / pace) })
    }
}
