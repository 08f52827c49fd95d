//! ASN.1 as it is written: a tag, a length, a value. Keystores come in DER, and from older tools in BER with lengths that
//! are left open, which the crates for DER refuse.

/// One element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Element<'b> {
    /// The tag's byte: `0x30` is a sequence.
    pub(super) tag: u8,
    /// What is in it.
    pub(super) value: &'b [u8],
}

/// A sequence, a set, bytes, an identifier, a number.
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;
pub(super) const BYTES: u8 = 0x04;
pub(super) const OBJECT: u8 = 0x06;
pub(super) const INTEGER: u8 = 0x02;
/// The first tag that depends on its surroundings, with elements in it.
pub(super) const CONTEXT: u8 = 0xa0;

/// Deepest nesting of open lengths.
const DEEPEST: usize = 16;

/// Takes the next element off the front of `bytes`.
pub(super) fn next<'b>(bytes: &mut &'b [u8]) -> Option<Element<'b>> {
    let (element, rest) = split(bytes, 0)?;
    *bytes = rest;
    Some(element)
}

/// Takes the next element if it has this tag.
pub(super) fn take<'b>(bytes: &mut &'b [u8], tag: u8) -> Option<&'b [u8]> {
    let mut rest = *bytes;
    let element = next(&mut rest).filter(|element| element.tag == tag)?;
    *bytes = rest;
    Some(element.value)
}

/// The elements in `bytes`, as far as they are well-formed.
pub(super) fn all(mut bytes: &[u8]) -> impl Iterator<Item = Element<'_>> {
    std::iter::from_fn(move || next(&mut bytes))
}

/// A string of bytes that may be written in pieces: its tag without and with the flag of pieces.
pub(super) fn joined(element: Element<'_>) -> Vec<u8> {
    const PIECES: u8 = 0x20;
    if element.tag & PIECES == 0 {
        return element.value.to_vec();
    }
    all(element.value).filter(|piece| piece.tag == BYTES).flat_map(|piece| piece.value).copied().collect()
}

/// A number that is not negative.
pub(super) fn number(value: &[u8]) -> Option<u64> {
    if value.is_empty() || value.len() > 8 || value[0] & 0x80 != 0 {
        return None;
    }
    Some(value.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

fn split(bytes: &[u8], depth: usize) -> Option<(Element<'_>, &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    if tag & 0x1f == 0x1f || depth > DEEPEST {
        return None;
    }
    let (length, rest) = match first {
        0..0x80 => (usize::from(first), rest),
        0x80 => return open(tag, rest, depth),
        _ => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            if digits.len() > 4 {
                return None;
            }
            (digits.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
        }
    };
    let (value, rest) = rest.split_at_checked(length)?;
    Some((Element { tag, value }, rest))
}

/// An element whose end is marked by two zeros.
fn open(tag: u8, value: &[u8], depth: usize) -> Option<(Element<'_>, &[u8])> {
    let mut rest = value;
    while !rest.starts_with(&[0, 0]) {
        (_, rest) = split(rest, depth + 1)?;
    }
    Some((Element { tag, value: &value[..value.len() - rest.len()] }, &rest[2..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closed_and_open_lengths_are_read() {
        let mut bytes = &[0x30, 0x80, 0x24, 0x80, 4, 1, 7, 4, 1, 8, 0, 0, 2, 1, 5, 0, 0, 9][..];
        let mut inside = take(&mut bytes, SEQUENCE).unwrap();
        assert_eq!(bytes, [9]);
        let pieces = next(&mut inside).unwrap();
        assert_eq!(joined(pieces), [7, 8]);
        assert_eq!(number(take(&mut inside, INTEGER).unwrap()), Some(5));
        assert_eq!(next(&mut inside), None);
        assert_eq!(split(&[0x30, 0x82, 0, 2, 1], 0), None);
        assert_eq!(split(&[0x30, 0x80].repeat(100_000), 0), None);
    }
}
