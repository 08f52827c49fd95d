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

/// Every role, and what the configuration calls it.
const ROLES: &[(Role, &str)] = &[(Role::Read, "read"), (Role::Triage, "triage"), (Role::Admin, "admin")];

impl Role {
    /// What the configuration calls it.
    pub fn as_str(self) -> &'static str {
        ROLES.iter().find(|(role, _)| *role == self).map_or("", |(_, name)| name)
    }
}

impl TokenTable {
    pub(super) fn checked(&self, secrets: &Secrets<'_>) -> Result<Token, String> {
        let role = ROLES.iter().find(|(_, name)| *name == self.role).map(|(role, _)| *role);
        let role = role
            .ok_or_else(|| format!("there is no role `{}`: there are read, triage and admin", self.role))?;
        let secret = secrets.read(self.secret_file.as_ref(), self.secret_env.as_ref())?;
        Ok(Token { name: self.name.clone(), role, secret })
    }
}
