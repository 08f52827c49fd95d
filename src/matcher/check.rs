//! Whether the rules keep the promises of their own examples.
//!
//! Every `finds` must yield exactly its credential for its rule, every `ignores` nothing of it: with the prefilter and
//! without, with Unix and Windows line ends, alone and in the middle of a long line. And across rules: the text of an
//! example belongs to its rule, or to rules that say `also`.
//!
//! Where a user's rules stand on top of those of the program, the user's are checked, and of the program's only whether
//! a user's rule takes their examples away: the tests have checked the rest.

use std::ops::Range;
use std::sync::Arc;

use super::keyed::Memo;
use super::resolve::{rank, shares};
use super::structured::FieldHit;
use super::verify::{Compiled, Scene};
use super::{AFTER, BEFORE, Candidate, Claim, Matcher, NEAR, Surroundings, joins, resolve};
use crate::signature::template::{expand, expand_find};
use crate::signature::{Confidence, Part, Rule, RuleSet, Shape, nearest, structure};

/// What is wrong with one rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Complaint {
    /// Id of the rule.
    pub rule: String,
    /// What is wrong.
    pub message: String,
    /// Id of the rule that claims the same text, if that is what is wrong.
    pub rival: Option<String>,
}

impl std::fmt::Display for Complaint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "rule `{}`: {}", self.rule, self.message)
    }
}

/// What a check came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checked {
    /// How many rules were checked.
    pub count: usize,
    /// What is wrong.
    pub wrong: Vec<Complaint>,
    /// What is not proved: rules that have too few examples and say why, lists of what may pass without an example.
    pub notes: Vec<Complaint>,
}

/// Checks `rules`; their examples are only tried if all patterns compile.
pub fn check(rules: &Arc<RuleSet>) -> Checked {
    let all = rules.rules();
    let users = all.iter().any(|rule| !rule.is_embedded());
    let own = |rule: &&Rule| !users || !rule.is_embedded();
    let mut checked = Checked { count: all.iter().filter(own).count(), ..Checked::default() };
    for rule in all.iter().filter(own) {
        let compiled = super::verify::try_compile(rule).err();
        checked.wrong.extend(compiled.map(|message| complaint(rule, message)));
    }
    if checked.wrong.is_empty() {
        let matcher = Matcher::new(Arc::clone(rules));
        for (index, rule) in all.iter().enumerate() {
            if own(&rule) {
                proofs(rules, rule, &mut checked);
                examples(&matcher, index, rule, &mut checked.wrong);
                checked.notes.extend(unshown(&matcher, index, rule));
            } else {
                taken_away(&matcher, index, rule, &mut checked.wrong);
            }
        }
    }
    for complaints in [&mut checked.wrong, &mut checked.notes] {
        complaints.sort();
        complaints.dedup();
    }
    checked
}

/// Whether a rule has examples enough, and whether what it names is there.
fn proofs(rules: &RuleSet, rule: &Rule, checked: &mut Checked) {
    let (finds, ignores) = (rule.finds().len(), rule.ignores().len());
    let counts = format!("it has {finds} `finds` and {ignores} `ignores`");
    match rule.unproven() {
        _ if finds >= 2 && ignores >= 1 => {}
        Some(why) => checked.notes.push(complaint(rule, format!("{counts}: {why}"))),
        None => checked.wrong.push(complaint(
            rule,
            format!("{counts}, and needs two and one; if that cannot be, say why in `unproven`"),
        )),
    }
    let disabled = |id: &str| rules.disabled().iter().any(|disabled| disabled.rule.id() == id);
    for id in rule.also().iter().filter(|id| rules.named(id).is_none() && !disabled(id)) {
        let near = nearest(id, rules.rules().iter().map(Rule::id));
        let near = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
        checked.wrong.push(complaint(rule, format!("also: there is no rule `{id}`{near}")));
    }
    for part in rule.parts() {
        let name = &part.name;
        let shown = rule.finds().iter().any(|find| find.parts.contains_key(name));
        if !shown && rule.unproven().is_none() {
            let message = format!("part `{name}`: no `finds` shows it in its `parts`");
            checked.wrong.push(complaint(rule, message));
        }
        if let Some(id) = part.rule().filter(|id| rules.named(id).is_none() && !disabled(id)) {
            checked.wrong.push(complaint(rule, format!("part `{name}`: there is no rule `{id}`")));
        }
        let back = part.rule().and_then(|id| rules.named(id)).map(Rule::parts).unwrap_or_default();
        if back.iter().filter_map(Part::rule).any(|id| id == rule.id()) {
            checked
                .wrong
                .push(complaint(rule, format!("part `{name}`: its rule names this one as its part")));
        }
    }
}

