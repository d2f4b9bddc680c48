//! The connections that are open, so many at most and each so long at most.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{AbortHandle, Id, JoinSet};
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::gate::{Gate, Verdict};
use super::page::{self, Shown};

/// With more than this, the oldest one makes room: a browser sends its request at once, a stray one may not.
const MOST: usize = 128;

/// No connection lives longer, however slowly it speaks.
const LONGEST: Duration = Duration::from_secs(10);

/// Longer requests are not read: 64 KiB of an answer, and as much again for what a browser adds.
const MAX_REQUEST: usize = 128 * 1024;

/// A longer fragment is not read.
const MAX_FRAGMENT: usize = 64 * 1024;

/// What may be the answer, and the way to tell the browser what became of it.
pub(super) struct Arrival {
    pub(super) redirect: Zeroizing<String>,
    pub(super) reply: oneshot::Sender<Shown>,
    pub(super) connection: Id,
}

pub(super) struct Connections {
    gate: Arc<Gate>,
    arrived: mpsc::Sender<Arrival>,
    open: JoinSet<()>,
    by_age: VecDeque<AbortHandle>,
}

impl Connections {
    pub(super) fn new(gate: Arc<Gate>, arrived: mpsc::Sender<Arrival>) -> Self {
        Self { gate, arrived, open: JoinSet::new(), by_age: VecDeque::new() }
    }

    /// Serves a connection, in place of the oldest one if there are too many.
    pub(super) fn take(&mut self, stream: TcpStream) {
        self.by_age.retain(|connection| !connection.is_finished());
        if self.by_age.len() >= MOST
            && let Some(oldest) = self.by_age.pop_front()
        {
            oldest.abort();
        }
        let (gate, arrived) = (Arc::clone(&self.gate), self.arrived.clone());
        self.by_age.push_back(self.open.spawn(async move {
            let service = service_fn(|request| respond(&gate, &arrived, request));
            let mut server = http1::Builder::new();
            server.keep_alive(false).max_buf_size(MAX_REQUEST).header_read_timeout(None);
            let served = timeout(LONGEST, server.serve_connection(TokioIo::new(stream), service)).await;
            if let Ok(Err(error)) = served {
                tracing::debug!(%error, "a stray connection");
            }
        }));
    }

    /// Waits until some connection has ended; without one there is nothing to wait for.
    pub(super) async fn ended(&mut self) -> Option<()> {
        self.open.join_next().await.map(|_| ())
    }

    /// Waits until this connection has ended.
    pub(super) async fn end(&mut self, connection: Id) {
        while let Some(ended) = self.open.join_next_with_id().await {
            let id = ended.map_or_else(|error| error.id(), |(id, ())| id);
            if id == connection {
                return;
            }
        }
    }
}

async fn respond(
    gate: &Gate,
    arrived: &mpsc::Sender<Arrival>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    Ok(match gate.judge(&head) {
        Verdict::TurnedAway(status) => {
            tracing::debug!(%status, "turned a stray request away");
            page::page(status, Shown::Stray, gate)
        }
        Verdict::HandOver => page::page(StatusCode::OK, Shown::HandOver, gate),
        Verdict::Answer(redirect) => {
            let shown = deliver(arrived, redirect).await;
            page::page(shown.status(), shown, gate)
        }
        Verdict::HandedOver => match read(&head.headers, body).await {
            Some(fragment) => {
                let redirect = Zeroizing::new(format!("{}#{}", gate.path(), *fragment));
                page::word(deliver(arrived, redirect).await)
            }
            None => page::page(StatusCode::BAD_REQUEST, Shown::Stray, gate),
        },
    })
}

/// Has the attempt judge an answer.
async fn deliver(arrived: &mpsc::Sender<Arrival>, redirect: Zeroizing<String>) -> Shown {
    let (reply, replied) = oneshot::channel();
    let arrival = Arrival { redirect, reply, connection: tokio::task::id() };
    if arrived.send(arrival).await.is_err() {
        return Shown::Stray;
    }
    replied.await.unwrap_or(Shown::Stray)
}

async fn read(headers: &HeaderMap, body: Incoming) -> Option<Zeroizing<String>> {
    // Refused by its length before anything of it is read.
    let announced = headers.get(http::header::CONTENT_LENGTH)?.to_str().ok()?.parse::<usize>().ok()?;
    if announced > MAX_FRAGMENT {
        return None;
    }
    let bytes = Limited::new(body, MAX_FRAGMENT).collect().await.ok()?.to_bytes();
    std::str::from_utf8(&bytes).ok().map(|text| Zeroizing::new(text.to_owned()))
}
