//! Proves to a registry who is asking: nothing, user and password, or a token that is fetched, kept and renewed.
//!
//! What to send is learnt from the first answer that refuses. A token is kept for its scope until shortly before it
//! ends; a registry that refuses it earlier gets a fresh one once. Many threads may be refused at the same time: one of
//! them fetches, the others wait for it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::challenge::{Challenge, challenges};
use super::credentials::Login;
use crate::secret::Secret;
use crate::source::http::{Http, Reply, Request, Url};
use crate::source::remote::{RemoteError, RemoteFault};
use crate::stream::read_bounded;

/// The logins of one registry.
pub(super) struct Auth {
    login: Option<Login>,
    known: Mutex<HashMap<String, Known>>,
}

/// What is sent for one scope.
#[derive(Clone)]
struct Known {
    header: Secret,
    /// When it ends; none if it does not.
    until: Option<Instant>,
}

/// More than any token needs.
const LARGEST: u64 = 64 << 10;
/// How long a token is good whose server does not say (token specification, `expires_in`).
const USUAL: u64 = 60;

#[derive(Deserialize)]
struct Given {
    #[serde(default)]
    token: Zeroizing<String>,
    #[serde(default)]
    access_token: Zeroizing<String>,
    expires_in: Option<f64>,
}

impl Known {
    /// Whether it is not over yet.
    fn is_valid(&self) -> bool {
        self.until.is_none_or(|until| Instant::now() < until)
    }
}

impl Auth {
    pub(super) fn new(login: Option<Login>) -> Self {
        Self { login, known: Mutex::default() }
    }

    /// What to send with a request for `scope`, as far as it is known.
    pub(super) fn header(&self, scope: &str) -> Option<Secret> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(scope).filter(|known| known.is_valid()).map(|known| known.header.clone())
    }

    /// What to send instead of `sent`, which `refused` refused.
    pub(super) fn renew(
        &self,
        http: &Http,
        scope: &str,
        sent: Option<&Secret>,
        refused: &Reply,
    ) -> Result<Secret, RemoteError> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(other) = known.get(scope).filter(|known| known.is_valid() && Some(&known.header) != sent)
        {
            return Ok(other.header.clone());
        }
        let fresh = self.log_in(http, scope, sent.is_some(), refused)?;
        known.insert(scope.to_owned(), fresh.clone());
        Ok(fresh.header)
    }

    fn log_in(&self, http: &Http, scope: &str, again: bool, refused: &Reply) -> Result<Known, RemoteError> {
        let headers = refused.headers.get_all("www-authenticate");
        let offered: Vec<Challenge> =
            headers.iter().filter_map(|value| value.to_str().ok()).flat_map(challenges).collect();
        if let Some(Login::Registry(token)) = self.login.as_ref().filter(|_| !again) {
            return Ok(Known { header: header("Bearer ", token.expose()), until: None });
        }
        let bearer = offered.iter().find_map(|challenge| match challenge {
            Challenge::Bearer { realm, service, scope } => Some((realm, service, scope)),
            Challenge::Basic => None,
        });
        if let Some((realm, service, asked)) = bearer {
            let server = token_server(realm, &refused.url)?;
            let server =
                service.iter().try_fold(server, |server, service| server.with_query("service", service));
            let scope = asked.as_deref().filter(|asked| !asked.is_empty()).unwrap_or(scope);
            let server = server.and_then(|server| server.with_query("scope", scope));
            let server = server.ok_or_else(|| odd_realm(&refused.url))?;
            return self.token(http, &server, &refused.url);
        }
        match &self.login {
            Some(Login::Password(user, password)) if offered.contains(&Challenge::Basic) => {
                Ok(Known { header: basic(user, password), until: None })
            }
            Some(_) => Err(denied(&refused.url, "it does not accept the login")),
            None => Err(denied(&refused.url, "it asks for a login")),
        }
    }

    /// Fetches a token from `server`.
    fn token(&self, http: &Http, server: &Url, registry: &Url) -> Result<Known, RemoteError> {
        let referred = http.is_referred(registry, server);
        let mut request = Request { referred, ..Request::get(server.clone()) };
        let reply = match &self.login {
            Some(Login::Identity(token)) => http.exchange(&request, token)?,
            Some(Login::Password(user, password)) => {
                request.authorization = Some(basic(user, password));
                http.fetch(&request)?
            }
            _ => http.fetch(&request)?,
        };
        match reply.status {
            200 => {}
            401 | 403 if self.login.is_some() => {
                return Err(denied(registry, &format!("{server} does not accept the login")));
            }
            401 | 403 => return Err(denied(registry, &format!("{server} asks for a login"))),
            status => return Err(super::client::status_error(server, status, &reply)),
        }
        let mut body = reply.body;
        let bytes = read_bounded(&mut body, LARGEST)
            .map_err(|error| RemoteError::passing(format!("{server}: {error}")))?
            .map(Zeroizing::new);
        let parsed = bytes.and_then(|bytes| serde_json::from_slice::<Given>(&bytes).ok());
        let odd = || RemoteError::refused(format!("{server} gives no token, but something else"));
        let Given { token, access_token, expires_in } = parsed.ok_or_else(odd)?;
        let token = if token.is_empty() { access_token } else { token };
        if token.is_empty() {
            return Err(odd());
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is bounded first")]
        let seconds = expires_in.map_or(USUAL, |seconds| seconds.clamp(1.0, 86_400.0) as u64);
        // A tenth before its end, for the time that a request is on its way.
        let until = Instant::now() + Duration::from_millis(seconds * 900);
        Ok(Known { header: header("Bearer ", token.as_bytes()), until: Some(until) })
    }
}

