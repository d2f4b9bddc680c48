use butlr_auth_verify::{Algorithm, Reason, VerifyError};
use serde_json::json;

use crate::issuer::{
    AUDIENCE, CLIENT, NOW, access, access_claims, access_header, access_text, builder, id_claims, id_header,
    signed, verifier, with,
};

#[tokio::test]
async fn a_good_token_says_who_may_do_what() {
    let token = access(access_header(), access_claims()).await.unwrap();
    assert_eq!(token.subject(), Some("alice"));
    assert_eq!(token.client_id(), Some(CLIENT));
    assert_eq!(token.id(), Some("t-1"));
    assert_eq!(token.expires_at(), std::time::UNIX_EPOCH + std::time::Duration::from_secs(NOW + 600));
    assert_eq!(token.claim::<String>("jti").unwrap().as_deref(), Some("t-1"));
    assert_eq!(token.claim::<u32>("absent").unwrap(), None);
    assert_eq!(token.claim::<u32>("jti").unwrap_err().reason(), Reason::MalformedClaim("jti"));
    assert!(token.require_scope("rooms:read").is_ok());
    assert!(token.require_scope("rooms:write rooms:read").is_ok());
    let shown = format!("{token:?}");
    assert!(shown.contains("sub") && !shown.contains("alice"), "{shown}");
}

#[tokio::test]
async fn every_algorithm_is_verified() {
    for algorithm in Algorithm::ALL {
        let header = json!({ "alg": algorithm.as_str(), "typ": "application/AT+JWT" }).to_string();
        let token = signed(algorithm, &header, &access_claims().to_string());
        assert!(access_text(&token).await.is_ok(), "{algorithm}");
    }
}

#[tokio::test]
async fn a_scope_that_is_not_granted_is_named_in_the_answer() {
    let token = access(access_header(), access_claims()).await.unwrap();
    let error = token.require_scope("rooms:read buildings:write").unwrap_err();
    assert_eq!((error.status(), error.code()), (403, Some("insufficient_scope")));
    assert_eq!(
        error.www_authenticate().unwrap(),
        r#"Bearer error="insufficient_scope", error_description="the scope of the token is not enough", scope="buildings:write rooms:read""#
    );
    let without = access(access_header(), with(access_claims(), json!({ "scope": "-" }))).await.unwrap();
    assert!(without.scope().is_empty());
    assert_eq!(without.require_scope("rooms:read").unwrap_err().reason(), Reason::InsufficientScope);
    assert_eq!(without.require_scope("a\"b").unwrap_err().reason(), Reason::InsufficientScope);
}

#[tokio::test]
async fn each_wrong_claim_is_refused_alone() {
    use Reason::{MalformedClaim, MissingClaim, SenderConstrained, WrongAudience, WrongIssuer};
    for (changes, reason) in [
        (json!({ "iss": "-" }), MissingClaim("iss")),
        (json!({ "iss": ["https://as.example.com"] }), MalformedClaim("iss")),
        (json!({ "iss": "https://as.example.com/" }), WrongIssuer),
        (json!({ "iss": "https://AS.example.com" }), WrongIssuer),
        (json!({ "iss": "https://as.example.com:443" }), WrongIssuer),
        (json!({ "iss": "http://as.example.com" }), WrongIssuer),
        (json!({ "aud": "-" }), MissingClaim("aud")),
        (json!({ "aud": [] }), MissingClaim("aud")),
        (json!({ "aud": null }), MissingClaim("aud")),
        (json!({ "aud": 7 }), MalformedClaim("aud")),
        (json!({ "aud": [AUDIENCE, 7] }), MalformedClaim("aud")),
        (json!({ "aud": "https://api.example.com/" }), WrongAudience),
        (json!({ "aud": ["https://other.example.com", CLIENT] }), WrongAudience),
        (json!({ "sub": "-" }), MissingClaim("sub")),
        (json!({ "sub": "" }), MissingClaim("sub")),
        (json!({ "sub": 7 }), MalformedClaim("sub")),
        (json!({ "client_id": "-" }), MissingClaim("client_id")),
        (json!({ "client_id": null }), MissingClaim("client_id")),
        (json!({ "jti": "-" }), MissingClaim("jti")),
        (json!({ "jti": {} }), MalformedClaim("jti")),
        (json!({ "iat": "-" }), MissingClaim("iat")),
        (json!({ "scope": ["rooms:read"] }), MalformedClaim("scope")),
        (json!({ "scope": "a\u{7}b" }), MalformedClaim("scope")),
        (json!({ "cnf": { "jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I" } }), SenderConstrained),
    ] {
        let outcome = access(access_header(), with(access_claims(), changes.clone())).await;
        assert_eq!(outcome.unwrap_err(), reason, "{changes}");
    }
    let several = with(access_claims(), json!({ "aud": ["https://other.example.com", AUDIENCE] }));
    assert!(access(access_header(), several).await.is_ok());
}

