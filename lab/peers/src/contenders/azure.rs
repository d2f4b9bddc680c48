use std::sync::Arc;

use anyhow::Result;
use async_trait::async_trait;
use azure_core::credentials::{Secret, TokenCredential as _};
use azure_core::error::ErrorKind;
use azure_core::http::headers::Headers;
use azure_core::http::{AsyncRawResponse, Body, ClientOptions, HttpClient, Request, Transport};
use azure_identity::{ClientSecretCredential, ClientSecretCredentialOptions};
use http::HeaderValue;

use crate::contender::{Contender, bearer};
use crate::loopback::Loopback;

#[derive(Clone)]
pub(crate) struct Azure(Arc<ClientSecretCredential>);

/// It speaks to HTTPS alone: this transport sends its requests to the loopback interface instead.
#[derive(Debug)]
struct Detour {
    client: reqwest::Client,
    url: String,
}

#[async_trait]
impl HttpClient for Detour {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let body = match request.body() {
            Body::Bytes(bytes) => bytes.clone(),
            Body::SeekableStream(_) => {
                return Err(azure_core::Error::with_message(ErrorKind::Io, "a stream is no token request"));
            }
        };
        let failed = |error| azure_core::Error::new(ErrorKind::Io, error);
        let answer = self.client.post(&self.url).body(body).send().await.map_err(failed)?;
        let status = answer.status().as_u16().into();
        let body = answer.bytes().await.map_err(failed)?;
        Ok(AsyncRawResponse::from_bytes(status, Headers::new(), body))
    }
}

impl Contender for Azure {
    const NAME: &'static str = "azure_identity 1.0.0";
    const REMARK: &'static str = "retries three times on its own, with pauses";

    async fn open(server: &Loopback) -> Result<Self> {
        let detour = Detour { client: reqwest::Client::new(), url: format!("{}/token", server.base_url) };
        let options = ClientSecretCredentialOptions {
            client_options: ClientOptions {
                transport: Some(Transport::new(Arc::new(detour))),
                ..ClientOptions::default()
            },
        };
        let secret = Secret::new("secret");
        Ok(Self(ClientSecretCredential::new("tenant", "peers".to_owned(), secret, Some(options))?))
    }

    async fn header(&self) -> Result<HeaderValue> {
        let token = self.0.get_token(&["https://management.azure.com/.default"], None).await?;
        bearer(token.token.secret())
    }
}
