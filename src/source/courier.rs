//! Messages to servers that the user named: a request with a body, and whether it arrived.
//!
//! Nobody is followed elsewhere, and no error says more of the address than its host: the rest of it may be the secret.

use std::io::Read as _;
use std::time::Duration;

use super::http::{Http, Url};
use super::remote::{Remote, RemoteError};

/// Who brings messages to one receiver.
pub struct Courier {
    http: Http,
    url: Url,
}

/// What a receiver answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answered {
    /// The status of HTTP.
    pub status: u16,
    /// How long it asks to wait.
    pub wait: Option<Duration>,
}

/// Bytes of an answer that are read, so that the connection can be used again.
const ANSWER: u64 = 4 << 10;

/// Whether `url` is an address of http or https to which something can be sent: with a host, and without a user in it.
pub fn is_address(url: &str) -> bool {
    Url::parse(url).is_some()
}

impl Courier {
    /// One for the receiver at `url`, which errors call `called`. None if that is no address of http or https.
    pub fn to(url: &str, called: &str, remote: &Remote) -> Option<Result<Self, RemoteError>> {
        let url = Url::parse(url)?;
        Some(Http::to_receiver(remote, called).map(|http| Self { http, url }))
    }

    /// Brings `body`, once.
    pub fn bring(&self, headers: &[(&'static str, String)], body: &[u8]) -> Result<Answered, RemoteError> {
        let mut reply = self.http.post(&self.url, headers, body)?;
        let wait = reply.header("retry-after").and_then(super::registry::seconds);
        let status = reply.status;
        // What it says beside its status does not matter, and whether it says it to the end neither.
        #[expect(clippy::disallowed_methods, reason = "a bound, and nothing is lost behind it")]
        let _ = std::io::copy(&mut (&mut reply.body).take(ANSWER), &mut std::io::sink());
        Ok(Answered { status, wait })
    }
}
