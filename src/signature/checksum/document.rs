//! Documents that are credentials as a whole: Google's service accounts, Docker's registry logins, private JWKs.

use serde_json::{Map, Value};

use super::codec::{Filler, LONGEST, base64_decode, base64url_encode};
use super::public::PublicHalf;
use super::{Fact, Proof, Verdict};
use super::{der, encoded, pem};

/// A service account whose private key has the structure of one. The document may be cut or escaped: the key inside
/// decides.
pub(super) fn gcp_service_account(text: &[u8]) -> Proof {
    let has = |needle: &[u8]| memchr::memmem::find(text, needle).is_some();
    if !has(b"-----BEGIN ") {
        return Verdict::Unknown.into();
    }
    let key = pem::check(text);
    let verdict = match key.verdict {
        Verdict::Pass if has(b"service_account") || has(b"gserviceaccount.com") => Verdict::Pass,
        Verdict::Pass => Verdict::Unknown,
        other => other,
    };
    let told = [("project_id", "project"), ("client_email", "account"), ("private_key_id", "key id")];
    let told = told.map(|(field, name)| Fact::new(name, json_field(text, field)?));
    Proof::new(verdict, told.into_iter().chain(key.facts.into_iter().map(Some)))
}

/// The value of a field in a document that may be cut or escaped.
fn json_field<'t>(text: &'t [u8], field: &str) -> Option<&'t str> {
    let at = memchr::memmem::find(text, field.as_bytes())? + field.len();
    let sign = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\\' | b':' | b'\'' | b'=');
    let rest = text.get(at..)?;
    let start = rest.iter().take(16).position(|byte| !sign(byte))?;
    let rest = &rest[start..];
    let end = rest.iter().take(128).position(|byte| sign(byte) || matches!(byte, b',' | b'}'))?;
    std::str::from_utf8(&rest[..end]).ok()
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
pub(super) fn docker_config(text: &[u8]) -> Proof {
    let Some(document) = object(text).or_else(|| object(&base64_decode(text.trim_ascii())?)) else {
        return encoded::user_pass(text);
    };
    let hosts = match document.get("auths") {
        Some(Value::Object(hosts)) => hosts,
        Some(_) => return Verdict::Fail.into(),
        None => &document,
    };
    let logins: Vec<_> = hosts
        .iter()
        .filter_map(|(host, login)| {
            let text = |name: &str| login.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
            let user = text("auth").and_then(|auth| encoded::user(auth.as_bytes())).map(|(user, _)| user);
            let token =
                ["identitytoken", "registrytoken", "password"].iter().any(|name| text(name).is_some());
            (user.is_some() || token).then(|| (host, user.or_else(|| text("username").map(str::to_owned))))
        })
        .collect();
    let facts = logins.iter().take(4).flat_map(|(host, user)| {
        [Fact::new("registry", host), user.as_ref().and_then(|user| Fact::new("user", user))]
    });
    Proof::new(Verdict::from(!logins.is_empty()), facts)
}

pub(super) fn complete_docker_config(so_far: &str) -> String {
    format!(r#"{{"auths":{{"registry.invalid":{{"auth":"{}"}}}}}}"#, encoded::complete_user_pass(so_far))
}

/// A JSON Web Key with a private part (RFC 7518, section 6), or a set that holds one.
pub(super) fn private_jwk(text: &[u8]) -> Proof {
    let Some(document) = object(text) else {
        return Verdict::Unknown.into();
    };
    let set = document.get("keys").and_then(Value::as_array);
    let mut keys = set.into_iter().flatten().filter_map(Value::as_object).chain([&document]);
    keys.find_map(jwk).map_or(Verdict::Fail.into(), |facts| Proof::new(Verdict::Pass, facts))
}

/// What a key with a private part tells.
fn jwk(key: &Map<String, Value>) -> Option<[Option<Fact>; 4]> {
    let text = |name: &str| key.get(name).and_then(Value::as_str);
    let number = |name: &str| text(name).and_then(|number| base64_decode(number.as_bytes()));
    let kind = text("kty")?;
    let secret = match kind {
        "oct" => number("k"),
        "RSA" | "EC" | "OKP" => number("d"),
        _ => None,
    };
    secret.filter(|secret| secret.len() >= 16)?;
    let curve = text("crv");
    let public = match (kind, curve) {
        ("RSA", _) => number("n").zip(number("e")).map(|(n, e)| PublicHalf::of_rsa(&n, &e)),
        ("EC", Some(curve)) => {
            number("x").zip(number("y")).map(|(x, y)| PublicHalf::of_ec(curve, &[vec![4], x, y].concat()))
        }
        ("OKP", Some("Ed25519")) => number("x").map(|x| PublicHalf::of_ed25519(&x)),
        _ => None,
    };
    let bits = number("n").map(|n| der::bits(&n)).and_then(|bits| Fact::new("bits", bits.to_string()));
    Some([
        Fact::new("type", curve.map_or(kind.to_owned(), |curve| format!("{kind} {curve}"))),
        bits,
        text("kid").and_then(|id| Fact::new("key id", id)),
        public.and_then(|public| Fact::new(pem::PUBLIC_KEY, public.fingerprint())),
    ])
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
        let facts = gcp_service_account(document.as_bytes()).facts;
        let value = |name| facts.iter().find(|fact| fact.name == name).map(|fact| fact.value.as_str());
        assert_eq!(value("project"), Some("made-up"));
        assert_eq!(value("account"), Some("made-up@made-up.iam.gserviceaccount.com"));
        assert_eq!(value("type"), Some("RSA"));
        let verdict = |text: &str| gcp_service_account(text.as_bytes()).verdict;
        assert_eq!(verdict(&document), Verdict::Pass);
        assert_eq!(verdict(&document.replace('"', "\\\"").replace("\\n", "\\\\n")), Verdict::Pass);
        let dotted = r#"{"type": "service_account", "private_key": "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----\n"}"#;
        assert_eq!(verdict(dotted), Verdict::Fail);
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
            assert_eq!(docker_config(text.as_bytes()).verdict, verdict, "{text}");
        }
    }

    #[test]
    fn a_public_jwk_fails() {
        let private = complete_private_jwk("");
        let verdict = |text: &str| private_jwk(text.as_bytes()).verdict;
        assert_eq!(verdict(&private), Verdict::Pass);
        assert_eq!(verdict(&format!(r#"{{"keys":[{private}]}}"#)), Verdict::Pass);
        assert_eq!(verdict(&private.replace(r#""d""#, r#""t""#)), Verdict::Fail);
    }
}
