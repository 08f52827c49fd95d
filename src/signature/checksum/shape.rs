//! Tokens whose parts have fixed places, markers and meanings, without a sum over them.

use super::codec::last_word;
use super::codec::{
    BASE32, BASE62, BASE64URL, Filler, all_in, base32_decode, base64_decode, base64url_encode, in_base,
    missing, position, trimmed,
};
use super::{Fact, Proof, Verdict};

/// The number of the account that an AWS key id belongs to, which ids issued since about 2019 carry in bits 1 to 40
/// of their body. `None` for older ids and for what is none.
pub fn aws_account(id: &[u8]) -> Option<u64> {
    let body = trimmed(id).get(4..20)?;
    // Older ids begin AKIAI or AKIAJ; in newer ones the first bit is set, which makes the fifth letter Q or later.
    if position(BASE32, body[0])? < 16 {
        return None;
    }
    let bytes = base32_decode(body)?;
    let head = bytes[..6].iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    Some((head & 0x7fff_ffff_ff80) >> 7)
}

/// `AKIA` or `ASIA` and 16 letters of base32, whose account number has at most 12 digits.
pub(super) fn aws_key_id(token: &[u8]) -> Proof {
    let token = trimmed(token);
    if token.len() != 20 || !all_in(BASE32, &token[4..]) {
        return Verdict::Fail.into();
    }
    match aws_account(token) {
        None => Verdict::Unknown.into(),
        Some(account) if account < 1_000_000_000_000 => {
            Proof::new(Verdict::Pass, [Fact::new("account", format!("{account:012}"))])
        }
        Some(_) => Verdict::Fail.into(),
    }
}

/// Fills up the `AKIA…` that `so_far` ends with to 20 letters.
pub(super) fn complete_aws_key_id(so_far: &str) -> String {
    let start = so_far.rfind("AKIA").max(so_far.rfind("ASIA"));
    let given = start.map_or("", |start| &so_far[start..]);
    let mut filler = Filler::after(so_far);
    let head = if given.is_empty() { "AKIA" } else { "" };
    // "Q" and "R" keep the account number under 12 digits, whatever follows.
    let first = if given.len() > 4 { "" } else { "R" };
    let count = 20_usize.saturating_sub(head.len() + given.len() + first.len());
    format!("{head}{first}{}", filler.text(BASE32, count))
}

/// `T3BlbkFJ` (base64 of "`OpenAI`") in the middle, with halves of one length.
pub(super) fn openai(token: &[u8]) -> Verdict {
    const MARKER: &[u8] = b"T3BlbkFJ";
    let token = trimmed(token);
    let Some(at) = memchr::memmem::find(token, MARKER) else {
        return Verdict::Fail;
    };
    let (head, tail) = (&token[..at], &token[at + MARKER.len()..]);
    // A random half may hold a dash of its own, so its start is told by the length of the other one.
    let split = head.len().checked_sub(tail.len());
    let dashed = split.is_some_and(|split| head[..split].ends_with(b"-") && head.starts_with(b"sk-"));
    let known = matches!(tail.len(), 20 | 58 | 74) && all_in(BASE64URL, tail);
    Verdict::from(dashed && known)
}

pub(super) fn complete_openai(so_far: &str) -> String {
    missing(so_far, "T3BlbkFJ")
}

/// `sk-ant-KIND-` and 95 characters that end in `AA`, the padding of what they encode.
pub(super) fn anthropic(token: &[u8]) -> Verdict {
    let token = trimmed(token);
    let known = token.starts_with(b"sk-ant-") && token.ends_with(b"AA");
    Verdict::from(known && token.len() >= 100 && all_in(BASE64URL, token))
}

pub(super) fn complete_anthropic(so_far: &str) -> String {
    let mut filler = Filler::after(so_far);
    match so_far.rfind("sk-ant-").map(|at| so_far.len() - at) {
        Some(0..=20) => format!("{}AA", filler.text(BASE64URL, 93)),
        Some(_) => missing(so_far, "AA"),
        None => format!("sk-ant-api03-{}AA", filler.text(BASE64URL, 93)),
    }
}

/// `base64(id).time.hmac`: the id is a snowflake of 17 to 20 digits.
pub(super) fn discord(token: &[u8]) -> Proof {
    let parts: Vec<&[u8]> = trimmed(token).splitn(4, |b| *b == b'.').collect();
    let [id, time, mac] = parts.as_slice() else {
        return Verdict::Unknown.into();
    };
    let snowflake = base64_decode(id)
        .filter(|id| matches!(id.len(), 17..=20) && id.iter().all(u8::is_ascii_digit))
        .and_then(|id| String::from_utf8(id).ok());
    match snowflake {
        Some(id) if time.len() == 6 && matches!(mac.len(), 27..=38) => {
            Proof::new(Verdict::Pass, [Fact::new("bot", id)])
        }
        _ => Verdict::Fail.into(),
    }
}

