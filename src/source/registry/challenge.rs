//! What a registry asks for when it answers 401: the challenges of `WWW-Authenticate` (RFC 9110, section 11.6.1).

/// A way to log in that a server offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Challenge {
    /// User and password with each request.
    Basic,
    /// A token that another server gives (distribution, "Token Authentication Specification").
    Bearer {
        /// Address of the token server.
        realm: String,
        /// What it is to be told.
        service: Option<String>,
        /// What the registry says is needed.
        scope: Option<String>,
    },
}

/// Every challenge of a header that is understood.
pub(super) fn challenges(header: &str) -> Vec<Challenge> {
    let mut found = Vec::new();
    let mut rest = header;
    while let Some((scheme, after)) = scheme(rest) {
        let (parameters, after) = parameters(after);
        rest = after;
        let value = |name: &str| {
            let parameter = parameters.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
            parameter.map(|(_, value)| value.clone())
        };
        if scheme.eq_ignore_ascii_case("basic") {
            found.push(Challenge::Basic);
        } else if let Some(realm) = value("realm").filter(|_| scheme.eq_ignore_ascii_case("bearer")) {
            found.push(Challenge::Bearer { realm, service: value("service"), scope: value("scope") });
        }
    }
    found
}

/// The word at the beginning, and what comes behind it.
fn word(text: &str) -> (&str, &str) {
    let text = text.trim_start_matches([' ', '\t', ',']);
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c)));
    text.split_at(end.unwrap_or(text.len()))
}

fn scheme(text: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = word(text);
    if !scheme.is_empty() {
        return Some((scheme, rest));
    }
    // What is no word is passed over, so that one odd character does not hide the rest.
    let text = rest.strip_prefix(|_| true)?;
    self::scheme(text)
}

type Parameters = Vec<(String, String)>;

/// Parameters up to the next scheme, which is a word without a `=` behind it.
fn parameters(mut text: &str) -> (Parameters, &str) {
    let mut found = Vec::new();
    loop {
        let (name, after) = word(text);
        let Some(value) = after.trim_start().strip_prefix('=').filter(|_| !name.is_empty()) else {
            return (found, text);
        };
        let (value, after) = self::value(value.trim_start());
        found.push((name.to_owned(), value));
        text = after;
    }
}

fn value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let (value, rest) = text.split_at(text.find([',', ' ']).unwrap_or(text.len()));
        return (value.to_owned(), rest);
    };
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (value, &quoted[at + 1..]),
            '\\' => value.extend(chars.next().map(|(_, c)| c)),
            c => value.push(c),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bearer(realm: &str, service: Option<&str>, scope: Option<&str>) -> Challenge {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Challenge::Bearer { realm: realm.into(), service: owned(service), scope: owned(scope) }
    }

    #[test]
    fn headers_of_registries_are_understood() {
        let hub = r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push""#;
        let expected = bearer(
            "https://auth.docker.io/token",
            Some("registry.docker.io"),
            Some("repository:a/b:pull,push"),
        );
        assert_eq!(challenges(hub), [expected]);
        assert_eq!(challenges(r#"Basic realm="a, b""#), [Challenge::Basic]);
        assert_eq!(challenges("basic"), [Challenge::Basic]);
        assert_eq!(
            challenges(r#"BEARER Realm = "https://a/" , error="x""#),
            [bearer("https://a/", None, None)]
        );
        let two = r#"Negotiate abc==, Bearer realm="https://a/\"q\"",service=s, Basic realm=x"#;
        assert_eq!(challenges(two), [bearer("https://a/\"q\"", Some("s"), None), Challenge::Basic]);
    }

    #[test]
    fn nonsense_is_no_challenge_and_ends() {
        for text in [
            "",
            ",",
            "\"",
            "Bearer",
            "Bearer realm",
            "Bearer realm=\"",
            "=====",
            "ä Bearer",
            "Digest realm=\"x",
        ] {
            let found = challenges(text);
            assert!(
                found.iter().all(|challenge| matches!(challenge, Challenge::Bearer { .. })),
                "{text}: {found:?}"
            );
        }
    }
}
