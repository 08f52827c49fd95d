//! Databases made by `SQLite` itself, through Python's module of it: the command has no word for some of what is needed.

use std::path::Path;
use std::process::Command;

use proptest::prelude::*;

use super::*;
use crate::content::tests::{Shown, shown};

/// Runs `script` in a folder of its own, with a connection to `a.db` that keeps what it deletes, and gives that file.
fn made(script: &str) -> (tempfile::TempDir, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let script = format!(
        "import sqlite3, os\ndb = sqlite3.connect('a.db', isolation_level=None)\nrun = db.execute\n\
         run('PRAGMA secure_delete=OFF')\n{script}"
    );
    let ran = Command::new("python3").arg("-c").arg(&script).current_dir(folder.path()).output();
    let ran = ran.expect("python3 is needed: see tests/install.sh");
    assert!(ran.status.success(), "{script}: {}", String::from_utf8_lossy(&ran.stderr));
    let bytes = std::fs::read(folder.path().join("a.db")).unwrap();
    (folder, bytes)
}

fn file(folder: &Path, name: &str) -> Vec<u8> {
    std::fs::read(folder.join(name)).unwrap()
}

/// What is shown, the pieces of a member joined; and that it is the same however the file is cut.
fn parts(bytes: &[u8]) -> Shown {
    let (first, ended) = shown(&SQLITE, "a.db", bytes, 4096);
    assert_eq!(ended, Ok(()));
    assert_eq!(first.faults, []);
    if bytes.len() < 1 << 18 {
        let (again, _) = shown(&SQLITE, "a.db", bytes, 7);
        assert_eq!(again.parts, first.parts);
    }
    first
}

impl Shown {
    fn joined(&self, member: &str) -> String {
        let own = self.parts.iter().filter(|part| part.0 == member);
        String::from_utf8_lossy(&own.flat_map(|part| part.1.clone()).collect::<Vec<u8>>()).into_owned()
    }

    fn names(&self) -> Vec<&str> {
        self.parts.iter().map(|part| part.0.as_str()).collect()
    }
}

#[test]
fn rows_have_the_names_of_their_columns() {
    let (_folder, bytes) = made(
        "run('CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT, [pass word] TEXT, pin INT, rate REAL, none)')\n\
         run('INSERT INTO users VALUES (7, ?, ?, -70000, 1.5, NULL)', ('alice', 'correct horse'))\n\
         run('INSERT INTO users VALUES (8, ?, ?, 1, 2.5, ?)', ('bob', 'two\\nlines', b'text in bytes'))\n\
         run('CREATE INDEX names ON users(name)')",
    );
    let shown = parts(&bytes);
    assert_eq!(
        shown.joined("users"),
        "users.name=alice\nusers.pass_word=\"correct horse\"\nusers.pin=-70000\n\n\
         users.name=bob\nusers.pass_word=two\nlines\nusers.none=\"text in bytes\"\n\n"
    );
    assert!(shown.joined("sqlite_schema").contains("sqlite_schema.sql=\"CREATE TABLE users("));
    assert_eq!(shown.names(), ["sqlite_schema", "users"]);
}

#[test]
fn a_setting_has_the_name_that_stands_beside_it() {
    let (_folder, bytes) = made(
        "run('CREATE TABLE options(option_id INTEGER PRIMARY KEY, option_name TEXT, option_value TEXT)')\n\
         run(\"INSERT INTO options VALUES (1, 'mail_password', 'x y')\")",
    );
    assert_eq!(
        parts(&bytes).joined("options"),
        "options.option_name=mail_password\noptions.mail_password=\"x y\"\n\n"
    );
}

#[test]
fn values_longer_than_a_page_are_whole() {
    for size in [512, 1024, 4096, 65536] {
        let (_folder, bytes) = made(&format!(
            "run('PRAGMA page_size={size}')\n\
             run('CREATE TABLE notes(id INTEGER PRIMARY KEY, body TEXT, more BLOB)')\n\
             for n in (1, 400, 500, 5000, 70000, 300000):\n    \
             run('INSERT INTO notes(body, more) VALUES (?, ?)', ('a' * n + 'end', bytes(i % 256 for i in range(n))))\n\
             run('INSERT INTO notes(body) VALUES (?)', ('b' * 2000000,))"
        ));
        let shown = parts(&bytes);
        let text = shown.joined("notes");
        for length in [1, 400, 500, 5000, 70000, 300_000] {
            assert!(text.contains(&format!("={}end\n", "a".repeat(length))), "{size} {length}");
        }
        let binary: Vec<u8> = (0..70000).map(|at| u8::try_from(at % 256).unwrap()).collect();
        assert!(shown.parts.contains(&("notes/more/5".to_owned(), binary)), "{size}: {:?}", shown.names());
        assert!(shown.parts.contains(&("notes/body/7".to_owned(), vec![b'b'; 2_000_000])), "{size}");
    }
}

