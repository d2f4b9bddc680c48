//! A program without an async runtime: plain threads share one session.
//!
//! ```console
//! $ cargo run -p butlr-auth --example blocking --features blocking
//! ```
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::thread;

use butlr_auth::{ClientSecret, Grant, HttpTokenEndpoint, Provider, Session};
use butlr_auth_testkit::AuthorizationServer;

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    // The server that the example brings along is async; nothing below is.
    let runtime = tokio::runtime::Runtime::new()?;
    let server = runtime.block_on(AuthorizationServer::start())?;

    let provider = Provider::butlr_at(&server.base_url().parse()?); // Provider::butlr()
    let endpoint = HttpTokenEndpoint::builder(provider)
        .client_secret(server.client().id.clone(), ClientSecret::new(server.client().secret.clone())?)
        .build()?;
    let session = Session::builder(endpoint).grant(Grant::client_credentials()).open()?.blocking();

    // An event loop that must not wait: no token yet, but from now on one is under way.
    println!("a token at once: {}", if session.try_token().is_some() { "yes" } else { "not yet" });

    // Workers that may wait.
    let workers: Vec<_> = (1..=4)
        .map(|number| {
            let session = session.clone();
            thread::spawn(move || {
                session.token().map(|token| println!("worker {number} works with {}", token.fingerprint()))
            })
        })
        .collect();
    for worker in workers {
        worker.join().map_err(|_| "a worker panicked")??;
    }
    println!("token requests: {}", server.journal().token_requests());

    session.shutdown()?; // nothing is under way any more
    Ok(())
}
