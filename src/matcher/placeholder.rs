//! What only stands in for a secret: words, masks, patterns and the samples that everybody knows.
//!
//! A value is judged by itself; its name and its place are not known here. The principle is that a placeholder is made
//! of what people write when they do not mean a real value: of a small set of words, also joined, in other cases or with
//! digits for letters; of one letter said over and over; of runs along the alphabet or the keyboard; of brackets around
//! a description. Random letters give none of these by chance; how likely it is bounds each rule by the value's length.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use super::entropy::{distinct, surprise};
use super::famous::famous;
use super::heads::{Heads, heads};
use crate::signature::checksum;

/// Why `value` is no secret, if it is a placeholder.
pub fn placeholder(value: &[u8]) -> Option<&'static str> {
    let value = value.trim_ascii();
    if value.is_empty() {
        return Some("it is empty");
    }
    if value.len() > 4096 {
        return None;
    }
    let lower = value.to_ascii_lowercase();
    masked(value)
        .or_else(|| bracketed(value))
        .or_else(|| repeated(value))
        .or_else(|| in_order(&lower))
        .or_else(|| {
            // The digest of a value costs as much as all else that is asked of it.
            let marked = marked(value, &lower);
            let sure = marked.is_some_and(|reason| reason != WORD);
            let sample = if sure { None } else { famous(value).map(|_| "a published sample") };
            sample.or(marked)
        })
        .or_else(|| public(value))
        .or_else(|| sample_jwt(value))
}

/// Masks as tools print them, dots of an ellipsis, runs of `x`.
fn masked(value: &[u8]) -> Option<&'static str> {
    let has = |needle: &[u8]| memchr::memmem::find(value, needle).is_some();
    let may = value.iter().any(|b| matches!(b, b'*' | b'.' | 0x80..));
    if may && (has(b"***") || has("••".as_bytes()) || has("…".as_bytes()) || has(b"...")) {
        return Some("a mask");
    }
    // A few in a row happen by chance in a random text: then what is left of it is as random as before.
    let masks = [(b'x', 3), (b'X', 3), (b'#', 3), (b'_', 4), (b'?', 3), (b'-', 4)];
    let told = value.windows(3).any(|w| w[0] == w[1] && w[1] == w[2])
        && masks.iter().any(|(letter, least)| {
            let run = longest_run(value, *letter);
            let chance = run <= least + 1 && run * 4 < value.len() && random_beside(value, *letter);
            run >= *least && !chance && !(*letter == b'-' && has(b"-----"))
        });
    if told {
        return Some("a mask");
    }
    value
        .iter()
        .all(|b| !b.is_ascii_alphanumeric() && b.is_ascii())
        .then_some("it has no letter and no digit")
}

/// Whether `value` without `letter` looks drawn at random: letters and digits mixed, which are no words.
fn random_beside(value: &[u8], letter: u8) -> bool {
    let rest: Vec<u8> = value.iter().copied().filter(|b| *b != letter).collect();
    surprise(&rest) > 5.4 && distinct(&rest) >= 8
}

