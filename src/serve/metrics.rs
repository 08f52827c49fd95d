//! What the service counts, in the text form of Prometheus ("Exposition formats", 0.0.4).

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use super::histogram::Histogram;
use super::store::Depth;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counter {
    /// Deliveries whose sender proved itself and that were understood.
    Deliveries,
    /// Deliveries whose sender did not prove itself.
    Unproven,
    /// Deliveries, or pushes of them, that were refused otherwise.
    Refused,
    /// Images that were put into the queue.
    Queued,
    /// Pushes of images that were scanned already.
    Known,
    /// Jobs that are done.
    Done,
    /// Jobs that failed, each time.
    Failed,
    /// Layers that were scanned.
    Layers,
    /// Layers whose report was there already.
    Shared,
    /// Images whose report was finished.
    Images,
    /// Stored bytes that were read.
    Bytes,
    /// Findings of finished reports.
    Findings,
    /// What was not looked at, of finished reports.
    Gaps,
    /// Milliseconds that jobs took.
    Busy,
    /// Requests that were told to come again later.
    Limited,
    /// Sweeps that are done.
    Sweeps,
    /// Tags that sweeps saw.
    Swept,
    /// Messages that arrived.
    Sent,
    /// Messages that did not, each time.
    Unsent,
    /// What was forgotten because its time had come.
    Forgotten,
}

use Counter as C;

/// Every counter, in the order of the enumeration: its name and what it is.
const COUNTERS: [(Counter, &str, &str); 20] = [
    (C::Deliveries, "hook_deliveries_total", "Deliveries that were understood"),
    (C::Unproven, "hook_unproven_total", "Deliveries whose sender did not prove itself"),
    (C::Refused, "hook_refused_total", "Deliveries and pushes that were refused"),
    (C::Queued, "images_queued_total", "Images that were put into the queue"),
    (C::Known, "images_known_total", "Pushes of images that were scanned already"),
    (C::Done, "jobs_done_total", "Jobs that are done"),
    (C::Failed, "jobs_failed_total", "Failures of jobs"),
    (C::Layers, "layers_scanned_total", "Layers that were scanned"),
    (C::Shared, "layers_shared_total", "Layers whose report was there already"),
    (C::Images, "images_scanned_total", "Images whose report was finished"),
    (C::Bytes, "stored_bytes_total", "Stored bytes that were read"),
    (C::Findings, "findings_total", "Findings of finished reports"),
    (C::Gaps, "gaps_total", "What was not looked at, of finished reports"),
    (C::Busy, "job_seconds_total", "Seconds that jobs took"),
    (C::Limited, "requests_limited_total", "Requests that were told to come again later"),
    (C::Sweeps, "sweeps_total", "Sweeps of registries that are done"),
    (C::Swept, "sweep_tags_total", "Tags that sweeps saw"),
    (C::Sent, "messages_sent_total", "Messages that arrived"),
    (C::Unsent, "messages_failed_total", "Messages that did not arrive, each time"),
    (C::Forgotten, "forgotten_total", "Rows and reports that were forgotten because their time had come"),
];

/// The counters of a process.
#[derive(Debug, Default)]
pub struct Metrics {
    counters: [AtomicU64; COUNTERS.len()],
    latency: Histogram,
}

impl Metrics {
    /// Adds to a counter.
    pub fn add(&self, counter: Counter, number: u64) {
        self.counters[counter as usize].fetch_add(number, Ordering::Relaxed);
    }

    /// Notes for how long a push has waited for its report, in milliseconds.
    pub fn reported(&self, millis: u64) {
        self.latency.note(millis);
    }

    /// All of it as text, with how much there is to do.
    pub fn text(&self, depth: &Depth) -> String {
        let mut text = String::new();
        for (counter, name, about) in &COUNTERS {
            let value = self.counters[*counter as usize].load(Ordering::Relaxed);
            let _ = write!(text, "# HELP layersift_{name} {about}\n# TYPE layersift_{name} counter\n");
            // Counted in milliseconds, and told in seconds as every time is.
            let _ = match counter {
                C::Busy => writeln!(text, "layersift_{name} {}.{:03}", value / 1_000, value % 1_000),
                _ => writeln!(text, "layersift_{name} {value}"),
            };
        }
        let latency =
            ("layersift_push_to_report_seconds", "From the push that made an image a job to its report");
        self.latency.write(&mut text, latency);
        text.push_str("# HELP layersift_jobs Jobs by kind and state\n# TYPE layersift_jobs gauge\n");
        for (kind, state, count) in &depth.jobs {
            let _ = writeln!(text, "layersift_jobs{{kind=\"{kind}\",state=\"{state}\"}} {count}");
        }
        let oldest = "layersift_oldest_ready_job_seconds";
        let about = "For how long the oldest job has been there that could be done now";
        let _ = write!(text, "# HELP {oldest} {about}\n# TYPE {oldest} gauge\n");
        let _ = writeln!(text, "{oldest} {}.{:03}", depth.oldest / 1_000, depth.oldest.rem_euclid(1_000));
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_counter_has_its_own_place_and_name() {
        let metrics = Metrics::default();
        for (number, (counter, ..)) in COUNTERS.iter().enumerate() {
            assert_eq!(*counter as usize, number);
            metrics.add(*counter, number as u64 + 100);
        }
        let text = metrics.text(&Depth { jobs: vec![("layer".into(), "ready".into(), 7)], oldest: 1_234 });
        for (number, (_, name, about)) in COUNTERS.iter().enumerate() {
            let value = if name.ends_with("_seconds_total") { "0." } else { "" };
            assert!(text.contains(&format!("\nlayersift_{name} {value}{}\n", number + 100)), "{name}");
            assert!(text.contains(&format!("# HELP layersift_{name} {about}\n")), "{name}");
        }
        assert!(text.contains("\nlayersift_jobs{kind=\"layer\",state=\"ready\"} 7\n"), "{text}");
        assert!(text.ends_with("\nlayersift_oldest_ready_job_seconds 1.234\n"), "{text}");
    }
}
