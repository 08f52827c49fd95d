//! Bodies of requests, read to their end or not at all: none is larger than it may be, and none takes longer.
//!
//! Whoever has proven nothing is trusted with less: what he sends has to come at a pace, so that room is not held by dripping.

use std::future::poll_fn;
use std::pin::Pin;
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes, HttpBody as _, to_bytes};
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::Response;
use hyper::body::Frame;

use super::refuse;

/// For how long a body may take.
const SLOW: Duration = Duration::from_secs(20);

/// For how long nothing may come of one that is read on trust, and the bytes that come in each millisecond at least from then on.
const PACE: (Duration, usize) = (Duration::from_secs(5), 64);

/// The body of a request, if it has at most `most` bytes and comes soon.
pub(super) async fn body(request: Request, most: usize) -> Result<Bytes, Response> {
    match tokio::time::timeout(SLOW, to_bytes(request.into_body(), most)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(_)) => Err(too_large()),
        Err(_) => Err(too_slow()),
    }
}

/// The same of somebody who has proven nothing yet.
pub(super) async fn body_on_trust(request: Request, most: usize) -> Result<Bytes, Response> {
    let (mut body, mut bytes) = (request.into_body(), Vec::new());
    let began = Instant::now();
    loop {
        let patience = patience(bytes.len()).saturating_sub(began.elapsed());
        let data = match tokio::time::timeout(patience, next(&mut body)).await {
            Ok(Some(Ok(data))) => data,
            Ok(Some(Err(_))) => return Err(too_large()),
            Ok(None) => return Ok(bytes.into()),
            Err(_) => return Err(too_slow()),
        };
        if bytes.len() + data.len() > most {
            return Err(too_large());
        }
        bytes.extend_from_slice(&data);
    }
}

/// How long after its beginning a body may end of which so many bytes have come.
fn patience(bytes: usize) -> Duration {
    let earned = Duration::from_millis(u64::try_from(bytes / PACE.1).unwrap_or(u64::MAX));
    PACE.0.saturating_add(earned).min(SLOW)
}

/// What comes next of a body; none: it is at its end.
async fn next(body: &mut Body) -> Option<Result<Bytes, axum::Error>> {
    loop {
        let frame = poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await?;
        match frame.map(Frame::into_data) {
            Ok(Ok(data)) => return Some(Ok(data)),
            // What stands behind a body is of no use here.
            Ok(Err(_)) => {}
            Err(error) => return Some(Err(error)),
        }
    }
}

fn too_large() -> Response {
    refuse(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large, or was not sent to its end")
}

fn too_slow() -> Response {
    refuse(StatusCode::REQUEST_TIMEOUT, "the body did not come in time")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_drips_has_little_time_and_who_sends_has_enough() {
        assert_eq!(patience(0), Duration::from_secs(5));
        assert!(patience(1_000) < Duration::from_millis(5_100));
        assert!(patience(640 << 10) > Duration::from_secs(15));
        assert_eq!(patience(usize::MAX), SLOW);
    }
}
