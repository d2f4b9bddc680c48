use butlr_auth::core::Provider;
use butlr_auth::{Dialect, GrantType};

use super::Made;
use crate::profile::tests::chosen;

const CONFIG: &str = r#"
    [profile.me]
    preset = "butlr"
    username = "me@example.com"
    [profile.work]
    client_id = "cli"
    grant = "authorization_code"
    [profile.work.endpoints]
    token = "https://as.example.com/token"
    [profile.spa]
    client_id = "cli"
    grant = "implicit"
    [profile.spa.endpoints]
    authorization = "https://as.example.com/authorize"
    [profile.known]
    client_id = "cli"
    issuer = "https://as.example.com"
"#;

const OFFLINE: &str = "openid offline_access";

/// What is said of a login that brought no refresh token.
#[track_caller]
fn check(name: &str, scope: &str, imported: bool, provider: Option<Provider>, words: &[&str]) {
    let profile = chosen(&["-p", name], CONFIG, []).unwrap();
    let provider = provider.unwrap_or_else(|| profile.provider.clone());
    let scope = scope.parse().unwrap();
    let made = Made { grant: profile.grant, imported, scope: &scope, provider: &provider };
    let said = made.why_not_renewable(&profile);
    for word in words {
        assert!(said.contains(word), "{said}");
    }
    assert_eq!(made.may_lack_consent(), said.contains("prompt = \"consent\""), "{said}");
}

fn server() -> Provider {
    Provider::new("known", "https://as.example.com/token".parse().unwrap(), Dialect::form())
}

#[test]
fn a_login_that_cannot_be_renewed_says_what_would_change_that() {
    check("me", "", false, None, &["Butlr's documents", "`endpoints.refresh`"]);
    check("work", "", false, None, &["no refresh token", "log in again"]);
    check("spa", "", false, None, &["implicit", "grant = \"authorization_code\""]);
    check("known", "openid", false, Some(server()), &["\"offline_access\"", "`scopes`"]);
    check("work", OFFLINE, true, None, &["imported", "login work`"]);
    let grant = GrantType::AuthorizationCode;
    let url = "https://as.example.com/token".parse().unwrap();
    let without_refresh = Provider::empty("known").with_grant_endpoint(grant, url, Dialect::form());
    check("work", OFFLINE, false, Some(without_refresh), &["no endpoint", "`endpoints.refresh`"]);
}

#[test]
fn consent_is_named_where_offline_access_was_asked_for_and_no_prompt_was_sent() {
    check("work", OFFLINE, false, None, &["`offline_access` was asked for", "prompt = \"consent\""]);
    let announces = server().with_prompt_values(["login", "consent"]);
    check("known", OFFLINE, false, Some(announces), &["whoever runs it"]);
    let configured = server().with_authorization_parameter("prompt", "login");
    check("known", OFFLINE, false, Some(configured), &["whoever runs it"]);
}
