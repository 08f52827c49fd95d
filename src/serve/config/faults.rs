//! What is wrong with a configuration, and where. Each fault names its table and key, so that whoever has the file can name the
//! line, and says what to write instead. All of them are collected before any is told.

use std::fmt;

/// Where something stands in the table `[serve]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Place {
    /// The table below it, such as `hook`; empty: `[serve]` itself.
    pub table: &'static str,
    /// Which of several such tables, from 0.
    pub number: Option<usize>,
    /// The key; empty: the table as a whole.
    pub key: &'static str,
}

/// What is wrong, or what may not be meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where.
    pub place: Place,
    /// What, and what to do.
    pub why: String,
}

/// What is wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(Fault::to_string).collect::<Vec<_>>().join("\n"))]
pub struct Faults(pub Vec<Fault>);

/// Collects what there is to say.
#[derive(Debug, Default)]
pub(super) struct Said {
    pub(super) faults: Vec<Fault>,
    /// What works, and should not be so.
    pub(super) cautions: Vec<Fault>,
}

/// Collects what there is to say of one table.
pub(super) struct InTable<'s> {
    said: &'s mut Said,
    table: &'static str,
    number: Option<usize>,
}

impl fmt::Display for Place {
    /// `serve.hook 2, header`: tables are counted from 1, as people do.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { table, number, key } = *self;
        f.write_str("serve")?;
        if !table.is_empty() {
            write!(f, ".{table}")?;
        }
        match number {
            Some(number) if key.is_empty() => write!(f, " {}", number + 1),
            Some(number) => write!(f, " {}, {key}", number + 1),
            None if key.is_empty() => Ok(()),
            None => write!(f, ".{key}"),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.why)
    }
}

impl Said {
    /// For what is said of `[serve]` itself.
    pub(super) fn of_service(&mut self) -> InTable<'_> {
        self.of("", None)
    }

    /// For what is said of a table below it; of one of several, if they are counted.
    pub(super) fn of(&mut self, table: &'static str, number: Option<usize>) -> InTable<'_> {
        InTable { said: self, table, number }
    }
}

impl InTable<'_> {
    /// Notes what is wrong with a key.
    pub(super) fn fault(&mut self, key: &'static str, why: impl Into<String>) {
        let fault = self.at(key, why);
        self.said.faults.push(fault);
    }

    /// Notes what should be another way.
    pub(super) fn caution(&mut self, key: &'static str, why: impl Into<String>) {
        let caution = self.at(key, why);
        self.said.cautions.push(caution);
    }

    /// What is right of `checked`; what is wrong with it is noted.
    pub(super) fn right<T>(&mut self, key: &'static str, checked: Result<T, String>) -> Option<T> {
        checked.map_err(|why| self.fault(key, why)).ok()
    }

    /// The number that is written, or that which is usual, if it is from `least` to `most`.
    pub(super) fn number<N: Copy + PartialOrd + fmt::Display>(
        &mut self,
        key: &'static str,
        (written, usual): (Option<N>, N),
        (least, most): (N, N),
    ) -> N {
        let number = written.unwrap_or(usual);
        if number < least || number > most {
            self.fault(key, format!("`{number}` is not from {least} to {most}"));
            return usual;
        }
        number
    }

    fn at(&self, key: &'static str, why: impl Into<String>) -> Fault {
        Fault { place: Place { table: self.table, number: self.number, key }, why: why.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_read_as_people_count() {
        let mut said = Said::default();
        said.of_service().fault("listen", "why");
        said.of("sweep", None).fault("every", "why");
        said.of("hook", Some(1)).fault("header", "why");
        said.of("hook", Some(0)).fault("", "why");
        assert_eq!(
            Faults(said.faults).to_string(),
            "serve.listen: why\nserve.sweep.every: why\nserve.hook 2, header: why\nserve.hook 1: why"
        );
    }
}
