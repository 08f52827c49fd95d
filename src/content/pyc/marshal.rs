//! Python's own way of writing objects, `marshal`: texts, tuples and code, as `.pyc` files hold them.

use super::version::Version;

/// An object, as far as it matters here. Texts point into the file.
#[derive(Debug, Clone, Copy)]
pub(super) enum Object {
    /// A text, or bytes: where it starts and how long it is.
    Text(u32, u32),
    /// A tuple, a list or a set: which of the children are in it.
    Many(u32, u32),
    /// A function, a class or a module: which of the codes.
    Code(u32),
    /// A number of up to 32 bits.
    Number(u32),
    /// Larger numbers and the like.
    Other,
}

/// Which object: an index of [`Objects`].
pub(super) type Id = u32;

/// What has no text is one object for all.
const OTHER: Id = 0;

/// A function, a class or a module.
#[derive(Debug, Clone, Copy)]
pub(super) struct Code {
    /// How many arguments may be given by their place.
    pub(super) arguments: u32,
    /// Its instructions.
    pub(super) instructions: Id,
    /// Its constants.
    pub(super) constants: Id,
    /// Names of globals and attributes.
    pub(super) names: Id,
    /// Names of arguments and variables.
    pub(super) variables: Id,
}

/// Everything in one file.
#[derive(Debug)]
pub(super) struct Objects<'f> {
    file: &'f [u8],
    all: Vec<Object>,
    children: Vec<Id>,
    /// Inner ones stand before the outer.
    pub(super) codes: Vec<Code>,
}

impl<'f> Objects<'f> {
    pub(super) fn get(&self, id: Id) -> Object {
        self.all.get(id as usize).copied().unwrap_or(Object::Other)
    }

    pub(super) fn text(&self, id: Id) -> Option<&'f [u8]> {
        match self.get(id) {
            Object::Text(start, length) => self.file.get(start as usize..)?.get(..length as usize),
            _ => None,
        }
    }

    pub(super) fn many(&self, id: Id) -> &[Id] {
        match self.get(id) {
            Object::Many(start, length) => &self.children[start as usize..(start + length) as usize],
            _ => &[],
        }
    }

    pub(super) fn count(&self) -> usize {
        self.all.len()
    }
}

/// Why a file was not read to its end.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// It breaks off, or has what no such file has, at that byte.
    Damaged(usize),
    /// It has more objects than may be held.
    TooMany,
}

/// Reads the object at `at`, and everything in it.
pub(super) fn read(file: &[u8], at: usize, version: Version) -> (Objects<'_>, Option<Failure>) {
    let objects = Objects { file, all: vec![Object::Other], children: Vec::new(), codes: Vec::new() };
    let mut reader =
        Reader { objects, at, version, references: Vec::new(), interned: Vec::new(), open: Vec::new() };
    let failure = reader.object(0).err();
    (reader.objects, failure)
}

/// Deepest nesting. Python itself allows 2,000; compilers write a few dozen.
const DEEPEST: usize = 200;
/// Most objects and references to them: some bytes each.
const MOST: usize = 4 << 20;

struct Reader<'f> {
    objects: Objects<'f>,
    at: usize,
    version: Version,
    references: Vec<Id>,
    /// The texts that Python 2 refers to by a number of their own.
    interned: Vec<Id>,
    /// What was read so far of the tuples around the current object, outermost first.
    open: Vec<Id>,
}

