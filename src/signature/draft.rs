//! A draft becomes a rule: what it does not say is inherited from the rule that it extends, and every promise of
//! [`Rule`] is checked.

use super::allow::Allow;
use super::file::{Checked, Draft, Entry, RuleError};
use super::literal::{self, Anchor};
use super::pattern::{capture_names, parse_pattern};
use super::rule::{Asked, Find, Ignore, Rule, Shape};
use super::{Confidence, checksum, part, structure};

/// Most words or keywords of one rule.
const MAX_WORDS: usize = 256;
/// Longest word or keyword; the search for them overlaps chunks by so much.
const LONGEST_WORD: usize = 64;

/// Builds the rule that `draft` describes, on top of `base` if it extends that one.
pub(super) fn build(draft: &Draft, base: Option<&Rule>) -> Result<Rule, RuleError> {
    rule(draft, base).map_err(|message| draft.error(message))
}

fn rule(draft: &Draft, base: Option<&Rule>) -> Result<Rule, String> {
    let entry = &draft.entry;
    let id = entry.id.as_deref().or(base.map(Rule::id)).ok_or("a rule needs an `id`, or `extends`")?;
    check_id(id)?;
    let given = |own: Option<&String>, inherited: Option<&str>, key: &str| {
        let text = own.map(String::as_str).or(inherited).ok_or_else(|| format!("`{key}` is missing"))?;
        match text.trim() {
            "" => Err(format!("`{key}` must say something")),
            _ => Ok(text.to_owned()),
        }
    };
    let own_provider = draft.provider.as_ref().filter(|_| base.is_none());
    let asked = match &entry.fields {
        Some(fields) => fields.iter().map(|field| asked(field)).collect::<Result<Vec<_>, _>>()?,
        None => base.map_or_else(Vec::new, |base| base.asked.clone()),
    };
    let (shape, anchor) = match base {
        Some(base) if !has_shape(entry) => (base.shape.clone(), base.anchor.clone()),
        base => shape(&Wish::of(entry, base), !asked.is_empty(), draft.checked.as_ref())?,
    };
    let checksum = match entry.checksum.as_deref() {
        None => base.and_then(Rule::checksum),
        Some("") => None,
        Some(name) => Some(checksum::named(name).ok_or_else(|| unknown_checksum(name))?),
    };
    let severity = entry.severity.or(base.map(Rule::severity));
    let rule = Rule {
        id: id.to_owned(),
        name: given(entry.name.as_ref(), base.map(Rule::name), "name")?,
        provider: given(own_provider, base.map(Rule::provider), "provider")?,
        severity: severity.ok_or("`severity` is missing: critical, high, medium or low")?,
        confidence: entry.confidence.or(base.map(Rule::confidence)).unwrap_or(Confidence::Likely),
        placed: entry.placed.or(base.map(Rule::placed)).unwrap_or_default(),
        public: entry.public.or(base.map(Rule::public)).unwrap_or_default(),
        shape,
        anchor,
        asked,
        value: optional(entry.value.as_ref(), base.and_then(Rule::value)),
        judged: entry.judged.unwrap_or(base.is_some_and(Rule::judged)),
        checksum,
        entropy: entry.entropy.or(base.and_then(Rule::entropy)),
        path: optional(entry.path.as_ref(), base.and_then(Rule::path)),
        why: given(entry.why.as_ref(), base.map(Rule::why), "why")?,
        revoke: optional(entry.revoke.as_ref(), base.map_or(draft.revoke.as_deref(), Rule::revoke)),
        source: optional(entry.source.as_ref(), base.and_then(Rule::source)),
        also: entry.also.clone().unwrap_or_else(|| base.map_or_else(Vec::new, |base| base.also.clone())),
        parts: match &entry.part {
            Some(parts) => part::build(parts, draft.checked.is_some())?,
            None => base.map_or_else(Vec::new, |base| base.parts.clone()),
        },
        finds: finds(entry, base)?,
        ignores: ignores(entry, base),
        allow: allow(draft, base)?,
        unproven: optional(entry.unproven.as_ref(), base.and_then(Rule::unproven)),
        file: draft.file.clone(),
        embedded: false,
        extends: base.map(|base| base.id.clone()),
    };
    check(&rule, draft.checked.is_some())?;
    Ok(rule)
}

