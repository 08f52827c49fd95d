//! What is inside a file's bytes: encodings and containers that hide text from a search of the raw bytes.
//!
//! [`DECODERS`] is the table of everything that is opened as a whole: a row tells by the first bytes (and, where those say
//! nothing, by the path) whether a file is one of its own, and then reads it once from its start to its end. What it finds
//! it shows to a [`Visitor`] as a stream: a member of the file, or the same content with something undone. Who visits
//! searches that stream, and asks the table again, so a decoder never knows how deep it stands.
//!
//! Nothing here writes to a disk, and nothing is held whole unless the format cannot be read otherwise: then up to
//! [`Visitor::room`].

mod ar;
mod asar;
mod cab;
mod class;
mod closed;
mod compressed;
mod cpio;
pub mod encoding;
mod executable;
mod git;
mod hprof;
mod http_cache;
mod input;
mod journald;
mod keystore;
mod leveldb;
mod listing;
mod pairs;
mod pyc;
mod pyinstaller;
mod redis;
mod rpm;
mod script;
mod seven_zip;
pub(crate) mod sqlite;
mod squashfs;
mod tar;
mod vim;
mod zip;

pub use git::Note;
pub(crate) use git::{Repository, Version, repository};

use std::io::{self, BufRead, Read};
use std::ops::ControlFlow;

use crate::limits::Limit;

/// A form that a file can have: one row of [`DECODERS`].
#[derive(Debug, Clone, Copy)]
pub struct Decoder {
    /// Short name, for reports and messages: `zip`, `sqlite`.
    pub name: &'static str,
    /// What it opens, for people.
    pub about: &'static str,
    /// Whether a file that begins like that is one of its own.
    pub is: fn(&Head<'_>) -> bool,
    /// Reads `body` from its start to its end and shows what is in it. A [`Fault`] ends it: what was shown before counts.
    pub decode: Decode,
}

/// See [`Decoder::decode`].
pub type Decode = fn(&Head<'_>, &mut dyn BufRead, &mut dyn Visitor) -> Result<(), Fault>;

/// Every form that is opened. The first row that takes a file for its own has it.
pub const DECODERS: &[Decoder] = &[
    ar::AR,
    cab::CAB,
    asar::ASAR,
    class::CLASS,
    closed::CLOSED,
    compressed::COMPRESSED,
    cpio::CPIO,
    executable::EXECUTABLE,
    git::BUNDLE,
    git::LOOSE,
    git::PACK,
    hprof::HPROF,
    http_cache::HTTP_CACHE,
    journald::JOURNALD,
    keystore::JKS,
    keystore::PKCS12,
    leveldb::LEVELDB,
    pyc::PYC,
    pyc::PYZ,
    redis::REDIS,
    rpm::RPM,
    seven_zip::SEVEN_ZIP,
    sqlite::SQLITE,
    squashfs::SQUASHFS,
    tar::TAR,
    vim::VIM,
    executable::WASM,
    zip::ZIP,
    // Behind the rows of archives that a script may begin.
    script::SCRIPT,
];

/// Bytes of a file that [`Decoder::is`] sees.
pub const HEAD: usize = 512;

/// How a file begins.
#[derive(Debug, Clone, Copy)]
pub struct Head<'h> {
    /// Its path, or that of the innermost member.
    pub path: &'h [u8],
    /// Its first [`HEAD`] bytes, or all if it has fewer.
    pub bytes: &'h [u8],
    /// Its size in bytes, where that is known from outside.
    pub size: Option<u64>,
}

impl Head<'_> {
    /// The decoder that reads such a file.
    pub fn decoder(&self) -> Option<&'static Decoder> {
        DECODERS.iter().find(|decoder| (decoder.is)(self))
    }
}

/// What a decoder shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part<'p> {
    /// A member of a container: its path there, as stored. What is in it follows after `!/` in reports.
    Member(&'p [u8]),
    /// One of many versions of a member, which come with the oldest first: what is found in one is not told again of the
    /// versions behind it.
    Version {
        /// Which version, as the format names it: a commit.
        of: &'p [u8],
        /// The member's path.
        path: &'p [u8],
    },
    /// The same content with something undone, which has this name in reports: `gzip`, `base64`.
    Plain(&'static str),
    /// Bytes behind the end of what the format describes, or before its start.
    Rest,
}

/// Takes what decoders show.
pub trait Visitor {
    /// Shows `part`, whose bytes `body` gives; not all of them need to be read. A [`ControlFlow::Break`] means that enough
    /// was shown (the visitor has said why): the decoder returns at once, without a fault.
    fn visit(&mut self, part: Part<'_>, body: &mut dyn Read) -> ControlFlow<()>;

    /// Tells of something inside that cannot be shown, while the rest can: an encrypted member.
    fn fault(&mut self, part: Part<'_>, fault: Fault);

    /// Tells of what another file of the same repository may hold. It is no text to be searched, and who
    /// looks at one file alone has no use for it.
    fn note(&mut self, note: Note) {
        drop(note);
    }

    /// The bound on `limit`.
    fn limit(&self, limit: Limit) -> u64;

    /// Bytes that a decoder may hold at a time, if its format cannot be read in one pass.
    fn room(&self) -> u64;
}

/// Why something inside a file was not shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Which kind of reason.
    pub kind: FaultKind,
    /// What happened, with its place in the bytes: `no header at byte 1024`.
    pub message: String,
}

/// Kinds of [`Fault`]s.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// The bytes do not follow their format.
    Damaged,
    /// A key is needed.
    Encrypted,
    /// A variant of the format that this version cannot read.
    Unsupported,
    /// A bound was reached.
    Limit(Limit),
}

impl Fault {
    /// The bytes do not follow their format.
    pub fn damaged(message: impl Into<String>) -> Self {
        Self { kind: FaultKind::Damaged, message: message.into() }
    }

    /// A key is needed.
    pub fn encrypted(message: impl Into<String>) -> Self {
        Self { kind: FaultKind::Encrypted, message: message.into() }
    }

    /// A variant that cannot be read.
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self { kind: FaultKind::Unsupported, message: message.into() }
    }

    /// The bound on `limit` was reached.
    pub fn limit(limit: Limit, message: impl Into<String>) -> Self {
        Self { kind: FaultKind::Limit(limit), message: message.into() }
    }
}

