//! How random a text is: by the letters that it uses, and by how little it reads like something that a person named.
//!
//! Shannon's entropy alone cannot tell `getUserPassword` from `x7Kq9…`: in a short text both use each letter about
//! once. [`surprise`] can. It adds up what each next character costs under a model of names and texts: which letters
//! follow each other in a list of common words (`words.txt`), how often letters, digits and cases take turns. A name
//! costs three to four bits a character, random letters five to seven. Nothing here knows what the text is for.

use std::sync::LazyLock;

/// Shannon's entropy of the bytes of `text`, in bits a byte.
pub fn shannon(text: &[u8]) -> f64 {
    let length = as_float(text.len());
    let bits = |count: u32| {
        let share = f64::from(count) / length;
        -share * share.log2()
    };
    counts(text).into_iter().filter(|count| *count > 0).map(bits).sum()
}

/// [`shannon`] as a share of what a random text of the same length over the same alphabet has on average: near 1 for
/// random texts of any length, less for words, 0 for one letter said over and over.
pub fn relative(text: &[u8]) -> f64 {
    let expected = expected(text.len(), alphabet(text));
    if expected <= 0.0 { 0.0 } else { shannon(text) / expected }
}

/// Size of the smallest usual alphabet that `text` fits: digits, hex, one or both cases, with digits, with symbols.
pub fn alphabet(text: &[u8]) -> u32 {
    let any = |class: fn(&u8) -> bool| text.iter().any(class);
    let (digit, lower, upper) =
        (any(u8::is_ascii_digit), any(u8::is_ascii_lowercase), any(u8::is_ascii_uppercase));
    let symbol = any(|b| !b.is_ascii_alphanumeric());
    let hex = text.iter().all(u8::is_ascii_hexdigit) && !(lower && upper);
    let letters = 26 * (u32::from(lower) + u32::from(upper));
    match (symbol, digit) {
        _ if hex && digit => 16,
        (false, true) => letters + 10,
        (false, false) => letters.max(1),
        (true, true) => letters + 10 + 8,
        (true, false) => letters + 8,
    }
}

/// Mean entropy of `length` draws from `size` equally likely letters.
fn expected(length: usize, size: u32) -> f64 {
    let (n, p) = (as_float(length.min(4096)), 1.0 / f64::from(size));
    if length < 2 || size < 2 {
        return 0.0;
    }
    // The count x of one letter is binomial, and the entropy is log2 n - size/n * E[x log2 x].
    let mut chance = (1.0 - p).powf(n);
    let mut sum = 0.0;
    for count in 1..=length.min(4096) {
        let x = as_float(count);
        chance *= (n - x + 1.0) / x * p / (1.0 - p);
        sum += chance * x * x.log2();
        if x > n * p * 4.0 + 30.0 {
            break;
        }
    }
    n.log2() - f64::from(size) / n * sum
}

fn as_float(length: usize) -> f64 {
    f64::from(u32::try_from(length).unwrap_or(u32::MAX))
}

fn counts(text: &[u8]) -> [u32; 256] {
    let mut counts = [0; 256];
    for byte in text {
        counts[usize::from(*byte)] += 1;
    }
    counts
}

/// Number of different bytes in `text`.
pub fn distinct(text: &[u8]) -> usize {
    let mut seen = [0_u64; 4];
    for byte in text {
        seen[usize::from(byte >> 6)] |= 1 << (byte & 63);
    }
    seen.iter().map(|bits| bits.count_ones() as usize).sum()
}

/// Index of a word's edge in [`Pairs`].
const EDGE: usize = 26;

/// Cost in bits of a letter after a letter, of a first letter and of an end.
type Pairs = [[f32; 27]; 27];

static PAIRS: LazyLock<Pairs> = LazyLock::new(|| {
    let mut counts = [[0.4_f32; 27]; 27];
    for word in include_str!("words.txt").split_ascii_whitespace() {
        let letters = word.bytes().map(|b| usize::from(b - b'a')).chain([EDGE]);
        letters.fold(EDGE, |before, letter| {
            counts[before][letter] += 1.0;
            letter
        });
    }
    counts.map(|row| {
        let total: f32 = row.iter().sum();
        row.map(|count| -(count / total).log2())
    })
});

/// What kind of character stands at a place.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Start,
    Lower(usize),
    Upper(usize),
    Digit(u8),
    Separator,
    Symbol,
    Other,
}

