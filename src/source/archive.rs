//! A tar file on disk: listed once, then read at any offset by several threads.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::sync::Arc;

use super::{Blob, Blobs, Location, RemoteError, name};
use crate::limits::{Limit, Limits};
use crate::problem::{Problem, ProblemKind};
use crate::stream::header::{Kind, Member, clean};
use crate::stream::{ArchiveError, Forward, Members};

/// Lists the members of an archive of `length` bytes.
pub(super) fn open(mut file: File, length: u64, limits: &Limits) -> io::Result<Blobs> {
    file.rewind()?;
    let shared = Arc::new(file.try_clone()?);
    let mut members = Members::new(BufReader::with_capacity(32 << 10, file), limits);
    let mut blobs = Blobs::default();
    let section = |name: String, offset, size| Blob {
        name,
        size,
        late: false,
        location: Location::Section(Arc::clone(&shared), offset),
    };
    let mut cut_off = false;
    let end = loop {
        if blobs.blobs.len() as u64 >= limits.get(Limit::LayerEntries) {
            blobs.problems.push(too_many(blobs.blobs.len()));
            break length;
        }
        match members.next_member() {
            Ok(Some(member)) if member.kind == Kind::File => {
                let offset = members.offset();
                if member.size > length.saturating_sub(offset) {
                    cut_off = true;
                    blobs.problems.push(cut(&name(&member.path), length));
                }
                // A cut archive keeps what is there; reading it says where it ends.
                blobs.blobs.push(section(name(&member.path), offset, member.size));
            }
            Ok(Some(member)) => blobs.aliases.extend(alias(&member)),
            Ok(None) => {
                // An end before the end of the last member was reported with that member.
                let unmarked = members.unmarked().filter(|_| !cut_off);
                blobs.problems.extend(unmarked.map(|end| self::unmarked(end.min(length))));
                break members.offset();
            }
            Err(error) => {
                let offset = offset(&error);
                blobs.problems.push(damaged(&error));
                break offset;
            }
        }
    };
    if has_content(&shared, end)? {
        blobs.blobs.push(section(super::archive::REST.into(), end, length.saturating_sub(end)));
    }
    Ok(blobs)
}

/// Name of the bytes behind the end of an archive.
pub(crate) const REST: &str = "(behind the end of the archive)";

/// The other name that a link of the archive gives to a blob.
pub(crate) fn alias(member: &Member) -> Option<(String, String)> {
    let path = name(&member.path);
    match member.kind {
        Kind::Hardlink => Some((path, name(&member.link))),
        Kind::Symlink if member.link.starts_with(b"/") => Some((path, name(&member.link))),
        Kind::Symlink => {
            let slash = member.path.iter().rposition(|byte| *byte == b'/').map_or(0, |at| at + 1);
            let target = clean(&[&member.path[..slash], &member.link].concat());
            Some((path, name(&target)))
        }
        _ => None,
    }
}

/// What to say of an archive that cannot be read on.
pub(crate) fn damaged(error: &ArchiveError) -> Problem {
    let place = format!("byte {} of the archive", offset(error));
    match error {
        ArchiveError::Extension { .. } => {
            Problem::new(ProblemKind::Limit, place, error.to_string(), Limit::HeaderBytes.remedy())
        }
        ArchiveError::Read { source, .. } if RemoteError::within(source).is_some() => {
            let remedy = RemoteError::within(source).map_or(CUT, RemoteError::remedy);
            Problem::new(ProblemKind::Unreadable, place, error.to_string(), remedy)
        }
        _ => Problem::new(
            ProblemKind::Damaged,
            place,
            error.to_string(),
            "the archive is cut off or damaged: save the image again",
        ),
    }
}

const CUT: &str = "the archive is cut off: save the image again";

fn cut(member: &str, length: u64) -> Problem {
    let message = format!("the archive ends at byte {length}, in the middle of this member");
    Problem::new(ProblemKind::Damaged, member, message, CUT)
}

/// What to say of an archive that ends at byte `end` without an end marker.
pub(crate) fn unmarked(end: u64) -> Problem {
    let message = format!("the archive ends at byte {end} without its end marker, so members may be missing");
    Problem::new(ProblemKind::Damaged, "the archive", message, CUT)
}

/// What to say of an archive with more members than anybody needs.
pub(crate) fn too_many(members: usize) -> Problem {
    let message = format!("the archive has more than {members} members; the others were not looked at");
    Problem::new(ProblemKind::Limit, "the archive", message, Limit::LayerEntries.remedy())
}

fn offset(error: &ArchiveError) -> u64 {
    match error {
        ArchiveError::Read { offset, .. }
        | ArchiveError::Header { offset }
        | ArchiveError::Extension { offset, .. } => *offset,
    }
}

/// Whether there is anything but zeros from `offset` on.
fn has_content(file: &Arc<File>, offset: u64) -> io::Result<bool> {
    let mut reader = FileAt { file: Arc::clone(file), offset };
    let mut buffer = vec![0; 64 << 10];
    loop {
        match reader.read(&mut buffer)? {
            0 => return Ok(false),
            read if buffer[..read].iter().any(|byte| *byte != 0) => return Ok(true),
            _ => {}
        }
    }
}

/// A file read at an offset of one's own, so that threads can share it.
pub(super) struct FileAt {
    pub(super) file: Arc<File>,
    pub(super) offset: u64,
}

impl Read for FileAt {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        #[cfg(unix)]
        let read = std::os::unix::fs::FileExt::read_at(&*self.file, out, self.offset)?;
        #[cfg(windows)]
        let read = std::os::windows::fs::FileExt::seek_read(&*self.file, out, self.offset)?;
        self.offset += read as u64;
        Ok(read)
    }
}

impl Forward for FileAt {
    fn forward(&mut self, bytes: u64) -> io::Result<()> {
        self.offset = self.offset.saturating_add(bytes);
        Ok(())
    }
}
