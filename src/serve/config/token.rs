//! `[[serve.token]]`: who may ask, and what they may do.

use std::path::PathBuf;

use serde::Deserialize;

use super::faults::{InTable, Said};
use super::secrets::{Secrets, Whereabouts, in_header, same};
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

/// Bytes that the name of a token has at most.
const LONGEST: usize = 100;

impl TokenTable {
    pub(super) fn checked(&self, secrets: &Secrets<'_>, table: &mut InTable<'_>) -> Option<Token> {
        let name = self.name.clone();
        if name.trim().is_empty() || name.len() > LONGEST || name.chars().any(char::is_control) {
            let why =
                format!("say who has it in 1 to {LONGEST} characters: the record of changes names them so");
            table.fault("name", why);
        }
        let role = ROLES.iter().find(|(_, name)| *name == self.role).map(|(role, _)| *role);
        let role =
            role.ok_or_else(|| format!("there is no role `{}`: there are read, triage and admin", self.role));
        let role = table.right("role", role);
        let there = Whereabouts::secret(self.secret_file.as_deref(), self.secret_env.as_deref());
        let secret = secrets.read(table, &there)?;
        table.right(there.key(), in_header(&secret))?;
        Some(Token { name, role: role?, secret })
    }
}

/// Notes tokens that cannot be told apart: by who has them, or by what they show.
pub(super) fn alike(all: &[(usize, Token)], said: &mut Said) {
    for (at, (number, token)) in all.iter().enumerate() {
        let mut table = said.of("token", Some(*number));
        let before = &all[..at];
        if before.iter().any(|(_, other)| other.name == token.name) {
            let why =
                format!("another token is called `{}` too: nobody would know who changed what", token.name);
            table.fault("name", why);
        }
        if let Some((_, other)) = before.iter().find(|(_, other)| same(&other.secret, &token.secret)) {
            table.fault("", format!("its secret is that of the token `{}`: give it its own", other.name));
        }
    }
}
