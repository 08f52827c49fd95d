//! The progress bar: bytes, layers and findings so far, on a terminal only.

use std::io::{self, IsTerminal};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use layersift::report::printable;
use layersift::scan::Progress;
use layersift::source::Input;

/// A bar on standard error, which is gone when this is dropped.
pub(crate) struct Bar {
    drawn: ProgressBar,
    layers: AtomicUsize,
    found: AtomicUsize,
}

impl Bar {
    /// A bar, if standard error is a terminal that can draw one.
    pub(crate) fn new(input: &Input) -> Option<Self> {
        if !io::stderr().is_terminal() {
            return None;
        }
        let name = match input {
            Input::Path(path) => path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            Input::Stdin => "standard input".to_owned(),
            other => other.to_string(),
        };
        let bar = ProgressBar::new_spinner().with_prefix(printable(&name).into_owned());
        bar.set_style(style("{spinner} {prefix:!30} {bytes} ({bytes_per_sec}) {msg}"));
        bar.enable_steady_tick(Duration::from_millis(120));
        Some(Self { drawn: bar, layers: AtomicUsize::new(0), found: AtomicUsize::new(0) })
    }

    fn tell(&self) {
        let (layers, found) = (self.layers.load(Ordering::Relaxed), self.found.load(Ordering::Relaxed));
        self.drawn.set_message(format!("layers: {layers}  found: {found}"));
    }
}

impl Progress for Bar {
    fn expect(&self, bytes: u64) {
        self.drawn.set_length(bytes);
        self.drawn.set_style(style(
            "{spinner} {prefix:!30} [{bar:20}] {bytes}/{total_bytes} ({bytes_per_sec}, {eta} left) {msg}",
        ));
    }

    fn advance(&self, bytes: u64) {
        self.drawn.inc(bytes);
    }

    fn layer(&self) {
        self.layers.fetch_add(1, Ordering::Relaxed);
        self.tell();
    }

    fn found(&self, matches: usize) {
        self.found.fetch_add(matches, Ordering::Relaxed);
        self.tell();
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.drawn.finish_and_clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template).expect("the templates of this file are right");
    style.tick_chars("-\\|/ ").progress_chars("=> ")
}
