//! Values that are something else by their own form: numbers, versions, dates, addresses, patterns, hashes.

use super::super::entropy::surprise;
use super::super::words::Words;

/// What `value` is, if its form tells that it is no secret.
pub(super) fn plain(value: &[u8]) -> Option<&'static str> {
    number(value)
        .or_else(|| network(value))
        .or_else(|| pattern(value))
        .or_else(|| hash(value))
        .or_else(|| selector(value))
        .or_else(|| list(value))
        .or_else(|| ENCODINGS.has(value.to_ascii_lowercase()).then_some("the name of an encoding"))
}

/// Names of encodings, which stand behind a text in calls: `Buffer.from(password, 'base64')`.
static ENCODINGS: Words = Words::new(
    "utf8 utf-8 utf16 utf-16 utf16le utf-16le utf-16be utf-32 ucs2 ucs-2 ascii us-ascii latin1 latin-1 iso-8859-1 cp1252 \
    windows-1252 base64 base64url base32 hex binary",
);

/// Whether `value` is the name of a constant: three words or more in capitals.
pub(super) fn is_constant(value: &[u8]) -> bool {
    let word = |word: &[u8]| !word.is_empty() && word.iter().all(u8::is_ascii_uppercase);
    value.split(|b| *b == b'_').count() > 2 && value.split(|b| *b == b'_').all(word)
}

/// Options of a command, and rules or names in a row: `--mount=type=secret`, `required|string|min:8`.
fn list(value: &[u8]) -> Option<&'static str> {
    if value.starts_with(b"--") && value.get(2).is_some_and(u8::is_ascii_lowercase) && surprise(value) < 5.4 {
        return Some("an option");
    }
    if value.starts_with(b"@") && value[1..].contains(&b'/') && surprise(value) < 5.4 {
        return Some("a package");
    }
    let word = |part: &[u8]| {
        let name = part.iter().take_while(|b| b.is_ascii_lowercase() || **b == b'_').count();
        let rest = &part[name..];
        name > 2 && (rest.is_empty() || rest[0] == b':' || rest[0] == b'=')
    };
    let parts = value.split(|b| *b == b'|').count();
    (parts >= 3 && value.split(|b| *b == b'|').all(word)).then_some("a list of rules")
}

/// Numbers, sizes, durations, versions, dates.
fn number(value: &[u8]) -> Option<&'static str> {
    let digits = value.iter().filter(|b| b.is_ascii_digit()).count();
    let marks = value
        .iter()
        .filter(|b| matches!(b, b'.' | b',' | b'-' | b'+' | b':' | b'/' | b' ' | b'T' | b'Z'))
        .count();
    if digits > 0 && marks > 0 && digits + marks == value.len() {
        return Some("a number, a date or a version");
    }
    let unit = value.iter().position(|b| !b.is_ascii_digit()).map_or(&[][..], |at| &value[at..]);
    let units: &[&[u8]] = &[
        b"s", b"ms", b"m", b"h", b"d", b"w", b"y", b"px", b"em", b"rem", b"k", b"K", b"M", b"G", b"T", b"KB",
        b"MB", b"GB", b"TB", b"Ki", b"Mi", b"Gi", b"KiB", b"MiB", b"GiB", b"sec", b"min", b"days", b"hours",
        b"%", b"L",
    ];
    if digits > 0 && units.contains(&unit) {
        return Some("a number with its unit");
    }
    let version = value.strip_prefix(b"v").unwrap_or(value);
    let mut parts = version.splitn(3, |b| *b == b'.');
    let numeric = |part: Option<&[u8]>| {
        part.is_some_and(|p| !p.is_empty() && p.len() < 6 && p.iter().all(u8::is_ascii_digit))
    };
    if numeric(parts.next())
        && numeric(parts.next())
        && parts.next().is_some_and(|p| p.first().is_some_and(u8::is_ascii_digit))
    {
        return Some("a version");
    }
    let hex =
        value.strip_prefix(b"0x").is_some_and(|hex| hex.len() <= 16 && hex.iter().all(u8::is_ascii_hexdigit));
    hex.then_some("a number")
}

/// Addresses without credentials in them.
fn network(value: &[u8]) -> Option<&'static str> {
    if let Some(at) = memchr::memmem::find(value, b"://") {
        let authority = value[at + 3..].split(|b| matches!(b, b'/' | b'?' | b'#')).next().unwrap_or_default();
        return (!authority.contains(&b'@')).then_some("an address");
    }
    let colons = value.split(|b| *b == b':').count();
    let hex_pair = |part: &[u8]| part.len() == 2 && part.iter().all(u8::is_ascii_hexdigit);
    if colons >= 6 && value.split(|b| *b == b':').all(hex_pair) {
        return Some("a hardware address or a fingerprint");
    }
    let mut parts = value.splitn(2, |b| *b == b'@');
    let (user, host) = (parts.next()?, parts.next()?);
    let word = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b'+');
    let mail = !user.is_empty()
        && user.iter().all(word)
        && host.iter().all(word)
        && host.contains(&b'.')
        && !host.ends_with(b".");
    let ends_in_letters = host
        .rsplit(|b| *b == b'.')
        .next()
        .is_some_and(|tld| tld.len() >= 2 && tld.iter().all(u8::is_ascii_lowercase));
    (mail && ends_in_letters).then_some("a mail address")
}

