//! Files that are compressed as a whole: rotated logs, manual pages, and what makes a `.tar.gz` of a tar.

use std::io::{BufRead, BufReader};

use super::{Decoder, Fault, Head, Part, Visitor};
use crate::limits::Limit;
use crate::stream::{self, Compression};

/// See the module.
pub(super) const COMPRESSED: Decoder = Decoder {
    name: "compressed",
    about: "gzip, zstd, xz, bzip2, LZ4, LZMA, lzip and compress: all members and frames",
    is: |head| Compression::sniff(head.bytes).is_some(),
    decode,
};

fn decode(head: &Head<'_>, body: &mut dyn BufRead, visitor: &mut dyn Visitor) -> Result<(), Fault> {
    let Some(compression) = Compression::sniff(head.bytes) else { return Ok(()) };
    let mut decoder = stream::Decoder::new(body, compression, visitor.limit(Limit::WindowBytes));
    if visitor.visit(Part::Plain(compression.as_str()), &mut decoder).is_break() {
        return Ok(());
    }
    let (rest, aside) = decoder.into_rest();
    if !aside.bytes.is_empty() && visitor.visit(Part::Rest, &mut &aside.bytes[..]).is_break() {
        return Ok(());
    }
    if aside.left_out > 0 {
        let message = format!("{} bytes of skippable frames were not looked into", aside.left_out);
        visitor.fault(Part::Rest, Fault::unsupported(message));
    }
    // None after an error, of which who read has told.
    let Some(mut rest) = rest else { return Ok(()) };
    if !rest.fill_buf()?.is_empty() {
        let _ = visitor.visit(Part::Rest, &mut BufReader::new(rest));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::content::tests::shown;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn all_members_are_one_content_and_the_rest_is_shown() {
        let bytes = [gzip(b"first "), gzip(b"second"), b"rest".to_vec()].concat();
        for piece in [1, 7, 4096] {
            let (shown, ended) = shown(&COMPRESSED, "a.log.1.gz", &bytes, piece);
            assert_eq!(ended, Ok(()));
            let expected = [("(gzip)", &b"first second"[..]), ("(rest)", b"rest")];
            let parts: Vec<_> = shown.parts.iter().map(|(name, bytes)| (&**name, &**bytes)).collect();
            assert_eq!(parts, expected, "{piece}");
        }
    }

    #[test]
    fn what_is_cut_off_is_shown_as_far_as_it_goes() {
        let bytes = gzip(&b"some text ".repeat(1000));
        let (shown, _) = shown(&COMPRESSED, "", &bytes[..bytes.len() - 9], 512);
        assert_eq!(shown.faults.len(), 1);
        assert!(!shown.parts[0].1.is_empty());
    }
}
