//! The other end of a redirect to this machine.

mod connections;
mod gate;
mod page;
mod sockets;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use butlr_auth_core::{AuthorizationRequest, AuthorizationResponse, Error, ErrorKind};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use url::{Host, Position, Url};

use self::connections::{Arrival, Connections};
use self::gate::Gate;
use self::page::Shown;
use self::sockets::{Place, Sockets};

/// How long the last page may take to reach the browser before the attempt ends without it.
const FAREWELL: Duration = Duration::from_secs(2);

/// The pause after a connection that could not be taken, as when no file descriptor is left.
const RECOVERY: Duration = Duration::from_millis(50);

/// A listener on this machine for the one answer to an authorization request
/// ([RFC 8252 §7.3](https://www.rfc-editor.org/rfc/rfc8252#section-7.3)).
///
/// It is open from [`bind`](Self::bind) until [`answer`](Self::answer) ends or is dropped. Everything that is not the
/// answer is turned away and changes nothing: other paths, methods, hosts and origins, slow and silent connections, and
/// answers without the `state` of this attempt. The person sees a page that holds nothing of the answer and takes it
/// out of the address.
///
/// The token of an implicit grant comes on the fragment of the address, which no server sees. A page hands it over from
/// the browser, to this listener alone.
///
/// # Examples
/// ```
/// # use std::time::Duration;
/// # use butlr_auth_testkit::AuthorizationServer;
/// # use butlr_auth_core::{AuthorizationRequest, AuthorizationResponse, ClientId, Scope, TokenEndpoint as _};
/// # use butlr_auth_http::{HttpTokenEndpoint, LoopbackListener};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let server = AuthorizationServer::start().await?;
/// # let client_id = ClientId::new(server.public_client().id.clone());
/// # let endpoint = HttpTokenEndpoint::discover(server.issuer()).await?.client_id(client_id.clone()).build()?;
/// let listener = LoopbackListener::bind("http://127.0.0.1/callback").await?;
/// let mut request =
///     AuthorizationRequest::code(endpoint.provider(), &client_id, listener.redirect_uri(), Scope::empty())?;
/// println!("open {}", endpoint.authorization_url(&request).await?);
/// # let redirect = server.approve(request.url().as_str()).await?;
/// # let browser = reqwest::Client::builder().no_proxy().build()?;
/// # tokio::spawn(async move { browser.get(redirect).send().await });
/// let response = listener.answer(&mut request, Duration::from_secs(300)).await?;
/// if let AuthorizationResponse::Code(grant) = response {
///     let token = endpoint.exchange(&grant).await?;
///     # let _ = token;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct LoopbackListener {
    sockets: Sockets,
    redirect_uri: String,
    authority: String,
    path: String,
}

impl LoopbackListener {
    /// Opens the listener for a redirect URI on `127.0.0.1` or `[::1]`: at its port, or at a free one if it names none.
    ///
    /// For one on `localhost`, which some servers insist on, it listens on both at the same port, or on one where this
    /// machine has no IPv6: the browser may try either, and whoever had the other would get the answer.
    ///
    /// Call it right before the browser is opened, and make the authorization request with
    /// [`redirect_uri`](Self::redirect_uri), which names the port.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if the redirect URI is not of the form `http://127.0.0.1/path`,
    /// `http://[::1]/path` or `http://localhost/path`; [`ErrorKind::Busy`] if another program listens at its port, on
    /// either address of `localhost`; [`ErrorKind::Unsupported`] if this machine has no such address.
    pub async fn bind(redirect_uri: &str) -> Result<Self, Error> {
        let (mut url, place) = place(redirect_uri)?;
        let (sockets, port) =
            Sockets::bind(place, url.port_or_known_default().filter(|_| names_port(redirect_uri, &url)))
                .await?;
        if url.set_port(Some(port)).is_err() {
            return Err(Error::new(ErrorKind::Configuration, "the redirect URI takes no port"));
        }
        // As a browser writes it into `Host`: without the port where that is the scheme's own.
        let authority = url[Position::BeforeHost..Position::AfterPort].to_owned();
        let path = url.path().to_owned();
        Ok(Self { sockets, redirect_uri: url.into(), authority, path })
    }

    /// Returns the redirect URI with the port that is listened at: what the authorization request must name.
    #[must_use]
    pub fn redirect_uri(&self) -> &str {
        &self.redirect_uri
    }