/// The field called `structure.field`.
fn asked(name: &str) -> Result<Asked, String> {
    let (format, field) = name.split_once('.').ok_or("`fields` are written `structure.field`")?;
    let unknown = || match super::nearest(format, structure::structures().map(|row| row.name)) {
        Some(near) => format!("no structure is called `{format}`; did you mean `{near}`?"),
        None => format!("no structure is called `{format}`"),
    };
    let structure = structure::named(format).ok_or_else(unknown)?;
    let known = || format!("`{name}`: `{format}` has {}", structure.fields().join(", "));
    let field = structure.field(field).ok_or_else(known)?;
    Ok(Asked { structure, field })
}

fn check_id(id: &str) -> Result<(), String> {
    let kebab = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if id.is_empty() || id.len() > 100 || !id.bytes().all(kebab) {
        return Err("an id has only a-z, 0-9 and `-`, and at most 100 of them".into());
    }
    Ok(())
}

/// An empty text takes what is inherited away.
fn optional(own: Option<&String>, inherited: Option<&str>) -> Option<String> {
    own.map(String::as_str).or(inherited).filter(|text| !text.is_empty()).map(str::to_owned)
}

fn unknown_checksum(name: &str) -> String {
    let known = checksum::CHECKSUMS.iter().map(|checksum| checksum.name);
    match super::nearest(name, known) {
        Some(near) => format!("no checksum is called `{name}`; did you mean `{near}`?"),
        None => format!("no checksum is called `{name}`"),
    }
}

fn check(rule: &Rule, parsed: bool) -> Result<(), String> {
    if let Some(path) = rule.path.as_ref().filter(|_| !parsed) {
        parse_pattern(path).map_err(|error| format!("path: {error}"))?;
    }
    if rule.entropy.is_some_and(|bits| !(0.0..=8.0).contains(&bits)) {
        return Err("`entropy` is in bits a character, 0 to 8".into());
    }
    if let Some(find) = rule.finds.iter().find(|find| !find.text.contains(&find.secret)) {
        return Err(format!("the secret of a `finds` does not stand in its text: {}", find.text));
    }
    part::check(&rule.parts, &rule.finds)?;
    if rule.ignores.iter().any(|ignore| ignore.why.trim().is_empty()) {
        return Err("an `ignores` needs its reason, `why`".into());
    }
    Ok(())
}

/// Examples that are given replace those that are inherited; a rule for other paths inherits none that fit.
fn finds(entry: &Entry, base: Option<&Rule>) -> Result<Vec<Find>, String> {
    let Some(given) = &entry.finds else {
        let inherited =
            base.filter(|base| entry.path.as_deref().is_none_or(|path| base.path() == Some(path)));
        return Ok(inherited.map_or_else(Vec::new, |base| base.finds.clone()));
    };
    if given.iter().any(|find| find.secret.is_empty()) {
        return Err("a `finds` needs its `secret`".into());
    }
    let find = |f: &super::file::FindEntry| Find {
        text: f.text.clone(),
        secret: f.secret.clone(),
        encoded: f.encoded,
        path: f.path.clone(),
        parts: f.parts.clone(),
    };
    Ok(given.iter().map(find).collect())
}

fn ignores(entry: &Entry, base: Option<&Rule>) -> Vec<Ignore> {
    let Some(given) = &entry.ignores else {
        return base.map_or_else(Vec::new, |base| base.ignores.clone());
    };
    let ignore = |i: &super::file::IgnoreEntry| Ignore {
        text: i.text.clone(),
        why: i.why.clone(),
        path: i.path.clone(),
    };
    given.iter().map(ignore).collect()
}

/// What is let pass adds up.
fn allow(draft: &Draft, base: Option<&Rule>) -> Result<Vec<Allow>, String> {
    let given = draft.entry.allow.iter().flatten();
    if given.clone().any(|entry| entry.rules.is_some()) {
        return Err("`rules` is of an [[allow]] at the top of a file; this one is of its rule".into());
    }
    let allow: Vec<Allow> =
        base.iter().flat_map(|base| base.allow.clone()).chain(given.map(Allow::from)).collect();
    if draft.checked.is_none() {
        allow.iter().try_for_each(Allow::check)?;
    }
    Ok(allow)
}

/// The keys that say what a rule looks for.
#[derive(Default)]
struct Wish {
    pattern: Option<String>,
    keywords: Vec<String>,
    words: Option<Vec<String>>,
    and: Vec<String>,
    value: Option<String>,
}

fn has_shape(entry: &Entry) -> bool {
    entry.pattern.is_some()
        || entry.keywords.is_some()
        || entry.words.is_some()
        || entry.and.is_some()
        || entry.value.is_some()
}

