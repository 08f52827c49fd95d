//! `PostgreSQL`, for several machines: a connection for each thread that needs one, kept for the next.
//!
//! A connection that broke is thrown away; what was under way on it fails as something that may pass, and the next
//! transaction opens a new one.

use std::collections::HashMap;
use std::error::Error;
use std::sync::{Mutex, PoisonError};

use postgres::types::{IsNull, ToSql, Type, private::BytesMut, to_sql_checked};
use postgres::{Client, Config, NoTls, Statement};

use super::engine::{Engine, Row, Session, StoreError, Value, Work, translate};

/// A database on a server.
pub(super) struct Postgres {
    config: Config,
    idle: Mutex<Vec<Connection>>,
}

/// A connection, and the statements that it knows.
struct Connection {
    client: Client,
    statements: HashMap<String, Statement>,
}

/// Connections that are kept when nobody needs them.
const KEPT: usize = 16;

/// How often a transaction is begun anew that another one made impossible.
const TRIES: usize = 5;

const WORDS: &[(&str, &str)] = &[
    ("{now}", "(extract(epoch FROM clock_timestamp()) * 1000)::bigint"),
    ("{skip}", "FOR UPDATE SKIP LOCKED"),
    ("{lock}", "FOR UPDATE"),
    ("{alone}", "SELECT pg_advisory_xact_lock(7310)"),
    ("{id}", "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY"),
    ("{bytes}", "BYTEA"),
];

impl Postgres {
    /// The database at `url` (`postgres://USER:PASSWORD@HOST/NAME`, or `host=… dbname=…`).
    pub(super) fn open(url: &str) -> Result<Self, StoreError> {
        let mut config: Config =
            url.parse().map_err(|_| StoreError::lasting("its address is none of PostgreSQL"))?;
        config.application_name("layersift").connect_timeout(std::time::Duration::from_secs(10));
        let this = Self { config, idle: Mutex::default() };
        let first = this.connect()?;
        this.put_back(first);
        Ok(this)
    }

    fn connect(&self) -> Result<Connection, StoreError> {
        let waiting = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        if let Some(connection) = waiting.filter(|connection| !connection.client.is_closed()) {
            return Ok(connection);
        }
        let client = self.config.connect(NoTls).map_err(|error| failed(&error))?;
        Ok(Connection { client, statements: HashMap::new() })
    }

    fn put_back(&self, connection: Connection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if !connection.client.is_closed() && idle.len() < KEPT {
            idle.push(connection);
        }
    }
}

impl Engine for Postgres {
    fn transaction(&self, work: Work<'_>) -> Result<(), StoreError> {
        let mut connection = self.connect()?;
        let mut tries = 0;
        let done = loop {
            tries += 1;
            match once(&mut connection, work) {
                Err(Failed { again: true, .. }) if tries < TRIES => {}
                done => break done.map_err(|failed| failed.error),
            }
        };
        self.put_back(connection);
        done
    }
}

/// Why a transaction failed, and whether it is worth beginning it anew at once.
struct Failed {
    error: StoreError,
    again: bool,
}

fn once(connection: &mut Connection, work: Work<'_>) -> Result<(), Failed> {
    let Connection { client, statements } = connection;
    let own = |error: &postgres::Error| Failed { error: failed(error), again: collided(error) };
    let transaction = client.transaction().map_err(|error| own(&error))?;
    let mut open = Open { transaction, statements, again: false };
    match work(&mut open) {
        Ok(()) => open.transaction.commit().map_err(|error| own(&error)),
        // Dropped, it is rolled back.
        Err(error) => Err(Failed { error, again: open.again }),
    }
}

struct Open<'t> {
    transaction: postgres::Transaction<'t>,
    statements: &'t mut HashMap<String, Statement>,
    again: bool,
}

impl Open<'_> {
    fn statement(&mut self, text: &str) -> Result<Statement, postgres::Error> {
        if let Some(known) = self.statements.get(text) {
            return Ok(known.clone());
        }
        let prepared = self.transaction.prepare(&translate(text, WORDS))?;
        self.statements.insert(text.to_owned(), prepared.clone());
        Ok(prepared)
    }

    fn failed(&mut self, error: &postgres::Error) -> StoreError {
        self.again |= collided(error);
        failed(error)
    }
}

fn parameters(values: &[Value]) -> Vec<&(dyn ToSql + Sync)> {
    values.iter().map(|value| value as &(dyn ToSql + Sync)).collect()
}

impl Session for Open<'_> {
    fn execute(&mut self, statement: &str, values: &[Value]) -> Result<u64, StoreError> {
        let statement = self.statement(statement).map_err(|error| self.failed(&error))?;
        let done = self.transaction.execute(&statement, &parameters(values));
        done.map_err(|error| self.failed(&error))
    }

    fn query(&mut self, statement: &str, values: &[Value]) -> Result<Vec<Row>, StoreError> {
        let statement = self.statement(statement).map_err(|error| self.failed(&error))?;
        let rows = self.transaction.query(&statement, &parameters(values));
        rows.map_err(|error| self.failed(&error))?.iter().map(row).collect()
    }
}

fn row(row: &postgres::Row) -> Result<Row, StoreError> {
    let column = |(at, column): (usize, &postgres::Column)| {
        let value = match *column.type_() {
            Type::INT8 => row.try_get::<_, Option<i64>>(at).map(Value::from),
            Type::INT4 => row.try_get::<_, Option<i32>>(at).map(|number| number.map(i64::from).into()),
            Type::TEXT | Type::VARCHAR => row.try_get::<_, Option<&str>>(at).map(Value::from),
            Type::BYTEA => row.try_get::<_, Option<Vec<u8>>>(at).map(Value::from),
            _ => Ok(Value::Null),
        };
        value.map_err(|error| failed(&error))
    };
    row.columns().iter().enumerate().map(column).collect::<Result<_, _>>().map(Row)
}

impl ToSql for Value {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Int(number) => number.to_sql(ty, out),
            Self::Text(text) => text.to_sql(ty, out),
            Self::Bytes(bytes) => bytes.to_sql(ty, out),
        }
    }

    fn accepts(ty: &Type) -> bool {
        [Type::INT8, Type::TEXT, Type::VARCHAR, Type::BYTEA].contains(ty)
    }

    to_sql_checked!();
}

/// Whether two transactions were in each other's way (`PostgreSQL`, appendix A: class 40).
fn collided(error: &postgres::Error) -> bool {
    error.code().is_some_and(|code| code.code().starts_with("40"))
}

/// Only what the server says of the statement: its detail quotes values of rows.
fn failed(error: &postgres::Error) -> StoreError {
    match error.as_db_error() {
        Some(said) => {
            // 08: connection, 53: resources, 57: somebody stopped it, 40: a collision.
            let passing = ["08", "53", "57", "40"].iter().any(|class| said.code().code().starts_with(class));
            StoreError { message: said.message().to_owned(), passing }
        }
        None => StoreError::passing(error.to_string()),
    }
}