    /// Waits for the answer to `request`, for `at_most` this long in all.
    ///
    /// An answer with the `state` of the request ends the attempt, whatever it says. Dropping the future closes the
    /// listener at once.
    ///
    /// # Errors
    /// As [`AuthorizationRequest::accept`]: [`ErrorKind::Refused`] if the person or the server said no,
    /// [`ErrorKind::InvalidCallback`] if something about the answer is wrong, or if the only answers that came until
    /// the deadline were those to other requests. [`ErrorKind::TimedOut`] if none came.
    pub async fn answer(
        self,
        request: &mut AuthorizationRequest,
        at_most: Duration,
    ) -> Result<AuthorizationResponse, Error> {
        let mut deadline = pin!(sleep(at_most));
        let (arrived, mut arrivals) = mpsc::channel(1);
        let gate = Gate::new(self.authority, self.path, request.answers_in_fragment());
        let mut connections = Connections::new(Arc::new(gate), arrived);
        let mut stray = None;
        loop {
            tokio::select! {
                accepted = self.sockets.accept() => match accepted {
                    Ok(stream) => connections.take(stream),
                    Err(error) => {
                        tracing::debug!(%error, "a connection could not be taken");
                        sleep(RECOVERY).await;
                    }
                },
                Some(arrival) = arrivals.recv() => {
                    let Arrival { redirect, reply, connection } = arrival;
                    if !request.is_answered_by(&redirect) {
                        // Whoever sent it: it is told, and changes nothing.
                        let told = request.accept(&redirect).err();
                        if let Some(error) = &told {
                            tracing::warn!(%error, "an answer without the state of this request came");
                        }
                        stray = told.filter(|error| error.hint().is_some()).or(stray).or_else(|| Some(other()));
                        let _ = reply.send(Shown::Stray);
                        continue;
                    }
                    let answer = request.accept(&redirect);
                    drop(self.sockets);
                    // The browser may be gone, and the answer is good all the same.
                    let _ = reply.send(Shown::from(&answer));
                    let _ = timeout(FAREWELL, connections.end(connection)).await;
                    return answer;
                },
                () = &mut deadline => return Err(late(at_most, stray)),
                Some(()) = connections.ended() => {}
            }
        }
    }
}

/// Where to listen.
fn place(redirect_uri: &str) -> Result<(Url, Place), Error> {
    let refused = || {
        let message = "a listener takes redirect URIs like http://127.0.0.1/callback, http://[::1]/callback and http://localhost/callback alone";
        Error::new(ErrorKind::Configuration, message)
    };
    let url: Url = redirect_uri.parse().map_err(|_| refused())?;
    //= https://www.rfc-editor.org/rfc/rfc8252#section-8.3
    //# While redirect URIs using localhost (i.e., "http://localhost:{port}/{path}") function similarly to loopback IP
    //# redirects described in Section 7.3, the use of localhost is NOT RECOMMENDED.
    let place = match url.host() {
        Some(Host::Ipv4(ip)) if ip == std::net::Ipv4Addr::LOCALHOST => Place::V4,
        Some(Host::Ipv6(ip)) if ip == std::net::Ipv6Addr::LOCALHOST => Place::V6,
        // Some servers take nothing else.
        Some(Host::Domain("localhost")) => Place::Localhost,
        _ => return Err(refused()),
    };
    let plain = url.scheme() == "http"
        && url.username().is_empty()
        && url.password().is_none()
        && url.fragment().is_none();
    if plain { Ok((url, place)) } else { Err(refused()) }
}

/// Whether a URL says its port, which `Url` forgets if it is the scheme's own.
fn names_port(written: &str, url: &Url) -> bool {
    let authority = written.split_once("//").map_or(written, |(_, rest)| rest);
    let authority = authority.split(['/', '?', '\\']).next().unwrap_or_default();
    url.port().is_some() || authority.ends_with(":80")
}

fn late(at_most: Duration, stray: Option<Error>) -> Error {
    let within = at_most.as_secs();
    let Some(stray) = stray else {
        let message = format!("no answer to the authorization request came within {within} s");
        return Error::new(ErrorKind::TimedOut, message);
    };
    let message = format!("no answer came within {within} s but this: {stray}");
    let error = Error::new(ErrorKind::InvalidCallback, message);
    match stray.hint() {
        Some(hint) => error.with_hint(hint.clone()),
        None => error,
    }
}

fn other() -> Error {
    let message = "one that carries another `state` than the one that was sent, or none";
    Error::new(ErrorKind::InvalidCallback, message)
}
