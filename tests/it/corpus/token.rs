//! Tokens from the shape of a rule: drawn from its pattern, letter by letter, or from the templates of its examples where a
//! checksum has to be right. The same seed gives the same token.

use layersift::matcher::specific;
use layersift::signature::checksum::Verdict;
use layersift::signature::template::expand;
use layersift::signature::{Rule, Shape};
use regex_automata::meta::Regex;
use regex_automata::{Anchored, Input};
use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, Hir, HirKind, Look};

use crate::support::noise::Noise;

/// What a rule goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Kind {
    /// The token's own shape.
    Distinctive,
    /// A provider's word beside a common shape.
    Keyed,
    /// A name that says secret.
    Generic,
    /// The place: a password in a URL, an option of a command, a key of a file.
    Place,
}

impl Kind {
    pub(super) const ALL: [Self; 4] = [Self::Distinctive, Self::Keyed, Self::Generic, Self::Place];

    pub(super) fn of(rule: &Rule) -> Self {
        match rule.shape() {
            Shape::Pattern(_) if specific(rule) == 4 && rule.path().is_none() => Self::Distinctive,
            Shape::Pattern(_) | Shape::Fields => Self::Place,
            Shape::Keyed { .. } if specific(rule) == 0 => Self::Generic,
            Shape::Keyed { .. } => Self::Keyed,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Distinctive => "distinctive",
            Self::Keyed => "keyed",
            Self::Generic => "generic",
            Self::Place => "place",
        }
    }
}

/// What the variable letters of a token are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Letters {
    Drawn,
    One,
    InOrder,
    Words,
}

/// Makes tokens of one rule.
pub(super) struct Mint<'r> {
    rule: &'r Rule,
    /// The shape of the credential alone.
    hir: Hir,
    whole: Regex,
}

impl<'r> Mint<'r> {
    pub(super) fn new(rule: &'r Rule) -> Self {
        let pattern = match rule.shape() {
            Shape::Pattern(pattern) => pattern.clone(),
            Shape::Keyed { value, .. } => format!("(?<secret>{value})"),
            Shape::Fields => panic!("a field has no shape of its own"),
        };
        let parsed = ParserBuilder::new().unicode(false).utf8(false).build().parse(&pattern).unwrap();
        let hir = secret_group(&parsed).expect("every pattern has the group");
        let whole = Hir::concat(vec![Hir::look(Look::Start), hir.clone(), Hir::look(Look::End)]);
        let config = Regex::config().utf8_empty(false);
        let whole = Regex::builder().configure(config).build_from_hir(&whole).unwrap();
        Self { rule, hir, whole }
    }

    /// A token as its issuer would make it.
    pub(super) fn token(&self, seed: u64) -> String {
        let named = format!("{}/{seed}", self.rule.id());
        let drawn = self.drawn(seed, Letters::Drawn);
        let free = matches!(Kind::of(self.rule), Kind::Distinctive | Kind::Keyed) && !self.rule.judged();
        let valid =
            |token: &str| self.rule.checksum().is_none_or(|row| row.check(token.as_bytes()) != Verdict::Fail);
        if free && valid(&drawn) {
            return drawn;
        }
        let finds = self.rule.finds();
        expand(&finds[usize::try_from(seed).unwrap() % finds.len()].secret, &named)
    }

    /// A text of the shape, whatever its checksum.
    pub(super) fn drawn(&self, seed: u64, letters: Letters) -> String {
        let noise = Noise::new(&format!("{}/{seed}", self.rule.id()));
        let mut writer = Writer { noise, letters, count: 0, out: Vec::new() };
        writer.write(&self.hir);
        String::from_utf8(writer.out).expect("letters of tokens are ASCII")
    }

    /// Whether `text` has the shape of the credential, from its first to its last letter.
    pub(super) fn fits(&self, text: &str) -> bool {
        self.whole.is_match(Input::new(text).anchored(Anchored::Yes))
    }
}

fn secret_group(hir: &Hir) -> Option<Hir> {
    match hir.kind() {
        HirKind::Capture(capture) if capture.name.as_deref() == Some("secret") => {
            Some((*capture.sub).clone())
        }
        HirKind::Capture(capture) => secret_group(&capture.sub),
        HirKind::Repetition(repetition) => secret_group(&repetition.sub),
        HirKind::Concat(pieces) | HirKind::Alternation(pieces) => pieces.iter().find_map(secret_group),
        _ => None,
    }
}

/// Repeats that are open or wide are cut to this many more than they need.
const MORE: u32 = 24;

/// Classes of more letters are "anything but": tokens of letters and digits stand for what people put there.
const ANYTHING: usize = 72;

const PLACEHOLDER: &[u8] = b"yourapikeyhere";

struct Writer {
    noise: Noise,
    letters: Letters,
    count: usize,
    out: Vec<u8>,
}

impl Writer {
    fn below(&mut self, bound: usize) -> usize {
        let high = usize::from(self.noise.next().unwrap());
        let low = usize::from(self.noise.next().unwrap());
        (high << 8 | low) % bound
    }

    fn write(&mut self, hir: &Hir) {
        match hir.kind() {
            HirKind::Empty | HirKind::Look(_) => {}
            HirKind::Literal(literal) => self.out.extend(&literal.0),
            HirKind::Class(class) => {
                let letter = self.letter(class);
                self.out.push(letter);
            }
            HirKind::Capture(capture) => self.write(&capture.sub),
            HirKind::Concat(pieces) => pieces.iter().for_each(|piece| self.write(piece)),
            HirKind::Alternation(branches) => {
                let branch = self.below(branches.len());
                self.write(&branches[branch]);
            }
            HirKind::Repetition(repetition) => {
                let most = repetition.max.unwrap_or(u32::MAX).min(repetition.min.saturating_add(MORE));
                let times = repetition.min as usize + self.below((most - repetition.min) as usize + 1);
                (0..times).for_each(|_| self.write(&repetition.sub));
            }
        }
    }

    fn letter(&mut self, class: &Class) -> u8 {
        let Class::Bytes(class) = class else { panic!("patterns are of bytes") };
        let all = class.ranges().iter().flat_map(|range| range.start()..=range.end());
        let mut letters: Vec<u8> = all.filter(u8::is_ascii_graphic).collect();
        if letters.len() > ANYTHING {
            letters.retain(u8::is_ascii_alphanumeric);
        }
        if letters.is_empty() {
            return b' ';
        }
        self.count += 1;
        let at = match self.letters {
            Letters::Drawn => self.below(letters.len()),
            Letters::InOrder => self.count % letters.len(),
            Letters::One => letters.iter().position(|b| matches!(b, b'a' | b'A')).unwrap_or(0),
            Letters::Words => {
                let wanted = PLACEHOLDER[(self.count - 1) % PLACEHOLDER.len()];
                let here = |letter: u8| letters.iter().position(|b| *b == letter);
                let upper = here(wanted.to_ascii_uppercase());
                here(wanted).or(upper).or_else(|| here(b'x')).or_else(|| here(b'0')).unwrap_or(0)
            }
        };
        letters[at]
    }
}
