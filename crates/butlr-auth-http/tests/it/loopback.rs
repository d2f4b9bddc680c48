//! The listener for the answer to an authorization request, spoken to as browsers and others do.

use std::time::Duration;

use butlr_auth_core::{
    AuthorizationRequest, AuthorizationResponse, ClientId, Dialect, Error, ErrorKind, Provider, Scope,
};
use butlr_auth_http::LoopbackListener;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

const ISSUER: &str = "https://as.example.com";
const CODE: &str = "canary-code";

/// A login that waits for its answer.
struct Attempt {
    authority: String,
    state: String,
    answer: JoinHandle<Result<AuthorizationResponse, Error>>,
}

impl Attempt {
    async fn code() -> Self {
        Self::new("http://127.0.0.1/callback", AuthorizationRequest::code).await
    }

    async fn implicit() -> Self {
        Self::new("http://127.0.0.1/callback", AuthorizationRequest::implicit).await
    }

    async fn new(
        redirect_uri: &str,
        ask: impl Fn(&Provider, &ClientId, String, Scope) -> Result<AuthorizationRequest, Error>,
    ) -> Self {
        let provider =
            Provider::new("example", "https://as.example.com/token".parse().unwrap(), Dialect::form())
                .with_authorization_endpoint("https://as.example.com/authorize".parse().unwrap())
                .with_issuer_identifier(ISSUER)
                .unwrap();
        let listener = LoopbackListener::bind(redirect_uri).await.unwrap();
        let redirect_uri: url::Url = listener.redirect_uri().parse().unwrap();
        let client_id = ClientId::new("cli");
        let mut request = ask(&provider, &client_id, redirect_uri.to_string(), Scope::empty()).unwrap();
        let state = request.url().query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
        let authority = redirect_uri.authority().to_owned();
        let answer =
            tokio::spawn(async move { listener.answer(&mut request, Duration::from_secs(300)).await });
        Self { authority, state, answer }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(&self.authority).await.unwrap()
    }

    /// Sends these bytes, with the attempt's own `HOST` and `STATE`, and reads all that comes back.
    async fn send(&self, request: &str) -> String {
        let request = request.replace("HOST", &self.authority).replace("STATE", &self.state);
        let mut stream = self.connect().await;
        // Whoever sends too much may find the connection closed before the end.
        let _ = stream.write_all(request.as_bytes()).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8(answer).unwrap()
    }

    async fn get(&self, target: &str) -> String {
        self.send(&format!("GET {target} HTTP/1.1\r\nHost: HOST\r\n\r\n")).await
    }

    /// The right answer comes, and the attempt ends well.
    async fn succeeds(self) {
        let page = self.get(&format!("/callback?code={CODE}&state=STATE")).await;
        assert_eq!(status(&page), 200, "{page}");
        let answer = self.answer.await.unwrap().unwrap();
        assert!(matches!(answer, AuthorizationResponse::Code(_)), "{answer:?}");
        assert!(TcpStream::connect(&self.authority).await.is_err(), "it still listens");
    }

    /// This answer ends the attempt, with this error.
    async fn fails(self, target: String, kind: ErrorKind, said: &str) {
        let page = self.get(&target).await;
        let error = self.answer.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), kind, "{target}: {error}");
        let text = error.to_string();
        assert!(text.contains(said), "{target}: {text}");
        for told in [page, text] {
            assert!(!told.contains("canary") && !told.contains(&self.state), "{told}");
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the clock that the runtime's timers go by, and the tests pause"
)]
fn now() -> tokio::time::Instant {
    tokio::time::Instant::now()
}

#[track_caller]
fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("{answer:?}"))
}

// Security: A16.
#[tokio::test]
async fn it_listens_on_this_machine_alone_until_the_answer_came() {
    for (redirect_uri, address) in
        [("http://127.0.0.1/callback", "127.0.0.1"), ("http://[::1]/callback", "[::1]")]
    {
        let attempt = Attempt::new(redirect_uri, AuthorizationRequest::code).await;
        let port = attempt.authority.rsplit(':').next().unwrap().to_owned();
        assert_eq!(attempt.authority, format!("{address}:{port}"));
        let other = if address == "[::1]" { "127.0.0.1" } else { "[::1]" };
        for elsewhere in [other, "127.0.0.2"] {
            assert!(TcpStream::connect(format!("{elsewhere}:{port}")).await.is_err(), "{elsewhere}");
        }
        attempt.succeeds().await;
    }
}

