//! The progress bar: bytes, layers and findings so far, on a terminal only.

use std::io::{self, IsTerminal};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use layersift::report::printable;
use layersift::scan::Progress;
use layersift::source::Input;
use terminal_size::terminal_size_of;

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
        bar.set_style(style(Room::now().of_unknown_length()));
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
        self.drawn.set_style(style(Room::now().of_known_length()));
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

/// How much of a line there is. One that does not fit would be drawn over several, again and again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Room {
    Wide,
    Narrow,
    Least,
}

impl Room {
    fn now() -> Self {
        Self::of(terminal_size_of(io::stderr()).map_or(80, |(width, _)| width.0))
    }

    fn of(columns: u16) -> Self {
        match columns {
            120.. => Self::Wide,
            72.. => Self::Narrow,
            _ => Self::Least,
        }
    }

    fn of_known_length(self) -> &'static str {
        match self {
            Self::Wide => {
                "{spinner} {prefix:!30} [{bar:20}] {bytes}/{total_bytes} ({bytes_per_sec}, {eta} left) {wide_msg}"
            }
            Self::Narrow => "{spinner} {prefix:!16} {percent:>3}% {bytes_per_sec}, {eta} left {wide_msg}",
            Self::Least => "{spinner} {percent:>3}% {bytes_per_sec}, {eta} left",
        }
    }

    fn of_unknown_length(self) -> &'static str {
        match self {
            Self::Wide => "{spinner} {prefix:!30} {bytes} ({bytes_per_sec}) {wide_msg}",
            Self::Narrow => "{spinner} {prefix:!16} {bytes} ({bytes_per_sec}) {wide_msg}",
            Self::Least => "{spinner} {bytes} ({bytes_per_sec})",
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template).expect("the templates of this file are right");
    style.tick_chars("-\\|/ ").progress_chars("=> ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_style_is_one_that_can_be_drawn() {
        for columns in [1, 40, 71, 72, 119, 120, 400] {
            let room = Room::of(columns);
            style(room.of_known_length());
            style(room.of_unknown_length());
        }
        assert_eq!(Room::of(40), Room::Least);
        assert_eq!(Room::of(80), Room::Narrow);
    }
}
