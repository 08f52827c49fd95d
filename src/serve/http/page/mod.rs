//! Pages for people: what is open, what is being scanned, images, and what is to be decided.
//!
//! They are made here, whole, by templates that escape and sanitize every text; a browser needs no script to read and to decide.
//! What script there is, is ours, and its policy lets no other in. Each page asks for a bounded number of rows. Who looks is
//! the business of `session`; what they may do is what their token may do at the API.

mod assets;
mod audit;
mod image;
mod images;
mod jobs;
mod overview;
mod secret;
mod secrets;
mod session;
mod sign;
mod time;

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts as _, Query, Request};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Form, Router};
use serde_json::{Value, json};

pub(super) use self::session::Visitor;
use self::session::is_ours;
use super::{ask, body};
use crate::report::html::Pages;
use crate::serve::Service;
use crate::serve::store::StoreError;

type Shared = axum::extract::State<Arc<Service>>;
type Answer = Result<Response, Response>;
/// What an address asks for, or a form holds.
type Fields = BTreeMap<String, String>;
type Asked = Query<Fields>;

/// Every template.
const TEMPLATES: &[(&str, &str)] = &[
    ("layout.html", include_str!("templates/layout.html")),
    ("words.html", include_str!("templates/words.html")),
    ("sign-in.html", include_str!("templates/sign-in.html")),
    ("wrong.html", include_str!("templates/wrong.html")),
    ("overview.html", include_str!("templates/overview.html")),
    ("live.html", include_str!("templates/live.html")),
    ("images.html", include_str!("templates/images.html")),
    ("image.html", include_str!("templates/image.html")),
    ("secrets.html", include_str!("templates/secrets.html")),
    ("secret.html", include_str!("templates/secret.html")),
    ("audit.html", include_str!("templates/audit.html")),
    ("jobs.html", include_str!("templates/jobs.html")),
];

/// Rows of one page of a list.
const ROWS: usize = 50;

/// Bytes of a form.
const FORM: usize = 16 << 10;

