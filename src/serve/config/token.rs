//! `[[serve.token]]`: who may ask, and what they may do.

use std::path::PathBuf;

use serde::Deserialize;

use super::Secrets;
use crate::secret::Secret;

/// A table `[[serve.token]]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct TokenTable {
    /// Who has it, for the log.
    pub name: String,
    /// `read`, `triage` or `admin`.
    pub role: String,
    /// Where the secret is.
    pub secret_file: Option<PathBuf>,
    /// The variable of the environment that has the secret.
    pub secret_env: Option<String>,
}

/// What its holder may do.
#[derive(Debug, Clone)]
pub struct Token {
    /// Who has it.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// What they show.
    pub secret: Secret,
}

/// What somebody may do; whoever may do more may do less, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Look.
    Read,
    /// Decide about findings.
    Triage,
    /// Everything.
    Admin,
}

impl TokenTable {
    pub(super) fn checked(&self, secrets: &Secrets<'_>) -> Result<Token, String> {
        let role = match self.role.as_str() {
            "read" => Role::Read,
            "triage" => Role::Triage,
            "admin" => Role::Admin,
            other => return Err(format!("there is no role `{other}`: there are read, triage and admin")),
        };
        let secret = secrets.read(self.secret_file.as_ref(), self.secret_env.as_ref())?;
        Ok(Token { name: self.name.clone(), role, secret })
    }
}
