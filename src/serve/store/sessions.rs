//! Who is signed in at the pages: sessions, in the database, so that every server of it knows them and an end is an end.
//!
//! Neither the session nor the token that began it can be made of what stands here: of the number that the browser has there
//! is a hash, and the token is proven by a hash that is keyed with that number.

use super::Store;
use super::engine::{StoreError, values};

/// Milliseconds after which a session that nobody used ends, and after which each one does.
const LASTS: (i64, i64) = (8 * 60 * 60 * 1_000, 7 * 24 * 60 * 60 * 1_000);

/// Milliseconds between two notes that a session is used.
const NOTED: i64 = 60_000;

impl Store {
    /// Begins the session `id`, of whoever showed what `proof` proves. Those that ended are forgotten.
    pub fn begin_session(&self, id: &str, proof: &str) -> Result<(), StoreError> {
        self.within(|session| {
            let ended = "DELETE FROM sessions WHERE used <= {now} - $1 OR begun <= {now} - $2";
            session.execute(ended, values![LASTS.0, LASTS.1])?;
            let begin = "INSERT INTO sessions (id, proof, begun, used) VALUES ($1, $2, {now}, {now})
                ON CONFLICT (id) DO NOTHING";
            session.execute(begin, values![id, proof]).map(drop)
        })
    }

    /// The proof of the session `id`, if it is there and goes on, and notes that it is used.
    pub fn session(&self, id: &str) -> Result<Option<String>, StoreError> {
        let find = "SELECT proof, {now} - used FROM sessions
            WHERE id = $1 AND used > {now} - $2 AND begun > {now} - $3";
        let found = self.reading(|session| session.first(find, values![id, LASTS.0, LASTS.1]))?;
        let Some(found) = found else { return Ok(None) };
        if found.int(1) > NOTED {
            let note = "UPDATE sessions SET used = {now} WHERE id = $1";
            self.lightly(|session| session.execute(note, values![id]))?;
        }
        Ok(Some(found.text(0)))
    }

    /// Ends the session `id`.
    pub fn end_session(&self, id: &str) -> Result<(), StoreError> {
        self.within(|session| session.execute("DELETE FROM sessions WHERE id = $1", values![id]).map(drop))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_ends_when_it_is_not_used_and_when_it_is_old_and_when_it_is_ended() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::in_file(&folder.path().join("db")).unwrap();
        let begun = |id: &str| store.session(id).unwrap().is_some();
        let age = |column: &str, id: &str, by: i64| {
            let age = format!("UPDATE sessions SET {column} = {column} - $1 WHERE id = $2");
            store.within(|session| session.execute(&age, values![by, id])).unwrap();
        };
        for id in ["unused", "old", "ended", "other"] {
            store.begin_session(id, "proof").unwrap();
            assert_eq!(store.session(id).unwrap().as_deref(), Some("proof"));
        }
        assert!(!begun("unknown"));
        store.end_session("ended").unwrap();
        assert!(!begun("ended") && begun("other"));
        age("used", "unused", LASTS.0 / 2);
        assert!(begun("unused"));
        age("used", "unused", LASTS.0 - 2_000);
        assert!(begun("unused"), "it was used in between");
        age("used", "unused", LASTS.0 + 1_000);
        assert!(!begun("unused"));
        age("begun", "old", LASTS.1 + 1_000);
        assert!(!begun("old"), "though it is used");
        store.begin_session("new", "proof").unwrap();
        let left = store.within(|session| session.query("SELECT id FROM sessions ORDER BY id", &[])).unwrap();
        let left: Vec<_> = left.iter().map(|row| row.text(0)).collect();
        assert_eq!(left, ["new", "other"]);
    }
}
