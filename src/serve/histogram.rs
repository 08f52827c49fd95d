//! How long something took, counted by steps, in the text form of Prometheus ("Histograms and summaries").

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

/// Seconds of the steps.
const STEPS: [u64; 10] = [1, 2, 5, 10, 30, 60, 300, 900, 3_600, 21_600];

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Histogram {
    /// Those that took longer than every step are in none.
    steps: [AtomicU64; STEPS.len()],
    all: AtomicU64,
    millis: AtomicU64,
}

impl Histogram {
    /// Notes that it took so long.
    pub(super) fn note(&self, millis: u64) {
        if let Some(at) = STEPS.iter().position(|step| millis <= step * 1_000) {
            self.steps[at].fetch_add(1, Ordering::Relaxed);
        }
        self.all.fetch_add(1, Ordering::Relaxed);
        self.millis.fetch_add(millis, Ordering::Relaxed);
    }

    /// All of it under `name`, with what it is `about`.
    pub(super) fn write(&self, text: &mut String, (name, about): (&str, &str)) {
        let _ = write!(text, "# HELP {name} {about}\n# TYPE {name} histogram\n");
        let mut sum = 0;
        for (step, count) in STEPS.iter().zip(&self.steps) {
            sum += count.load(Ordering::Relaxed);
            let _ = writeln!(text, "{name}_bucket{{le=\"{step}\"}} {sum}");
        }
        // What came in while this was written is in the sum at least.
        let all = self.all.load(Ordering::Relaxed).max(sum);
        let millis = self.millis.load(Ordering::Relaxed);
        let _ = writeln!(text, "{name}_bucket{{le=\"+Inf\"}} {all}");
        let _ = writeln!(text, "{name}_sum {}.{:03}\n{name}_count {all}", millis / 1_000, millis % 1_000);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_counts_those_that_were_as_fast() {
        let histogram = Histogram::default();
        for millis in [0, 1_000, 1_001, 40_000, 99_000_000] {
            histogram.note(millis);
        }
        let mut text = String::new();
        histogram.write(&mut text, ("x_seconds", "X"));
        assert!(
            text.starts_with(
                "# HELP x_seconds X\n# TYPE x_seconds histogram\nx_seconds_bucket{le=\"1\"} 2\n"
            )
        );
        for line in [
            "x_seconds_bucket{le=\"2\"} 3\n",
            "x_seconds_bucket{le=\"30\"} 3\n",
            "x_seconds_bucket{le=\"60\"} 4\n",
            "x_seconds_bucket{le=\"21600\"} 4\n",
            "x_seconds_bucket{le=\"+Inf\"} 5\nx_seconds_sum 99042.001\nx_seconds_count 5\n",
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
    }
}