#[test]
fn tables_without_row_numbers_and_those_of_many_pages_are_read() {
    let (_folder, bytes) = made(
        "run('CREATE TABLE k(a TEXT, b TEXT, c TEXT, PRIMARY KEY (c, a)) WITHOUT ROWID')\n\
         run('CREATE TABLE r(x TEXT)')\n\
         run('BEGIN')\n\
         for n in range(3000):\n    \
         run('INSERT INTO k VALUES (?, ?, ?)', (f'a{n}.', f'b{n}.', f'c{n}.'))\n    \
         run('INSERT INTO r VALUES (?)', (f'x{n}.' * 20,))\n\
         run('COMMIT')",
    );
    let shown = parts(&bytes);
    let (keyed, rows) = (shown.joined("k"), shown.joined("r"));
    let mut keys: Vec<&str> = keyed.split("\n\n").filter(|row| !row.is_empty()).collect();
    keys.sort_unstable();
    let mut expected: Vec<String> = (0..3000).map(|n| format!("k.c=c{n}.\nk.a=a{n}.\nk.b=b{n}.")).collect();
    expected.sort_unstable();
    assert_eq!(keys, expected);
    for number in 0..3000 {
        assert!(rows.contains(&format!("r.x=x{number}.")), "{number}");
    }
}

#[test]
fn texts_in_utf16_are_shown_as_utf8() {
    for encoding in ["UTF-16le", "UTF-16be"] {
        let (_folder, bytes) = made(&format!(
            "run(\"PRAGMA encoding='{encoding}'\")\n\
             run('CREATE TABLE users(name TEXT, password TEXT)')\n\
             run('INSERT INTO users VALUES (?, ?)', ('Zoë', 'pässword'))"
        ));
        assert_eq!(
            parts(&bytes).joined("users"),
            "users.name=Zoë\nusers.password=pässword\n\n",
            "{encoding}"
        );
    }
}

#[test]
fn deleted_rows_are_shown_as_such() {
    for delete in [
        "run('DELETE FROM users WHERE id = 3')",
        "run('DELETE FROM users WHERE id IN (3, 4)')",
        "run('DELETE FROM users WHERE id = 4')\nrun('DELETE FROM users WHERE id = 3')",
        "run('DELETE FROM users WHERE id > 2')",
        "run('DELETE FROM users')",
        "run('DELETE FROM users WHERE id > 0')",
        "run('UPDATE users SET password = ?, name = ? WHERE id = 3', ('x' * 40, 'y'))",
    ] {
        let (_folder, bytes) = made(&format!(
            "run('CREATE TABLE other(a, b, c, d)')\n\
             run('CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT, password TEXT)')\n\
             for n in range(1, 6):\n    run('INSERT INTO users VALUES (?, ?, ?)', (n, f'name{{n}}', f'password{{n}}'))\n\
             {delete}"
        ));
        let deleted = parts(&bytes).joined("users (deleted)");
        assert!(deleted.contains("users.name=name3\nusers.password=password3\n\n"), "{delete}: {deleted}");
        assert!(!parts(&bytes).joined("users").contains("password3"), "{delete}");
    }
}

#[test]
fn long_rows_that_were_deleted_are_whole() {
    let (_folder, bytes) = made(
        "run('CREATE TABLE notes(id INTEGER PRIMARY KEY, title TEXT, body TEXT)')\n\
         for n in range(1, 5):\n    run('INSERT INTO notes VALUES (?, ?, ?)', (n, f'title{n}', f'begin{n}' + 'z' * 6000 + f'end{n}'))\n\
         run('DELETE FROM notes WHERE id = 1')\n\
         run('DELETE FROM notes WHERE id = 2')",
    );
    let deleted = parts(&bytes).joined("notes (deleted)");
    assert!(
        deleted.contains(&format!("notes.title=title2\nnotes.body=begin2{}end2", "z".repeat(6000))),
        "{deleted}"
    );
}

