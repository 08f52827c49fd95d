//! A Dockerfile beside the history of the image that was built from it: which lines made which step.
//!
//! The Dockerfile is read (`parse`), the instructions of a stage and of the stages that it stands on are tied to the end
//! of the history (`align`), each by its text (`text`). Lines are named only if all that must leave a step is found
//! there, in order and without a choice; a Dockerfile that was changed since, or belongs to another image, names none.

mod align;
mod parse;
mod text;

use super::Step;

/// A Dockerfile (<https://docs.docker.com/reference/dockerfile/>), read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dockerfile {
    stages: Vec<Stage>,
}

/// From one `FROM` to the next.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stage {
    /// In lower case.
    name: Option<String>,
    /// What it stands on: an image, or the name of an earlier stage.
    from: String,
    instructions: Vec<Instruction>,
}

/// One instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Instruction {
    /// In upper case.
    keyword: String,
    /// What follows it, its lines joined.
    rest: String,
    /// Bodies of its here-documents.
    heredocs: Vec<String>,
    lines: Lines,
}

/// Lines of a file, 1 = the first, the last one included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lines {
    /// Where it begins.
    pub first: usize,
    /// Where it ends.
    pub last: usize,
}

/// Why a text is no Dockerfile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DockerfileError {
    /// An instruction that does not exist.
    #[error("line {line}: there is no instruction `{keyword}`")]
    Keyword {
        /// Where it stands.
        line: usize,
        /// The first word of the line, shortened.
        keyword: String,
    },
    /// An instruction before the first `FROM` that is not `ARG`.
    #[error("line {line}: no FROM stands before this instruction")]
    NoStage {
        /// Where it stands.
        line: usize,
    },
    /// A here-document without an end.
    #[error("line {line}: the here-document has no line `{delimiter}` at its end")]
    Heredoc {
        /// Where it begins.
        line: usize,
        /// What should end it, shortened.
        delimiter: String,
    },
    /// No stage at all.
    #[error("there is no FROM in it")]
    Empty,
}

/// Stages of a Dockerfile that are looked at: of each the chain of those that it stands on has to be found.
const MOST_STAGES: usize = 1_000;

impl Dockerfile {
    /// Reads `text`.
    pub fn parse(text: &str) -> Result<Self, DockerfileError> {
        parse::parse(text)
    }

    /// For each of `steps` the lines that it was built from, where that is certain. None if the history is not that of
    /// this Dockerfile, whatever stage was built.
    pub fn lines_of(&self, steps: &[Step]) -> Option<Vec<Option<Lines>>> {
        let (last, others) = self.stages.len().checked_sub(1).map(|last| (last, 0..last))?;
        if self.stages.len() > MOST_STAGES {
            return None;
        }
        let work = align::Work::new();
        let of = |stage: usize| align::align(&self.chain(stage), steps, &work);
        of(last).or_else(|| {
            let mut found = others.filter_map(of);
            found.next().filter(|_| found.next().is_none())
        })
    }

    /// The instructions of a stage, below them those of the stages that it stands on.
    fn chain(&self, stage: usize) -> Vec<&Instruction> {
        let mut chain = vec![stage];
        let mut at = stage;
        while let Some(below) = self.stages[..at].iter().rposition(|other| {
            other.name.as_ref().is_some_and(|name| name.eq_ignore_ascii_case(&self.stages[at].from))
        }) {
            chain.push(below);
            at = below;
        }
        chain.into_iter().rev().flat_map(|stage| &self.stages[stage].instructions).collect()
    }
}

#[cfg(test)]
mod tests;
