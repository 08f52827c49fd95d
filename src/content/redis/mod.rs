//! Dumps of Redis and Valkey (`dump.rdb`): keys and values, `key=value` and `key.field=value`.
//!
//! Lengths stand right before texts there, long texts are compressed with LZF, and small lists and hashes are packed into
//! one text (`packed.rs`). The file is read from its start to its end; a type that is not known ends it, since nothing says
//! how long its value is.

mod packed;
mod read;
#[cfg(test)]
mod tests;

use std::io::{self, BufRead};
use std::ops::ControlFlow;

use self::packed::Packed;
use self::read::{Dump, Length};
use super::input::Input;
use super::pairs::Pairs;
use super::{Decoder, Fault, Head, Visitor};

/// See the module.
pub(super) const REDIS: Decoder = Decoder {
    name: "redis",
    about: "Dumps of Redis and Valkey: keys and values",
    is: |head| {
        let digits = head.bytes.strip_prefix(b"REDIS").or_else(|| head.bytes.strip_prefix(b"VALKEY"));
        digits.and_then(|digits| digits.get(..3)).is_some_and(|digits| digits.iter().all(u8::is_ascii_digit))
    },
    decode,
};

/// Bytes of the head: a name and a version, in nine bytes.
const HEAD: u64 = 9;

fn decode(_: &Head<'_>, body: &mut dyn BufRead, visitor: &mut dyn Visitor) -> Result<(), Fault> {
    let mut input = Input::new(body);
    input.skip(HEAD)?;
    let room = visitor.room() / 4;
    let mut reader = Reader { dump: Dump::new(&mut input, room), pairs: Pairs::new("redis"), visitor };
    let ended = loop {
        match reader.step() {
            Ok(Step::More) => {}
            Ok(Step::End) => break Ok(()),
            Ok(Step::Enough) => return Ok(()),
            Err(fault) => break Err(fault),
        }
    };
    if reader.pairs.show(reader.visitor).is_break() {
        return Ok(());
    }
    ended
}

/// What follows a step.
enum Step {
    More,
    End,
    /// The visitor has enough.
    Enough,
}

impl From<ControlFlow<()>> for Step {
    fn from(flow: ControlFlow<()>) -> Self {
        if flow.is_break() { Self::Enough } else { Self::More }
    }
}

struct Reader<'r, 'b> {
    dump: Dump<'r, 'b>,
    pairs: Pairs,
    visitor: &'r mut dyn Visitor,
}