/// The id, or what is missing after it.
pub(super) fn complete_discord(so_far: &str) -> String {
    let mut filler = Filler::after(so_far);
    let id = base64url_encode(format!("1{}", filler.text(b"0123456789", 17)).as_bytes());
    let word = last_word(so_far, ".-_");
    let tail = format!("{}.{}", filler.text(BASE62, 6), filler.text(BASE62, 38));
    match word.split('.').count() {
        2 if word.ends_with('.') => tail,
        _ if base64_decode(word.as_bytes()).is_some_and(|id| id.len() > 16) => format!(".{tail}"),
        _ => format!("{id}.{tail}"),
    }
}

/// `digits:AA…`: the id of the bot, and 35 characters.
pub(super) fn telegram(token: &[u8]) -> Proof {
    let mut parts = trimmed(token).splitn(2, |b| *b == b':');
    let (id, secret) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let id_fits = all_in(b"0123456789", id) && matches!(id.len(), 6..=11) && id[0] != b'0';
    if !(id_fits && secret.len() == 35 && secret.starts_with(b"AA") && all_in(BASE64URL, secret)) {
        return Verdict::Fail.into();
    }
    Proof::new(Verdict::Pass, [Fact::new("bot", String::from_utf8_lossy(id))])
}

pub(super) fn complete_telegram(so_far: &str) -> String {
    let mut filler = Filler::after(so_far);
    let secret = format!("AA{}", filler.text(BASE64URL, 33));
    let digits = so_far.bytes().rev().take_while(u8::is_ascii_digit).count();
    match so_far.strip_suffix(':') {
        Some(_) => secret,
        None if matches!(digits, 6..=11) => format!(":{secret}"),
        None => format!("7{}:{secret}", filler.text(b"0123456789", 9)),
    }
}

/// `xoxb-TEAM-BOT-SECRET` and its kin: ids of 9 to 14 digits, then letters.
pub(super) fn slack(token: &[u8]) -> Proof {
    let token = trimmed(token);
    let parts: Vec<&[u8]> = token.split(|b| *b == b'-').take(8).collect();
    let id = |part: &&[u8]| matches!(part.len(), 9..=14) && all_in(b"0123456789", part) && part[0] != b'0';
    let letters = |part: &[u8], from: usize| part.len() >= from && all_in(BASE62, part);
    let agrees = match parts.as_slice() {
        [b"xoxb", ids @ .., secret] => {
            matches!(ids.len(), 1..=3) && ids.iter().all(id) && letters(secret, 23)
        }
        [b"xoxp" | b"xoxe.xoxp" | b"xoxs", ids @ .., secret] => {
            matches!(ids.len(), 2..=3) && ids.iter().all(id) && letters(secret, 32)
        }
        [b"xapp", level, app, time, secret] => {
            all_in(b"0123456789", level) && app.starts_with(b"A") && id(time) && letters(secret, 64)
        }
        [b"xoxe" | b"xoxe.xoxb", level, secret] => all_in(b"0123456789", level) && letters(secret, 140),
        _ => return Verdict::Unknown.into(),
    };
    if !agrees {
        return Verdict::Fail.into();
    }
    let part =
        |name, at: usize| parts.get(at).and_then(|part| Fact::new(name, String::from_utf8_lossy(part)));
    let facts = match parts.as_slice() {
        [b"xoxb", _, _] => [part("bot", 1), None],
        [b"xoxb", ..] => [part("team", 1), part("bot", 2)],
        [b"xapp", ..] => [part("app", 2), None],
        [b"xoxe" | b"xoxe.xoxb", ..] => [None, None],
        _ => [part("team", 1), part("user", 2)],
    };
    Proof::new(Verdict::Pass, facts)
}

pub(super) fn complete_slack(so_far: &str) -> String {
    let mut filler = Filler::after(so_far);
    let mut id = || format!("2{}", filler.text(b"0123456789", 11));
    let ids = format!("{}-{}", id(), id());
    if so_far.ends_with("xoxb-") {
        format!("{ids}-{}", filler.text(BASE62, 24))
    } else if so_far.ends_with("xoxp-") {
        format!("{ids}-{}", filler.text(b"0123456789abcdef", 32))
    } else if so_far.ends_with("xapp-") {
        let tail = filler.text(b"0123456789abcdef", 64);
        format!("1-A{}-2345678901234-{tail}", filler.text(BASE32, 10))
    } else if so_far.ends_with("xoxe-") {
        format!("1-{}", filler.text(BASE62, 146))
    } else {
        format!("xoxb-{ids}-{}", filler.text(BASE62, 24))
    }
}

