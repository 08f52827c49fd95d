//! `LevelDB` and `RocksDB`, the stores of browsers, Electron programs and chains of blocks: keys and values of their tables
//! and of their logs, overwritten and deleted ones too.
//!
//! In the bytes of a table, lengths stand between texts, a key lacks what it shares with the one before, and blocks are
//! compressed; in a log, records are cut at every 32 KiB. Nothing at the start of such a file says what it is, so its name
//! has to: `000012.ldb`, `000012.sst`, `000012.log`.

mod log;
mod table;

use std::io::BufRead;

use super::pairs::Pairs;
use super::{Decoder, Fault, Head, Visitor, whole};

/// See the module.
pub(super) const LEVELDB: Decoder = Decoder {
    name: "leveldb",
    about: "LevelDB and RocksDB: keys and values of tables and logs",
    is: |head| form(head).is_some(),
    decode,
};

/// What such a file is.
enum Form {
    Table,
    Log,
}

fn form(head: &Head<'_>) -> Option<Form> {
    let name = head.path.rsplit(|byte| *byte == b'/').next()?;
    let (number, end) = name.split_at_checked(name.len().checked_sub(4)?)?;
    if number.len() < 6 || !number.iter().all(u8::is_ascii_digit) {
        return None;
    }
    match end {
        b".ldb" | b".sst" if !head.bytes.is_empty() => Some(Form::Table),
        b".log" if log::begins(head.bytes) => Some(Form::Log),
        _ => None,
    }
}

fn decode(head: &Head<'_>, body: &mut dyn BufRead, visitor: &mut dyn Visitor) -> Result<(), Fault> {
    let mut pairs = Pairs::new("leveldb");
    let (flow, fault) = match form(head) {
        // Where its blocks are stands at the end of a table.
        Some(Form::Table) => table::read(&whole(body, visitor)?, &mut pairs, visitor)?,
        Some(Form::Log) => (log::read(body, &mut pairs, visitor)?, None),
        None => return Ok(()),
    };
    if flow.is_continue() && pairs.show(visitor).is_break() {
        return Ok(());
    }
    fault.map_or(Ok(()), Err)
}

/// A number of up to ten bytes, the lowest first, taken from the start of `bytes`.
fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..70).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// Takes as many bytes as the number before them says.
fn sized<'b>(bytes: &mut &'b [u8]) -> Option<&'b [u8]> {
    let length = usize::try_from(varint(bytes)?).ok()?;
    let (own, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(own)
}

#[cfg(test)]
mod tests;
