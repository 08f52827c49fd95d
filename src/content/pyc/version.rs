//! Versions of Python: how each writes its code, and what its instructions mean here.

use std::sync::LazyLock;

/// A version, as its second number with the first before it: 207, 311.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version(u16);

/// The first number in the mark of files of each version of 3, from its first test release on.
const MARKS: &[(u16, u16)] = &[
    (3000, 300),
    (3190, 303),
    (3250, 304),
    (3320, 305),
    (3360, 306),
    (3390, 307),
    (3400, 308),
    (3420, 309),
    (3430, 310),
    (3450, 311),
    (3500, 312),
    (3550, 313),
    (3600, 314),
    // Not known yet: read like the one before, and its instructions not at all.
    (3650, 315),
];
/// One mark of version 2 counts: 2.7 has been its last for ten years.
const TWO: u16 = 62_211;
/// Marks from here on are none of Python's.
const MARKS_END: u16 = 4000;

impl Version {
    /// The version that writes files with that mark.
    pub(super) fn of(mark: u16) -> Option<Self> {
        if mark == TWO {
            return Some(Self(207));
        }
        let row = MARKS.iter().rev().find(|(first, _)| mark >= *first)?;
        (mark < MARKS_END).then_some(Self(row.1))
    }

    /// The version of that number, 311 for 3.11, and a mark that it writes. Below 100 the first digit is the first number.
    pub(super) fn numbered(number: u32) -> Option<(u16, Self)> {
        let number = if number < 100 { number / 10 * 100 + number % 10 } else { number };
        if number == 207 {
            return Some((TWO, Self(207)));
        }
        let row = MARKS.iter().rev().find(|(_, version)| number >= u32::from(*version))?;
        Some((row.0, Self(row.1)))
    }

    /// Whether this program knows the version.
    pub(super) fn is_known(self) -> bool {
        self < Self(315)
    }

    pub(super) fn is_two(self) -> bool {
        self < Self(300)
    }

    /// Bytes before the first object of a file.
    pub(super) fn header(self) -> usize {
        match self.0 {
            ..303 => 8,
            303..307 => 12,
            _ => 16,
        }
    }

    /// How many numbers a code starts with.
    pub(super) fn numbers(self) -> usize {
        match self.0 {
            ..300 => 4,
            300..308 | 311.. => 5,
            _ => 6,
        }
    }

    /// How many objects stand behind the number of the first line.
    pub(super) fn objects_behind_line(self) -> usize {
        if self < Self(311) { 1 } else { 2 }
    }

    /// Whether every instruction has two bytes. Before, it has one, and two more if it takes a number.
    pub(super) fn has_wide_code(self) -> bool {
        self >= Self(306)
    }

    /// What each instruction means here.
    pub(super) fn meanings(self) -> &'static [Meaning; 256] {
        let known = MEANINGS.iter().find(|(version, _)| *version == self);
        known.map_or(&[Meaning::Forget; 256], |(_, meanings)| meanings)
    }

    fn meaning(self, opcode: u8) -> Meaning {
        match self.0 {
            ..311 => self.classic(opcode),
            311..313 => self.quickened(opcode),
            313 => renumbered(RENUMBERED, opcode),
            314 => renumbered(BORROWING, opcode),
            _ => Meaning::Forget,
        }
    }

    fn classic(self, opcode: u8) -> Meaning {
        let modern = self >= Self(306);
        match opcode {
            1 => Meaning::Pop,
            9 => Meaning::Nothing,
            54 if self < Self(305) => Meaning::KeyBehindValue,
            90 | 97 => Meaning::StoreName,
            95 => Meaning::StoreAttribute,
            100 => Meaning::Constant,
            101 | 116 => Meaning::Name(0),
            105 if self >= Self(305) => Meaning::Map,
            106 => Meaning::Attribute(0),
            105 | 124 | 135 | 136 | 148 => Meaning::Unknown(1),
            125 => Meaning::StoreVariable,
            60 => Meaning::StoreItem,
            131 => {
                if modern {
                    Meaning::Call
                } else {
                    Meaning::CallOfPairs
                }
            }
            132 if self.is_two() => Meaning::Function,
            141 if modern => Meaning::CallOfNames,
            144 if !self.is_two() => Meaning::More,
            145 if self.is_two() => Meaning::More,
            147 if self >= Self(308) => Meaning::KeyBeforeValue,
            156 if modern => Meaning::MapOfNames,
            160 if modern => Meaning::Attribute(0),
            161 if modern => Meaning::Call,
            _ => Meaning::Forget,
        }
    }

    /// Of 3.11 and 3.12, whose instructions have room behind them for what is learned when they run.
    fn quickened(self, opcode: u8) -> Meaning {
        match opcode {
            0 | 2 | 151 | 166 => Meaning::Nothing,
            106 => Meaning::Attribute(u8::from(self >= Self(312))),
            116 => Meaning::Name(1),
            127 | 136..=138 if opcode != 138 => Meaning::Unknown(1),
            131 | 135 | 138 | 141 | 161 => Meaning::Forget,
            171 => Meaning::Call,
            172 => Meaning::Names,
            _ => self.classic(opcode),
        }
    }
}

