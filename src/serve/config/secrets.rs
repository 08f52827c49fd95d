//! Where secrets are: never in the configuration, which names files and variables that hold them.

use std::ffi::OsString;
use std::fs::File;
use std::path::PathBuf;

use zeroize::Zeroizing;

use crate::secret::Secret;
use crate::stream::read_bounded;

/// Bytes that a secret has at least, so that nobody guesses it, and at most.
const SECRET: (usize, u64) = (16, 4 << 10);

/// Where secrets are.
pub(super) struct Secrets<'s> {
    pub(super) variable: &'s dyn Fn(&str) -> Option<OsString>,
}

impl Secrets<'_> {
    /// The secret of a file or a variable: all of it but the line break at its end. It is long enough that nobody guesses it.
    pub(super) fn read(&self, file: Option<&PathBuf>, variable: Option<&String>) -> Result<Secret, String> {
        let secret = self.read_as("secret", file, variable)?;
        if secret.expose().len() < SECRET.0 {
            return Err(format!("its secret is shorter than {} bytes", SECRET.0));
        }
        Ok(secret)
    }

    /// The same of any length, which the configuration calls `called`.
    pub(super) fn read_as(
        &self,
        called: &str,
        file: Option<&PathBuf>,
        variable: Option<&String>,
    ) -> Result<Secret, String> {
        let bytes = match (file, variable) {
            (Some(path), None) => {
                let read = File::open(path).and_then(|mut file| read_bounded(&mut file, SECRET.1));
                let read = read.map_err(|error| format!("cannot read {}: {error}", path.display()))?;
                read.ok_or_else(|| format!("{} is too long for a secret", path.display()))?
            }
            (None, Some(name)) => {
                let value = (self.variable)(name).ok_or_else(|| format!("the variable {name} is not set"))?;
                value.into_encoded_bytes()
            }
            (None, None) | (Some(_), Some(_)) => {
                return Err(format!("say where its {called} is, with {called}-file or {called}-env"));
            }
        };
        let bytes = Zeroizing::new(bytes);
        let line = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        Ok(Secret::new(line))
    }
}
