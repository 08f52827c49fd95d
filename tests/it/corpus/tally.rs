//! Counts of what was found, and the tables that show them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use layersift::signature::{Confidence, Rule};

use super::Hit;
use super::token::Kind;

/// How a token was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// By its rule.
    Own,
    /// By another rule.
    Other,
    /// Only in the tier that is hidden by default.
    Hidden,
    /// More or less than its letters.
    Part,
    Missed,
}

impl Found {
    pub(super) fn new(rule: &Rule, token: &str, hits: &[Hit<'_>]) -> Self {
        let whole = |hit: &&Hit<'_>| hit.secret == token.as_bytes() && hit.confidence > Confidence::Example;
        let shown =
            |hit: &&Hit<'_>| whole(hit) && hit.confidence >= Confidence::Likely.min(rule.confidence());
        let within = |text: &[u8], part: &[u8]| text.windows(part.len().max(1)).any(|piece| piece == part);
        let part =
            |hit: &Hit<'_>| within(&hit.secret, token.as_bytes()) || within(token.as_bytes(), &hit.secret);
        if hits.iter().filter(shown).any(|hit| hit.rule.id() == rule.id()) {
            Self::Own
        } else if hits.iter().any(|hit| shown(&hit)) {
            Self::Other
        } else if hits.iter().any(|hit| whole(&hit)) {
            Self::Hidden
        } else if hits.iter().any(part) {
            Self::Part
        } else {
            Self::Missed
        }
    }
}

/// Numbers of one row.
#[derive(Debug, Clone, Copy, Default)]
struct Row {
    own: usize,
    other: usize,
    hidden: usize,
    part: usize,
    missed: usize,
}

impl Row {
    fn count(&mut self, found: Found) {
        match found {
            Found::Own => self.own += 1,
            Found::Other => self.other += 1,
            Found::Hidden => self.hidden += 1,
            Found::Part => self.part += 1,
            Found::Missed => self.missed += 1,
        }
    }

    fn all(&self) -> usize {
        self.own + self.other + self.hidden + self.part + self.missed
    }

    fn recall(&self) -> f64 {
        percent(self.own + self.other, self.all())
    }

