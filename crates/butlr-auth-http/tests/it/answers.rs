//! What is made of the answers of the test kit, real and hostile ones.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64_STANDARD;
use butlr_auth_core::{
    ClientSecret, Dialect, Error, Grant, Leniency, Provider, Secret, TokenEndpoint, TokenResponse,
};
use butlr_auth_http::HttpTokenEndpoint;
use butlr_auth_testkit::hostile::{Case, HostileServer, Sent, Surface};

use crate::runtime;

const CLIENT_SECRET: &str = "canary-client%secret";
const REFRESH_TOKEN: &str = "canary-refresh-token%3d";

async fn exchange(origin: &str, leniency: Leniency, deadline: Duration) -> Result<TokenResponse, Error> {
    let dialect = Dialect::form().with_leniency(leniency);
    let provider = Provider::new("example", format!("{origin}/token").parse().unwrap(), dialect);
    let endpoint = HttpTokenEndpoint::builder(provider)
        .client_secret("cli", ClientSecret::new(CLIENT_SECRET).unwrap())
        .timeout(deadline)
        .build()
        .unwrap();
    endpoint.exchange(&Grant::refresh_token(Secret::new(REFRESH_TOKEN).unwrap())).await
}

/// What a caller sees, and that no secret is in it: neither one that was sent nor one that was being issued.
#[track_caller]
pub(crate) fn verdict(result: &Result<TokenResponse, Error>, host: &str) -> String {
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
    shown.replace(host, "[host]")
}

async fn start(case: &Case) -> HostileServer {
    let sent = Sent { client_id: "cli", client_secret: CLIENT_SECRET, token: REFRESH_TOKEN };
    HostileServer::start(case, Surface::Token, sent).await.unwrap()
}

// Security: B10, C1, C4, C6, C9.
#[test]
fn each_answer_has_its_verdict() {
    for case in Case::all().into_iter().filter(|case| case.surfaces().any(|found| found == Surface::Token)) {
        runtime().block_on(async {
            let server = start(&case).await;
            let deadline = Duration::from_millis(if case.takes_for_ever() { 300 } else { 5000 });
            let result = exchange(&server.url(), Leniency::default(), deadline).await;
            let found =
                result.as_ref().map_or_else(|error| format!("{:?}", error.kind()), |_| "accepted".into());
            assert_eq!(found, case.expected(Surface::Token).to_string(), "{}: {result:?}", case.name());
            assert!(server.requests() <= 1 && !server.led_astray(), "{}", case.name());
            let verdict = verdict(&result, &server.url().replace("http://", ""));
            // How a connection breaks is told by the system below, in its own words.
            if !case.name().starts_with("transport/") {
                insta::with_settings!({ snapshot_suffix => case.name().replace('/', "-") }, {
                    insta::assert_snapshot!(verdict);
                });
            }
        });
    }
}

#[track_caller]
fn check_leniency(name: &str, leniency: Leniency) {
    let case = Case::all().into_iter().find(|case| case.name() == name).unwrap();
    runtime().block_on(async {
        let server = start(&case).await;
        let usual = Duration::from_secs(5);
        exchange(&server.url(), Leniency::default(), usual).await.unwrap_err();
        exchange(&server.url(), leniency, usual).await.unwrap();
    });
}

#[test]
fn a_named_leniency_accepts_what_the_strict_profile_refuses() {
    check_leniency("status/201", Leniency { created_status: true, ..Leniency::default() });
    check_leniency("type/missing", Leniency { missing_token_type: true, ..Leniency::default() });
    check_leniency("scope/array", Leniency { scope_as_array: true, ..Leniency::default() });
}
