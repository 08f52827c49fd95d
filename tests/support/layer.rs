//! A layer's tar, entry by entry, in the order in which the calls stand.
//!
//! Paths and link targets are bytes, so that hostile and non-UTF-8 names can be written. Names over 100 bytes become
//! GNU long names, and [`LayerBuilder::pax`] puts a PAX header in front of the entry that follows it.

use tar::{EntryType, Header};

const BLOCK: usize = 512;

/// A tar in the making.
#[derive(Clone, Default)]
pub(crate) struct LayerBuilder {
    bytes: Vec<u8>,
    pax: Vec<(String, Vec<u8>)>,
    after_end: Vec<u8>,
}

impl LayerBuilder {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// A regular file.
    pub(crate) fn file(self, path: impl AsRef<[u8]>, content: impl AsRef<[u8]>) -> Self {
        self.entry(EntryType::Regular, path.as_ref(), b"", content.as_ref())
    }

    pub(crate) fn dir(self, path: impl AsRef<[u8]>) -> Self {
        let path = [path.as_ref(), b"/"].concat();
        self.entry(EntryType::Directory, &path, b"", b"")
    }

    pub(crate) fn symlink(self, path: impl AsRef<[u8]>, target: impl AsRef<[u8]>) -> Self {
        self.entry(EntryType::Symlink, path.as_ref(), target.as_ref(), b"")
    }

    pub(crate) fn hardlink(self, path: impl AsRef<[u8]>, target: impl AsRef<[u8]>) -> Self {
        self.entry(EntryType::Link, path.as_ref(), target.as_ref(), b"")
    }

    /// The mark that deletes `path` of lower layers (OCI image-spec, layer.md, "Whiteouts").
    pub(crate) fn whiteout(self, path: &str) -> Self {
        let (parent, name) = path.rsplit_once('/').map_or(("", path), |(parent, name)| (parent, name));
        let slash = if parent.is_empty() { "" } else { "/" };
        self.file(format!("{parent}{slash}.wh.{name}"), b"")
    }

    /// The mark that hides everything that lower layers have in `dir`.
    pub(crate) fn opaque(self, dir: &str) -> Self {
        self.file(format!("{dir}/.wh..wh..opq"), b"")
    }

    /// A PAX record for the entry that comes next.
    pub(crate) fn pax(mut self, key: &str, value: impl AsRef<[u8]>) -> Self {
        self.pax.push((key.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// An extended attribute of the entry that comes next.
    pub(crate) fn xattr(self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.pax(&format!("SCHILY.xattr.{name}"), value)
    }

    /// Bytes behind the tar's end marker.
    pub(crate) fn after_end(mut self, bytes: &[u8]) -> Self {
        self.after_end.extend_from_slice(bytes);
        self
    }

    /// The finished tar.
    pub(crate) fn tar(mut self) -> Vec<u8> {
        self.bytes.extend_from_slice(&[0; 2 * BLOCK]);
        self.bytes.append(&mut self.after_end);
        self.bytes
    }

    fn entry(mut self, kind: EntryType, path: &[u8], link: &[u8], content: &[u8]) -> Self {
        if !self.pax.is_empty() {
            let records: Vec<u8> = std::mem::take(&mut self.pax)
                .iter()
                .flat_map(|(key, value)| pax_record(key, value))
                .collect();
            self.raw(EntryType::XHeader, b"PaxHeaders/0", b"", &records);
        }
        for (long, kind) in [(path, EntryType::GNULongName), (link, EntryType::GNULongLink)] {
            if long.len() > 100 {
                self.raw(kind, b"././@LongLink", b"", &[long, b"\0"].concat());
            }
        }
        self.raw(kind, path, link, content);
        self
    }

    fn raw(&mut self, kind: EntryType, path: &[u8], link: &[u8], content: &[u8]) {
        let mut header = Header::new_gnu();
        let old = header.as_old_mut();
        copy_cut(&mut old.name, path);
        copy_cut(&mut old.linkname, link);
        header.set_entry_type(kind);
        header.set_mode(if kind.is_dir() { 0o755 } else { 0o644 });
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(1_700_000_000);
        header.set_size(content.len() as u64);
        header.set_cksum();
        self.bytes.extend_from_slice(header.as_bytes());
        self.bytes.extend_from_slice(content);
        let padded = self.bytes.len().next_multiple_of(BLOCK);
        self.bytes.resize(padded, 0);
    }
}

fn copy_cut(field: &mut [u8; 100], text: &[u8]) {
    let length = text.len().min(field.len());
    field[..length].copy_from_slice(&text[..length]);
}

/// `"<length> <key>=<value>\n"`, where the length counts itself (POSIX.1-2017, pax, "Extended Header").
fn pax_record(key: &str, value: &[u8]) -> Vec<u8> {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    [format!("{length} {key}=").as_bytes(), value, b"\n"].concat()
}