fn longest_run(value: &[u8], wanted: u8) -> usize {
    let (mut longest, mut run) = (0, 0);
    for byte in value {
        run = if *byte == wanted { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest
}

/// Brackets and marks around a description.
fn bracketed(value: &[u8]) -> Option<&'static str> {
    const PAIRS: &[(&[u8], &[u8])] = &[
        (b"<", b">"),
        (b"[", b"]"),
        (b"(", b")"),
        (b"{", b"}"),
        (b"__", b"__"),
        (b"@", b"@"),
        (b"@@", b"@@"),
        (b"%%", b"%%"),
        (b"##", b"##"),
        (b"#{", b"}#"),
        (b"~", b"~"),
        (b"|", b"|"),
    ];
    let inside = PAIRS.iter().find_map(|(open, close)| value.strip_prefix(*open)?.strip_suffix(*close));
    if inside.is_some_and(|inside| !inside.is_empty() && named(inside)) {
        return Some("a description in brackets");
    }
    // `glpat-<your token>`, `user:<password>@host`
    let open = memchr::memchr(b'<', value)?;
    let close = memchr::memchr(b'>', &value[open..])?;
    let inside = &value[open + 1..open + close];
    (inside.len() > 2 && named(inside)).then_some("a description in brackets")
}

/// Whether a text reads like a name or a description.
fn named(text: &[u8]) -> bool {
    text.len() <= 80
        && text.iter().any(u8::is_ascii_alphabetic)
        && !text.iter().any(|b| matches!(b, b'=' | b'"' | b'\n' | b'{' | b'<'))
        && surprise(text) < 5.2
}

/// One letter, or a group of letters, over and over.
fn repeated(value: &[u8]) -> Option<&'static str> {
    let bare: Vec<u8> =
        value.iter().copied().filter(|b| !matches!(b, b'-' | b'_' | b':' | b'.' | b' ')).collect();
    let different = distinct(&bare);
    if bare.len() >= 3 && different == 1 {
        return Some("one letter over and over");
    }
    if (bare.len() >= 12 && different < 4) || (bare.len() >= 24 && different < 6) {
        return Some("few different letters");
    }
    // Short values may repeat a syllable and still be somebody's password.
    let longest = if bare.len() < 16 { 3 } else { bare.len() / 2 };
    let period =
        (1..=longest.min(64)).find(|period| bare.iter().skip(*period).eq(&bare[..bare.len() - period]));
    (bare.len() >= 6 && period.is_some()).then_some("a pattern that repeats")
}

/// Where a byte stands on a keyboard: in which row and how far in it. Neighbours differ by one; 0 for what stands nowhere.
#[expect(clippy::cast_possible_truncation, reason = "four rows of at most ten keys")]
const KEYS: [u8; 256] = {
    let rows: [&[u8]; 4] = [b"qwertyuiop", b"asdfghjkl", b"zxcvbnm", b"1234567890"];
    let (mut keys, mut row) = ([0; 256], 0);
    while row < rows.len() {
        let mut at = 0;
        while at < rows[row].len() {
            keys[rows[row][at] as usize] = (16 * row + at + 1) as u8;
            at += 1;
        }
        row += 1;
    }
    keys
};

/// A run along the alphabet, the digits or the keyboard that makes up a good part of the value.
fn in_order(lower: &[u8]) -> Option<&'static str> {
    let bare: Vec<u8> = lower.iter().copied().filter(|b| *b != b'-' && *b != b'_').collect();
    let (mut longest, mut run, mut direction) = (1, 1, 0);
    for pair in bare.windows(2) {
        let step = step(pair[0], pair[1]);
        run = match step {
            0 => 1,
            _ if step == direction => run + 1,
            _ => 2,
        };
        direction = step;
        longest = longest.max(run);
    }
    let most = longest * 2 >= bare.len() && longest >= 5;
    // A run of eight is no chance in any token; six are none in a token of usual length.
    let much = longest >= 8 || (longest >= 6 && (20..=128).contains(&bare.len()));
    (most || much).then_some("letters or digits in their order")
}

/// Whether what follows `before` is introduced as an example: `e.g. x`, `for example: "x"`.
pub fn introduced(before: &[u8]) -> bool {
    const HEADS: &[&[u8]] = &[b"e.g.", b"eg.", b"for example", b"for instance", b"such as"];
    let last = &before[before.len().saturating_sub(24)..];
    let between = |b: &u8| matches!(b, b' ' | b',' | b':' | b'"' | b'\'' | b'`' | b'<');
    let end = last.iter().rposition(|b| !between(b)).map_or(0, |last| last + 1);
    let lower = last[..end].to_ascii_lowercase();
    HEADS.iter().any(|head| {
        lower.strip_suffix(*head).is_some_and(|rest| !rest.last().is_some_and(u8::is_ascii_alphanumeric))
    })
}

/// 1 or -1 if `b` follows or precedes `a` in the alphabet or among the digits, 2 or -2 on the keyboard, else 0.
fn step(a: u8, b: u8) -> i8 {
    let same_class =
        (a.is_ascii_digit() && b.is_ascii_digit()) || (a.is_ascii_lowercase() && b.is_ascii_lowercase());
    match (a, b) {
        // Hex goes from 9 to a, and counting from 9 to 0.
        (b'9', b'a' | b'0') => return 1,
        (b'0' | b'a', b'9') => return -1,
        _ if same_class && b == a + 1 => return 1,
        _ if same_class && a == b + 1 => return -1,
        _ => {}
    }
    match (KEYS[usize::from(a)], KEYS[usize::from(b)]) {
        (0, _) | (_, 0) => 0,
        (a, b) if b == a + 1 => 2,
        (a, b) if a == b + 1 => -2,
        _ => 0,
    }
}

