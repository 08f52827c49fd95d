//! Values that are looked up elsewhere: variables, templates, calls, addresses of secret stores, sealed values.
//!
//! A value is judged by itself, as the text of a literal or of a bare word; whether it stood in quotes and in which
//! language is for `assign` to know. `${NAME:-default}` is a reference with a part of its own: see [`fallback`].

use std::ops::Range;

use super::entropy::surprise;
use super::heads::{Heads, heads};
use super::words::Words;

/// Why `value` is no secret, if it only says where one is.
pub fn reference(value: &[u8]) -> Option<&'static str> {
    let value = value.trim_ascii();
    let head = &value[..value.len().min(512)];
    sealed(value)
        .or_else(|| variable(head))
        .or_else(|| template(head))
        .or_else(|| address(head))
        .or_else(|| code(head))
        .or_else(|| path(head).then_some("a path"))
}

/// The default in `${NAME:-default}`, `${NAME-default}`, `${NAME:default}` (Spring) or `${NAME:=default}`: a text that
/// stands in the file and is judged on its own. Empty defaults are none.
pub fn fallback(value: &[u8]) -> Option<Range<usize>> {
    let inside = value.strip_prefix(b"${")?.strip_suffix(b"}")?;
    let name =
        inside.iter().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-')).count();
    // A dash may belong to a name of Spring; in a shell it begins the default.
    let colon = inside.get(name) == Some(&b':');
    let name = if colon { name } else { inside[..name].iter().position(|b| *b == b'-')? };
    let operator = match &inside[name..] {
        [b':', b'-' | b'=', ..] => 2,
        [b':', b'?' | b'+', ..] => return None,
        [b':' | b'-', ..] => 1,
        _ => return None,
    };
    let start = 2 + name + operator;
    let end = value.len() - 1;
    (start < end).then_some(start..end)
}

fn identifier(text: &[u8]) -> bool {
    text.first().is_some_and(|b| b.is_ascii_alphabetic() || *b == b'_')
        && text.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_')
}

/// `$NAME`, `%NAME%`, `!NAME!`, `$env:NAME`, `:name`, `?`, `@name`, `&name`, `*name`.
fn variable(value: &[u8]) -> Option<&'static str> {
    let found = match value {
        [b'$', b'0'..=b'9' | b'@' | b'*' | b'?' | b'$' | b'#' | b'!'] | [b'?'] => true,
        [b'$', b'$', rest @ ..] | [b'$', rest @ ..] => {
            let name =
                rest.split(|b| matches!(b, b'-' | b'>' | b'.' | b'[' | b':')).next().unwrap_or_default();
            let rest = &rest[name.len()..];
            let only_name = rest.is_empty() && identifier(name) && wordlike(name);
            let member = !rest.is_empty() && identifier(name) && wordlike(value);
            only_name || member
        }
        [b'%', rest @ .., b'%'] | [b'!', rest @ .., b'!'] => identifier(rest),
        [b':' | b'&' | b'*', rest @ ..] => identifier(rest) && wordlike(rest),
        _ => false,
    };
    found.then_some("a variable")
}

/// Whether a text reads like a name.
fn wordlike(text: &[u8]) -> bool {
    surprise(text) < 5.0
}

/// Parts that some engine fills in, anywhere in the value.
fn template(value: &[u8]) -> Option<&'static str> {
    const MARKS: &[&[u8]] =
        &[b"${", b"$(", b"$[", b"{{", b"#{", b"<%", b"{%", b"%(", b"$env:", b"${{", b"@{", b"[[", b"<?"];
    // Most values have none of the signs that each of these has.
    if !value.iter().any(|byte| b"$%{#<@[`".contains(byte)) {
        return None;
    }
    // In a long random text of all signs two of them stand side by side by chance; then no name follows.
    let drawn = value.len() >= 20 && surprise(value) > 5.6;
    let has = |mark: &&[u8]| {
        memchr::memmem::find(value, mark).is_some_and(|at| {
            let rest = &value[at + mark.len()..];
            let name = rest.trim_ascii_start().iter().take_while(|b| b.is_ascii_alphabetic()).count();
            !rest.is_empty() && (!drawn || name >= 4)
        })
    };
    if MARKS.iter().any(has) {
        return Some("a template");
    }
    let ticks = value.len() > 2 && value.starts_with(b"`") && value.ends_with(b"`");
    if ticks {
        return Some("a command");
    }
    let format = (0..value.len()).any(|at| match &value[at..] {
        [b'%', b's' | b'd' | b'v' | b'q' | b'@' | b'p', rest @ ..] => {
            !rest.first().is_some_and(u8::is_ascii_alphanumeric)
        }
        [b'{', b'}', ..] => true,
        _ => false,
    });
    let numbered = value.windows(3).any(|w| w[0] == b'{' && w[1].is_ascii_digit() && w[2] == b'}');
    let named = value.iter().position(|b| *b == b'{').is_some_and(|open| {
        let rest = &value[open + 1..];
        let close = rest.iter().position(|b| *b == b'}');
        close.is_some_and(|close| identifier(&rest[..close]) && wordlike(&rest[..close]))
    });
    // `%s` beside nothing but words; a password may hold the same two signs.
    let format = format && value.len() < 64 && !(value.len() >= 8 && surprise(value) > 5.4);
    (format || numbered || named).then_some("a format")
}