/// Lists of what may pass without an `ignores` that would be found but for them.
fn unshown(matcher: &Matcher, index: usize, rule: &Rule) -> Vec<Complaint> {
    let own = rule.allow().iter().enumerate().filter(|(_, allow)| !allow.shared);
    let unshown = own.filter(|(number, _)| {
        let compiled = Compiled::without_allow(rule, *number);
        !rule.ignores().iter().enumerate().any(|(number, ignore)| {
            let text = expand(&ignore.text, &format!("{}/ignores/{number}", rule.id()));
            let around = Surroundings { path: ignore.path.as_deref().map(str::as_bytes), pair: None };
            let mut found = false;
            for candidate in every_position(matcher, index, text.as_bytes()) {
                let scene =
                    Scene { candidate, text: text.as_bytes(), around, memo: &Memo::default(), tried: None };
                compiled.verify(rule, scene, &mut |_, _, _| found = true);
            }
            found
        })
    });
    unshown
        .map(|(_, allow)| complaint(rule, format!("no `ignores` shows its allow ({})", allow.why)))
        .collect()
}

/// Whether users' rules claim examples of a rule that is none of theirs.
fn taken_away(matcher: &Matcher, index: usize, rule: &Rule, complaints: &mut Vec<Complaint>) {
    for (number, find) in rule.finds().iter().enumerate() {
        let (text, expanded) = expand_find(find, &format!("{}/{number}", rule.id()));
        let secret = &expanded[0];
        let around = Surroundings { path: find.path.as_deref().map(str::as_bytes), pair: None };
        let hits = resolve(found(matcher, text.as_bytes(), around), &matcher.rules);
        if hits.iter().any(|hit| hit.rule == index) {
            continue;
        }
        let place = text.find(secret).map_or(0..0, |at| at..at + secret.len());
        let takes = |hit: &&Found| hit.range.start < place.end && place.start < hit.range.end;
        for taker in hits.iter().filter(takes).map(|hit| &matcher.rules.rules()[hit.rule]) {
            if !taker.is_embedded() && taker.derived_from() != Some(rule.id()) {
                let id = rule.id();
                let message = format!("it claims what rule `{id}` finds: {}", remedy(id));
                complaints.push(Complaint { rival: Some(id.to_owned()), ..complaint(taker, message) });
            }
        }
    }
}

fn remedy(id: &str) -> String {
    format!("make the pattern narrower, or say also = [\"{id}\"]")
}

fn complaint(rule: &Rule, message: impl Into<String>) -> Complaint {
    Complaint { rule: rule.id().into(), message: message.into(), rival: None }
}

fn examples(matcher: &Matcher, index: usize, rule: &Rule, complaints: &mut Vec<Complaint>) {
    for (number, find) in rule.finds().iter().enumerate() {
        let (text, expanded) = expand_find(find, &format!("{}/{number}", rule.id()));
        let wanted = Wanted { secret: &expanded[0], parts: find.parts.keys().zip(&expanded[1..]).collect() };
        let path = find.path.as_deref().map(str::as_bytes);
        for (form, text) in forms(rule, &text, wanted.secret, path) {
            let secret = wanted.secret.replace('\n', if form == "with CRLF" { "\r\n" } else { "\n" });
            let around = Surroundings { path, pair: None };
            let found = one(matcher, index, &text, &secret, around);
            let parts =
                || parts(matcher, index, &text, &wanted.parts, around).map_err(|message| (message, None));
            if let Err((message, rival)) = found.and_then(|()| parts()) {
                let place = format!("finds {} ({form}), {}", number + 1, find.text);
                complaints.push(Complaint { rival, ..complaint(rule, format!("{place}: {message}")) });
            }
        }
    }
    for (number, ignore) in rule.ignores().iter().enumerate() {
        let text = expand(&ignore.text, &format!("{}/ignores/{number}", rule.id()));
        let around = Surroundings { path: ignore.path.as_deref().map(str::as_bytes), pair: None };
        let hits = resolve(found(matcher, text.as_bytes(), around), &matcher.rules);
        if hits.iter().any(|hit| hit.rule == index && hit.confidence > Confidence::Example) {
            let message = format!("ignores {}, {}: it is found ({})", number + 1, ignore.text, ignore.why);
            complaints.push(complaint(rule, message));
        }
    }
}

