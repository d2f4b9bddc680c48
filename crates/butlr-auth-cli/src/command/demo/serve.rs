//! `demo --serve`: the embedded server, for a person and their own programs.

use std::io;

use butlr_auth::ErrorKind;
use butlr_auth_testkit::{AuthorizationServer, Endpoint, Fault, Rotation};

use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use super::{Arguments, RefreshTokens, profiles};
use crate::context::Context;
use crate::environment;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::interrupt::Signals;
use crate::shell;

const TOKEN_ENDPOINTS: [Endpoint; 4] =
    [Endpoint::Token, Endpoint::ButlrLogin, Endpoint::ButlrClientLogin, Endpoint::ButlrRefresh];

pub(super) async fn run(context: &Context, arguments: &Arguments) -> Result<Exit, Failure> {
    let mut signals = Signals::new()?;
    let mut builder = AuthorizationServer::builder().port(arguments.port).rotation(match arguments.rotate {
        RefreshTokens::Rotate => Rotation::Rotate,
        RefreshTokens::Same => Rotation::Same,
        RefreshTokens::Omit => Rotation::Omit,
    });
    if let Some(lifetime) = arguments.lifetime {
        builder = builder.access_token_lifetime(lifetime);
    }
    builder = arguments.quirks.iter().fold(builder, |builder, quirk| builder.quirk(*quirk));
    let server = builder.start().await.map_err(|error| unheard(&error, arguments.port))?;
    // A fault on every endpoint would strike the API as well.
    if let Some((status, times)) = arguments.fail {
        for endpoint in TOKEN_ENDPOINTS {
            server.inject(Fault::status(status).header("Retry-After", "1").times(times).on(endpoint));
        }
    }
    if let Some(delay) = arguments.slow {
        for endpoint in TOKEN_ENDPOINTS {
            server.inject(Fault::delay(delay).on(endpoint));
        }
    }
    if let Some(path) = &arguments.config_out {
        profiles::write(&server, path)?;
        context.output.note(&format!("wrote a profile for every flow to {}", path.display()));
    }
    if context.output.is_json() {
        let variables: Map<String, Value> =
            variables(&server).map(|(name, value)| (name.to_owned(), value.into())).into_iter().collect();
        context.output.document(&json!({ "schema": 2, "environment": variables }))?;
    } else {
        let lines: Zeroizing<String> = shell::lines(variables(&server), arguments.shell)?;
        context.output.result(lines.as_bytes())?;
    }
    context
        .output
        .note("serving until Ctrl-C; the page of the authorization code flow shows its sample login");
    signals.next().await;
    server.shutdown().await;
    Ok(Exit::Done)
}

/// Why nobody can listen there.
fn unheard(error: &io::Error, port: u16) -> Failure {
    let message = format!("the server cannot listen on port {port}: {error}");
    let elsewhere = "name another one, or leave --port out: the system chooses";
    match error.kind() {
        io::ErrorKind::AddrInUse => Failure::new(ErrorKind::Busy, message).help(elsewhere),
        io::ErrorKind::PermissionDenied => Failure::configuration(message).help(elsewhere),
        _ => Failure::unexpected(message),
    }
}

/// The environment to use.
fn variables(server: &AuthorizationServer) -> [(&'static str, &str); 5] {
    let (client, user) = (server.client(), server.user());
    [
        (environment::BASE_URL, server.base_url()),
        (environment::CLIENT_ID, &client.id),
        (environment::CLIENT_SECRET, &client.secret),
        (environment::USERNAME, &user.username),
        (environment::PASSWORD, &user.password),
    ]
}