// Security: A16.
#[tokio::test]
async fn a_port_that_is_taken_and_an_address_elsewhere_are_typed_errors() {
    let first = LoopbackListener::bind("http://127.0.0.1/callback").await.unwrap();
    let taken = LoopbackListener::bind(first.redirect_uri()).await.unwrap_err();
    assert_eq!(taken.kind(), ErrorKind::Busy, "{taken}");
    let (_, port) = first.redirect_uri().rsplit_once(':').unwrap();
    assert!(taken.to_string().contains(port.trim_end_matches("/callback")), "{taken}");
    for elsewhere in [
        "https://127.0.0.1/callback",
        "http://localhost./callback",
        "http://x.localhost/callback",
        "http://0.0.0.0/callback",
        "http://[::]/callback",
        "http://[::ffff:127.0.0.1]/callback",
        "http://[fe80::1%25lo]/callback",
        "http://192.0.2.1/callback",
        "http://127.0.0.1.example.com/callback",
        "http://me@127.0.0.1/callback",
        "http://127.0.0.1/callback#here",
        "app.example:/callback",
        "",
    ] {
        let refused = LoopbackListener::bind(elsewhere).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Configuration, "{elsewhere}: {refused}");
    }
}

// Security: A14, A15.
#[tokio::test]
async fn its_pages_are_sealed_and_hold_nothing_of_the_request() {
    let attempt = Attempt::code().await;
    let stray = attempt.get("/callback?code=canary&state=canary&next=https://evil.example/canary").await;
    let elsewhere = attempt.get("/canary?error_description=%3Cscript%3Ecanary").await;
    let done = attempt.get("/callback?code=canary&state=STATE&redirect=https://evil.example/canary").await;
    for (page, expected) in [(&stray, 400), (&elsewhere, 404), (&done, 200)] {
        assert_eq!(status(page), expected);
        let (head, body) = page.split_once("\r\n\r\n").unwrap();
        let head = head.to_ascii_lowercase();
        for sealed in [
            "cache-control: no-store",
            "referrer-policy: no-referrer",
            "x-content-type-options: nosniff",
            "x-frame-options: deny",
            "content-security-policy: default-src 'none'; style-src 'nonce-",
            "frame-ancestors 'none'",
            "connection: close",
        ] {
            assert!(head.contains(sealed), "{sealed} is not in: {head}");
        }
        assert!(!head.contains("location:"), "{head}");
        assert!(!page.contains("canary") && !page.contains(&attempt.state), "{page}");
        assert!(body.contains("history.replaceState"), "{body}");
    }
    assert!(done.contains(r#"<main data-shown="done""#));
    attempt.answer.await.unwrap().unwrap();
}

// Security: A17.
#[tokio::test]
async fn strays_are_turned_away_and_the_attempt_survives_them() {
    let attempt = Attempt::code().await;
    for (request, expected) in [
        ("GET /favicon.ico HTTP/1.1\r\nHost: HOST\r\n\r\n", 404),
        ("GET /callback/?code=canary&state=STATE HTTP/1.1\r\nHost: HOST\r\n\r\n", 404),
        ("GET //callback?code=canary&state=STATE HTTP/1.1\r\nHost: HOST\r\n\r\n", 404),
        ("GET //evil.example/callback?code=canary&state=STATE HTTP/1.1\r\nHost: HOST\r\n\r\n", 404),
        ("GET /%63allback?code=canary&state=STATE HTTP/1.1\r\nHost: HOST\r\n\r\n", 404),
        ("GET http://HOST/callback?code=canary&state=STATE HTTP/1.1\r\nHost: HOST\r\n\r\n", 400),
        ("GET /callback?code=canary&state=STATE HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421),
        ("GET /callback?code=canary&state=STATE HTTP/1.1\r\nHost: localhost\r\n\r\n", 421),
        ("GET /callback?code=canary&state=STATE HTTP/1.1\r\nHost: HOST\r\nHost: HOST\r\n\r\n", 421),
        ("GET /callback?code=canary&state=STATE HTTP/1.0\r\n\r\n", 421),
        ("HEAD /callback?code=canary&state=STATE HTTP/1.1\r\nHost: HOST\r\n\r\n", 405),
        ("OPTIONS /callback?code=canary&state=STATE HTTP/1.1\r\nHost: HOST\r\n\r\n", 405),
        ("POST /callback?code=canary&state=STATE HTTP/1.1\r\nHost: HOST\r\nContent-Length: 0\r\n\r\n", 405),
        (
            "GET /callback?code=canary&state=STATE HTTP/1.1\r\nHost: HOST\r\nSec-Fetch-Dest: image\r\n\r\n",
            403,
        ),
        (
            "GET /callback?code=canary&state=STATE HTTP/1.1\r\nHost: HOST\r\nSec-Fetch-Dest: empty\r\n\r\n",
            403,
        ),
        ("GET /callback?code=canary&state=STATE\r\n\r\n", 400),
        ("\x16\x03\x01\x02\x00\x01\x00\x01\r\n\r\n", 400),
        ("GET /callback HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
    ] {
        let answer = attempt.send(request).await;
        assert_eq!(status(&answer), expected, "{request}: {answer}");
        assert!(!answer.contains("canary"), "{answer}");
    }
    attempt.succeeds().await;
}

// Security: A6, A17.
#[tokio::test]
async fn oversized_requests_are_turned_away_and_the_attempt_survives_them() {
    let attempt = Attempt::code().await;
    for length in [66_000, 200_000, 4_000_000] {
        let long = "a".repeat(length);
        let answers = [
            attempt.get(&format!("/callback?state=STATE&code={long}")).await,
            attempt.send(&format!("GET /callback HTTP/1.1\r\nHost: HOST\r\nCookie: {long}\r\n\r\n")).await,
        ];
        for answer in answers {
            // Of what came after the end nothing was read, so the answer may be lost with the connection.
            assert!(answer.is_empty() || (400..500).contains(&status(&answer)), "{length}: {answer}");
        }
    }
    attempt.succeeds().await;
}

// Security: A17.
#[tokio::test]
async fn three_hundred_silent_connections_do_not_keep_the_answer_out() {
    let attempt = Attempt::code().await;
    let mut strays = Vec::new();
    for stray in 0..300 {
        let mut stream = attempt.connect().await;
        if stray % 2 == 0 {
            stream.write_all(b"GET /callback?state=").await.unwrap();
        }
        strays.push(stream);
    }
    // The newest are served; the oldest made room for them.
    let mut nothing = String::new();
    let oldest = strays.remove(0).read_to_string(&mut nothing).await;
    assert!(matches!(oldest, Ok(0) | Err(_)), "{nothing}");
    attempt.succeeds().await;
}

// Security: A17.
#[tokio::test(start_paused = true)]
async fn a_connection_that_never_finishes_its_request_is_closed() {
    let attempt = Attempt::code().await;
    let began = now();
    let mut slow = attempt.connect().await;
    for letter in b"GET /callback?state=" {
        // Sleeps because a slow-loris sends a letter now and then; the clock of the test jumps.
        tokio::time::sleep(Duration::from_secs(1)).await;
        if slow.write_all(&[*letter]).await.is_err() {
            break;
        }
    }
    let mut said = Vec::new();
    let _ = slow.read_to_end(&mut said).await;
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    attempt.succeeds().await;
}

#[tokio::test(start_paused = true)]
async fn a_login_that_nobody_answers_ends_at_its_deadline() {
    let began = now();
    let attempt = Attempt::code().await;
    let error = attempt.answer.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert_eq!(error.to_string(), "no answer to the authorization request came within 300 s");
    assert_eq!(began.elapsed().as_secs(), 300);
    assert!(TcpStream::connect(&attempt.authority).await.is_err(), "it still listens");
}

// Security: A4.
#[tokio::test]
async fn an_answer_with_another_state_is_a_stray_and_named_at_the_deadline() {
    let attempt = Attempt::code().await;
    for stray in
        ["", "?", "?code=canary", "?code=canary&state=", "?code=canary&state=STATEx", "?error=access_denied"]
    {
        let page = attempt.get(&format!("/callback{stray}")).await;
        assert_eq!(status(&page), 400, "{stray}");
        assert!(page.contains(r#"<main data-shown="stray""#), "{page}");
    }
    tokio::time::pause();
    let error = attempt.answer.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidCallback);
    // The refusal among them is told, whoever sent it.
    assert!(error.to_string().contains("carries no `state`, and says `access_denied`"), "{error}");
}

// Security: A5, A6, A7.
#[tokio::test]
async fn a_wrong_answer_with_the_right_state_ends_the_attempt() {
    for (query, kind, said) in [
        ("error=access_denied&state=STATE", ErrorKind::Refused, "access_denied"),
        (
            "code=canary&state=STATE&iss=https://evil.example",
            ErrorKind::InvalidCallback,
            "names the issuer `https://evil.example`",
        ),
        (
            "code=canary&state=STATE&iss=https://as.example.com&iss=https://as.example.com",
            ErrorKind::InvalidCallback,
            "a parameter twice",
        ),
        ("code=canary&code=canary&state=STATE", ErrorKind::InvalidCallback, "a parameter twice"),
        ("code=canary&state=STATE&state=STATE", ErrorKind::InvalidCallback, "a parameter twice"),
        ("code=canary&state=STATE&state=other", ErrorKind::InvalidCallback, "a parameter twice"),
        (
            "code=canary&error=access_denied&state=STATE",
            ErrorKind::InvalidCallback,
            "both an error and a success",
        ),
        ("code=&state=STATE", ErrorKind::InvalidCallback, "no `code`"),
        ("state=STATE", ErrorKind::InvalidCallback, "no `code`"),
        ("code=canary%0d%0aX:y&state=STATE", ErrorKind::InvalidCallback, "malformed `code`"),
        ("code=canary%zz&state=STATE", ErrorKind::InvalidCallback, "not properly encoded"),
        ("code=canary%00&state=STATE", ErrorKind::InvalidCallback, "not properly encoded"),
    ] {
        Attempt::code().await.fails(format!("/callback?{query}"), kind, said).await;
    }
}

// Security: A12, A17.
#[tokio::test]
async fn a_fragment_is_taken_from_the_page_of_the_attempt_alone() {
    let attempt = Attempt::implicit().await;
    let page = attempt.get("/callback?access_token=canary&state=STATE").await;
    assert!(page.contains(r#"<main data-shown="hand-over""#), "{page}");
    assert!(!page.contains("canary"), "{page}");
    let (_, after) = page.split_once(r#"data-attempt=""#).unwrap();
    let key = after.split('"').next().unwrap();
    assert!(key.len() >= 43, "{key}");
    let fragment =
        "access_token=canary&token_type=Bearer&expires_in=60&state=STATE".replace("STATE", &attempt.state);
    let own = format!("Origin: http://{}\r\nButlr-Auth-Attempt: {key}\r\n", attempt.authority);
    let length = fragment.len();
    let post = |headers: &str| format!("POST /callback HTTP/1.1\r\nHost: HOST\r\n{headers}\r\n{fragment}");
    for (headers, expected) in [
        (format!("Content-Length: {length}\r\n"), 403),
        (format!("Content-Length: {length}\r\nOrigin: http://HOST\r\n"), 403),
        (format!("Content-Length: {length}\r\nButlr-Auth-Attempt: {key}\r\n"), 403),
        (
            format!(
                "Content-Length: {length}\r\nOrigin: https://evil.example\r\nButlr-Auth-Attempt: {key}\r\n"
            ),
            403,
        ),
        (format!("Content-Length: {length}\r\nOrigin: null\r\nButlr-Auth-Attempt: {key}\r\n"), 403),
        (format!("Content-Length: {length}\r\nOrigin: http://HOST\r\nButlr-Auth-Attempt: {key}x\r\n"), 403),
        (format!("Content-Length: {length}\r\nSec-Fetch-Site: cross-site\r\n{own}"), 403),
        (format!("Content-Length: 70000\r\n{own}"), 400),
        (format!("Transfer-Encoding: chunked\r\n{own}"), 400),
        (own.clone(), 400),
    ] {
        let answer = attempt.send(&post(&headers)).await;
        assert_eq!(status(&answer), expected, "{headers}: {answer}");
    }
    let right = post(&format!("Content-Length: {length}\r\nSec-Fetch-Site: same-origin\r\n{own}"));
    let answer = attempt.send(&right).await;
    assert!(answer.ends_with("\r\n\r\ndone"), "{answer}");
    let AuthorizationResponse::Token(response) = attempt.answer.await.unwrap().unwrap() else {
        panic!("no token")
    };
    assert_eq!(response.access_token.expose(), "canary");
}

// Security: A16.
#[tokio::test]
async fn localhost_is_listened_to_in_both_families_at_one_port() {
    for target in ["127.0.0.1", "[::1]"] {
        let attempt = Attempt::new("http://localhost/callback", AuthorizationRequest::code).await;
        let port = attempt.authority.strip_prefix("localhost:").unwrap().to_owned();
        let mut stream = TcpStream::connect(format!("{target}:{port}")).await.unwrap();
        let request = format!(
            "GET /callback?code={CODE}&state={} HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n",
            attempt.state
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut page = String::new();
        stream.read_to_string(&mut page).await.unwrap();
        assert_eq!(status(&page), 200, "{page}");
        attempt.answer.await.unwrap().unwrap();
    }
}

// Security: A16.
#[tokio::test]
async fn localhost_is_refused_where_either_address_is_taken() {
    for taken in ["127.0.0.1:0", "[::1]:0"] {
        let other = tokio::net::TcpListener::bind(taken).await.unwrap();
        let address = other.local_addr().unwrap();
        let uri = format!("http://localhost:{}/callback", address.port());
        let error = LoopbackListener::bind(&uri).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Busy, "{error}");
        assert!(error.to_string().contains(&address.to_string()), "{error}");
    }
}

// Security: A17.
#[tokio::test]
async fn only_the_name_that_was_registered_is_answered() {
    let attempt = Attempt::new("http://localhost/callback", AuthorizationRequest::code).await;
    let port = attempt.authority.strip_prefix("localhost:").unwrap().to_owned();
    for host in [format!("127.0.0.1:{port}"), format!("x.localhost:{port}"), "localhost".to_owned()] {
        let page = attempt
            .send(&format!("GET /callback?code=canary&state=STATE HTTP/1.1\r\nHost: {host}\r\n\r\n"))
            .await;
        assert_eq!(status(&page), 421, "{page}");
    }
    attempt.answer.abort();
}
