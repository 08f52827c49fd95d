//! `PostgreSQL`, for several machines: a connection for each thread that needs one, kept for the next.
//!
//! Nobody waits for good: connecting, each statement and each commit have their time. A connection that broke or did not
//! answer is thrown away. If it broke before anything was committed, another one is tried at once, so that a server that
//! was started anew is not told to anybody as a failure.

mod tls;

use std::collections::HashMap;
use std::error::Error;
use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio_postgres::types::{IsNull, ToSql, Type, private::BytesMut, to_sql_checked};
use tokio_postgres::{Client, Config, NoTls, Statement};

use self::tls::Safe;
use super::engine::{Engine, Mode, Row, Session, StoreError, Value, Work, translate};

/// A database on a server.
pub(super) struct Postgres {
    config: Config,
    /// Over what it is reached; none: in the clear.
    safe: Option<Safe>,
    idle: Mutex<Vec<Connection>>,
}

/// A connection, what drives it, and the statements that it knows.
struct Connection {
    runtime: Runtime,
    client: Client,
    statements: HashMap<String, Statement>,
}

/// Connections that are kept when nobody needs them.
const KEPT: usize = 16;

/// How often a transaction is begun anew that another one made impossible, or whose connection had broken.
const TRIES: usize = 5;

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(5);
/// How long a statement may take in the server, and how long its answer may take; more for each MiB that is sent.
const STATEMENT: (Duration, Duration) = (Duration::from_secs(15), Duration::from_secs(20));
const FURTHER: Duration = Duration::from_secs(1);
/// How long a statement may take that is known to take long.
const LONG: Duration = Duration::from_secs(2 * 60 * 60);
/// How long a server may be silent that has nothing to say, and one that has been sent something.
const SILENT: Duration = Duration::from_secs(30);

const WORDS: &[(&str, &str)] = &[
    ("{now}", "(extract(epoch FROM clock_timestamp()) * 1000)::bigint"),
    ("{skip}", "FOR UPDATE SKIP LOCKED"),
    ("{lock}", "FOR UPDATE"),
    ("{decide}", "SELECT pg_advisory_xact_lock(7311)"),
    ("{keep}", "SELECT pg_advisory_xact_lock_shared(7311)"),
    ("{alone}", "SELECT pg_advisory_xact_lock(7310)"),
    ("{ids(", "(SELECT value::bigint FROM json_array_elements_text(("),
    ("{texts(", "(SELECT value FROM json_array_elements_text(("),
    (")}", ")::text::json))"),
    ("{id}", "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY"),
    ("{bytes}", "BYTEA"),
    (
        "{tables}",
        "(SELECT tablename::text AS name FROM pg_tables WHERE schemaname = ANY (current_schemas(false))) AS tables",
    ),
    (
        "{may make}",
        "CASE WHEN coalesce(has_schema_privilege(current_schema(), 'CREATE'), false) THEN 1 ELSE 0 END",
    ),
];

impl Postgres {
    /// The database at `url` (`postgres://USER:PASSWORD@HOST/NAME`, or `host=… dbname=…`).
    pub(super) fn open(url: &str) -> Result<Self, StoreError> {
        let (mut config, safe) = tls::parse(url)?;
        config.application_name("layersift").connect_timeout(CONNECT).tcp_user_timeout(SILENT);
        config.keepalives(true).keepalives_idle(SILENT).keepalives_interval(SILENT / 3).keepalives_retries(3);
        let this = Self { config, safe, idle: Mutex::default() };
        let first = this.connect()?;
        this.put_back(first);
        Ok(this)
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn connect(&self) -> Result<Connection, StoreError> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| StoreError::passing(error.to_string()))?;
        let client = within(&runtime, CONNECT, async {
            // A connection ends with its client, and what went wrong is told to who asks next.
            let client = if let Some(safe) = &self.safe {
                let (client, connection) = self.config.connect(safe.clone()).await?;
                tokio::spawn(connection);
                client
            } else {
                let (client, connection) = self.config.connect(NoTls).await?;
                tokio::spawn(connection);
                client
            };
            // To compile a statement would take a hundred times as long as all that is asked here.
            let patience = STATEMENT.0.as_millis();
            let settings = format!(
                "SET statement_timeout = {patience}; SET lock_timeout = {patience}; SET jit = off;
                 SET idle_in_transaction_session_timeout = {}",
                4 * patience
            );
            client.batch_execute(&settings).await?;
            Ok(client)
        });
        let client = client.map_err(|failed| failed.error)?;
        Ok(Connection { runtime, client, statements: HashMap::new() })
    }

    fn put_back(&self, connection: Connection) {
        let mut idle = self.idle();
        if idle.len() < KEPT {
            idle.push(connection);
        }
    }
}

