//! A blob of a registry as a stream, which goes on where it was cut.
//!
//! Whether the bytes are right is not known here: their digest decides, when all were read. What is known is how many
//! there should be, and that is as many as are read, whatever the server sends.

use std::fmt;
use std::io::{self, Read};
use std::sync::Arc;
use std::thread;

use super::client::{Query, Repository};
use crate::source::ahead::Ahead;
use crate::source::remote::{RemoteError, RemoteFault};

/// A blob that can be downloaded.
#[derive(Clone)]
pub(in crate::source) struct RemoteBlob {
    pub(super) repository: Arc<Repository>,
    /// `sha256:…`
    pub(super) digest: String,
    /// Bytes, as its manifest says.
    pub(super) size: u64,
}

impl RemoteBlob {
    /// Its bytes, which are read ahead.
    pub(in crate::source) fn open(&self) -> io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(Ahead::start(Download::new(self.clone()))?))
    }
}

impl fmt::Debug for RemoteBlob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.repository.name(), self.digest)
    }
}

/// Its bytes.
struct Download {
    blob: RemoteBlob,
    offset: u64,
    body: Option<Box<dyn Read + Send>>,
    /// Bytes at the beginning of the body that are known already.
    known: u64,
    /// Failures since there was progress.
    attempt: u32,
    /// Where the present body began.
    began: u64,
}

/// Bytes in one go that count as progress.
const PROGRESS: u64 = 256 << 10;

impl Download {
    fn new(blob: RemoteBlob) -> Self {
        Self { blob, offset: 0, body: None, known: 0, attempt: 0, began: 0 }
    }

    /// Asks for the bytes from `offset` on.
    fn connect(&mut self) -> Result<Box<dyn Read + Send>, RemoteError> {
        let path = format!("blobs/{}", self.blob.digest);
        let reply = self.blob.repository.ask(&Query {
            from: self.offset,
            whole: false,
            ..Query::get(&path, "*/*")
        })?;
        let start = match reply.status {
            206 => start_of(reply.header("content-range").unwrap_or_default()),
            _ => Some(0),
        };
        let left = self.blob.size.saturating_sub(start.unwrap_or(0));
        if reply.length.is_some_and(|length| length > left) {
            let size = self.blob.size;
            return Err(odd(
                &self.blob,
                &format!("it is larger than the {size} bytes that its manifest says"),
            ));
        }
        self.known = match start {
            Some(start) if start == self.offset => 0,
            // It begins anew.
            Some(0) => self.offset,
            _ => return Err(odd(&self.blob, "it gives another part than it was asked for")),
        };
        Ok(reply.body)
    }

    /// Waits if `error` may pass, and fails if not.
    fn wait(&mut self, error: RemoteError) -> io::Result<()> {
        self.body = None;
        if self.offset - self.began >= PROGRESS {
            self.attempt = 0;
        }
        self.began = self.offset;
        match self.blob.repository.patience().pause(self.attempt, &error) {
            Some(pause) => thread::sleep(pause),
            None => return Err(error.into()),
        }
        self.attempt += 1;
        Ok(())
    }

    /// Whether there is more than there should be.
    fn end(&mut self) -> io::Result<usize> {
        let more = self.body.take().map_or(Ok(0), |mut body| body.read(&mut [0]));
        match more {
            Ok(more) if more > 0 => {
                let size = self.blob.size;
                Err(odd(&self.blob, &format!("it goes on behind the {size} bytes that its manifest says"))
                    .into())
            }
            // Everything is there; how the connection ends does not matter.
            _ => Ok(0),
        }
    }
}

impl Read for Download {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        loop {
            let left = self.blob.size - self.offset;
            if left == 0 {
                return self.end();
            }
            let body = match &mut self.body {
                Some(body) => body,
                None => match self.connect() {
                    Ok(body) => self.body.insert(body),
                    // The client has waited already for what may pass.
                    Err(error) => return Err(error.into()),
                },
            };
            let wanted = if self.known > 0 { self.known } else { left };
            let most = out.len().min(usize::try_from(wanted).unwrap_or(usize::MAX));
            match body.read(&mut out[..most]) {
                Ok(0) => {
                    let (at, size) = (self.offset, self.blob.size);
                    self.wait(RemoteError::passing(format!("{:?} ends at byte {at} of {size}", self.blob)))?;
                }
                Ok(read) if self.known > 0 => self.known -= read as u64,
                Ok(read) => {
                    self.offset += read as u64;
                    return Ok(read);
                }
                Err(error) => self.wait(RemoteError::of(&error, &format!("{:?}", self.blob)))?,
            }
        }
    }
}

fn odd(blob: &RemoteBlob, what: &str) -> RemoteError {
    let message = format!("{blob:?}: {what}");
    RemoteError::new(
        RemoteFault::Final,
        message,
        "do not trust it: push the image again from where it was built",
    )
}

/// The first byte of `Content-Range` (RFC 9110, section 14.4).
fn start_of(range: &str) -> Option<u64> {
    range.trim().strip_prefix("bytes ")?.split('-').next()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_begin_somewhere() {
        assert_eq!(start_of("bytes 17-99/100"), Some(17));
        assert_eq!(start_of("bytes 17-99/*"), Some(17));
        for text in ["", "bytes */100", "17-99/100", "bytes -99/100", "items 1-2/3"] {
            assert_eq!(start_of(text), None, "{text}");
        }
    }
}
