//! Logins of databases, in their clients and in themselves.

use super::notation::{settings, yaml};
use super::{Structure, key, keys, lines, own};

pub(super) const ROWS: &[Structure] = &[
    own(
        "pgpass",
        "passwords of PostgreSQL's clients",
        &[".pgpass", "pgpass.conf", "pgpass"],
        &["password"],
        lines::pgpass,
    ),
    keys(
        "my-cnf",
        "settings of MySQL and its clients",
        &[".my.cnf", "my.cnf", ".mylogin.cnf", "mysql/debian.cnf", "conf.d/*.cnf", "my.cnf.d/*.cnf"],
        settings,
        &[key(&["password"], "password"), key(&["passwd"], "password")],
    ),
    own(
        "pgbouncer-users",
        "users of PgBouncer",
        &["userlist.txt", "pgbouncer/users.txt"],
        &["password"],
        lines::userlist,
    ),
    keys(
        "redis-conf",
        "settings of Redis and Valkey",
        &["redis.conf", "redis/*.conf", "valkey.conf", "sentinel.conf"],
        settings,
        &[key(&["requirepass"], "password"), key(&["masterauth"], "password")],
    ),
    own(
        "mongo-keyfile",
        "the key that members of a MongoDB replica set share",
        &[
            "mongo-keyfile",
            "mongodb-keyfile",
            "mongo.keyfile",
            "mongodb.keyfile",
            "mongod.keyfile",
            "mongodb.key",
        ],
        &["content"],
        lines::whole,
    ),
    keys(
        "odbc-ini",
        "data sources of ODBC",
        &["odbc.ini", ".odbc.ini"],
        settings,
        &[key(&["password"], "password"), key(&["pwd"], "password")],
    ),
    keys(
        "database-yml",
        "databases of Rails",
        &["config/database.yml", "config/database.yaml", "database.yml"],
        yaml,
        &[key(&["password"], "password")],
    ),
];
