//! Rules that options stand for.

use super::{Action, Rule};
use crate::findings::Origin;
use crate::findings::condition::Condition;
use crate::signature::Severity;

impl Rule {
    /// Everything that no rule before it matched.
    pub fn everything(action: Action) -> Self {
        Self::shorthand("what no other rule matches", action, Vec::new())
    }

    /// `--fail-on`: what is of `least` severity or worse fails and the rest passes; with none everything passes.
    pub fn fail_on(least: Option<Severity>) -> Vec<Self> {
        let rule = |action, conditions| {
            let least = least.map_or("none", Severity::as_str);
            Self::shorthand(&format!("--fail-on {least}"), action, conditions)
        };
        match least {
            Some(Severity::Low) => Vec::new(),
            Some(least) => vec![
                rule(Action::Fail, vec![Condition::MinSeverity(least)]),
                Self::shorthand(&format!("less than --fail-on {}", least.as_str()), Action::Pass, Vec::new()),
            ],
            None => vec![rule(Action::Pass, Vec::new())],
        }
    }

    /// `--own-only`: what the base has too passes.
    pub fn own_only() -> Self {
        Self::shorthand("--own-only", Action::Pass, vec![Condition::Origin(vec![Origin::Base])])
    }

    /// `--fail-on-new`: what a baseline knows passes.
    pub fn fail_on_new() -> Self {
        Self::shorthand("--fail-on-new", Action::Pass, vec![Condition::Known(true)])
    }

    fn shorthand(name: &str, action: Action, conditions: Vec<Condition>) -> Self {
        Self { name: name.to_owned(), at: None, action, expires: None, conditions }
    }
}
