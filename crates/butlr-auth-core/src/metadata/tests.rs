use serde_json::{Value, json};

use super::*;
use crate::{AuthorizationRequest, ClientId, GrantType, Scope};

const ISSUER: &str = "https://as.example.com/o";

fn document(more: Value) -> Vec<u8> {
    let mut document = json!({
        "issuer": ISSUER,
        "authorization_endpoint": "https://as.example.com/o/authorize?tenant=1",
        "token_endpoint": "https://as.example.com/o/token",
        "jwks_uri": "https://keys.example.com/o",
    });
    document.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    document.to_string().into_bytes()
}

fn read(more: Value) -> Result<Metadata, Error> {
    Metadata::from_json(ISSUER, &document(more))
}

fn provider(more: Value) -> Provider {
    read(more).unwrap().provider("example")
}

fn code(provider: &Provider) -> Result<AuthorizationRequest, Error> {
    AuthorizationRequest::code(
        provider,
        &ClientId::new("cli"),
        "http://127.0.0.1:8910/callback",
        Scope::empty(),
    )
}

#[track_caller]
fn check_refused(more: Value, why: &str) {
    let error = read(more).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidResponse);
    assert!(error.to_string().contains(why), "{error}");
}

#[test]
fn a_document_becomes_a_provider() {
    let provider = provider(json!({
        "revocation_endpoint": "https://as.example.com/o/revoke",
        "introspection_endpoint": "https://as.example.com/o/introspect",
        "device_authorization_endpoint": "https://as.example.com/o/device",
        "pushed_authorization_request_endpoint": "https://as.example.com/o/par",
        "code_challenge_methods_supported": ["plain", "S256"],
        "authorization_response_iss_parameter_supported": true,
        "require_pushed_authorization_requests": true,
        "unknown": {"deep": [1, 2, 3]},
    }));
    assert_eq!(provider.issuer(), Some(ISSUER));
    assert_eq!(
        provider.authorization_endpoint().unwrap().as_str(),
        "https://as.example.com/o/authorize?tenant=1"
    );
    for grant_type in GrantType::ALL {
        assert_eq!(
            provider.token_endpoint(grant_type).unwrap().url.as_str(),
            "https://as.example.com/o/token"
        );
    }
    assert_eq!(provider.revocation_endpoint().unwrap().as_str(), "https://as.example.com/o/revoke");
    assert_eq!(provider.introspection_endpoint().unwrap().as_str(), "https://as.example.com/o/introspect");
    assert_eq!(provider.device_authorization_endpoint().unwrap().as_str(), "https://as.example.com/o/device");
    assert_eq!(
        provider.pushed_authorization_request_endpoint().unwrap().as_str(),
        "https://as.example.com/o/par"
    );
    assert_eq!(provider.jwks_uri().unwrap().as_str(), "https://keys.example.com/o");
    assert!(provider.requires_authorization_response_iss() && provider.requires_pushed_authorization());
    assert_eq!(provider.endpoints().count(), 6);
}

//= https://www.rfc-editor.org/rfc/rfc8414#section-3.3
//= type=test
//# The "issuer" value returned MUST be identical to the authorization server's issuer identifier value into which
//# the well-known URI string was inserted to create the URL used to retrieve the metadata.
#[test]
fn e1_another_issuer_is_refused_byte_for_byte() {
    for issuer in [
        "https://evil.example.com/o",
        "https://as.example.com/o/",
        "https://as.example.com",
        "https://as.example.com/O",
        "https://AS.example.com/o",
        "https://as.example.com:443/o",
        "http://as.example.com/o",
        " https://as.example.com/o",
    ] {
        check_refused(json!({ "issuer": issuer }), "names the issuer");
    }
    for issuer in [Value::Null, json!(""), json!(7), json!([ISSUER])] {
        check_refused(json!({ "issuer": issuer }), "names no issuer");
    }
    let named = read(json!({ "issuer": "https://\u{1b}[31m\u{202e}" })).unwrap_err().to_string();
    assert!(!named.contains('\u{1b}') && !named.contains('\u{202e}'), "{named}");
}

#[test]
fn an_issuer_is_https_or_this_machine_and_bare() {
    for issuer in
        ["http://as.example.com", "ftp://as.example.com", "as", "https://a?b", "https://a#b", "https://a@b"]
    {
        assert_eq!(
            Metadata::from_json(issuer, b"{}").unwrap_err().kind(),
            ErrorKind::Configuration,
            "{issuer}"
        );
    }
}

