use ::yup_oauth2::authenticator::DefaultAuthenticator;
use ::yup_oauth2::{ServiceAccountAuthenticator, ServiceAccountKey};
use anyhow::{Context as _, Result};
use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use http::HeaderValue;

use crate::contender::{Contender, bearer};
use crate::loopback::Loopback;

#[derive(Clone)]
pub(crate) struct Yup(DefaultAuthenticator);

impl Contender for Yup {
    const NAME: &'static str = "yup-oauth2 12.1.2";
    const REMARK: &'static str = "a service account: it signs a JWT for every request";

    async fn open(server: &Loopback) -> Result<Self> {
        let key = KeyPair::generate(KeySize::Rsa2048)?;
        let der: Pkcs8V1Der<'_> = key.as_der()?;
        let pem = format!(
            "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
            BASE64_STANDARD.encode(der.as_ref())
        );
        let key = ServiceAccountKey {
            key_type: Some("service_account".to_owned()),
            project_id: None,
            private_key_id: None,
            private_key: pem,
            client_email: "peers@example.com".to_owned(),
            client_id: None,
            auth_uri: None,
            token_uri: format!("{}/token", server.base_url),
            auth_provider_x509_cert_url: None,
            client_x509_cert_url: None,
        };
        Ok(Self(ServiceAccountAuthenticator::builder(key).build().await?))
    }

    async fn header(&self) -> Result<HeaderValue> {
        let token = self.0.token(&["https://www.googleapis.com/auth/cloud-platform"]).await?;
        bearer(token.token().context("an answer without a token")?)
    }
}