#[tokio::test]
async fn e9_one_kind_of_token_is_not_another() {
    for typ in ["JWT", "jwt", "logout+jwt", "dpop+jwt", "secevent+jwt", "at+jwt ", "", "application/x+at+jwt"]
    {
        let outcome = access(with(access_header(), json!({ "typ": typ })), access_claims()).await;
        assert_eq!(outcome.unwrap_err(), Reason::WrongType, "{typ}");
    }
    let untyped = access(with(access_header(), json!({ "typ": "-" })), access_claims()).await;
    assert_eq!(untyped.unwrap_err(), Reason::WrongType);
    // An id_token whose audience happens to be this server.
    let id_token = with(id_claims(), json!({ "aud": AUDIENCE, "at_hash": "MTIzNDU2Nzg5MDEyMzQ1Ng" }));
    assert_eq!(access(id_header(), id_token.clone()).await.unwrap_err(), Reason::WrongType);
    let lenient = builder().plain_jwt().build().unwrap();
    let id_token = signed(Algorithm::EdDsa, &id_header().to_string(), &id_token.to_string());
    assert_eq!(lenient.access_token(&id_token).await.unwrap_err().reason(), Reason::WrongType);
}

#[tokio::test]
async fn plain_jwts_are_accepted_where_that_is_said() {
    let lenient = builder().plain_jwt().build().unwrap();
    let bare = with(access_claims(), json!({ "sub": "-", "client_id": "-", "jti": "-", "iat": "-" }));
    for (typ, good) in
        [("-", true), ("JWT", true), ("application/jwt", true), ("logout+jwt", false), ("at+jwt", false)]
    {
        let header = with(access_header(), json!({ "typ": typ })).to_string();
        let token = signed(Algorithm::EdDsa, &header, &bare.to_string());
        assert_eq!(lenient.access_token(&token).await.is_ok(), good, "{typ}");
        assert!(verifier().access_token(&token).await.is_err(), "{typ}");
    }
    let malformed = with(bare, json!({ "sub": 7 }));
    let token = signed(Algorithm::EdDsa, &id_header().to_string(), &malformed.to_string());
    assert_eq!(lenient.access_token(&token).await.unwrap_err().reason(), Reason::MalformedClaim("sub"));
}

#[tokio::test]
async fn an_answer_holds_nothing_of_the_token() {
    let canary = "canary-7f3a";
    let broken = [
        signed(Algorithm::EdDsa, &json!({ "alg": canary }).to_string(), "{}"),
        signed(Algorithm::EdDsa, &json!({ "alg": "EdDSA", "kid": canary }).to_string(), "{}"),
        signed(Algorithm::EdDsa, &access_header().to_string(), &json!({ "iss": canary }).to_string()),
        signed(Algorithm::EdDsa, &access_header().to_string(), &format!("{{\"{canary}\": 1e400}}")),
        format!("{canary}.{canary}.{canary}"),
    ];
    for token in broken {
        let error = verifier().access_token(&token).await.unwrap_err();
        let shown = format!("{error} {error:?} {:?}", error.www_authenticate());
        assert!(!shown.contains(canary), "{shown}");
        assert_eq!((error.status(), error.code()), (401, Some("invalid_token")), "{shown}");
    }
}

#[test]
fn every_answer_is_one_of_rfc_6750() {
    for (reason, status, challenge) in [
        (Reason::NoToken, 401, Some("Bearer")),
        (
            Reason::InvalidRequest,
            400,
            Some(
                r#"Bearer error="invalid_request", error_description="the Authorization header is not one Bearer token""#,
            ),
        ),
        (
            Reason::MalformedClaim("exp"),
            401,
            Some(r#"Bearer error="invalid_token", error_description="the claim exp is malformed""#),
        ),
        (Reason::KeysUnavailable, 503, None),
    ] {
        let error = VerifyError::from(reason);
        assert_eq!((error.status(), error.www_authenticate().as_deref()), (status, challenge));
    }
}

#[test]
fn a_verifier_that_could_only_refuse_is_not_built() {
    assert!(builder().algorithms([]).build().is_err());
    assert!(builder().leeway(std::time::Duration::from_secs(61)).build().is_err());
    assert!(butlr_auth_verify::Verifier::builder("").build().is_err());
    let shown = format!("{:?}", verifier());
    assert!(shown.contains("https://as.example.com") && shown.contains("P-256"), "{shown}");
}