    fn add(&mut self, other: Self) {
        self.own += other.own;
        self.other += other.other;
        self.hidden += other.hidden;
        self.part += other.part;
        self.missed += other.missed;
    }
}

/// Near misses and how many of them were found.
#[derive(Debug, Clone, Copy, Default)]
struct Alarms {
    all: usize,
    found: usize,
}

#[expect(clippy::cast_precision_loss, reason = "counts of a test are small")]
fn percent(part: usize, whole: usize) -> f64 {
    if whole == 0 { 100.0 } else { 100.0 * part as f64 / whole as f64 }
}

/// Everything that was counted.
pub(super) struct Tally {
    contexts: BTreeMap<(Kind, &'static str), Row>,
    rules: BTreeMap<(Kind, String), Row>,
    near: BTreeMap<(Kind, &'static str), Alarms>,
    alarming: BTreeMap<(String, &'static str), Vec<String>>,
    /// Whether each text that failed is shown.
    loud: bool,
}

impl Tally {
    pub(super) fn new(loud: bool) -> Self {
        Self {
            contexts: BTreeMap::new(),
            rules: BTreeMap::new(),
            near: BTreeMap::new(),
            alarming: BTreeMap::new(),
            loud,
        }
    }

    pub(super) fn recall_of(&mut self, rule: &Rule, context: &'static str, found: Found, text: &[u8]) {
        let kind = Kind::of(rule);
        self.contexts.entry((kind, context)).or_default().count(found);
        self.rules.entry((kind, rule.id().to_owned())).or_default().count(found);
        if self.loud && found != Found::Own {
            eprintln!("{found:?} {} in {context}: {}", rule.id(), excerpt(text));
        }
    }

    pub(super) fn alarm_of(&mut self, rule: &Rule, near: &'static str, wrong: Option<&Rule>, text: &[u8]) {
        let row = self.near.entry((Kind::of(rule), near)).or_default();
        row.all += 1;
        let Some(wrong) = wrong else { return };
        row.found += 1;
        self.alarming.entry((rule.id().to_owned(), near)).or_default().push(wrong.id().to_owned());
        if self.loud {
            eprintln!("alarm of {} for {}, {near}: {}", wrong.id(), rule.id(), excerpt(text));
        }
    }

    pub(super) fn and(mut self, other: Self) -> Self {
        for (key, row) in other.contexts {
            self.contexts.entry(key).or_default().add(row);
        }
        for (key, row) in other.rules {
            self.rules.entry(key).or_default().add(row);
        }
        for (key, row) in other.near {
            let own = self.near.entry(key).or_default();
            own.all += row.all;
            own.found += row.found;
        }
        for (key, rules) in other.alarming {
            self.alarming.entry(key).or_default().extend(rules);
        }
        self
    }

    fn of(&self, kind: Kind) -> Row {
        let mut sum = Row::default();
        self.rules.iter().filter(|((own, _), _)| *own == kind).for_each(|(_, row)| sum.add(*row));
        sum
    }

    /// Percent of the tokens of a kind that were found whole, by whatever rule, and are shown by default.
    pub(super) fn recall(&self, kind: Kind) -> f64 {
        self.of(kind).recall()
    }

    /// Percent of the near misses that raise an alarm.
    pub(super) fn alarms(&self) -> f64 {
        let sum = |count: fn(&Alarms) -> usize| self.near.values().map(count).sum();
        percent(sum(|row| row.found), sum(|row| row.all))
    }

    pub(super) fn summary(&self) -> String {
        let mut out = String::from(HEAD);
        for kind in Kind::ALL {
            line(&mut out, kind.name(), "", &self.of(kind));
        }
        let near: usize = self.near.values().map(|row| row.all).sum();
        writeln!(out, "alarms: {:.2} % of {near} near misses", self.alarms()).unwrap();
        out
    }

    /// By kind, by context, by near miss, and the rules that fall short.
    pub(super) fn tables(&self) -> String {
        let mut out = self.summary() + "\n" + HEAD;
        for ((kind, context), row) in &self.contexts {
            line(&mut out, kind.name(), context, row);
        }
        writeln!(out, "\n| near misses of | | all | alarms | % |").unwrap();
        for ((kind, near), row) in &self.near {
            let share = percent(row.found, row.all);
            writeln!(out, "| {} | {near} | {} | {} | {share:.2} |", kind.name(), row.all, row.found).unwrap();
        }
        out += "\n";
        out += HEAD;
        let mut worst: Vec<_> = self.rules.iter().filter(|(_, row)| row.recall() < 95.0).collect();
        worst.sort_by(|a, b| a.1.recall().total_cmp(&b.1.recall()));
        for ((kind, rule), row) in worst.iter().take(120) {
            line(&mut out, kind.name(), rule, row);
        }
        for ((rule, near), wrong) in self.alarming.iter().take(120) {
            writeln!(out, "alarm: {rule}, {near}: {}", wrong.join(" ")).unwrap();
        }
        out
    }
}

const HEAD: &str = "| kind | | tokens | own rule | other rule | hidden | in part | missed | recall % |\n";

fn line(out: &mut String, kind: &str, what: &str, row: &Row) {
    let Row { own, other, hidden, part, missed } = row;
    let (all, recall) = (row.all(), row.recall());
    writeln!(
        out,
        "| {kind} | {what} | {all} | {own} | {other} | {hidden} | {part} | {missed} | {recall:.1} |"
    )
    .unwrap();
}

/// The middle of a text that is too long to be read.
fn excerpt(text: &[u8]) -> String {
    let from = if text.len() > 4000 { text.len() / 2 - 200 } else { 0 };
    text[from..text.len().min(from + 400)].escape_ascii().to_string()
}
