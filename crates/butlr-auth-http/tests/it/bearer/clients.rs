//! The three ways to use a bearer, behind one call.

use butlr_auth_core::Error;
use butlr_auth_http::{Bearer, BearerError};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::rt::TokioExecutor;
use reqwest_middleware::ClientBuilder;
use tower::{ServiceBuilder, ServiceExt as _};
use tower_http::follow_redirect::FollowRedirectLayer;

/// Each follows redirects, in its own way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Client {
    /// hyper, with redirects followed outside of the layer, so that each hop passes it.
    Tower,
    /// hyper, with redirects followed inside.
    TowerAround,
    Reqwest,
    /// The plain function, around a reqwest client.
    Plain,
}

#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: String,
}

#[derive(Debug)]
pub(super) enum Failure {
    Token(Error),
    Client(String),
}

impl Client {
    pub(super) const ALL: [Self; 4] = [Self::Tower, Self::TowerAround, Self::Reqwest, Self::Plain];

    pub(super) async fn send(self, bearer: &Bearer, request: Request<String>) -> Result<Answer, Failure> {
        match self {
            Self::Tower => {
                let layers = ServiceBuilder::new()
                    .layer(FollowRedirectLayer::new())
                    .layer(bearer.layer::<Full<Bytes>>());
                let response = layers.service(hyper()).oneshot(request.map(Full::from)).await;
                read(response.map_err(service)?).await
            }
            Self::TowerAround => {
                let layers = ServiceBuilder::new().layer(bearer.layer()).layer(FollowRedirectLayer::new());
                let response = layers.service(hyper()).oneshot(request.map(Full::from)).await;
                read(response.map_err(service)?).await
            }
            Self::Reqwest => {
                let client = ClientBuilder::new(reqwest()).with(bearer.clone()).build();
                let response = client.execute(request.try_into().unwrap()).await.map_err(middleware)?;
                read(Response::<reqwest::Body>::from(response)).await
            }
            Self::Plain => {
                let client = reqwest();
                let send = |request: Request<String>| async {
                    let response = client.execute(request.try_into()?).await?;
                    Ok::<_, reqwest::Error>(Response::<reqwest::Body>::from(response))
                };
                read(bearer.send(request, send).await.map_err(service)?).await
            }
        }
    }
}

pub(super) fn hyper() -> HyperClient<hyper_util::client::legacy::connect::HttpConnector, Full<Bytes>> {
    HyperClient::builder(TokioExecutor::new()).build_http()
}

pub(super) fn reqwest() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

fn service<E: std::fmt::Debug>(error: BearerError<E>) -> Failure {
    match error {
        BearerError::Token(error) => Failure::Token(error),
        other => Failure::Client(format!("{other:?}")),
    }
}

pub(super) fn middleware(error: reqwest_middleware::Error) -> Failure {
    match error {
        reqwest_middleware::Error::Middleware(error) => match error.downcast::<Error>() {
            Ok(error) => Failure::Token(error),
            Err(error) => Failure::Client(format!("{error:?}")),
        },
        error => Failure::Client(format!("{error:?}")),
    }
}

async fn read<B: http_body::Body<Error: std::fmt::Debug>>(response: Response<B>) -> Result<Answer, Failure> {
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.map_err(|error| Failure::Client(format!("{error:?}")))?;
    Ok(Answer { status, body: String::from_utf8(body.to_bytes().to_vec()).unwrap() })
}