impl Reader<'_> {
    fn object(&mut self, depth: usize) -> Result<Id, Failure> {
        let start = self.at;
        let first = self.byte()?;
        let (kind, kept) =
            if self.version.is_two() { (first, false) } else { (first & 0x7f, first & 0x80 != 0) };
        if depth > DEEPEST {
            return Err(Failure::Damaged(start));
        }
        // The number of a reference is given before what is inside.
        let slot = self.references.len();
        if kept {
            self.references.push(OTHER);
        }
        let id = self.kind(kind, start, depth)?;
        if kept {
            self.references[slot] = id;
        }
        Ok(id)
    }

    fn kind(&mut self, kind: u8, start: usize, depth: usize) -> Result<Id, Failure> {
        match kind {
            b'0' | b'N' | b'F' | b'T' | b'S' | b'.' => Ok(OTHER),
            b'i' => {
                let number = self.number()?;
                self.add(Object::Number(number))
            }
            b'I' | b'g' => self.skip(8),
            b'y' => self.skip(16),
            b'f' => {
                let length = usize::from(self.byte()?);
                self.skip(length)
            }
            b'x' => {
                let length = usize::from(self.byte()?);
                self.skip(length)?;
                let length = usize::from(self.byte()?);
                self.skip(length)
            }
            b'l' => {
                let digits = i32::from_le_bytes(self.four()?).unsigned_abs();
                self.skip(2 * digits as usize)
            }
            b's' | b't' | b'u' | b'a' | b'A' => {
                let length = self.number()?;
                let id = self.text(length)?;
                if kind == b't' && self.version.is_two() {
                    self.interned.push(id);
                }
                Ok(id)
            }
            b'z' | b'Z' => {
                let length = u32::from(self.byte()?);
                self.text(length)
            }
            b'(' | b'[' | b'<' | b'>' => {
                let count = self.number()?;
                self.many(Some(count), depth)
            }
            b')' => {
                let count = u32::from(self.byte()?);
                self.many(Some(count), depth)
            }
            b'{' => self.many(None, depth),
            b':' => self.many(Some(3), depth),
            b'r' => {
                let number = self.number()? as usize;
                self.references.get(number).copied().ok_or(Failure::Damaged(start))
            }
            b'R' => {
                let number = self.number()? as usize;
                self.interned.get(number).copied().ok_or(Failure::Damaged(start))
            }
            b'c' => self.code(depth),
            _ => Err(Failure::Damaged(start)),
        }
    }

    /// So many objects, or all up to the mark of the end.
    fn many(&mut self, count: Option<u32>, depth: usize) -> Result<Id, Failure> {
        let begin = self.open.len();
        while count.is_none_or(|count| self.open.len() - begin < count as usize) {
            if count.is_none() && self.objects.file.get(self.at) == Some(&b'0') {
                self.at += 1;
                break;
            }
            let id = self.object(depth + 1)?;
            self.open.push(id);
            if self.objects.children.len() + self.open.len() - begin > MOST {
                return Err(Failure::TooMany);
            }
        }
        let start = self.objects.children.len();
        self.objects.children.extend(self.open.drain(begin..));
        self.add(Object::Many(index(start), index(self.objects.children.len() - start)))
    }

    fn code(&mut self, depth: usize) -> Result<Id, Failure> {
        let arguments = self.number()?;
        self.skip(4 * (self.version.numbers() - 1))?;
        let mut next = || self.object(depth + 1);
        let (instructions, constants, names, variables) = (next()?, next()?, next()?, next()?);
        // Free and cell variables, file, name; since 3.11 kinds of variables, file, name, qualified name.
        for _ in 0..4 {
            self.object(depth + 1)?;
        }
        self.skip(4)?;
        for _ in 0..self.version.objects_behind_line() {
            self.object(depth + 1)?;
        }
        let code = index(self.objects.codes.len());
        self.objects.codes.push(Code { arguments, instructions, constants, names, variables });
        self.add(Object::Code(code))
    }

    fn text(&mut self, length: u32) -> Result<Id, Failure> {
        let start = self.at;
        self.skip(length as usize)?;
        if length == 0 { Ok(OTHER) } else { self.add(Object::Text(index(start), length)) }
    }

    fn add(&mut self, object: Object) -> Result<Id, Failure> {
        if self.objects.all.len() >= MOST {
            return Err(Failure::TooMany);
        }
        self.objects.all.push(object);
        Ok(index(self.objects.all.len() - 1))
    }

    fn skip(&mut self, bytes: usize) -> Result<Id, Failure> {
        let end = self.at.checked_add(bytes).filter(|end| *end <= self.objects.file.len());
        self.at = end.ok_or(Failure::Damaged(self.at))?;
        Ok(OTHER)
    }

    fn byte(&mut self) -> Result<u8, Failure> {
        self.skip(1)?;
        Ok(self.objects.file[self.at - 1])
    }

    fn four(&mut self) -> Result<[u8; 4], Failure> {
        self.skip(4)?;
        let bytes = self.objects.file[self.at - 4..self.at].first_chunk();
        Ok(*bytes.expect("four bytes were skipped"))
    }

    fn number(&mut self) -> Result<u32, Failure> {
        self.four().map(u32::from_le_bytes)
    }
}

/// Positions in a file that is held whole, and counts below [`MOST`].
fn index(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