#[test]
fn tables_that_were_dropped_keep_their_names() {
    for rows in [5, 500] {
        let (_folder, bytes) = made(&format!(
            "run('CREATE TABLE kept(a, b, c, d, e, f)')\n\
             run('CREATE TABLE gone(id INTEGER PRIMARY KEY, login TEXT, secret TEXT)')\n\
             for n in range({rows}):\n    run('INSERT INTO gone(login, secret) VALUES (?, ?)', (f'login{{n}}', f'secret{{n}}.'))\n\
             run('DROP TABLE gone')"
        ));
        let deleted = parts(&bytes).joined("gone (deleted)");
        let found = (0..rows).filter(|n| deleted.contains(&format!("gone.secret=secret{n}.\n"))).count();
        assert!(found == rows, "{found} of {rows}: {deleted}");
    }
}

#[test]
fn pages_that_vacuum_moves_are_told_from_its_maps() {
    for mode in ["FULL", "INCREMENTAL"] {
        let (_folder, bytes) = made(&format!(
            "run('PRAGMA page_size=512')\nrun('PRAGMA auto_vacuum={mode}')\n\
             run('CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT, b TEXT)')\n\
             run('BEGIN')\n\
             for n in range(4000):\n    run('INSERT INTO t(a, b) VALUES (?, ?)', (f'a{{n}}.', f'b{{n}}.' * 4))\n\
             run('COMMIT')\nrun('DELETE FROM t WHERE id % 3 = 0')"
        ));
        let shown = parts(&bytes);
        let text = shown.joined("t");
        assert!(
            (1..=4000).all(|id| (id % 3 == 0) != text.contains(&format!("t.a=a{}.\n", id - 1))),
            "{mode}"
        );
    }
}

#[test]
fn a_write_ahead_log_shows_all_versions_of_a_page() {
    let (folder, bytes) = made(
        "run('PRAGMA journal_mode=WAL')\nrun('PRAGMA wal_autocheckpoint=0')\n\
         run('CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT, password TEXT)')\n\
         run('INSERT INTO users VALUES (1, ?, ?)', ('alice', 'first' + '.' * 5000))\n\
         run('UPDATE users SET password = ?', ('second' + '.' * 5000,))\n\
         run('PRAGMA wal_checkpoint(RESTART)')\n\
         run('UPDATE users SET password = ?', ('third',))\n\
         os.link('a.db', 'b.db')\nos.link('a.db-wal', 'b.db-wal')\nos._exit(0)",
    );
    let log = parts(&file(folder.path(), "b.db-wal"));
    assert!(
        log.joined("users").contains(&format!("users.password=second{}\n", ".".repeat(5000))),
        "{:?}",
        log.names()
    );
    // What the log was written over by then is in the database.
    let both = log.joined("users") + &log.joined("(unknown table)") + &parts(&bytes).joined("users");
    assert!(both.contains("password=second") && both.contains("third"), "{both}");
}

#[test]
fn rows_of_a_log_whose_table_is_elsewhere_are_shown_without_names() {
    let (folder, _) = made(
        "run('CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT, password TEXT)')\n\
         run('PRAGMA journal_mode=WAL')\n\
         run('PRAGMA wal_checkpoint(TRUNCATE)')\n\
         run('INSERT INTO users VALUES (1, ?, ?)', ('alice', 'hidden'))\n\
         os.link('a.db-wal', 'b.db-wal')\nos._exit(0)",
    );
    let log = parts(&file(folder.path(), "b.db-wal"));
    assert_eq!(log.joined("(unknown table)"), "alice\nhidden\n\n");
}

#[test]
fn a_rollback_journal_shows_what_was_there_before() {
    let (folder, _) = made(
        "run('CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT, password TEXT)')\n\
         run('INSERT INTO users VALUES (1, ?, ?)', ('alice', 'before'))\n\
         run('PRAGMA cache_size=1')\nrun('PRAGMA cache_spill=1')\n\
         run('BEGIN')\nrun('CREATE TABLE x(a)')\n\
         run('UPDATE users SET password = ?', ('after',))\n\
         for n in range(2000):\n    run('INSERT INTO x VALUES (?)', ('z' * 1000,))\n\
         os.link('a.db-journal', 'b.db-journal')\nos._exit(0)",
    );
    let journal = parts(&file(folder.path(), "b.db-journal"));
    assert!(journal.joined("users").contains("users.password=before\n"), "{:?}", journal.names());
}

