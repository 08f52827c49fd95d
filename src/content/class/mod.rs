//! Java's class files. A string in one follows two bytes of its length, of which the last is often a letter, and what it
//! is assigned to stands elsewhere: so it is shown on a line of its own, with the name of its field, variable or call.

mod code;
mod pool;

use std::io::BufRead;

use self::code::Method;
use self::pool::{Cursor, Entry, Pool};
use super::listing::Listing;
use super::{Decoder, Fault, Head, Part, Visitor, whole};

/// See the module.
pub(super) const CLASS: Decoder = Decoder {
    name: "class",
    about: "Java class files: strings, with the fields, variables and calls that they go to",
    is: |head| is_class(head.bytes),
    decode,
};

/// The mark of class files is that of fat Mach-O files too, of which the next number counts a few architectures. Versions of
/// classes start with 45.
fn is_class(bytes: &[u8]) -> bool {
    matches!(bytes, [0xca, 0xfe, 0xba, 0xbe, _, _, 0, 45..=127, _, _, ..])
}

fn decode(_: &Head<'_>, body: &mut dyn BufRead, visitor: &mut dyn Visitor) -> Result<(), Fault> {
    let bytes = whole(body, visitor)?;
    let mut cursor = Cursor(bytes.get(8..).unwrap_or_default());
    let (pool, complete) = Pool::read(&mut cursor);
    let mut class = Class { listing: Listing::new(bytes.len()), told: pool.names(), pool: &pool };
    if complete {
        // Damage behind the pool hides no text, only names for it.
        let _ = class.members(cursor, Class::mark);
    }
    class.strings();
    if complete {
        let _ = class.members(cursor, Class::read);
    }
    let text = class.finish();
    if !text.is_empty() && visitor.visit(Part::Plain(CLASS.name), &mut &text[..]).is_break() {
        return Ok(());
    }
    if complete {
        return Ok(());
    }
    let message = format!("the constant pool is damaged behind entry {}", pool.entries().len() - 1);
    Err(Fault::damaged(message))
}

/// What is told of one class.
struct Class<'p, 'c> {
    pool: &'p Pool<'c>,
    listing: Listing,
    /// For each index of the pool, whether its text needs no line of its own.
    told: Vec<bool>,
}

impl<'c> Class<'_, 'c> {
    /// A string is the program's, whatever else its text is the name of.
    fn strings(&mut self) {
        for entry in self.pool.entries() {
            if let Entry::String(text) = entry {
                self.tell(*text, false);
            }
        }
    }

    /// Hands what follows the pool to `take`: for each field and method its name, its descriptor, the name of each attribute
    /// (0 for none) and the bytes of that.
    fn members(&mut self, mut cursor: Cursor<'c>, take: fn(&mut Self, [u16; 3], &'c [u8])) -> Option<()> {
        cursor.bytes(6)?;
        let interfaces = cursor.u16()?;
        cursor.bytes(2 * usize::from(interfaces))?;
        for _table in ["fields", "methods"] {
            for _ in 0..cursor.u16()? {
                cursor.bytes(2)?;
                let (name, descriptor, count) = (cursor.u16()?, cursor.u16()?, cursor.u16()?);
                take(self, [name, descriptor, 0], &[]);
                for _ in 0..count {
                    let attribute = cursor.u16()?;
                    take(self, [name, descriptor, attribute], cursor.sized()?);
                }
            }
        }
        Some(())
    }

    fn mark(&mut self, names: [u16; 3], _: &'c [u8]) {
        for name in names {
            self.tell(name, true);
        }
    }

    fn read(&mut self, [name, _, attribute]: [u16; 3], bytes: &'c [u8]) {
        let (Some(name), Some(attribute)) = (self.pool.text(name), self.pool.text(attribute)) else { return };
        match attribute {
            b"ConstantValue" => {
                let Some(index) = Cursor(bytes).u16().and_then(|index| self.pool.string(index)) else {
                    return;
                };
                if let Some(text) = self.pool.text(index)
                    && self.listing.assignment(name, text)
                {
                    self.tell(index, true);
                }
            }
            b"Code" => {
                if let Some(method) = Method::read(bytes, self.pool) {
                    method.tell(self.pool, &mut self.listing, &mut self.told);
                }
            }
            _ => {}
        }
    }

    fn tell(&mut self, index: u16, told: bool) {
        if let Some(flag) = self.told.get_mut(usize::from(index)) {
            *flag = told;
        }
    }

    /// The text: after what has a name, every text that was not told.
    fn finish(mut self) -> Vec<u8> {
        for (entry, told) in self.pool.entries().iter().zip(&self.told) {
            if let (Entry::Text(text), false) = (entry, told) {
                self.listing.constant(text);
            }
        }
        self.listing.into_text()
    }
}

#[cfg(test)]
mod tests;
