//! `[serve.retention]`: what is forgotten, and when.

use serde::{Deserialize, Serialize};

use super::faults::InTable;

/// The table `[serve.retention]`. What is not said is kept for good.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct RetentionTable {
    /// Days after which an image is forgotten that no tag names and nobody told of since.
    pub untagged_days: Option<u32>,
    /// Days after which only the report of such an image is.
    pub reports_days: Option<u32>,
    /// Days after which is forgotten where a credential was and is fixed.
    pub fixed_days: Option<u32>,
    /// Days after which is forgotten who changed what.
    pub audit_days: Option<u32>,
    /// Days after which is forgotten what a layer yielded that nobody asked for since; 90.
    pub layers_days: Option<u32>,
    /// Whether images may be forgotten that have what is to be dealt with.
    pub open_too: bool,
}

/// What is forgotten: each so many milliseconds after it was last of use; none: never.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retention {
    /// Images that no tag names.
    pub untagged: Option<i64>,
    /// Their reports.
    pub reports: Option<i64>,
    /// Where a credential was.
    pub fixed: Option<i64>,
    /// Who changed what.
    pub audit: Option<i64>,
    /// What layers yielded.
    pub layers: Option<i64>,
    /// Images with open findings, too.
    pub open_too: bool,
}

/// Days for which what a layer yielded is kept unless the configuration says otherwise. It can be had again.
const LAYERS: u32 = 90;

const DAY: i64 = 24 * 60 * 60 * 1_000;

impl RetentionTable {
    pub(super) fn checked(&self, table: &mut InTable<'_>) -> Retention {
        let Self { untagged_days, reports_days, fixed_days, audit_days, layers_days, open_too } = self;
        let mut days = |key: &'static str, days: Option<u32>| {
            if days == Some(0) {
                table.fault(key, "nothing would be kept: write 1 or more");
            }
            days.map(|days| i64::from(days) * DAY)
        };
        let retention = Retention {
            untagged: days("untagged-days", *untagged_days),
            reports: days("reports-days", *reports_days),
            fixed: days("fixed-days", *fixed_days),
            audit: days("audit-days", *audit_days),
            layers: days("layers-days", layers_days.or(Some(LAYERS))),
            open_too: *open_too,
        };
        if *open_too && untagged_days.is_none() {
            table.fault("open-too", "say which images, with untagged-days");
        }
        retention
    }
}