/// Where Azure's identifiable keys carry the mark of their service: total length, place, marks.
const AZURE_MARKS: &[(usize, usize, &[&[u8]])] = &[
    (84, 52, &[b"JQQJ99"]),
    (52, 42, &[b"AzSe", b"AzCa", b"AzFu"]),
    (56, 44, &[b"AzFu"]),
    (52, 40, &[b"+ACR"]),
    (44, 33, &[b"+ASb", b"+AEh", b"+ARm", b"AIoT"]),
    (44, 31, &[b"AzCa", b"+AEg"]),
    (88, 76, &[b"+ASt", b"ACDb", b"+ABa", b"+AMC", b"APIM"]),
];

/// A key of Azure that carries a mark at its place. Keys issued before the marks stay open.
pub(super) fn azure(token: &[u8]) -> Verdict {
    let token = trimmed(token);
    let marked = AZURE_MARKS.iter().any(|(length, at, marks)| {
        token.len() == *length && marks.iter().any(|mark| token[*at..].starts_with(mark))
    });
    if marked { Verdict::Pass } else { Verdict::Unknown }
}

/// The rest of a key of 84 after its 52 random characters (or all of it): mark, year, month, region, service.
pub(super) fn complete_azure(so_far: &str) -> String {
    let mut filler = Filler::after(so_far);
    let given = so_far.bytes().rev().take_while(u8::is_ascii_alphanumeric).count();
    let head = if given >= 52 { String::new() } else { filler.text(BASE62, 52) };
    let tail = format!("BACAAAAAAAAAAAAAAA{}", filler.text(BASE62, 8));
    format!("{head}JQQJ99{}", &tail[..26])
}

/// `sk_live_` and 24 letters, or the long form, which ends in `00` and ten letters.
pub(super) fn stripe(token: &[u8]) -> Verdict {
    let token = trimmed(token);
    let Some(body) = token.splitn(3, |b| *b == b'_').nth(2).filter(|body| all_in(BASE62, body)) else {
        return Verdict::Unknown;
    };
    let long = body.len() >= 90 && body.starts_with(b"5") && body[body.len() - 12..].starts_with(b"00");
    if long { Verdict::Pass } else { Verdict::Unknown }
}

pub(super) fn complete_stripe(so_far: &str) -> String {
    let mut filler = Filler::after(so_far);
    format!("51{}00{}", filler.text(BASE62, 85), filler.text(BASE62, 10))
}

/// `SWMTKN-1-` digest `-` secret, both in base36 of a fixed width.
pub(super) fn docker_swarm(token: &[u8]) -> Verdict {
    let parts: Vec<&[u8]> = trimmed(token).split(|b| *b == b'-').take(5).collect();
    Verdict::from(match parts.as_slice() {
        [b"SWMTKN", b"1" | b"2", digest, secret] => {
            digest.len() == 50
                && secret.len() == 25
                && [digest, secret]
                    .iter()
                    .all(|part| part.iter().all(|b| b.is_ascii_digit() || b.is_ascii_lowercase()))
        }
        _ => false,
    })
}

pub(super) fn complete_docker_swarm(so_far: &str) -> String {
    let mut filler = Filler::after(so_far);
    let letters = in_base(super::codec::BASE36, filler.number(), 12);
    let text = |filler: &mut Filler, count| filler.text(super::codec::BASE36, count);
    let whole =
        format!("SWMTKN-1-{}{letters}-{}", text(&mut filler, 50 - letters.len()), text(&mut filler, 25));
    missing(so_far, &whole)
}

/// The version of a UUID in its usual writing (RFC 9562), or `None` for what is none.
pub(super) fn uuid_parts(text: &[u8]) -> Option<u8> {
    let fits = text.len() == 36
        && text.iter().enumerate().all(|(at, b)| match at {
            8 | 13 | 18 | 23 => *b == b'-',
            _ => b.is_ascii_hexdigit(),
        });
    fits.then(|| char::from(text[14]).to_digit(16)).flatten().and_then(|version| u8::try_from(version).ok())
}

/// A UUID of a known version and variant. One that is not may still be a key that somebody drew as 32 hex digits.
pub(super) fn uuid(token: &[u8]) -> Verdict {
    let token = trimmed(token);
    match uuid_parts(token) {
        None => Verdict::Fail,
        Some(1..=8) if matches!(token[19], b'8' | b'9' | b'a' | b'b' | b'A' | b'B') => Verdict::Pass,
        Some(_) => Verdict::Unknown,
    }
}

/// A random UUID (version 4).
pub(super) fn complete_uuid(so_far: &str) -> String {
    let mut filler = Filler::after(so_far);
    let mut hex = |count| filler.text(b"0123456789abcdef", count);
    format!("{}-{}-4{}-a{}-{}", hex(8), hex(4), hex(3), hex(3), hex(12))
}

