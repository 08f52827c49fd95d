//! A line to one server that has no address of the network: a Unix socket, or a program that joins its standard input and
//! output to one, as ssh does. All requests go there, whatever host they name.
//!
//! A program talks over one end of a pair of sockets, so time-outs are those of a socket for it too. It is ended with its
//! connection, and what it writes to standard error is kept, to be told if there is no answer.

use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use ureq::Error;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, Transport,
};

#[cfg(unix)]
type Stream = std::os::unix::net::UnixStream;
#[cfg(not(unix))]
type Stream = std::net::TcpStream;

/// Where it leads.
#[derive(Debug, Clone)]
pub(in crate::source) enum Line {
    /// To a Unix socket.
    Socket(PathBuf),
    /// Through a program.
    Program {
        /// Its name.
        program: &'static str,
        /// Its arguments.
        args: Vec<String>,
        /// The end of what it wrote to standard error.
        said: Arc<Mutex<Vec<u8>>>,
    },
}

/// Bytes of standard error that are kept.
const SAID: usize = 2_000;
/// How long to wait for the last words of a program that was ended.
const LAST_WORDS: Duration = Duration::from_millis(500);

impl Line {
    pub(in crate::source) fn program(program: &'static str, args: Vec<String>) -> Self {
        Self::Program { program, args, said: Arc::default() }
    }

    /// Whether somebody is at the other end, as far as that can be told without a request.
    pub(in crate::source) fn try_out(&self) -> io::Result<()> {
        match self {
            Self::Socket(path) => socket(path).map(drop),
            Self::Program { .. } => Ok(()),
        }
    }

    /// What the program complained of, on one line.
    pub(in crate::source) fn said(&self) -> Option<String> {
        let Self::Program { program, said, .. } = self else { return None };
        let said = said.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(&said);
        let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        (!lines.is_empty()).then(|| format!("{program} says: {}", lines.join("; ")))
    }

    fn connect_now(&self) -> io::Result<Plug> {
        match self {
            Self::Socket(path) => Ok(Plug::new(socket(path)?, None)),
            Self::Program { program, args, said } => {
                let (ours, theirs) = pair()?;
                let mut command = Command::new(program);
                command.args(args).stderr(Stdio::piped());
                join(&mut command, theirs)?;
                let mut child = command.spawn()?;
                let ended = child.stderr.take().map(|stderr| Mutex::new(listen(stderr, Arc::clone(said))));
                Ok(Plug::new(ours, Some(Program { child, ended })))
            }
        }
    }
}

#[cfg(unix)]
fn socket(path: &PathBuf) -> io::Result<Stream> {
    Stream::connect(path)
}

#[cfg(unix)]
fn pair() -> io::Result<(Stream, Stream)> {
    Stream::pair()
}

/// Makes `stream` the standard input and output of `command`.
#[cfg(unix)]
fn join(command: &mut Command, stream: Stream) -> io::Result<()> {
    use std::os::fd::OwnedFd;

    let input = OwnedFd::from(stream.try_clone()?);
    command.stdin(Stdio::from(input)).stdout(Stdio::from(OwnedFd::from(stream)));
    Ok(())
}

#[cfg(not(unix))]
fn socket(_: &PathBuf) -> io::Result<Stream> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(not(unix))]
fn pair() -> io::Result<(Stream, Stream)> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(not(unix))]
fn join(_: &mut Command, _: Stream) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Keeps the end of what `stderr` gives, and tells when it ended.
fn listen(mut stderr: impl Read + Send + 'static, said: Arc<Mutex<Vec<u8>>>) -> Receiver<()> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut piece = [0; 512];
        while let Ok(read @ 1..) = stderr.read(&mut piece) {
            let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
            said.extend(&piece[..read]);
            let more = said.len().saturating_sub(SAID);
            said.drain(..more);
        }
        let _ = sender.send(());
    });
    receiver
}

impl Connector for Line {
    type Out = Plug;

    fn connect(&self, _: &ConnectionDetails<'_>, _: Option<()>) -> Result<Option<Plug>, Error> {
        Ok(Some(self.connect_now()?))
    }
}

/// Gives names no address, because nobody asks for it.
#[derive(Debug)]
pub(super) struct Nowhere;

impl Resolver for Nowhere {
    fn resolve(&self, _: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        Ok(self.empty())
    }
}

/// A connection over a line.
pub(in crate::source) struct Plug {
    stream: Stream,
    program: Option<Program>,
    buffers: LazyBuffers,
}

struct Program {
    child: Child,
    /// Tells when its standard error has ended.
    ended: Option<Mutex<Receiver<()>>>,
}

/// Bytes of the buffer for what comes in, and for what goes out.
const BUFFERS: (usize, usize) = (128 << 10, 16 << 10);

impl Plug {
    fn new(stream: Stream, program: Option<Program>) -> Self {
        Self { stream, program, buffers: LazyBuffers::new(BUFFERS.0, BUFFERS.1) }
    }

    /// Reads once; a signal in between does not lengthen the time.
    fn read(&mut self, timeout: Option<Duration>) -> io::Result<usize> {
        let begun = Instant::now();
        loop {
            let left = timeout.map(|timeout| timeout.saturating_sub(begun.elapsed()));
            if left == Some(Duration::ZERO) {
                return Err(io::ErrorKind::TimedOut.into());
            }
            self.stream.set_read_timeout(left)?;
            match (&self.stream).read(self.buffers.input_append_buf()) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => return read,
            }
        }
    }
}

impl Transport for Plug {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        let timeout = checked(timeout.for_write())?;
        self.stream.set_write_timeout(timeout.not_zero().map(|timeout| *timeout))?;
        let output = &self.buffers.output()[..amount];
        (&self.stream).write_all(output).map_err(|error| timed(error, timeout))
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        let timeout = checked(timeout.for_read())?;
        let read = self.read(timeout.not_zero().map(|timeout| *timeout));
        let read = read.map_err(|error| timed(error, timeout))?;
        self.buffers.input_appended(read);
        Ok(read > 0)
    }

    /// Whether it can be used again: nobody has closed it, and nothing came that was not asked for.
    fn is_open(&mut self) -> bool {
        let idle = |mut stream: &Stream| match stream.read(&mut [0]) {
            Err(error) => error.kind() == io::ErrorKind::WouldBlock,
            Ok(_) => false,
        };
        self.stream.set_nonblocking(true).is_ok()
            && idle(&self.stream)
            && self.stream.set_nonblocking(false).is_ok()
    }
}

fn checked(timeout: NextTimeout) -> Result<NextTimeout, Error> {
    if timeout.after.is_zero() { Err(Error::Timeout(timeout.reason)) } else { Ok(timeout) }
}

/// Systems tell a time-out of a socket in two ways.
fn timed(error: io::Error, timeout: NextTimeout) -> Error {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Error::Timeout(timeout.reason),
        _ => error.into(),
    }
}

impl Drop for Plug {
    fn drop(&mut self) {
        let _ = self.stream.shutdown(std::net::Shutdown::Both);
        let Some(Program { child, ended }) = &mut self.program else { return };
        // One that has something to say ends by itself now; one that hangs is ended.
        let said_all = ended.as_mut().is_none_or(|ended| {
            let ended = ended.get_mut().unwrap_or_else(PoisonError::into_inner);
            ended.recv_timeout(LAST_WORDS).is_ok()
        });
        if !said_all || !matches!(child.try_wait(), Ok(Some(_))) {
            let _ = child.kill();
        }
        let _ = child.wait();
    }
}

impl std::fmt::Debug for Plug {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Plug")
    }
}
