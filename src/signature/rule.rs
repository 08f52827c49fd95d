//! A rule that cannot be wrong: its fields are private, and the one constructor checks every promise that the file's
//! text makes. What a rule's pattern finds is decided in `matcher`; here it is only known to be well-formed.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use super::allow::Allow;
use super::checksum::Checksum;
use super::context::{Class, Context, alphabet};
use super::literal::{self, Anchor};
use super::part::Part;
use super::pattern::parse_pattern;
use super::structure::Structure;
use super::{Confidence, Severity};

/// One kind of credential.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a key of the format")]
pub struct Rule {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) provider: String,
    pub(super) severity: Severity,
    pub(super) confidence: Confidence,
    pub(super) placed: bool,
    pub(super) public: bool,
    pub(super) shape: Shape,
    pub(super) anchor: Anchor,
    pub(super) asked: Vec<Asked>,
    pub(super) value: Option<String>,
    pub(super) judged: bool,
    pub(super) checksum: Option<&'static Checksum>,
    pub(super) entropy: Option<f64>,
    pub(super) path: Option<String>,
    pub(super) why: String,
    pub(super) revoke: Option<String>,
    pub(super) source: Option<String>,
    pub(super) also: Vec<String>,
    pub(super) parts: Vec<Part>,
    pub(super) finds: Vec<Find>,
    pub(super) ignores: Vec<Ignore>,
    pub(super) allow: Vec<Allow>,
    pub(super) unproven: Option<String>,
    pub(super) file: String,
    pub(super) embedded: bool,
    pub(super) extends: Option<String>,
}

/// What a rule looks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shape {
    /// A pattern whose group `secret` is the credential.
    Pattern(String),
    /// A common shape beside a provider's word: the whole value of an assignment, option or header whose key has one
    /// of `words`, and one of `and` unless that is empty.
    Keyed {
        /// Lower-case words of which one stands in the key.
        words: Vec<String>,
        /// Lower-case words of which one stands in the key too.
        and: Vec<String>,
        /// Pattern of the whole value.
        value: String,
    },
    /// Nothing but the fields that [`Rule::asked`] names.
    Fields,
}

/// A field of a structure that a rule asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// The format.
    pub structure: &'static Structure,
    /// One of its fields.
    pub field: &'static str,
}

impl Shape {
    /// The pattern that is compiled for it; its group `secret` is the credential.
    pub(crate) fn pattern(&self) -> Cow<'_, str> {
        match self {
            Self::Pattern(pattern) => Cow::Borrowed(pattern),
            Self::Keyed { value, .. } => Cow::Owned(format!("(?<secret>(?:{value})$)")),
            // It has no literals, so there is no candidate at which it could be tried.
            Self::Fields => Cow::Borrowed("(?<secret>)"),
        }
    }
}

/// What must stand around a literal of a rule, if the rule is to find something there. All that it asks for is cheap to
/// look at, and much rarer than the literal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Demand {
    /// These bytes right beside it.
    Around(Context),
    /// A value of the assignment that it names: so many bytes in a row, all of one class.
    Value {
        /// Every byte that a value can have.
        class: Class,
        /// The fewest bytes of a value.
        length: usize,
    },
}

/// A text in which a rule must find exactly one credential; both are templates (see [`expand`](super::template)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Find {
    /// The text around it.
    pub text: String,
    /// The credential.
    pub secret: String,
    /// Whether the text has the credential in base64.
    pub encoded: bool,
    /// Its parts, by the names of the rule's: a template that stands in `text`.
    pub parts: BTreeMap<String, String>,
    /// The path of the file that the text is of.
    pub path: Option<String>,
}

/// A text in which a rule must find nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ignore {
    /// The text, a template.
    pub text: String,
    /// Why it is no credential.
    pub why: String,
    /// The path of the file that the text is of.
    pub path: Option<String>,
}

impl Rule {
    /// Unique and stable.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What it is, for people.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Who issues it.
    pub fn provider(&self) -> &str {
        &self.provider
    }

    /// How bad a leak of it is.
    pub fn severity(&self) -> Severity {
        self.severity
    }

    /// The tier of a match that nothing else proves.
    pub fn confidence(&self) -> Confidence {
        self.confidence
    }