#[test]
fn e3_an_endpoint_that_none_may_have_is_refused_where_it_is_needed_and_else_absent() {
    let hostile = [
        json!("http://as.example.com/o/x"),
        json!("http://127.0.0.1:8080/x"),
        json!("javascript:alert(1)"),
        json!("file:///etc/passwd"),
        json!("https://user:canary@as.example.com/x"),
        json!("https://as.example.com/x#fragment"),
        json!("/x"),
        json!([]),
        json!({}),
        json!(7),
        json!(true),
        json!(["https://as.example.com/x"]),
        json!({"url": "https://as.example.com/x"}),
    ];
    for value in hostile {
        for name in ESSENTIAL {
            let error = read(json!({ name: value })).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidResponse, "{name}: {value}");
            assert!(!format!("{error:?}").contains("canary"), "{error:?}");
        }
        for name in OPTIONAL {
            let metadata = read(json!({ name: value })).unwrap();
            assert_eq!(metadata.unusable(), [name], "{value}");
            assert!(!metadata.endpoints.contains_key(name));
        }
    }
}

#[test]
fn e3_an_optional_member_that_is_null_or_empty_is_absent() {
    for nothing in [Value::Null, json!("")] {
        let names = OPTIONAL.into_iter().chain([AUTHORIZATION, CHALLENGE_METHODS, AUTHENTICATION_METHODS]);
        for name in names.chain([RESPONSE_ISS, REQUIRE_PUSHED]) {
            let metadata = read(json!({ name: nothing })).unwrap();
            assert!(
                metadata.unusable().is_empty() && !metadata.endpoints.contains_key(name),
                "{name}: {nothing}"
            );
        }
    }
}

#[test]
fn an_issuer_that_is_not_the_servers_says_how_it_differs() {
    let hint = |issuer: &str, named: &str| {
        let document = json!({ "issuer": named }).to_string();
        Metadata::from_json(issuer, document.as_bytes()).unwrap_err().hint().cloned().unwrap()
    };
    let named = |named: &str| named.to_owned();
    let (bare, slash) = ("https://as.example.com", "https://as.example.com/");
    assert_eq!(hint(bare, slash), Hint::IssuerSlash { named: named(slash) });
    assert_eq!(hint(slash, bare), Hint::IssuerSlash { named: named(bare) });
    let template = "https://login.example.com/{tenantid}/v2.0";
    assert_eq!(hint(bare, template), Hint::IssuerTemplate { named: named(template) });
    let other = "https://other.example.com";
    assert_eq!(hint(bare, other), Hint::OtherIssuer { named: named(other) });
}

#[test]
fn the_address_of_the_document_is_not_taken_for_the_issuer() {
    for (written, issuer) in [
        ("https://a.example.com/.well-known/openid-configuration", "https://a.example.com"),
        ("https://a.example.com/realms/b/.well-known/openid-configuration", "https://a.example.com/realms/b"),
        (
            "https://a.example.com/.well-known/oauth-authorization-server/realms/b",
            "https://a.example.com/realms/b",
        ),
    ] {
        let error = Metadata::check_issuer(written).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{written}");
        assert_eq!(error.hint(), Some(&Hint::IssuerIsDocument { issuer: issuer.to_owned() }));
    }
}

#[test]
fn e3_a_missing_or_null_member_is_absent_and_missed_when_it_is_used() {
    let bare = json!({"issuer": ISSUER, "token_endpoint": null, "jwks_uri": null}).to_string();
    let metadata = Metadata::from_json(ISSUER, bare.as_bytes()).unwrap();
    assert!(metadata.unusable().is_empty());
    let provider = metadata.provider("example");
    assert_eq!(provider.token_endpoint(GrantType::Password).unwrap_err().kind(), ErrorKind::Unsupported);
    assert_eq!(code(&provider).unwrap_err().kind(), ErrorKind::Unsupported);
    assert_eq!(provider.jwks_uri().unwrap_err().kind(), ErrorKind::Unsupported);
    assert!(!provider.requires_authorization_response_iss() && !provider.requires_pushed_authorization());
}

