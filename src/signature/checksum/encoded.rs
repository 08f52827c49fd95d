//! Tokens that are texts in base64, and decode to something that can be recognised.

use super::codec::{
    BASE62, Filler, base64_decode, base64_encode, base64url_encode, in_base, missing, trimmed,
};
use super::fact::EXPIRES;
use super::{Fact, Proof, Verdict};

/// Whether text (or what base64 gave) is printable UTF-8.
pub(super) fn printable(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| !text.is_empty() && !text.chars().any(char::is_control))
}

/// `user:password` in base64 (RFC 7617). The user or the password may be empty, not both.
pub(super) fn user_pass(token: &[u8]) -> Proof {
    match user(token) {
        // With an empty password the user is the token.
        Some((user, password)) => {
            Proof::new(Verdict::Pass, [Fact::new("user", user).filter(|_| !password.is_empty())])
        }
        None => Verdict::Fail.into(),
    }
}

/// Both halves.
pub(super) fn user(token: &[u8]) -> Option<(String, String)> {
    let token = trimmed(token);
    let text = base64_decode(token).filter(|text| token.len() >= 4 && printable(text) && text.len() > 1)?;
    let text = String::from_utf8(text).ok()?;
    text.split_once(':').map(|(user, password)| (user.to_owned(), password.to_owned()))
}

pub(super) fn complete_user_pass(so_far: &str) -> String {
    let password = Filler::after(so_far).text(BASE62, 16);
    base64_encode(format!("deployer:{password}").as_bytes())
}

/// A JSON object in base64, after a prefix or not: from its first `eyJ` (which is `{"`) to the end of the letters.
pub(super) fn json(token: &[u8]) -> Proof {
    let token = trimmed(token);
    let Some(start) = memchr::memmem::find(token, b"eyJ") else {
        return Verdict::Fail.into();
    };
    let letters = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'-');
    let body = &token[start..];
    let end = body.iter().position(|b| !letters(b)).unwrap_or(body.len());
    // An underscore may belong to the alphabet for URLs or part the token: both are tried.
    let longer = body.iter().position(|b| !letters(b) && *b != b'_').unwrap_or(body.len());
    let object = |part: &[u8]| base64_decode(part).and_then(|bytes| object(&bytes));
    let Some(found) = object(&body[..end]).or_else(|| object(&body[..longer]).filter(|_| longer > end))
    else {
        return Verdict::Fail.into();
    };
    let facts = TOLD.iter().map(|(key, name)| Fact::new(name, found.get(*key)?.as_str()?));
    let ends = found.get("exp").and_then(serde_json::Value::as_i64).and_then(|end| Fact::time(EXPIRES, end));
    Proof::new(Verdict::Pass, facts.chain([ends]))
}

/// Fields of such objects that are no secrets: Sentry, Grafana, 1Password, Mapbox, Cloudflare.
const TOLD: &[(&str, &str)] = &[
    ("url", "url"),
    ("region_url", "region"),
    ("org", "organization"),
    ("o", "organization"),
    ("n", "name"),
    ("email", "user"),
    ("signInAddress", "url"),
    ("u", "user"),
];

