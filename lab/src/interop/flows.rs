//! What every server is asked for, by the crates as a program would use them.

use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use butlr_auth_cache::{FileStore, MemoryStore, Session};
use butlr_auth_core::{
    AccessToken, AuthorizationRequest, AuthorizationResponse, ClientId, ClientSecret, Error, ErrorKind,
    Grant, Provider, RefreshToken, Revocation, Scope, TokenEndpoint as _, TokenResponse,
};
use butlr_auth_http::{Discovery, HttpTokenEndpoint, HttpTokenEndpointBuilder};
use butlr_auth_verify::{ExpectedIdToken, Reason, Verifier, VerifyingEndpoint};
use serde_json::Value;

use super::peer::{Client, Peer};

/// Nobody listens here: the address that the browser is sent to is read, not opened.
const REDIRECT: &str = "http://127.0.0.1:9999/callback";

pub(super) struct Flows<'a> {
    peer: &'a Peer,
    discovery: Discovery,
    provider: Provider,
}

impl<'a> Flows<'a> {
    pub(super) async fn new(peer: &'a Peer) -> Result<Self> {
        let discovery = Discovery::builder(peer.issuer.as_str()).build()?;
        let metadata = discovery.metadata().await?;
        let provider = metadata.provider(peer.issuer.as_str());
        provider.jwks_uri().context("the metadata name keys")?;
        ok("discovery", "endpoints and keys by the issuer alone");
        let other = Discovery::builder(format!("{}/", peer.issuer)).build()?.metadata().await;
        ensure!(
            matches!(&other, Err(error) if error.kind() != ErrorKind::TimedOut),
            "one byte more is another issuer"
        );
        Ok(Self { peer, discovery, provider })
    }

    fn built(&self, builder: HttpTokenEndpointBuilder, client: &Client) -> Result<HttpTokenEndpoint> {
        Ok(match &client.secret {
            Some(secret) => builder.client_secret(client.id, ClientSecret::new(secret.as_str())?),
            None => builder.client_id(client.id),
        }
        .build()?)
    }

    async fn endpoint(&self, client: &Client) -> Result<HttpTokenEndpoint> {
        self.built(self.discovery.endpoint().await?, client)
    }

    async fn app(&self) -> Result<HttpTokenEndpoint> {
        self.endpoint(&self.peer.app).await
    }

    fn scope(&self) -> Result<Scope> {
        Ok(self.peer.scope.parse()?)
    }

    /// Lets the person log in at `endpoint`, and gives the grant that came back.
    async fn log_in(&self, endpoint: &HttpTokenEndpoint, client: &str) -> Result<Grant> {
        let (mut request, redirect) = self.redirected(endpoint, client).await?;
        match request.accept(&redirect)? {
            AuthorizationResponse::Code(grant) => Ok(grant),
            _ => bail!("a code was asked for"),
        }
    }

    async fn redirected(
        &self,
        endpoint: &HttpTokenEndpoint,
        client: &str,
    ) -> Result<(AuthorizationRequest, String)> {
        let request =
            AuthorizationRequest::code(endpoint.provider(), &ClientId::new(client), REDIRECT, self.scope()?)?;
        let url = endpoint.authorization_url(&request).await?;
        let redirect = self.peer.person.approve(url.as_str()).await?;
        Ok((request, redirect))
    }

    async fn code(&self, endpoint: &HttpTokenEndpoint) -> Result<TokenResponse> {
        Ok(endpoint.exchange(&self.log_in(endpoint, self.peer.app.id).await?).await?)
    }

    pub(super) async fn client_credentials(&self) -> Result<()> {
        let endpoint = self.endpoint(&self.peer.machine).await?;
        let grant = Grant::client_credentials().with_scope(self.peer.machine_scope.parse::<Scope>()?);
        let session = Session::builder(endpoint).grant(grant.clone()).open()?;
        let first = session.token().await?;
        let second = session.renew().await?;
        ensure!(first.fingerprint() != second.fingerprint(), "a new token was asked for");
        let wrong = Client { secret: Some("wrong".to_owned()), ..self.peer.machine.clone() };
        let refused = self.endpoint(&wrong).await?.exchange(&grant).await;
        refused_as(refused, ErrorKind::Refused)?;
        ok("client credentials", "two tokens; a wrong secret is refused");
        Ok(())
    }

