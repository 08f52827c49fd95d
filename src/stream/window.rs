//! How much memory the first member of a compressed stream asks for, by its header: so that it can be had before it is begun.

use super::Compression;
use super::lzip::dictionary;

/// Bytes of the window or dictionary that a stream of `compression` asks for whose first bytes are `head`, if they say so. Those
/// that none can choose, of 9 MB at most, are not counted.
pub fn window(compression: Compression, head: &[u8]) -> u64 {
    let asked = match compression {
        Compression::Zstd => zstd(head),
        Compression::Xz => xz(head),
        Compression::Lzma => {
            head.get(1..5).and_then(|size| Some(u64::from(u32::from_le_bytes(size.try_into().ok()?))))
        }
        Compression::Lzip => head.get(5).map(|coded| u64::from(dictionary(*coded))),
        Compression::Gzip | Compression::Bzip2 | Compression::Lz4 | Compression::Compress => None,
    };
    asked.unwrap_or(0)
}

/// RFC 8878, section 3.1.1.1.
fn zstd(head: &[u8]) -> Option<u64> {
    let descriptor = *head.get(4)?;
    if descriptor & 0x20 == 0 {
        let window = u64::from(*head.get(5)?);
        let base = 1_u64 << (10 + (window >> 3));
        return Some(base + base / 8 * (window & 7));
    }
    // The content is one segment, and the window as large as it.
    let at = 5 + [0, 1, 2, 4][usize::from(descriptor & 3)];
    let size = |length: usize| {
        let mut bytes = [0; 8];
        bytes[..length].copy_from_slice(head.get(at..at + length)?);
        Some(u64::from_le_bytes(bytes))
    };
    match descriptor >> 6 {
        0 => size(1),
        1 => size(2).map(|size| size + 256),
        2 => size(4),
        _ => size(8),
    }
}

/// The .xz file format 1.2, sections 3.1 and 5.3.1: the last filter of the first block is LZMA2 and has the dictionary.
fn xz(head: &[u8]) -> Option<u64> {
    const LZMA2: u8 = 0x21;
    let block = head.get(12..)?;
    let flags = *block.get(1)?;
    let mut at = 2;
    // The sizes of the block are there if the flags say so, in digits of seven bits.
    for _ in 0..(flags >> 6).count_ones() {
        at += block.get(at..)?.iter().position(|byte| byte & 0x80 == 0)? + 1;
    }
    for _ in 0..=flags & 3 {
        let (id, length) = (*block.get(at)?, usize::from(*block.get(at + 1)?));
        if id == LZMA2 {
            let bits = u64::from(*block.get(at + 2)? & 0x3f).min(40);
            return Some((2 | (bits & 1)) << (bits / 2 + 11));
        }
        at += 2 + length;
    }
    None
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn headers_of_zstd_say_how_large_their_window_is() {
        for log in [10, 17, 23, 26] {
            let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
            encoder.window_log(log).unwrap();
            encoder.write_all(b"text of no known length").unwrap();
            let bytes = encoder.finish().unwrap();
            assert_eq!(window(Compression::Zstd, &bytes), 1 << log);
        }
        for length in [1, 200, 300, 70_000] {
            let bytes = zstd::bulk::compress(&vec![7; length], 1).unwrap();
            let asked = window(Compression::Zstd, &bytes);
            assert!(asked >= length as u64 && asked <= 1 << 20, "{length}: {asked}");
        }
    }

    #[test]
    fn headers_of_xz_say_how_large_their_dictionary_is() {
        for size in [1 << 16, 3 << 20, 8 << 20, 64 << 20] {
            let mut options = lzma_rust2::XzOptions::with_preset(0);
            options.lzma_options.dict_size = size;
            let mut writer = lzma_rust2::XzWriter::new(Vec::new(), options).unwrap();
            writer.write_all(b"some text").unwrap();
            assert_eq!(window(Compression::Xz, &writer.finish().unwrap()), u64::from(size));
        }
    }

    #[test]
    fn no_header_makes_it_panic() {
        let marks: [(Compression, &[u8]); 4] = [
            (Compression::Zstd, &[0x28, 0xb5, 0x2f, 0xfd]),
            (Compression::Xz, &[0xfd, b'7', b'z', b'X', b'Z', 0, 0, 4, 0, 0, 0, 0]),
            (Compression::Lzma, &[0x5d]),
            (Compression::Lzip, b"LZIP\x01"),
        ];
        for (compression, mark) in marks {
            for byte in 0..=255 {
                for length in 0..20 {
                    window(compression, &[mark, &vec![byte; length][..]].concat());
                }
            }
        }
    }
}
