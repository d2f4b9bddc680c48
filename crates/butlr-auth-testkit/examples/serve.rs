//! Serves until interrupted and prints what a client needs to log in.
#![expect(clippy::print_stdout, reason = "an example talks to whoever runs it")]

use butlr_auth_testkit::AuthorizationServer;

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let server = AuthorizationServer::builder().control_endpoint(true).start().await?;
    println!("BUTLR_BASE_URL={}", server.base_url());
    println!("BUTLR_CLIENT_ID={}", server.client().id);
    println!("BUTLR_CLIENT_SECRET={}", server.client().secret);
    println!("BUTLR_USERNAME={}", server.user().username);
    println!("BUTLR_PASSWORD={}", server.user().password);
    std::future::pending().await
}