/// Words of five letters and more that mark a placeholder wherever they stand.
static MARKS: LazyLock<AhoCorasick> = LazyLock::new(|| {
    const MARKS: &str = "example|changeme|change_me|change-me|changeit|change_it|change_this|changethis|placeholder|\
    redacted|replace_|replace-|replaceme|replace with|replacewith|dummy|_here|-here|goeshere|foobar|\
    deadbeef|cafebabe|baadf00d|not-a-real|not_a_real|notareal|notreal|not_real|notasecret|not-a-secret|\
    not_a_secret|thisisa|thisismy|this-is-a|this_is_a|insert_|insert-|insertyour|enter_your|enter-your|\
    enteryour|yourpass|yoursecret|yourtoken|yourapi|yourkey|keyboard cat|notsosecret|somerandom|\
    sample_|sample-|samplekey|lorem ipsum|django-insecure|do-not-use|do_not_use|donotuse|fake_|fake-|\
    fakekey|faketoken|fakesecret|build-time-only|correcthorse|known after apply|sensitive value";
    AhoCorasick::new(MARKS.split('|')).expect("the list is bounded")
});

/// Words that mark one if they stand between separators or begin the value.
const SEGMENTS: &str = "your fake todo fixme mock mocked sample tbd changeme foo xxx stub";

/// Words of placeholders, alone, joined or inside the value.
fn marked(value: &[u8], lower: &[u8]) -> Option<&'static str> {
    if value.len() > 400 {
        return None;
    }
    if made_of_words(value) {
        return Some("words of a placeholder");
    }
    if MARKS.is_match(lower) || memchr::memmem::find(value, b"EXAMPLE").is_some() {
        return Some(WORD);
    }
    let mut segments = lower.split(|b| !b.is_ascii_alphanumeric()).filter(|segment| !segment.is_empty());
    if segments.clone().any(|segment| SEGMENTS.split(' ').any(|word| word.as_bytes() == segment)) {
        return Some(WORD);
    }
    let tried =
        segments.any(|segment| matches!(segment, b"test" | b"testing" | b"demo" | b"insecure" | b"dev"));
    (tried && surprise(value) < 4.4).then_some(WORD)
}

/// What is said of a value with a word of a placeholder in it.
pub const WORD: &str = "a word of a placeholder";

/// What placeholders are made of. A value that is a chain of these, of separators and of trivial digits is one.
static WORDS: Heads = heads!(WORD_LIST, ' ');

const WORD_LIST: &str = "a an the my your our this that is it not no so be to of for in on at do dont use please me here and or \
    with one two change changed replace replaceme insert enter add put set fill give any some something anything \
    example examples sample samples demo dummy fake mock mocked stub test testing tests tester tst temp tmp temporary \
    foo bar baz qux foobar foobarbaz lorem ipsum dolor placeholder redacted removed hidden masked censored sanitized \
    obfuscated omitted secret secrets super top very unused unset undefined null nil none na nan empty blank default \
    defaults true false yes on off enabled disabled required optional string str text value values val key keys api \
    token tokens password passwords passwd passphrase passwort pass pwd pw phrase unique random access auth client \
    private public user username usr users admin administrator root toor guest login name account email mail id host \
    localhost local dev devel development developer staging build time only ci insecure unsafe real valid invalid server \
    service db database postgres postgresql mysql mariadb redis mongo mongodb rabbitmq mq minio vagrant docker ubuntu \
    raspberry welcome let letmein qwerty qwertyuiop asdf asdfgh monkey hunter correct horse battery staple keyboard cat \
    shhhh iloveyou bitnami vnc headless foobared strong hello world bearer basic integer number boolean bool object type \
    field label prompt abc abcd xyz credential credentials refresh session cookie signing encryption application app todo \
    tbd fixme deadbeef cafebabe changeme changeit smtp ftp ssh http https jwt oauth new old current confirm repeat oracle \
    mktemp uuidgen pwgen securerandom iconfiguration scott tiger sa system manager django flask laravel symfony spring rails node long short generated generate create";

