//! An issuer's keys, asked for as long as the command has time.

use std::time::Duration;

use async_trait::async_trait;
use butlr_auth::Error;
use butlr_auth::http::JwksEndpoint;
use butlr_auth::verify::{KeySet, KeySource};

use crate::patience::Patience;

/// Keys without which a login that has spent its code would be lost.
#[derive(Debug)]
pub(crate) struct PatientKeys {
    pub(crate) endpoint: JwksEndpoint,
    pub(crate) patience: Patience,
}

#[async_trait]
impl KeySource for PatientKeys {
    async fn fetch(&self) -> Result<(KeySet, Duration), Error> {
        let mut times = 0;
        loop {
            match self.endpoint.fetch().await {
                Err(error) if self.patience.may_ask_again(&error, times).await => times += 1,
                ended => return ended,
            }
        }
    }
}
