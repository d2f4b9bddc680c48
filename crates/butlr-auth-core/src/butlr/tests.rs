use crate::{GrantType, Provider};

fn url(provider: &Provider, grant_type: GrantType) -> Option<String> {
    provider.token_endpoint(grant_type).ok().map(|endpoint| endpoint.url.as_str().to_owned())
}

#[test]
fn the_preset_has_the_documented_endpoints_and_no_other() {
    let butlr = Provider::butlr();
    assert_eq!(url(&butlr, GrantType::Password).unwrap(), "https://api.butlr.io/api/v2/login");
    assert_eq!(
        url(&butlr, GrantType::ClientCredentials).unwrap(),
        "https://api.butlr.io/api/v2/clients/login"
    );
    assert_eq!(url(&butlr, GrantType::RefreshToken), None);
    assert_eq!(url(&butlr, GrantType::AuthorizationCode), None);
    assert!(butlr.authorization_endpoint().is_err() && butlr.revocation_endpoint().is_err());
    assert_eq!(butlr.origin().unwrap(), "https://api.butlr.io");
}

#[test]
fn what_is_missing_is_named() {
    let error = Provider::butlr().token_endpoint(GrantType::RefreshToken).unwrap_err();
    assert_eq!(error.to_string(), "provider `butlr` has no endpoint for the refresh_token grant");
}

#[test]
fn the_dashboard_is_reached_through_its_tenant() {
    let dashboard = Provider::butlr().with_issuer("https://tenant.example.com/").unwrap();
    assert_eq!(dashboard.authorization_endpoint().unwrap().as_str(), "https://tenant.example.com/authorize");
    assert_eq!(
        url(&dashboard, GrantType::AuthorizationCode).unwrap(),
        "https://tenant.example.com/oauth/token"
    );
    assert_eq!(
        dashboard.authorization_parameters(),
        [("audience".to_owned(), "https://butlrauth/".to_owned())]
    );
    assert_eq!(dashboard.issuer(), Some("https://tenant.example.com/"));
}