/// Addresses in secret stores and in what deploys.
fn address(value: &[u8]) -> Option<&'static str> {
    static HEADS: Heads = heads!(ADDRESSES, ' ');
    let lower = value[..value.len().min(24)].to_ascii_lowercase();
    if HEADS.of(&lower).next().is_some() {
        return Some("an address of a secret");
    }
    let stored = value.contains(&b'/') && memchr::memmem::find(value, b"/run/secrets/").is_some();
    stored.then_some("an address of a secret")
}

/// How they begin.
const ADDRESSES: &str = "@microsoft.keyvault( keyvault:// akv:// vault: vault:// secretsmanager: arn:aws: arn:aws- \
        aws-sm:// awssm:// ssm: ssm:// {{resolve: !ref !sub !getatt !vault !secret !env_var !reference \
        fn:: gcp-sm:// gcpsm:// gsm:// sm:// op:// bws:// doppler:// infisical:// conjur file: env: \
        env:// ref+ secretref secretkeyref secret:// secret: valuefrom configmapkeyref existingsecret \
        external-secrets k8s: passwordstore keyring: keychain: projects/ classpath: pass:env \
        azurekeyvault berglas:// sops:// chamber: --from-file";

/// Values that are ciphertext.
fn sealed(value: &[u8]) -> Option<&'static str> {
    static HEADS: Heads = heads!(SEALED, '|');
    // Maven, Jenkins: base64 in braces.
    let braces = value.strip_prefix(b"{").and_then(|rest| rest.strip_suffix(b"}"));
    let base64 = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=');
    let in_braces = braces.is_some_and(|inside| inside.len() >= 24 && inside.iter().all(base64));
    // Sealed secrets of Kubernetes: base64 that begins with the length of a key.
    let sealed = value.len() >= 120 && value.starts_with(b"Ag") && value.iter().all(base64);
    (in_braces || sealed || HEADS.of(value).next().is_some()).then_some("it is encrypted")
}

/// How they begin.
const SEALED: &str = "$ANSIBLE_VAULT|ENC[|ENC(|{cipher}|AQICAH|vault:v|-----BEGIN AGE ENCRYPTED|\
-----BEGIN PGP MESSAGE|AQAAANCMnd8|01000000d08c9ddf|enc:|enc_|encrypted:|kms:|{AES}|{3DES}|\
{AES256}|{xor}|BLOCK:|OBF:";

/// Calls, members, items and operators: what stands on the right of an assignment in a program.
fn code(value: &[u8]) -> Option<&'static str> {
    let name = value.iter().take_while(|b| b.is_ascii_alphanumeric() || b"_.:$->?!@&*".contains(b)).count();
    let (head, rest) = value.split_at(name);
    let starts_like_a_name = head.first().is_some_and(|b| b.is_ascii_alphabetic() || b"_$@&*".contains(b));
    let readable = starts_like_a_name && wordlike(head);
    match rest.first() {
        Some(b'(') if readable && rest.contains(&b')') => return Some("a call"),
        Some(b'(') if starts_like_a_name && rest == b"()" => return Some("a call"),
        // Cut off behind what opens an argument, or in it: `os.environ[`, `Configuration["`, `sensitive(var.`.
        Some(b'(' | b'[') if readable && rest[1..].iter().all(|b| b"([{\"'$".contains(b)) => {
            return Some("a call");
        }
        Some(b'(') if readable && rest.len() > 1 && begun(&rest[1..]) => {
            return Some("a call");
        }
        Some(b'[') if readable && rest.contains(&b']') => return Some("an item"),
        _ => {}
    }
    let arrow = memchr::memmem::find(head, b"->").or_else(|| memchr::memmem::find(head, b"::"));
    if rest.is_empty() && readable && arrow.is_some_and(|at| at > 0 && at + 2 < head.len()) {
        return Some("a member");
    }
    let mut parts = value.split(|b| *b == b'.');
    let words = |part: &[u8]| identifier(part) && part.iter().all(|b| !b.is_ascii_digit());
    let dotted = parts.clone().count() >= 2 && parts.all(words);
    let known = || value.split(|b| *b == b'.').next().is_some_and(|root| ROOTS.has(root));
    let module = value.split(|b| *b == b'.' || *b == b':').all(words)
        && value.contains(&b':')
        && value.contains(&b'.');
    if (dotted && (known() || wordlike(value))) || (module && surprise(value) < 5.4) {
        return Some("a member");
    }
    let begins = |heads: &[&[u8]]| heads.iter().any(|head| value.starts_with(head));
    begins(&[b"new ", b"await ", b"function", b"lambda ", b"async ", b"typeof ", b"() =>", b"fun("])
        .then_some("code")
}

