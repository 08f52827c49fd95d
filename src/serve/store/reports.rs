//! What layers yielded, in the database of the service: the layer cache of workers on several machines.
//!
//! Reports are sealed before they come here, with a key that the database does not have.

use std::sync::Arc;

use super::Store;
use super::engine::values;
use crate::scan::cache::{ReportName, Reports};

/// The reports of a database.
struct Shared(Arc<Store>);

/// Level of the compression of reports.
const LEVEL: i32 = 3;

/// Bytes of the largest report that is kept.
const LARGEST: usize = 256 << 20;

impl Store {
    /// Its reports of layers. A failure is as if there were none; it shows in what the queue is asked next.
    pub fn reports(self: &Arc<Self>) -> Arc<dyn Reports> {
        Arc::new(Shared(Arc::clone(self)))
    }
}

impl Reports for Shared {
    fn has(&self, name: ReportName<'_>) -> bool {
        let query = "SELECT 1 FROM blobs WHERE settings = $1 AND digest = $2";
        let found =
            self.0.reading(|session| session.first(query, values![&name.settings.hex(), &name.digest.hex()]));
        found.is_ok_and(|row| row.is_some())
    }

    fn find(&self, name: ReportName<'_>) -> Option<(Vec<u8>, [u8; 32])> {
        let query = "SELECT report, seal FROM blobs WHERE settings = $1 AND digest = $2";
        let found =
            self.0.reading(|session| session.first(query, values![&name.settings.hex(), &name.digest.hex()]));
        let row = found.ok()??;
        let packed = row.bytes(0);
        let room = zstd::bulk::Decompressor::upper_bound(&packed)?.min(LARGEST);
        let report = zstd::bulk::decompress(&packed, room).ok()?;
        // A seal of another length fits nothing.
        Some((report, row.bytes(1).try_into().unwrap_or_default()))
    }

    fn keep(&self, name: ReportName<'_>, report: &[u8], seal: &[u8; 32]) {
        let insert = "INSERT INTO blobs (settings, digest, report, seal, kept) VALUES ($1, $2, $3, $4, {now})
            ON CONFLICT (settings, digest) DO UPDATE SET report = excluded.report, seal = excluded.seal";
        // The same bound as for who reads it. The layer counts as not kept then, and is read with each of its images.
        if report.len() > LARGEST {
            return;
        }
        let Ok(packed) = zstd::bulk::compress(report, LEVEL) else { return };
        // The layer counts as not kept then.
        let _ = self.0.lightly(|session| {
            let (settings, digest) = (name.settings.hex(), name.digest.hex());
            session.execute(insert, values![&settings, &digest, packed.clone(), seal.to_vec()])
        });
    }

    fn forget(&self, name: ReportName<'_>) {
        let delete = "DELETE FROM blobs WHERE settings = $1 AND digest = $2";
        let _ = self
            .0
            .lightly(|session| session.execute(delete, values![&name.settings.hex(), &name.digest.hex()]));
    }
}