#[test]
fn e3_a_member_of_the_wrong_type_is_refused() {
    for name in [RESPONSE_ISS, REQUIRE_PUSHED] {
        for value in [json!("true"), json!(1), json!([true])] {
            check_refused(json!({ name: value }), "neither true nor false");
        }
    }
    for name in [CHALLENGE_METHODS, AUTHENTICATION_METHODS] {
        for value in [json!("S256"), json!({"S256": true}), json!(["S256", 7]), json!([null])] {
            check_refused(json!({ name: value }), "not a list of strings");
        }
    }
}

#[test]
fn e3_what_is_no_document_is_refused() {
    let twice = format!(r#"{{"issuer":"{ISSUER}","issuer":"{ISSUER}"}}"#);
    let trailing = [document(json!({})), b"x".to_vec()].concat();
    let deep = format!(r#"{{"issuer":{}"#, "[".repeat(100_000));
    for document in [b"".as_slice(), b"null", b"[]", b"<html>", twice.as_bytes(), &trailing, deep.as_bytes()]
    {
        assert_eq!(Metadata::from_json(ISSUER, document).unwrap_err().kind(), ErrorKind::InvalidResponse);
    }
}

#[test]
fn a3_pkce_by_s256_or_no_code_at_all() {
    for methods in [json!(["plain"]), json!(["s256"]), json!(["S384", "plain"])] {
        let error = code(&provider(json!({ CHALLENGE_METHODS: methods }))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains("S256"), "{error}");
    }
    for methods in [json!(["S256"]), json!(["plain", "S256"]), json!([]), Value::Null] {
        let provider = provider(json!({ CHALLENGE_METHODS: methods }));
        let url = code(&provider).unwrap().url().to_string();
        assert!(url.contains("code_challenge_method=S256"), "{url}");
        let silent = methods.as_array().is_none_or(Vec::is_empty);
        assert_eq!(code(&provider.with_announced_code_challenge()).is_err(), silent, "{methods}");
    }
}

#[test]
fn b3_client_secret_basic_is_the_default() {
    use ClientAuthenticationMethod::{ClientSecretBasic, ClientSecretPost, None};
    for (methods, expected) in [
        (Value::Null, ClientSecretBasic),
        (json!([]), ClientSecretBasic),
        (json!(["client_secret_post", "client_secret_basic"]), ClientSecretBasic),
        (json!(["private_key_jwt", "client_secret_post", "none"]), ClientSecretPost),
        (json!(["none"]), None),
        (json!(["tls_client_auth"]), ClientSecretBasic),
    ] {
        let provider = provider(json!({ AUTHENTICATION_METHODS: methods }));
        let endpoint = provider.token_endpoint(GrantType::RefreshToken).unwrap();
        assert_eq!(endpoint.dialect.client_authentication, expected, "{methods}");
    }
}

#[test]
fn one_document_fills_what_the_other_leaves_out() {
    let mut first = read(json!({ "introspection_endpoint": "javascript:alert(1)" })).unwrap();
    assert!(!first.is_complete());
    let second = read(json!({
        "token_endpoint": "https://other.example.com/token",
        "revocation_endpoint": "https://as.example.com/o/revoke",
        "introspection_endpoint": "https://as.example.com/o/introspect",
        "code_challenge_methods_supported": ["plain"],
        "require_pushed_authorization_requests": true,
    }))
    .unwrap();
    first.merge(second).unwrap();
    assert!(first.is_complete() && first.unusable().is_empty());
    let provider = first.provider("example");
    assert_eq!(
        provider.token_endpoint(GrantType::Password).unwrap().url.as_str(),
        "https://as.example.com/o/token",
        "the first document's word stands"
    );
    assert!(provider.requires_pushed_authorization());
    assert_eq!(code(&provider).unwrap_err().kind(), ErrorKind::Unsupported);
    let other =
        Metadata::from_json("https://b.example.com", br#"{"issuer":"https://b.example.com"}"#).unwrap();
    assert!(first.merge(other).is_err());
}

#[test]
fn what_is_written_down_is_read_again() {
    let metadata = read(json!({
        "revocation_endpoint": "https://as.example.com/o/revoke?a=b",
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["none"],
        "authorization_response_iss_parameter_supported": true,
    }))
    .unwrap();
    assert_eq!(Metadata::from_json(ISSUER, metadata.to_json().as_bytes()).unwrap(), metadata);
}