impl Class {
    fn of(byte: u8) -> Self {
        match byte {
            b'a'..=b'z' => Self::Lower(usize::from(byte - b'a')),
            b'A'..=b'Z' => Self::Upper(usize::from(byte - b'A')),
            b'0'..=b'9' => Self::Digit(byte - b'0'),
            b'_' | b'-' | b'.' | b'/' | b':' | b' ' | b',' => Self::Separator,
            0x80.. => Self::Other,
            _ => Self::Symbol,
        }
    }

    fn letter(self) -> Option<usize> {
        match self {
            Self::Lower(letter) | Self::Upper(letter) => Some(letter),
            _ => None,
        }
    }
}

/// Cost of changing between letters and digits, beside what the next one costs.
const SWITCH: f32 = 2.5;

/// How surprising `text` is for a name or a text, in bits a character; 0 for the empty text. Of texts past 512 bytes
/// the first 512 are judged.
pub fn surprise(text: &[u8]) -> f32 {
    let text = &text[..text.len().min(512)];
    let mut before = Class::Start;
    let mut bits = 0.0;
    for byte in text {
        let class = Class::of(*byte);
        bits += cost(&PAIRS, before, class);
        before = class;
    }
    let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
    if length == 0 { 0.0 } else { bits / f32::from(length) }
}

fn cost(pairs: &Pairs, before: Class, class: Class) -> f32 {
    let end = before.letter().map_or(0.0, |letter| pairs[letter][EDGE]);
    match (before, class) {
        (Class::Lower(a), Class::Lower(b)) | (Class::Upper(a), Class::Upper(b) | Class::Lower(b)) => {
            pairs[a][b]
        }
        (Class::Lower(_), Class::Upper(b)) => end.min(5.0) + 1.0 + pairs[EDGE][b],
        (Class::Digit(_), Class::Lower(b) | Class::Upper(b)) => SWITCH + pairs[EDGE][b],
        (_, Class::Lower(b) | Class::Upper(b)) => pairs[EDGE][b],
        (Class::Digit(a), Class::Digit(b)) if a == b || a + 1 == b => 1.0,
        (Class::Digit(_), Class::Digit(_)) => 3.3,
        (_, Class::Digit(_)) => SWITCH + 3.3,
        (_, Class::Separator) => end.min(4.0) + 0.5,
        (_, Class::Other) => 3.0,
        (_, _) => 6.0,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_surprise_less_than_random_letters() {
        for name in [
            "PublicKeyCredential",
            "password_field",
            "my-service-account-token",
            "org.apache.kafka.common",
            "application/json",
            "correct-horse-battery-staple",
            "getUserPassword",
        ] {
            assert!(surprise(name.as_bytes()) < 4.8, "{name}: {}", surprise(name.as_bytes()));
        }
        for random in ["qXDgLVXZx3sc", "4zjhy8l5vlf5r696", "wlvjfoljcxwofyhfvgbu", "J+HLRwb8GPJ7KTSJ"] {
            assert!(surprise(random.as_bytes()) > 5.4, "{random}: {}", surprise(random.as_bytes()));
        }
    }

    #[test]
    fn entropy_is_a_share_of_what_the_length_allows() {
        assert!((shannon(b"aabb") - 1.0).abs() < 1e-9);
        assert!(relative(b"aaaaaaaaaaaaaaaa") < 0.01);
        for text in ["9f3a7c1b5d2e8f4a", "aQ7xZ2mK9vR4tW8bN3pL6yH1cF5sD0gJ", "4zjhy8l5vlf5r696"] {
            assert!(
                (0.85..1.2).contains(&relative(text.as_bytes())),
                "{text}: {}",
                relative(text.as_bytes())
            );
        }
    }

    #[test]
    fn the_alphabet_is_the_smallest_that_fits() {
        for (text, size) in [("0af9", 16), ("abxyz", 26), ("abXY", 52), ("aX9", 62), ("aX9+", 70), ("", 1)] {
            assert_eq!(alphabet(text.as_bytes()), size, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_measure_is_a_finite_number(text in proptest::collection::vec(any::<u8>(), 0..700)) {
            prop_assert!(shannon(&text).is_finite() && (0.0..=8.0).contains(&shannon(&text)));
            prop_assert!(relative(&text).is_finite() && surprise(&text).is_finite());
        }
    }
}