/// The token server that `registry` names. Only one without TLS itself may name one without.
fn token_server(realm: &str, registry: &Url) -> Result<Url, RemoteError> {
    let server = registry.join(realm).ok_or_else(|| odd_realm(registry))?;
    if registry.is_tls() && !server.is_tls() {
        let message = format!("{registry} wants a login sent to {server}, over a connection without TLS");
        return Err(RemoteError::refused(message));
    }
    Ok(server)
}

fn odd_realm(registry: &Url) -> RemoteError {
    RemoteError::refused(format!("{registry} names a token server that is no address"))
}

fn basic(user: &str, password: &Secret) -> Secret {
    let pair = Zeroizing::new([user.as_bytes(), b":", password.expose()].concat());
    header("Basic ", Zeroizing::new(STANDARD.encode(&pair)).as_bytes())
}

fn header(scheme: &str, value: &[u8]) -> Secret {
    Secret::new([scheme.as_bytes(), value].concat())
}

pub(super) fn denied(url: &Url, why: &str) -> RemoteError {
    let remedy = "log in with `docker login` or `podman login`, or give --username and --password-stdin";
    RemoteError::new(RemoteFault::Denied, format!("{url} is not given: {why}"), remedy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_not_sent_without_tls_where_the_registry_has_it() {
        let url = |text: &str| Url::parse(text).unwrap();
        let safe = url("https://r.example/v2/");
        assert!(token_server("https://auth.example/token", &safe).is_ok());
        assert!(token_server("/token", &safe).is_ok());
        for realm in ["http://auth.example/token", "ftp://auth.example", "", "https://u:p@auth.example/"] {
            let accepted = token_server(realm, &safe).is_ok_and(|server| !server.same_origin(&safe));
            assert!(!accepted, "{realm}");
        }
        assert!(token_server("http://127.0.0.1:1/token", &url("http://127.0.0.1:2/v2/")).is_ok());
    }

    #[test]
    fn headers_hide_what_they_hold() {
        let header = basic("Aladdin", &Secret::new("open sesame"));
        assert_eq!(header.expose(), b"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert!(!format!("{header:?}").contains("QWxh"));
    }
}
