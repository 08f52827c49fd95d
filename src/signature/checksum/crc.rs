//! Tokens whose last characters are a CRC32 (IEEE) of the others.

use super::codec::{BASE36, BASE62, all_in, base64_decode, in_base, last, trimmed};
use super::{Fact, Proof, Verdict};

/// The CRC of `text` as GitHub writes it: base62, six digits.
fn base62_sum(text: &[u8]) -> String {
    in_base(BASE62, u64::from(crc32fast::hash(text)), 6)
}

/// `ghp_`, `gho_`, `ghu_`, `ghs_`, `ghr_`: 30 random characters and the sum of them. Longer forms (refresh tokens)
/// may agree, and are left open when they do not.
pub(super) fn github(token: &[u8]) -> Verdict {
    let token = trimmed(token);
    let Some(body) = token.get(4..).filter(|_| token.starts_with(b"gh") && token[3] == b'_') else {
        return Verdict::Unknown;
    };
    match sum_at_the_end(body) {
        Some(true) => Verdict::Pass,
        Some(false) if body.len() == 36 => Verdict::Fail,
        Some(false) | None => Verdict::Unknown,
    }
}

/// `npm_` and the same scheme.
pub(super) fn npm(token: &[u8]) -> Verdict {
    let body = trimmed(token).strip_prefix(b"npm_").filter(|body| body.len() == 36);
    match body.and_then(sum_at_the_end) {
        None => Verdict::Unknown,
        Some(agrees) => Verdict::from(agrees),
    }
}

fn sum_at_the_end(body: &[u8]) -> Option<bool> {
    if body.len() < 12 || !all_in(BASE62, body) {
        return None;
    }
    let (random, sum) = body.split_at(body.len() - 6);
    Some(base62_sum(random).as_bytes() == sum)
}

/// The sum of the 30 characters that end `so_far`.
pub(super) fn complete_github(so_far: &str) -> String {
    base62_sum(last(so_far, 30).as_bytes())
}

/// `github_pat_` 22 `_` 59. Which text the last six are the sum of is not settled, so each candidate may agree.
pub(super) fn github_fine_grained(token: &[u8]) -> Verdict {
    let token = trimmed(token);
    let Some(body) = token.strip_prefix(b"github_pat_").filter(|body| body.len() == 82) else {
        return Verdict::Unknown;
    };
    let Some((whole, sum)) = token.split_last_chunk::<6>() else {
        return Verdict::Unknown;
    };
    let rest = &body[..76];
    let covered = [whole, rest, &rest[23..], &rest[..22]];
    let joined = [&rest[..22], &rest[23..]].concat();
    let agrees =
        covered.into_iter().chain([joined.as_slice()]).any(|text| base62_sum(text).as_bytes() == sum);
    if agrees { Verdict::Pass } else { Verdict::Unknown }
}

/// The sum of `github_pat_` and the 76 characters after it.
pub(super) fn complete_github_fine_grained(so_far: &str) -> String {
    base62_sum(last(so_far, 87).as_bytes())
}

/// `glpat-PAYLOAD.[01.]LLCCCCCCC`: length of the payload and sum of all before it, both in base36.
pub(super) fn gitlab_routable(token: &[u8]) -> Proof {
    let token = trimmed(token);
    let Some((covered, sum)) = token.split_last_chunk::<7>() else {
        return Verdict::Unknown.into();
    };
    let Some(payload) = gitlab_payload(covered) else {
        return Verdict::Unknown.into();
    };
    let length = in_base(BASE36, payload.len() as u64, 2);
    let agrees = covered.ends_with(length.as_bytes())
        && in_base(BASE36, u64::from(crc32fast::hash(covered)), 7).as_bytes() == sum;
    Proof::new(Verdict::from(agrees), routes(payload))
}

/// What the payload begins with: lines of a letter, a colon and a number in base36, by which a request finds its cell.
fn routes(payload: &[u8]) -> Vec<Option<Fact>> {
    const KEYS: &[(&str, &str)] =
        &[("c", "cell"), ("g", "group"), ("o", "organization"), ("p", "project"), ("u", "user")];
    let bytes = base64_decode(payload).unwrap_or_default();
    let lines = bytes.split(|byte| *byte == b'\n').map_while(|line| {
        let (key, number) = std::str::from_utf8(line).ok()?.split_once(':')?;
        let number = u64::from_str_radix(number, 36).ok()?;
        let (_, name) = KEYS.iter().find(|(letter, _)| *letter == key)?;
        Some(Fact::new(name, number.to_string()))
    });
    lines.take(KEYS.len()).collect()
}

/// The payload in `glpat-PAYLOAD.LL` or `glpat-PAYLOAD.01.LL`.
fn gitlab_payload(covered: &[u8]) -> Option<&[u8]> {
    let mut parts = covered.split(|b| *b == b'.');
    let head = parts.next()?;
    let tail: Vec<&[u8]> = parts.take(3).collect();
    if !matches!(tail.as_slice(), [length] | [b"01", length] if length.len() == 2) {
        return None;
    }
    let dash = head.iter().position(|b| *b == b'-')?;
    let after = &head[dash + 1..];
    Some(match after {
        // Runner tokens carry their kind as `t1_` before the payload.
        [b't', digit, b'_', rest @ ..] if digit.is_ascii_digit() => rest,
        _ => after,
    })
}

