//! A token that turns out to be bad, under load: what counts is what the authorization server sees.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use butlr_auth::core::ManualClock;
use butlr_auth::http::AuthorizationHeader;
use butlr_auth::{Bearer, Grant, Provider, Session};
use butlr_auth_testkit::{AuthorizationServer, Endpoint, Fault, Unauthenticated};
use bytes::Bytes;
use http::{Extensions, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use reqwest::ResponseBuilderExt as _;
use reqwest_middleware::{ClientBuilder, Middleware, Next};
use tokio::sync::{Barrier, Semaphore};
use tower::{Layer as _, Service as _, ServiceExt as _, service_fn};

use crate::endpoint;

const CALLERS: usize = 1000;

/// Longer than everything here takes together.
const DEADLINE: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, Debug)]
enum Face {
    Tower,
    Reqwest,
}

/// A session whose token the API has stopped to accept, and the session knows nothing of it.
struct World {
    server: AuthorizationServer,
    bearer: Bearer,
    clock: ManualClock,
}

impl World {
    async fn new(unauthenticated: Unauthenticated) -> Self {
        let server = AuthorizationServer::builder().unauthenticated(unauthenticated).start().await.unwrap();
        let provider = Provider::butlr_at(&server.base_url().parse().unwrap());
        let clock = ManualClock::new();
        let session = Session::builder(endpoint(&server, provider))
            .grant(Grant::client_credentials())
            .clock(clock.clone())
            .open()
            .unwrap();
        session.token().await.unwrap();
        let header = AuthorizationHeader::with_clock(session, clock.clone());
        let bearer = Bearer::with_header(header).origin(server.base_url()).unwrap().graphql();
        // Old enough to be believed bad, and by the session's own clock far from its end.
        clock.advance(Duration::from_secs(10));
        server.advance_time(Duration::from_secs(2000));
        Self { server, bearer, clock }
    }

    fn url(&self) -> String {
        format!("{}{}", self.server.base_url(), Endpoint::GraphQl.path())
    }

    /// Lets `callers` ask at once; returns the status and the body that each got, and how many requests that took.
    async fn ask(&self, face: Face, callers: usize) -> (Vec<(u16, String)>, usize) {
        let gate = Arc::new(Gate::new(callers));
        let clients = Clients::new();
        let tasks: Vec<_> = (0..callers)
            .map(|_| {
                let (bearer, gate, clients) = (self.bearer.clone(), Arc::clone(&gate), clients.clone());
                tokio::spawn(ask(face, clients, bearer, self.url(), gate))
            })
            .collect();
        let mut answers = Vec::with_capacity(callers);
        for task in tasks {
            answers.push(tokio::time::timeout(DEADLINE, task).await.unwrap().unwrap());
        }
        (answers, gate.requests.load(Ordering::Relaxed))
    }
}

/// Lets a few requests through at a time, and holds back the first answers until everybody has got one: so all of them
/// are about the same token, and nobody has renewed it yet.
struct Gate {
    places: Semaphore,
    everybody: Barrier,
    callers: usize,
    requests: AtomicUsize,
}

impl Gate {
    fn new(callers: usize) -> Self {
        let (places, everybody) = (Semaphore::new(64), Barrier::new(callers));
        Self { places, everybody, callers, requests: AtomicUsize::new(0) }
    }

    async fn pass<A>(&self, send: impl Future<Output = A>) -> A {
        let place = self.places.acquire().await.unwrap();
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        let answer = send.await;
        drop(place);
        if number < self.callers {
            self.everybody.wait().await;
        }
        answer
    }
}

