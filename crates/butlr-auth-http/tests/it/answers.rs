//! What is made of the answers of the test kit, real and hostile ones.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64_STANDARD;
use butlr_auth_core::{
    ClientSecret, Dialect, Error, Grant, Hint, Leniency, Provider, Secret, TokenEndpoint, TokenResponse,
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
    without_ports(&shown.replace(host, "[host]"))
}

/// Every other server of this machine, whatever its port is this time.
fn without_ports(text: &str) -> String {
    let mut parts = text.split("http://127.0.0.1:");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        text + "[elsewhere]" + part.trim_start_matches(|c: char| c.is_ascii_digit())
    })
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

#[test]
fn slacks_token_types_are_taken_where_they_are_configured() {
    let case = Case::all().into_iter().find(|case| case.name() == "type/bot").unwrap();
    let slack = Leniency::default().with_bearer_types(["bot", "user"]).unwrap();
    runtime().block_on(async {
        let server = start(&case).await;
        let usual = Duration::from_secs(5);
        let refused = exchange(&server.url(), Leniency::default(), usual).await.unwrap_err();
        assert_eq!(refused.hint(), Some(&Hint::BearerType { token_type: Some("bot".to_owned()) }));
        exchange(&server.url(), slack, usual).await.unwrap();
    });
}