/// Length and sum for a token that `so_far` ends with, which may still lack the dot.
pub(super) fn complete_gitlab_routable(so_far: &str) -> String {
    let start = so_far.rfind("gl").unwrap_or(so_far.len());
    let token = &so_far[start..];
    let dot = if token.ends_with('.') { "" } else { "." };
    let mut covered = format!("{token}{dot}");
    let payload = gitlab_payload(format!("{covered}00").as_bytes()).map_or(0, <[u8]>::len);
    covered += &in_base(BASE36, payload as u64, 2);
    let sum = in_base(BASE36, u64::from(crc32fast::hash(covered.as_bytes())), 7);
    format!("{}{sum}", &covered[token.len()..])
}

/// `glsa_` 32 `_` and the sum of all before the second underscore, eight hex digits, low byte first.
pub(super) fn grafana(token: &[u8]) -> Verdict {
    let token = trimmed(token);
    match token.split_last_chunk::<9>() {
        Some((covered, sum)) if covered.len() == 37 && covered.starts_with(b"glsa_") => {
            Verdict::from(sum[0] == b'_' && sum[1..].eq_ignore_ascii_case(grafana_sum(covered).as_bytes()))
        }
        _ => Verdict::Unknown,
    }
}

fn grafana_sum(covered: &[u8]) -> String {
    format!("{:08x}", crc32fast::hash(covered).swap_bytes())
}

/// The sum of the `glsa_` and 32 characters that stand before a last underscore.
pub(super) fn complete_grafana(so_far: &str) -> String {
    grafana_sum(last(so_far.trim_end_matches('_'), 37).as_bytes())
}

/// `ATATT…=XXXXXXXX`, `ATCTT…`, `ATBB…`, `ATTA…`: eight hex digits, thought to be the sum of what stands before
/// them, with the `=` or without, as a whole or without the four letters.
pub(super) fn atlassian(token: &[u8]) -> Verdict {
    let token = trimmed(token);
    let Some((covered, sum)) = token.split_last_chunk::<8>().filter(|(rest, _)| rest.len() > 20) else {
        return Verdict::Unknown;
    };
    if !token.starts_with(b"AT") || !sum.iter().all(u8::is_ascii_hexdigit) {
        return Verdict::Unknown;
    }
    let bare = covered.strip_suffix(b"=").unwrap_or(covered);
    let agrees = [covered, bare, &covered[4..], &bare[4..]]
        .into_iter()
        .any(|text| sum.eq_ignore_ascii_case(format!("{:08X}", crc32fast::hash(text)).as_bytes()));
    if agrees { Verdict::Pass } else { Verdict::Unknown }
}

/// The sum of the token that `so_far` ends with, in upper case.
pub(super) fn complete_atlassian(so_far: &str) -> String {
    let start = so_far.rfind("AT").unwrap_or_default();
    let start =
        ["ATATT3", "ATCTT3", "ATBB", "ATTA"].iter().filter_map(|p| so_far.rfind(p)).max().unwrap_or(start);
    format!("{:08X}", crc32fast::hash(&so_far.as_bytes()[start..]))
}

/// `syt_USER_RANDOM_XXXXXX`: Synapse's access tokens.
pub(super) fn matrix(token: &[u8]) -> Verdict {
    let token = trimmed(token);
    match token.split_last_chunk::<7>() {
        Some((covered, sum)) if sum[0] == b'_' && covered.starts_with(b"sy") => {
            Verdict::from(base62_sum(covered).as_bytes() == &sum[1..])
        }
        _ => Verdict::Unknown,
    }
}

/// The sum of the token that stands before a last underscore.
pub(super) fn complete_matrix(so_far: &str) -> String {
    let token = so_far.strip_suffix('_').unwrap_or(so_far);
    let start = token.rfind("sy").unwrap_or_default();
    base62_sum(&token.as_bytes()[start..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_samples_agree() {
        let github_sample = ["ghp_zQWBuTSOoRi4A9s", "pHcVY5ncnsDkxkJ0mLq17"].concat();
        assert_eq!(github(github_sample.as_bytes()), Verdict::Pass);
        let grafana_sample = ["glsa_yscW25imSKJIuav8", "zF37RZmnbiDvB05G_fcaaf58a"].concat();
        assert_eq!(grafana(grafana_sample.as_bytes()), Verdict::Pass);
    }

    #[test]
    fn one_other_character_fails() {
        let token = format!("ghp_{}", "aB3".repeat(10));
        let token = format!("{token}{}", complete_github(&token));
        assert_eq!(github(token.as_bytes()), Verdict::Pass);
        assert_eq!(github(token.replacen('a', "b", 1).as_bytes()), Verdict::Fail);
        assert_eq!(github(&token.as_bytes()[..39]), Verdict::Unknown);
    }

    #[test]
    fn a_routable_token_names_its_cell() {
        let payload = super::super::codec::base64url_encode(b"c:1\no:2s\nu:1a\n\xff\x00random bytes, 16\x10");
        let facts: Vec<String> = routes(payload.as_bytes())
            .into_iter()
            .flatten()
            .map(|f| format!("{} {}", f.name, f.value))
            .collect();
        assert_eq!(facts, ["cell 1", "organization 100", "user 46"]);
        assert!(routes(b"c2FtcGxl").is_empty());
    }

    #[test]
    fn gitlab_forms_with_and_without_version_agree() {
        for head in ["glpat-", "gldt-", "glrt-t1_"] {
            for version in ["", ".01", ".01."] {
                let start = format!("{head}{}{version}", "c2Ft".repeat(9));
                let token = format!("{start}{}", complete_gitlab_routable(&start));
                assert_eq!(gitlab_routable(token.as_bytes()).verdict, Verdict::Pass, "{token}");
                let other = token.replacen("c2", "c3", 1);
                assert_eq!(gitlab_routable(other.as_bytes()).verdict, Verdict::Fail, "{other}");
            }
        }
    }
}
