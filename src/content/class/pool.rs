//! The constant pool of a class file: its texts, and what its other entries point to.

/// One entry of the pool.
#[derive(Debug, Clone, Copy)]
pub(super) enum Entry<'c> {
    /// A text, in Java's own variant of UTF-8.
    Text(&'c [u8]),
    /// A string of the program: the index of its text.
    String(u16),
    /// A class: the index of its name.
    Class(u16),
    /// A field or a method: the indexes of its class, and of its name and type.
    Member(u16, u16),
    /// A name and a type: the indexes of both texts.
    NameAndType(u16, u16),
    /// The name or the descriptor of something else: a module, a package, the type of a method.
    Named(u16),
    /// A number, a handle, the unused index behind a long number.
    Other,
}

/// The constant pool. Index 0 is none of its entries.
#[derive(Debug)]
pub(super) struct Pool<'c>(Vec<Entry<'c>>);

/// Reads numbers off the start of bytes. `None` where they end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'c>(pub(super) &'c [u8]);

impl<'c> Cursor<'c> {
    pub(super) fn bytes(&mut self, count: usize) -> Option<&'c [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.bytes(1).map(|bytes| bytes[0])
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.bytes(2).map(|bytes| u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.bytes(4).map(|bytes| u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    /// Bytes that follow their own number.
    pub(super) fn sized(&mut self) -> Option<&'c [u8]> {
        let count = self.u32()?;
        self.bytes(usize::try_from(count).ok()?)
    }
}

impl<'c> Pool<'c> {
    /// Reads a pool. The flag says whether all of it could be read; if not, it has what came before the damage.
    pub(super) fn read(cursor: &mut Cursor<'c>) -> (Self, bool) {
        let mut pool = Self(vec![Entry::Other]);
        let Some(count) = cursor.u16() else { return (pool, false) };
        while pool.0.len() < usize::from(count) {
            let Some((entry, wide)) = entry(cursor) else { return (pool, false) };
            pool.0.push(entry);
            // A long and a double take two indexes.
            if wide {
                pool.0.push(Entry::Other);
            }
        }
        (pool, true)
    }

    pub(super) fn entries(&self) -> &[Entry<'c>] {
        &self.0
    }

    pub(super) fn text(&self, index: u16) -> Option<&'c [u8]> {
        match self.0.get(usize::from(index))? {
            Entry::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The index of the text of the string at `index`.
    pub(super) fn string(&self, index: u16) -> Option<u16> {
        match self.0.get(usize::from(index))? {
            Entry::String(text) => Some(*text),
            _ => None,
        }
    }

    /// Name and descriptor of a field or method.
    pub(super) fn member(&self, index: u16) -> Option<(&'c [u8], &'c [u8])> {
        let Entry::Member(class, both) = self.0.get(usize::from(index))? else { return None };
        let Entry::NameAndType(name, descriptor) = self.0.get(usize::from(*both))? else { return None };
        let mut name = self.text(*name)?;
        if name == b"<init>"
            && let Some(Entry::Class(class)) = self.0.get(usize::from(*class))
        {
            // What makes an object is called by the name of its class.
            name = self.text(*class)?.rsplit(|byte| matches!(byte, b'/' | b'$')).next().unwrap_or_default();
        }
        Some((name, self.text(*descriptor)?))
    }

    /// For each index, whether its text is the name or the type of something.
    pub(super) fn names(&self) -> Vec<bool> {
        let mut names = vec![false; self.0.len()];
        let mut mark = |index: u16| {
            if let Some(name) = names.get_mut(usize::from(index)) {
                *name = true;
            }
        };
        for entry in &self.0 {
            match *entry {
                Entry::Class(name) | Entry::Named(name) => mark(name),
                Entry::NameAndType(name, descriptor) => {
                    mark(name);
                    mark(descriptor);
                }
                _ => {}
            }
        }
        names
    }
}

/// The next entry, and whether it takes two indexes.
fn entry<'c>(cursor: &mut Cursor<'c>) -> Option<(Entry<'c>, bool)> {
    let tag = cursor.u8()?;
    let entry = match tag {
        1 => {
            let length = cursor.u16()?;
            Entry::Text(cursor.bytes(usize::from(length))?)
        }
        3 | 4 | 17 | 18 => skip(cursor, 4)?,
        5 | 6 => skip(cursor, 8)?,
        7 => Entry::Class(cursor.u16()?),
        8 => Entry::String(cursor.u16()?),
        9..=11 => Entry::Member(cursor.u16()?, cursor.u16()?),
        12 => Entry::NameAndType(cursor.u16()?, cursor.u16()?),
        15 => skip(cursor, 3)?,
        16 | 19 | 20 => Entry::Named(cursor.u16()?),
        _ => return None,
    };
    Some((entry, matches!(tag, 5 | 6)))
}

fn skip<'c>(cursor: &mut Cursor<'c>, bytes: usize) -> Option<Entry<'c>> {
    cursor.bytes(bytes).map(|_| Entry::Other)
}
