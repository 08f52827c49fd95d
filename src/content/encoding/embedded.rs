//! Files that stand encoded in a text: a release of Helm, which is gzip in base64 in base64, a keystore in a Secret, a script
//! with an archive behind it.
//!
//! Such a file begins with its magic, and so do its digits: a base64 or hexadecimal writing of each magic is looked for, and
//! what follows it is decoded up to the first byte that is no digit, over line ends, also escaped ones.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, MatchKind};

use super::heads::{Form, Heads, decode};
use crate::content::Head;

/// A file that stands encoded in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Embedded {
    /// The name of the encoding, as reports show it.
    pub encoding: &'static str,
    /// Where its digits start in the text.
    pub start: usize,
    /// Where they end. If that is the end of the text, more may follow behind it.
    pub end: usize,
    /// What they stand for.
    pub bytes: Vec<u8>,
}

/// The digits of a magic: what is looked for, and how many digits stand in front of it.
struct Magic {
    digits: &'static str,
    before: usize,
    form: Form,
}

const fn base64(digits: &'static str, before: usize) -> Magic {
    Magic { digits, before, form: Form::Base64 }
}

const fn hex(digits: &'static str, before: usize) -> Magic {
    Magic { digits, before, form: Form::Hex }
}

/// What files that a decoder opens begin with. Their rows look at the decoded bytes again, so a part of a magic is enough.
const MAGICS: &[Magic] = &[
    // gzip: 1f 8b 08.
    base64("H4sI", 0),
    hex("1f8b08", 0),
    hex("1F8B08", 0),
    // zip: PK 03 04.
    base64("UEsDB", 0),
    hex("504b0304", 0),
    hex("504B0304", 0),
    // zstd, xz, bzip2, LZ4.
    base64("KLUv", 0),
    hex("28b52ffd", 0),
    base64("Td6WFo", 1),
    hex("fd377a585a00", 0),
    base64("Qlpo", 0),
    hex("425a6839", 0),
    base64("BCJNG", 0),
    hex("04224d18", 0),
    // 7z, ar, cpio, SQLite, a pack of git.
    base64("N3q8r", 0),
    hex("377abcaf271c", 0),
    base64("ITxhcmNoPg", 0),
    hex("213c617263683e0a", 0),
    base64("MDcwNzAx", 0),
    hex("303730373031", 0),
    base64("U1FMaXRlIGZvcm1hd", 0),
    base64("UEFDSwAAAA", 0),
    // Cabinets, squashfs, lzip.
    base64("TVNDRgAAAA", 0),
    hex("53434600000000", 2),
    base64("aHNxc", 0),
    hex("68737173", 0),
    base64("TFpJUA", 0),
    hex("495001", 4),
    // PKCS#12: a sequence of more than 255 bytes with the number 3 and a sequence. JKS: fe ed fe ed.
    base64("IBAzC", 6),
    base64("/u3+7", 0),
    base64("_u3-7", 0),
    // tar: `ustar` stands at byte 257, behind the last byte of a link target.
    base64("B1c3Rhc", 342),
    hex("7573746172", 514),
];

static FINDER: LazyLock<AhoCorasick> = LazyLock::new(|| {
    AhoCorasick::builder()
        .match_kind(MatchKind::LeftmostFirst)
        .build(MAGICS.iter().map(|magic| magic.digits))
        .expect("a few short patterns make an automaton")
});

/// Every file that stands encoded in `text` and that a decoder opens. Their digits do not overlap, so in all they are shorter
/// than the text.
pub fn embedded(text: &[u8], sink: &mut dyn FnMut(Embedded)) {
    let mut from = 0;
    let mut heads = Heads::default();
    for found in FINDER.find_iter(text) {
        let magic = &MAGICS[found.pattern().as_usize()];
        let Some(start) = back(magic, text, found.start()).filter(|start| *start >= from) else { continue };
        let head = heads.at(magic.form, text, start);
        if head.len() < LEAST || (Head { path: b"", bytes: head, size: None }).decoder().is_none() {
            continue;
        }
        let all = decode(magic.form, &text[start..], text.len(), &mut |_, _| {});
        from = start + all.read;
        let encoding = if magic.form == Form::Base64 { "base64" } else { "hex" };
        sink(Embedded { encoding, start, end: from, bytes: all.bytes });
    }
}

/// Where the digits start of which `magic` stands at `at`.
fn back(magic: &Magic, text: &[u8], at: usize) -> Option<usize> {
    let is_digit = |byte: u8| magic.form.value(byte).is_some();
    let (mut start, mut left) = (at, magic.before);
    while left > 0 {
        let byte = *text.get(start.checked_sub(1)?)?;
        if is_digit(byte) {
            left -= 1;
        } else if !matches!(byte, b'\n' | b'\r' | b' ' | b'\t') {
            return None;
        }
        start -= 1;
    }
    Some(start)
}

/// Fewest bytes of a file that could hold a credential.
const LEAST: usize = 24;

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    const TEXT: &[u8] = b"export TOKEN=a-value-that-is-made-up\nand some more lines of text\n";

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn base64(bytes: &[u8]) -> String {
        use base64::prelude::{BASE64_STANDARD, Engine};
        BASE64_STANDARD.encode(bytes)
    }

    fn found(text: &str) -> Vec<Embedded> {
        let mut all = Vec::new();
        embedded(text.as_bytes(), &mut |one| all.push(one));
        all
    }

    #[test]
    fn a_file_in_digits_is_found_however_they_are_written() {
        let packed = gzip(TEXT);
        let digits = base64(&packed);
        let lines = |width: usize, end: &str| {
            let lines: Vec<_> =
                digits.as_bytes().chunks(width).map(|line| String::from_utf8_lossy(line)).collect();
            lines.join(end)
        };
        let hexadecimal = crate::digest::hex(&packed);
        for text in [
            format!("data: {digits}"),
            format!("{{\"release\": \"{digits}\"}}"),
            digits.replace('+', "-").replace('/', "_").trim_end_matches('=').to_owned(),
            format!("content: |\n      {}\nnext: 1\n", lines(76, "\n      ")),
            format!("\"{}\"", lines(64, "\\n")),
            format!("{}\r\n", lines(60, "\r\n")),
            format!("data: {digits}\nlast: 1\n"),
            format!("blob={hexadecimal};"),
        ] {
            let all = found(&text);
            assert_eq!(all.len(), 1, "{text}");
            assert_eq!(all[0].bytes, packed, "{text}");
            assert!(text[all[0].start..].starts_with('H') || text[all[0].start..].starts_with("1f"));
        }
    }

    #[test]
    fn what_only_looks_like_a_magic_is_none() {
        for text in ["H4sI", "some H4sIlly word UEsDBut no digits", "KLUv/ and /Td6WFo", &"UEsDB".repeat(500)]
        {
            assert_eq!(found(text), [], "{text}");
        }
    }

    #[test]
    fn digits_that_are_cut_end_where_the_text_ends() {
        let digits = base64(&gzip(TEXT));
        let cut = &digits[..digits.len() / 2];
        assert_eq!(found(cut)[0].end, cut.len());
        let whole = format!("{digits}\n.");
        assert!(found(&whole)[0].end < whole.len());
    }
}