pub(super) fn complete_json(so_far: &str) -> String {
    let random = Filler::after(so_far).text(BASE62, 33);
    let start = so_far.rfind("eyJ").unwrap_or(so_far.len());
    let begun =
        base64_decode(&so_far.as_bytes()[start..]).filter(|_| (so_far.len() - start).is_multiple_of(4));
    let begun = begun.unwrap_or_default();
    for rest in [format!(r#"{random}","n":"made-up"}}"#), format!(r#""{random}"}}"#)] {
        if object(&[begun.as_slice(), rest.as_bytes()].concat()).is_some() {
            return base64url_encode(rest.as_bytes());
        }
    }
    missing(so_far, &base64url_encode(format!(r#"{{"id":"{random}","n":"made-up"}}"#).as_bytes()))
}

fn object(bytes: &[u8]) -> Option<serde_json::Map<String, serde_json::Value>> {
    serde_json::from_slice(bytes).ok()
}

/// A macaroon of version 2 as `PyPI` issues it: location, identifier, caveats, and a signature of 32 bytes at the end.
pub(super) fn pypi_macaroon(token: &[u8]) -> Proof {
    macaroon(token).map_or(Verdict::Fail.into(), |facts| Proof::new(Verdict::Pass, facts))
}

/// Where it is for, and what its first caveat says.
fn macaroon(token: &[u8]) -> Option<[Option<Fact>; 2]> {
    let token = trimmed(token);
    let bytes = base64_decode(token.strip_prefix(b"pypi-").unwrap_or(token))?;
    let mut rest = bytes.strip_prefix(&[2])?;
    let location = field(&mut rest, 1).filter(|location| printable(location) && location.contains(&b'.'))?;
    let signed = bytes.len().checked_sub(35).is_some_and(|at| bytes[at..].starts_with(&[0, 6, 32]));
    let mut caveat = || {
        field(&mut rest, 2)?;
        rest = rest.strip_prefix(&[0])?;
        field(&mut rest, 2).filter(|caveat| printable(caveat))
    };
    let caveat = caveat().and_then(|caveat| Fact::new("restricted to", String::from_utf8_lossy(caveat)));
    signed.then(|| [Fact::new("host", String::from_utf8_lossy(location)), caveat])
}

/// The content of the next field, if it is of kind `kind`: its length stands before it, seven bits a byte.
fn field<'a>(rest: &mut &'a [u8], kind: u8) -> Option<&'a [u8]> {
    let after = rest.strip_prefix(&[kind])?;
    let (length, after) = match after {
        [one @ 0..=0x7f, after @ ..] => (usize::from(*one), after),
        [low, high @ 0..=0x7f, after @ ..] => (usize::from(low & 0x7f) | usize::from(*high) << 7, after),
        _ => return None,
    };
    let (content, after) = after.split_at_checked(length)?;
    *rest = after;
    Some(content)
}

pub(super) fn complete_pypi_macaroon(so_far: &str) -> String {
    let mut filler = Filler::after(so_far);
    let host: &[u8] = if so_far.contains("AgENdGVzd") { b"test.pypi.org" } else { b"pypi.org" };
    let mut bytes = vec![2, 1, u8::try_from(host.len()).unwrap_or_default()];
    bytes.extend_from_slice(host);
    bytes.extend_from_slice(&[2, 36]);
    bytes.extend_from_slice(filler.text(b"0123456789abcdef", 36).as_bytes());
    let caveat = br#"{"version": 1, "permissions": "user"}"#;
    bytes.extend_from_slice(&[0, 2, u8::try_from(caveat.len()).unwrap_or_default()]);
    bytes.extend_from_slice(caveat);
    bytes.extend_from_slice(&[0, 0, 6, 32]);
    bytes.extend(filler.bytes(32));
    missing(so_far, &format!("pypi-{}", base64url_encode(&bytes)))
}

/// Base64 of 20 letters, a colon and 22 letters: Elasticsearch's `encoded` API key.
pub(super) fn elastic_api_key(token: &[u8]) -> Verdict {
    let word = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    Verdict::from(base64_decode(trimmed(token)).is_some_and(|text| {
        text.len() == 43 && text[20] == b':' && text.iter().enumerate().all(|(at, b)| at == 20 || word(b))
    }))
}

pub(super) fn complete_elastic_api_key(so_far: &str) -> String {
    let mut filler = Filler::after(so_far);
    let text = format!("{}:{}", filler.text(BASE62, 20), filler.text(BASE62, 22));
    base64_encode(text.as_bytes())
}

/// Base64 of 33 bytes that begin with 4: the SMTP password that AWS derives from a secret key.
pub(super) fn aws_ses_smtp(token: &[u8]) -> Verdict {
    Verdict::from(base64_decode(trimmed(token)).is_some_and(|bytes| bytes.len() == 33 && bytes[0] == 4))
}

pub(super) fn complete_aws_ses_smtp(so_far: &str) -> String {
    let mut bytes = vec![4];
    bytes.extend(Filler::after(so_far).bytes(32));
    missing(so_far, &base64_encode(&bytes))
}

/// `ABSK` and base64 of `BedrockAPIKey-…:secret`.
pub(super) fn aws_bedrock(token: &[u8]) -> Proof {
    let token = trimmed(token);
    let body = base64_decode(token.strip_prefix(b"ABSK").unwrap_or(token)).unwrap_or_default();
    let text = String::from_utf8_lossy(&body);
    let Some((user, _)) = text.split_once(':').filter(|(user, _)| user.starts_with("BedrockAPIKey-")) else {
        return Verdict::Fail.into();
    };
    let account = user.rsplit_once("-at-").map(|(_, account)| account);
    let account =
        account.filter(|account| account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit()));
    Proof::new(
        Verdict::Pass,
        [Fact::new("user", user), account.and_then(|account| Fact::new("account", account))],
    )
}

pub(super) fn complete_aws_bedrock(so_far: &str) -> String {
    let mut filler = Filler::after(so_far);
    let account = filler.text(b"123456789", 12);
    let text = format!("BedrockAPIKey-made-at-{account}:{}", filler.text(BASE62, 48));
    missing(so_far, &format!("ABSK{}", base64_encode(text.as_bytes())))
}

/// Base64 of 10 to 12 digits, a colon and 20 bytes: personal tokens of Jira and Confluence on own servers.
pub(super) fn atlassian_server(token: &[u8]) -> Verdict {
    Verdict::from(base64_decode(trimmed(token)).is_some_and(|bytes| {
        let colon = bytes.iter().position(|b| *b == b':').unwrap_or_default();
        (10..=12).contains(&colon)
            && bytes[..colon].iter().all(u8::is_ascii_digit)
            && (20..=22).contains(&(bytes.len() - colon - 1))
    }))
}

pub(super) fn complete_atlassian_server(so_far: &str) -> String {
    let mut filler = Filler::after(so_far);
    let mut bytes = filler.text(b"123456789", 12).into_bytes();
    bytes.push(b':');
    bytes.extend(filler.bytes(20));
    base64_encode(&bytes)
}

/// Base64 of 26 letters, a colon and a UUID: NVIDIA's older NGC keys.
pub(super) fn nvidia_ngc(token: &[u8]) -> Verdict {
    Verdict::from(base64_decode(trimmed(token)).is_some_and(|text| {
        text.len() == 63 && text[26] == b':' && super::shape::uuid_parts(&text[27..]).is_some()
    }))
}

pub(super) fn complete_nvidia_ngc(so_far: &str) -> String {
    let mut filler = Filler::after(so_far);
    let text =
        format!("{}:{}", filler.text(b"abcdefghijklmnop0123", 26), super::shape::complete_uuid(so_far));
    base64_encode(text.as_bytes())
}

/// Base64 of a UUID, a bar and the right that it gives: Nx Cloud.
pub(super) fn nx_cloud(token: &[u8]) -> Verdict {
    Verdict::from(
        base64_decode(trimmed(token))
            .is_some_and(|text| text.ends_with(b"|read") || text.ends_with(b"|read-write")),
    )
}

pub(super) fn complete_nx_cloud(so_far: &str) -> String {
    base64_encode(format!("{}|read-write", super::shape::complete_uuid(so_far)).as_bytes())
}

/// Base64 of `tok:…`: Intercom.
pub(super) fn intercom(token: &[u8]) -> Verdict {
    Verdict::from(
        base64_decode(trimmed(token)).is_some_and(|text| text.starts_with(b"tok:") && printable(&text)),
    )
}

pub(super) fn complete_intercom(so_far: &str) -> String {
    let text = Filler::after(so_far).text(b"0123456789abcdef", 40);
    missing(so_far, &base64_encode(format!("tok:{text}").as_bytes()))
}

/// Base64 of `reftkn:01:digits:…`: `JFrog`'s reference tokens.
pub(super) fn jfrog_reference(token: &[u8]) -> Verdict {
    Verdict::from(
        base64_decode(trimmed(token)).is_some_and(|text| text.starts_with(b"reftkn:0") && printable(&text)),
    )
}

pub(super) fn complete_jfrog_reference(so_far: &str) -> String {
    let mut filler = Filler::after(so_far);
    let expiry = in_base(b"0123456789", filler.number() % 1_000_000_000, 10);
    let text = format!("reftkn:01:{expiry}:{}", filler.text(BASE62, 27));
    missing(so_far, &base64_encode(text.as_bytes()))
}

/// A key of 16, 24, 32, 48 or 64 bytes in base64 or hex.
pub(super) fn key_bytes(token: &[u8]) -> Verdict {
    let token = trimmed(token);
    let token = token.strip_prefix(b"base64:").unwrap_or(token);
    let hex = token.iter().all(u8::is_ascii_hexdigit) && token.len().is_multiple_of(2);
    let length = if hex { Some(token.len() / 2) } else { base64_decode(token).map(|bytes| bytes.len()) };
    Verdict::from(length.is_some_and(|length| matches!(length, 16 | 24 | 32 | 48 | 64)))
}

pub(super) fn complete_key_bytes(so_far: &str) -> String {
    base64_encode(&Filler::after(so_far).bytes(32))
}

/// 32 bytes in base64. A Curve25519 private key (RFC 7748) has five bits set to fixed values; a preshared key of
/// the same length does not.
pub(super) fn wireguard(token: &[u8]) -> Verdict {
    match base64_decode(trimmed(token)) {
        Some(bytes) if bytes.len() == 32 => {
            let clamped = bytes[0].trailing_zeros() >= 3 && bytes[31] & 0xc0 == 0x40;
            if clamped { Verdict::Pass } else { Verdict::Unknown }
        }
        _ => Verdict::Fail,
    }
}

pub(super) fn complete_wireguard(so_far: &str) -> String {
    let mut bytes = Filler::after(so_far).bytes(32);
    bytes[0] &= 0xf8;
    bytes[31] = bytes[31] & 0x3f | 0x40;
    base64_encode(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_and_password_need_a_colon_and_text() {
        let case = |text: &[u8]| user_pass(base64_encode(text).as_bytes()).verdict;
        assert_eq!(case(b"Aladdin:open sesame"), Verdict::Pass); // RFC 7617, section 2
        assert_eq!(case(b"token:"), Verdict::Pass);
        assert_eq!(case(b":token"), Verdict::Pass);
        assert_eq!(case(b":"), Verdict::Fail);
        assert_eq!(case(b"no colon here"), Verdict::Fail);
        assert_eq!(case(b"\x00\x01:\x02\x03"), Verdict::Fail);
        assert_eq!(user_pass(b"user:password").verdict, Verdict::Fail);
    }

    #[test]
    fn a_json_object_is_found_after_a_prefix_and_before_an_underscore() {
        let object = base64url_encode(br#"{"iat":1,"org":"made-up","url":"https://sentry.invalid"}"#);
        for token in
            [object.clone(), format!("glc_{object}=="), format!("sntrys_{object}_{}", "a".repeat(43))]
        {
            assert_eq!(json(token.as_bytes()).verdict, Verdict::Pass, "{token}");
        }
        assert_eq!(json(format!("glc_{}", &object[..30]).as_bytes()).verdict, Verdict::Fail);
        for start in ["", "x_", "ops_eyJ", "eyJrIjoi", "eyJpZCI6"] {
            let token = format!("{start}{}", complete_json(start));
            assert_eq!(json(token.as_bytes()).verdict, Verdict::Pass, "{token}");
        }
    }

    #[test]
    fn a_macaroon_without_its_signature_fails() {
        let token = complete_pypi_macaroon("");
        let proof = pypi_macaroon(token.as_bytes());
        assert_eq!(proof.verdict, Verdict::Pass);
        let shown: Vec<&str> = proof.facts.iter().map(|fact| fact.value.as_str()).collect();
        assert_eq!(shown, ["pypi.org", r#"{"version": 1, "permissions": "user"}"#]);
        assert_eq!(pypi_macaroon(&token.as_bytes()[..token.len() - 8]).verdict, Verdict::Fail);
        let prefix = ["pypi-", "AgEIcHlwaS5vcmc"].concat();
        assert!(token.starts_with(&prefix));
        assert_eq!(prefix.clone() + &complete_pypi_macaroon(&prefix), complete_with_seed(&prefix));
    }

    fn complete_with_seed(so_far: &str) -> String {
        let rest = complete_pypi_macaroon(so_far);
        assert_eq!(pypi_macaroon(format!("{so_far}{rest}").as_bytes()).verdict, Verdict::Pass);
        format!("{so_far}{rest}")
    }
}