/// Whether `value` is a chain of [`WORDS`], separators and trivial digits.
pub(super) fn made_of_words(value: &[u8]) -> bool {
    if value.len() > 64 {
        return false;
    }
    let mut reached = [false; 65];
    reached[0] = true;
    let mut any_word = false;
    for at in 0..value.len() {
        if !reached[at] {
            continue;
        }
        let rest = &value[at..];
        if b"_-. :/!?@#$%*+&,;\"'~".contains(&rest[0]) {
            reached[at + 1] = true;
        }
        if let Some(length) = trivial_digits(rest) {
            reached[at + length] = true;
        }
        let letters = stands_for(rest[0]).into_iter().flatten();
        for word in letters.flat_map(|letter| WORDS.beginning_with(letter)).filter(|word| begins(rest, word))
        {
            reached[at + word.len()] = true;
            any_word = true;
        }
    }
    any_word && reached[value.len()]
}

/// The letters that a byte may be written for at the start of a word: see [`begins`].
fn stands_for(byte: u8) -> [Option<u8>; 3] {
    let letters: [u8; 2] = match byte {
        b'@' | b'4' => [b'a', 0],
        b'3' => [b'e', 0],
        b'0' => [b'o', 0],
        b'1' | b'!' => [b'i', b'l'],
        b'$' | b'5' => [b's', 0],
        _ => [0, 0],
    };
    let [first, second] = letters.map(|letter| (letter != 0).then_some(letter));
    [Some(byte.to_ascii_lowercase()), first, second]
}

/// Whether `text` begins with `word`, in any case and with the usual digits and signs for letters.
fn begins(text: &[u8], word: &[u8]) -> bool {
    let same = |given: u8, letter: u8| match given {
        _ if word.len() < 3 => given.to_ascii_lowercase() == letter,
        b'@' | b'4' => letter == b'a',
        b'3' => letter == b'e',
        b'0' => letter == b'o',
        b'1' | b'!' => letter == b'i' || letter == b'l',
        b'$' | b'5' => letter == b's',
        _ => given.to_ascii_lowercase() == letter,
    };
    text.len() >= word.len() && text.iter().zip(word).all(|(given, letter)| same(*given, *letter))
}

/// Length of digits that say nothing: one alone, one over and over, or counting up.
fn trivial_digits(text: &[u8]) -> Option<usize> {
    let length = text.iter().take_while(|b| b.is_ascii_digit()).count();
    let run = &text[..length];
    let steps = |step: u8| run.windows(2).all(|pair| pair[1] == pair[0] + step);
    (length > 0 && (steps(0) || steps(1))).then_some(length)
}

/// What is public by nature: digests of integrity, public keys, images.
fn public(value: &[u8]) -> Option<&'static str> {
    const DIGESTS: &[&[u8]] =
        &[b"sha1-", b"sha256-", b"sha384-", b"sha512-", b"sha1:", b"sha256:", b"sha512:", b"md5:", b"h1:"];
    const PUBLIC: &[&[u8]] = &[
        b"ssh-rsa AAAA",
        b"ssh-dss AAAA",
        b"ssh-ed25519 AAAA",
        b"ecdsa-sha2-",
        b"sk-ssh-ed25519@",
        b"-----BEGIN PUBLIC KEY",
        b"-----BEGIN RSA PUBLIC KEY",
        b"-----BEGIN CERTIFICATE",
        b"-----BEGIN X509 CRL",
        b"-----BEGIN DH PARAMETERS",
        b"-----BEGIN EC PARAMETERS",
        b"-----BEGIN PGP PUBLIC KEY BLOCK",
        b"-----BEGIN PGP SIGNATURE",
        b"-----BEGIN SSH2 PUBLIC KEY",
    ];
    let begins = |heads: &[&[u8]]| heads.iter().any(|head| value.starts_with(head));
    if begins(DIGESTS) {
        return Some("a digest");
    }
    if value.starts_with(b"data:") && memchr::memchr(b',', &value[..value.len().min(80)]).is_some() {
        return Some("data in a URI");
    }
    begins(PUBLIC).then_some("public by nature")
}

