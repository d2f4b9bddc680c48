//! Habits of servers that exist: each changes what it says it does, and the tokens stay good.

use std::collections::BTreeSet;
use std::time::Duration;

use butlr_auth_testkit::{AuthorizationServer, Quirk};
use serde_json::{Value, json};
use url::Url;

use crate::support::{
    CHALLENGE, REDIRECT, Reply, VERIFIER, authorization_url, claims, code, get, graphql, post_form, query,
    token,
};

/// The rows of the table of habits in the documentation: the cells of each.
fn rows() -> Vec<Vec<String>> {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/servers.md");
    let page = std::fs::read_to_string(page).unwrap();
    let rows = page.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| row.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect()).collect()
}

#[test]
fn the_documentation_has_a_row_for_each_with_a_test_that_shows_it() {
    let rows = rows();
    for quirk in Quirk::ALL {
        let row = rows.iter().find(|row| row[0] == format!("`{quirk}`"));
        let row = row.unwrap_or_else(|| panic!("docs/servers.md has no row for {quirk}"));
        assert_eq!(row[2], quirk.who(), "{quirk}");
        assert!(!row[3].is_empty(), "{quirk}: is it accepted?");
        // [`test`](../path)
        let (test, path) = row[4].trim_matches(['[', ')']).split_once("](../").unwrap();
        let path = format!("{}/../../{path}", env!("CARGO_MANIFEST_DIR"));
        let source = std::fs::read_to_string(&path).unwrap_or_else(|_| panic!("{quirk}: there is no {path}"));
        let test = format!("fn {}(", test.trim_matches('`'));
        assert!(source.contains(&test), "{quirk}: {path} has no {test}");
    }
    for row in &rows {
        let name = row[0].trim_matches('`');
        assert!(Quirk::named(name).is_some(), "docs/servers.md has a row for {name}, which is no quirk");
    }
}

async fn with(quirk: Quirk) -> AuthorizationServer {
    AuthorizationServer::builder().quirk(quirk).start().await.unwrap()
}

async fn tokens(server: &AuthorizationServer) -> Reply {
    let user = server.user();
    let form = [("grant_type", "password"), ("username", &*user.username), ("password", &*user.password)];
    token(server, server.client(), &form).await
}

async fn refusal(server: &AuthorizationServer) -> Reply {
    let form = [("grant_type", "refresh_token"), ("refresh_token", "unknown")];
    token(server, server.client(), &form).await
}

#[test]
fn each_has_a_name_of_its_own_and_somebody_who_has_it() {
    let mut names = BTreeSet::new();
    for quirk in Quirk::ALL.iter().copied() {
        let name = quirk.name();
        assert!(names.insert(name), "{name} names two quirks");
        assert!(
            name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'),
            "{name}"
        );
        assert!(!quirk.who().is_empty() && !quirk.who().ends_with('.'), "{name}");
        assert_eq!(Quirk::named(name), Some(quirk));
    }
}

#[tokio::test]
async fn a_token_response_is_what_the_quirk_makes_of_it_and_its_token_works() {
    let cases: [(Quirk, u16, &str, Value); 9] = [
        (Quirk::CreatedStatus, 201, "token_type", json!("Bearer")),
        (Quirk::TokenTypeMissing, 200, "token_type", Value::Null),
        (Quirk::BotTokenType, 200, "token_type", json!("bot")),
        (Quirk::ExpiresInString, 200, "expires_in", json!("1000")),
        (Quirk::ExpiresInFloat, 200, "expires_in", json!(1000.5)),
        (Quirk::ExpiresInNegative, 200, "expires_in", json!(-1)),
        (Quirk::ExpiresInZero, 200, "expires_in", json!(0)),
        (Quirk::NullMembers, 200, "id_token", Value::Null),
        (Quirk::EmptyMembers, 200, "id_token", json!("")),
    ];
    for (quirk, status, member, value) in cases {
        let server = with(quirk).await;
        let answer = tokens(&server).await;
        assert_eq!(answer.status, status, "{quirk}");
        let answer = answer.json();
        assert_eq!(answer[member], value, "{quirk}");
        let read =
            graphql(&server, answer["access_token"].as_str().unwrap(), "{ sites { data { id } } }").await;
        assert_eq!(read.status, 200, "{quirk}");
    }
    let scope = tokens(&with(Quirk::ScopeArray).await).await.json()["scope"].clone();
    assert!(scope.as_array().is_some_and(|scope| scope.contains(&json!("read:rooms"))), "{scope}");
    assert_eq!(tokens(&with(Quirk::NullMembers).await).await.json()["error"], Value::Null);
}

