use super::{Route, parse};

#[test]
fn a_proxy_is_named_by_an_http_url_with_or_without_its_scheme() {
    for (text, name) in [
        ("http://proxy.example.com:3128", "proxy.example.com:3128"),
        ("http://user:canary@proxy.example.com:3128/", "proxy.example.com:3128"),
        ("https://proxy.example.com", "proxy.example.com:443"),
        ("proxy.example.com:3128", "proxy.example.com:3128"),
        ("user:canary@proxy.example.com:3128", "proxy.example.com:3128"),
        ("127.0.0.1:8080", "127.0.0.1:8080"),
        ("[::1]:8080", "[::1]:8080"),
        ("proxy", "proxy:80"),
    ] {
        let route = Route::Through(parse(text).unwrap().into());
        let proxy = route.to(&"https://as.example.com/token".parse().unwrap()).unwrap();
        assert_eq!(proxy.name(), name, "{text}");
        assert!(!format!("{route:?}").contains("canary"), "{route:?}");
    }
}

#[test]
fn what_is_no_such_url_is_refused_and_not_repeated() {
    for text in [
        "",
        "http://",
        "http://canary:99999",
        "http://canary:0",
        "http://can ary",
        "ftp://canary",
        "http://canary/path",
        "http://canary?key=canary",
        "://canary",
        "http//canary:80",
    ] {
        let why = parse(text).unwrap_err();
        assert!(!why.contains("canary"), "{why}");
    }
    assert!(parse("socks5://canary:1080").unwrap_err().contains("SOCKS"));
}