    /// Whether its place decides how sure a match is: what looks for hashes finds them in tests and documents too.
    pub fn placed(&self) -> bool {
        self.placed
    }

    /// Whether what it finds is no credential, and only told beside the one that it belongs to.
    pub fn public(&self) -> bool {
        self.public
    }

    /// What it looks for.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Whether a value is also judged by its entropy, by how it reads and by its surroundings.
    pub fn judged(&self) -> bool {
        self.judged
    }

    /// The literals of which one stands in every match, and where.
    pub fn anchor(&self) -> &Anchor {
        &self.anchor
    }

    /// The fields of files whose values it takes, beside what its shape finds.
    pub fn asked(&self) -> &[Asked] {
        &self.asked
    }

    /// Whether it asks for that field.
    pub fn asks(&self, structure: &Structure, field: &str) -> bool {
        self.asked.iter().any(|asked| asked.structure == structure && asked.field == field)
    }

    /// Pattern of the whole value of a field.
    pub fn value(&self) -> Option<&str> {
        self.value.as_deref()
    }

    /// What must stand around a literal for a match, derived anew with each call.
    pub(crate) fn demand(&self) -> Demand {
        let parse =
            |pattern| parse_pattern(pattern).expect("a rule's pattern was parsed when the rule was made");
        match &self.shape {
            Shape::Fields => Demand::Around(Context::default()),
            Shape::Pattern(_) if !self.anchor.derived => Demand::Around(Context::default()),
            Shape::Pattern(pattern) => Demand::Around(literal::context(&parse(pattern))),
            Shape::Keyed { value, .. } => {
                let (class, length) = alphabet(&parse(value));
                Demand::Value { class, length }
            }
        }
    }

    /// The structure that a match can be proved by.
    pub fn checksum(&self) -> Option<&'static Checksum> {
        self.checksum
    }

    /// Least Shannon entropy of the credential, in bits a character.
    pub fn entropy(&self) -> Option<f64> {
        self.entropy
    }

    /// Pattern of the paths to which files it is limited.
    pub fn path(&self) -> Option<&str> {
        self.path.as_deref()
    }

    /// What an attacker can do with it.
    pub fn why(&self) -> &str {
        &self.why
    }

    /// Where to revoke it: an address or a sentence.
    pub fn revoke(&self) -> Option<&str> {
        self.revoke.as_deref()
    }

    /// Where the facts come from.
    pub fn source(&self) -> Option<&str> {
        self.source.as_deref()
    }

    /// Rules that may claim the same text.
    pub fn also(&self) -> &[String] {
        &self.also
    }

    /// What belongs to its credential and stands near it.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Its proofs.
    pub fn finds(&self) -> &[Find] {
        &self.finds
    }

    /// Its counter-proofs.
    pub fn ignores(&self) -> &[Ignore] {
        &self.ignores
    }

    /// What it matches and does not report.
    pub fn allow(&self) -> &[Allow] {
        &self.allow
    }

    /// Why it has too few proofs, if its author says so.
    pub fn unproven(&self) -> Option<&str> {
        self.unproven.as_deref()
    }

    /// The file that it comes from: of a rule that was changed, the one that changed it last.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Whether it is compiled into the program, and nobody changed it.
    pub fn is_embedded(&self) -> bool {
        self.embedded
    }

    /// Id of the rule that it was made from; its own if it is that rule, changed.
    pub fn extends(&self) -> Option<&str> {
        self.extends.as_deref()
    }

    /// Id of another rule that it was made from, and that gives way to it where both claim the same text.
    pub fn derived_from(&self) -> Option<&str> {
        self.extends().filter(|base| *base != self.id)
    }

    /// Every pattern that has to be compiled for it.
    pub(crate) fn patterns(&self) -> impl Iterator<Item = Cow<'_, str>> {
        let others =
            self.path().into_iter().chain(self.value()).chain(self.allow.iter().flat_map(Allow::patterns));
        let others = others.chain(self.parts.iter().filter_map(Part::pattern));
        std::iter::once(self.shape.pattern()).chain(others.map(Cow::Borrowed))
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.id, self.name)
    }
}
