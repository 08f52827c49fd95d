//! The names of encodings and facts, which are written in the program and so live as long as it: a report that is read
//! back needs the same.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// Names that were read so far.
#[derive(Debug, Default)]
pub(super) struct Names(Mutex<BTreeSet<&'static str>>);

/// How many different ones there can be: more than the program knows. They are never freed.
const MOST: usize = 1000;

/// Bytes that one may have.
const LONGEST: usize = 100;

impl Names {
    /// The name; none if it is not like one of the program's.
    pub(super) fn name(&self, text: &str) -> Option<&'static str> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(name) = known.get(text) {
            return Some(name);
        }
        if known.len() >= MOST || text.len() > LONGEST {
            return None;
        }
        let name: &'static str = Box::leak(text.to_owned().into_boxed_str());
        known.insert(name);
        Some(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_kept_once_and_there_are_not_too_many() {
        let names = Names::default();
        assert!(std::ptr::eq(names.name("base64").unwrap(), names.name("base64").unwrap()));
        assert_eq!(names.name(&"x".repeat(LONGEST + 1)), None);
        assert_eq!((0..2 * MOST).filter(|n| names.name(&n.to_string()).is_some()).count(), MOST - 1);
    }
}
