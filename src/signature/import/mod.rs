//! Rules of Gitleaks and Betterleaks become rules of this program, and what cannot become one is told.
//!
//! Nothing is dropped in silence: whatever a file says that has no meaning here, or another one, is a [`Note`], and so is
//! a rule that was left out.
//!
//! | there | here |
//! |---|---|
//! | `regex`, `secretGroup` | `pattern` with the group `secret`: the group that is named, else the only one, else all |
//! | `keywords` | literals of the pattern; where it has none, words that must stand in the key |
//! | `entropy`, `path`, `tags` | `entropy`, `path`, `source` |
//! | `allowlist`, `allowlists` | `allow` |
//! | `extend.disabledRules`, rules that change others | `disable` and `extends`, if there is a rule of that id |
//! | `filter`, `prefilter` | `entropy` and `allow`, where they are such conditions |
//! | `required` and other conditions | nothing: without them the confidence is `review` |

mod convert;
mod example;
mod filter;
mod gitleaks;
mod go_regex;
mod sample;
mod write;

use std::collections::BTreeSet;

use self::gitleaks::{Allowlist, Rule};
use super::{Allow, Confidence, RuleError, RuleSet};

/// Deepest nesting of configurations that extend others.
const DEEPEST: usize = 8;

/// What was imported, and what there is to tell of it.
#[derive(Debug, Clone, Default)]
pub struct Import {
    provider: String,
    rules: Vec<Imported>,
    /// Ids of rules of this program.
    disable: Vec<String>,
    /// What all imported rules let pass, or those that are named.
    allow: Vec<(Option<Vec<String>>, Allow)>,
    notes: Vec<Note>,
}

/// One imported rule.
#[derive(Debug, Clone, Default)]
struct Imported {
    /// As it was there.
    from: String,
    id: String,
    extends: Option<String>,
    name: Option<String>,
    why: Option<String>,
    confidence: Option<Confidence>,
    pattern: Option<String>,
    keywords: Vec<String>,
    words: Vec<String>,
    value: Option<String>,
    entropy: Option<f64>,
    path: Option<String>,
    source: Option<String>,
    also: BTreeSet<String>,
    allow: Vec<Allow>,
    finds: Vec<Example>,
    ignores: Vec<Example>,
    unproven: Option<String>,
}

/// An example of an imported rule: its text, a template, with its credential or why it is none.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Example {
    text: String,
    about: String,
    path: Option<String>,
}

/// Something that did not come over as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// File and line.
    pub place: String,
    /// Id of the rule, as it was there.
    pub rule: Option<String>,
    /// Whether it is missing here, and not only changed.
    pub left_out: bool,
    /// What, and why.
    pub message: String,
}

impl std::fmt::Display for Note {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let what = if self.left_out { "left out" } else { "changed" };
        match &self.rule {
            Some(rule) => write!(f, "{}: rule `{rule}` {what}: {}", self.place, self.message),
            None => write!(f, "{}: {what}: {}", self.place, self.message),
        }
    }
}

/// Finds the file that another one names: from the path that stands there, and the other's name, to name and text.
pub type Loader<'l> = dyn Fn(&str, &str) -> Result<(String, String), String> + 'l;

/// Imports configurations, given as name and text.
pub fn import(files: &[(String, String)], load: &Loader<'_>) -> Result<Import, RuleError> {
    let mut import = Import::default();
    let mut titles = Vec::new();
    for (name, text) in files {
        let mut gathered = Gathered::default();
        gathered.read(name, text, load, &mut vec![name.clone()])?;
        titles.extend(gathered.title.take());
        gathered.convert(&mut import, files.len() == 1);
    }
    import.provider = match &titles[..] {
        [title] if files.len() == 1 => title.clone(),
        _ => "Imported".into(),
    };
    Ok(import)
}

/// What a configuration says together with those that it extends.
#[derive(Default)]
struct Gathered {
    title: Option<String>,
    /// With the place of each.
    rules: Vec<(String, Rule)>,
    shared: Vec<(String, Allowlist)>,
    /// Expressions for all rules.
    filters: Vec<(String, String)>,
    disabled: Vec<(String, String)>,
    use_default: bool,
    notes: Vec<Note>,
}

