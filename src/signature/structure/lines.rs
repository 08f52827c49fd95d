//! Formats whose place in a line says what a value is.

use std::borrow::Cow;
use std::ops::Range;

use super::notation::{lines, lossy, trimmed};
use super::{Field, Sink, VARIABLE};

/// Gives `range` of `text` as the field `name`.
fn give(text: &[u8], range: Range<usize>, name: &'static str, key: String, sink: &mut Sink<'_>) {
    if !range.is_empty() {
        let value = Cow::Borrowed(&text[range.clone()]);
        sink(Field { name, key, range, value, decoded: None });
    }
}

/// Lines of `user:password` in a part of a text; hashes and what asks for a random password are none.
pub(super) fn logins(text: &[u8], part: Range<usize>, key: &str, sink: &mut Sink<'_>) {
    for (start, line) in lines(&text[part.clone()]) {
        let range = trimmed(text, part.start + start..part.start + start + line.len());
        let Some(colon) = memchr::memchr(b':', &text[range.clone()]) else { continue };
        let password = range.start + colon + 1..range.end;
        let value = &text[password.clone()];
        if !value.starts_with(b"$") && !matches!(value, b"R" | b"RANDOM") {
            let key = format!("{key}.{}", lossy(&text[range.start..range.start + colon]));
            give(text, password, "password", key, sink);
        }
    }
}

/// The words of a part of a text, without the quotation marks around them.
fn words(text: &[u8], range: Range<usize>) -> impl Iterator<Item = Range<usize>> + '_ {
    let mut at = range.start;
    std::iter::from_fn(move || {
        at += text[at..range.end].iter().take_while(|b| b.is_ascii_whitespace()).count();
        let mark = text[at..range.end].first().copied()?;
        if matches!(mark, b'"' | b'\'') {
            let start = at + 1;
            let ends = |b: &u8| *b == mark || *b == b'\n';
            let length = text[start..range.end].iter().position(ends).unwrap_or(range.end - start);
            at = (start + length + 1).min(range.end);
            return Some(start..start + length);
        }
        let start = at;
        at += text[at..range.end].iter().take_while(|b| !b.is_ascii_whitespace()).count();
        Some(start..at)
    })
}

/// Lines that are no comments, as ranges.
fn entries<'t>(text: &'t [u8], comments: &'static [u8]) -> impl Iterator<Item = Range<usize>> + 't {
    let ranges = lines(text).map(move |(start, line)| trimmed(text, start..start + line.len()));
    ranges.filter(move |range| {
        text.get(range.start).is_some_and(|b| !range.is_empty() && !comments.contains(b))
    })
}

/// A file that is nothing but the credential: its first line with something in it.
pub(super) fn whole(text: &[u8], sink: &mut Sink<'_>) {
    if let Some(range) = entries(text, b"#").next() {
        give(text, range, "content", String::new(), sink);
    }
}

/// `host:port:database:user:password`, where `\` takes a colon its meaning.
pub(super) fn pgpass(text: &[u8], sink: &mut Sink<'_>) {
    for range in entries(text, b"#") {
        let line = &text[range.clone()];
        let mut colons =
            (0..line.len()).filter(|at| line[*at] == b':' && (*at == 0 || line[at - 1] != b'\\'));
        let Some(colon) = colons.nth(3) else { continue };
        let key = format!("{}:password", lossy(&line[..colon]));
        let start = range.start + colon + 1;
        let raw = &text[start..range.end];
        if raw.contains(&b'\\') {
            let value =
                raw.iter().enumerate().filter(|(at, b)| **b != b'\\' || (*at > 0 && raw[at - 1] == b'\\'));
            let value = Cow::Owned(value.map(|(_, b)| *b).collect());
            sink(Field { name: "password", key, range: start..range.end, value, decoded: None });
        } else {
            give(text, start..range.end, "password", key, sink);
        }
    }
}

/// `machine HOST login USER password X`, over any lines.
pub(super) fn netrc(text: &[u8], sink: &mut Sink<'_>) {
    let (mut host, mut user, mut last) = (Range::default(), Range::default(), &b""[..]);
    for range in words(text, 0..text.len()) {
        let word = &text[range.clone()];
        match last {
            b"machine" => (host, user) = (range, Range::default()),
            b"login" => user = range,
            b"password" => {
                let owner = [lossy(&text[host.clone()]), lossy(&text[user.clone()])];
                let key = format!("machine {} login {} password", owner[0], owner[1]);
                give(text, range, "password", key, sink);
            }
            _ => {
                last = word;
                continue;
            }
        }
        last = b"";
    }
}