impl Reader<'_, '_> {
    /// Reads what one byte announces.
    fn step(&mut self) -> Result<Step, Fault> {
        let kind = match self.dump.byte() {
            Ok(kind) => kind,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Err(Fault::damaged("it ends before its end mark"));
            }
            Err(error) => return Err(error.into()),
        };
        match kind {
            // The end, and its checksum.
            0xff => return Ok(Step::End),
            // Which database follows, how large it is, or which slot; how long a key lives, and how long it was not used.
            0xfe | 0xf8 => drop(self.dump.length()?),
            0xfb => drop((self.dump.length()?, self.dump.length()?)),
            0xf4 => drop((self.dump.length()?, self.dump.length()?, self.dump.length()?)),
            0xfd => self.dump.skip(4)?,
            0xfc => self.dump.skip(8)?,
            0xf9 => self.dump.skip(1)?,
            // A note with its name, a program.
            0xfa => {
                let (name, value) = (self.dump.text()?, self.dump.text()?);
                return Ok(self.pairs.pair(&name, &value, self.visitor).into());
            }
            0xf5 => {
                let program = self.dump.text()?;
                return Ok(self.pairs.line(&program, self.visitor).into());
            }
            // What a module says by itself.
            0xf7 => {
                self.dump.length()?;
                return self.module(b"");
            }
            kind => {
                let key = self.dump.text()?;
                return self.value(kind, &key);
            }
        }
        Ok(Step::More)
    }

    fn value(&mut self, kind: u8, key: &[u8]) -> Result<Step, Fault> {
        match kind {
            0 => {
                let value = self.dump.text()?;
                Ok(self.pairs.pair(key, &value, self.visitor).into())
            }
            // Lists and sets, sorted ones with a number as a text or in eight bytes.
            1..=3 | 5 => self.each(|reader| {
                let value = reader.dump.text()?;
                match kind {
                    3 => reader.dump.number()?,
                    5 => reader.dump.skip(8)?,
                    _ => {}
                }
                Ok(reader.pairs.pair(key, &value, reader.visitor))
            }),
            4 => self.each(|reader| {
                let (field, value) = (reader.dump.text()?, reader.dump.text()?);
                Ok(reader.pairs.pair(&[key, b".", &field].concat(), &value, reader.visitor))
            }),
            6 => Err(Fault::unsupported("values of modules of old are not read")),
            7 => {
                self.dump.length()?;
                self.module(key)
            }
            9 => self.packed(key, Packed::Map, true),
            10 | 12 | 13 => self.packed(key, Packed::Old, kind == 13),
            // A set of numbers.
            11 => self.dump.text().map(|_| Step::More),
            14 => self.each(|reader| {
                let all = reader.dump.text()?;
                Ok(reader.entries(key, Packed::Old, false, &all))
            }),
            16 | 17 | 20 => self.packed(key, Packed::New, kind == 16),
            18 => self.each(|reader| {
                let single = reader.dump.count()? == 1;
                let all = reader.dump.text()?;
                if single {
                    return Ok(reader.pairs.pair(key, &all, reader.visitor));
                }
                Ok(reader.entries(key, Packed::New, false, &all))
            }),
            15 | 19 | 21 => self.stream(key, kind),
            other => Err(Fault::unsupported(format!("values of type {other} are not read"))),
        }
    }

    /// As many as the number that comes first says.
    fn each(
        &mut self,
        mut one: impl FnMut(&mut Self) -> Result<ControlFlow<()>, Fault>,
    ) -> Result<Step, Fault> {
        for _ in 0..self.dump.count()? {
            if one(self)?.is_break() {
                return Ok(Step::Enough);
            }
        }
        Ok(Step::More)
    }

    /// A value that is packed into one text.
    fn packed(&mut self, key: &[u8], form: Packed, paired: bool) -> Result<Step, Fault> {
        let all = self.dump.text()?;
        Ok(self.entries(key, form, paired, &all).into())
    }

    /// What is packed into `all`: values, or fields and values in turn.
    fn entries(&mut self, key: &[u8], form: Packed, paired: bool, all: &[u8]) -> ControlFlow<()> {
        let mut field = None;
        for entry in form.entries(all) {
            match field.take() {
                None if paired => field = Some(entry),
                Some(field) => {
                    self.pairs.pair(&[key, b".", &field].concat(), &entry, self.visitor)?;
                }
                None => self.pairs.pair(key, &entry, self.visitor)?,
            }
        }
        ControlFlow::Continue(())
    }

    /// Messages, packed into many texts, and who reads them.
    fn stream(&mut self, key: &[u8], kind: u8) -> Result<Step, Fault> {
        let messages = self.each(|reader| {
            let (_id, all) = (reader.dump.text()?, reader.dump.text()?);
            Ok(reader.entries(key, Packed::New, false, &all))
        })?;
        if matches!(messages, Step::Enough) {
            return Ok(Step::Enough);
        }
        // How many, the last; the first, the last that was deleted, and how many were added.
        for _ in 0..if kind == 15 { 3 } else { 8 } {
            self.dump.length()?;
        }
        for _ in 0..self.dump.count()? {
            let group = self.dump.text()?;
            if self.pairs.pair(key, &group, self.visitor).is_break() {
                return Ok(Step::Enough);
            }
            for _ in 0..if kind == 15 { 2 } else { 3 } {
                self.dump.length()?;
            }
            for _ in 0..self.dump.count()? {
                self.dump.skip(16 + 8)?;
                self.dump.length()?;
            }
            for _ in 0..self.dump.count()? {
                let _consumer = self.dump.text()?;
                self.dump.skip(if kind == 21 { 16 } else { 8 })?;
                let pending = self.dump.count()?;
                self.dump.skip(pending.saturating_mul(16))?;
            }
        }
        Ok(Step::More)
    }

    /// What a module wrote says of each part what it is.
    fn module(&mut self, key: &[u8]) -> Result<Step, Fault> {
        loop {
            match self.dump.length()? {
                Length::Plain(0) => return Ok(Step::More),
                Length::Plain(1 | 2) => drop(self.dump.length()?),
                Length::Plain(3) => self.dump.skip(4)?,
                Length::Plain(4) => self.dump.skip(8)?,
                Length::Plain(5) => {
                    let text = self.dump.text()?;
                    if self.pairs.pair(key, &text, self.visitor).is_break() {
                        return Ok(Step::Enough);
                    }
                }
                _ => return Err(Fault::damaged("a module's value has a part of no type")),
            }
        }
    }
}
