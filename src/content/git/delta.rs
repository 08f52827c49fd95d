//! Deltas: an object told as pieces of another one (its base) and new bytes.

/// The lengths of base and result that a delta gives, and its instructions.
fn sizes(delta: &[u8]) -> Option<(u64, u64, &[u8])> {
    let mut rest = delta;
    let mut number = || {
        let mut value = 0u64;
        for shift in (0..63).step_by(7) {
            let (byte, more) = rest.split_first()?;
            rest = more;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    };
    let (base, result) = (number()?, number()?);
    Some((base, result, rest))
}

/// The length of what a delta makes.
pub(super) fn result_size(delta: &[u8]) -> Option<u64> {
    sizes(delta).map(|(_, result, _)| result)
}

/// One instruction of a delta.
enum Step<'d> {
    /// Bytes of the base: where they start, and how many.
    Copy(usize, usize),
    /// New bytes.
    Insert(&'d [u8]),
}

/// The next instruction, taken off `rest`. None at the end, and where they make no sense.
fn step<'d>(rest: &mut &'d [u8]) -> Option<Step<'d>> {
    let (code, mut more) = rest.split_first()?;
    let step = if code & 0x80 == 0 {
        let (new, behind) = more.split_at_checked(usize::from(*code)).filter(|(new, _)| !new.is_empty())?;
        more = behind;
        Step::Insert(new)
    } else {
        // Of a number only those bytes are stored that the code's bits name, the lowest first.
        let mut number = |bits: std::ops::Range<u32>| {
            let from = bits.start;
            let mut value = 0;
            for bit in bits.filter(|bit| code >> bit & 1 == 1) {
                let (byte, behind) = more.split_first()?;
                more = behind;
                value |= usize::from(*byte) << (8 * (bit - from));
            }
            Some(value)
        };
        let (start, length) = (number(0..4)?, number(4..7)?);
        Step::Copy(start, if length == 0 { 1 << 16 } else { length })
    };
    *rest = more;
    Some(step)
}

/// What `delta` makes of `base`. None if they do not fit together. The caller has bounded [`result_size`].
pub(super) fn apply(base: &[u8], delta: &[u8]) -> Option<Vec<u8>> {
    let (expected, result, mut rest) = sizes(delta)?;
    let result = usize::try_from(result).ok()?;
    if expected != base.len() as u64 {
        return None;
    }
    let mut out = Vec::with_capacity(result);
    while let Some(step) = step(&mut rest) {
        let bytes = match step {
            Step::Copy(start, length) => base.get(start..start.checked_add(length)?)?,
            Step::Insert(new) => new,
        };
        if bytes.len() > result - out.len() {
            return None;
        }
        out.extend_from_slice(bytes);
    }
    (rest.is_empty() && out.len() == result).then_some(out)
}

/// The new bytes of `delta`, each piece on a line of its own.
pub(super) fn inserted(delta: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let Some((_, _, mut rest)) = sizes(delta) else { return out };
    let mut joins = false;
    while let Some(step) = step(&mut rest) {
        match step {
            Step::Copy(..) => joins = false,
            Step::Insert(new) => {
                // What is longer than an instruction can be is several of them.
                if !joins && !out.is_empty() {
                    out.push(b'\n');
                }
                out.extend_from_slice(new);
                joins = true;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn copies_and_insertions_make_the_result() {
        let delta = [&[10, 9][..], &[0x90, 4], &[3], b"new", &[0x91, 8, 2]].concat();
        assert_eq!(result_size(&delta), Some(9));
        assert_eq!(apply(b"0123456789", &delta).unwrap(), b"0123new89");
        assert_eq!(inserted(&[&delta[..], &[2], b"ab", &[1], b"c"].concat()), b"new\nabc");
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let good = [&[10, 4][..], &[0x90, 4]].concat();
        assert!(apply(b"0123456789", &good).is_some());
        assert!(apply(b"012345678", &good).is_none());
        for bad in [
            &[10, 3, 0x90, 4][..],
            &[10, 5, 0x90, 4],
            &[10, 4, 0x91, 7, 4],
            &[10, 4, 0],
            &[10],
            &[10, 4, 5, 1],
        ] {
            assert!(apply(b"0123456789", bad).is_none(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(base: Vec<u8>, delta: Vec<u8>) {
            let small = result_size(&delta).is_some_and(|size| size < 1 << 20);
            let _ = small.then(|| apply(&base, &delta));
            prop_assert!(inserted(&delta).len() <= 2 * delta.len());
        }
    }
}