/// What pages may do (CSP Level 3), and what they tell others: nothing.
const PROMISES: [(HeaderName, &str); 5] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
         form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    // Without the own origin, forms would come from nowhere.
    (header::REFERRER_POLICY, "same-origin"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

pub(super) fn routes() -> Router<Arc<Service>> {
    Router::new()
        .route("/", get(overview::overview))
        .route("/live", get(overview::live))
        .route("/images", get(images::list))
        .route("/images/{id}", get(image::image))
        .route("/images/{id}/report", get(image::report))
        .route("/secrets", get(secrets::list))
        .route("/secrets/{fingerprint}", get(secret::secret))
        .route("/secrets/{fingerprint}/decide", post(secret::decide))
        .route("/audit", get(audit::list))
        .route("/jobs", get(jobs::list))
        .route("/jobs/{id}/retry", post(jobs::retry))
        .route("/sign-in", get(sign::form).post(sign::enter))
        .route("/sign-out", post(sign::leave))
        .route("/assets/{name}", get(assets::give))
        .layer(axum::middleware::map_response(promised))
}

async fn promised(mut response: Response) -> Response {
    for (name, value) in PROMISES {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

/// A page for `visitor`, in the part of the service that `part` names.
fn shown(visitor: &Visitor, part: &str, page: &str, values: Value) -> Response {
    let mut response =
        filled(StatusCode::OK, page, with(values, json!({"visitor": visitor.values(), "part": part})));
    if let Some(cookie) = visitor.cookie() {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

/// A page that says what is wrong.
fn wrong(visitor: Option<&Visitor>, status: StatusCode, why: &str) -> Response {
    let values = json!({
        "title": status.canonical_reason().unwrap_or("Something is wrong"),
        "status": status.as_u16(),
        "why": why,
        "visitor": visitor.map(Visitor::values),
        "part": "",
    });
    filled(status, "wrong.html", values)
}

/// Whoever asks for something that is not there.
pub(super) fn absent(visitor: Option<&Visitor>) -> Response {
    wrong(visitor, StatusCode::NOT_FOUND, "There is nothing at this address, or not any more.")
}

fn filled(status: StatusCode, page: &str, values: Value) -> Response {
    static PAGES: OnceLock<Pages> = OnceLock::new();
    let pages =
        PAGES.get_or_init(|| Pages::new(TEMPLATES).expect("the templates are those that the tests fill"));
    match pages.fill(page, with(values, json!({"version": assets::version()}))) {
        Ok(text) => {
            let kind = [(header::CONTENT_TYPE, "text/html; charset=utf-8")];
            promised_now((status, kind, Body::from(text)).into_response())
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}

/// For pages that are made elsewhere than in these routes, too.
fn promised_now(mut response: Response) -> Response {
    for (name, value) in PROMISES {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

fn with(mut values: Value, more: Value) -> Value {
    if let (Value::Object(values), Value::Object(more)) = (&mut values, more) {
        values.extend(more);
    }
    values
}

/// Leads on to an address of this service, to be asked for by GET.
fn onward(address: &str) -> Response {
    // What is no address leads home.
    let address = HeaderValue::from_str(address).unwrap_or(HeaderValue::from_static("/"));
    (StatusCode::SEE_OTHER, [(header::LOCATION, address)]).into_response()
}

/// What the database answers, or a page that says that it does not.
async fn asked<T: Send + 'static>(
    service: &Arc<Service>,
    visitor: &Visitor,
    what: impl FnOnce(&Service) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, Response> {
    ask(service, what).await.map_err(|refused| unanswered(Some(visitor), &refused))
}

/// The same for whoever is not known yet, or no longer.
async fn asked_by_nobody<T: Send + 'static>(
    service: &Arc<Service>,
    what: impl FnOnce(&Service) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, Response> {
    ask(service, what).await.map_err(|refused| unanswered(None, &refused))
}

fn unanswered(visitor: Option<&Visitor>, refused: &Response) -> Response {
    let why = match refused.status() {
        StatusCode::SERVICE_UNAVAILABLE => {
            "The database does not answer, or too much is asked for. Try again in a while; the log says why."
        }
        _ => "The program failed. The log may say why.",
    };
    wrong(visitor, refused.status(), why)
}

/// A form that somebody sent who may.
struct Sent {
    visitor: Visitor,
    fields: Fields,
}

impl FromRequest<Arc<Service>> for Sent {
    type Rejection = Response;

    async fn from_request(request: Request, service: &Arc<Service>) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let visitor = Visitor::from_request_parts(&mut parts, service).await?;
        let fields = fields(Request::from_parts(parts, body)).await?;
        if !visitor.sent(fields.get("mark").map_or("", String::as_str)) {
            let why =
                "This form was made for another session. Go back, load the page anew, and send it again.";
            return Err(wrong(Some(&visitor), StatusCode::FORBIDDEN, why));
        }
        Ok(Self { visitor, fields })
    }
}

/// The fields of a form that a page of ours sent.
async fn fields(request: Request) -> Result<Fields, Response> {
    if !is_ours(request.headers()) {
        let why = "Another site had your browser send this form. It was not obeyed.";
        return Err(wrong(None, StatusCode::FORBIDDEN, why));
    }
    let (parts, sent) = request.into_parts();
    let whole = body(Request::from_parts(parts.clone(), sent), FORM).await;
    let whole = whole.map_err(|refused| {
        wrong(None, refused.status(), "The form is too large, or did not come to its end.")
    })?;
    let form = Form::<Fields>::from_request(Request::from_parts(parts, Body::from(whole)), &()).await;
    let unread = |_| wrong(None, StatusCode::BAD_REQUEST, "This is no form of these pages.");
    form.map(|Form(fields)| fields).map_err(unread)
}

/// A filter as an address has it: none if it is empty.
fn field<'f>(fields: &'f Fields, name: &str) -> Option<&'f str> {
    fields.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
}
