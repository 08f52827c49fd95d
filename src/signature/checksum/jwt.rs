//! JSON Web Tokens (RFC 7519): what header and claims say, without the key.

use serde_json::{Map, Value};

use super::Verdict;
use super::codec::{BASE64URL, Filler, base64_decode, base64url_encode, last_word, missing, trimmed};

/// What a token says of itself. Nothing here is verified: that needs the issuer's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Jwt {
    /// `alg` of the header: `RS256`, `HS256`, `none`, …
    pub algorithm: String,
    /// `iss`: who issued it.
    pub issuer: Option<String>,
    /// `sub`: whom it stands for.
    pub subject: Option<String>,
    /// `exp`: when it ends, in seconds since 1970; none means never.
    pub expires: Option<i64>,
}

/// Reads a signed or unsigned token (`header.claims.signature`).
pub fn jwt(token: &[u8]) -> Option<Jwt> {
    let mut parts = trimmed(token).split(|b| *b == b'.');
    let (header, claims) = (object(parts.next()?)?, object(parts.next()?)?);
    let algorithm = header.get("alg")?.as_str()?.to_owned();
    parts.next().filter(|signature| !signature.is_empty() || algorithm.eq_ignore_ascii_case("none"))?;
    if parts.next().is_some() {
        return None;
    }
    let text = |name: &str| claims.get(name).and_then(Value::as_str).map(str::to_owned);
    Some(Jwt {
        algorithm,
        issuer: text("iss"),
        subject: text("sub"),
        expires: claims.get("exp").and_then(seconds),
    })
}

/// `NumericDate` may have a fraction (RFC 7519, section 2).
fn seconds(value: &Value) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "a date in seconds: the cast saturates")]
    value.as_i64().or_else(|| value.as_f64().map(|seconds| seconds as i64))
}

fn object(part: &[u8]) -> Option<Map<String, Value>> {
    serde_json::from_slice(&base64_decode(part)?).ok()
}

/// Passes if header and claims are JSON and the header names an algorithm; an encrypted token (five parts, RFC 7516)
/// stays open.
pub(super) fn check(token: &[u8]) -> Verdict {
    if jwt(token).is_some() {
        return Verdict::Pass;
    }
    let mut parts = trimmed(token).split(|b| *b == b'.');
    let header = parts.next().and_then(object);
    if header.is_some_and(|header| header.contains_key("enc")) && parts.count() == 4 {
        return Verdict::Unknown;
    }
    Verdict::Fail
}

pub(super) fn complete(so_far: &str) -> String {
    let mut filler = Filler::after(so_far);
    let claims = format!(
        r#"{{"iss":"https://issuer.invalid","sub":"{}","iat":1600000000}}"#,
        filler.text(b"0123456789abcdef", 16)
    );
    let tail = format!(".{}.{}", base64url_encode(claims.as_bytes()), filler.text(BASE64URL, 43));
    let word = last_word(so_far, "._-");
    if object(word.trim_end_matches('.').as_bytes()).is_some() {
        return missing(so_far, &tail);
    }
    missing(so_far, &format!("{}{tail}", base64url_encode(br#"{"alg":"HS256","typ":"JWT"}"#)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(header: &str, claims: &str, signature: &str) -> String {
        [header.as_bytes(), claims.as_bytes()].map(base64url_encode).join(".") + "." + signature
    }

    #[test]
    fn claims_are_told() {
        let claims = r#"{"iss":"a","sub":"b","exp":1.5e9}"#;
        let read = jwt(token(r#"{"alg":"RS256"}"#, claims, "c2ln").as_bytes()).unwrap();
        assert_eq!(read.expires, Some(1_500_000_000));
        assert_eq!((read.issuer.as_deref(), read.subject.as_deref()), (Some("a"), Some("b")));
    }

    #[test]
    fn what_is_no_token_fails() {
        let none = r#"{"alg":"none"}"#;
        for (given, verdict) in [
            (token(none, "{}", ""), Verdict::Pass),
            (token(r#"{"alg":"HS256"}"#, "{}", ""), Verdict::Fail),
            (token(r#"{"typ":"JWT"}"#, "{}", "c2ln"), Verdict::Fail),
            (token(none, "text", "c2ln"), Verdict::Fail),
            (token(none, "{}", "c2ln.c2ln"), Verdict::Fail),
            (token(r#"{"alg":"dir","enc":"A256GCM"}"#, "", "a.b.c"), Verdict::Unknown),
            ("eyJ.eyJ.abc".to_owned(), Verdict::Fail),
        ] {
            assert_eq!(check(given.as_bytes()), verdict, "{given}");
        }
    }

    #[test]
    fn an_example_may_bring_its_own_header() {
        let header = base64url_encode(br#"{"alg":"EdDSA"}"#);
        for start in [String::new(), header.clone(), format!("TOKEN={header}."), "x=eyJhbGci".to_owned()] {
            let whole = format!("{start}{}", complete(&start));
            let token = whole.rsplit('=').next().unwrap();
            assert_eq!(check(token.as_bytes()), Verdict::Pass, "{whole}");
        }
    }
}
