//! A request as the functions of the interface see it, and how they refuse.

use std::sync::Arc;

use axum::extract::{Query, RawPathParams};
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use serde::Serialize;
use serde_json::json;

use super::super::{refuse, reply};
use super::Who;
use super::routes::Route;
use super::takes::of_part;
use crate::serve::Service;
use crate::serve::judge::NotKept;
use crate::serve::store::StoreError;

/// A request that was let pass.
pub(super) struct Call {
    pub(super) service: Arc<Service>,
    pub(super) who: Who,
    /// Parts of the path, by the names that the route gives them.
    pub(super) path: Vec<(String, String)>,
    /// What was asked for: parameters of the route, each once, and as the route takes them.
    pub(super) query: Vec<(String, String)>,
    /// What forms are wanted.
    pub(super) accept: String,
    pub(super) body: Vec<u8>,
}

/// Why there is no answer.
pub(super) enum Failure {
    /// The database failed.
    Store(StoreError),
    /// It cannot be answered: how and why.
    Refused(StatusCode, String),
}

pub(super) type Answer = Result<Response, Failure>;

/// Rows of a page, and at most.
pub(super) const PAGE: (usize, i64) = (100, 1_000);

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<NotKept> for Failure {
    fn from(error: NotKept) -> Self {
        match error {
            NotKept::Store(error) => Self::Store(error),
            NotKept::TooLarge => Self::Refused(StatusCode::NOT_FOUND, error.to_string()),
            error => Self::Refused(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
        }
    }
}

/// That something in the request is wrong.
pub(super) fn wrong(why: impl Into<String>) -> Failure {
    Failure::Refused(StatusCode::BAD_REQUEST, why.into())
}

/// That what the path names is not there.
pub(super) fn absent(what: &str) -> Failure {
    Failure::Refused(StatusCode::NOT_FOUND, format!("there is no such {what}"))
}

/// The parts of a path, each of which is what it should be.
pub(super) fn parts(path: &RawPathParams) -> Result<Vec<(String, String)>, Response> {
    let checked = path.iter().map(|(name, value)| {
        let checked = of_part(name).check(name, value);
        checked.map(|()| (name.to_owned(), value.to_owned()))
    });
    let checked: Result<_, String> = checked.collect();
    checked.map_err(|why| refuse(StatusCode::BAD_REQUEST, &why))
}

/// What `uri` asks `route` for. What the route does not know is refused: a filter with a typing error would look as if there
/// were nothing.
pub(super) fn query(route: &Route, uri: &Uri) -> Result<Vec<(String, String)>, Response> {
    let mut asked: Vec<(String, String)> = Vec::new();
    let pairs = Query::<Vec<(String, String)>>::try_from_uri(uri);
    let Query(pairs) = pairs.map_err(|_| refuse(StatusCode::BAD_REQUEST, "the query cannot be read"))?;
    for (name, value) in pairs {
        let Some(parameter) = route.parameters.iter().find(|parameter| parameter.name == name) else {
            let known: Vec<_> = route.parameters.iter().map(|parameter| parameter.name).collect();
            let there = if known.is_empty() { "nothing".to_owned() } else { known.join(", ") };
            return Err(refuse(
                StatusCode::BAD_REQUEST,
                &format!("this cannot be asked for `{name}`: there is {there}"),
            ));
        };
        parameter.takes.check(&name, &value).map_err(|why| refuse(StatusCode::BAD_REQUEST, &why))?;
        if asked.iter().any(|(other, _)| *other == name) {
            return Err(refuse(StatusCode::BAD_REQUEST, &format!("`{name}` is given more than once")));
        }
        asked.push((name, value));
    }
    Ok(asked)
}

impl Call {
    /// The part of the path that the route calls so.
    pub(super) fn part(&self, name: &str) -> &str {
        self.path.iter().find(|(own, _)| own == name).map_or("", |(_, value)| value)
    }

    /// The number in the path.
    pub(super) fn id(&self) -> i64 {
        self.part("id").parse().unwrap_or(0)
    }

    /// What was asked for under that name.
    pub(super) fn asked(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// The same as a text of its own.
    pub(super) fn owned(&self, name: &str) -> Option<String> {
        self.asked(name).map(str::to_owned)
    }

    /// The fingerprint that `text` is, or that of the known credential whose one begins so: with as many digits as tables show,
    /// or more.
    pub(super) fn fingerprint(&self, text: &str) -> Result<String, Failure> {
        let text = text.to_ascii_lowercase();
        let mut known = self.service.store.secrets_called(&text)?;
        if known.len() > 1 {
            return Err(wrong(format!("several fingerprints begin with {text}: give more digits")));
        }
        Ok(known.pop().unwrap_or(text))
    }

    /// How many rows.
    pub(super) fn most(&self) -> usize {
        self.asked("limit").and_then(|limit| limit.parse().ok()).unwrap_or(PAGE.0)
    }

    /// The number behind which to go on; 0: from the start.
    pub(super) fn after(&self) -> i64 {
        self.asked("after").and_then(|after| after.parse().ok()).unwrap_or(0)
    }

    /// The number and text behind which to go on.
    pub(super) fn after_both(&self) -> Option<(i64, &str)> {
        let (number, text) = self.asked("after")?.split_once('-')?;
        Some((number.parse().ok()?, text))
    }

    /// The body.
    pub(super) fn json<T: serde::de::DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_slice(&self.body).map_err(|error| wrong(format!("the body cannot be read: {error}")))
    }
}

/// A page of a list; `next` of its last row.
pub(super) fn page<T: Serialize>(rows: &[T], most: usize, next: impl Fn(&T) -> String) -> Response {
    let next = rows.last().filter(|_| rows.len() >= most).map(next);
    reply(StatusCode::OK, &json!({"items": rows, "next": next}))
}

/// One thing.
pub(super) fn one<T: Serialize>(row: &T) -> Response {
    reply(StatusCode::OK, &json!(row))
}
