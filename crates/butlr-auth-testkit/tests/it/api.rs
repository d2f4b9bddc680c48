use butlr_auth_testkit::{AuthorizationServer, SigningAlgorithm, Unauthenticated};
use serde_json::json;

use crate::support::{butlr_login, call, graphql, http, send, token};

#[tokio::test]
async fn assets_have_butlrs_names_and_the_schema_is_open() {
    let server = AuthorizationServer::start().await.unwrap();
    let token = butlr_login(&server).await.member("access_token");
    let query = r#"{
        sites { data { id name timezone siteNumber customID org_id
            buildings { id building_number site_id capacity { max mid } address { lines country }
                floors { id floorNumber building_id rooms { id floorID roomType tags { name } } zones { id room_id sensors { id } } } } } }
        roomsByTag(tagIDs: ["tag_meeting"], useOR: true) { data { name floor { building { site { id } } } } }
        hives(serial_numbers: ["HIVE-NORTH_1"]) { data { id isOnline netPathStability installed } }
        sensors(ids: ["sensor_north_1_0_traffic"]) { data { id mode mac_address hive_serial power_type is_entrance } }
        tags { id name organization_id rooms { name } zones { id } }
    }"#;
    let reply = graphql(&server, &token, query).await;
    assert_eq!(reply.json()["errors"], json!(null), "{}", reply.text);
    json_snapshot!("assets", reply.json()["data"]);
    let schema = graphql(&server, &token, "{ __schema { queryType { fields { name } } } }").await.json();
    json_snapshot!("queries", schema["data"]["__schema"]["queryType"]["fields"]);
}

#[tokio::test]
async fn a_field_needs_its_scope() {
    let server = AuthorizationServer::start().await.unwrap();
    let form = [("grant_type", "client_credentials"), ("scope", "read:spaces")];
    let narrow = token(&server, server.client(), &form).await.member("access_token");
    let allowed = graphql(&server, &narrow, "{ floors { data { id } } }").await;
    assert_eq!(allowed.json()["errors"], json!(null));
    for query in [
        "{ rooms { data { id } } }",
        "{ sensors { data { id } } }",
        "{ hives { data { id } } }",
        "{ floors { data { rooms { id } } } }",
    ] {
        let refused = graphql(&server, &narrow, query).await.json();
        assert_eq!(refused["errors"][0]["extensions"]["code"], "FORBIDDEN", "{query}");
    }
    let report = json!({ "filter": { "measurements": ["room_occupancy"], "start": "-1h" } });
    let refused = call(&server, &narrow, "/api/v3/reporting", &report).await;
    assert_eq!(refused.status, 403);
    assert!(refused.header("www-authenticate").contains("insufficient_scope"));
}

#[tokio::test]
async fn only_real_tokens_for_this_api_are_taken() {
    for algorithm in [SigningAlgorithm::Es256, SigningAlgorithm::EdDsa, SigningAlgorithm::Rs256] {
        let server = AuthorizationServer::builder().signing_algorithm(algorithm).start().await.unwrap();
        let login = butlr_login(&server).await;
        let token = login.member("access_token");
        let status = async |token: &str| graphql(&server, token, "{ sites { data { id } } }").await.status;
        assert_eq!(status(&token).await, 200, "{algorithm:?}");
        let (signed, signature) = token.rsplit_once('.').unwrap();
        assert_eq!(status(&format!("{signed}.{}", signature.chars().rev().collect::<String>())).await, 401);
        assert_eq!(status(&format!("{signed}.")).await, 401);
        assert_eq!(status(&login.member("id_token")).await, 401);
        assert_eq!(status("no-jwt").await, 401);
        let stranger = AuthorizationServer::start().await.unwrap();
        assert_eq!(status(&butlr_login(&stranger).await.member("access_token")).await, 401);
        assert_eq!(server.journal().judge().wrong_served, 5);
    }
}

#[tokio::test]
async fn an_expired_token_is_refused_in_the_way_that_was_asked_for() {
    for (answer, status) in [(Unauthenticated::Status, 401), (Unauthenticated::GraphQlError, 200)] {
        let server = AuthorizationServer::builder().unauthenticated(answer).start().await.unwrap();
        let token = butlr_login(&server).await.member("access_token");
        server.advance_time(std::time::Duration::from_secs(1000));
        let reply = graphql(&server, &token, "{ sites { data { id } } }").await;
        assert_eq!(reply.status, status);
        if status == 200 {
            assert_eq!(reply.json()["errors"][0]["extensions"]["code"], "UNAUTHENTICATED");
        } else {
            assert!(reply.header("www-authenticate").contains("invalid_token"));
        }
        assert_eq!(server.journal().judge().expired_served, 1);
    }
}

#[tokio::test]
async fn reports_come_as_points_groups_pages_and_csv() {
    let server = AuthorizationServer::start().await.unwrap();
    let token = butlr_login(&server).await.member("access_token");
    let report = async |more: serde_json::Value| {
        let mut body = json!({
            "window": { "every": "1h", "function": "max", "timezone": "UTC" },
            "filter": { "start": "2025-03-03T14:00:00Z", "stop": "2025-03-03T16:00:00Z",
                        "measurements": ["room_occupancy"], "rooms": { "eq": ["room_north_1_0"] } },
        });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        call(&server, &token, "/api/v3/reporting", &body).await
    };
    json_snapshot!("report_points", report(json!({})).await.json());
    json_snapshot!("report_groups", report(json!({ "group_by": { "order": ["time"] } })).await.json());
    json_snapshot!("report_page", report(json!({ "paginate": { "page": 2, "limit": 1 } })).await.json());
    insta::assert_snapshot!("report_csv", report(json!({ "options": { "format": "csv" } })).await.text);
    assert_eq!(report(json!({ "filter": { "measurements": ["mood"], "start": "-1h" } })).await.status, 400);
    let traffic = json!({ "filter": { "measurements": ["traffic", "presence"], "start": "-2h", "rooms": { "eq": ["room_north_1_0"] } } });
    assert!(report(traffic).await.json()["data"].as_array().unwrap().len() >= 4);
    let stats = json!({ "measurements": ["occupancy_avg_presence"], "items": ["room_north_1_0"], "start": "2025-03-03", "stop": "2025-03-04" });
    let stats = call(&server, &token, "/api/v4/reporting/stats", &stats).await;
    assert_eq!(stats.json()["data"]["room_north_1_0"]["count"], 24);
    assert_eq!(
        send(http().post(format!("{}/api/v3/reporting", server.base_url())).json(&json!({}))).await.status,
        401
    );
}