impl Engine for Postgres {
    fn transaction(&self, mode: Mode, work: Work<'_>) -> Result<(), StoreError> {
        let mut tries = 0;
        loop {
            tries += 1;
            let kept = self.idle().pop();
            let mut connection = kept.map_or_else(|| self.connect(), Ok)?;
            match once(&mut connection, mode, work) {
                Ok(()) => {
                    self.put_back(connection);
                    return Ok(());
                }
                Err(Failed { error, again, broken }) => {
                    if broken {
                        // Those beside it fared no better.
                        self.idle().clear();
                    } else {
                        self.put_back(connection);
                    }
                    if !again || tries >= TRIES {
                        return Err(error);
                    }
                }
            }
        }
    }
}

/// Why something failed.
struct Failed {
    error: StoreError,
    /// Whether it is worth beginning the transaction anew at once.
    again: bool,
    /// Whether the connection is of no use any more.
    broken: bool,
}

/// Waits for `work` for at most `time`.
fn within<T>(
    runtime: &Runtime,
    time: Duration,
    work: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<T, Failed> {
    let done = runtime.block_on(async { tokio::time::timeout(time, work).await });
    let silent = |_| {
        let message = format!("it did not answer for {} s", time.as_secs());
        Failed { error: StoreError::passing(message), again: false, broken: true }
    };
    done.map_err(silent)?.map_err(|error| why(&error))
}

fn once(connection: &mut Connection, mode: Mode, work: Work<'_>) -> Result<(), Failed> {
    let first = match mode {
        Mode::Durable => "BEGIN",
        Mode::Light => "BEGIN; SET LOCAL synchronous_commit = off",
        Mode::Reading => "BEGIN READ ONLY",
        Mode::Long => "BEGIN; SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0",
    };
    let time = if mode == Mode::Long { LONG } else { STATEMENT.1 };
    let mut open = Open { connection, time, begin: Some(first), failed: None };
    let done = work(&mut open);
    let (failed, begun) = (open.failed.take(), open.begin.is_none());
    if let Err(error) = done {
        let Failed { again, mut broken, .. } =
            failed.unwrap_or(Failed { error: error.clone(), again: false, broken: false });
        if begun && !broken {
            let rolled_back = within(&connection.runtime, time, connection.client.batch_execute("ROLLBACK"));
            broken = rolled_back.is_err();
        }
        return Err(Failed { error, again, broken });
    }
    if !begun {
        return Ok(());
    }
    let committed = within(&connection.runtime, time, connection.client.batch_execute("COMMIT"));
    // Whether it was done before the connection broke nobody knows.
    committed.map_err(|failed| Failed { again: failed.again && !failed.broken, ..failed })
}

struct Open<'c> {
    connection: &'c mut Connection,
    time: Duration,
    /// What begins the transaction, as long as nothing did.
    begin: Option<&'static str>,
    /// How a statement failed.
    failed: Option<Failed>,
}