/// What is shown of `bytes` with room for `room` bytes.
fn squeezed(bytes: &[u8], room: u64) -> (Shown, Result<(), Fault>) {
    let mut shown = Shown { parts: Vec::new(), faults: Vec::new(), most: 1_000_000, room };
    let head = Head { path: b"a.db", bytes: &bytes[..512], size: None };
    let ended = decode(&head, &mut io::BufReader::new(bytes), &mut shown);
    (shown, ended)
}

#[test]
fn a_database_that_does_not_fit_is_shown_and_what_is_not_is_told() {
    let (_folder, bytes) = made(
        "run('CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT)')\n\
         run('BEGIN')\n\
         for n in range(2000):\n    run('INSERT INTO t(a) VALUES (?)', (f'begin{n}.' + 'x' * 300 + f'end{n}.',))\n\
         run('INSERT INTO t(id, a) VALUES (-1, ?)', ('far' * 500000,))\n\
         run('COMMIT')",
    );
    let (shown, ended) = squeezed(&bytes, 256 << 10);
    let all: String = shown
        .names()
        .iter()
        .collect::<std::collections::BTreeSet<_>>()
        .iter()
        .map(|name| shown.joined(name))
        .collect();
    let found = (0..2000)
        .filter(|n| all.contains(&format!("begin{n}.")) && all.contains(&format!("end{n}.\n")))
        .count();
    assert_eq!(found, 2000);
    assert_eq!(ended.unwrap_err().kind, crate::content::FaultKind::Limit(Limit::WholeBytes));
    let (_, ended) = squeezed(&bytes, 32 << 20);
    assert_eq!(ended, Ok(()));
}

/// A small database with everything in it.
fn sample() -> Vec<u8> {
    made(
        "run('PRAGMA page_size=512')\n\
         run('CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT, b BLOB)')\n\
         run('CREATE TABLE k(a TEXT PRIMARY KEY, b TEXT) WITHOUT ROWID')\n\
         for n in range(40):\n    \
         run('INSERT INTO t(a, b) VALUES (?, ?)', (f'a{n}.' * n, bytes(n * 20)))\n    \
         run('INSERT INTO k VALUES (?, ?)', (f'a{n}.' * 9, f'b{n}.'))\n\
         run('DELETE FROM t WHERE id % 5 = 0')\nrun('CREATE TABLE g(x)')\nrun('DROP TABLE g')",
    )
    .1
}

#[test]
fn circles_and_lies_cost_no_more_than_the_file() {
    let bytes = sample();
    let pages = bytes.len() / 512;
    // Every page goes on in every other, and every count is the highest.
    for number in (1..=u32::try_from(pages).unwrap()).step_by(7) {
        let mut damaged = bytes.clone();
        for page in damaged.chunks_exact_mut(512).skip(1) {
            if page[0] == 0 {
                page[..4].copy_from_slice(&number.to_be_bytes());
            } else {
                page[3..5].copy_from_slice(&200_u16.to_be_bytes());
            }
        }
        let (shown, _) = squeezed(&damaged, 32 << 20);
        let total: usize = shown.parts.iter().map(|part| part.1.len()).sum();
        assert!(total < 20 * bytes.len(), "{total} of {}", bytes.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn damage_never_makes_it_panic(damage in proptest::collection::vec((any::<u32>(), any::<u8>()), 1..60), cut in any::<u32>(), room in 1_u64..1 << 20) {
        static SAMPLE: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
        let mut bytes = SAMPLE.get_or_init(sample).clone();
        for (at, byte) in damage {
            let at = 100 + at as usize % (bytes.len() - 100);
            bytes[at] = byte;
        }
        bytes.truncate(bytes.len().min(512 + cut as usize % (2 * bytes.len())));
        let _ = squeezed(&bytes, room);
    }

    #[test]
    fn no_bytes_make_a_log_panic(bytes in proptest::collection::vec(any::<u8>(), 512..4096), journal in any::<bool>()) {
        let mut bytes = bytes;
        if journal {
            bytes[..8].copy_from_slice(&[0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7]);
            bytes[24..28].copy_from_slice(&512_u32.to_be_bytes());
        } else {
            bytes[..4].copy_from_slice(&[0x37, 0x7f, 0x06, 0x82]);
            bytes[8..12].copy_from_slice(&512_u32.to_be_bytes());
        }
        let _ = squeezed(&bytes, 1 << 20);
    }
}
