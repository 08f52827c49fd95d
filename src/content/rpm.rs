//! Packages of rpm: a lead, two headers, and the payload, which is a compressed archive of cpio.
//!
//! The texts of the headers, scripts among them, are not compressed and not shown again. Which compression the payload has
//! is said in the header too, but its own first bytes tell it as well.

use std::io::BufRead;

use super::input::Input;
use super::{Decoder, Fault, Head, Part, Visitor};

/// See the module.
pub(super) const RPM: Decoder = Decoder {
    name: "rpm",
    about: "packages of rpm",
    is: |head| head.bytes.starts_with(LEAD) && head.bytes.get(LEAD_BYTES..).is_some_and(is_header),
    decode,
};

const LEAD: &[u8] = &[0xed, 0xab, 0xee, 0xdb];
const LEAD_BYTES: usize = 96;
const HEADER: &[u8] = &[0x8e, 0xad, 0xe8, 0x01];
/// Bytes before the entries of a header, and of an entry.
const INTRO: usize = 16;
const ENTRY: u64 = 16;

fn is_header(bytes: &[u8]) -> bool {
    bytes.starts_with(HEADER)
}

fn decode(_: &Head<'_>, body: &mut dyn BufRead, visitor: &mut dyn Visitor) -> Result<(), Fault> {
    let mut input = Input::new(body);
    input.skip(LEAD_BYTES as u64)?;
    let signature = pass_header(&mut input)?;
    // Only this one is filled up.
    input.skip(signature.wrapping_neg() % 8)?;
    pass_header(&mut input)?;
    if !input.fill_buf()?.is_empty() {
        let _ = visitor.visit(Part::Plain("rpm"), &mut input);
    }
    Ok(())
}

/// Passes over a header; returns its length.
fn pass_header(input: &mut Input<'_>) -> Result<u64, Fault> {
    let at = input.offset();
    let intro = input.take_bytes(INTRO)?.filter(|intro| is_header(intro));
    let intro = intro.ok_or_else(|| Fault::damaged(format!("no header of rpm at byte {at}")))?;
    let number =
        |at: usize| u64::from(u32::from_be_bytes([intro[at], intro[at + 1], intro[at + 2], intro[at + 3]]));
    let length = number(8) * ENTRY + number(12);
    if input.skip(length)? < length {
        return Err(Fault::damaged("the package is cut off in a header"));
    }
    Ok(length)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;

    use super::*;
    use crate::content::tests::{run, shown, shown_in_pieces};

    /// A package whose payload is compressed by `payload`.
    fn made(payload: &str) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let spec = "Name: made-up\nVersion: 1\nRelease: 1\nSummary: a\nLicense: MIT\nBuildArch: noarch\n\
                    %description\na\n%install\nmkdir -p %{buildroot}/etc\necho text > %{buildroot}/etc/a\n\
                    %files\n/etc/a\n";
        fs::write(folder.path().join("x.spec"), spec).unwrap();
        let top = format!("_topdir {}", folder.path().display());
        let payload = format!("_binary_payload {payload}");
        let command = ["rpmbuild", "-bb", "--quiet", "--define", &top, "--define", &payload, "x.spec"];
        run(folder.path(), "rpm", &command);
        fs::read(folder.path().join("RPMS/noarch/made-up-1-1.noarch.rpm")).unwrap()
    }

    #[test]
    fn the_payload_is_shown_whatever_its_compression() {
        for (payload, expected) in [
            ("w9.gzdio", "compressed"),
            ("w6.xzdio", "compressed"),
            ("w3.zstdio", "compressed"),
            ("w9.bzdio", "compressed"),
            ("w.ufdio", "cpio"),
        ] {
            let (shown, ended) = shown_in_pieces(&RPM, "x.rpm", &made(payload));
            assert_eq!((ended, &shown.faults, shown.parts.len()), (Ok(()), &vec![], 1), "{payload}");
            let head = Head { path: b"", bytes: &shown.parts[0].1, size: None };
            assert_eq!(head.decoder().map(|decoder| decoder.name), Some(expected), "{payload}");
        }
    }

    #[test]
    fn a_package_that_is_cut_off_in_its_headers_is_damaged() {
        let bytes = made("w9.gzdio");
        for cut in [LEAD_BYTES + 4, 300, bytes.len() / 4] {
            assert!(shown(&RPM, "", &bytes[..cut], 99).1.is_err(), "{cut}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let hostile = [LEAD, &[0; LEAD_BYTES - 4], HEADER, &bytes].concat();
            let _ = shown(&RPM, "", &hostile, 11);
        }
    }
}