/// Whether a text is what stands in a call behind its bracket, cut off: `var.`, `'env'`.
fn begun(text: &[u8]) -> bool {
    let marked = text.ends_with(b".") || text.starts_with(b"'") || text.starts_with(b"\"");
    marked && text.iter().all(|b| b.is_ascii_alphabetic() || b"._'\"".contains(b))
}

/// What members often belong to, in Terraform and in programs.
static ROOTS: Words = Words::new(
    "var local data module self this settings config process env os each count path secrets vars \
    params props state options opts args req request ctx context conf cfg",
);

/// Ends of names of files.
static EXTENSIONS: Words = Words::new(
    "pem key crt cer json yaml yml txt env conf cfg ini toml xml jks p12 pfx py js ts rb go php html \
        css sh md log sock properties keystore gpg asc pub db sqlite so java rs c h pl",
);

/// Folders at the root of an image.
const ROOT: &str = "usr etc var opt home root srv tmp run app bin sbin lib dev proc sys mnt data media boot";

/// A path of a file. Base64 may begin with a slash too: parts that do not read like names are no path.
fn path(value: &[u8]) -> bool {
    let begins = |heads: &[&[u8]]| heads.iter().any(|head| value.starts_with(head));
    if begins(&[b"./", b"../", b"~/", b".\\", b"..\\", b"\\\\"]) {
        return true;
    }
    let drive = matches!(value, [letter, b':', b'\\' | b'/', ..] if letter.is_ascii_alphabetic());
    let absolute = value.starts_with(b"/") && !value.iter().any(|b| matches!(b, b'+' | b'='));
    let extension = value.rsplit(|b| *b == b'.').next().unwrap_or_default();
    let file = value.contains(&b'.') && EXTENSIONS.has(extension);
    let rooted = absolute
        && ROOT
            .split(' ')
            .any(|root| value[1..].starts_with(root.as_bytes()) && value.get(root.len() + 1) == Some(&b'/'));
    drive || rooted || (absolute && (file || surprise(value) < 4.8)) || (file && wordlike(value))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn references_are_told() {
        let values = "$NAME|${NAME}|${NAME:-default}|$(cat /x)|`cat x`|%NAME%|!NAME!|$env:NAME|#{NAME}|\
            {{ .Values.name }}|${{ secrets.NAME }}|$[variables.NAME]|@Microsoft.KeyVault(x)|\
            keyvault://a/b|vault:secret/x|arn:aws:secretsmanager:x|!Ref Name|ssm:/x/y|op://v/i/f|\
            env:NAME|/run/secrets/x|var.db_password|module.x.y|random_password.x.result|\
            process.env.NAME|process.env[\"NAME\"]|os.environ[\"X\"]|os.getenv(\"X\")|\
            System.getenv(\"X\")|getpass()|std::env::var(\"X\")|self.password|this.token|\
            $this->password|config.get('x')|settings.PASSWORD|ENC[AES256_GCM,data:x]|ENC(abc)|\
            {cipher}abc|$ANSIBLE_VAULT;1.1|AQICAHh|{aB3dE5gH7jK9mN1pQ3sT5vX7=}|./key.pem|~/x|\
            C:\\keys\\x|/etc/ssl/private/key.pem|/usr/src/app|uuid4()|os.environ[|server.key|com.example.Foo|app.core.magics:Handler|%s|{0}|{}|user:%s|\
            %(password)s|:name|postgres://user:${PASS}@host/db|<%= x %>|new Password()|Foo::BAR";
        for value in values.split('|') {
            assert!(reference(value.as_bytes()).is_some(), "{value}");
        }
    }

    #[test]
    fn literals_are_none() {
        let values = "Summer2024!|pa$$w0rd!X|/9j4AAQSkZJRgABAQ+x=|a8Fk2lQz9Xw4Rt7Yp1Vn|x.Y7kQ2.pL9z|hunter42x|\
            9f8a7c6b5d4e3f2a1b0c|p%ssWord9|Tr0ub4dor&3|$2b$12$abc|q(W7x)K2|kX9#mP2$vL";
        for value in values.split('|') {
            assert_eq!(reference(value.as_bytes()), None, "{value}");
        }
    }

    #[test]
    fn a_default_is_found_in_its_braces() {
        for (value, default) in [
            ("${A:-b c}", Some("b c")),
            ("${A-b}", Some("b")),
            ("${a.b-c:d}", Some("d")),
            ("${A:=b}", Some("b")),
            ("${A:-}", None),
            ("${A:?b}", None),
            ("${A}", None),
            ("$A", None),
        ] {
            assert_eq!(fallback(value.as_bytes()).map(|range| &value[range]), default, "{value}");
        }
    }

    proptest! {
        #[test]
        fn no_value_makes_it_panic(value in proptest::collection::vec(any::<u8>(), 0..200)) {
            reference(&value);
            if let Some(range) = fallback(&value) {
                prop_assert!(range.end <= value.len());
            }
        }

        #[test]
        fn random_tokens_are_none(value in "[A-Za-z0-9]{20,48}") {
            prop_assert_eq!(reference(value.as_bytes()), None);
        }
    }
}
