//! The pointers of a program, as many as a bounded memory takes: those that came last as they are, the others sorted and
//! written as distances, of which most take one byte.

/// Pointers of one program.
#[derive(Debug)]
pub(super) struct Pointers {
    /// What was not sorted in yet.
    fresh: Vec<u64>,
    /// The others in order: of each the distance to the one before, in groups of seven bits (LEB128).
    sorted: Vec<u8>,
    /// How many wait before they are sorted in.
    most_fresh: usize,
    /// Bytes of those that are sorted.
    most_sorted: usize,
    /// Whether some were left out.
    full: bool,
}

impl Pointers {
    /// For so many bytes of memory, of which half is for what is sorted while it is written anew.
    pub(super) fn new(room: usize) -> Self {
        Self {
            fresh: Vec::new(),
            sorted: Vec::new(),
            most_fresh: (room / 8 / size_of::<u64>()).max(1),
            most_sorted: room / 8 * 3,
            full: false,
        }
    }

    /// Adds one. Returns whether it is time to [sort](Self::sort).
    pub(super) fn push(&mut self, address: u64) -> bool {
        // What was full once is not sorted over and over for what it cannot take.
        if !self.full {
            self.fresh.push(address);
        }
        self.fresh.len() >= self.most_fresh
    }

    /// Sorts in what is new, and drops what `wanted`, which is asked in order, does not want.
    pub(super) fn sort(&mut self, mut wanted: impl FnMut(u64) -> bool) {
        let mut fresh = std::mem::take(&mut self.fresh);
        fresh.sort_unstable();
        let mut fresh = fresh.into_iter().peekable();
        let before = std::mem::take(&mut self.sorted);
        let mut known = distances(&before).peekable();
        let mut sorted = Vec::with_capacity(before.len());
        let (mut last, mut first) = (0, true);
        loop {
            let next = match (known.peek(), fresh.peek()) {
                (Some(known_one), Some(fresh_one)) if known_one <= fresh_one => known.next(),
                (Some(_), None) => known.next(),
                _ => fresh.next(),
            };
            let Some(next) = next else { break };
            if (next == last && !first) || !wanted(next) {
                continue;
            }
            if sorted.len() + LONGEST > self.most_sorted {
                self.full = true;
                break;
            }
            put(&mut sorted, next - last);
            (last, first) = (next, false);
        }
        self.sorted = sorted;
    }

    /// All of them in order, each once, after the last was [sorted](Self::sort) in.
    pub(super) fn iter(&self) -> impl Iterator<Item = u64> {
        distances(&self.sorted)
    }

    /// Whether some were left out.
    pub(super) fn is_full(&self) -> bool {
        self.full
    }
}

/// Bytes of the longest number.
const LONGEST: usize = 10;

fn put(out: &mut Vec<u8>, mut number: u64) {
    loop {
        let [low, ..] = number.to_le_bytes();
        number >>= 7;
        if number == 0 {
            return out.push(low & 0x7f);
        }
        out.push(low | 0x80);
    }
}

fn distances(bytes: &[u8]) -> impl Iterator<Item = u64> {
    let mut bytes = bytes.iter();
    let mut last = 0;
    std::iter::from_fn(move || {
        let (mut number, mut shift) = (0, 0);
        loop {
            let byte = *bytes.next()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                break;
            }
            shift += 7;
        }
        last += number;
        Some(last)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_put_in_comes_out_in_order(
            all in prop::collection::vec(prop_oneof![any::<u64>(), 0..300_u64, Just(u64::MAX), Just(0)], 0..400),
            room in 10_000..40_000_usize,
        ) {
            let mut pointers = Pointers::new(room);
            for address in &all {
                if pointers.push(*address) {
                    pointers.sort(|address| address % 7 != 1);
                }
            }
            pointers.sort(|address| address % 7 != 1);
            let wanted: BTreeSet<u64> = all.into_iter().filter(|address| address % 7 != 1).collect();
            prop_assert!(!pointers.is_full());
            prop_assert_eq!(pointers.iter().collect::<Vec<_>>(), wanted.into_iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn what_is_too_much_is_told_and_not_sorted_again() {
        let mut pointers = Pointers::new(8 << 10);
        let mut sorts = 0;
        for address in 0..1 << 20 {
            if pointers.push(address << 20) {
                pointers.sort(|_| true);
                sorts += 1;
            }
        }
        assert!(pointers.is_full() && sorts < 20, "{sorts}");
        assert!(pointers.iter().count() > 500);
    }
}