    pub(super) async fn code_with_pkce(&self) -> Result<()> {
        let endpoint = self.app().await?;
        let (mut request, redirect) = self.redirected(&endpoint, self.peer.app.id).await?;
        let forged = redirect.replace("state=", "state=x");
        ensure!(request.accept(&forged).is_err(), "a forged state is refused");
        let (mut request, redirect) = self.redirected(&endpoint, self.peer.app.id).await?;
        let AuthorizationResponse::Code(grant) = request.accept(&redirect)? else { bail!("a code") };
        let verifier = Verifier::builder(self.peer.issuer.as_str()).build()?;
        let token = VerifyingEndpoint::new(endpoint.clone(), verifier.clone()).exchange(&grant).await?;
        ensure!(token.refresh_token.is_some(), "a refresh token comes with it");
        let id_token = token.id_token.as_ref().context("an id_token comes with it")?.expose();
        let stranger = verifier.id_token(id_token, ExpectedIdToken::by_client("somebody-else")).await;
        ensure!(stranger.is_err_and(|error| error.reason() == Reason::WrongAudience), "it is for one client");
        refused_as(endpoint.exchange(&grant).await, ErrorKind::Refused)?;
        ok(
            "code and PKCE",
            "access, refresh and id_token, which is verified; a second use of the code is refused",
        );
        Ok(())
    }

    pub(super) async fn rotation_and_reuse(&self) -> Result<()> {
        let endpoint = self.app().await?;
        let first = refresh_token(&self.code(&endpoint).await?)?;
        let second = refresh_token(&endpoint.exchange(&Grant::refresh_token(first.clone())).await?)?;
        ensure!(first.expose() != second.expose(), "the server rotates");
        refused_as(endpoint.exchange(&Grant::refresh_token(first)).await, ErrorKind::Refused)?;
        refused_as(endpoint.exchange(&Grant::refresh_token(second)).await, ErrorKind::Refused)?;
        ok("rotation and reuse", "a spent refresh token is refused, and its family with it");
        Ok(())
    }

    pub(super) async fn session(&self) -> Result<()> {
        let folder = tempfile::tempdir()?;
        let open = async || -> Result<Session> {
            let store = FileStore::open(folder.path().join("sessions"))?;
            Ok(Session::builder(self.app().await?).scope(self.scope()?).store(store).open()?)
        };
        let session = open().await?;
        let first = session.login(&self.log_in(&self.app().await?, self.peer.app.id).await?).await?;
        let second = session.renew().await?;
        ensure!(first.fingerprint() != second.fingerprint(), "a new token was asked for");
        // Another program, which finds the session in its folder.
        let third = open().await?.renew().await?;
        ensure!(third.fingerprint() != second.fingerprint(), "another program renews it, too");
        let logout = session.logout().await?;
        if let Some(error) = logout.not_revoked {
            return Err(error.into());
        }
        let gone = open().await?.token().await.map(|_| ());
        refused_as(gone, ErrorKind::LoginRequired)?;
        ok("session", "login, renewals by two programs, logout with revocation");
        Ok(())
    }

    /// Who logged in, as a session hands it out: after the login and after a renewal.
    pub(super) async fn id_token(&self) -> Result<()> {
        let endpoint = self.app().await?;
        let verifier = Verifier::builder(self.peer.issuer.as_str()).build()?;
        let session = Session::builder(endpoint.clone()).scope(self.scope()?).open()?;
        session.login(&self.log_in(&endpoint, self.peer.app.id).await?).await?;
        let first = session.id_token().await?;
        verifier.id_token(first.expose(), ExpectedIdToken::by_client(self.peer.app.id)).await?;
        session.renew().await?;
        let second = session.id_token().await?;
        verifier.id_token(second.expose(), ExpectedIdToken::by_client(self.peer.app.id)).await?;
        session.logout().await?;
        ok("id_token", "handed out by the session, before a renewal and after it, and verified");
        Ok(())
    }

    pub(super) async fn device(&self) -> Result<()> {
        let endpoint = self.app().await?;
        let device = endpoint.authorize_device(self.scope()?).await?;
        let pending = endpoint.exchange(&device.grant()).await;
        refused_as(pending, ErrorKind::Refused)?;
        let uri = device.verification_uri_complete().unwrap_or_else(|| device.verification_uri());
        self.peer.person.approve_device(uri.as_str()).await?;
        let token = endpoint.wait_for_device(&device).await?;
        ensure!(token.refresh_token.is_some(), "a refresh token comes with it");
        ok("device", "pending, then let in");
        Ok(())
    }

