//! Every route of the interface. To add one: a row here and its function.

use schemars::{Schema, SchemaGenerator};

use super::call::{Answer, Call, PAGE};
use super::takes::Takes;
use super::{changes, findings, images, openapi, receivers, reports, sweeps};
use crate::serve::config::Role;
use crate::serve::store::{
    AuditRow, Decision, Found, ImageRow, JOB_STATES, NewDecision, Occurrence, SecretRow, SweepRow, Totals,
    VERDICTS, Waiting,
};

/// One way to ask.
pub(super) struct Route {
    pub(super) method: &'static str,
    /// With the names of its parts in braces.
    pub(super) path: &'static str,
    /// Who may.
    pub(super) role: Role,
    /// What it gives or does, in one sentence.
    pub(super) about: &'static str,
    /// What may stand in the query.
    pub(super) parameters: &'static [Parameter],
    /// What the body has to be.
    pub(super) body: Option<fn(&mut SchemaGenerator) -> Schema>,
    /// What it answers if all is well: status and body.
    pub(super) answer: (u16, Given),
    /// Whether it has to hold a report.
    pub(super) is_report: bool,
    pub(super) run: fn(&Call) -> Answer,
}

/// Something that a query may have.
pub(super) struct Parameter {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    /// What it may be.
    pub(super) takes: Takes,
}

