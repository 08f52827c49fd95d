//! Answers that pip keeps (`~/.cache/pip/http`, by the Python package `CacheControl`): one value of `MessagePack`, with the
//! body of the answer, a wheel or a page, as bytes in it. Newer ones keep the body in a file of its own.

use std::io::BufRead;

use memchr::memmem;

use super::input::{Input, Packed};
use super::{Decoder, Fault, Head, Part, Visitor};

/// See the module.
pub(super) const HTTP_CACHE: Decoder = Decoder {
    name: "http-cache",
    about: "Answers kept by pip and other users of CacheControl: the bodies in them",
    is: |head| head.bytes.starts_with(MAGIC) && body(head.bytes).is_some(),
    decode,
};

const MAGIC: &[u8] = b"cc=4,";
/// A text of four letters.
const BODY: &[u8] = b"\xa4body";

/// Where the body begins, and its length.
fn body(head: &[u8]) -> Option<(u64, u64)> {
    let at = memmem::find(head, BODY)? + BODY.len();
    let rest = &head[at + 1..];
    let (bytes, length) = match head.get(at)? {
        0xc4 => (1, u64::from(*rest.first()?)),
        0xc5 => (2, u64::from(u16::from_be_bytes(*rest.first_chunk()?))),
        0xc6 => (4, u64::from(u32::from_be_bytes(*rest.first_chunk()?))),
        _ => return None,
    };
    Some(((at + 1 + bytes) as u64, length))
}

fn decode(head: &Head<'_>, bytes: &mut dyn BufRead, visitor: &mut dyn Visitor) -> Result<(), Fault> {
    let Some((start, length)) = body(head.bytes) else { return Ok(()) };
    let mut input = Input::new(bytes);
    input.skip(start)?;
    let mut packed = Packed { input: &mut input, left: length };
    let _ = visitor.visit(Part::Member(b"body"), &mut packed);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::tests::shown;

    #[test]
    fn the_body_is_a_member() {
        for (length, kind) in
            [(200_usize, &[0xc4_u8, 200][..]), (300, &[0xc5, 1, 44]), (70000, &[0xc6, 0, 1, 0x11, 0x70])]
        {
            let body: Vec<u8> = (0..length).map(|at| u8::try_from(at % 251).unwrap()).collect();
            let bytes =
                [b"cc=4,\x82\xa8response\x87\xa4body", kind, &body, b"\xa7headers\x80\xa4vary\x80"].concat();
            for piece in [1, 4096] {
                let (shown, ended) = shown(&HTTP_CACHE, "b/1/2/3", &bytes, piece);
                assert_eq!((shown.parts, ended), (vec![("body".to_owned(), body.clone())], Ok(())));
            }
        }
    }
}
