//! Where secrets are: never in the configuration, which names files and variables that hold them.

use std::ffi::OsString;
use std::fs::File;
use std::path::Path;

use zeroize::Zeroizing;

use super::faults::InTable;
use crate::secret::Secret;
use crate::stream::read_bounded;

/// Bytes that a secret has at least, so that nobody guesses it, and at most.
const SECRET: (usize, u64) = (16, 4 << 10);

/// Where secrets are.
pub(super) struct Secrets<'s> {
    pub(super) variable: &'s dyn Fn(&str) -> Option<OsString>,
}

/// What a table says of the place of a secret: the keys that say so, and what they say.
pub(super) struct Whereabouts<'w> {
    /// What the secret is, for people.
    pub(super) called: &'static str,
    pub(super) file: (&'static str, Option<&'w Path>),
    /// An empty key: there is none for it.
    pub(super) variable: (&'static str, Option<&'w str>),
}

impl<'w> Whereabouts<'w> {
    /// Of the keys `secret-file` and `secret-env`.
    pub(super) fn secret(file: Option<&'w Path>, variable: Option<&'w str>) -> Self {
        Self { called: "secret", file: ("secret-file", file), variable: ("secret-env", variable) }
    }

    /// The key that says where it is.
    pub(super) fn key(&self) -> &'static str {
        if self.variable.1.is_some() && self.file.1.is_none() { self.variable.0 } else { self.file.0 }
    }
}

impl Secrets<'_> {
    /// The secret that is there: all of it but the line break at its end. It is long enough that nobody guesses it.
    pub(super) fn read(&self, table: &mut InTable<'_>, there: &Whereabouts<'_>) -> Option<Secret> {
        let secret = self.read_any(table, there)?;
        if secret.expose().len() < SECRET.0 {
            let why = format!(
                "its {} is shorter than {} bytes; make one with `openssl rand -hex 24`",
                there.called, SECRET.0
            );
            table.fault(there.key(), why);
            return None;
        }
        Some(secret)
    }

    /// The same of any length.
    pub(super) fn read_any(&self, table: &mut InTable<'_>, there: &Whereabouts<'_>) -> Option<Secret> {
        let bytes = match (there.file.1, there.variable.1) {
            (Some(path), None) => {
                let read = of_file(path);
                is_private(table, there.key(), path);
                table.right(there.key(), read)
            }
            (None, Some(name)) => {
                let value = (self.variable)(name).ok_or_else(|| format!("the variable {name} is not set"));
                table.right(there.key(), value.map(OsString::into_encoded_bytes))
            }
            (None, None) => {
                let variable = there.variable.0;
                let or = if variable.is_empty() { String::new() } else { format!(" or {variable}") };
                table.fault("", format!("say where its {} is, with {}{or}", there.called, there.file.0));
                None
            }
            (Some(_), Some(_)) => {
                let (file, variable) = (there.file.0, there.variable.0);
                table.fault(
                    file,
                    format!("{file} and {variable} both say where its {} is: keep one", there.called),
                );
                None
            }
        };
        let bytes = Zeroizing::new(bytes?);
        let line = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        Some(Secret::new(line))
    }
}

/// Has it said if everybody on this machine can read the file at `path`, which a key names.
pub(super) fn is_private(table: &mut InTable<'_>, key: &'static str, path: &Path) {
    #[cfg(unix)]
    if let Ok(metadata) = path.metadata()
        && std::os::unix::fs::MetadataExt::mode(&metadata) & 0o004 != 0
    {
        let path = path.display();
        table.caution(key, format!("everybody on this machine can read {path}: chmod o-r {path}"));
    }
}

fn of_file(path: &Path) -> Result<Vec<u8>, String> {
    let read = File::open(path).and_then(|mut file| read_bounded(&mut file, SECRET.1));
    let read = read.map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    read.ok_or_else(|| {
        format!("{} is too long for a secret, which has at most {} bytes", path.display(), SECRET.1)
    })
}

/// Why `secret` cannot be sent as the value of a header (RFC 9110, section 5.5), if it cannot.
pub(super) fn in_header(secret: &Secret) -> Result<(), String> {
    let bytes = secret.expose();
    let fits = |byte: &u8| (b' '..=b'~').contains(byte);
    if !bytes.iter().all(fits) {
        return Err("its secret has a line break or another character that no header can have: make it one line of ASCII".to_owned());
    }
    if bytes.first() == Some(&b' ') || bytes.last() == Some(&b' ') {
        return Err("its secret begins or ends with a space, which headers lose: take it away".to_owned());
    }
    Ok(())
}

/// Whether both are one secret. Both are this service's own, so how long that takes tells nobody anything.
pub(super) fn same(one: &Secret, other: &Secret) -> bool {
    one.expose() == other.expose()
}
