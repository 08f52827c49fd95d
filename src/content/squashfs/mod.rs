//! Images of squashfs, version 4: root file systems, snaps, and what stands behind the program of a portable application.
//!
//! Its tables are at the end of it, so the image is held whole. Folders are walked from the topmost one with one path, and
//! files are unpacked block by block. A folder is entered once, so that one that holds itself has an end. What cannot be read
//! is told where it stands, and the rest is shown.

mod image;
mod inode;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::io::{BufRead, Read};
use std::ops::ControlFlow;

use self::image::{Codec, Image, Superblock};
use self::inode::{Content, Inode, Listing};
use super::{Decoder, Fault, Head, Part, Visitor, whole};
use crate::limits::Limit;

/// See the module.
pub(super) const SQUASHFS: Decoder = Decoder {
    name: "squashfs",
    about: "images of squashfs: snaps, AppImages, root file systems",
    is: |head| Superblock::read(head.bytes).is_some(),
    decode,
};

fn decode(_: &Head<'_>, body: &mut dyn BufRead, visitor: &mut dyn Visitor) -> Result<(), Fault> {
    let bytes = whole(body, visitor)?;
    let Some(head) = Superblock::read(&bytes) else { return Err(Fault::damaged("no squashfs image")) };
    if head.codec == Codec::Lzo {
        return Err(Fault::unsupported("its compression (LZO)"));
    }
    let image = Image::new(head, &bytes, visitor.limit(Limit::WindowBytes));
    let mut walk = Walk { image, visitor, path: Vec::new(), entered: HashSet::new(), entries: 0 };
    if walk.all()?.is_break() || walk.attributes().is_break() {
        return Ok(());
    }
    // It is filled up with zeros.
    let end = usize::try_from(head.bytes).ok().and_then(|end| bytes.get(end..)).unwrap_or_default();
    if let Some(first) = end.iter().position(|byte| *byte != 0) {
        let _ = visitor.visit(Part::Rest, &mut &end[first..]);
    }
    Ok(())
}

struct Walk<'w, 'i> {
    image: Image<'i>,
    visitor: &'w mut dyn Visitor,
    /// Of what is being looked at.
    path: Vec<u8>,
    /// Inodes of folders that were entered.
    entered: HashSet<u64>,
    entries: u64,
}

impl Walk<'_, '_> {
    /// Walks all folders.
    fn all(&mut self) -> Result<ControlFlow<()>, Fault> {
        // Folders that were not left yet, and how long the path of each is.
        let mut open: Vec<(Listing, usize)> = Vec::new();
        let mut next = Some(self.image.head.root);
        loop {
            if let Some(inode) = next.take() {
                match self.look(inode) {
                    Ok(Looked::Folder(listing)) => open.push((listing, self.path.len())),
                    Ok(Looked::Shown(flow)) if flow.is_break() => return Ok(flow),
                    Ok(Looked::Shown(_)) => {}
                    Err(fault) => self.tell(fault),
                }
            }
            let Some((listing, length)) = open.last_mut() else { return Ok(ControlFlow::Continue(())) };
            self.path.truncate(*length);
            match listing.next(&mut self.image) {
                Ok(Some(entry)) => {
                    self.count()?;
                    if !self.path.is_empty() {
                        self.path.push(b'/');
                    }
                    self.path.extend_from_slice(&entry.name);
                    next = Some(entry.inode);
                }
                Ok(None) => drop(open.pop()),
                Err(error) => {
                    open.pop();
                    self.tell(error.into());
                }
            }
        }
    }

    /// Looks at one inode: shows what is no folder.
    fn look(&mut self, reference: u64) -> Result<Looked, Fault> {
        if self.path.len() as u64 > self.visitor.limit(Limit::PathBytes) {
            let message = format!("its path has {} bytes", self.path.len());
            return Err(Fault::limit(Limit::PathBytes, message));
        }
        let part = Part::Member(&self.path);
        Ok(match Inode::read(&mut self.image, reference)? {
            Inode::Folder(listing) if self.entered.insert(reference) => Looked::Folder(listing),
            Inode::Folder(_) => return Err(Fault::damaged("the folder stands in the image more than once")),
            Inode::File(file) if file.size > 0 => {
                Looked::Shown(self.visitor.visit(part, &mut Content::new(&mut self.image, file)))
            }
            Inode::Link(target) => Looked::Shown(self.visitor.visit(part, &mut &target[..] as &mut dyn Read)),
            Inode::File(_) | Inode::Other => Looked::Shown(ControlFlow::Continue(())),
        })
    }

    /// Shows what extended attributes say.
    fn attributes(&mut self) -> ControlFlow<()> {
        match self.image.attributes() {
            Ok(Some(mut attributes)) => self.visitor.visit(Part::Rest, &mut attributes),
            Ok(None) => ControlFlow::Continue(()),
            Err(error) => {
                self.visitor.fault(Part::Rest, error.into());
                ControlFlow::Continue(())
            }
        }
    }

    fn count(&mut self) -> Result<(), Fault> {
        self.entries += 1;
        let most = self.visitor.limit(Limit::Members);
        if self.entries > most {
            return Err(Fault::limit(Limit::Members, format!("it has more than {most} entries")));
        }
        Ok(())
    }

    fn tell(&mut self, fault: Fault) {
        let part = if self.path.is_empty() { Part::Rest } else { Part::Member(&self.path) };
        self.visitor.fault(part, fault);
    }
}

/// What an inode was.
enum Looked {
    Folder(Listing),
    Shown(ControlFlow<()>),
}
