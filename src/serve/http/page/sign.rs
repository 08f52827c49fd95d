//! Signing in with a token, and out.

use axum::extract::{Extension, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use serde_json::json;

use super::super::guard::Asker;
use super::session::{Key, Visitor, is_led};
use super::{Answer, Asked, Fields, Sent, Shared, asked_by_nobody, field, fields, filled, onward, wrong};
use crate::serve::Service;
use crate::serve::config::Token;
use crate::serve::hooks::proof::same;

/// The form. Who is signed in already is led on.
pub(super) async fn form(
    State(service): Shared,
    Extension(asker): Extension<Asker>,
    headers: HeaderMap,
    Query(query): Asked,
) -> Answer {
    if Visitor::of(&service, &headers, asker).await?.is_some() {
        return Ok(onward(back(&query)));
    }
    // A browser that was led here by another site shows no cookie; asked once more by this page, it does.
    let again = is_led(&headers) && field(&query, "again").is_none();
    Ok(page(StatusCode::OK, back(&query), again, ""))
}

/// Whoever shows a token has a session from then on.
pub(super) async fn enter(
    State(service): Shared,
    Extension(asker): Extension<Asker>,
    request: Request,
) -> Answer {
    let sent = fields(request).await?;
    let given = field(&sent, "token").unwrap_or_default();
    // Each is compared, so that how long it takes does not say which it is.
    let shown = |token: &&Token| same(given, &token.secret);
    let Some(token) = service.config.tokens.iter().filter(shown).max_by_key(|token| token.role) else {
        service.log.warn("sign-in with an unknown token", json!({}));
        return Err(page(StatusCode::UNAUTHORIZED, back(&sent), false, "This token is not known."));
    };
    let key = Key::new(asker).ok_or_else(|| {
        wrong(None, StatusCode::INTERNAL_SERVER_ERROR, "The system gives no random numbers.")
    })?;
    let (id, proof) = (key.id(), key.proof(token));
    asked_by_nobody(&service, move |service: &Service| service.store.begin_session(&id, &proof)).await?;
    service.log.info("signed in", json!({"token": token.name}));
    let mut response = onward(back(&sent));
    if let Some(cookie) = key.cookie(true) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

/// Ends the session.
pub(super) async fn leave(State(service): Shared, sent: Sent) -> Answer {
    let id = sent.visitor.key().id();
    asked_by_nobody(&service, move |service: &Service| service.store.end_session(&id)).await?;
    let mut response = onward("/sign-in");
    if let Some(cookie) = sent.visitor.key().cookie(false) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

fn page(status: StatusCode, next: &str, again: bool, wrong: &str) -> Response {
    let values = json!({
        "title": "Sign in", "part": "", "visitor": null, "next": next, "again": again, "wrong": wrong,
    });
    filled(status, "sign-in.html", values)
}

/// Where to go on: a path of this service, and nothing else.
fn back(fields: &Fields) -> &str {
    let next = field(fields, "next").unwrap_or("/");
    let own = next.starts_with('/')
        && !next[1..].starts_with(['/', '\\'])
        && next.bytes().all(|byte| byte.is_ascii_graphic());
    if own { next } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_led_elsewhere() {
        for (next, expected) in [
            ("/images?after=3", "/images?after=3"),
            ("//evil.example", "/"),
            ("/\\evil.example", "/"),
            ("https://evil.example", "/"),
            ("javascript:alert(1)", "/"),
            ("/a\r\nset-cookie: x", "/"),
            ("/\tevil", "/"),
            ("", "/"),
        ] {
            let fields = Fields::from([("next".to_owned(), next.to_owned())]);
            assert_eq!(back(&fields), expected, "{next:?}");
        }
    }
}