/// `"user" "password"`.
pub(super) fn userlist(text: &[u8], sink: &mut Sink<'_>) {
    for range in entries(text, b"#;") {
        let mut words = words(text, range);
        if let (Some(user), Some(password)) = (words.next(), words.next()) {
            let hashed =
                [&b"md5"[..], b"SCRAM-SHA-256$"].iter().any(|mark| text[password.clone()].starts_with(mark));
            if !hashed {
                give(text, password, "password", lossy(&text[user]).into_owned(), sink);
            }
        }
    }
}

/// `client server secret addresses`.
pub(super) fn chap_secrets(text: &[u8], sink: &mut Sink<'_>) {
    for range in entries(text, b"#") {
        let words: Vec<_> = words(text, range).take(3).collect();
        if let [client, server, secret] = &words[..] {
            let key = format!("{} {}", lossy(&text[client.clone()]), lossy(&text[server.clone()]));
            give(text, secret.clone(), "password", key, sink);
        }
    }
}

/// `hosts : PSK "secret"`, `user : XAUTH "secret"`, `user : EAP "secret"`.
pub(super) fn ipsec(text: &[u8], sink: &mut Sink<'_>) {
    for range in entries(text, b"#") {
        let Some(colon) =
            text[range.clone()].windows(2).position(|pair| matches!(pair, [b':', b' ' | b'\t']))
        else {
            continue;
        };
        let mut words = words(text, range.start + colon + 1..range.end);
        let (Some(kind), Some(secret)) = (words.next(), words.next()) else { continue };
        let kind = &text[kind];
        if [&b"PSK"[..], b"XAUTH", b"EAP", b"NTLM"].iter().any(|known| kind.eq_ignore_ascii_case(known)) {
            let key = format!("{}: {}", lossy(&text[range.start..range.start + colon]), lossy(kind));
            give(text, secret, "psk", key, sink);
        }
    }
}

/// The second line of `<auth-user-pass>`.
pub(super) fn openvpn(text: &[u8], sink: &mut Sink<'_>) {
    let mut before = 0;
    for range in entries(text, b"#;") {
        before = match (&text[range.clone()], before) {
            (b"<auth-user-pass>", _) => 1,
            (b"</auth-user-pass>", _) => 0,
            (_, 1) => 2,
            (_, 2) => {
                give(text, range, "password", "auth-user-pass".into(), sink);
                0
            }
            (_, other) => other,
        };
    }
}

/// `[host]:port user:password`.
pub(super) fn sasl(text: &[u8], sink: &mut Sink<'_>) {
    for range in entries(text, b"#") {
        let mut words = words(text, range);
        let (Some(host), Some(login)) = (words.next(), words.next()) else { continue };
        if let Some(colon) = memchr::memchr(b':', &text[login.clone()]) {
            let user = &text[login.start..login.start + colon];
            let key = format!("{} {}", lossy(&text[host]), lossy(user));
            give(text, login.start + colon + 1..login.end, "password", key, sink);
        }
    }
}

/// `poll HOST … user "x" … password "y"`.
pub(super) fn fetchmail(text: &[u8], sink: &mut Sink<'_>) {
    let mut last = &b""[..];
    for range in words(text, 0..text.len()) {
        if matches!(last, b"password" | b"pass") {
            let word = trimmed(text, range.clone());
            let end = word.end
                - usize::from(text[word.clone()].ends_with(b",") || text[word.clone()].ends_with(b";"));
            give(text, word.start..end.max(word.start), "password", "password".into(), sink);
        }
        last = &text[range];
    }
}

/// `https://user:password@host`.
pub(super) fn addresses(text: &[u8], sink: &mut Sink<'_>) {
    for range in entries(text, b"#") {
        let line = &text[range.clone()];
        let Some(scheme) = memchr::memmem::find(line, b"://") else { continue };
        // The last line may be cut off.
        let last = (range.end == text.len()).then_some(line.len());
        let Some(at) = memchr::memrchr(b'@', line).filter(|at| *at > scheme + 3).or(last) else { continue };
        let Some(colon) = memchr::memchr(b':', &line[scheme + 3..at]).map(|colon| scheme + 3 + colon) else {
            continue;
        };
        let key = format!("{}@{}", lossy(&line[..colon]), lossy(line.get(at + 1..).unwrap_or_default()));
        let range = range.start + colon + 1..range.start + at;
        let value = percent_decoded(&text[range.clone()]);
        if !range.is_empty() {
            sink(Field { name: "password", key, range, value, decoded: None });
        }
    }
}

