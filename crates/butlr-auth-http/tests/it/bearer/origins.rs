//! Where the token goes: to the origins that it was given, and nowhere else.

use butlr_auth_core::ErrorKind;
use butlr_auth_http::Bearer;
use http::Request;
use tower::{ServiceBuilder, ServiceExt as _, service_fn};
use tower_http::follow_redirect::FollowRedirectLayer;

use super::clients::{Client, Failure};
use super::{Source, bearer, sent, server, tokens};

fn get(url: &str) -> Request<String> {
    Request::get(url).body(String::new()).unwrap()
}

// Security: H11.
#[tokio::test]
async fn the_token_goes_to_its_origin_and_is_marked_sensitive() {
    for client in Client::ALL {
        let server = server().await;
        let (bearer, _) = bearer(&server);
        assert_eq!(client.send(&bearer, get(&server.url("/rooms"))).await.unwrap().status, 200);
        assert_eq!(tokens(&server), sent(&["canary-1"]), "{client:?}");
        assert!(bearer.header().get().await.unwrap().is_sensitive());
        assert!(!format!("{bearer:?}").contains("canary"));
    }
}

// Security: H11.
#[tokio::test]
async fn on_a_redirect_to_another_origin_the_token_stays_behind() {
    for client in Client::ALL {
        let (server, elsewhere) = (server().await, server().await);
        let (bearer, source) = bearer(&server);
        let url = server.url(&format!("/moved/{}", elsewhere.url("/")));
        assert_eq!(client.send(&bearer, get(&url)).await.unwrap().status, 200);
        assert_eq!(tokens(&server), sent(&["canary-1"]));
        assert_eq!(tokens(&elsewhere), [None], "{client:?}");

        // And back again: the header was left behind, or is put on anew by what sees each hop; in no case does the
        // way lead it elsewhere.
        let back = format!("/moved/{}", elsewhere.url(&format!("/moved/{}", server.url("/home"))));
        assert_eq!(client.send(&bearer, get(&server.url(&back))).await.unwrap().status, 200);
        assert_eq!(tokens(&elsewhere), [None, None], "{client:?}");
        assert_eq!(source.rejected(), 0);
    }
}

#[tokio::test]
async fn a_redirect_within_the_origin_keeps_the_token() {
    for client in Client::ALL {
        let server = server().await;
        let (bearer, _) = bearer(&server);
        assert_eq!(client.send(&bearer, get(&server.url("/moved//rooms"))).await.unwrap().status, 200);
        assert_eq!(tokens(&server), sent(&["canary-1", "canary-1"]), "{client:?}");
    }
}

#[tokio::test]
async fn what_another_origin_says_of_no_token_rejects_none() {
    for client in [Client::Tower, Client::Reqwest] {
        let (server, elsewhere) = (server().await, server().await);
        let (bearer, source) = bearer(&server);
        let mut request = get(&server.url(&format!("/moved/{}", elsewhere.url("/"))));
        request.headers_mut().insert("x-refuse", "all".parse().unwrap());
        assert_eq!(client.send(&bearer, request).await.unwrap().status, 401);
        assert_eq!((tokens(&elsewhere), source.rejected()), (vec![None], 0), "{client:?}");
    }
}

// Security: H11.
#[tokio::test]
async fn another_port_and_a_user_name_get_no_token() {
    for client in Client::ALL {
        let (server, elsewhere) = (server().await, server().await);
        let (bearer, source) = bearer(&server);
        let port = elsewhere.address.port();
        let urls = [
            elsewhere.url("/"),
            format!("http://somebody@{}/", server.address),
            format!("http://somebody:else@{}/", server.address),
            // The part before the `@` is a user name, however much it looks like the origin.
            format!("http://{}@127.0.0.1:{port}/", server.address.ip()),
        ];
        for url in &urls {
            match client.send(&bearer, get(url)).await {
                Ok(answer) => assert_eq!(answer.status, 200, "{url}"),
                Err(Failure::Client(_)) => {}
                Err(Failure::Token(error)) => panic!("{url}: {error:?}"),
            }
        }
        let all: Vec<_> = [tokens(&server), tokens(&elsewhere)].concat().into_iter().flatten().collect();
        assert!(!all.iter().any(|header| header.contains("canary")), "{client:?}: {all:?}");
        assert_eq!(source.rejected(), 0);
    }
}

#[tokio::test]
async fn a_header_of_the_callers_own_is_left_alone() {
    for client in Client::ALL {
        let server = server().await;
        let (bearer, source) = bearer(&server);
        let mut request = get(&server.url("/"));
        request.headers_mut().insert("authorization", "Basic b3duOm93bg==".parse().unwrap());
        request.headers_mut().insert("x-refuse", "all".parse().unwrap());
        assert_eq!(client.send(&bearer, request).await.unwrap().status, 401);
        assert_eq!(tokens(&server), [Some("Basic b3duOm93bg==".to_owned())], "{client:?}");
        assert_eq!(source.rejected(), 0);
    }
}

/// A server behind a name, on TLS, is played by a function: what matters is what would be sent to it.
// Security: H11.
#[tokio::test]
async fn each_hop_of_a_downgrade_is_looked_at() {
    let bearer = Bearer::new(Source::default()).origin("https://api.example.com").unwrap();
    let network = service_fn(|request: Request<String>| async move {
        let token = request.headers().contains_key("authorization");
        assert_eq!(token, request.uri().scheme_str() == Some("https"), "{}", request.uri());
        let answer = http::Response::builder();
        let answer = match request.uri().scheme_str() {
            Some("https") => answer.status(302).header("location", "http://api.example.com:443/"),
            _ => answer.status(200),
        };
        answer.body(String::new())
    });
    let layers = ServiceBuilder::new().layer(FollowRedirectLayer::new()).layer(bearer.layer::<String>());
    let answer = layers.service(network).oneshot(get("https://api.example.com/")).await.unwrap();
    assert_eq!(answer.status(), 200);
}

// Security: H11.
#[test]
fn an_origin_is_a_scheme_a_host_and_a_port() {
    let bearer = Bearer::new(Source::default());
    let bearer = bearer.origin("https://api.example.com").unwrap().origin("http://[::1]:8080").unwrap();
    let covers = |url: &str| bearer.covers(&url.parse().unwrap());
    for url in [
        "https://api.example.com/rooms?q=1",
        "https://API.example.COM",
        "https://api.example.com:443/",
        "http://[::1]:8080/",
    ] {
        assert!(covers(url), "{url}");
    }
    for url in [
        "http://api.example.com/",
        "http://api.example.com:443/",
        "https://api.example.com:80/",
        "https://api.example.com:8443/",
        "https://api.example.com./",
        "https://api.example.com.evil.test/",
        "https://evil.test/api.example.com",
        "https://api.example.com@evil.test/",
        "https://somebody@api.example.com/",
        "https://api.example.com:@evil.test/",
        "https://example.com/",
        "https://evil-api.example.com/",
        "ws://api.example.com/",
        "http://[::1]/",
        "http://127.0.0.1:8080/",
        "/rooms",
        "api.example.com:443",
    ] {
        assert!(!covers(url), "{url}");
    }
}

#[test]
fn what_is_not_an_origin_is_refused() {
    for origin in [
        "api.example.com",
        "http://api.example.com",
        "http://localhost:8080",
        "https://canary@api.example.com",
        "https://api.example.com/v3",
        "https://api.example.com?key=canary",
        "ftp://api.example.com",
        "",
    ] {
        let error = Bearer::new(Source::default()).origin(origin).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{origin}");
        assert!(!error.to_string().contains("canary"), "{error}");
    }
}
