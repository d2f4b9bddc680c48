use super::EndpointUrl;

#[track_caller]
fn check(url: &str, accepted: bool) {
    let parsed = url.parse::<EndpointUrl>();
    assert_eq!(parsed.is_ok(), accepted, "{url}: {parsed:?}");
    if let Err(error) = parsed {
        assert!(!error.to_string().contains("canary"), "{error}");
    }
}

#[test]
fn https_is_accepted() {
    check("https://as.example.com/token", true);
    check("https://as.example.com:8443/token?tenant=a", true);
}

// Security: B7.
#[test]
//= https://www.rfc-editor.org/rfc/rfc6749#section-3.2
//= type=test
//# the authorization server MUST require the use of TLS as described in Section 1.6 when sending
//# requests to the token endpoint.
fn plain_http_is_for_literal_loopback_addresses_and_localhost_only() {
    check("http://127.0.0.1:8080/token", true);
    check("http://127.1.2.3/token", true);
    check("http://[::1]:8080/token", true);
    check("http://localhost:8080/token", true);
    check("http://localhost/token", true);
    for url in [
        "http://as.example.com/token",
        "http://127.0.0.1.evil.test/token",
        "http://localhost./token",
        "http://x.localhost/token",
        "http://localhost.evil.test/token",
        "http://localhost%2eevil.test/token",
        "http://localhosť/token",
        "http://lo%63alhost/token",
        "http://[::ffff:127.0.0.1]/token",
        "http://0.0.0.0/token",
        "http://2130706433/token",
        "http://0x7f.1/token",
        "http://0177.0.0.1/token",
        "http://127.1/token",
    ] {
        check(url, false);
    }
}

#[test]
//= https://www.rfc-editor.org/rfc/rfc6749#section-3.1
//= type=test
//# The endpoint URI MUST NOT include a fragment component.
fn what_is_no_endpoint_is_refused_without_showing_a_secret() {
    for url in [
        "https://user:canary@as.example.com/token",
        "http://localhost@evil.test/?canary",
        "https://@as.example.com/",
        "https://as.example.com/token#canary",
        "javascript:alert(1)",
        "file:///etc/passwd",
        "data:text/html,x",
        "as.example.com/token",
        "",
        "not a url ?canary",
    ] {
        check(url, false);
    }
}

// Security: H4.
#[test]
fn debug_leaves_the_query_out() {
    let url: EndpointUrl = "https://as.example.com/token?key=canary".parse().unwrap();
    assert_eq!(format!("{url:?}"), "EndpointUrl(https://as.example.com/token)");
    assert_eq!(url.host(), "as.example.com");
}

#[test]
fn paths_are_joined_with_one_slash() {
    let base: EndpointUrl = "https://api.example.com/base/".parse().unwrap();
    assert_eq!(base.join_path("/v2/login").as_str(), "https://api.example.com/base/v2/login");
}
