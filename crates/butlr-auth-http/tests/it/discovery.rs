//! What a server says of itself: found in two places, believed only for its own issuer, kept for a while.

use std::fmt::Write as _;
use std::time::Duration;

use butlr_auth_core::{ErrorKind, GrantType, ManualClock, Metadata, TokenEndpoint};
use butlr_auth_http::{Discovery, HttpTokenEndpoint};
use butlr_auth_testkit::AuthorizationServer;

use crate::capture::{Capture, Play, Site, response};

const OAUTH: &str = "/.well-known/oauth-authorization-server/o";
const OPENID: &str = "/o/.well-known/openid-configuration";

/// A server whose issuer is `/o`, with what stands at its two places.
struct Server {
    capture: Capture,
    site: Site,
    clock: ManualClock,
}

impl Server {
    async fn start() -> Self {
        let site = Site::default();
        let capture = Capture::start(Play::Site(site.clone())).await;
        Self { capture, site, clock: ManualClock::new() }
    }

    fn issuer(&self) -> String {
        self.capture.url("/o")
    }

    /// Puts a document of this issuer with these endpoints there.
    fn put(&self, place: &str, endpoints: &[&str], headers: &str) {
        self.put_as(&self.issuer(), place, endpoints, headers);
    }

    fn put_as(&self, issuer: &str, place: &str, endpoints: &[&str], headers: &str) {
        let mut document = format!(r#"{{"issuer":"{issuer}""#);
        for name in endpoints {
            let _ = write!(document, r#","{name}":"{}/{name}""#, self.issuer());
        }
        document.push('}');
        let page = response("200 OK", "application/json", &document);
        let page = String::from_utf8(page).unwrap().replacen("\r\n", &format!("\r\n{headers}"), 1);
        self.site.put(place, page.into());
    }

    fn put_status(&self, place: &str, status: &str) {
        self.site.put(place, response(status, "text/plain", ""));
    }

    fn discovery(&self) -> Discovery {
        Discovery::builder(self.issuer()).clock(self.clock.clone()).build().unwrap()
    }

    fn targets(&self) -> Vec<String> {
        self.capture.requests().into_iter().map(|request| request.target).collect()
    }

    async fn metadata(&self) -> Metadata {
        Metadata::clone(&*self.discovery().metadata().await.unwrap())
    }

    async fn refused(&self) -> butlr_auth_core::Error {
        self.discovery().metadata().await.unwrap_err()
    }
}

const BASIC: [&str; 3] = ["authorization_endpoint", "token_endpoint", "jwks_uri"];
const WHOLE: [&str; 5] =
    ["authorization_endpoint", "token_endpoint", "jwks_uri", "revocation_endpoint", "introspection_endpoint"];

//= https://www.rfc-editor.org/rfc/rfc8414#section-3.1
//= type=test
//# If the issuer identifier value contains a path component, any terminating "/" MUST be removed before
//# inserting "/.well-known/" and the well-known URI suffix between the host component and the path component.
#[tokio::test]
async fn e2_both_places_are_looked_at_with_and_without_a_path() {
    for (path, oauth, openid) in [
        ("", "/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"),
        ("/", "/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"),
        ("/o", OAUTH, OPENID),
        ("/o/", OAUTH, OPENID),
        (
            "/a%20b/c",
            "/.well-known/oauth-authorization-server/a%20b/c",
            "/a%20b/c/.well-known/openid-configuration",
        ),
    ] {
        let capture = Capture::start(Play::Site(Site::default())).await;
        let discovery = Discovery::builder(capture.url(path)).build().unwrap();
        let error = discovery.metadata().await.unwrap_err();
        assert_eq!((error.kind(), error.status()), (ErrorKind::Refused, Some(404)));
        let targets: Vec<_> = capture.requests().into_iter().map(|request| request.target).collect();
        assert_eq!(targets, [oauth, openid]);
    }
}

#[tokio::test]
async fn the_request_says_nothing_of_the_client() {
    let server = Server::start().await;
    server.put(OAUTH, &WHOLE, "");
    server.metadata().await;
    let request = server.capture.only_request();
    let headers: Vec<_> = request.headers.iter().filter(|(name, _)| name != "host").collect();
    let shown = format!("{} {}\n{headers:#?}\n{}", request.method, request.target, request.body);
    insta::assert_snapshot!(shown);
}

#[tokio::test]
async fn e2_the_second_place_serves_where_the_first_is_empty_or_closed() {
    for status in ["404 Not Found", "403 Forbidden", "302 Found", "500 Broken", "204 Empty", "200 OK"] {
        let server = Server::start().await;
        server.put_status(OAUTH, status);
        server.put(OPENID, &BASIC, "");
        let provider = server.metadata().await.provider("example");
        assert!(provider.token_endpoint(GrantType::Password).is_ok(), "{status}");
        assert_eq!(server.targets(), [OAUTH, OPENID]);
    }
}

#[tokio::test]
async fn a_trouble_that_passes_is_told_before_a_document_that_is_not_there() {
    for status in ["429 Busy", "502 Bad Gateway", "503 Away", "504 Late"] {
        for (in_trouble, absent) in [(OAUTH, OPENID), (OPENID, OAUTH)] {
            let server = Server::start().await;
            server.put_status(in_trouble, status);
            server.put_status(absent, "404 Not Found");
            let error = server.refused().await;
            assert!(error.is_transient(), "{in_trouble}: {error}");
            assert_eq!(error.status().map(|code| code.to_string()), Some(status[..3].to_owned()));
        }
    }
}

#[tokio::test]
async fn one_document_is_completed_by_the_other() {
    let server = Server::start().await;
    server.put(OAUTH, &BASIC, "");
    server.put(OPENID, &WHOLE, "");
    let provider = server.metadata().await.provider("example");
    assert!(provider.revocation_endpoint().is_ok() && provider.introspection_endpoint().is_ok());

    // Where nothing more is to be had, what is there is enough; and a whole one is not asked about twice.
    server.put_status(OPENID, "404 Not Found");
    assert!(server.metadata().await.provider("example").revocation_endpoint().is_err());
    server.put(OAUTH, &WHOLE, "");
    let before = server.targets().len();
    server.metadata().await;
    assert_eq!(server.targets().len(), before + 1);
}

#[tokio::test]
async fn e1_a_document_of_another_issuer_is_not_used() {
    let server = Server::start().await;
    for issuer in [server.capture.url(""), server.capture.url("/o/"), server.capture.url("/O")] {
        server.put_as(&issuer, OAUTH, &WHOLE, "");
        server.put_as(&issuer, OPENID, &WHOLE, "");
        let error = server.refused().await;
        assert_eq!(error.kind(), ErrorKind::InvalidResponse);
        assert!(error.to_string().contains("names the issuer"), "{error}");
        // The reason is told even if the other place has nothing.
        server.put_status(OAUTH, "404 Not Found");
        assert!(server.refused().await.to_string().contains("names the issuer"));
    }
    server.put_as("https://evil.example.com", OAUTH, &WHOLE, "");
    server.put(OPENID, &BASIC, "");
    assert!(server.metadata().await.provider("example").revocation_endpoint().is_err());
}

#[tokio::test]
async fn e3_no_redirect_is_followed() {
    let sink = Capture::json("{}").await;
    let server = Server::start().await;
    for status in ["301 Moved", "302 Found", "303 Other", "307 Temporary", "308 Permanent"] {
        let answer = format!("HTTP/1.1 {status}\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n", sink.url("/"));
        for place in [OAUTH, OPENID] {
            server.site.put(place, answer.clone().into());
        }
        let error = server.refused().await;
        assert!(error.to_string().contains("never followed"), "{error}");
    }
    assert!(sink.requests().is_empty());
}

#[tokio::test]
async fn e3_a_page_or_nonsense_is_no_document() {
    let server = Server::start().await;
    for body in
        ["<html><title>Wi-Fi</title>", "", "null", "[]", "{}", "{\"issuer\":7}", "\u{feff}{}", "{} {}"]
    {
        for place in [OAUTH, OPENID] {
            server.site.put(place, response("200 OK", "text/html", body));
        }
        assert_eq!(server.refused().await.kind(), ErrorKind::InvalidResponse, "{body}");
    }
}

#[tokio::test]
async fn e3_a_document_beyond_measure_is_cut_off() {
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".into();
    let piece = format!("1000\r\n{}\r\n", " ".repeat(0x1000)).into();
    let capture = Capture::start(Play::Endless(head, piece)).await;
    let error = Discovery::builder(capture.url("")).build().unwrap().metadata().await.unwrap_err();
    assert!(error.to_string().contains("exceeds 262144 bytes"), "{error}");
}

#[tokio::test]
async fn e3_one_deadline_holds_for_both_places() {
    let capture = Capture::start(Play::Stall("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{".into())).await;
    let discovery = Discovery::builder(capture.url("")).timeout(Duration::from_millis(200)).build().unwrap();
    assert_eq!(discovery.metadata().await.unwrap_err().kind(), ErrorKind::TimedOut);
    let capture = Capture::start(Play::Stall(String::new().into())).await;
    let discovery = Discovery::builder(capture.url("")).timeout(Duration::from_millis(200)).build().unwrap();
    assert_eq!(discovery.metadata().await.unwrap_err().kind(), ErrorKind::TimedOut);
    capture.only_request();
}

/// Asks once a minute of the clock until a second look is taken, and returns after how many minutes it was.
async fn kept_for(headers: &str) -> u64 {
    let server = Server::start().await;
    server.put(OAUTH, &WHOLE, headers);
    let discovery = server.discovery();
    discovery.metadata().await.unwrap();
    for minute in 1..=2000 {
        server.clock.advance(Duration::from_secs(60));
        discovery.metadata().await.unwrap();
        if server.targets().len() > 1 {
            return minute;
        }
    }
    panic!("never looked again");
}

#[tokio::test]
async fn e4_a_document_is_kept_as_the_server_says_within_bounds() {
    for (headers, minutes) in [
        ("", 60),
        ("Cache-Control: max-age=600\r\n", 10),
        ("Cache-Control: public, MAX-AGE=600 , must-revalidate\r\n", 10),
        ("Cache-Control: max-age=0\r\n", 1),
        ("Cache-Control: no-store\r\n", 1),
        ("Cache-Control: max-age=600, no-cache\r\n", 1),
        ("Cache-Control: max-age=99999999999999999999999999\r\n", 1440),
        ("Cache-Control: max-age=31536000\r\n", 1440),
        ("Cache-Control: max-age=-5\r\n", 60),
        ("Cache-Control: max-age=\r\n", 60),
        ("Cache-Control: max-age=soon\r\n", 60),
    ] {
        assert_eq!(kept_for(headers).await, minutes, "{headers}");
    }
}

#[tokio::test]
async fn e4_a_changed_document_is_seen_when_the_old_one_is_due() {
    let server = Server::start().await;
    server.put(OAUTH, &WHOLE, "");
    let discovery = server.discovery();
    let before = discovery.metadata().await.unwrap();
    server.put(OAUTH, &[WHOLE.as_slice(), &["device_authorization_endpoint"]].concat(), "");
    assert_eq!(discovery.metadata().await.unwrap(), before);
    server.clock.advance(Duration::from_secs(3600));
    let after = discovery.metadata().await.unwrap();
    assert!(after.provider("example").device_authorization_endpoint().is_ok());
}

#[tokio::test]
async fn e4_a_stale_document_serves_while_the_server_is_down() {
    let server = Server::start().await;
    server.put(OAUTH, &WHOLE, "");
    let discovery = server.discovery();
    let known = discovery.metadata().await.unwrap();
    for place in [OAUTH, OPENID] {
        server.put_status(place, "503 Down");
    }
    server.clock.advance(Duration::from_secs(3600));
    for _ in 0..10 {
        assert_eq!(discovery.metadata().await.unwrap(), known);
    }
    assert_eq!(server.targets().len(), 3, "one more look, at both places, and then none for a minute");
    server.clock.advance(Duration::from_secs(6 * 86_400));
    assert_eq!(discovery.metadata().await.unwrap(), known);
    server.clock.advance(Duration::from_secs(86_400));
    assert_eq!(discovery.metadata().await.unwrap_err().kind(), ErrorKind::ServerFailed);
    // A server that is there and says something else is no server that is down.
    server.put_as("https://evil.example.com", OAUTH, &WHOLE, "");
    assert_eq!(discovery.metadata().await.unwrap_err().kind(), ErrorKind::InvalidResponse);
}

#[tokio::test]
async fn e4_a_clock_that_was_set_back_causes_a_look() {
    let server = Server::start().await;
    server.put(OAUTH, &WHOLE, "");
    let written = {
        let discovery = server.discovery();
        discovery.metadata().await.unwrap();
        discovery.to_json().await.unwrap()
    };
    let earlier = server.clock.other_host("b", Duration::ZERO, Duration::from_secs(86_400));
    let discovery = Discovery::builder(server.issuer()).clock(earlier).kept(written).build().unwrap();
    discovery.metadata().await.unwrap();
    assert_eq!(server.targets().len(), 2);
}

#[tokio::test]
async fn many_callers_cause_one_look_and_one_who_leaves_harms_nobody() {
    let server = Server::start().await;
    server.put(OAUTH, &WHOLE, "");
    let discovery = std::sync::Arc::new(server.discovery());
    let left = discovery.metadata();
    drop(left);
    let callers: Vec<_> = (0..100)
        .map(|_| {
            let discovery = std::sync::Arc::clone(&discovery);
            tokio::spawn(async move { discovery.metadata().await.map(drop) })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap().unwrap();
    }
    server.capture.only_request();
}

#[tokio::test]
async fn what_was_written_down_saves_the_next_run_its_look() {
    let server = Server::start().await;
    server.put(OAUTH, &WHOLE, "");
    let discovery = server.discovery();
    assert_eq!(discovery.to_json().await, None);
    let known = discovery.metadata().await.unwrap();
    let written = discovery.to_json().await.unwrap();
    let next = |issuer: String, written: &str| {
        Discovery::builder(issuer).clock(server.clock.clone()).kept(written).build().unwrap()
    };
    assert_eq!(next(server.issuer(), &written).metadata().await.unwrap(), known);
    server.capture.only_request();
    for useless in ["", "{}", "null", &written[..written.len() - 1], &written.replace("/o", "/p")] {
        assert_eq!(next(server.issuer(), useless).metadata().await.unwrap(), known);
    }
    assert_eq!(server.targets().len(), 6);
    assert!(next(server.capture.url("/p"), &written).metadata().await.is_err(), "keyed by issuer");
}

#[tokio::test]
async fn an_issuer_that_no_server_may_have_is_refused_before_anything_is_asked() {
    for issuer in ["http://as.example.com", "https://as.example.com?a=b", "https://a@b", "as.example.com", ""]
    {
        let error = Discovery::builder(issuer).build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{issuer}");
        assert_eq!(HttpTokenEndpoint::discover(issuer).await.unwrap_err().kind(), ErrorKind::Configuration);
    }
}

#[tokio::test]
async fn the_embedded_server_is_known_by_its_issuer_alone() {
    let server = AuthorizationServer::start().await.unwrap();
    let discovery = Discovery::builder(server.issuer()).build().unwrap();
    let provider = discovery.metadata().await.unwrap().provider("testkit");
    assert_eq!(provider.issuer(), Some(server.issuer()));
    assert!(provider.requires_authorization_response_iss());
    assert!(!provider.requires_pushed_authorization());
    assert_eq!(provider.endpoints().count(), 6);
    let endpoint = discovery.endpoint().await.unwrap().client_id("cli").build().unwrap();
    assert_eq!(endpoint.identity().provider_id, server.issuer());
    assert!(discovery.metadata().await.unwrap().unusable().is_empty());
}
