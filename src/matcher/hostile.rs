//! Texts that are made to be slow: no byte of them may cost much more than one of an ordinary file.

use std::hint::black_box;
use std::time::{Duration, Instant};

use super::*;
use crate::signature::template::expand;

/// Bytes of each text.
const SIZE: usize = 1 << 15;

/// How many times as much as a byte of ordinary settings a byte of a hostile text may cost. It is meant to be ten; a machine
/// that does other things besides, and code that is not optimised, must not fail.
const MOST: u32 = 60;

/// What is repeated.
const PIECES: &[&str] = &[
    "token=",
    "secret_key_token_auth=",
    "token=abcdefgh ",
    "token:",
    "token: ",
    "token: |\n",
    " token: |\n",
    " token: x\n",
    "token=\"",
    "token='",
    "token=\\\"",
    "token=r\"",
    "token=${",
    "token=$(",
    "<token>",
    "<token a=",
    "<add key=\"token\" value=",
    "password",
    "password/",
    "password.",
    "password-",
    "\"password\",",
    "password => ",
    "password(",
    "setPassword(\"",
    "--password ",
    "--token=",
    "&token=",
    "?token=a&",
    "%26token%3D",
    "\\ntoken=",
    "Authorization: Basic ",
    "Authorization: Bearer ",
    "-----BEGIN PRIVATE KEY-----\n",
    "-----BEGIN PRIVATE KEY-----",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n",
    "-----BEGIN PGP PRIVATE KEY BLOCK-----\n",
    "-----BEGIN CERTIFICATE-----\n",
    "https://a:",
    "https://a:b@",
    "postgres://",
    "eyJ",
    "eyJ.",
    "eyJhbGciOiJIUzI1NiJ9.",
    "ghp_",
    "ghp_ ",
    "AKIA",
    "AKIA ",
    "sk-",
    "xoxb-",
    "\"type\": \"service_account\",",
    "{\"private_key\": \"",
    "flickr_key = \"",
    "flickr: {",
    "[flickr]\n",
    "new Flickr(",
    "flickr ",
    "aws_secret_access_key",
    "\"a\" + ",
    "\"token=\" + ",
    "\"ghp_\" + ",
    "'ghp_' . ",
    "\"ghp_\" ",
    "ghp_\\\n",
    "token=abcdefgh\\\n",
    "[\"ghp_\", ",
    "\"\"'",
];

/// Time that both stages take, as a chunk has them.
fn time(matcher: &Matcher, text: &[u8]) -> Duration {
    let start = Instant::now();
    let around = Surroundings { path: Some(b"app/config.yml"), pair: None };
    let mut hits = Vec::new();
    matcher.search(text, |candidate| {
        let from = candidate.at.saturating_sub(BEFORE);
        let window = &text[from..text.len().min(candidate.at + AFTER)];
        matcher.verify(candidate.moved(candidate.at - from), window, around, &mut hits);
        for hit in hits.drain(..) {
            black_box(matcher.companions(hit.rule, &hit.secret, window, NEAR));
            black_box(Mark::at(window, &hit.secret));
        }
    });
    matcher.joined(text, 0..text.len(), around, &mut |joined| {
        black_box(joined);
    });
    start.elapsed()
}

/// What settings look like.
fn ordinary() -> Vec<u8> {
    let block = "# settings\nDB_HOST=db.internal\nDB_PASSWORD={base62:16}\nAPI_TOKEN=\"{base62:32}\"\nLOG_LEVEL=info\n\
        server:\n  port: 8080\n  secret_key: {hex:40}\n  url: https://user:{base62:12}@host.internal/path\n";
    (0..SIZE / 200).map(|n| expand(block, &n.to_string())).collect::<String>().into_bytes()
}

#[test]
fn no_text_costs_much_more_than_settings() {
    let matcher = Matcher::new(RuleSet::embedded());
    let settings = ordinary();
    let fill = |piece: &str| piece.repeat(SIZE / piece.len() + 1).into_bytes();
    // What is compiled when it is first needed is compiled before.
    time(&matcher, &settings);
    for piece in PIECES {
        time(&matcher, piece.repeat(40).as_bytes());
    }
    let unit = (0..3).map(|_| time(&matcher, &settings)).min().unwrap_or_default() / 64;
    let unit = unit.max(Duration::from_micros(1)) * 64 * u32::try_from(SIZE).unwrap()
        / u32::try_from(settings.len()).unwrap();
    let slow: Vec<String> = PIECES
        .iter()
        .filter_map(|piece| {
            let took = time(&matcher, &fill(piece));
            let times = took.as_secs_f64() / unit.as_secs_f64();
            (took > unit * MOST).then(|| format!("{times:8.1} times: {piece:?}"))
        })
        .collect();
    assert!(slow.is_empty(), "settings: {unit:?}\n{}", slow.join("\n"));
}