/// What an instruction does with constants and names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Nothing that matters.
    Nothing,
    /// The number of the next instruction has this one's in front.
    More,
    /// Gives a constant.
    Constant,
    /// Gives what a name stands for; the name's index is the number without so many bits.
    Name(u8),
    /// Gives an attribute of the last value; as above.
    Attribute(u8),
    /// Gives so many values that are not known.
    Unknown(u8),
    /// Makes a function of the last value, with so many values before it for its last arguments.
    Function,
    /// Drops the last value.
    Pop,
    /// Sets a global, or what a class has.
    StoreName,
    /// Sets a variable of a function.
    StoreVariable,
    /// Sets the variable of the upper half of the number, and gives that of the lower.
    StoreAndLoad,
    /// Sets two variables: of the upper half of the number, and of the lower.
    StoreTwo,
    /// Sets an attribute of the last value.
    StoreAttribute,
    /// Sets what the last value names in the value before it.
    StoreItem,
    /// Adds to a map; the key is the last value.
    KeyBehindValue,
    /// Adds to a map; the key is before the last value.
    KeyBeforeValue,
    /// Makes a map of so many pairs.
    Map,
    /// Makes a map of so many values; the last value has the keys.
    MapOfNames,
    /// Says what the last arguments of the next call are called.
    Names,
    /// Calls with so many arguments.
    Call,
    /// Calls with so many arguments; the last value has the names of the last.
    CallOfNames,
    /// Calls with so many arguments and, in the upper byte, so many names with values.
    CallOfPairs,
    /// Does what is not followed: values are forgotten.
    Forget,
}

/// What each instruction of each version means.
static MEANINGS: LazyLock<Vec<(Version, [Meaning; 256])>> = LazyLock::new(|| {
    let versions = MARKS.iter().map(|(_, version)| Version(*version)).chain(Version::of(TWO));
    let meanings = |version: Version| {
        std::array::from_fn(|opcode| {
            u8::try_from(opcode).map_or(Meaning::Forget, |opcode| version.meaning(opcode))
        })
    };
    versions.map(|version| (version, meanings(version))).collect()
});

/// Rows of an opcode and its meaning.
type Opcodes = &'static [(u8, Meaning)];

fn renumbered(table: Opcodes, opcode: u8) -> Meaning {
    table.iter().find(|row| row.0 == opcode).map_or(Meaning::Forget, |row| row.1)
}

/// Of 3.13.
const RENUMBERED: Opcodes = &[
    (0, Meaning::Nothing),
    (30, Meaning::Nothing),
    (32, Meaning::Pop),
    (34, Meaning::Nothing),
    (39, Meaning::StoreItem),
    (46, Meaning::MapOfNames),
    (48, Meaning::Map),
    (53, Meaning::Call),
    (57, Meaning::CallOfNames),
    (71, Meaning::More),
    (82, Meaning::Attribute(1)),
    (83, Meaning::Constant),
    (84, Meaning::Unknown(1)),
    (85, Meaning::Unknown(1)),
    (87, Meaning::Unknown(1)),
    (88, Meaning::Unknown(2)),
    (91, Meaning::Name(1)),
    (92, Meaning::Name(0)),
    (95, Meaning::KeyBeforeValue),
    (108, Meaning::StoreAttribute),
    (110, Meaning::StoreVariable),
    (111, Meaning::StoreAndLoad),
    (112, Meaning::StoreTwo),
    (113, Meaning::StoreName),
    (114, Meaning::StoreName),
    (149, Meaning::Nothing),
];

/// Of 3.14.
const BORROWING: Opcodes = &[
    (0, Meaning::Nothing),
    (27, Meaning::Nothing),
    (31, Meaning::Pop),
    (33, Meaning::Nothing),
    (38, Meaning::StoreItem),
    (47, Meaning::Map),
    (52, Meaning::Call),
    (55, Meaning::CallOfNames),
    (69, Meaning::More),
    (80, Meaning::Attribute(1)),
    (82, Meaning::Constant),
    (83, Meaning::Unknown(1)),
    (84, Meaning::Unknown(1)),
    (86, Meaning::Unknown(1)),
    (87, Meaning::Unknown(2)),
    (88, Meaning::Unknown(1)),
    (89, Meaning::Unknown(2)),
    (92, Meaning::Name(1)),
    (93, Meaning::Name(0)),
    (94, Meaning::Unknown(1)),
    (98, Meaning::KeyBeforeValue),
    (110, Meaning::StoreAttribute),
    (112, Meaning::StoreVariable),
    (113, Meaning::StoreAndLoad),
    (114, Meaning::StoreTwo),
    (115, Meaning::StoreName),
    (116, Meaning::StoreName),
    (128, Meaning::Nothing),
];
