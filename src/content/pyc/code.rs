//! What a piece of Python's code does with constants: which name, key, attribute or call each goes to.
//!
//! Only straight runs of instructions are followed. Whatever else moves values around makes them forgotten.

use super::marshal::{Code, Id, Object, Objects};
use super::version::{Meaning, Version};
use crate::content::listing::Listing;

/// What is known of a value.
#[derive(Debug, Clone, Copy)]
enum Value {
    /// A constant.
    Constant(Id),
    /// What has this name.
    Named(Id),
    /// Nothing.
    Unknown,
}

/// A walk through pieces of code.
pub(super) struct Walk<'w, 'f> {
    objects: &'w Objects<'f>,
    version: Version,
    meanings: &'static [Meaning; 256],
    pub(super) listing: Listing,
    /// For each object, whether its text needs no line of its own.
    pub(super) told: Vec<bool>,
    /// What the last walk remembered, whose room the next one has.
    values: Vec<Value>,
    /// The arguments of a call.
    texts: Vec<Option<&'f [u8]>>,
}

/// Most values that are remembered.
const DEEPEST: usize = 256;

/// The state of a walk.
struct State<'c> {
    code: &'c Code,
    values: Vec<Value>,
    /// What the last arguments of the next call are called.
    names: Option<Id>,
}

impl State<'_> {
    fn push(&mut self, value: Value) {
        if self.values.len() == DEEPEST {
            self.values.remove(0);
        }
        self.values.push(value);
    }

    fn pop(&mut self) -> Value {
        self.values.pop().unwrap_or(Value::Unknown)
    }

    /// Where the last `count` values start, or as many as are known.
    fn last(&self, count: usize) -> usize {
        self.values.len().saturating_sub(count)
    }
}

impl<'w, 'f> Walk<'w, 'f> {
    /// For a file of so many bytes.
    pub(super) fn new(objects: &'w Objects<'f>, version: Version, bytes: usize) -> Self {
        Self {
            objects,
            version,
            meanings: version.meanings(),
            listing: Listing::new(bytes),
            told: vec![false; objects.count()],
            values: Vec::new(),
            texts: Vec::new(),
        }
    }

    /// Writes down what `code` says.
    pub(super) fn tell(&mut self, code: &Code) {
        let instructions = self.objects.text(code.instructions).unwrap_or_default();
        let mut state = State { code, values: std::mem::take(&mut self.values), names: None };
        let (mut at, mut above) = (0, 0);
        while let Some((opcode, number, next)) = self.instruction(instructions, at) {
            at = next;
            let number = above | number;
            let meaning = self.meanings[usize::from(opcode)];
            above = if meaning == Meaning::More {
                number << if self.version.has_wide_code() { 8 } else { 16 }
            } else {
                0
            };
            self.step(&mut state, meaning, number as usize);
        }
        state.values.clear();
        self.values = state.values;
    }

    fn instruction(&self, code: &[u8], at: usize) -> Option<(u8, u32, usize)> {
        const WITH_NUMBER: u8 = 90;
        let opcode = *code.get(at)?;
        if self.version.has_wide_code() {
            return Some((opcode, u32::from(*code.get(at + 1)?), at + 2));
        }
        if opcode < WITH_NUMBER {
            return Some((opcode, 0, at + 1));
        }
        let number = code.get(at + 1..at + 3)?;
        Some((opcode, u32::from(u16::from_le_bytes([number[0], number[1]])), at + 3))
    }

    fn step(&mut self, state: &mut State<'_>, meaning: Meaning, number: usize) {
        let child = |id: Id, at: usize| self.objects.many(id).get(at).copied();
        match meaning {
            Meaning::Nothing | Meaning::More => {}
            Meaning::Constant => {
                let value = child(state.code.constants, number).map_or(Value::Unknown, Value::Constant);
                self.defaults(state, value);
                state.push(value);
            }
            Meaning::Name(bits) => {
                let name = child(state.code.names, number >> bits);
                state.push(name.map_or(Value::Unknown, Value::Named));
            }
            Meaning::Attribute(bits) => {
                state.pop();
                let name = child(state.code.names, number >> bits);
                state.push(name.map_or(Value::Unknown, Value::Named));
            }
            Meaning::Unknown(count) => (0..count).for_each(|_| state.push(Value::Unknown)),
            Meaning::Pop => _ = state.pop(),
            Meaning::Function => {
                let code = state.pop();
                let start = state.last(number);
                if let Some(names) = self.arguments(code) {
                    for (name, value) in names.iter().rev().zip(state.values[start..].iter().rev()) {
                        self.assign(Some(*name), *value);
                    }
                }
                state.values.truncate(start);
                state.push(Value::Unknown);
            }
            Meaning::StoreName => {
                let value = state.pop();
                self.assign(child(state.code.names, number), value);
            }
            Meaning::StoreVariable => {
                let value = state.pop();
                self.assign(child(state.code.variables, number), value);
            }
            Meaning::StoreAndLoad => {
                let value = state.pop();
                self.assign(child(state.code.variables, number >> 4), value);
                state.push(Value::Unknown);
            }
            Meaning::StoreTwo => {
                for half in [number >> 4, number & 15] {
                    let value = state.pop();
                    self.assign(child(state.code.variables, half), value);
                }
            }
            Meaning::StoreAttribute => {
                state.pop();
                let value = state.pop();
                self.assign(child(state.code.names, number), value);
            }
            Meaning::StoreItem => {
                let (key, _, value) = (state.pop(), state.pop(), state.pop());
                self.pair(key, value);
            }
            Meaning::KeyBehindValue => {
                let (key, value) = (state.pop(), state.pop());
                self.pair(key, value);
            }
            Meaning::KeyBeforeValue => {
                let (value, key) = (state.pop(), state.pop());
                self.pair(key, value);
            }
            Meaning::Forget => {
                state.values.clear();
                state.names = None;
            }
            _ => self.gather(state, meaning, number),
        }
    }