/// Tokens of standards and of tools' documentation, told by whom they stand for.
fn sample_jwt(value: &[u8]) -> Option<&'static str> {
    if !value.starts_with(b"eyJ") {
        return None;
    }
    let token = checksum::jwt(value)?;
    let sample = token.subject.as_deref() == Some("1234567890")
        || matches!(
            token.issuer.as_deref(),
            Some("supabase-demo" | "joe" | "https://example.com" | "example.com")
        );
    sample.then_some("a published sample")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn placeholders_are_told() {
        let values = "changeme|CHANGE_ME_PLEASE|change-me|replace-with-your-key|your_api_key|YOUR_API_KEY_HERE|\
            <your password>|put your unique phrase here|mysecret|super-secret|my_secret_key|\
            not-a-real-key|testpassword|test123|test_token|dummy_secret|fake-token|foobarbaz|null|\
            undefined|true|string|admin123|password1|P@ssw0rd|P@55w0rd|Passw0rd!|s3cr3t|letmein|\
            qwertyuiop|123456789|0123456789abcdef|abcdefghijklmnopqrstuvwxyz|hunter2|thisisnotasecret|\
            user:pass|xxxxxxxx|ghp_xxxxxxxxxxxxxxxx|AKIAXXXXXXXXXXXXXXXX|********|****abcd|sk-...|abc…|\
            ----|aaaaaaaaaaaa|00000000-0000-0000-0000-000000000000|\
            11111111-1111-1111-1111-111111111111|12345678-1234-1234-1234-123456789012|\
            01234567-89ab-cdef-0123-456789abcdef|123123123|abababab|deadbeefdeadbeefdeadbeefdeadbeef|\
            qwerty123|1234567890abcdef1234567890abcdef|__TOKEN__|@TOKEN@|[your key]|{token}|%%TOKEN%%|\
            ##TOKEN##|sha256-47DEQpj8HBSa|ssh-ed25519 AAAAC3Nz user@host|-----BEGIN CERTIFICATE-----|\
            sk-1234567890abcdef1234567890abcdef|test-client-secret-for-ci|glpat-<your-token>|\
            django-insecure-abc|MyPassword|SuperSecretPassword123|dev-secret|(hidden)";
        for value in values.split('|') {
            assert!(placeholder(value.as_bytes()).is_some(), "{value}");
        }
    }

    #[test]
    fn secrets_are_none() {
        let values = "Summer2024!|tiger42|kX9#mP2$vL|hunter42x|9f8a7c6b5d4e3f2a1b0c|Tr0ub4dor&3|blueWhale77|\
            a8Fk2lQz9Xw4Rt7Yp1Vn|test_9f3a7c1b5d2e8f4a6b0c|2b7e15-8aa0c4|Xy7!kLm|J4ne&Bob2019|\
            gLx-4471-qPz";
        for value in values.split('|') {
            assert_eq!(placeholder(value.as_bytes()), None, "{value}");
        }
    }

    #[test]
    fn what_is_introduced_as_an_example_is_told() {
        for before in ["placeholder: 'e.g. ", "such as `", "(For example: \"", "e.g., <"] {
            assert!(introduced(before.as_bytes()), "{before}");
        }
        for before in ["", "token: ", "verge.g. ", "for example we use the token of production: "] {
            assert!(!introduced(before.as_bytes()), "{before}");
        }
    }

    #[test]
    fn tokens_of_documentation_are_known_by_their_claims() {
        let claims = ["eyJhbGciOiJIUzI1NiJ9", "eyJzdWIiOiIxMjM0NTY3ODkwIn0", "c2lnbmF0dXJl"].join(".");
        assert_eq!(placeholder(claims.as_bytes()), Some("a published sample"));
    }

    proptest! {
        #[test]
        fn no_value_makes_it_panic(value in proptest::collection::vec(any::<u8>(), 0..200)) {
            placeholder(&value);
        }

        #[test]
        fn random_tokens_are_none(value in "[A-Za-z0-9]{24,48}") {
            // Three of one letter in a row may come by chance; then the value is not asked about.
            let runs = value.as_bytes().windows(3).any(|w| w[0].eq_ignore_ascii_case(&w[1]) && w[1].eq_ignore_ascii_case(&w[2]));
            prop_assume!(!runs && distinct(value.as_bytes()) > 8);
            prop_assert_eq!(placeholder(value.as_bytes()), None);
        }
    }
}
