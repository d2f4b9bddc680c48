//! The same for hyper, as a tower layer: it fits every client that is a `Service` of HTTP requests.
//!
//! ```console
//! $ cargo run -p butlr-auth --example with_tower --features tower
//! ```
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;

use butlr_auth::{Bearer, ClientSecret, ErrorKind, Grant, HttpTokenEndpoint, Provider, Session};
use butlr_auth_testkit::{AuthorizationServer, Fault};
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tower::{Service, ServiceBuilder, ServiceExt};

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() -> Result<(), Box<dyn Error>> {
    let server = AuthorizationServer::start().await?;
    let api = server.base_url(); // https://api.butlr.io, and a connector for TLS

    let endpoint = HttpTokenEndpoint::builder(Provider::butlr_at(&api.parse()?)) // Provider::butlr()
        .client_secret(server.client().id.clone(), ClientSecret::new(server.client().secret.clone())?)
        .build()?;
    let session = Session::builder(endpoint).grant(Grant::client_credentials()).open()?;
    let bearer = Bearer::new(session).origin(api)?.graphql();

    let hyper = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let mut client = ServiceBuilder::new().layer(bearer.layer()).service(hyper);

    let request = || {
        Request::post(format!("{api}/api/v3/graphql"))
            .header("content-type", "application/json")
            .body(Full::from(r#"{"query":"{ rooms { data { name } } }"}"#))
    };
    let response = client.ready().await?.call(request()?).await?;
    println!("{}: {} bytes", response.status(), response.into_body().collect().await?.to_bytes().len());

    // A token that is good, for less than is asked: an error that says so, since no other token would help.
    let challenge = "Bearer error=\"insufficient_scope\", scope=\"write:rooms\"";
    server.inject(Fault::status(403).header("WWW-Authenticate", challenge).times(1));
    match client.ready().await?.call(request()?).await {
        Err(butlr_auth::BearerError::Token(error)) if error.kind() == ErrorKind::InsufficientScope => {
            println!("{error}");
        }
        _ => return Err("the scope should not be enough".into()),
    }
    Ok(())
}
