//! What a method does with the strings of its class: which field, variable or call each goes to.
//!
//! Only straight runs of instructions are followed, as a compiler writes for `field = "text"` and `call("a", "b")`. Whatever
//! else moves values around makes them forgotten, never wrongly told.

use super::pool::{Cursor, Pool};
use crate::content::listing::Listing;

/// The code of one method.
pub(super) struct Method<'c> {
    code: &'c [u8],
    variables: Vec<Variable<'c>>,
}

/// A local variable: from where on its slot has its name.
struct Variable<'c> {
    start: u16,
    slot: u16,
    name: &'c [u8],
}

/// Most values that are remembered: more than any call has arguments that people write.
const DEEPEST: usize = 64;

impl<'c> Method<'c> {
    /// Reads what is in an attribute `Code`.
    pub(super) fn read(attribute: &'c [u8], pool: &Pool<'c>) -> Option<Self> {
        let mut cursor = Cursor(attribute);
        cursor.bytes(4)?;
        let code = cursor.sized()?;
        let handlers = cursor.u16()?;
        cursor.bytes(8 * usize::from(handlers))?;
        let mut method = Self { code, variables: Vec::new() };
        for _ in 0..cursor.u16()? {
            let name = cursor.u16()?;
            let body = cursor.sized()?;
            if pool.text(name) == Some(b"LocalVariableTable") {
                method.variables.extend(variables(body, pool));
            }
        }
        Some(method)
    }

    /// Writes down what the code says of strings, and marks those that need no more.
    pub(super) fn tell(&self, pool: &Pool<'c>, listing: &mut Listing, told: &mut [bool]) {
        let mut walk = Walk { method: self, pool, listing, told, values: Vec::new() };
        let mut at = 0;
        while let Some(length) = length(self.code, at) {
            let Some(instruction) = self.code.get(at..at + length) else { return };
            walk.step(instruction, at + length);
            at += length;
        }
    }
}

fn variables<'c>(table: &'c [u8], pool: &Pool<'c>) -> Vec<Variable<'c>> {
    let rows = table.get(2..).unwrap_or_default().chunks_exact(10);
    let variable = |row: &[u8]| {
        let number = |at: usize| u16::from_be_bytes([row[at], row[at + 1]]);
        Some(Variable { start: number(0), slot: number(8), name: pool.text(number(4))? })
    };
    rows.filter_map(variable).collect()
}

/// Bytes of the instruction at `at`. `None` where the code ends.
fn length(code: &[u8], at: usize) -> Option<usize> {
    let rest = code.get(at..)?;
    let number = |at: usize| {
        let bytes = rest.get(at..at + 4)?;
        usize::try_from(i32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])).ok()
    };
    let padding = 3 - at % 4;
    Some(match *rest.first()? {
        16 | 18 | 21..=25 | 54..=58 | 169 | 188 => 2,
        17 | 19 | 20 | 132 | 153..=168 | 178..=184 | 187 | 189 | 192 | 193 | 198 | 199 => 3,
        197 => 4,
        185 | 186 | 200 | 201 => 5,
        170 => {
            let (low, high) = (rest.get(padding + 5..padding + 9)?, rest.get(padding + 9..padding + 13)?);
            let signed =
                |bytes: &[u8]| i64::from(i32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
            let count = usize::try_from(signed(high) - signed(low) + 1).ok()?;
            padding + 13 + count.checked_mul(4)?
        }
        171 => padding + 9 + number(padding + 5)?.checked_mul(8)?,
        196 => {
            if rest.get(1) == Some(&132) {
                6
            } else {
                4
            }
        }
        _ => 1,
    })
}

/// A walk through the code of a method.
struct Walk<'w, 'c> {
    method: &'w Method<'c>,
    pool: &'w Pool<'c>,
    listing: &'w mut Listing,
    told: &'w mut [bool],
    /// The last values on the stack, as far as they are known: each the index of a string's text, or something else.
    values: Vec<Option<u16>>,
}