impl Open<'_> {
    /// Waits for what `ask` asks; the first one brings the beginning of the transaction along.
    fn ask<T>(
        &mut self,
        time: Duration,
        ask: impl AsyncFnOnce(&Client) -> Result<T, tokio_postgres::Error>,
    ) -> Result<T, StoreError> {
        let Connection { runtime, client, .. } = &*self.connection;
        let first = self.begin.take();
        let done = within(runtime, time, async {
            let Some(first) = first else { return ask(client).await };
            // Both are on their way before either is answered.
            let (begun, done) = tokio::join!(client.batch_execute(first), ask(client));
            begun.and(done)
        });
        done.map_err(|failed| {
            let error = failed.error.clone();
            self.failed.get_or_insert(failed);
            error
        })
    }

    fn statement(&mut self, text: &str) -> Result<Statement, StoreError> {
        if let Some(known) = self.connection.statements.get(text) {
            return Ok(known.clone());
        }
        let translated = translate(text, WORDS);
        let prepared = self.ask(self.time, async |client| client.prepare(&translated).await)?;
        self.connection.statements.insert(text.to_owned(), prepared.clone());
        Ok(prepared)
    }

    /// How long a statement with these values may take.
    fn time(&self, values: &[Value]) -> Duration {
        let bytes = |value: &Value| if let Value::Bytes(bytes) = value { bytes.len() } else { 0 };
        let sent: usize = values.iter().map(bytes).sum();
        self.time + FURTHER * u32::try_from(sent >> 20).unwrap_or(u32::MAX)
    }
}

fn parameters(values: &[Value]) -> Vec<&(dyn ToSql + Sync)> {
    values.iter().map(|value| value as &(dyn ToSql + Sync)).collect()
}

impl Session for Open<'_> {
    fn execute(&mut self, statement: &str, values: &[Value]) -> Result<u64, StoreError> {
        let (statement, values, time) = (self.statement(statement)?, parameters(values), self.time(values));
        self.ask(time, async |client| client.execute(&statement, &values).await)
    }

    fn query(&mut self, statement: &str, values: &[Value]) -> Result<Vec<Row>, StoreError> {
        let (statement, values, time) = (self.statement(statement)?, parameters(values), self.time(values));
        let rows = self.ask(time, async |client| client.query(&statement, &values).await)?;
        rows.iter().map(row).collect()
    }
}

fn row(row: &tokio_postgres::Row) -> Result<Row, StoreError> {
    let column = |(at, column): (usize, &tokio_postgres::Column)| {
        let value = match *column.type_() {
            Type::INT8 => row.try_get::<_, Option<i64>>(at).map(Value::from),
            Type::INT4 => row.try_get::<_, Option<i32>>(at).map(|number| number.map(i64::from).into()),
            Type::TEXT | Type::VARCHAR => row.try_get::<_, Option<&str>>(at).map(Value::from),
            Type::BYTEA => row.try_get::<_, Option<Vec<u8>>>(at).map(Value::from),
            _ => Ok(Value::Null),
        };
        value.map_err(|error| why(&error).error)
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

/// What `error` means (`PostgreSQL`, appendix A). Only what the server says of the statement is told: its detail quotes values
/// of rows.
fn why(error: &tokio_postgres::Error) -> Failed {
    let Some(said) = error.as_db_error() else {
        // Of a connection and its TLS it is the cause that tells what is wrong.
        let cause = error.source().filter(|cause| cause.is::<std::io::Error>());
        let told = cause.map_or(error.to_string(), |cause| format!("{error}: {cause}"));
        return Failed { error: StoreError::passing(told), again: true, broken: true };
    };
    let code = said.code().code();
    // 08: connection, 53: resources, 57: somebody stopped it, 40: two transactions were in each other's way.
    let passing = ["08", "53", "57", "40"].iter().any(|class| code.starts_with(class));
    let broken = code.starts_with("08") || code.starts_with("57P");
    let again = broken || code.starts_with("40");
    Failed { error: StoreError { message: said.message().to_owned(), passing }, again, broken }
}