impl Gathered {
    /// Reads a configuration on top of what it extends; `within` are those that extend it, and itself.
    fn read(
        &mut self,
        name: &str,
        text: &str,
        load: &Loader<'_>,
        within: &mut Vec<String>,
    ) -> Result<(), RuleError> {
        let (config, rules) = gitleaks::parse(name, text)?;
        let place = format!("{name}:1");
        let mut note = |message: String| {
            self.notes.push(Note { place: place.clone(), rule: None, left_out: true, message });
        };
        config.unknown.keys().for_each(|key| note(format!("`{key}` means nothing here")));
        if let Some(url) = &config.extend.url {
            note(format!("extend.url: nothing is fetched; save what is at {url} and import it too"));
        }
        if let Some(path) = &config.extend.path {
            match load(path, name) {
                Ok((found, _)) if within.contains(&found) || within.len() >= DEEPEST => {
                    note(format!("extend.path: {path} leads back, or too deep"));
                }
                Ok((found, text)) => {
                    within.push(found.clone());
                    self.read(&found, &text, load, within)?;
                    within.pop();
                }
                Err(error) => note(format!("extend.path: {path} cannot be read: {error}")),
            }
        }
        self.title = config.title.filter(|title| !title.trim().is_empty()).or(self.title.take());
        self.use_default |= config.extend.use_default;
        for id in config.extend.disabled_rules {
            let before = self.rules.len();
            self.rules.retain(|(_, rule)| rule.id != id);
            if self.rules.len() == before {
                self.disabled.push((place.clone(), id));
            }
        }
        let base = self.rules.len();
        for (line, rule) in rules {
            self.add(format!("{name}:{line}"), rule, base);
        }
        let filters = config.filter.into_iter().chain(config.prefilter);
        self.filters.extend(filters.map(|filter| (place.clone(), filter)));
        let lists = config.allowlist.into_iter().chain(config.allowlists);
        self.shared.extend(lists.map(|list| (place.clone(), list)));
        Ok(())
    }

    /// Adds a rule, or what it says to one of the first `base` rules, which stand below it.
    fn add(&mut self, place: String, rule: Rule, base: usize) {
        match self.rules[..base].iter_mut().find(|(_, other)| !rule.id.is_empty() && other.id == rule.id) {
            Some((_, below)) => below.changed_by(rule),
            None => self.rules.push((place, rule)),
        }
    }

    fn convert(self, import: &mut Import, alone: bool) {
        import.notes.extend(self.notes);
        if self.use_default {
            let message =
                "extend.useDefault: the rules of this program take the place of the default ones there";
            let place = self.shared.first().map_or("extend", |(place, _)| place).to_owned();
            import.notes.push(Note { place, rule: None, left_out: false, message: message.into() });
        }
        for (place, id) in self.disabled {
            if RuleSet::embedded().named(&id).is_some() {
                import.disable.push(id);
            } else {
                let message =
                    "it is turned off there, and no rule has that id here: `layersift rules list`".into();
                import.notes.push(Note { place, rule: Some(id), left_out: true, message });
            }
        }
        let first = import.rules.len();
        for (place, rule) in &self.rules {
            convert::rule(import, rule, place);
        }
        let own: Vec<(String, String)> =
            import.rules[first..].iter().map(|rule| (rule.from.clone(), rule.id.clone())).collect();
        let reach = convert::Reach { own: &own, all: self.use_default, alone };
        for (place, list) in &self.shared {
            convert::shared(import, list, place, &reach);
        }
        for (place, filter) in &self.filters {
            convert::shared_filter(import, filter, place, &reach);
        }
    }
}

impl Import {
    /// What did not come over as it was.
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// How many rules came over.
    pub fn count(&self) -> usize {
        self.rules.len()
    }

    /// How many of them did not come over as they were.
    pub fn changed(&self) -> usize {
        let changed = |rule: &&Imported| {
            self.notes.iter().any(|note| !note.left_out && note.rule.as_ref() == Some(&rule.from))
        };
        self.rules.iter().filter(changed).count()
    }

    /// How many have no examples.
    pub fn without_examples(&self) -> usize {
        self.rules.iter().filter(|rule| rule.unproven.is_some()).count()
    }

    /// Says that `rule` and `other` may claim the same text.
    pub fn share(&mut self, rule: &str, other: &str) {
        if let Some(rule) = self.rules.iter_mut().find(|own| own.id == rule) {
            rule.also.insert(other.to_owned());
        }
    }

    /// Takes the examples of `rule` away, because they do not hold, and says so.
    pub fn unproven(&mut self, rule: &str, why: &str) {
        if let Some(rule) = self.rules.iter_mut().find(|own| own.id == rule) {
            rule.finds.clear();
            rule.ignores.clear();
            rule.unproven = Some(why.to_owned());
        }
    }

    /// The rule file.
    pub fn to_toml(&self) -> String {
        write::file(self)
    }
}