/// What a part of an address stands for.
fn percent_decoded(raw: &[u8]) -> Cow<'_, [u8]> {
    if !raw.contains(&b'%') {
        return Cow::Borrowed(raw);
    }
    let digit =
        |b: Option<&u8>| b.and_then(|b| char::from(*b).to_digit(16)).and_then(|d| u8::try_from(d).ok());
    let mut out = Vec::with_capacity(raw.len());
    let mut at = 0;
    while let Some(byte) = raw.get(at) {
        let pair = (digit(raw.get(at + 1)), digit(raw.get(at + 2)));
        if let (b'%', (Some(high), Some(low))) = (byte, pair) {
            out.push(high << 4 | low);
            at += 3;
        } else {
            out.push(*byte);
            at += 1;
        }
    }
    Cow::Owned(out)
}

/// `Environment="A=b" C=d`, and the lines of `environment.d`.
pub(super) fn systemd(text: &[u8], sink: &mut Sink<'_>) {
    for range in entries(text, b"#;[") {
        let line = &text[range.clone()];
        let start = line.strip_prefix(b"Environment=").map_or(range.start, |_| range.start + 12);
        for mut word in words(text, start..range.end) {
            // `A="b c"` and `"A=b c"` are both written.
            let Some(equals) = memchr::memchr(b'=', &text[word.clone()]) else { continue };
            let key = lossy(&text[word.start..word.start + equals]).into_owned();
            word.start += equals + 1;
            if let [mark @ (b'"' | b'\''), ..] = &text[word.clone()] {
                let rest = &text[word.start + 1..range.end];
                let length = memchr::memchr(*mark, rest).unwrap_or(rest.len());
                word = word.start + 1..word.start + 1 + length;
            }
            give(text, word, VARIABLE, key, sink);
        }
    }
}

/// `SetEnv NAME value`, `AuthLDAPBindPassword value`, `PassEnv` not; nginx has `fastcgi_param NAME value;`.
pub(super) fn apache(text: &[u8], sink: &mut Sink<'_>) {
    for range in entries(text, b"#<") {
        let mut words = words(text, range.clone());
        let Some(first) = words.next() else { continue };
        let directive = text[first.clone()].to_ascii_lowercase();
        let sets = matches!(
            &directive[..],
            b"setenv" | b"fastcgi_param" | b"uwsgi_param" | b"env" | b"php_value" | b"php_admin_value"
        );
        let name = if sets { words.next() } else { Some(first).filter(|_| directive.ends_with(b"password")) };
        let (Some(name), Some(mut value)) = (name, words.next()) else { continue };
        value.end -= usize::from(text[value.clone()].ends_with(b";"));
        give(text, value, VARIABLE, lossy(&text[name]).into_owned(), sink);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(reader: fn(&[u8], &mut Sink<'_>), text: &str) -> Vec<(String, String)> {
        let mut out = Vec::new();
        reader(text.as_bytes(), &mut |field| {
            out.push((field.key, String::from_utf8_lossy(&field.value).into_owned()));
        });
        out
    }

    fn pairs(all: &[(&str, &str)]) -> Vec<(String, String)> {
        all.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn escapes_of_pgpass_are_undone() {
        let text = "h\\:1:5432:d:u:p\\:w\\\\x\r\n#a:b:c:d:e\na:b:c:d\n";
        assert_eq!(read(pgpass, text), pairs(&[("h\\:1:5432:d:u:password", "p:w\\x")]));
    }

    #[test]
    fn an_address_has_its_password_decoded() {
        let text = "https://u:p%40ss@h/x\nhttps://h/x\nhttps://u@h\nhttps://u:cut";
        let wanted = pairs(&[("https://u@h/x", "p@ss"), ("https://u@", "cut")]);
        assert_eq!(read(addresses, text), wanted);
    }

    #[test]
    fn an_entry_of_netrc_crosses_lines_in_any_order() {
        let text = "machine h\n login u\n password p\nmachine i password \"q r\" login v\ndefault password s";
        let found: Vec<_> = read(netrc, text).into_iter().map(|(_, value)| value).collect();
        assert_eq!(found, ["p", "q r", "s"]);
    }

    #[test]
    fn variables_of_services_are_pairs() {
        let text = "[Service]\nEnvironment=A=b \"C=d e\" F='g h'\nExecStart=/x\n";
        assert_eq!(read(systemd, text)[..3], pairs(&[("A", "b"), ("C", "d e"), ("F", "g h")]));
    }

    #[test]
    fn hashes_are_no_passwords() {
        assert_eq!(
            read(userlist, "\"a\" \"md5c0\"\n\"b\" \"SCRAM-SHA-256$1\"\n\"c\" \"d\""),
            pairs(&[("c", "d")])
        );
        let list = |text: &[u8], sink: &mut Sink<'_>| logins(text, 0..text.len(), "list", sink);
        assert_eq!(read(list, "root:x1\n  app:$6$a$b\nweb:R\n"), pairs(&[("list.root", "x1")]));
    }
}
