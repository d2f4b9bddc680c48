//! Connections: HTTP in, answers out, and the faults in between.

use std::error::Error;
use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::header::{CONTENT_TYPE, HOST};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use axum::response::IntoResponse;
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use url::{Host, Url};

use crate::fault::{Fault, Trouble};
use crate::journal::{Event, EventKind};
use crate::parameters::Parameters;
use crate::quirk::{self, Asked};
use crate::random::fingerprint;
use crate::state::State;
use crate::{Endpoint, butlr, control, oauth};

/// The largest request body, in bytes.
const BODY_LIMIT: usize = 1 << 20;

/// Serves until told to stop. Every connection is a task of this runtime and ends with it.
pub(crate) async fn serve(state: Arc<State>, listener: TcpListener, mut stopped: oneshot::Receiver<()>) {
    let mut routes = oauth::routes().merge(butlr::routes());
    if state.settings.control {
        routes = routes.merge(control::routes());
    }
    let routes = routes.with_state(Arc::clone(&state));
    loop {
        let accepted = tokio::select! {
            biased;
            _ = &mut stopped => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                tokio::spawn(connection(Arc::clone(&state), routes.clone(), stream));
            }
            // Too many open files, most likely: the listener is still good, and closing
            // connections will make room.
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

async fn connection(state: Arc<State>, routes: Router, stream: TcpStream) {
    // Answers are small and whole; waiting to fill a segment would only cost 40 ms.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| Box::pin(answer(Arc::clone(&state), routes.clone(), request)));
    let mut connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let ended = poll_fn(|context| connection.poll_without_shutdown(context)).await;
    let raw = ended.err().and_then(|error| error.source()?.downcast_ref::<Cut>().map(|cut| cut.0.clone()));
    let mut stream = connection.into_parts().io.into_inner();
    if let Some(raw) = raw {
        let _ = stream.write_all(&raw).await;
    }
    let _ = stream.shutdown().await;
}

/// Ends a connection without an HTTP answer, after writing these bytes as they are.
#[derive(Debug)]
struct Cut(Bytes);

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection is cut on request")
    }
}

impl Error for Cut {}

async fn answer(
    state: Arc<State>,
    routes: Router,
    request: Request<Incoming>,
) -> Result<Response<Body>, Cut> {
    let (parts, body) = request.into_parts();
    let endpoint = Endpoint::of(parts.uri.path());
    if let Some(endpoint) = endpoint {
        state.journal.count(endpoint);
    }
    if !names_loopback(parts.headers.get(HOST)) {
        return Ok(
            (StatusCode::MISDIRECTED_REQUEST, "this server answers to loopback names only\n").into_response()
        );
    }
    let Ok(body) = Limited::new(body, BODY_LIMIT).collect().await else {
        return Ok(StatusCode::PAYLOAD_TOO_LARGE.into_response());
    };
    let body = body.to_bytes();
    let fault = endpoint.and_then(|endpoint| Some((endpoint, state.faults.take(endpoint)?)));
    let Some((endpoint, fault)) = fault else {
        return Ok(call(&state, routes, Request::from_parts(parts, Body::from(body))).await);
    };
    let acts = fault.after_commit || fault.trouble == Trouble::Delay;
    // A refresh token that a fault swallows was presented nonetheless: its client has let go of it.
    let swallowed = if acts { None } else { presented(&parts.headers, &body) };
    record(&state, endpoint, &fault, swallowed);
    if !fault.after_commit {
        wait(&fault).await;
    }
    let response = if acts {
        Some(call(&state, routes, Request::from_parts(parts, Body::from(body))).await)
    } else {
        None
    };
    if fault.after_commit {
        wait(&fault).await;
    }
    troubled(fault.trouble, response)
}

/// What is left of an answer after a fault.
fn troubled(trouble: Trouble, response: Option<Response<Body>>) -> Result<Response<Body>, Cut> {
    match trouble {
        Trouble::Delay => Ok(response.unwrap_or_else(|| StatusCode::INTERNAL_SERVER_ERROR.into_response())),
        Trouble::Cut => Err(Cut(Bytes::new())),
        Trouble::Raw { bytes } => Err(Cut(Bytes::from(bytes))),
        Trouble::Garbage => {
            Ok(([(CONTENT_TYPE, "application/json")], r#"{"access_token": <!-- garbage"#).into_response())
        }
        Trouble::Status { status, headers, body } => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let mut response = (status, body).into_response();
            for (name, value) in headers {
                if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
                    response.headers_mut().insert(name, value);
                }
            }
            Ok(response)
        }
    }
}

/// Lets the server act, and its quirks have their way with what it answers.
async fn call(state: &State, routes: Router, request: Request<Body>) -> Response<Body> {
    let endpoint = Endpoint::of(request.uri().path());
    let response = match TowerToHyperService::new(routes).call(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    match (endpoint, state.settings.quirks.as_slice()) {
        (None, _) | (_, []) => response,
        (Some(endpoint), quirks) => {
            let asked = Asked { endpoint, base_url: state.base_url.clone() };
            quirk::alter(quirks, asked, response).await
        }
    }
}

async fn wait(fault: &Fault) {
    if fault.delay_ms > 0 {
        tokio::time::sleep(Duration::from_millis(fault.delay_ms)).await;
    }
}

fn presented(headers: &HeaderMap, body: &[u8]) -> Option<String> {
    Parameters::from_body(headers, body).ok()?.get("refresh_token").map(fingerprint)
}

fn record(state: &State, endpoint: Endpoint, fault: &Fault, presented: Option<String>) {
    state.journal.record(Event {
        kind: EventKind::Fault,
        endpoint: Some(endpoint),
        at: state.clock.now(),
        outcome: "fault".to_owned(),
        presented,
        fault: Some(fault.name()),
        ..Event::default()
    });
}

/// Tells whether a request names this machine itself. A page elsewhere whose name resolves to
/// 127.0.0.1 (DNS rebinding) does not.
fn names_loopback(host: Option<&HeaderValue>) -> bool {
    let Some(host) = host.and_then(|host| host.to_str().ok()) else { return false };
    match Url::parse(&format!("http://{host}")).ok().as_ref().and_then(Url::host) {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}
