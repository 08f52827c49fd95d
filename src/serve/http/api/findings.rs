//! What was found: by image, and each credential once over all images.

use serde_json::json;

use super::call::{Answer, Call, absent, one, page};
use crate::serve::store::{FindingFilter, Found, SecretFilter};

pub(super) fn list(call: &Call) -> Answer {
    let filter = FindingFilter {
        image: None,
        fingerprint: call.asked("fingerprint").map(|text| call.fingerprint(text)).transpose()?,
        severity: call.owned("severity"),
        rule: call.owned("rule"),
        open: call.asked("open").map(|open| open == "true"),
        unseen: false,
    };
    listed(call, &filter, |row| format!("{}-{}", row.image, row.fingerprint))
}

pub(super) fn listed(call: &Call, filter: &FindingFilter, next: impl Fn(&Found) -> String) -> Answer {
    let (after, most) = (call.after_both().unwrap_or((0, "")), call.most());
    let rows = call.service.store.findings(filter, after, most)?;
    Ok(page(&rows, most, next))
}

pub(super) fn secrets(call: &Call) -> Answer {
    let by_severity = call.asked("sort") == Some("severity");
    let filter = SecretFilter {
        severity: call.owned("severity"),
        rule: call.owned("rule"),
        state: call.owned("state"),
        repository: call.owned("repository"),
        text: call.owned("text"),
        by_severity,
    };
    let most = call.most();
    let rows = call.service.store.secrets(&filter, call.after_both(), most)?;
    Ok(page(&rows, most, |row| row.cursor(by_severity)))
}

pub(super) fn secret(call: &Call) -> Answer {
    let fingerprint = call.fingerprint(call.part("fingerprint"))?;
    call.service.store.secret(&fingerprint)?.as_ref().map(one).ok_or_else(|| absent("credential"))
}

pub(super) fn occurrences(call: &Call) -> Answer {
    let fingerprint = call.fingerprint(call.part("fingerprint"))?;
    let most = call.most();
    // A repository has no space in its name.
    let after = call.asked("after").and_then(|after| after.split_once(' ')).unwrap_or(("", ""));
    let store = &call.service.store;
    if store.secret(&fingerprint)?.is_none() {
        return Err(absent("credential"));
    }
    let rows = store.occurrences(&fingerprint, after, most)?;
    Ok(page(&rows, most, |row| format!("{} {}", row.repository, row.reference)))
}

pub(super) fn summary(call: &Call) -> Answer {
    let open = call.service.store.open_secrets()?;
    Ok(one(&json!({"open": open})))
}
