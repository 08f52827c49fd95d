//! A request as the functions of the interface see it, and how they refuse.

use std::sync::Arc;

use axum::extract::Query;
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use serde::Serialize;
use serde_json::json;

use super::super::{refuse, reply};
use super::Who;
use super::routes::Route;
use crate::serve::Service;
use crate::serve::judge::NotKept;
use crate::serve::store::StoreError;

/// A request that was let pass.
pub(super) struct Call {
    pub(super) service: Arc<Service>,
    pub(super) who: Who,
    /// Parts of the path, by the names that the route gives them.
    pub(super) path: Vec<(String, String)>,
    /// What was asked for: parameters of the route, each once.
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
const PAGE: (usize, usize) = (100, 1_000);

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

/// What `uri` asks `route` for. What the route does not know is refused: a filter with a typing error would look as if there
/// were nothing.
pub(super) fn query(route: &Route, uri: &Uri) -> Result<Vec<(String, String)>, Response> {
    let mut asked: Vec<(String, String)> = Vec::new();
    let pairs = Query::<Vec<(String, String)>>::try_from_uri(uri);
    let Query(pairs) = pairs.map_err(|_| refuse(StatusCode::BAD_REQUEST, "the query cannot be read"))?;
    for (name, value) in pairs {
        if !route.parameters.iter().any(|parameter| parameter.name == name) {
            let known: Vec<_> = route.parameters.iter().map(|parameter| parameter.name).collect();
            let there = if known.is_empty() { "nothing".to_owned() } else { known.join(", ") };
            return Err(refuse(
                StatusCode::BAD_REQUEST,
                &format!("this cannot be asked for `{name}`: there is {there}"),
            ));
        }
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
    pub(super) fn id(&self) -> Result<i64, Failure> {
        self.part("id").parse().map_err(|_| wrong("the path has no number where one should be"))
    }

    /// What was asked for under that name.
    pub(super) fn asked(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// The same as a text of its own.
    pub(super) fn owned(&self, name: &str) -> Option<String> {
        self.asked(name).map(str::to_owned)
    }

    /// One of a few words.
    pub(super) fn one_of(&self, name: &str, words: &[&str]) -> Result<Option<String>, Failure> {
        match self.asked(name) {
            Some(word) if !words.contains(&word) => {
                Err(wrong(format!("`{name}` is one of {}", words.join(", "))))
            }
            word => Ok(word.map(str::to_owned)),
        }
    }

    /// The fingerprint that `text` is, or that of the known credential whose one begins so: with as many digits as tables show,
    /// or more.
    pub(super) fn fingerprint(&self, text: &str) -> Result<String, Failure> {
        if !(12..=32).contains(&text.len()) || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(wrong("a fingerprint is 32 hexadecimal digits, of which the first 12 are enough"));
        }
        let text = text.to_ascii_lowercase();
        let mut known = self.service.store.secrets_called(&text)?;
        if known.len() > 1 {
            return Err(wrong(format!("several fingerprints begin with {text}: give more digits")));
        }
        Ok(known.pop().unwrap_or(text))
    }

    /// How many rows.
    pub(super) fn most(&self) -> Result<usize, Failure> {
        let number = self.asked("limit").map(str::parse).transpose();
        let number: usize =
            number.ok().flatten().unwrap_or(if self.asked("limit").is_some() { 0 } else { PAGE.0 });
        (1..=PAGE.1)
            .contains(&number)
            .then_some(number)
            .ok_or_else(|| wrong("`limit` is a number from 1 to 1000"))
    }

    /// The number behind which to go on; 0: from the start.
    pub(super) fn after(&self) -> Result<i64, Failure> {
        self.asked("after").map_or(Ok(0), str::parse).map_err(|_| not_next())
    }

    /// The number and text behind which to go on.
    pub(super) fn after_both(&self) -> Result<Option<(i64, &str)>, Failure> {
        let Some(after) = self.asked("after") else { return Ok(None) };
        let (number, text) = after.split_once('-').ok_or_else(not_next)?;
        Ok(Some((number.parse().map_err(|_| not_next())?, text)))
    }

    /// The body.
    pub(super) fn json<T: serde::de::DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_slice(&self.body).map_err(|error| wrong(format!("the body cannot be read: {error}")))
    }
}

fn not_next() -> Failure {
    wrong("`after` is what a page gave as `next`")
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
