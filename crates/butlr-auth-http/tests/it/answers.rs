//! What is made of an answer: real and hostile ones, one file each. A new case is a new file in `responses/`.

use std::fs;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64_STANDARD;
use butlr_auth_core::{
    ClientSecret, Dialect, Error, ErrorKind, Grant, Leniency, Provider, Secret, TokenEndpoint, TokenResponse,
};
use butlr_auth_http::HttpTokenEndpoint;

use crate::capture::{Capture, Play};
use crate::runtime;

const CLIENT_SECRET: &str = "canary-client%secret";
const REFRESH_TOKEN: &str = "canary-refresh-token%3d";

/// The bytes of a file: lines end in CRLF up to the body, and the length of the body is added unless it is there.
fn answer(path: &Path) -> Vec<u8> {
    let file = fs::read(path).unwrap();
    let file = file.strip_suffix(b"\n").unwrap();
    let last_head = file.windows(5).rposition(|window| window == b"HTTP/").unwrap_or_default();
    let end = last_head + file[last_head..].windows(2).position(|window| window == b"\n\n").unwrap();
    let head = std::str::from_utf8(&file[..end]).unwrap().trim_end();
    let form: String = url::form_urlencoded::byte_serialize(CLIENT_SECRET.as_bytes()).collect();
    let body = [
        ("{client_secret}", CLIENT_SECRET),
        ("{refresh_token}", REFRESH_TOKEN),
        ("{basic}", &BASE64_STANDARD.encode(format!("cli:{form}"))),
    ]
    .into_iter()
    .fold(file[end + 2..].to_vec(), |body, (name, value)| replace(&body, name, value));
    let mut bytes = head.replace('\n', "\r\n").into_bytes();
    if !head.contains("Content-Length") && !head.contains("Transfer-Encoding") {
        bytes.extend(format!("\r\nContent-Length: {}", body.len()).bytes());
    }
    bytes.extend(b"\r\n\r\n");
    bytes.extend(body);
    bytes
}

/// Bodies are not always UTF-8.
fn replace(body: &[u8], name: &str, value: &str) -> Vec<u8> {
    let mut replaced = Vec::new();
    let mut rest = body;
    while let Some(at) = rest.windows(name.len()).position(|window| window == name.as_bytes()) {
        replaced.extend(&rest[..at]);
        replaced.extend(value.bytes());
        rest = &rest[at + name.len()..];
    }
    replaced.extend(rest);
    replaced
}

async fn exchange(capture: &Capture, leniency: Leniency) -> Result<TokenResponse, Error> {
    let dialect = Dialect::form().with_leniency(leniency);
    let provider = Provider::new("example", capture.url("/token").parse().unwrap(), dialect);
    let endpoint = HttpTokenEndpoint::builder(provider)
        .client_secret("cli", ClientSecret::new(CLIENT_SECRET).unwrap())
        .build()
        .unwrap();
    endpoint.exchange(&Grant::refresh_token(Secret::new(REFRESH_TOKEN).unwrap())).await
}

/// What a caller sees, and that no secret is in it: neither one that was sent nor one that was being issued.
#[track_caller]
pub(crate) fn verdict(result: &Result<TokenResponse, Error>, capture: &Capture) -> String {
    let shown = match result {
        Ok(token) => format!(
            "accepted\nexpires_in: {:?}\nscope: {:?}\nrefresh_token: {}\nid_token: {}",
            token.expires_in,
            token.scope.as_ref().map(ToString::to_string),
            token.refresh_token.is_some(),
            token.id_token.is_some()
        ),
        Err(error) => format!(
            "{:?}, {:?}\nstatus: {:?}\nretry_after: {:?}\nerror_response: {:?}\nsnippet: {:?}\n{error}",
            error.kind(),
            error.delivery(),
            error.status(),
            error.retry_after(),
            error.error_response(),
            error.snippet()
        ),
    };
    let debug = format!("{result:?} {result:#?}");
    let mut chain = String::new();
    let mut source = result.as_ref().err().map(|error| error as &dyn std::error::Error);
    while let Some(error) = source {
        chain += &format!("{error} {error:?} ");
        source = error.source();
    }
    let basic = BASE64_STANDARD.encode("cli:canary");
    for text in [&shown, &debug, &chain] {
        assert!(!text.contains("canary"), "{text}");
        assert!(!text.contains(&basic[..8]), "{text}");
    }
    shown.replace(&capture.address.to_string(), "[host]")
}

// Security: C1, C6, C9.
#[test]
fn each_answer_has_its_verdict() {
    insta::glob!("responses/*.http", |path| {
        runtime().block_on(async {
            let capture = Capture::start(Play::Close(answer(path))).await;
            let result = exchange(&capture, Leniency::default()).await;
            capture.only_request();
            insta::assert_snapshot!(verdict(&result, &capture));
        });
    });
}

#[track_caller]
fn check_leniency(name: &str, leniency: Leniency) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/responses").join(name);
    runtime().block_on(async {
        let capture = Capture::start(Play::Close(answer(&path))).await;
        exchange(&capture, Leniency::default()).await.unwrap_err();
        exchange(&capture, leniency).await.unwrap();
    });
}

#[test]
fn a_named_leniency_accepts_what_the_strict_profile_refuses() {
    check_leniency("status-201.http", Leniency { created_status: true, ..Leniency::default() });
    check_leniency("type-missing.http", Leniency { missing_token_type: true, ..Leniency::default() });
    check_leniency("scope-array.http", Leniency { scope_as_array: true, ..Leniency::default() });
}

// Security: B10.
#[tokio::test]
async fn an_answer_beyond_measure_is_refused_and_not_swallowed() {
    let deep = format!(r#"{{"deep":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    let members: String = (0..15_000).map(|number| format!(r#""m{number}":"canary","#)).collect();
    let members = format!(r#"{{{members}"access_token":"canary"}}"#);
    let long = format!(r#"{{"access_token":"{}","token_type":"bearer"}}"#, "canary".repeat(200_000));
    for body in [deep, members, long] {
        let capture = Capture::json(&body).await;
        let result = exchange(&capture, Leniency::default()).await;
        verdict(&result, &capture);
        assert_eq!(result.unwrap_err().kind(), ErrorKind::InvalidResponse);
        capture.only_request();
    }
}
