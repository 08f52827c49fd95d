//! `[[serve.hook]]`: who may tell of pushes, and how they prove themselves.

use std::path::PathBuf;

use serde::Deserialize;

use super::Secrets;
use crate::serve::allowed::Allowed;
use crate::serve::hooks::proof::{Proof, Scheme};
use crate::serve::hooks::{AUTO, DIALECTS, Dialect};

/// A table `[[serve.hook]]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct HookTable {
    /// A dialect, or `auto`.
    pub kind: String,
    /// `header`, `basic`, `hmac`, `url` or `none`; what the dialect mostly has.
    pub proof: Option<String>,
    /// The header with the secret or the signature.
    pub header: Option<String>,
    /// The user of `basic`.
    pub user: Option<String>,
    /// The registry that events are of which name none.
    pub registry: Option<String>,
    /// Deliveries that are taken in a minute; more are told to come again. All if it is not said.
    pub per_minute: Option<u32>,
    /// Where the secret is.
    pub secret_file: Option<PathBuf>,
    /// The variable of the environment that has the secret.
    pub secret_env: Option<String>,
}

/// A hook.
#[derive(Debug, Clone)]
pub struct Hook {
    /// None: whichever it is.
    pub dialect: Option<&'static Dialect>,
    /// What its senders have to show.
    pub proof: Proof,
    /// The registry that events are of which name none.
    pub registry: Option<String>,
    /// Deliveries that are taken in a minute.
    pub per_minute: Option<u32>,
}

impl HookTable {
    pub(super) fn checked(
        &self,
        secrets: &Secrets<'_>,
        local: bool,
        registries: &[Allowed],
    ) -> Result<Hook, String> {
        let dialect = Dialect::named(&self.kind);
        if dialect.is_none() && self.kind != AUTO {
            let known: Vec<&str> = DIALECTS.iter().map(|dialect| dialect.name).collect();
            return Err(format!(
                "there is no kind `{}`: there are {} and {AUTO}",
                self.kind,
                known.join(", ")
            ));
        }
        let known = |name: &str| registries.iter().any(|allowed| allowed.is_called(name));
        match &self.registry {
            Some(name) if !known(name) => return Err(format!("the registry `{name}` is not on the list")),
            None if dialect.is_some_and(|dialect| !dialect.names_registry) => {
                return Err(format!(
                    "events of {} name no registry: say which one it is, with registry",
                    self.kind
                ));
            }
            _ => {}
        }
        let proof = self.proof(dialect, secrets, local)?;
        if self.per_minute == Some(0) {
            return Err("per-minute is at least 1".to_owned());
        }
        Ok(Hook { dialect, proof, registry: self.registry.clone(), per_minute: self.per_minute })
    }

    fn proof(&self, dialect: Option<&Dialect>, secrets: &Secrets<'_>, local: bool) -> Result<Proof, String> {
        let usual = dialect.map_or(Scheme::Url, |dialect| dialect.scheme);
        let proof = self.proof.as_deref().unwrap_or(usual.name());
        if proof == "none" {
            let why = "no proof is for a service that only this machine reaches";
            return if local { Ok(Proof::None) } else { Err(why.to_owned()) };
        }
        let secret = secrets.read(self.secret_file.as_ref(), self.secret_env.as_ref())?;
        let header = self.header.as_ref().map(|header| header.to_ascii_lowercase());
        Ok(match (proof, usual) {
            ("header", Scheme::Header(usual)) => {
                Proof::Header(header.unwrap_or_else(|| usual.to_owned()), secret)
            }
            ("header", _) => Proof::Header(header.unwrap_or_else(|| "authorization".to_owned()), secret),
            ("hmac", Scheme::Hmac(usual)) => {
                let usual = || usual.iter().map(|&name| name.to_owned()).collect();
                Proof::Hmac(header.map_or_else(usual, |header| vec![header]), secret)
            }
            ("hmac", _) => {
                Proof::Hmac(vec![header.ok_or("name the header with the signature, with header")?], secret)
            }
            ("basic", _) => Proof::Basic(self.user.clone().ok_or("name the user, with user")?, secret),
            ("url", _) => Proof::Url(secret),
            (other, _) => {
                return Err(format!(
                    "there is no proof `{other}`: there are header, basic, hmac, url and none"
                ));
            }
        })
    }
}
