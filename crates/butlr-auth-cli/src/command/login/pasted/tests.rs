use url::Url;

use super::came_back;

#[track_caller]
fn said(redirect: &str, expected: &str) -> String {
    let page = Url::parse("https://as.example.com/authorize?client_id=a").unwrap();
    came_back(redirect, expected, &page).err().map_or_else(String::new, |failure| failure.message)
}

#[test]
fn the_scheme_of_the_configured_redirect_is_the_one_that_is_taken() {
    for (redirect, expected) in [
        ("http://127.0.0.1/callback?code=a", "http://127.0.0.1/callback"),
        ("127.0.0.1:8910/callback?code=a", "http://127.0.0.1:8910/callback"),
        ("localhost:8910/callback?code=a", "http://localhost:8910/callback"),
        ("/callback?code=a", "http://127.0.0.1:8910/callback"),
        ("code=a&state=b", "http://127.0.0.1:8910/callback"),
        ("?code=a", "http://127.0.0.1:8910/callback"),
        ("#access_token=a", "http://127.0.0.1:8910/callback"),
        ("?error=access_denied", "http://127.0.0.1:8910/callback"),
        ("https://app.example.com/cb?code=a", "https://app.example.com/cb"),
        ("com.example.app:/oauth2?code=a", "com.example.app:/oauth2"),
        ("COM.example.app:/oauth2?code=a", "com.example.app:/oauth2"),
        ("myapp://callback?code=a", "myapp://callback"),
        ("myapp://callback/?code=a", "myapp://callback"),
        ("http://127.0.0.1/cb?tenant=a&code=a", "http://127.0.0.1/cb?tenant=a"),
    ] {
        assert_eq!(said(redirect, expected), "", "{redirect}");
    }
    for (redirect, expected, wrong) in [
        (
            "https://127.0.0.1/callback?code=a",
            "http://127.0.0.1/callback",
            "this is an address at https://127.0.0.1, and this login ends at http://127.0.0.1/callback",
        ),
        (
            "myapp://callback?code=a",
            "http://127.0.0.1/callback",
            "this is an address with `myapp:`, and this login ends at http://127.0.0.1/callback",
        ),
        (
            "com.other.app:/oauth2?code=a",
            "com.example.app:/oauth2",
            "this is an address with `com.other.app:`, and this login ends at com.example.app:/oauth2",
        ),
        (
            "https://as.example.com/authorize?code=a",
            "http://127.0.0.1/callback",
            "this is the address of the login page itself, and this login ends at http://127.0.0.1/callback",
        ),
        (
            "http://127.0.0.1/elsewhere?code=a",
            "http://127.0.0.1/callback",
            "this is another page at http://127.0.0.1, and this login ends at http://127.0.0.1/callback",
        ),
        (
            "what is this",
            "http://127.0.0.1/callback",
            "this is no address, and this login ends at http://127.0.0.1/callback",
        ),
        (
            "http://127.0.0.1/callback?state=xyz",
            "http://127.0.0.1/callback",
            "this address holds no answer: it was cut, or is not the one that you end on",
        ),
    ] {
        assert_eq!(said(redirect, expected), wrong, "{redirect}");
    }
}