/// What an example says that is found in it.
struct Wanted<'e> {
    secret: &'e str,
    /// Name and text.
    parts: Vec<(&'e String, &'e String)>,
}

/// Whether the parts of the example's credential are found as it says.
fn parts(
    matcher: &Matcher,
    index: usize,
    text: &str,
    wanted: &[(&String, &String)],
    around: Surroundings<'_>,
) -> Result<(), String> {
    let hits = resolve(found(matcher, text.as_bytes(), around), &matcher.rules);
    let Some(main) = hits.iter().position(|hit| hit.rule == index) else { return Ok(()) };
    let rule = &matcher.rules.rules()[index];
    let by_rule = joins(&hits, &matcher.rules, NEAR as u64).into_iter().filter(|join| join.main == main);
    let by_rule = by_rule.map(|join| (join.part, hits[join.other].range.clone()));
    let by_pattern = matcher.companions(index, &hits[main].range, text.as_bytes(), NEAR).into_iter();
    let found: Vec<(&str, &str)> = by_rule
        .chain(by_pattern.map(|companion| (companion.part, companion.range)))
        .map(|(part, range)| (rule.parts()[part].name.as_str(), text.get(range).unwrap_or_default()))
        .collect();
    // Of a file that is cut off, the parts behind the cut are not there.
    let there = |part: &str| text.contains(part);
    match wanted.iter().find(|(name, part)| there(part) && !found.contains(&(name.as_str(), part.as_str()))) {
        None => Ok(()),
        Some((name, part)) => Err(format!("its part `{name}` is {part}, found was {found:?}")),
    }
}

/// The forms in which an example is tried.
fn forms(rule: &Rule, text: &str, secret: &str, path: Option<&[u8]>) -> Vec<(&'static str, String)> {
    let line = ".".repeat(BEFORE + 100);
    let mut forms = vec![("as it is", text.to_owned()), ("with CRLF", text.replace('\n', "\r\n"))];
    // A bare value may go on to the end of its line, so only tokens are tried inside one.
    let token = matches!(rule.shape(), Shape::Pattern(_)) && !reads(rule, path, text.as_bytes());
    if token && !text.contains('\n') {
        let behind = " ".repeat(AFTER + 100);
        forms.push(("in a long line", format!("{line} {text} {behind}{line}")));
    }
    // A format that only a path tells is read as far as the file goes.
    let cut = text.find(secret).map(|at| &text[..at + secret.len()]);
    if let Some(cut) = cut.filter(|cut| reads(rule, path, cut.as_bytes())) {
        forms.push(("cut off behind the credential", cut.to_owned()));
    }
    forms
}

/// Whether the rule asks for a field of such a file.
fn reads(rule: &Rule, path: Option<&[u8]>, text: &[u8]) -> bool {
    let wanting = path.map(structure::wanting).unwrap_or_default();
    wanting.into_iter().any(|row| rule.asked().iter().any(|asked| asked.structure == row) && (row.is)(text))
}

/// A credential in an example.
struct Found {
    rule: usize,
    range: Range<usize>,
    secret: Vec<u8>,
    confidence: Confidence,
    field: bool,
}

impl Claim for Found {
    fn rule(&self) -> usize {
        self.rule
    }

    fn range(&self) -> Range<u64> {
        self.range.start as u64..self.range.end as u64
    }

    fn confidence(&self) -> Confidence {
        self.confidence
    }

    fn raise(&mut self, confidence: Confidence) {
        self.confidence = confidence;
    }

    fn by_field(&self) -> bool {
        self.field
    }
}

/// Everything that rules claim of an example, as a scan finds it: by candidates, and by the format of the file.
fn found(matcher: &Matcher, text: &[u8], around: Surroundings<'_>) -> Vec<Found> {
    let mut hits = Vec::new();
    for candidate in matcher.candidates(text) {
        matcher.verify(candidate, text, around, &mut hits);
    }
    let hits = hits.into_iter().map(|hit| Found {
        rule: hit.rule,
        secret: text[hit.secret.clone()].to_vec(),
        range: hit.secret,
        confidence: hit.confidence,
        field: false,
    });
    hits.chain(in_fields(matcher, text, around)).collect()
}

