//! A browser for tests: it opens the real page, fills in the real form and stops at the redirect.

use std::io;

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, COOKIE, HOST, LOCATION, SET_COOKIE};
use axum::http::{Request, Response};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use url::form_urlencoded;

use crate::registry::User;
use crate::state::State;

/// Opens an authorization URL, decides, and gives the address to which the browser is sent.
pub(crate) async fn decide(
    state: &State,
    authorization_url: &str,
    user: &User,
    decision: &str,
) -> io::Result<String> {
    let answer = fill_in(state, authorization_url, "/authorize", user, decision).await?;
    header(&answer, LOCATION).ok_or_else(|| unexpected("no redirect after the decision"))
}

/// Opens the page of a user code and decides.
pub(crate) async fn decide_device(
    state: &State,
    user_code: &str,
    user: &User,
    decision: &str,
) -> io::Result<()> {
    let query = form_urlencoded::Serializer::new(String::new()).append_pair("user_code", user_code).finish();
    let page = format!("{}/device?{query}", state.base_url);
    let answer = fill_in(state, &page, "/device", user, decision).await?;
    if answer.status().is_success() { Ok(()) } else { Err(unexpected("the page did not take the decision")) }
}

/// Opens a page and sends its form to `action`; a page that redirects at once is the answer itself.
async fn fill_in(
    state: &State,
    url: &str,
    action: &str,
    user: &User,
    decision: &str,
) -> io::Result<Response<Incoming>> {
    let target = url
        .strip_prefix(state.base_url.as_str())
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the URL does not lead to this server"))?;
    let host = state.base_url.trim_start_matches("http://");
    let page = Request::get(target).header(HOST, host).body(Body::empty()).map_err(io::Error::other)?;
    let page = send(host, page).await?;
    if page.headers().contains_key(LOCATION) {
        return Ok(page);
    }
    let cookie = header(&page, SET_COOKIE).and_then(|line| Some(line.split(';').next()?.to_owned()));
    let html = page.into_body().collect().await.map_err(io::Error::other)?.to_bytes();
    let ticket =
        hidden_ticket(&String::from_utf8_lossy(&html)).ok_or_else(|| unexpected("no form to fill in"))?;
    let form = form_urlencoded::Serializer::new(String::new())
        .extend_pairs([
            ("ticket", ticket.as_str()),
            ("username", &user.username),
            ("password", &user.password),
            ("decision", decision),
        ])
        .finish();
    let answer = Request::post(action)
        .header(HOST, host)
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(COOKIE, cookie.unwrap_or_default())
        .body(Body::from(form))
        .map_err(io::Error::other)?;
    send(host, answer).await
}

async fn send(host: &str, request: Request<Body>) -> io::Result<Response<Incoming>> {
    let stream = TcpStream::connect(host).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    tokio::spawn(connection);
    sender.send_request(request).await.map_err(io::Error::other)
}

fn hidden_ticket(html: &str) -> Option<String> {
    let (_, rest) = html.split_once(r#"name="ticket" value=""#)?;
    rest.split_once('"').map(|(ticket, _)| ticket.to_owned())
}

fn header(response: &Response<Incoming>, name: axum::http::HeaderName) -> Option<String> {
    response.headers().get(name)?.to_str().ok().map(str::to_owned)
}

fn unexpected(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