#[async_trait::async_trait]
impl Middleware for Gate {
    async fn handle(
        &self,
        request: reqwest::Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> reqwest_middleware::Result<reqwest::Response> {
        self.pass(async {
            let answer = next.run(request, extensions).await?;
            // The connection is free for the next one only when the body has been read.
            let mut whole = Response::builder().status(answer.status()).url(answer.url().clone());
            whole.headers_mut().unwrap().extend(answer.headers().clone());
            Ok(whole.body(answer.bytes().await?).unwrap().into())
        })
        .await
    }
}

/// One of each, for all callers.
#[derive(Clone)]
struct Clients {
    hyper: Client<HttpConnector, Full<Bytes>>,
    reqwest: reqwest::Client,
}

impl Clients {
    fn new() -> Self {
        let hyper = Client::builder(TokioExecutor::new()).build_http();
        Self { hyper, reqwest: reqwest::Client::builder().no_proxy().build().unwrap() }
    }
}

async fn ask(face: Face, clients: Clients, bearer: Bearer, url: String, gate: Arc<Gate>) -> (u16, String) {
    const QUERY: &str = r#"{"query":"{ __typename }"}"#;
    match face {
        Face::Tower => {
            let client = clients.hyper;
            let client = service_fn(move |request: Request<Full<Bytes>>| {
                let (mut client, gate) = (client.clone(), Arc::clone(&gate));
                async move {
                    gate.pass(async {
                        let (head, body) = client.ready().await?.call(request).await?.into_parts();
                        let body = body.collect().await.unwrap().to_bytes();
                        Ok::<_, hyper_util::client::legacy::Error>(Response::from_parts(
                            head,
                            Full::new(body),
                        ))
                    })
                    .await
                }
            });
            let request = Request::post(url).header("content-type", "application/json");
            let request = request.body(Full::from(QUERY)).unwrap();
            let answer = bearer.layer().layer(client).oneshot(request).await.unwrap();
            let status = answer.status().as_u16();
            let body = answer.into_body().collect().await.unwrap().to_bytes();
            (status, String::from_utf8(body.to_vec()).unwrap())
        }
        Face::Reqwest => {
            let client = ClientBuilder::new(clients.reqwest).with(bearer).with_arc(gate).build();
            let request = client.post(url).header("content-type", "application/json").body(QUERY);
            let answer = request.send().await.unwrap();
            (answer.status().as_u16(), answer.text().await.unwrap())
        }
    }
}

// Security: D2, D10.
#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_refusals_of_one_token_cost_one_exchange() {
    for face in [Face::Tower, Face::Reqwest] {
        let world = World::new(Unauthenticated::Status).await;
        let (answers, requests) = world.ask(face, CALLERS).await;
        assert!(answers.iter().all(|(status, body)| *status == 200 && body.contains("Query")), "{face:?}");
        assert_eq!(requests, 2 * CALLERS);
        assert_eq!(world.server.journal().token_requests(), 2, "one to begin with, one for everybody");
        assert!(world.server.journal().judge().is_clean());
    }
}

// Security: D10.
#[tokio::test(flavor = "multi_thread")]
async fn a_resource_server_that_always_refuses_costs_two_requests_a_caller_and_one_exchange() {
    for face in [Face::Tower, Face::Reqwest] {
        let world = World::new(Unauthenticated::Status).await;
        let challenge = "Bearer error=\"invalid_token\"";
        world.server.inject(Fault::status(401).header("WWW-Authenticate", challenge).on(Endpoint::GraphQl));
        let (answers, requests) = world.ask(face, 100).await;
        assert!(answers.iter().all(|(status, _)| *status == 401), "{face:?}");
        assert_eq!(requests, 200);
        assert_eq!(world.server.journal().token_requests(), 2);

        // Whoever comes at once has the new token, which is too young to be doubted: one request, no exchange.
        let (_, requests) = world.ask(face, 100).await;
        assert_eq!((requests, world.server.journal().token_requests()), (100, 2));
        // Later it is doubted once more, once for everybody.
        world.clock.advance(Duration::from_secs(10));
        let (_, requests) = world.ask(face, 100).await;
        assert_eq!((requests, world.server.journal().token_requests()), (200, 3));
    }
}

// Security: D10.
#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_in_graphql_is_one_too() {
    for face in [Face::Tower, Face::Reqwest] {
        let world = World::new(Unauthenticated::GraphQlError).await;
        let (answers, requests) = world.ask(face, 10).await;
        assert!(answers.iter().all(|(status, body)| *status == 200 && body.contains("Query")), "{answers:?}");
        assert_eq!((requests, world.server.journal().token_requests()), (20, 2));
    }
}