    pub(super) async fn revocation_and_introspection(&self) -> Result<()> {
        let endpoint = self.app().await?;
        let token = self.code(&endpoint).await?;
        ensure!(endpoint.introspect(&token.access_token).await?.active, "a fresh token is good");
        let unknown = endpoint.introspect(&AccessToken::new("unknown")?).await?;
        ensure!(!unknown.active, "a token that nobody issued is not");
        let refresh = refresh_token(&token)?;
        endpoint.revoke(Revocation::RefreshToken(&refresh)).await?;
        refused_as(endpoint.exchange(&Grant::refresh_token(refresh)).await, ErrorKind::Refused)?;
        endpoint.revoke(Revocation::AccessToken(&token.access_token)).await?;
        ensure!(!endpoint.introspect(&token.access_token).await?.active, "a revoked token is not good");
        ok("revocation, introspection", "good, unknown, revoked");
        Ok(())
    }

    pub(super) async fn pushed_request(&self, client: &'static str) -> Result<()> {
        let endpoint = self.endpoint(&Client { id: client, secret: None }).await?;
        let provider = endpoint.provider();
        let request = AuthorizationRequest::code(provider, &ClientId::new(client), REDIRECT, self.scope()?)?;
        let url = endpoint.authorization_url(&request).await?;
        ensure!(url.as_str().contains("request_uri="), "the request is pushed where the server takes it");
        ensure!(!url.as_str().contains("code_challenge"), "nothing of it goes through the browser");
        let token = endpoint.exchange(&self.log_in(&endpoint, client).await?).await?;
        ensure!(token.refresh_token.is_some(), "a refresh token comes with it");
        ok("pushed request", "for a client that may not ask otherwise");
        Ok(())
    }

    pub(super) async fn issuer_in_the_response(&self) -> Result<()> {
        ensure!(self.provider.requires_authorization_response_iss(), "the metadata promise `iss`");
        let endpoint = self.app().await?;
        for (right, wrong) in [("iss=http", "iss=https"), ("&iss=", "&other=")] {
            let (mut request, redirect) = self.redirected(&endpoint, self.peer.app.id).await?;
            ensure!(redirect.contains(right), "the response names its issuer: {redirect}");
            let forged = request.accept(&redirect.replace(right, wrong)).map(|_| ());
            refused_as(forged, ErrorKind::InvalidCallback)?;
        }
        ok("iss in the response", "another issuer or none is refused");
        Ok(())
    }

    pub(super) async fn resource_indicator(&self, resource: &str) -> Result<()> {
        let provider = self.provider.clone().with_resource(resource)?;
        let endpoint = || self.built(HttpTokenEndpoint::builder(provider.clone()), &self.peer.app);
        let session = Session::builder(endpoint()?).store(MemoryStore::new());
        let session = session.scope("openid offline_access read".parse()?).open()?;
        session.login(&self.log_in(&endpoint()?, self.peer.app.id).await?).await?;
        let token = session.renew().await?;
        let claims = token.access_token().expose().split('.').nth(1).context("a JWT")?.to_owned();
        let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims)?)?;
        ensure!(
            claims.get("aud").and_then(Value::as_str) == Some(resource),
            "the token is for the resource: {claims}"
        );
        ok("resource indicator", "the token's audience, after a refresh, too");
        Ok(())
    }

    /// A session that other processes can share, in `folder`.
    pub(super) async fn log_in_to(&self, folder: &Path) -> Result<()> {
        let store = FileStore::open(folder)?;
        let session = Session::builder(self.app().await?).store(store).open()?;
        session.login(&self.log_in(&self.app().await?, self.peer.app.id).await?).await?;
        session.shutdown().await;
        Ok(())
    }
}

fn ok(flow: &str, what: &str) {
    println!("  ok  {flow:<26} {what}");
}

fn refresh_token(response: &TokenResponse) -> Result<RefreshToken> {
    response.refresh_token.clone().context("no refresh token")
}

fn refused_as<T>(result: Result<T, Error>, kind: ErrorKind) -> Result<()> {
    match result {
        Ok(_) => bail!("{kind:?} is expected, and it was accepted"),
        Err(error) if error.kind() == kind => Ok(()),
        Err(error) => Err(anyhow::Error::from(error).context(format!("{kind:?} is expected"))),
    }
}