fn in_fields(matcher: &Matcher, text: &[u8], around: Surroundings<'_>) -> Vec<Found> {
    let hits = around.path.map(|path| matcher.fields(path, text, usize::MAX)).unwrap_or_default();
    let of = |hit: FieldHit| Found {
        rule: hit.rule,
        range: hit.range,
        secret: hit.secret,
        confidence: hit.confidence,
        field: true,
    };
    hits.into_iter().map(of).collect()
}

fn one(
    matcher: &Matcher,
    index: usize,
    text: &str,
    secret: &str,
    around: Surroundings<'_>,
) -> Result<(), (String, Option<String>)> {
    let bytes = text.as_bytes();
    let plain = |message: String| Err((message, None));
    let resolved = resolve(found(matcher, bytes, around), &matcher.rules);
    let own: Vec<&Found> = resolved.iter().filter(|hit| hit.rule == index).collect();
    match own[..] {
        [hit] if hit.secret == secret.as_bytes() => {
            if let Some(id) = rival(matcher, hit, &found(matcher, bytes, around)) {
                return Err((format!("rule `{id}` claims it as well: {}", remedy(&id)), Some(id)));
            }
        }
        [hit] => {
            let other = String::from_utf8_lossy(&hit.secret);
            return plain(format!("the credential is {secret}, found was {other}"));
        }
        [] => return Err(nothing(matcher, index, bytes, secret, around)),
        _ => return plain(format!("found {} times", own.len())),
    }
    let mut fields = in_fields(matcher, bytes, around).into_iter();
    if fields.any(|hit| hit.rule == index && hit.secret == secret.as_bytes()) {
        return Ok(());
    }
    let mut slow = Vec::new();
    for candidate in every_position(matcher, index, bytes) {
        let scene = Scene { candidate, text: bytes, around, memo: &Memo::default(), tried: None };
        matcher.verify_rule(index, scene, &mut slow);
    }
    if slow.iter().any(|hit| bytes[hit.secret.clone()] == *secret.as_bytes()) {
        return Ok(());
    }
    plain("the second stage alone does not find it".into())
}

/// Another rule that has as good a claim to the credential: which of the two names it would be chance. Between a user's rule
/// and one of the program that is no chance: `taken_away` tells it.
fn rival(matcher: &Matcher, own: &Found, all: &[Found]) -> Option<String> {
    let rule_of = |hit: &Found| &matcher.rules.rules()[hit.rule];
    let claim = |hit: &Found| (rank(rule_of(hit), hit.field, hit.confidence), hit.range.len());
    let rival = all.iter().find(|hit| {
        let overlaps = hit.range.start < own.range.end && hit.range.end > own.range.start;
        let (rule, other) = (rule_of(own), rule_of(hit));
        let alike = hit.rule != own.rule && rule.is_embedded() == other.is_embedded();
        alike && overlaps && claim(hit) == claim(own) && !shares(rule, other)
    });
    rival.map(|hit| rule_of(hit).id().to_owned())
}

/// Why nothing was found, and which rule claims it instead.
fn nothing(
    matcher: &Matcher,
    index: usize,
    bytes: &[u8],
    secret: &str,
    around: Surroundings<'_>,
) -> (String, Option<String>) {
    let hits = found(matcher, bytes, around);
    let claimed = hits.iter().any(|hit| hit.rule == index);
    let resolved = resolve(hits, &matcher.rules);
    let other = resolved.iter().find(|hit| hit.secret == *secret.as_bytes());
    match other.filter(|_| claimed).or(resolved.first().filter(|_| claimed)) {
        Some(hit) => {
            let id = matcher.rules.rules()[hit.rule].id();
            (format!("rule `{id}` claims it: {}", remedy(id)), Some(id.to_owned()))
        }
        None => ("nothing is found".into(), None),
    }
}

