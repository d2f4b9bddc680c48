use std::time::Duration;

use butlr_auth_testkit::{AuthorizationServer, Endpoint, Fault, Journal};
use serde_json::json;

use crate::support::{butlr_login, butlr_refresh, get, http, post_json, send};

async fn fails(server: &AuthorizationServer, refresh_token: &str) -> bool {
    let body = json!({ "grant_type": "refresh_token", "refresh_token": refresh_token });
    let url = format!("{}/api/v2/refresh", server.base_url());
    http().post(url).json(&body).send().await.is_err()
}

#[tokio::test]
async fn a_status_strikes_as_often_as_asked_with_its_headers() {
    let server = AuthorizationServer::start().await.unwrap();
    server.inject(
        Fault::status(503).header("Retry-After", "2").body("busy").skip(1).times(2).on(Endpoint::ButlrLogin),
    );
    let statuses: Vec<u16> =
        [butlr_login(&server).await, butlr_login(&server).await, butlr_login(&server).await]
            .iter()
            .map(|reply| reply.status)
            .collect();
    assert_eq!(statuses, [200, 503, 503]);
    assert_eq!(butlr_login(&server).await.status, 200);
    assert_eq!(server.journal().requests(Endpoint::ButlrLogin), 4);
    server.inject(Fault::status(500));
    server.clear_faults();
    assert_eq!(get(&server, "/jwks").await.status, 200);
}

#[tokio::test]
async fn a_cut_before_the_commit_spends_nothing_and_after_it_everything() {
    let server = AuthorizationServer::start().await.unwrap();
    let first = butlr_login(&server).await.member("refresh_token");
    server.inject(Fault::cut().times(1).on(Endpoint::ButlrRefresh));
    assert!(fails(&server, &first).await);
    assert_eq!(server.journal().judge().refreshes, 0);
    server.inject(Fault::cut().after_commit().times(1).on(Endpoint::ButlrRefresh));
    assert!(fails(&server, &first).await);
    let judgement = server.journal().judge();
    assert_eq!((judgement.refreshes, judgement.presentations, judgement.faults), (1, 2, 2));
    assert_eq!(butlr_refresh(&server, &first).await.error().1, "invalid_grant");
}

#[tokio::test]
async fn garbage_and_raw_bytes_come_as_they_are() {
    let server = AuthorizationServer::start().await.unwrap();
    server.inject(Fault::garbage().after_commit().times(1));
    let reply = get(&server, "/jwks").await;
    assert_eq!((reply.status, reply.json()), (200, serde_json::Value::Null));
    server.inject(Fault::raw("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort").times(1));
    let response = http().get(format!("{}/jwks", server.base_url())).send().await.unwrap();
    assert!(response.text().await.is_err());
}

#[tokio::test]
async fn a_delay_lets_the_request_through() {
    let server = AuthorizationServer::start().await.unwrap();
    server.inject(Fault::delay(Duration::from_millis(20)).times(1));
    assert_eq!(get(&server, "/jwks").await.status, 200);
    assert_eq!(server.journal().events()[0].fault.as_deref(), Some("delay_20ms_before_commit"));
}

#[tokio::test]
async fn another_process_steers_the_server_through_the_control_endpoint() {
    let closed = AuthorizationServer::start().await.unwrap();
    assert_eq!(get(&closed, "/_test/journal").await.status, 404);
    let server = AuthorizationServer::builder().control_endpoint(true).start().await.unwrap();
    let fault = serde_json::to_value(Fault::status(503).times(1).on(Endpoint::Jwks)).unwrap();
    json_snapshot!("fault", fault);
    assert_eq!(post_json(&server, "/_test/faults", &fault).await.status, 204);
    assert_eq!(get(&server, "/jwks").await.status, 503);
    let token = butlr_login(&server).await.member("access_token");
    assert_eq!(post_json(&server, "/_test/clock", &json!({ "advance_ms": 2_000_000 })).await.status, 200);
    assert_eq!(crate::support::graphql(&server, &token, "{ sites { data { id } } }").await.status, 401);
    let journal = get(&server, "/_test/journal").await.json();
    assert_eq!(journal["requests"]["jwks"], 1);
    assert_eq!(journal["events"][2]["outcome"], "expired");
    // A page in a browser cannot.
    let url = format!("{}/_test/faults", server.base_url());
    assert_eq!(
        send(http().post(&url).header("Origin", "https://evil.example").json(&fault)).await.status,
        403
    );
    assert_eq!(send(http().post(&url).form(&[("fault", "cut")])).await.status, 403);
}

#[tokio::test]
async fn other_names_than_loopback_ones_are_refused() {
    let server = AuthorizationServer::start().await.unwrap();
    let url = format!("{}/jwks", server.base_url());
    assert_eq!(send(http().get(&url).header("Host", "127.0.0.1.evil.example")).await.status, 421);
    assert_eq!(send(http().get(&url).header("Host", "localhost:1")).await.status, 200);
    let refused = AuthorizationServer::builder().address([0, 0, 0, 0]).start().await.unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::InvalidInput);
}

#[tokio::test]
async fn the_journal_file_holds_every_event_and_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    let server = AuthorizationServer::builder().journal_file(&path).start().await.unwrap();
    let first = butlr_login(&server).await.member("refresh_token");
    let reply = butlr_refresh(&server, &first).await;
    let events = Journal::read(&path).unwrap();
    assert_eq!(events, server.journal().events());
    assert_eq!(events[1].presented.as_deref(), Some(Journal::fingerprint(&first).as_str()));
    let text = std::fs::read_to_string(&path).unwrap();
    for secret in
        [&first, &reply.member("refresh_token"), &reply.member("access_token"), &server.user().password]
    {
        assert!(!text.contains(secret.as_str()));
    }
    assert!(
        !format!("{server:?} {:?} {:?}", server.client(), server.user()).contains(&server.client().secret)
    );
    let url = format!("{}/jwks", server.base_url());
    server.shutdown().await;
    assert!(http().get(url).send().await.is_err());
}

#[tokio::test]
async fn a_thousand_clients_at_once_are_served() {
    let server = AuthorizationServer::start().await.unwrap();
    let body = json!({ "username": server.user().username, "password": server.user().password });
    let client = http();
    let mut logins = tokio::task::JoinSet::new();
    for _ in 0..1000 {
        let request = client.post(format!("{}/api/v2/login", server.base_url())).json(&body);
        logins.spawn(async move { send(request).await.status });
    }
    assert!(logins.join_all().await.into_iter().all(|status| status == 200));
    assert_eq!(server.journal().judge().exchanges, 1000);
}