impl Walk<'_, '_> {
    fn step(&mut self, instruction: &[u8], next: usize) {
        let operand = || instruction.get(1..3).map_or(0, |bytes| u16::from_be_bytes([bytes[0], bytes[1]]));
        match instruction[0] {
            18 => self.push(self.pool.string(u16::from(instruction[1]))),
            19 => self.push(self.pool.string(operand())),
            1..=17 | 20..=45 | 178 | 187 => self.push(None),
            46..=53 => self.replace(2),
            54..=58 => self.store(u16::from(instruction[1]), next),
            // The short forms of each of five types.
            opcode @ 59..=78 => self.store(u16::from((opcode - 59) % 4), next),
            79..=86 => self.pop(3),
            87 => self.pop(1),
            89 => self.push(self.values.last().copied().flatten()),
            179 | 181 => {
                let value = self.values.pop().flatten();
                if instruction[0] == 181 {
                    self.pop(1);
                }
                if let (Some(value), Some((name, _))) = (value, self.pool.member(operand())) {
                    self.assign(name, value);
                }
            }
            180 | 188 | 189 => self.replace(1),
            opcode @ 182..=185 => self.call(operand(), opcode != 184),
            192 => {}
            _ => self.values.clear(),
        }
    }

    fn push(&mut self, value: Option<u16>) {
        if self.values.len() == DEEPEST {
            self.values.remove(0);
        }
        self.values.push(value);
    }

    fn pop(&mut self, count: usize) {
        self.values.truncate(self.values.len().saturating_sub(count));
    }

    /// Takes values away and leaves one that is not known.
    fn replace(&mut self, count: usize) {
        self.pop(count);
        self.push(None);
    }

    fn store(&mut self, slot: u16, next: usize) {
        let Some(value) = self.values.pop().flatten() else { return };
        let is = |variable: &&Variable<'_>| variable.slot == slot && usize::from(variable.start) == next;
        if let Some(name) = self.method.variables.iter().find(is).map(|variable| variable.name) {
            self.assign(name, value);
        }
    }

    fn assign(&mut self, name: &[u8], value: u16) {
        let Some(text) = self.pool.text(value) else { return };
        if self.listing.assignment(name, text) {
            self.tell(value);
        }
    }

    fn call(&mut self, member: u16, object: bool) {
        let Some((name, descriptor)) = self.pool.member(member) else { return self.values.clear() };
        let Some((count, gives)) = arguments(descriptor) else { return self.values.clear() };
        let known = self.values.len().min(count);
        let values = self.values.split_off(self.values.len() - known);
        if values.iter().any(Option::is_some) {
            let texts = values.iter().map(|value| value.and_then(|index| self.pool.text(index)));
            let arguments: Vec<_> = std::iter::repeat_n(None, count - known).chain(texts).collect();
            if self.listing.call(name, &arguments) {
                values.iter().flatten().for_each(|value| self.tell(*value));
            }
        }
        self.pop(usize::from(object));
        if gives {
            self.push(None);
        }
    }

    fn tell(&mut self, value: u16) {
        if let Some(told) = self.told.get_mut(usize::from(value)) {
            *told = true;
        }
    }
}

/// How many arguments a method of that descriptor takes, and whether it gives something back.
fn arguments(descriptor: &[u8]) -> Option<(usize, bool)> {
    let mut rest = descriptor.strip_prefix(b"(")?;
    let mut count = 0;
    loop {
        let (first, behind) = rest.split_first()?;
        rest = match first {
            b')' => return Some((count, behind != b"V")),
            b'[' => {
                rest = behind;
                continue;
            }
            b'L' => &behind[memchr::memchr(b';', behind)? + 1..],
            _ => behind,
        };
        count += 1;
        if count > DEEPEST {
            return None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_tell_arguments() {
        for (descriptor, expected) in [
            ("()V", Some((0, false))),
            ("(Ljava/lang/String;I[[JLx;)Ljava/lang/Object;", Some((4, true))),
            ("(Ljava", None),
            ("", None),
        ] {
            assert_eq!(arguments(descriptor.as_bytes()), expected, "{descriptor}");
        }
    }

    #[test]
    fn switches_are_stepped_over() {
        // At 1: two bytes of padding, default, low 1, high 2, two offsets.
        let table = [&[0, 170, 0, 0][..], &[0; 4], &[0, 0, 0, 1], &[0, 0, 0, 2], &[0; 8], &[177]].concat();
        assert_eq!(length(&table, 1), Some(table.len() - 2));
        let lookup = [&[171, 0, 0, 0][..], &[0; 4], &[0, 0, 0, 2], &[0; 16], &[177]].concat();
        assert_eq!(length(&lookup, 0), Some(lookup.len() - 1));
        assert_eq!(length(&[170, 0], 0), None);
    }
}