/// What a route gives.
#[derive(Clone, Copy)]
pub(super) enum Given {
    /// One thing.
    One(fn(&mut SchemaGenerator) -> Schema),
    /// A page of them.
    Page(fn(&mut SchemaGenerator) -> Schema),
    /// What was done to which number.
    Done(&'static str),
    /// A document of its own form.
    Document,
}

fn of<T: schemars::JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

/// Credentials that are open, by severity.
#[derive(schemars::JsonSchema)]
#[expect(dead_code, reason = "it describes what is written elsewhere")]
struct Summary {
    /// Each credential once.
    open: Totals,
}

const fn parameter(name: &'static str, about: &'static str) -> Parameter {
    Parameter { name, about, takes: Takes::Text }
}

impl Parameter {
    const fn of(self, takes: Takes) -> Self {
        Self { takes, ..self }
    }
}

const SEVERITIES: Takes = Takes::Words(&["critical", "high", "medium", "low"]);
const VERDICT: Takes = Takes::Words(VERDICTS);
const STATES: Takes = Takes::Words(&["open", "closed", "fixed"]);

const LIMIT: Parameter =
    parameter("limit", "rows of a page: 1 to 1000, and 100 if nothing is said").of(Takes::Number(1, PAGE.1));
const AFTER: Parameter = parameter("after", "where to go on: `next` of the page before").of(Takes::Next);
const SEVERITY: Parameter = parameter("severity", "`critical`, `high`, `medium` or `low`").of(SEVERITIES);
const AFTER_BOTH: Parameter = AFTER.of(Takes::NextOfTwo);
const RULE: Parameter = parameter("rule", "the id of a rule");
const REPOSITORY: Parameter = parameter("repository", "`HOST/PATH`");
const FINGERPRINT: Parameter =
    parameter("fingerprint", "its 32 digits, or the first 12 or more of them").of(Takes::Fingerprint);
const OPEN: Parameter =
    parameter("open", "`true`: only what is to be dealt with; `false`: only what a decision closes")
        .of(Takes::Words(&["true", "false"]));

/// The start of a row.
const GET: Route = Route {
    method: "GET",
    path: "",
    role: Role::Read,
    about: "",
    parameters: &[],
    body: None,
    answer: (200, Given::Document),
    is_report: false,
    run: openapi::document,
};

pub(super) const ROUTES: &[Route] = &[
    Route {
        path: "/api/v1/summary",
        about: "How many credentials are open, each once, by severity.",
        answer: (200, Given::One(of::<Summary>)),
        run: findings::summary,
        ..GET
    },
    Route {
        path: "/api/v1/images",
        about: "Images: their tags, open findings by severity, verdict, gaps, and when they were seen and scanned.",
        parameters: &[
            REPOSITORY,
            parameter("tag", "that this tag names now"),
            parameter("severity", "with an open finding that is `critical`, `high`, `medium` or `low`")
                .of(SEVERITIES),
            parameter("verdict", "of which it is this: `fail`, `warn`, `incomplete` or `pass`").of(VERDICT),
            parameter("digest", "of this image, be it listed or one of the platforms of an index")
                .of(Takes::Digest),
            parameter(
                "index",
                "one of the platforms of the index with this number, or what stands beside them",
            )
            .of(Takes::Id),
            parameter("parts", "`true`: also what only belongs to an index, which is not listed otherwise")
                .of(Takes::Words(&["true", "false"])),
            parameter(
                "since",
                "scanned on that day or later, such as `2026-11-01`, or in milliseconds since 1970",
            )
            .of(Takes::Moment),
            LIMIT,
            AFTER,
        ],
        answer: (200, Given::Page(of::<ImageRow>)),
        run: images::list,
        ..GET
    },
    Route {
        path: "/api/v1/images/{id}",
        about: "One image.",
        answer: (200, Given::One(of::<ImageRow>)),
        run: images::get,
        ..GET
    },
    Route {
        method: "DELETE",
        path: "/api/v1/images/{id}",
        role: Role::Admin,
        about: "Forgets an image and what was found in it. Where its credentials were stays known.",
        answer: (200, Given::Done("deleted")),
        run: images::delete,
        ..GET
    },
    Route {
        path: "/api/v1/images/{id}/findings",
        about: "The findings of an image, each credential once.",
        parameters: &[SEVERITY, RULE, OPEN, LIMIT, AFTER_BOTH],
        answer: (200, Given::Page(of::<Found>)),
        run: images::findings,
        ..GET
    },
    Route {
        path: "/api/v1/images/{id}/report",
        about: "The report of an image as `layersift scan` writes it. Decisions stand in it as a baseline.",
        parameters: &[parameter(
            "format",
            "one of `layersift scan --format`; else what `Accept` asks for, or JSON",
        )
        .of(Takes::Format)],
        is_report: true,
        run: reports::report,
        ..GET
    },
    Route {
        path: "/api/v1/findings",
        about: "Findings of all images.",
        parameters: &[FINGERPRINT, SEVERITY, RULE, OPEN, LIMIT, AFTER_BOTH],
        answer: (200, Given::Page(of::<Found>)),
        run: findings::list,
        ..GET
    },
    Route {
        path: "/api/v1/layers/{digest}/images",
        about: "The images that have a layer, by its digest or `diff_id`.",
        parameters: &[LIMIT, AFTER],
        answer: (200, Given::Page(of::<ImageRow>)),
        run: images::with_layer,
        ..GET
    },
    Route {
        path: "/api/v1/secrets",
        about: "Credentials, each once over all images.",
        parameters: &[
            SEVERITY,
            RULE,
            parameter("state", "`open`, `closed` (by a decision) or `fixed` (nowhere any more)").of(STATES),
            parameter("repository", "that are or were in the repository `HOST/PATH`"),
            parameter("text", "that have it in their name, rule, redacted form or fingerprint"),
            parameter("sort", "`newest`, or `severity`: the worst first")
                .of(Takes::Words(&["newest", "severity"])),
            LIMIT,
            AFTER_BOTH,
        ],
        answer: (200, Given::Page(of::<SecretRow>)),
        run: findings::secrets,
        ..GET
    },
    Route {
        path: "/api/v1/secrets/{fingerprint}",
        about: "One credential, by its fingerprint or the first 12 digits of it or more.",
        answer: (200, Given::One(of::<SecretRow>)),
        run: findings::secret,
        ..GET
    },
    Route {
        path: "/api/v1/secrets/{fingerprint}/occurrences",
        about: "Where a credential is and was: tags, since when, and until when.",
        parameters: &[LIMIT, AFTER.of(Takes::NextPlace)],
        answer: (200, Given::Page(of::<Occurrence>)),
        run: findings::occurrences,
        ..GET
    },
    Route {
        path: "/api/v1/decisions",
        about: "What was decided, the newest first.",
        parameters: &[FINGERPRINT, LIMIT, AFTER],
        answer: (200, Given::Page(of::<Decision>)),
        run: changes::decisions,
        ..GET
    },
    Route {
        method: "POST",
        path: "/api/v1/decisions",
        role: Role::Triage,
        about: "Decides about a credential. A decision is undone by one of kind `open`, and never deleted.",
        body: Some(of::<NewDecision>),
        answer: (201, Given::One(of::<Decision>)),
        run: changes::decide,
        ..GET
    },
    Route {
        path: "/api/v1/decisions/baseline",
        about: "What decisions say is not to be shown, as `layersift scan --baseline` takes it.",
        parameters: &[parameter(
            "repository",
            "what counts in the repository `HOST/PATH`; else what counts everywhere",
        )],
        run: changes::baseline,
        ..GET
    },
    Route {
        path: "/api/v1/audit",
        role: Role::Admin,
        about: "Who changed what, the newest first.",
        parameters: &[LIMIT, AFTER],
        answer: (200, Given::Page(of::<AuditRow>)),
        run: changes::audit,
        ..GET
    },
    Route {
        path: "/api/v1/jobs",
        about: "Jobs: `ready`, `running`, `waiting` for others, `later` to be tried again, or `dead`; with the reason.",
        parameters: &[
            parameter("state", "`ready`, `running`, `waiting`, `later` or `dead`")
                .of(Takes::Words(JOB_STATES)),
            LIMIT,
            AFTER,
        ],
        answer: (200, Given::Page(of::<Waiting>)),
        run: images::jobs,
        ..GET
    },
    Route {
        method: "POST",
        path: "/api/v1/jobs/{id}/retry",
        role: Role::Admin,
        about: "Has a dead job tried again.",
        answer: (200, Given::Done("revived")),
        run: images::retry,
        ..GET
    },
    Route {
        path: "/api/v1/sweeps",
        about: "When registries were looked through for what no hook told of, and what was seen.",
        answer: (200, Given::Page(of::<SweepRow>)),
        run: sweeps::list,
        ..GET
    },
    Route {
        method: "POST",
        path: "/api/v1/sweeps",
        role: Role::Admin,
        about: "Has registries looked through now.",
        parameters: &[parameter("registry", "only this one")],
        answer: (202, Given::One(of::<sweeps::Begun>)),
        run: sweeps::begin,
        ..GET
    },
    Route {
        path: "/api/v1/receivers",
        about: "Who is told of new findings.",
        answer: (200, Given::Page(of::<receivers::ReceiverRow>)),
        run: receivers::list,
        ..GET
    },
    Route {
        method: "POST",
        path: "/api/v1/receivers/{name}/test",
        role: Role::Admin,
        about: "Sends a receiver a message that says that it is a test.",
        answer: (202, Given::One(of::<receivers::Told>)),
        run: receivers::test,
        ..GET
    },
    Route {
        path: "/api/v1/openapi.json",
        about: "This interface, as an OpenAPI document.",
        run: openapi::document,
        ..GET
    },
];
