//! What goes over the wire, one snapshot per grant × client authentication × body encoding. The snapshot folder is
//! the list of what is supported.

use std::fmt::Write as _;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64_STANDARD;
use butlr_auth_core::{
    AuthorizationRequest, AuthorizationResponse, ClientAuthenticationMethod, ClientId, ClientSecret, Clock,
    DeviceAuthorization, Dialect, Grant, GrantType, ManualClock, Provider, Scope, Secret, TokenEndpoint,
};
use butlr_auth_http::{HttpTokenEndpoint, HttpTokenEndpointBuilder};

use crate::capture::{Capture, Request};

const TOKEN: &str = r#"{"access_token":"at","token_type":"Bearer","expires_in":1000}"#;
pub(crate) const CLIENT_ID: &str = "BA779C49: odd id";
pub(crate) const CLIENT_SECRET: &str = "p%a+s/s:w&o=r \"d~";
const REFRESH_TOKEN: &str = "8xLOxBtZp8/%3d";
const PASSWORD: &str = "p\u{e4}ss w\\rd&=%";
const REDIRECT_URI: &str = "http://127.0.0.1:8910/callback?a=b%20c";
const HEADERS: [&str; 8] = [
    "accept",
    "authorization",
    "content-type",
    "user-agent",
    "cookie",
    "referer",
    "accept-encoding",
    "transfer-encoding",
];

/// A code grant as a redirect brings it: the code holds a percent sign after decoding.
pub(crate) fn code_grant(provider: &Provider) -> Grant {
    let provider =
        provider.clone().with_authorization_endpoint("https://as.example.com/authorize".parse().unwrap());
    let scope: Scope = "read:rooms".parse().unwrap();
    let client = ClientId::new(CLIENT_ID);
    let mut request = AuthorizationRequest::code(&provider, &client, REDIRECT_URI, scope).unwrap();
    let url = request.url();
    let state = url.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    let redirect = format!("{REDIRECT_URI}&code=kfVaG3IPc7hb%253D&state={state}");
    match request.accept(&redirect).unwrap() {
        AuthorizationResponse::Code(grant) => grant,
        other => panic!("{other:?}"),
    }
}

/// A device code as its endpoint gives it: it ends in a literal percent sign and two digits.
fn device_grant(provider: &Provider) -> Grant {
    let answer = br#"{"device_code":"GmRhmhcxhwAzkoEqiMEg_DnyEysNkuNhszIySk9eS%3D","user_code":"WDJB-MJHT",
        "verification_uri":"https://as.example.com/device","expires_in":1800}"#;
    let now = ManualClock::new().now();
    DeviceAuthorization::from_json(answer, provider.id(), Scope::empty(), now).unwrap().grant()
}

fn grant(grant_type: GrantType, provider: &Provider) -> Grant {
    match grant_type {
        GrantType::AuthorizationCode => code_grant(provider),
        GrantType::Password => Grant::password("jsmith@example.com", Secret::new(PASSWORD).unwrap()),
        GrantType::ClientCredentials => Grant::client_credentials(),
        GrantType::RefreshToken => Grant::refresh_token(Secret::new(REFRESH_TOKEN).unwrap()),
        GrantType::DeviceCode => device_grant(provider),
        other => panic!("say here what the {other} grant looks like"),
    }
}

fn builder(provider: Provider) -> HttpTokenEndpointBuilder {
    HttpTokenEndpoint::builder(provider).client_secret(CLIENT_ID, ClientSecret::new(CLIENT_SECRET).unwrap())
}

/// Shows the first line of a request and the headers that matter.
pub(crate) fn head(request: &Request) -> String {
    let mut shown = format!("{} {}\n", request.method, request.target);
    for name in HEADERS {
        if let Some(value) = request.header(name) {
            let _ = writeln!(shown, "{name}: {value}");
        }
    }
    shown
}

