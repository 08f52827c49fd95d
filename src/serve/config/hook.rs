//! `[[serve.hook]]`: who may tell of pushes, and how they prove themselves.

use std::path::PathBuf;

use serde::Deserialize;

use super::Token;
use super::faults::{InTable, Said};
use super::secrets::{Secrets, Whereabouts, in_header, same};
use crate::secret::Secret;
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

/// Every proof that can be asked for.
const PROOFS: &[&str] = &["header", "basic", "hmac", "url", "none"];

impl HookTable {
    pub(super) fn checked(
        &self,
        secrets: &Secrets<'_>,
        local: bool,
        registries: &[Allowed],
        table: &mut InTable<'_>,
    ) -> Option<Hook> {
        let dialect = Dialect::named(&self.kind);
        if dialect.is_none() && self.kind != AUTO {
            let known: Vec<&str> = DIALECTS.iter().map(|dialect| dialect.name).collect();
            let known = known.join(", ");
            table.fault("kind", format!("there is no kind `{}`: there are {known} and {AUTO}", self.kind));
        }
        self.check_registry(dialect, registries, table);
        if self.per_minute == Some(0) {
            table.fault("per-minute", "nothing would be taken: it is at least 1");
        }
        let proof = self.proof(dialect, secrets, local, table)?;
        Some(Hook { dialect, proof, registry: self.registry.clone(), per_minute: self.per_minute })
    }

    fn check_registry(&self, dialect: Option<&Dialect>, registries: &[Allowed], table: &mut InTable<'_>) {
        let known = |name: &str| registries.iter().any(|allowed| allowed.is_called(name));
        match &self.registry {
            Some(name) if !known(name) => {
                table.fault(
                    "registry",
                    format!("`{name}` is not on the list: it is a name of a [[serve.registry]]"),
                );
            }
            None if dialect.is_some_and(|dialect| !dialect.names_registry) => {
                let why =
                    format!("events of {} name no registry: say which one it is, with registry", self.kind);
                table.fault("registry", why);
            }
            _ => {}
        }
    }

    fn proof(
        &self,
        dialect: Option<&Dialect>,
        secrets: &Secrets<'_>,
        local: bool,
        table: &mut InTable<'_>,
    ) -> Option<Proof> {
        let usual = dialect.map_or(Scheme::Url, |dialect| dialect.scheme);
        let proof = self.proof.as_deref().unwrap_or(usual.name());
        if !PROOFS.contains(&proof) {
            table.fault("proof", format!("there is no proof `{proof}`: there are {}", PROOFS.join(", ")));
            return None;
        }
        self.check_parts(proof, table);
        if proof == "none" {
            if !local {
                table
                    .fault("proof", "none is for a service that only this machine reaches: name another one");
            }
            return local.then_some(Proof::None);
        }
        let there = Whereabouts::secret(self.secret_file.as_deref(), self.secret_env.as_deref());
        let secret = secrets.read(table, &there);
        let header = self.header.as_ref().map(|header| header.to_ascii_lowercase());
        match proof {
            "header" => {
                let usual = if let Scheme::Header(usual) = usual { usual } else { "authorization" };
                let secret = secret?;
                table.right(there.key(), in_header(&secret))?;
                Some(Proof::Header(header.unwrap_or_else(|| usual.to_owned()), secret))
            }
            "hmac" => {
                let usual = if let Scheme::Hmac(usual) = usual { usual } else { &[] };
                let usual: Vec<String> = usual.iter().map(|&name| name.to_owned()).collect();
                let names = header.map_or(usual, |header| vec![header]);
                if names.is_empty() {
                    table.fault("header", "name the header with the signature, with header");
                }
                Some(Proof::Hmac(names, secret?))
            }
            "basic" => {
                let user = self.user.clone();
                if user.is_none() {
                    table.fault("user", "name the user, with user");
                }
                let secret = secret?;
                table.right(there.key(), is_text(&secret))?;
                Some(Proof::Basic(user?, secret))
            }
            _ => {
                let secret = secret?;
                table.right(there.key(), is_text(&secret))?;
                Some(Proof::Url(secret))
            }
        }
    }

    /// Whether what stands beside the proof is of use with it, and can be sent.
    fn check_parts(&self, proof: &str, table: &mut InTable<'_>) {
        match &self.header {
            Some(_) if proof != "header" && proof != "hmac" => {
                table.fault(
                    "header",
                    format!("the proof {proof} has no header: take it away, or name another proof"),
                );
            }
            Some(name) if !is_header(name) => {
                table.fault("header", format!("`{name}` is no name of a header: write it without spaces and colon, as in X-Signature"));
            }
            _ => {}
        }
        match &self.user {
            Some(_) if proof != "basic" => {
                table.fault(
                    "user",
                    format!("the proof {proof} has no user: take it away, or write proof = \"basic\""),
                );
            }
            // RFC 7617, section 2: the first colon ends it.
            Some(name) if name.is_empty() || name.contains(':') || name.chars().any(char::is_control) => {
                table.fault(
                    "user",
                    format!("`{name}` is no name of a user: it has a character at least, and no colon"),
                );
            }
            _ => {}
        }
    }
}

/// Notes hooks of which the second would never be asked: of one path, and with one secret.
pub(super) fn alike(all: &[(usize, Hook)], said: &mut Said) {
    let kind = |hook: &Hook| hook.dialect.map_or(AUTO, |dialect| dialect.name);
    for (at, (number, hook)) in all.iter().enumerate() {
        let twin = all[..at]
            .iter()
            .find(|(_, other)| kind(other) == kind(hook) && is_same(&other.proof, &hook.proof));
        if let Some((other, _)) = twin {
            let why = format!(
                "the hook {} is of this kind and has this secret too, and takes all deliveries: give one of them another",
                other + 1
            );
            said.of("hook", Some(*number)).fault("", why);
        }
    }
}

/// Whether whoever shows the second proof has shown the first.
fn is_same(first: &Proof, second: &Proof) -> bool {
    match (first, second) {
        (Proof::Header(name, secret), Proof::Header(other, others)) => name == other && same(secret, others),
        (Proof::Basic(user, secret), Proof::Basic(other, others)) => user == other && same(secret, others),
        (Proof::Hmac(names, secret), Proof::Hmac(other, others)) => {
            other.iter().all(|name| names.contains(name)) && same(secret, others)
        }
        (Proof::Url(secret), Proof::Url(others)) => same(secret, others),
        (Proof::None, Proof::None) => true,
        _ => false,
    }
}

/// Notes tokens that open what somebody has who only tells of pushes: secrets of hooks are in other hands, and in logs of proxies.
pub(super) fn shared(hooks: &[(usize, Hook)], tokens: &[(usize, Token)], said: &mut Said) {
    for (number, token) in tokens {
        let hook =
            hooks.iter().find(|(_, hook)| hook.proof.secret().is_some_and(|own| same(own, &token.secret)));
        if let Some((hook, _)) = hook {
            let why = format!(
                "its secret is that of the hook {}: whoever tells of pushes could ask. Give it its own",
                hook + 1
            );
            said.of("token", Some(*number)).fault("", why);
        }
    }
}

/// Whether `name` may be that of a header (RFC 9110, section 5.1).
fn is_header(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(fits)
}

/// Why `secret` cannot be a password or a part of a path, if it cannot.
fn is_text(secret: &Secret) -> Result<(), String> {
    let text = std::str::from_utf8(secret.expose());
    match text {
        Ok(text) if !text.chars().any(char::is_control) => Ok(()),
        _ => Err("its secret is no text of one line, so that nobody can send it: make it one line of letters and digits".to_owned()),
    }
}
