//! The exit code, decided in one place.
//!
//! Findings win over gaps: who sees 1 has something to do, whatever else was not looked at. 0 means that everything
//! was looked at, unless somebody said that parts are enough.

use layersift::findings::{Finding, Outcome};
use layersift::report::side::Found;

use super::settings::Settings;

/// How a run ended, as its caller sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Nothing found, and everything looked at.
    Clean = 0,
    /// A finding that fails the run, as the policy says.
    Findings = 1,
    /// The command line, the environment or the configuration file is wrong.
    Usage = 2,
    /// An image could not be read at all, or the report could not be written.
    Failed = 3,
    /// No finding that fails the run, and something was not looked at.
    Partial = 4,
}

/// What the exit code depends on, beside what the policy made of the findings.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Gate {
    /// Whether gaps are accepted.
    pub(crate) allow_partial: bool,
}

impl Gate {
    /// What the settings ask for.
    pub(crate) fn new(settings: &Settings) -> Self {
        Self { allow_partial: settings.allow_partial }
    }

    /// The exit code after scanning inputs of which `unreadable` could not be read at all.
    pub(crate) fn exit<'a>(self, outcomes: impl IntoIterator<Item = &'a Outcome>, unreadable: usize) -> Exit {
        let (mut failing, mut gaps) = (false, false);
        for outcome in outcomes {
            failing |= outcome.findings.iter().any(Finding::fails);
            gaps |= outcome.has_gaps();
        }
        self.code(failing, unreadable > 0, gaps)
    }

    /// The exit code for findings that are read from reports.
    pub(crate) fn found_exit<'f>(self, found: impl IntoIterator<Item = &'f Found>, gaps: u64) -> Exit {
        self.code(found.into_iter().any(Found::fails), false, gaps > 0)
    }

    fn code(self, failing: bool, unreadable: bool, gaps: bool) -> Exit {
        match (failing, unreadable, gaps && !self.allow_partial) {
            (true, _, _) => Exit::Findings,
            (false, true, _) => Exit::Failed,
            (false, false, true) => Exit::Partial,
            (false, false, false) => Exit::Clean,
        }
    }
}

/// Why a run ended early, and with which code.
pub(crate) struct Stopped {
    pub(crate) exit: Exit,
    pub(crate) error: anyhow::Error,
}

/// Gives an error its exit code.
pub(crate) trait OrStop<T> {
    fn or_stop(self, exit: Exit) -> Result<T, Stopped>;
}

impl<T, E: Into<anyhow::Error>> OrStop<T> for Result<T, E> {
    fn or_stop(self, exit: Exit) -> Result<T, Stopped> {
        self.map_err(|error| Stopped { exit, error: error.into() })
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

#[cfg(test)]
mod tests {
    use layersift::findings::policy::{Policy, Rule};
    use layersift::findings::suppress::Date;
    use layersift::problem::{Problem, ProblemKind};
    use layersift::secret::{FingerprintKey, Secret};
    use layersift::signature::{Confidence, Severity};

    use super::*;

    fn outcome(severity: Option<Severity>, problem: Option<ProblemKind>) -> Outcome {
        let secret = Secret::new("a secret");
        let finding = severity.map(|severity| Finding {
            id: String::new(),
            rule: String::new(),
            provider: String::new(),
            name: String::new(),
            severity,
            confidence: Confidence::Likely,
            fingerprint: secret.fingerprint(&FingerprintKey::default()),
            secret,
            facts: Vec::new(),
            parts: Vec::new(),
            why: String::new(),
            revoke: None,
            fix: Vec::new(),
            places: Vec::new(),
            known: None,
            verdict: None,
        });
        Outcome {
            findings: finding.into_iter().collect(),
            problems: problem.map(|kind| Problem::new(kind, "", "", "")).into_iter().collect(),
            ..Outcome::default()
        }
    }

    #[test]
    fn every_combination_has_its_code() {
        use Exit::{Clean, Failed, Findings, Partial};
        let clean = || outcome(None, None);
        let found = |severity| outcome(Some(severity), None);
        let gap = || outcome(None, Some(ProblemKind::Damaged));
        let both = |severity| outcome(Some(severity), Some(ProblemKind::Limit));
        let any = (Some(Severity::Low), false);
        let high = (Some(Severity::High), false);
        let never = (None, false);
        let partial = (Some(Severity::Low), true);
        let table = [
            (any, vec![clean()], 0, Clean),
            (any, vec![outcome(None, Some(ProblemKind::Note))], 0, Clean),
            (any, vec![found(Severity::Low)], 0, Findings),
            (any, vec![gap()], 0, Partial),
            (any, vec![both(Severity::Low)], 0, Findings),
            (any, vec![], 1, Failed),
            (any, vec![clean()], 1, Failed),
            (any, vec![gap()], 1, Failed),
            (any, vec![found(Severity::Medium)], 1, Findings),
            (any, vec![clean(), gap()], 0, Partial),
            (any, vec![gap(), found(Severity::Low)], 0, Findings),
            (high, vec![found(Severity::Medium)], 0, Clean),
            (high, vec![found(Severity::High)], 0, Findings),
            (high, vec![found(Severity::Critical)], 0, Findings),
            (high, vec![both(Severity::Medium)], 0, Partial),
            (never, vec![found(Severity::Critical)], 0, Clean),
            (never, vec![both(Severity::Critical)], 0, Partial),
            (never, vec![found(Severity::Critical)], 1, Failed),
            (partial, vec![gap()], 0, Clean),
            (partial, vec![both(Severity::Low)], 0, Findings),
            (partial, vec![gap()], 1, Failed),
        ];
        for (row, ((fail_on, allow_partial), mut outcomes, unreadable, expected)) in
            table.into_iter().enumerate()
        {
            Policy::new(Rule::fail_on(fail_on), Date::MIN).apply(&mut outcomes);
            assert_eq!(Gate { allow_partial }.exit(&outcomes, unreadable), expected, "row {row}");
        }
    }
}
