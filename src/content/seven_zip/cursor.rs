//! Reading the header of a 7z archive: numbers, runs of bits and of checksums, from a place that can be kept and come back to.
//!
//! Nothing is read into a list, because a hostile header of a few bytes can ask for long ones: who needs values again keeps
//! the [`Cursor`] at which they begin.

use super::super::Fault;

/// A place in a header.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'h> {
    rest: &'h [u8],
}

impl<'h> Cursor<'h> {
    /// Where nothing is.
    pub(super) const EMPTY: Self = Self { rest: &[] };

    /// At the start of `bytes`.
    pub(super) fn new(bytes: &'h [u8]) -> Self {
        Self { rest: bytes }
    }

    /// All that follows.
    pub(super) fn rest(&self) -> &'h [u8] {
        self.rest
    }

    /// The next byte.
    pub(super) fn byte(&mut self) -> Result<u8, Fault> {
        let (first, rest) = self.rest.split_first().ok_or_else(cut)?;
        self.rest = rest;
        Ok(*first)
    }

    /// The next `count` bytes.
    pub(super) fn take(&mut self, count: u64) -> Result<&'h [u8], Fault> {
        let count = usize::try_from(count).ok().filter(|count| *count <= self.rest.len()).ok_or_else(cut)?;
        let (taken, rest) = self.rest.split_at(count);
        self.rest = rest;
        Ok(taken)
    }

    /// The next number: as many bytes follow the first as it has leading ones, lowest first; its other bits are the highest.
    pub(super) fn number(&mut self) -> Result<u64, Fault> {
        let first = self.byte()?;
        let follow = first.leading_ones();
        let low = self.take(u64::from(follow))?;
        let low = low.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte));
        let high = u64::from(first) & (0x7f_u64 >> follow);
        Ok(if follow < 8 { high << (8 * follow) | low } else { low })
    }

    /// A number that has to be one of few.
    pub(super) fn small(&mut self, most: usize) -> Result<usize, Fault> {
        let number = self.number()?;
        usize::try_from(number)
            .ok()
            .filter(|number| *number <= most)
            .ok_or_else(|| Fault::damaged(format!("a header with {number} where at most {most} can be")))
    }

    /// Passes over `count` numbers.
    pub(super) fn skip_numbers(&mut self, count: u64) -> Result<(), Fault> {
        (0..count).try_for_each(|_| self.number().map(drop))
    }

    /// The next byte has to be `kind`.
    pub(super) fn expect(&mut self, kind: u8) -> Result<(), Fault> {
        let found = self.byte()?;
        if found == kind { Ok(()) } else { Err(unexpected(found)) }
    }
}

fn cut() -> Fault {
    Fault::damaged("the header of the archive ends too early")
}

/// A header has `kind` where something else has to be.
pub(super) fn unexpected(kind: u8) -> Fault {
    Fault::damaged(format!("the header of the archive has a part of kind {kind} where none can be"))
}

/// Bits, the highest of each byte first.
pub(super) fn bit(bits: &[u8], index: u64) -> bool {
    let byte = usize::try_from(index / 8).ok().and_then(|at| bits.get(at));
    byte.is_some_and(|byte| byte & (0x80 >> (index % 8)) != 0)
}

/// Checksums of some of many things, in their order.
#[derive(Debug, Clone, Copy)]
pub(super) struct Checksums<'h> {
    /// Which things have one; all if there are no bits.
    defined: Option<&'h [u8]>,
    values: Cursor<'h>,
    count: u64,
    next: u64,
}

impl<'h> Checksums<'h> {
    /// Of nothing.
    pub(super) const NONE: Self = Self { defined: Some(&[]), values: Cursor::EMPTY, count: 0, next: 0 };

    /// Those of `count` things, which `cursor` passes over.
    pub(super) fn read(cursor: &mut Cursor<'h>, count: u64) -> Result<Self, Fault> {
        let defined = if cursor.byte()? == 0 { Some(cursor.take(count.div_ceil(8))?) } else { None };
        let number =
            defined.map_or(count, |bits| (0..count).filter(|index| bit(bits, *index)).count() as u64);
        let values = Cursor::new(cursor.take(number.saturating_mul(4))?);
        Ok(Self { defined, values, count, next: 0 })
    }

    /// That of the next thing.
    pub(super) fn next(&mut self) -> Option<u32> {
        let index = self.next;
        self.next += 1;
        if index >= self.count || self.defined.is_some_and(|bits| !bit(bits, index)) {
            return None;
        }
        let bytes = self.values.take(4).ok()?;
        bytes.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_every_length_are_read() {
        for (bytes, number) in [
            (&[0x00][..], 0),
            (&[0x7f], 0x7f),
            (&[0x80, 0x80], 0x80),
            (&[0x81, 0x02], 0x102),
            (&[0xc1, 0x34, 0x12], 0x11234),
            (&[0xfe, 1, 2, 3, 4, 5, 6, 7], 0x0007_0605_0403_0201),
            (&[0xff, 1, 2, 3, 4, 5, 6, 7, 8], 0x0807_0605_0403_0201),
        ] {
            let mut cursor = Cursor::new(bytes);
            assert_eq!(cursor.number(), Ok(number), "{bytes:x?}");
            assert!(cursor.rest().is_empty());
            assert!(Cursor::new(&bytes[..bytes.len() - 1]).number().is_err());
        }
    }

    #[test]
    fn checksums_are_of_those_that_have_one() {
        let bytes = [0, 0b0100_0000, 1, 0, 0, 0, 9];
        let mut cursor = Cursor::new(&bytes);
        let mut sums = Checksums::read(&mut cursor, 3).unwrap();
        assert_eq!([sums.next(), sums.next(), sums.next(), sums.next()], [None, Some(1), None, None]);
        assert_eq!(cursor.byte(), Ok(9));
    }
}
