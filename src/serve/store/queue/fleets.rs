//! Workers of several versions, rules or limits on one database, each of which does the layers of its own kind.
//!
//! An image is to be scanned with the settings of whoever was told of it. As long as somebody is there who scans with those,
//! it is left to them; when nobody is any more, whoever comes takes it over.

use super::super::Store;
use super::take::SOME;
use crate::serve::store::engine::{StoreError, list, values};

impl Store {
    /// Takes over images that wait for layers that nobody scans any more: they are looked at anew, with `settings`. `fleets` is
    /// what others scan with. Returns how many.
    pub fn adopt(&self, settings: &str, fleets: &[String]) -> Result<u64, StoreError> {
        let waiting =
            "SELECT id FROM jobs WHERE state = 'waiting' AND settings <> $1 AND settings NOT IN {texts($2)}
            ORDER BY id LIMIT $3 {skip}";
        let ready =
            "UPDATE jobs SET state = 'ready', settings = $2, waited = 0, again = 0, wish = NULL, due = {now}
            WHERE id IN {ids($1)}";
        self.lightly(|session| {
            let rows = session.query(waiting, &[settings.into(), list(fleets), SOME.into()])?;
            if rows.is_empty() {
                return Ok(0);
            }
            let ids = list(&rows.iter().map(|row| row.int(0)).collect::<Vec<_>>());
            session.execute("DELETE FROM needs WHERE job IN {ids($1)}", std::slice::from_ref(&ids))?;
            session.execute(ready, &[ids, settings.into()])
        })
    }

    /// Removes layers that are to be scanned with settings of nobody who is there, and that no image waits for. Images that
    /// were joined without them are looked at anew, with other settings.
    pub fn forget_orphans(&self, settings: &str, fleets: &[String]) -> Result<usize, StoreError> {
        let orphans = "SELECT id, name FROM jobs
            WHERE kind = 'layer' AND (state = 'ready' OR state = 'later' OR state = 'dead')
                AND settings <> $1 AND settings NOT IN {texts($2)}
                AND NOT EXISTS (SELECT 1 FROM needs WHERE needs.name = jobs.name)
            ORDER BY id LIMIT $3 {skip}";
        let mut all = 0;
        loop {
            let some = self.lightly(|session| {
                let rows = session.query(orphans, &[settings.into(), list(fleets), SOME.into()])?;
                let ids: Vec<i64> = rows.iter().map(|row| row.int(0)).collect();
                let names: Vec<String> = rows.iter().map(|row| row.text(1)).collect();
                if ids.is_empty() {
                    return Ok(0);
                }
                session.execute("UPDATE lacks SET healed = 1 WHERE name IN {texts($1)}", &[list(&names)])?;
                session.execute("DELETE FROM jobs WHERE id IN {ids($1)}", &[list(&ids)])?;
                Ok(ids.len())
            })?;
            all += some;
            if some < SOME {
                return Ok(all);
            }
        }
    }

    /// How many processes work, by what they scan with.
    pub fn fleets(&self) -> Result<Vec<(String, i64)>, StoreError> {
        let query =
            "SELECT settings, count(*) FROM workers WHERE until >= {now} GROUP BY settings ORDER BY settings";
        self.reading(|session| {
            let rows = session.query(query, values![])?;
            Ok(rows.iter().map(|row| (row.text(0), row.int(1))).collect())
        })
    }
}
