use butlr_auth_cache::Session;
use butlr_auth_core::{ClientSecret, Dialect, Grant, Provider};
use butlr_auth_http::HttpTokenEndpoint;

use super::*;

#[test]
fn what_is_secret_is_found_in_what_is_shown() {
    assert_eq!(leaked("a canary sings"), Some("canary"));
    let header = "Authorization: Basic Y2xpOmNhbmFyeS1jbGllbnQlMjVzZWNyZXQ=";
    assert!(leaked(header).is_some());
    assert_eq!(leaked("the token request to [host]: status 400"), None);
}

#[test]
fn a_wrong_verdict_is_found() {
    let case = Case::all().into_iter().find(|case| case.name() == "access-token/crlf").unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let logs = Logs::default();
    let right = runtime.block_on(play(case.clone(), Surface::Token, &logs)).unwrap();
    assert!(right.wrong.is_empty(), "{:?}", right.wrong);
    // To a revocation every status 200 is a success, so there the same answer is taken otherwise.
    let other = runtime.block_on(play(case, Surface::Revocation, &logs)).unwrap();
    assert_eq!(other.wrong, ["InvalidResponse is expected"]);
}

// Security: B10.
#[test]
fn all_groups_have_their_cases() {
    let cases = Case::all();
    assert!(cases.len() >= 170, "{}", cases.len());
    for surface in Surface::ALL {
        assert!(cases.iter().any(|case| case.surfaces().any(|found| found == surface)), "{surface}");
    }
}

/// Three calls for another token, to a server that has only this answer (I17).
async fn asked_for_more(case: Case) {
    let server = HostileServer::start(&case, Surface::Token, SENT).await.unwrap();
    let provider =
        Provider::new("hostile", format!("{}/token", server.url()).parse().unwrap(), Dialect::form());
    let secret = ClientSecret::new(SENT.client_secret).unwrap();
    let endpoint =
        HttpTokenEndpoint::builder(provider).client_secret(SENT.client_id, secret).build().unwrap();
    let session = Session::builder(endpoint).grant(Grant::client_credentials()).open().unwrap();
    let first = tokio::time::timeout(HUNG, session.token()).await.unwrap().unwrap();
    for call in 1..=3 {
        let before = server.requests();
        let again = tokio::time::timeout(HUNG, session.renew()).await.unwrap().unwrap();
        assert_eq!(again.fingerprint(), first.fingerprint(), "{}", case.name());
        assert!(server.requests() <= before + 1, "{}, call {call}", case.name());
    }
}

// Security: D15.
#[test]
fn a_server_that_answers_the_same_again_is_asked_once_a_call() {
    let cases = Case::all().into_iter().filter(|case| {
        let is_token = case.surfaces().any(|surface| surface == Surface::Token);
        is_token && case.expected(Surface::Token).to_string() == "accepted"
    });
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let mut asked: tokio::task::JoinSet<()> = cases.map(asked_for_more).collect();
        assert!(asked.len() >= 20, "{}", asked.len());
        while let Some(ended) = asked.join_next().await {
            ended.unwrap();
        }
    });
}