#[tokio::test]
async fn a_refusal_is_said_in_the_quirks_words() {
    let cases = [
        (Quirk::ErrorStatusOk, 200, "/error", "invalid_grant"),
        (Quirk::ErrorSummary, 400, "/errorSummary", "the refresh token is unknown"),
        (Quirk::ErrorObject, 400, "/error/status", "INVALID_GRANT"),
        (Quirk::ErrorList, 400, "/errors/0/errorType", "invalid_grant"),
        (Quirk::ErrorMessage, 400, "/message", "the refresh token is unknown"),
        (Quirk::ErrorProblem, 400, "/detail", "the refresh token is unknown"),
    ];
    for (quirk, status, member, value) in cases {
        let answer = refusal(&with(quirk).await).await;
        assert_eq!(answer.status, status, "{quirk}");
        assert_eq!(answer.json().pointer(member), Some(&json!(value)), "{quirk}");
    }
    let page = refusal(&with(Quirk::ErrorPage).await).await;
    assert!(page.text.contains("<title>the refresh token is unknown</title>"), "{}", page.text);
    assert_eq!(page.header("content-type"), "text/html");
    let empty = refusal(&with(Quirk::ErrorEmpty).await).await;
    assert_eq!((empty.status, &*empty.text), (400, ""));
}

#[tokio::test]
async fn a_device_is_told_its_page_by_another_name() {
    let server = with(Quirk::VerificationUrl).await;
    let client = server.public_client().id.clone();
    let codes = post_form(&server, "/device_authorization", &[("client_id", &client)]).await.json();
    assert!(codes.get("verification_uri").is_none(), "{codes}");
    assert!(codes["verification_url"].as_str().unwrap().ends_with("/device"), "{codes}");
}

#[tokio::test]
async fn what_a_quirk_does_not_concern_stays_as_it_was() {
    let strict = AuthorizationServer::start().await.unwrap();
    let quirky = with(Quirk::ScopeArray).await;
    let named = get(&strict, "/.well-known/oauth-authorization-server").await.text;
    let also = get(&quirky, "/.well-known/oauth-authorization-server").await.text;
    assert_eq!(also.replace(quirky.base_url(), strict.base_url()), named);
}

#[tokio::test]
async fn a_document_leads_elsewhere_or_names_somebody_else() {
    let cases = [(Quirk::IssuerSlash, "/"), (Quirk::IssuerTemplate, "/{tenantid}/v2.0")];
    for (quirk, end) in cases {
        let server = with(quirk).await;
        let issuer = get(&server, "/.well-known/openid-configuration").await.json()["issuer"].clone();
        assert_eq!(issuer, json!(format!("{}{end}", server.issuer())), "{quirk}");
    }
    let moved = with(Quirk::MetadataRedirect).await;
    let answer = get(&moved, "/.well-known/openid-configuration").await;
    assert_eq!(
        (answer.status, answer.header("location")),
        (301, &*format!("{}/elsewhere", moved.base_url()))
    );
    let answer = tokens(&with(Quirk::TokenRedirect).await).await;
    assert!(answer.status == 301 && answer.header("location").ends_with("/token/"));
}

#[tokio::test]
async fn an_identity_is_said_in_the_quirks_way() {
    let claims_of = async |quirk| {
        let server = with(quirk).await;
        let more = [("scope", "openid"), ("nonce", "n-0S6_WzA2Mj")];
        let (code, _) = code(&server, server.public_client(), &more).await;
        let form = [
            ("grant_type", "authorization_code"),
            ("code", &*code),
            ("redirect_uri", REDIRECT),
            ("code_verifier", VERIFIER),
        ];
        claims(&token(&server, server.public_client(), &form).await.member("id_token"))
    };
    assert!(claims_of(Quirk::NonceMissing).await.get("nonce").is_none());
    let several = claims_of(Quirk::SeveralAudiences).await;
    assert!(several["aud"].as_array().is_some_and(|aud| aud.contains(&several["azp"])), "{several}");
    let alone = claims_of(Quirk::SeveralAudiencesAlone).await;
    assert!(alone["aud"].is_array() && alone.get("azp").is_none(), "{alone}");
}