/// Where a literal of the rule stands, found without the prefilter.
fn every_position(matcher: &Matcher, index: usize, text: &[u8]) -> Vec<Candidate> {
    let anchor = matcher.rules.rules()[index].anchor();
    let mut found = Vec::new();
    for literal in &anchor.literals {
        for at in 0..(text.len() + 1).saturating_sub(literal.len()) {
            let here = &text[at..at + literal.len()];
            if here == &literal[..] || anchor.fold && here.eq_ignore_ascii_case(literal) {
                found.push(Candidate { at, length: literal.len(), literal: usize::MAX });
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_embedded_rule_keeps_the_promises_of_its_examples() {
        let checked = check(&RuleSet::embedded());
        let complaints: Vec<String> = checked.wrong.iter().map(ToString::to_string).collect();
        assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
        assert_eq!(checked.notes, [], "a rule of the program has its proofs");
        assert_eq!(checked.count, RuleSet::embedded().rules().len());
    }

    #[test]
    fn a_rule_that_does_not_find_its_example_is_told() {
        let good = include_str!("../../signatures/github.toml");
        let bad = good.replacen("ghp_[", "ghq_[", 1);
        assert_ne!(good, bad);
        let rules = Arc::new(RuleSet::parse([("bad.toml", bad.as_str())]).unwrap());
        assert!(!check(&rules).wrong.is_empty());
    }

    /// What a check says of these rules on top of those of `signatures/github.toml`.
    fn on_top_of_github(file: &str) -> Vec<String> {
        let embedded = RuleSet::embedded().retained(|rule| rule.file() == "github.toml");
        let rules = embedded.extended([("own.toml", file)]).unwrap_or_else(|error| panic!("{error}"));
        let Checked { wrong, notes, .. } = check(&Arc::new(rules));
        wrong
            .iter()
            .map(ToString::to_string)
            .chain(notes.iter().map(|note| format!("note: {note}")))
            .collect()
    }

    const EXAMPLES: &str = r#"
        [[rule.finds]]
        text   = "a ghp_{base62:30}{github-crc32}"
        secret = "ghp_{base62:30}{github-crc32}"
        [[rule.finds]]
        text   = "b=ghp_{base62:30}{github-crc32};"
        secret = "ghp_{base62:30}{github-crc32}"
        [[rule.ignores]]
        text = "ghp_"
        why  = "too short"
    "#;

    fn twin(more: &str) -> String {
        let pattern = r"\b(?<secret>ghp_[0-9A-Za-z]{36})\b";
        let head = "provider = 'Acme'\n[[rule]]\nid = 'acme-twin'\nname = 'Twin'\nseverity = 'low'";
        format!("{head}\nwhy = 'It is one.'\npattern = '{pattern}'\n{more}\n{EXAMPLES}")
    }

    #[test]
    fn a_rule_that_claims_what_another_finds_is_told() {
        let complaints = on_top_of_github(&twin("confidence = 'confirmed'"));
        assert!(complaints[0].contains("it claims what rule `github-pat` finds"), "{complaints:?}");
        let complaints = on_top_of_github(&twin(""));
        assert!(complaints[0].contains("rule `github-pat` claims it"), "{complaints:?}");
        assert_eq!(on_top_of_github(&twin("also = ['github-pat']")), [""; 0]);
        let complaints = on_top_of_github(&twin("also = ['github-pta']"));
        assert!(complaints.iter().any(|all| all.contains("did you mean `github-pat`?")), "{complaints:?}");
    }

    #[test]
    fn a_rule_takes_the_place_of_the_one_that_it_was_made_from() {
        let derived = "[[rule]]\nid = 'acme-pat'\nextends = 'github-pat'\nconfidence = 'review'";
        assert_eq!(on_top_of_github(derived), [""; 0]);
    }

    #[test]
    fn a_list_of_what_may_pass_is_shown_by_an_example() {
        let shown = "[[rule.ignores]]\ntext = 'ghp_{base62:30}{github-crc32} # made up'\nwhy = 'made up'";
        let allow = "[[rule.allow]]\nwhy = 'made up'\nline = ['# made up']";
        let twin = format!("{}\n{allow}", twin("also = ['github-pat']"));
        assert_eq!(
            on_top_of_github(&twin),
            ["note: rule `acme-twin`: no `ignores` shows its allow (made up)"]
        );
        assert_eq!(on_top_of_github(&format!("{twin}\n{shown}")), [""; 0]);
    }

    #[test]
    fn a_rule_without_examples_is_wrong_unless_it_says_why() {
        let bare = twin("also = ['github-pat']").replace(EXAMPLES, "");
        let complaints = on_top_of_github(&bare);
        assert!(
            complaints[0].contains("has 0 `finds` and 0 `ignores`, and needs two and one"),
            "{complaints:?}"
        );
        let complaints = on_top_of_github(&format!("{bare}\nunproven = 'Nobody has one.'"));
        assert_eq!(complaints, ["note: rule `acme-twin`: it has 0 `finds` and 0 `ignores`: Nobody has one."]);
    }
}
