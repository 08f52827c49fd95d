//! A visitor that reads everything that it is shown, up to a bound, and keeps nothing.

use std::io::Read;
use std::ops::ControlFlow;

use layersift::content::{Fault, Part, Visitor};
use layersift::limits::{Limit, Limits};

/// Bytes that are read of one input, at all depths.
const MOST: u64 = 64 << 20;

/// How deep parts are opened again.
const DEPTH: u32 = 8;

/// See the module.
pub struct Reads {
    /// Bytes so far.
    pub bytes: u64,
    /// Opens a part again, as far as it was kept.
    pub deeper: Option<fn(&[u8], &mut Reads)>,
    /// How deep it stands.
    pub depth: u32,
}

impl Visitor for Reads {
    fn visit(&mut self, _: Part<'_>, body: &mut dyn Read) -> ControlFlow<()> {
        let mut kept = Vec::new();
        let mut buffer = [0; 4096];
        while self.bytes < MOST {
            match body.read(&mut buffer) {
                Ok(0) | Err(_) => break,
                Ok(read) => {
                    self.bytes += read as u64;
                    if kept.len() < 1 << 20 {
                        kept.extend_from_slice(&buffer[..read]);
                    }
                }
            }
        }
        if let Some(deeper) = self.deeper.filter(|_| self.depth < DEPTH) {
            self.depth += 1;
            deeper(&kept, self);
            self.depth -= 1;
        }
        if self.bytes < MOST { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }

    fn fault(&mut self, _: Part<'_>, fault: Fault) {
        assert!(!fault.message.is_empty());
    }

    fn limit(&self, limit: Limit) -> u64 {
        Limits::default().get(limit)
    }

    fn room(&self) -> u64 {
        4 << 20
    }
}
