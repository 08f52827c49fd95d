//! Rules: what a credential looks like, as data that carries its own proof.

mod tier;

pub use self::tier::{Confidence, Severity};
