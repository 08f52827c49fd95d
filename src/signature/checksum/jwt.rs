//! JSON Web Tokens (RFC 7519): what header and claims say, without the key.

use serde_json::{Map, Value};

use super::codec::{BASE64URL, Filler, base64_decode, base64url_encode, last_word, missing, trimmed};
use super::fact::EXPIRES;
use super::{Fact, Proof, Verdict};

/// What a token says of itself. Nothing here is verified: that needs the issuer's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Jwt {
    /// `alg` of the header: `RS256`, `HS256`, `none`, …
    pub algorithm: String,
    /// `iss`: who issued it.
    pub issuer: Option<String>,
    /// `sub`: whom it stands for.
    pub subject: Option<String>,
    /// `aud`: for whom it is; the first of them.
    pub audience: Option<String>,
    /// `iat`: when it was issued, in seconds since 1970.
    pub issued: Option<i64>,
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
        audience: claims
            .get("aud")
            .and_then(|aud| aud.as_str().or_else(|| aud.get(0)?.as_str()))
            .map(str::to_owned),
        issued: claims.get("iat").and_then(seconds),
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
/// stays open, and so does one that nobody signed (`none`): who takes it takes any.
pub(super) fn check(token: &[u8]) -> Proof {
    if let Some(jwt) = jwt(token) {
        let signed = !jwt.algorithm.eq_ignore_ascii_case("none");
        return Proof::new(if signed { Verdict::Pass } else { Verdict::Unknown }, facts(&jwt));
    }
    let mut parts = trimmed(token).split(|b| *b == b'.');
    let header = parts.next().and_then(object);
    if header.is_some_and(|header| header.contains_key("enc")) && parts.count() == 4 {
        return Verdict::Unknown.into();
    }
    Verdict::Fail.into()
}

fn facts(jwt: &Jwt) -> [Option<Fact>; 6] {
    let text = |name, text: &Option<String>| text.as_ref().and_then(|text| Fact::new(name, text));
    [
        Fact::new("algorithm", &jwt.algorithm),
        text("issuer", &jwt.issuer),
        text("subject", &jwt.subject),
        text("audience", &jwt.audience),
        jwt.issued.and_then(|seconds| Fact::time("issued", seconds)),
        jwt.expires.and_then(|seconds| Fact::time(EXPIRES, seconds)),
    ]
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
    fn claims_are_facts() {
        let claims = r#"{"iss":"https://id.invalid","aud":["one","two"],"iat":1600000000,"exp":1600000060}"#;
        let facts = check(token(r#"{"alg":"ES256"}"#, claims, "c2ln").as_bytes()).facts;
        let shown: Vec<String> = facts.iter().map(|fact| format!("{} {}", fact.name, fact.value)).collect();
        assert_eq!(
            shown,
            [
                "algorithm ES256",
                "issuer https://id.invalid",
                "audience one",
                "issued 2020-09-13T12:26:40Z",
                "expires 2020-09-13T12:27:40Z",
            ]
        );
    }

    #[test]
    fn what_is_no_token_fails() {
        let none = r#"{"alg":"none"}"#;
        for (given, verdict) in [
            (token(none, "{}", ""), Verdict::Unknown),
            (token(r#"{"alg":"HS256"}"#, "{}", ""), Verdict::Fail),
            (token(r#"{"typ":"JWT"}"#, "{}", "c2ln"), Verdict::Fail),
            (token(none, "text", "c2ln"), Verdict::Fail),
            (token(none, "{}", "c2ln.c2ln"), Verdict::Fail),
            (token(r#"{"alg":"dir","enc":"A256GCM"}"#, "", "a.b.c"), Verdict::Unknown),
            ("eyJ.eyJ.abc".to_owned(), Verdict::Fail),
        ] {
            assert_eq!(check(given.as_bytes()).verdict, verdict, "{given}");
        }
    }

    #[test]
    fn an_example_may_bring_its_own_header() {
        let header = base64url_encode(br#"{"alg":"EdDSA"}"#);
        for start in [String::new(), header.clone(), format!("TOKEN={header}."), "x=eyJhbGci".to_owned()] {
            let whole = format!("{start}{}", complete(&start));
            let token = whole.rsplit('=').next().unwrap();
            assert_eq!(check(token.as_bytes()).verdict, Verdict::Pass, "{whole}");
        }
    }
}
