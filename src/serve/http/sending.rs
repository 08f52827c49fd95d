//! Answers that are large: how many are made at a time, and how much of them is in memory until their readers have taken it.
//!
//! A report is made as a whole before its first byte is sent. So there are few turns to make one, and who has made one keeps the turn
//! until there is room for what was made; the room is free again when the last byte was handed to the connection. Who reads
//! slowly holds room and no turn, and who does not read at all loses the connection (`pace`).

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody, to_bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::Response;
use hyper::body::{Frame, SizeHint};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::guard::wait;
use super::refuse;
use super::room::{PATIENCE, Place};
use crate::serve::Service;

/// The turn to make something of a report, which ends with the last copy of this.
#[derive(Clone)]
pub(super) struct Turn(#[expect(dead_code, reason = "it is held")] Arc<SemaphorePermit<'static>>);

/// Reports that are made at a time: each may have to hold a large one.
static TURNS: Semaphore = Semaphore::const_new(2);

/// Bytes of an answer that is so small that nobody counts it.
const SMALL: u64 = 64 << 10;

/// Bytes that a connection is handed at a time.
const PIECE: usize = 64 << 10;

/// A turn, when there is one.
pub(super) async fn turn() -> Result<Turn, Response> {
    let turn = tokio::time::timeout(PATIENCE, TURNS.acquire()).await;
    let turn = turn.ok().and_then(Result::ok).map(Arc::new).map(Turn);
    turn.ok_or_else(|| {
        wait(StatusCode::SERVICE_UNAVAILABLE, "too many reports are asked for; try again", PATIENCE)
    })
}

/// Has a large answer wait until there is room for it. One that was made in a turn brings that along, as an extension.
pub(super) async fn bounded(State(service): State<Arc<Service>>, request: Request, next: Next) -> Response {
    let (mut parts, body) = next.run(request).await.into_parts();
    let turn = parts.extensions.remove::<Turn>();
    let size = HttpBody::size_hint(&body).exact().filter(|size| *size > SMALL);
    let Some(size) = size.and_then(|size| usize::try_from(size).ok()) else {
        return Response::from_parts(parts, body);
    };
    let Ok(place) = service.guard.answers.take(size).await else {
        return wait(StatusCode::SERVICE_UNAVAILABLE, "too much is being read; try again", PATIENCE);
    };
    drop(turn);
    // It is in memory already, in one piece.
    match to_bytes(body, size).await {
        Ok(rest) => Response::from_parts(parts, Body::new(Sending { rest, place })),
        Err(_) => refuse(StatusCode::INTERNAL_SERVER_ERROR, "the program failed"),
    }
}

/// An answer of which a connection takes piece by piece.
struct Sending {
    rest: Bytes,
    #[expect(dead_code, reason = "it is held")]
    place: Place,
}

impl HttpBody for Sending {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let next = self.rest.len().min(PIECE);
        // A piece of its own: as a part of the whole it would keep all of that, with the room given back.
        let piece = Bytes::copy_from_slice(&self.rest.split_to(next));
        Poll::Ready((!piece.is_empty()).then(|| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.rest.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::http::room::Room;

    #[test]
    fn an_answer_holds_its_room_until_its_last_piece_is_taken() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let room = Room::new(1_000);
            let whole: Vec<u8> = (0..200_000_u32).map(|number| number.to_le_bytes()[0]).collect();
            let place = room.take(1_000 << 10).await.ok().unwrap();
            let mut body = Body::new(Sending { rest: whole.clone().into(), place });
            assert_eq!(HttpBody::size_hint(&body).exact(), Some(200_000));
            let mut taken = Vec::new();
            while let Some(frame) =
                std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await
            {
                let piece = frame.unwrap().into_data().unwrap();
                assert!(piece.len() <= PIECE);
                taken.extend_from_slice(&piece);
                assert!(room.is_full());
            }
            assert_eq!(taken, whole);
            drop(body);
            assert!(!room.is_full());
        });
    }
}
