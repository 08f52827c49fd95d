//! What the service does, for whoever watches it: a line of JSON for each event, on standard error.
//!
//! No line holds a body, a header, a secret or the text of a finding. What comes from outside stands in JSON strings, where
//! no control character survives.

use std::fmt;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::report::printable;

/// Where lines go.
#[derive(Clone)]
pub struct Log(Arc<Mutex<dyn Write + Send>>);

impl Log {
    /// A log that is written to `out`.
    pub fn to(out: impl Write + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(out)))
    }

    /// Writes that `event` happened.
    pub fn info(&self, event: &str, fields: Value) {
        self.write("info", event, fields);
    }

    /// Writes that somebody should look after `event`.
    pub fn warn(&self, event: &str, fields: Value) {
        self.write("warn", event, fields);
    }

    fn write(&self, level: &str, event: &str, fields: Value) {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let millis = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        let mut line = json!({"time": millis, "level": level, "event": event});
        if let (Value::Object(line), Value::Object(fields)) = (&mut line, fields) {
            line.extend(fields.into_iter().map(|(key, value)| (key, safe(value))));
        }
        let mut out = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Who closed the log has no use for the line.
        let _ = writeln!(out, "{line}");
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Log")
    }
}

/// A text with nothing that drives a terminal or deceives a reader.
fn safe(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(printable(&text).into_owned()),
        Value::Array(items) => Value::Array(items.into_iter().map(safe).collect()),
        other => other,
    }
}
