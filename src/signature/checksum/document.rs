//! Documents that are credentials as a whole: Google's service accounts, Docker's registry logins, private JWKs.

use serde_json::{Map, Value};

use super::Verdict;
use super::codec::{Filler, LONGEST, base64_decode, base64url_encode};
use super::{encoded, pem};

/// A service account whose private key has the structure of one. The document may be cut or escaped: the key inside
/// decides.
pub(super) fn gcp_service_account(text: &[u8]) -> Verdict {
    let has = |needle: &[u8]| memchr::memmem::find(text, needle).is_some();
    if !has(b"-----BEGIN ") {
        return Verdict::Unknown;
    }
    match pem::check(text) {
        Verdict::Pass if has(b"service_account") || has(b"gserviceaccount.com") => Verdict::Pass,
        Verdict::Pass => Verdict::Unknown,
        other => other,
    }
}

/// A whole document, or the rest of one after `"private_key": "`.
pub(super) fn complete_gcp_service_account(so_far: &str) -> String {
    let key = pem::complete("").replace('\n', "\\n") + "\\n";
    if so_far.ends_with('"') {
        return key;
    }
    let id = Filler::after(so_far).text(b"0123456789abcdef", 40);
    format!(
        r#"{{"type": "service_account", "project_id": "made-up", "private_key_id": "{id}", "private_key": "{key}", "client_email": "made-up@made-up.iam.gserviceaccount.com"}}"#
    )
}

/// `{"auths": {HOST: {"auth": base64(user:password)}}}`, plain or as a whole in base64, or one `auth` value.
pub(super) fn docker_config(text: &[u8]) -> Verdict {
    let Some(document) = object(text).or_else(|| object(&base64_decode(text.trim_ascii())?)) else {
        return encoded::user_pass(text);
    };
    let hosts = match document.get("auths") {
        Some(Value::Object(hosts)) => hosts,
        Some(_) => return Verdict::Fail,
        None => &document,
    };
    Verdict::from(hosts.values().any(|login| {
        let text = |name: &str| login.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        let auth = text("auth").is_some_and(|auth| encoded::user_pass(auth.as_bytes()) == Verdict::Pass);
        auth || ["identitytoken", "registrytoken", "password"].iter().any(|name| text(name).is_some())
    }))
}

pub(super) fn complete_docker_config(so_far: &str) -> String {
    format!(r#"{{"auths":{{"registry.invalid":{{"auth":"{}"}}}}}}"#, encoded::complete_user_pass(so_far))
}

/// A JSON Web Key with a private part (RFC 7518, section 6), or a set that holds one.
pub(super) fn private_jwk(text: &[u8]) -> Verdict {
    let Some(document) = object(text) else {
        return Verdict::Unknown;
    };
    let set = document.get("keys").and_then(Value::as_array);
    let mut keys = set.into_iter().flatten().filter_map(Value::as_object).chain([&document]);
    Verdict::from(keys.any(|key| {
        let number =
            |name: &str| key.get(name).and_then(Value::as_str).and_then(|n| base64_decode(n.as_bytes()));
        let secret = match key.get("kty").and_then(Value::as_str) {
            Some("oct") => number("k"),
            Some("RSA" | "EC" | "OKP") => number("d"),
            _ => None,
        };
        secret.is_some_and(|secret| secret.len() >= 16)
    }))
}

pub(super) fn complete_private_jwk(so_far: &str) -> String {
    let mut filler = Filler::after(so_far);
    let mut number = || base64url_encode(&filler.bytes(32));
    format!(r#"{{"kty":"EC","crv":"P-256","x":"{}","y":"{}","d":"{}"}}"#, number(), number(), number())
}

fn object(text: &[u8]) -> Option<Map<String, Value>> {
    serde_json::from_slice(text.get(..text.len().min(LONGEST))?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_account_without_a_key_of_structure_fails() {
        let document = complete_gcp_service_account("");
        assert_eq!(gcp_service_account(document.as_bytes()), Verdict::Pass);
        assert_eq!(
            gcp_service_account(document.replace('"', "\\\"").replace("\\n", "\\\\n").as_bytes()),
            Verdict::Pass
        );
        let dotted = r#"{"type": "service_account", "private_key": "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----\n"}"#;
        assert_eq!(gcp_service_account(dotted.as_bytes()), Verdict::Fail);
    }

    #[test]
    fn a_login_file_without_a_login_fails() {
        for (text, verdict) in [
            (r#"{"auths":{"a.invalid":{}}}"#.to_owned(), Verdict::Fail),
            (r#"{"auths":{"a.invalid":{"auth":"bm8gY29sb24="}}}"#.to_owned(), Verdict::Fail),
            (r#"{"auths":{"a.invalid":{"identitytoken":"t"}}}"#.to_owned(), Verdict::Pass),
            (complete_docker_config(""), Verdict::Pass),
            (base64url_encode(complete_docker_config("").as_bytes()), Verdict::Pass),
        ] {
            assert_eq!(docker_config(text.as_bytes()), verdict, "{text}");
        }
    }

    #[test]
    fn a_public_jwk_fails() {
        let private = complete_private_jwk("");
        assert_eq!(private_jwk(private.as_bytes()), Verdict::Pass);
        assert_eq!(private_jwk(format!(r#"{{"keys":[{private}]}}"#).as_bytes()), Verdict::Pass);
        assert_eq!(private_jwk(private.replace(r#""d""#, r#""t""#).as_bytes()), Verdict::Fail);
    }
}
