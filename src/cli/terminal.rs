//! What the terminal can do, and the one way to complain on it.

use std::env::var_os;
use std::io::{self, IsTerminal, Write};

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use layersift::report::{ReportOptions, Tool, ToolRules, printable, unobeyed};
use layersift::signature::RuleSet;

use super::settings::Settings;

/// How to write a report to standard output, or to a file.
pub(crate) fn report_options(
    settings: &Settings,
    rules: &RuleSet,
    to_file: bool,
    show_secrets: bool,
) -> ReportOptions {
    let terminal = !to_file && io::stdout().is_terminal();
    let color = match settings.color {
        // It knows NO_COLOR, CLICOLOR, CLICOLOR_FORCE and TERM=dumb.
        ColorChoice::Auto if !to_file => AutoStream::choice(&io::stdout()) != ColorChoice::Never,
        choice => matches!(choice, ColorChoice::Always | ColorChoice::AlwaysAnsi),
    };
    let defaults = ReportOptions::default();
    let width = terminal.then(terminal_size::terminal_size).flatten();
    ReportOptions {
        show_secrets,
        show_suppressed: settings.show_suppressed,
        color,
        unicode: !terminal || shows_unicode(),
        width: width.map_or(defaults.width, |(width, _)| width.0.into()),
        detail: settings.detail,
        tool: Tool {
            rules: Some(ToolRules {
                count: rules.rules().len(),
                fingerprint: Some(rules.fingerprint().to_string()),
            }),
            ..defaults.tool
        },
        ..ReportOptions::default()
    }
}

/// Whether the terminal cannot move its cursor.
pub(crate) fn is_dumb() -> bool {
    var_os("TERM").is_some_and(|term| term == "dumb")
}

/// Writes an error to standard error. What it quotes may come from an image, so it is made safe.
pub(crate) fn complain(message: &str) {
    say("error", AnsiColor::Red.on_default().bold(), message);
}

/// Writes what may have to be looked after.
pub(crate) fn warn(message: &str) {
    say("warning", AnsiColor::Yellow.on_default().bold(), message);
}

/// Writes what may be good to know to standard error.
pub(crate) fn inform(message: &str) {
    say("note", Style::new().dimmed(), message);
}

fn say(kind: &str, style: Style, message: &str) {
    // A reader who closed standard error has no use for the message.
    let _ = writeln!(anstream::stderr(), "{style}{kind}:{style:#} {}", unobeyed(&in_lines(message)));
}

/// The lines of `message`, each of which is made safe by itself. Those behind the first are set in, so that none looks like
/// a message of its own.
fn in_lines(message: &str) -> String {
    message.split('\n').map(printable).collect::<Vec<_>>().join("\n  ")
}

/// By the locale, as terminals have no way to tell (POSIX, 8.2: `LC_ALL` wins over `LC_CTYPE` over `LANG`).
pub(crate) fn shows_unicode() -> bool {
    let set = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().filter_map(var_os).find(|value| !value.is_empty());
    match set {
        Some(locale) => {
            let locale = locale.to_string_lossy().to_ascii_lowercase();
            locale.contains("utf-8") || locale.contains("utf8")
        }
        None => cfg!(not(unix)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_of_several_lines_stays_one() {
        assert_eq!(
            in_lines("one\ntwo\u{1b}[2J\rthree"),
            format!("one\n  {}", printable("two\u{1b}[2J\rthree"))
        );
        assert!(!in_lines("two\u{1b}[2J\rthree").contains(['\u{1b}', '\r']));
    }
}
