//! Transactions that are committed together.

use std::sync::mpsc;

use super::*;

fn database() -> (tempfile::TempDir, Sqlite) {
    let folder = tempfile::tempdir().unwrap();
    let engine = Sqlite::open(&folder.path().join("db")).unwrap();
    engine
        .transaction(Mode::Durable, &mut |session| {
            session.execute("CREATE TABLE notes (note TEXT PRIMARY KEY)", &[]).map(drop)
        })
        .unwrap();
    (folder, engine)
}

fn note(session: &mut dyn Session, note: &str) -> Result<(), StoreError> {
    session.execute("INSERT INTO notes VALUES ($1)", &[note.into()]).map(drop)
}

fn notes(engine: &Sqlite) -> Vec<String> {
    let mut all = Vec::new();
    engine
        .transaction(Mode::Reading, &mut |session| {
            let rows = session.query("SELECT note FROM notes ORDER BY note", &[])?;
            all = rows.iter().map(|row| row.text(0)).collect();
            Ok(())
        })
        .unwrap();
    all
}

/// Has `second` join the batch in which `first` is noted; how both ended.
fn together(
    engine: &Sqlite,
    second: impl Fn(&mut dyn Session) -> Result<(), StoreError> + Send + Sync,
) -> [Result<(), StoreError>; 2] {
    let (tell, hear) = mpsc::channel();
    std::thread::scope(|scope| {
        let one = scope.spawn(move || {
            engine.transaction(Mode::Durable, &mut |session| {
                note(session, "first")?;
                tell.send(()).unwrap();
                // The batch stays open for whoever comes.
                while engine.coming.load(Ordering::Acquire) == 0 {
                    std::thread::yield_now();
                }
                Ok(())
            })
        });
        hear.recv().unwrap();
        let other = scope.spawn(|| engine.transaction(Mode::Durable, &mut |session| second(session)));
        [one, other].map(|thread| thread.join().unwrap_or_else(|_| Err(StoreError::lasting("a panic"))))
    })
}

#[test]
fn what_fails_in_a_batch_leaves_the_others_alone() {
    let (_folder, engine) = database();
    let ends = together(&engine, |session| {
        note(session, "second")?;
        Err(StoreError::lasting("as it happens"))
    });
    assert_eq!((&ends[0], ends[1].is_err(), notes(&engine)), (&Ok(()), true, vec!["first".to_owned()]));
}

#[test]
fn what_cannot_be_undone_alone_undoes_the_whole_batch_and_everybody_hears_of_it() {
    let (_folder, engine) = database();
    let ends = together(&engine, |session| {
        note(session, "second")?;
        // The savepoint is gone: there is nothing to go back to.
        session.execute("RELEASE member", &[])?;
        Err(StoreError::lasting("as it happens"))
    });
    assert!(ends.iter().all(Result::is_err), "{ends:?}");
    assert!(ends[0].as_ref().is_err_and(StoreError::may_pass), "the first one may try again");
    assert_eq!(notes(&engine), [""; 0]);
    // The same where the member took itself for done.
    let ends = together(&engine, |session| {
        note(session, "second")?;
        session.execute("RELEASE member", &[]).map(drop)
    });
    assert!(ends.iter().all(Result::is_err), "{ends:?}");
    assert_eq!(notes(&engine), [""; 0]);
    assert_eq!(together(&engine, |session| note(session, "second")), [Ok(()), Ok(())]);
    assert_eq!(notes(&engine), ["first", "second"]);
}

#[test]
fn a_batch_that_the_database_undid_is_done_for_nobody() {
    let (_folder, engine) = database();
    let ends = together(&engine, |session| {
        session.execute("ROLLBACK", &[])?;
        Err(StoreError::lasting("as it happens"))
    });
    assert!(ends.iter().all(Result::is_err), "{ends:?}");
    assert_eq!(notes(&engine), [""; 0]);
}

#[test]
fn a_member_that_panics_leaves_the_others_alone() {
    let (_folder, engine) = database();
    let ends = together(&engine, |_| panic!("as it happens"));
    assert_eq!(ends, [Ok(()), Err(StoreError::lasting("a panic"))]);
    assert_eq!(notes(&engine), ["first"]);
}
