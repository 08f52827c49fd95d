//! A text for people, as incoming webhooks of Slack take it, and those of Mattermost and Rocket.Chat.
//!
//! What comes from an image stands between backticks, with nothing that calls somebody, opens a link or ends the backticks.

use std::fmt::Write as _;

use serde_json::json;

use super::{Form, Message, Told, Written};
use crate::report::printable;

pub(super) const SLACK: Form =
    Form { name: "slack", about: "a text for Slack, Mattermost or Rocket.Chat", needs_key: false, write };

/// Findings that a text names.
const NAMED: usize = 10;

/// Characters of a value that are shown.
const SHOWN: usize = 200;

fn write(message: &Message, address: Option<&str>) -> Written {
    let headers = vec![("content-type", "application/json".to_owned())];
    if message.test {
        let text = "*layersift*: this is a test, and nothing was found";
        return Written { headers, body: json!({"text": text}).to_string().into_bytes() };
    }
    let all = message.findings.len() + message.more;
    let noun = if all == 1 { "a new finding".to_owned() } else { format!("{all} new findings") };
    let mut text = format!("*layersift*: {noun} in {}", code(&message.image.called()));
    for Told { severity, name, redacted, place, .. } in message.findings.iter().take(NAMED) {
        let _ = write!(text, "\n• {severity}: {} {} in {}", code(name), code(redacted), code(place));
    }
    let rest = all.saturating_sub(NAMED);
    if rest > 0 {
        let _ = write!(text, "\n• and {rest} more");
    }
    if let Some(page) = message.image.page(address) {
        let _ = write!(text, "\n{page}");
    }
    Written { headers, body: json!({"text": text}).to_string().into_bytes() }
}

/// `text` between backticks, on one line, as it is read and not obeyed ("Formatting text for app surfaces", "Escaping text").
fn code(text: &str) -> String {
    let shown: String = printable(text).chars().take(SHOWN).collect();
    let shown = shown.replace(['\n', '\r'], " ").replace('`', "'");
    let shown = shown.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    format!("`{shown}`")
}
