//! `inspect --verify`: whether a token is good, as a resource server or a client has to decide it.

use std::path::Path;

use butlr_auth::core::Nonce;
use butlr_auth::http::JwksEndpoint;
use butlr_auth::verify::{ExpectedIdToken, KeySet, Reason, Verifier, VerifierBuilder, VerifyError};
use butlr_auth::{Discovery, EndpointUrl, Error};
use clap::Args;

use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::file::File;
use crate::keys::PatientKeys;
use crate::network;
use crate::spinner;

/// No set of keys is longer than what is read of one over HTTP: 256 KiB.
const LONGEST_KEYS: usize = 256 * 1024;

#[derive(Debug, Args)]
pub(super) struct Verification {
    /// Verify the signature and every claim that decides: exit code 8 if the token is not good
    #[arg(long)]
    verify: bool,

    /// Accept the tokens of this issuer, which is reached as the profile of -p says [default: the profile's]
    #[arg(long, value_name = "URL", requires = "verify")]
    issuer: Option<String>,

    /// Take the issuer's keys from here [default: where its metadata say]
    #[arg(long, value_name = "URL|FILE", requires = "verify")]
    jwks: Option<String>,

    /// Accept tokens that are for this API; an `id_token` is for a client [default: the profile's]
    #[arg(long, value_name = "AUDIENCE", requires = "verify")]
    audience: Option<String>,

    /// Take the stored `id_token`, which no API must accept, and verify it as one
    #[arg(long)]
    pub(super) id_token: bool,

    /// Expect this nonce in the `id_token`
    #[arg(long, value_name = "NONCE", requires = "id_token")]
    nonce: Option<String>,

    /// Accept access tokens that do not follow RFC 9068: of type `JWT`, or of none
    #[arg(long, requires = "verify", conflicts_with = "id_token")]
    plain_jwt: bool,
}

impl Verification {
    pub(super) fn is_asked(&self) -> bool {
        self.verify
    }
}

/// Returns if the token is good.
pub(super) async fn run(context: &Context, arguments: &Verification, token: &str) -> Result<(), Failure> {
    let verifier = with_keys(verifier(context, arguments).await?, arguments)?;
    let verified = if arguments.id_token {
        let client_id = match &arguments.audience {
            Some(audience) => audience.clone(),
            None => context.profile()?.client_id.as_str().to_owned(),
        };
        let nonce = arguments.nonce.clone().map(Nonce::new).transpose()?;
        let expected = ExpectedIdToken::by_client(&client_id);
        let expected = nonce.as_ref().map_or(expected, |nonce| expected.nonce(nonce));
        let verified = verifier.build()?;
        let asked = async { verified.id_token(token, expected).await.map(drop) };
        spinner::during(&context.output, "asking for the issuer's keys", asked).await
    } else {
        let audience = arguments.audience.as_deref().ok_or_else(|| {
            Failure::usage("--verify needs --audience: a token is good for one API, not for all of them")
                .help("name the API by --audience, or verify an id_token by --id-token")
        })?;
        let verifier = verifier.audience(audience);
        let verifier = if arguments.plain_jwt { verifier.plain_jwt() } else { verifier };
        let verified = verifier.build()?;
        let asked = async { verified.access_token(token).await.map(drop) };
        spinner::during(&context.output, "asking for the issuer's keys", asked).await
    };
    verified.map_err(not_good)
}

/// A verifier for the issuer that is named, or for the profile's, which is reached as the profile says.
async fn verifier(context: &Context, arguments: &Verification) -> Result<VerifierBuilder, Failure> {
    let (issuer, endpoint) = match &arguments.issuer {
        // Whoever names a profile beside an issuer means its network.
        Some(issuer) if context.global.profile.is_some() => {
            let network = &context.profile()?.network;
            let network = network::open(network, &context.environment, context.patience.left()).await?;
            (issuer.clone(), JwksEndpoint::of(Discovery::builder(issuer).network(network).build()?))
        }
        Some(issuer) => (issuer.clone(), JwksEndpoint::of(Discovery::builder(issuer).build()?)),
        None => {
            let profile = context.profile()?;
            let issuer = profile.issuer.as_ref().map(|by| by.issuer.as_str());
            let issuer = issuer.or_else(|| profile.provider.issuer()).ok_or_else(|| {
                Failure::usage(format!("profile `{}` has no issuer", profile.name))
                    .help("name the issuer by --issuer")
            })?;
            let network =
                network::open(&profile.network, &context.environment, context.patience.left()).await?;
            let keys = match profile.provider.jwks_uri() {
                Ok(uri) => JwksEndpoint::at(uri.clone()).network(network),
                Err(_) => JwksEndpoint::of(Discovery::builder(issuer).network(network).build()?),
            };
            (issuer.to_owned(), keys)
        }
    };
    let keys = PatientKeys { endpoint, patience: context.patience.clone() };
    Ok(Verifier::builder(issuer).clock(context.clock.clone()).key_source(keys))
}

/// Takes the keys from where the command line says.
fn with_keys(verifier: VerifierBuilder, arguments: &Verification) -> Result<VerifierBuilder, Failure> {
    let Some(place) = &arguments.jwks else { return Ok(verifier) };
    if place.starts_with("https:") || place.starts_with("http:") {
        return Ok(verifier.jwks_uri(place.parse::<EndpointUrl>()?));
    }
    let document = File::open(Path::new(place))
        .and_then(|file| file.read(LONGEST_KEYS))
        .map_err(|error| Failure::configuration(format!("the keys in `{place}` cannot be read: {error}")))?;
    let keys = KeySet::from_json(document.as_bytes())
        .map_err(|error| Failure::configuration(format!("`{place}`: {error}")))?;
    Ok(verifier.keys(keys))
}

/// A token that is not good is an answer; keys that cannot be read are none.
fn not_good(error: VerifyError) -> Failure {
    if error.reason() == Reason::KeysUnavailable {
        return Failure::from(Error::from(error));
    }
    Failure { exit: Exit::Negative, kind: "invalid_token", message: error.to_string(), help: None }
}