    /// Maps and calls, which take several values.
    fn gather(&mut self, state: &mut State<'_>, meaning: Meaning, number: usize) {
        match meaning {
            Meaning::Names => {
                state.names = self.objects.many(state.code.constants).get(number).copied();
                return;
            }
            Meaning::Map => {
                let start = state.last(number.saturating_mul(2));
                self.pairs(&state.values[start..]);
                state.values.truncate(start);
            }
            Meaning::MapOfNames => {
                let names = state.pop();
                let start = state.last(number);
                self.named(names, &state.values[start..]);
                state.values.truncate(start);
            }
            Meaning::Call => {
                let names = state.names.take().map_or(Value::Unknown, Value::Constant);
                self.call(state, number, names);
            }
            Meaning::CallOfNames => {
                let names = state.pop();
                self.call(state, number, names);
            }
            _ => {
                let start = state.last(2 * (number >> 8 & 0xff));
                self.pairs(&state.values[start..]);
                state.values.truncate(start);
                self.call(state, number & 0xff, Value::Unknown);
            }
        }
        state.push(Value::Unknown);
    }

    fn call(&mut self, state: &mut State<'_>, count: usize, names: Value) {
        let start = state.last(count);
        let missing = count - (state.values.len() - start);
        let with_names = self.named(names, &state.values[start..]);
        state.values.truncate(state.values.len() - with_names);
        let callee = start.checked_sub(1).filter(|_| missing == 0);
        if let Some(Value::Named(callee)) = callee.map(|at| state.values[at]) {
            self.call_of(callee, &state.values[start..]);
        }
        state.values.truncate(callee.unwrap_or(start));
    }

    fn call_of(&mut self, callee: Id, values: &[Value]) {
        let (Some(callee), objects) = (self.objects.text(callee), self.objects) else { return };
        self.texts.clear();
        self.texts.extend(values.iter().map(|value| text(objects, *value)));
        if self.texts.iter().any(Option::is_some) && self.listing.call(callee, &self.texts) {
            for value in values {
                self.done(*value);
            }
        }
    }

    /// The last of `values` have the names in the tuple `names`. Returns how many.
    fn named(&mut self, names: Value, values: &[Value]) -> usize {
        let Value::Constant(tuple) = names else { return 0 };
        self.done(names);
        let objects = self.objects;
        let names = objects.many(tuple);
        let count = names.len().min(values.len());
        for (name, value) in names[names.len() - count..].iter().zip(&values[values.len() - count..]) {
            self.assign(Some(*name), *value);
        }
        count
    }

    fn pairs(&mut self, values: &[Value]) {
        // What is missing is missing at the front.
        for pair in values.rchunks_exact(2).rev() {
            self.pair(pair[0], pair[1]);
        }
    }

    fn pair(&mut self, key: Value, value: Value) {
        if let Value::Constant(name) = key {
            self.assign(Some(name), value);
            self.done(key);
        }
    }

    /// A tuple right before the code of a function has the values of its last arguments where none are given.
    fn defaults(&mut self, state: &State<'_>, value: Value) {
        let Some(Value::Constant(tuple)) = state.values.last() else { return };
        let Some(names) = self.arguments(value) else { return };
        let objects = self.objects;
        for (name, value) in names.iter().rev().zip(objects.many(*tuple).iter().rev()) {
            self.assign(Some(*name), Value::Constant(*value));
        }
    }

    /// The names of the arguments of a function that a constant is the code of.
    fn arguments(&self, code: Value) -> Option<&'w [Id]> {
        let Value::Constant(id) = code else { return None };
        let Object::Code(code) = self.objects.get(id) else { return None };
        let objects = self.objects;
        let code = objects.codes.get(code as usize)?;
        let names = objects.many(code.variables);
        Some(&names[..names.len().min(code.arguments as usize)])
    }

    fn assign(&mut self, name: Option<Id>, value: Value) {
        let Some((name, text)) = name.and_then(|name| self.objects.text(name)).zip(text(self.objects, value))
        else {
            return;
        };
        if self.listing.assignment(name, text) {
            self.done(value);
        }
    }

    fn done(&mut self, value: Value) {
        if let Value::Constant(id) = value {
            self.told[id as usize] = true;
        }
    }
}

fn text<'f>(objects: &Objects<'f>, value: Value) -> Option<&'f [u8]> {
    match value {
        Value::Constant(id) => objects.text(id),
        _ => None,
    }
}