/// Regular expressions, markup, fragments of programs.
fn pattern(value: &[u8]) -> Option<&'static str> {
    const MARKS: &[&[u8]] = &[
        b"\\d",
        b"\\w",
        b"\\s",
        b"\\b",
        b"[a-z",
        b"[A-Z",
        b"[0-9",
        b"(?",
        b".*",
        b".+",
        b"[^",
        b"){",
        b"=>",
        b"</",
        b"/>",
        b"();",
        b"&&",
        b"||",
        b"===",
        b"!==",
        b".concat(",
        b"\" + ",
        b"' + ",
        b"\\x",
        b"\\0",
        b"\\u",
    ];
    // Most values have none of the signs of which each of these has one.
    let may = value
        .iter()
        .any(|b| matches!(b, b'\\' | b'[' | b'(' | b'*' | b'+' | b'{' | b'=' | b'<' | b'>' | b'&' | b'|'));
    let has = |mark: &&[u8]| memchr::memmem::find(value, mark).is_some();
    (may && MARKS.iter().any(has)).then_some("a pattern or a piece of code")
}

/// Hashes of passwords, which are a kind of their own, and digests with their names.
fn hash(value: &[u8]) -> Option<&'static str> {
    const HEADS: &[&[u8]] = &[
        b"{SSHA",
        b"{SHA",
        b"{CRYPT}",
        b"{MD5}",
        b"{SMD5}",
        b"{bcrypt}",
        b"{noop}",
        b"{pbkdf2}",
        b"{scrypt}",
        b"{sha256}",
        b"pbkdf2",
        b"argon2",
        b"scrypt:",
        b"bcrypt",
        b"$P$",
        b"$H$",
        b"$S$",
        b"$argon2",
        b"$scrypt",
        b"$pbkdf2",
        b"$apr1$",
        b"sha1$",
        b"md5$",
        b"SCRAM-SHA-256$",
        b"sha1:",
        b"sha256:",
        b"sha512:",
        b"md5",
    ];
    if HEADS.iter().any(|head| value.starts_with(head) && value.len() > head.len() + 8) {
        return Some("a hash of a password");
    }
    // MySQL writes an asterisk and a SHA-1.
    if let [b'*', hex @ ..] = value
        && hex.len() == 40
        && hex.iter().all(u8::is_ascii_hexdigit)
    {
        return Some("a hash of a password");
    }
    // `$6$salt$hash`: the method is one or two characters between the first signs.
    let method = value.strip_prefix(b"$").and_then(|rest| rest.split(|b| *b == b'$').next());
    let crypt = method.is_some_and(|m| {
        matches!(m, b"1" | b"2a" | b"2b" | b"2x" | b"2y" | b"5" | b"6" | b"y" | b"gy" | b"7")
    });
    (crypt && value.len() > 20).then_some("a hash of a password")
}

/// Selectors, attributes and the like.
fn selector(value: &[u8]) -> Option<&'static str> {
    let word = |text: &[u8]| {
        !text.is_empty()
            && text.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
            && surprise(text) < 5.0
    };
    let found = match value {
        [b'#' | b'.' | b':' | b'@', rest @ ..] => word(rest) && !rest.iter().any(u8::is_ascii_digit),
        _ => false,
    };
    found.then_some("a selector")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_forms_are_told() {
        for value in [
            "1.2.3",
            "v1.2.3-rc1",
            "10.0.0.1",
            "10.0.0.1:8080",
            "2024-01-02",
            "12:30",
            "30s",
            "10MB",
            "3600ms",
            "0xff",
            "https://host.invalid/path",
            "user@host.org",
            "00:11:22:33:44:55",
            "^[a-z]+$",
            "\\w+",
            "<b>x</b>",
            "#password",
            ".btn-primary",
            "{SSHA}aBcDeFgHiJkLmN",
            "pbkdf2_sha256$1000$abc$def",
            "1,234.50",
            "required|string|min:8|confirmed",
            "--mount=type=secret",
            "@jupyterlab/htmlviewer:IHTMLViewerTracker",
        ] {
            assert!(plain(value.as_bytes()).is_some(), "{value}");
        }
        let bcrypt = format!("$2b$12${}", "aZ./3".repeat(11).get(..53).unwrap());
        assert!(plain(bcrypt.as_bytes()).is_some());
    }

    #[test]
    fn passwords_and_tokens_are_not() {
        for value in [
            "Summer2024!",
            "tiger42",
            "p@ss.w0rd",
            "user@Host1",
            "a8Fk2lQz9Xw4",
            "https://u:p@h/",
            "20240102",
            "#Tiger42",
        ] {
            assert_eq!(plain(value.as_bytes()), None, "{value}");
        }
    }
}