impl From<io::Error> for Fault {
    /// A stream that asks for more memory than it may have hits a limit; every other error is damage.
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::OutOfMemory {
            return Self::limit(Limit::WindowBytes, error.to_string());
        }
        Self::damaged(error.to_string())
    }
}

/// All of `body`, for formats that cannot be read in one pass; a fault if it has more than the visitor's room.
pub fn whole(body: &mut dyn BufRead, visitor: &dyn Visitor) -> Result<Vec<u8>, Fault> {
    let (room, mut bytes) = (visitor.room(), Vec::new());
    loop {
        let ahead = match body.fill_buf() {
            Ok([]) => return Ok(bytes),
            Ok(ahead) => ahead,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error.into()),
        };
        if (bytes.len() + ahead.len()) as u64 > room {
            let message = format!("it has more than the {room} bytes that can be held at a time");
            return Err(Fault::limit(Limit::WholeBytes, message));
        }
        bytes.extend_from_slice(ahead);
        let taken = ahead.len();
        body.consume(taken);
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::path::Path;
    use std::process::Command;

    use super::*;

    /// Collects everything that a decoder shows, without looking into it.
    pub(crate) struct Shown {
        /// The parts and their bytes.
        pub(crate) parts: Vec<(String, Vec<u8>)>,
        /// What could not be shown.
        pub(crate) faults: Vec<(String, Fault)>,
        /// After so many parts it has enough.
        pub(crate) most: usize,
        /// Bytes that may be held.
        pub(crate) room: u64,
    }

    fn name(part: Part<'_>) -> String {
        match part {
            Part::Member(path) => String::from_utf8_lossy(path).into_owned(),
            Part::Version { of, path } => {
                format!("{}:{}", String::from_utf8_lossy(of), String::from_utf8_lossy(path))
            }
            Part::Plain(encoding) => format!("({encoding})"),
            Part::Rest => "(rest)".to_owned(),
        }
    }

    impl Visitor for Shown {
        fn visit(&mut self, part: Part<'_>, body: &mut dyn Read) -> ControlFlow<()> {
            let (mut bytes, mut buffer) = (Vec::new(), [0; 100]);
            loop {
                match body.read(&mut buffer) {
                    Ok(0) => break,
                    Ok(read) => bytes.extend_from_slice(&buffer[..read]),
                    Err(error) => {
                        self.faults.push((name(part), error.into()));
                        break;
                    }
                }
            }
            self.parts.push((name(part), bytes));
            if self.parts.len() < self.most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        }

        fn fault(&mut self, part: Part<'_>, fault: Fault) {
            self.faults.push((name(part), fault));
        }

        fn limit(&self, limit: Limit) -> u64 {
            crate::limits::Limits::default().get(limit)
        }

        fn room(&self) -> u64 {
            self.room
        }
    }

    /// What `decoder` shows of `bytes`, which come in pieces of `piece` bytes; the last is the fault that ended it.
    pub(crate) fn shown(
        decoder: &Decoder,
        path: &str,
        bytes: &[u8],
        piece: usize,
    ) -> (Shown, Result<(), Fault>) {
        let mut shown = Shown { parts: Vec::new(), faults: Vec::new(), most: 10_000, room: 32 << 20 };
        let size = Some(bytes.len() as u64);
        let head = Head { path: path.as_bytes(), bytes: &bytes[..bytes.len().min(HEAD)], size };
        assert!((decoder.is)(&head), "{path}: not taken for {}", decoder.name);
        let mut body = io::BufReader::with_capacity(piece, bytes);
        let ended = (decoder.decode)(&head, &mut body, &mut shown);
        (shown, ended)
    }

    /// The same, and the same however small the pieces are.
    pub(crate) fn shown_in_pieces(decoder: &Decoder, path: &str, bytes: &[u8]) -> (Shown, Result<(), Fault>) {
        let (whole, ended) = shown(decoder, path, bytes, 100_000);
        for piece in [1, 37, 4096] {
            let (again, ended_again) = shown(decoder, path, bytes, piece);
            assert!(again.parts == whole.parts, "{path}: other parts in pieces of {piece}");
            assert_eq!((&again.faults, &ended_again), (&whole.faults, &ended), "{path}: {piece}");
        }
        (whole, ended)
    }

    /// Runs a tool that makes the file of a test; `package` is what has it.
    pub(crate) fn run(folder: &Path, package: &str, command: &[&str]) -> Vec<u8> {
        let output =
            Command::new(command[0]).args(&command[1..]).current_dir(folder).output().unwrap_or_else(
                |error| panic!("{}: {error}; run tests/install.sh, or install {package}", command[0]),
            );
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command:?}: {text}");
        output.stdout
    }

    #[test]
    fn every_decoder_has_its_own_name_and_no_empty_file_is_one() {
        let empty = Head { path: b"", bytes: b"", size: Some(0) };
        for (index, decoder) in DECODERS.iter().enumerate() {
            assert!(!decoder.about.is_empty() && !(decoder.is)(&empty), "{}", decoder.name);
            assert!(DECODERS[..index].iter().all(|other| other.name != decoder.name), "{}", decoder.name);
        }
    }
}