impl Wish {
    /// What `entry` says, and for what it leaves open, `base`; a rule with a pattern and one with words share nothing.
    fn of(entry: &Entry, base: Option<&Rule>) -> Self {
        // A `value` beside `fields` is theirs.
        let fields = entry.fields.is_some() || base.is_some_and(|base| !base.asked().is_empty());
        let keyed = entry.words.is_some() || (entry.value.is_some() && !fields);
        let inherited = match base.map(Rule::shape) {
            Some(Shape::Pattern(pattern)) if !keyed => {
                Self { pattern: Some(pattern.clone()), ..Self::default() }
            }
            Some(Shape::Keyed { words, and, value }) if entry.pattern.is_none() => Self {
                words: Some(words.clone()),
                and: and.clone(),
                value: Some(value.clone()),
                ..Self::default()
            },
            _ => Self::default(),
        };
        Self {
            pattern: entry.pattern.clone().or(inherited.pattern),
            keywords: entry.keywords.clone().unwrap_or_default(),
            words: entry.words.clone().or(inherited.words),
            and: entry.and.clone().unwrap_or(inherited.and),
            value: entry.value.clone().or(inherited.value),
        }
    }
}

/// The shape of a rule that asks for fields or not.
fn shape(wish: &Wish, fields: bool, checked: Option<&Checked>) -> Result<(Shape, Anchor), String> {
    if let (Some(value), None) = (&wish.value, checked) {
        parse_pattern(value).map_err(|error| format!("value: {error}"))?;
    }
    // Beside a pattern, `value` is for the values of fields.
    let bare = wish.value.is_none();
    match (&wish.pattern, &wish.words, &wish.value) {
        (None, None, _) if fields && wish.and.is_empty() && wish.keywords.is_empty() => {
            Ok((Shape::Fields, Anchor::default()))
        }
        (Some(pattern), None, _) if wish.and.is_empty() && (bare || fields) => {
            if let Some(anchor) = checked.and_then(|checked| checked.anchor.clone()) {
                return Ok((Shape::Pattern(pattern.clone()), anchor));
            }
            let hir = parse_pattern(pattern).map_err(|error| format!("pattern: {error}"))?;
            let secrets = capture_names(&hir).into_iter().filter(|name| name == "secret").count();
            if secrets != 1 {
                return Err("the pattern needs exactly one group `(?<secret>…)`".into());
            }
            let anchor = if wish.keywords.is_empty() {
                literal::derive(&hir).ok_or(
                    "no literal of three bytes stands in every match: give `keywords`, or `words` and `value`",
                )?
            } else {
                check_words("keywords", &wish.keywords)?;
                literal::given(&hir, &wish.keywords)
            };
            Ok((Shape::Pattern(pattern.clone()), anchor))
        }
        (None, Some(words), Some(value)) if wish.keywords.is_empty() => {
            check_words("words", words)?;
            if words.is_empty()
                || words.iter().chain(&wish.and).any(|word| *word != word.to_ascii_lowercase())
            {
                return Err("`words` and `and` are in lower case, and `words` is not empty".into());
            }
            let anchor = Anchor { literals: spellings(words), fold: true, ..Anchor::default() };
            let keyed = Shape::Keyed { words: words.clone(), and: wish.and.clone(), value: value.clone() };
            Ok((keyed, anchor))
        }
        _ => Err(
            "a rule has either `pattern` (and `keywords`), or `words` and `value` (and `and`), or `fields`"
                .into(),
        ),
    }
}

/// The words as they stand in keys: `docker_pass` also as `docker.pass`.
fn spellings(words: &[String]) -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = words.iter().map(|word| word.clone().into_bytes()).collect();
    let inner = |word: &&String| word.get(1..word.len() - 1).is_some_and(|inner| inner.contains('_'));
    all.extend(words.iter().filter(inner).map(|word| word.replace('_', ".").into_bytes()));
    all.sort();
    all.dedup();
    all
}

fn check_words(key: &str, words: &[String]) -> Result<(), String> {
    let fits = |word: &String| (2..=LONGEST_WORD).contains(&word.len());
    if let Some(word) = words.iter().find(|word| !fits(word)) {
        return Err(format!("`{key}`: `{word}` does not have 2 to {LONGEST_WORD} bytes"));
    }
    if words.len() > MAX_WORDS {
        return Err(format!("`{key}` has {} words, and at most {MAX_WORDS} are possible", words.len()));
    }
    Ok(())
}
