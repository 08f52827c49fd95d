//! An empty database of each engine, for tests of what both have to do.

#[allow(dead_code, reason = "others need more of it")]
#[path = "../../../../tests/support/database.rs"]
mod database;
#[allow(dead_code, reason = "others need more of it")]
#[path = "../../../../tests/support/machine.rs"]
mod machine;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::super::postgres::Postgres;
use super::super::sqlite::Sqlite;
use super::{Engine, Store};

/// Does `test` with an empty database of each engine.
pub(in crate::serve::store) fn on_both(test: impl Fn(&Store)) {
    on_both_as_it_is(|place| {
        let store = place.open();
        store.know(&["r.example", "other.example"]).unwrap();
        test(&store);
    });
}

/// Does `test` with an empty database on a server.
pub(in crate::serve::store) fn on_server(test: impl Fn(&Store)) {
    test(&Place::Server(empty_on_server()).open());
}

/// Where an empty database is.
pub(in crate::serve::store) enum Place {
    File(tempfile::TempDir),
    Server(String),
}

impl Place {
    /// The database there, as it is.
    pub(in crate::serve::store) fn engine(&self) -> Box<dyn Engine> {
        match self {
            Self::File(folder) => Box::new(Sqlite::open(&folder.path().join("db")).unwrap()),
            Self::Server(url) => Box::new(Postgres::open(url).unwrap()),
        }
    }

    /// Its store, with the tables of today.
    pub(in crate::serve::store) fn open(&self) -> Store {
        match self {
            Self::File(folder) => Store::in_file(&folder.path().join("db")).unwrap(),
            Self::Server(url) => Store::on_server(url).unwrap(),
        }
    }
}

/// The same, before there are any tables.
pub(in crate::serve::store) fn on_both_as_it_is(test: impl Fn(&Place)) {
    test(&Place::File(tempfile::tempdir().unwrap()));
    test(&Place::Server(empty_on_server()));
}

/// The address of an empty database on a server that all tests share.
fn empty_on_server() -> String {
    static SERVER: OnceLock<String> = OnceLock::new();
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let server = SERVER.get_or_init(|| database::Database::start().outlive());
    let name = format!("test{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    let create = format!("CREATE DATABASE {name}");
    machine::run("psql", &["-qX", "-c", &create, server], std::path::Path::new("/"));
    format!("{}/{name}", server.rsplit_once('/').unwrap().0)
}
