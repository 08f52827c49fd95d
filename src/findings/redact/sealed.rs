//! Finds sealed credentials in a text: of each its length is known, a few bits about its start, and a keyed hash.
//!
//! At every place of the text the bits of its next bytes are compared, and where they fit the keyed hash of as many bytes
//! as the credential has. The result is that of a search for all of the texts: the leftmost match, and of those the longest.

use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use crate::secret::{Imprint, SealKey, Sealed, width};

/// Sealed credentials to look for.
#[derive(Debug)]
pub(super) struct SealedForms {
    key: SealKey,
    /// Lengths of forms, longest first, by the width and the bits of their start.
    starts: HashMap<(usize, u16), Vec<usize>>,
    /// The widths that there are, widest first.
    widths: Vec<usize>,
    /// By length and hash what to show instead.
    shown: HashMap<(usize, Imprint), String>,
    /// Bytes that may still be hashed.
    left: Cell<u64>,
}

/// Bytes hashed before nothing is shown any more: about two seconds. A text would have to begin like credentials
/// everywhere.
const WORK: u64 = 1 << 30;

impl SealedForms {
    /// For credentials that were sealed with `key`.
    pub(super) fn new<'s>(sealed: impl IntoIterator<Item = &'s Sealed>, key: &SealKey) -> Self {
        let mut shown: HashMap<(usize, Imprint), String> = HashMap::new();
        let mut starts: BTreeMap<(usize, u16), Vec<usize>> = BTreeMap::new();
        for sealed in sealed {
            for form in sealed.forms() {
                starts.entry((width(form.length), form.filter)).or_default().push(form.length);
                let redacted = super::shown(sealed.redacted());
                let known = shown.entry((form.length, form.imprint)).or_insert_with(|| redacted.clone());
                if redacted < *known {
                    *known = redacted;
                }
            }
        }
        for lengths in starts.values_mut() {
            lengths.sort_unstable_by(|a, b| b.cmp(a));
            lengths.dedup();
        }
        let mut widths: Vec<usize> = starts.keys().map(|(width, _)| *width).collect();
        widths.dedup();
        widths.reverse();
        let starts = starts.into_iter().collect();
        Self { key: key.clone(), starts, widths, shown, left: Cell::new(WORK) }
    }

    /// The next credential of `text` at or behind `from`, and what to show instead. None too when there was too much to
    /// do: see [`SealedForms::gave_up`].
    pub(super) fn next(&self, text: &[u8], from: usize) -> Option<(Range<usize>, &str)> {
        (from..text.len()).find_map(|at| {
            let (length, shown) = self.at(&text[at..])?;
            Some((at..at + length, shown))
        })
    }

    /// Whether there was so much to compare that not all was.
    pub(super) fn gave_up(&self) -> bool {
        self.left.get() == 0
    }

    /// The longest credential that `text` begins with.
    fn at(&self, text: &[u8]) -> Option<(usize, &str)> {
        let of_width = |width: &usize| {
            let start = text.get(..*width)?;
            let lengths = self.starts.get(&(*width, self.key.filter(start)))?;
            let fitting = lengths.iter().filter(|length| **length <= text.len());
            fitting.into_iter().find_map(|length| {
                let left = self.left.get().saturating_sub(*length as u64 + 64);
                self.left.set(left);
                let imprint = (left > 0).then(|| self.key.imprint(&text[..*length]))?;
                Some((*length, self.shown.get(&(*length, imprint))?.as_str()))
            })
        };
        self.widths.iter().find_map(of_width)
    }
}