fn form(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// Replaces the client's secret, in a form and in a header, by its name.
pub(crate) fn without_client_secret(shown: &str) -> String {
    let basic = BASE64_STANDARD.encode(format!("{}:{}", form(CLIENT_ID), form(CLIENT_SECRET)));
    shown
        .replace(&basic, "[base64(form(client_id):form(client_secret))]")
        .replace(&format!("={}", form(CLIENT_SECRET)), "=[client_secret]")
}

/// Shows a request with every secret replaced by its name.
fn show(request: &Request, grant: &Grant) -> String {
    let mut shown = without_client_secret(&format!("{}\n{}", head(request), request.body));
    let mut names = vec![(CLIENT_SECRET, "[client_secret]")];
    let given = grant.expose_secrets();
    match grant {
        Grant::AuthorizationCode { .. } => {
            names.extend([(given[0], "[code]"), (given[1], "[code_verifier]")])
        }
        Grant::Password { .. } => names.push((given[0], "[password]")),
        Grant::RefreshToken { .. } => names.push((given[0], "[refresh_token]")),
        Grant::DeviceCode { .. } => names.push((given[0], "[device_code]")),
        _ => {}
    }
    for (secret, name) in names {
        let json = serde_json::to_string(secret).unwrap();
        // As a whole value only, so that an encoding that is not the expected one shows.
        shown = shown.replace(&json, &format!("\"{name}\""));
        for (before, after) in [("=", "&"), ("=", "")] {
            let (found, named) = (form(secret), format!("{before}{name}{after}"));
            let found = format!("{before}{found}{after}");
            if !after.is_empty() || shown.ends_with(&found) {
                shown = shown.replace(&found, &named);
            }
        }
    }
    shown
}

async fn check(name: &str, endpoint: HttpTokenEndpointBuilder, capture: &Capture, grant: &Grant) {
    endpoint.build().unwrap().exchange(grant).await.unwrap();
    insta::assert_snapshot!(name.to_owned(), show(&capture.only_request(), grant));
}

const METHODS: [(ClientAuthenticationMethod, &str); 3] = [
    (ClientAuthenticationMethod::ClientSecretBasic, "basic"),
    (ClientAuthenticationMethod::ClientSecretPost, "post"),
    (ClientAuthenticationMethod::None, "none"),
];

// Security: B2, B5.
#[tokio::test]
async fn each_grant_with_each_client_authentication_in_each_encoding() {
    for (method, by) in METHODS {
        for (dialect, encoding) in [(Dialect::form(), "form"), (Dialect::json(), "json")] {
            for grant_type in GrantType::ALL {
                let capture = Capture::json(TOKEN).await;
                let dialect = dialect.clone().with_client_authentication(method);
                let provider = Provider::new("example", capture.url("/token").parse().unwrap(), dialect);
                let grant =
                    grant(grant_type, &provider).with_scope("read:rooms write:rooms".parse().unwrap());
                check(&format!("{grant_type}-{by}-{encoding}"), builder(provider), &capture, &grant).await;
            }
        }
    }
}

#[test]
fn each_grant_has_a_snapshot() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/snapshots");
    for grant_type in GrantType::ALL {
        for (_, by) in METHODS {
            for encoding in ["form", "json"] {
                let name = format!("it__wire__{grant_type}-{by}-{encoding}.snap");
                assert!(folder.join(&name).exists(), "{name} is missing: show what this grant sends");
            }
        }
    }
}

#[tokio::test]
async fn butlrs_endpoints_get_exactly_the_documented_members() {
    for grant_type in [GrantType::Password, GrantType::ClientCredentials, GrantType::RefreshToken] {
        let capture = Capture::json(TOKEN).await;
        let provider = Provider::butlr_at(&capture.url("/").parse().unwrap())
            .with_butlr_refresh_endpoint(capture.url("/api/v2/refresh").parse().unwrap());
        // A scope has no place in these bodies, even when one is asked for.
        let grant = grant(grant_type, &provider).with_scope("read:rooms".parse().unwrap());
        check(&format!("butlr-{grant_type}"), builder(provider), &capture, &grant).await;
    }
}

#[tokio::test]
async fn butlrs_dashboard_gets_a_code_and_its_verifier() {
    for grant_type in [GrantType::AuthorizationCode, GrantType::RefreshToken] {
        let capture = Capture::json(TOKEN).await;
        let provider = Provider::butlr().with_issuer(&capture.url("/")).unwrap();
        let grant = grant(grant_type, &provider);
        let endpoint = HttpTokenEndpoint::builder(provider).client_id(CLIENT_ID);
        check(&format!("butlr-dashboard-{grant_type}"), endpoint, &capture, &grant).await;
    }
}

#[tokio::test]
async fn a_parameter_of_the_dialect_replaces_that_of_the_grant() {
    let capture = Capture::json(TOKEN).await;
    let dialect = Dialect::form()
        .with_parameter("grant_type", "urn:example:own")
        .with_parameter("resource", "https://a.example.com")
        .with_parameter("resource", "https://b.example.com");
    let provider = Provider::new("example", capture.url("/token?tenant=1").parse().unwrap(), dialect);
    check("dialect-parameters", builder(provider), &capture, &Grant::client_credentials()).await;
}