#[tokio::test]
async fn a_key_set_is_odd_in_the_quirks_way() {
    let strange = get(&with(Quirk::StrangeKeys).await, "/jwks").await.json()["keys"].clone();
    assert_eq!(strange[0]["kty"], "AKP");
    assert_eq!(strange[2]["d"], Value::Null);
    let nameless = get(&with(Quirk::KeysWithoutIds).await, "/jwks").await.json()["keys"].clone();
    assert!(nameless.as_array().unwrap().iter().all(|key| key.get("kid").is_none()), "{nameless}");
}

#[tokio::test]
async fn a_denial_leaves_out_what_the_quirk_says() {
    for (quirk, missing, there) in
        [(Quirk::DenialWithoutIss, "iss", "state"), (Quirk::DenialWithoutState, "state", "iss")]
    {
        let server = with(quirk).await;
        let more = [("response_type", "code"), ("redirect_uri", REDIRECT), ("code_challenge", CHALLENGE)];
        let url = authorization_url(&server, server.public_client(), &more);
        let url = format!("{url}&code_challenge_method=S256");
        let back = Url::parse(&server.deny(&url).await.unwrap()).unwrap();
        assert_eq!(query(&back, "error"), "access_denied");
        assert!(query(&back, missing).is_empty() && !query(&back, there).is_empty(), "{back}");
    }
}

#[tokio::test]
async fn a_token_that_never_ends_says_so_by_silence() {
    let endless = tokens(&with(Quirk::EndlessTokens).await).await;
    assert!(endless.json().get("expires_in").is_none());
    assert!(claims(&endless.member("access_token")).get("exp").is_none());
    let silent = tokens(&with(Quirk::ExpiresInMissing).await).await;
    assert!(silent.json().get("expires_in").is_none());
    assert!(claims(&silent.member("access_token")).get("exp").is_some());
}

#[tokio::test]
async fn staying_logged_in_takes_consent_in_the_quirks_way() {
    for quirk in [Quirk::RefreshNeedsConsent, Quirk::AnnouncedConsent] {
        let server = with(quirk).await;
        for (prompt, stays) in [("login", false), ("consent", true)] {
            let more = [("scope", "openid offline_access"), ("prompt", prompt)];
            let (code, _) = code(&server, server.public_client(), &more).await;
            let form = [
                ("grant_type", "authorization_code"),
                ("code", &*code),
                ("redirect_uri", REDIRECT),
                ("code_verifier", VERIFIER),
            ];
            let answer = token(&server, server.public_client(), &form).await;
            assert_eq!(answer.json().get("refresh_token").is_some(), stays, "{quirk} {prompt}");
        }
        let metadata = get(&server, "/.well-known/openid-configuration").await.json();
        assert_eq!(metadata.get("prompt_values_supported").is_some(), quirk == Quirk::AnnouncedConsent);
    }
}

#[tokio::test]
async fn a_token_stands_for_all_its_life_in_the_quirks_way() {
    for quirk in [Quirk::SameTokenRemaining, Quirk::SameTokenFull, Quirk::SameTokenSliding] {
        let server =
            AuthorizationServer::builder().access_token_lifetime(Duration::from_secs(3600)).quirk(quirk);
        let server = server.start().await.unwrap();
        let mut last = tokens(&server).await;
        let first = last.member("access_token");
        let whole = last.json()["expires_in"].as_u64().unwrap();
        for passed in [600, 1200] {
            server.advance_time(Duration::from_secs(600));
            let form = [("grant_type", "refresh_token"), ("refresh_token", &*last.member("refresh_token"))];
            last = token(&server, server.client(), &form).await;
            assert_eq!(last.member("access_token"), first, "{quirk}");
            let said = last.json()["expires_in"].as_u64().unwrap();
            let remains = whole - passed;
            match quirk {
                Quirk::SameTokenRemaining => assert!((remains - 5..=remains).contains(&said), "{said}"),
                _ => assert_eq!(said, whole, "{quirk}"),
            }
        }
        // What is said of the end is true but for the one that repeats itself.
        server.advance_time(Duration::from_secs(whole - 1300));
        let form = [("grant_type", "refresh_token"), ("refresh_token", &*last.member("refresh_token"))];
        let near = token(&server, server.client(), &form).await.member("access_token");
        assert_eq!(near, first, "{quirk}");
        server.advance_time(Duration::from_secs(200));
        let read = graphql(&server, &first, "{ sites { data { id } } }").await;
        assert_eq!(read.status == 200, quirk == Quirk::SameTokenSliding, "{quirk}");
    }
}
