//! A store of one's own: two calls, and it has locks, rotation, crash safety and logout.
//!
//! ```console
//! $ cargo run -p butlr-auth --example custom_store
//! ```
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::collections::HashMap;
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use butlr_auth::cache::{Durability, Entry, Id, Promises, Reach, SessionKey, Swap};
use butlr_auth::{ClientSecret, Dialect, Grant, HttpTokenEndpoint, Password, Provider, Session, TokenStore};
use butlr_auth_testkit::AuthorizationServer;

/// A table of a database, played by a map: a key, a version, and bytes that nobody else has to understand.
#[derive(Clone, Debug, Default)]
struct Table(Arc<Mutex<HashMap<String, Row>>>);

#[derive(Debug)]
struct Row {
    write_id: Id,
    entry: Vec<u8>,
}

#[async_trait]
impl TokenStore for Table {
    /// `SELECT entry FROM sessions WHERE key = $1`
    async fn load(&self, key: &SessionKey) -> Result<Option<Entry>, butlr_auth::Error> {
        let table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        table.get(&key.digest()).map(|row| Entry::from_bytes(key, &row.entry)).transpose()
    }

    /// `UPDATE sessions SET entry = $1, write_id = $2 WHERE key = $3 AND write_id = $4`
    async fn compare_and_swap(
        &self,
        key: &SessionKey,
        expected: Option<Id>,
        entry: &Entry,
    ) -> Result<Swap, butlr_auth::Error> {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if table.get(&key.digest()).map(|row| row.write_id) != expected {
            return Ok(Swap::Conflict);
        }
        table.insert(key.digest(), Row { write_id: entry.write_id(), entry: entry.to_bytes(key)?.to_vec() });
        Ok(Swap::Swapped)
    }

    /// No more than is true.
    fn promises(&self) -> Promises {
        Promises::new(Durability::Process, Reach::Process)
    }
}

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() -> Result<(), Box<dyn Error>> {
    let server = AuthorizationServer::start().await?;
    let token_endpoint = format!("{}/token", server.base_url()).parse()?;
    let endpoint = HttpTokenEndpoint::builder(Provider::new("example", token_endpoint, Dialect::form()))
        .client_secret(server.client().id.clone(), ClientSecret::new(server.client().secret.clone())?)
        .build()?;

    let table = Table::default();
    let open = || Session::builder(endpoint.clone()).store(table.clone()).name("ada").open();

    // One process logs in.
    let password = Password::new(server.user().password.clone())?;
    let token = open()?.login(&Grant::password(server.user().username.clone(), password)).await?;

    // Every other one goes on with it, and two that renew at once spend the refresh token once.
    let (here, there) = (open()?, open()?);
    if here.token().await?.fingerprint() != token.fingerprint() {
        return Err("the login is not shared".into());
    }
    there.token().await?;
    let (one, other) = tokio::try_join!(here.renew(), there.renew())?;
    println!("renewed: {} and {}", one.fingerprint(), other.fingerprint());
    println!("token requests: {}", server.journal().token_requests());
    if !server.journal().judge().is_clean() {
        return Err("a refresh token was sent twice".into());
    }
    Ok(())
}