/// A hash as `crypt(3)` and its kin write it: known method, salt and a hash of that method's length.
pub(super) fn crypt_hash(token: &[u8]) -> Verdict {
    let token = trimmed(token);
    let tail = token.rsplit(|b| *b == b'$').next().unwrap_or_default();
    let length = match token.get(..4).unwrap_or_default() {
        [b'$', b'1', b'$', _] | b"$apr" => 22,
        [b'$', b'5', b'$', _] | b"$y$j" | b"$gy$" | b"$7$C" => 43,
        [b'$', b'6', b'$', _] => 86,
        [b'$', b'2', b'a' | b'b' | b'x' | b'y', b'$'] => 53,
        b"$arg" | b"$scr" | b"$pbk" => return Verdict::from(tail.len() >= 22),
        _ => return Verdict::Unknown,
    };
    let letters = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'/');
    Verdict::from(tail.len() == length && tail.iter().all(letters))
}

/// The rest of a hash whose method `so_far` names, or a whole one of SHA-512.
pub(super) fn complete_crypt_hash(so_far: &str) -> String {
    let mut filler = Filler::after(so_far);
    let method = so_far
        .rfind('$')
        .map_or("", |_| so_far.rsplit(['"', '\'', ' ', ':', '=']).next().unwrap_or_default());
    let (head, length) = match method {
        m if m.starts_with("$1$") || m.starts_with("$apr1$") => ("", 22),
        m if m.starts_with("$5$") || m.starts_with("$y$") => ("", 43),
        m if m.starts_with("$6$") => ("", 86),
        m if m.starts_with("$2") => ("", 53),
        _ => ("$6$", 86),
    };
    let salted = method.starts_with("$2") || (method.matches('$').count() > 2 && method.ends_with('$'));
    let salt = if salted { String::new() } else { format!("{}$", filler.text(BASE62, 8)) };
    format!("{head}{salt}{}", filler.text(BASE62, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_number_is_read_from_a_published_id() {
        // From Tal Be'ery's note on AWS key ids, which gives the account.
        let id = ["ASIAQNZG", "KIQY56JQ7WML"].concat();
        assert_eq!(aws_account(id.as_bytes()), Some(29_608_264_753));
        let verdict = |id: String| aws_key_id(id.as_bytes()).verdict;
        assert_eq!(aws_key_id(id.as_bytes()).facts[0].value, "029608264753");
        assert_eq!(verdict(id.clone()), Verdict::Pass);
        assert_eq!(verdict(format!("AKIA7{}", &id[5..])), Verdict::Fail);
        assert_eq!(verdict(format!("AKIAI{}", &id[5..])), Verdict::Unknown);
        assert_eq!(verdict(id.replace('G', "1")), Verdict::Fail);
    }

    #[test]
    fn halves_of_different_length_fail() {
        let half = "aB3_".repeat(18) + "xy";
        let key = |head: &str, tail: &str| openai(format!("sk-proj-{head}T3Blbk{}{tail}", "FJ").as_bytes());
        assert_eq!(key(&half, &half), Verdict::Pass);
        assert_eq!(key(&half[1..], &half), Verdict::Fail);
        assert_eq!(openai(format!("sk-{half}").as_bytes()), Verdict::Fail);
    }

    #[test]
    fn methods_of_crypt_have_their_lengths() {
        for (method, length) in [
            ("$1$salt$", 22),
            ("$5$salt$", 43),
            ("$6$rounds=9$salt$", 86),
            ("$y$j9T$salt$", 43),
            ("$2b$12$", 53),
        ] {
            let hash = |length: usize| {
                crypt_hash(format!("{method}{}", "aZ./3".repeat(20).get(..length).unwrap()).as_bytes())
            };
            assert_eq!(hash(length), Verdict::Pass, "{method}");
            assert_eq!(hash(length - 1), Verdict::Fail, "{method}");
        }
    }

    #[test]
    fn slack_ids_are_numbers() {
        let token = format!("xoxb-{}", complete_slack("xoxb-"));
        let proof = slack(token.as_bytes());
        assert_eq!(proof.verdict, Verdict::Pass);
        assert_eq!(proof.facts.iter().map(|fact| &*fact.name).collect::<Vec<_>>(), ["team", "bot"]);
        assert!(proof.facts.iter().all(|fact| !token.ends_with(&fact.value)));
        assert_eq!(slack(format!("xoxb-abc-{}", "a".repeat(24)).as_bytes()).verdict, Verdict::Fail);
        assert_eq!(slack(b"xoxz-1-2").verdict, Verdict::Unknown);
    }
}
