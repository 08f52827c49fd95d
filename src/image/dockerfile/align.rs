//! Ties instructions to the steps at the end of a history.
//!
//! Read from the end, every instruction that makes a layer has to be there, one after the other; those that only say
//! something of the image some builders do not write down. What comes out otherwise when it is read from the start is
//! left out: a line is named only if there is no choice.

use std::cell::Cell;

use super::text::fits;
use super::{Instruction, Lines};
use crate::image::Step;

/// What may still be compared, in bytes: a Dockerfile and a history may both be as long as somebody likes.
pub(super) struct Work(Cell<usize>);

impl Work {
    /// Enough for every Dockerfile that somebody wrote.
    pub(super) fn new() -> Self {
        Self(Cell::new(256 << 20))
    }

    /// Whether `step` may be that of `instruction`; none if too much was compared.
    fn fits(&self, instruction: &Instruction, step: &Step) -> Option<bool> {
        let bytes = instruction.rest.len() + step.created_by.len() + 64;
        self.0.set(self.0.get().checked_sub(bytes)?);
        Some(fits(instruction, step))
    }
}

/// For each step its lines; none if the history does not end with these instructions.
pub(super) fn align(
    instructions: &[&Instruction],
    steps: &[Step],
    work: &Work,
) -> Option<Vec<Option<Lines>>> {
    let backwards = backwards(instructions, steps, work)?;
    let start = backwards.iter().flatten().min().copied().unwrap_or(steps.len());
    let forwards = forwards(instructions, steps, start, work)?;
    let mut lines = vec![None; steps.len()];
    for ((instruction, step), other) in instructions.iter().zip(backwards).zip(forwards) {
        if let Some(step) = step.filter(|_| step == other) {
            lines[step] = Some(instruction.lines);
        }
    }
    lines.iter().any(Option::is_some).then_some(lines)
}

/// The step of each instruction, from the last one on.
fn backwards(instructions: &[&Instruction], steps: &[Step], work: &Work) -> Option<Vec<Option<usize>>> {
    let mut found = vec![None; instructions.len()];
    let mut left = steps.len();
    for (index, instruction) in instructions.iter().enumerate().rev() {
        if left > 0 && work.fits(instruction, &steps[left - 1])? {
            left -= 1;
            found[index] = Some(left);
        } else if makes_layer(instruction) {
            return None;
        }
    }
    Some(found)
}

/// The same from the first one on, in the steps from `start`.
fn forwards(
    instructions: &[&Instruction],
    steps: &[Step],
    start: usize,
    work: &Work,
) -> Option<Vec<Option<usize>>> {
    let mut at = start;
    let mut found = Vec::with_capacity(instructions.len());
    for instruction in instructions {
        let fits = steps.get(at).map_or(Some(false), |step| work.fits(instruction, step))?;
        let here = fits.then_some(at);
        if here.is_none() && makes_layer(instruction) {
            return None;
        }
        at += usize::from(here.is_some());
        found.push(here);
    }
    Some(found)
}

fn makes_layer(instruction: &Instruction) -> bool {
    matches!(&*instruction.keyword, "RUN" | "COPY" | "ADD")
}
