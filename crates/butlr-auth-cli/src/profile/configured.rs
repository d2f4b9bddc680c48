//! A profile of the configuration: what it says, and what follows from that.

use std::sync::Arc;

use butlr_auth::core::{BUTLR_BASE_URL, Metadata, Words};
use butlr_auth::{
    ClientAuthenticationMethod, ClientId, Dialect, EndpointUrl, Error, GrantType, Leniency, Provider, Scope,
};

use super::{ByIssuer, NO_CLIENT, Profile, REDIRECT_URI, Source};
use crate::cli::Global;
use crate::config::{BodyName, Config, GrantName, Preset, ProfileConfig};
use crate::environment::{self, Environment};
use crate::failure::Failure;
use crate::help;
use crate::secret::SecretPlace;
use crate::store::StoreChoice;

pub(crate) fn of_config(
    name: &str,
    described: &ProfileConfig,
    global: &Global,
    config: &Config,
    environment: &Environment,
) -> Result<Profile, Failure> {
    let of_profile =
        |failure: Failure| Failure { message: format!("profile `{name}`: {}", failure.message), ..failure };
    let base_url = base_url(described, global).map_err(of_profile)?;
    let issuer = by_issuer(described);
    let provider = match described.preset.unwrap_or(Preset::Generic) {
        Preset::Butlr => butlr(described, base_url.as_ref()),
        Preset::Generic if issuer.is_some() => known_before(name, described),
        Preset::Generic => generic(name, described),
    }
    .map_err(of_profile)?;
    let provider = with_habits(provider, described);
    let grant = described.grant.unwrap_or_else(|| usual_grant(described));
    let needs_client = described.preset != Some(Preset::Butlr) || grant != GrantName::Password;
    let client_id = match &described.client_id {
        Some(id) => ClientId::new(id.as_str()),
        None if needs_client => {
            return Err(of_profile(Failure::configuration("`client_id` is missing")));
        }
        None => ClientId::new(NO_CLIENT),
    };
    if described.id_token_hs256 && described.client_secret.is_none() {
        let message = "`id_token_hs256` needs the `client_secret` with which id_tokens are signed";
        return Err(of_profile(Failure::configuration(message)));
    }
    let username = match &described.username {
        Some(username) => Some(username.clone()),
        None => environment.text(environment::USERNAME)?,
    };
    let words = words(&provider, described);
    let mut profile = Profile {
        name: name.to_owned(),
        session: name.to_owned(),
        source: Source::CommandLine,
        preset: described.preset.unwrap_or(Preset::Generic),
        grant,
        provider,
        issuer,
        client_id,
        secret: SecretPlace::Nowhere,
        id_token_hs256: described.id_token_hs256,
        revoke_replaced: described.revoke_replaced,
        username,
        purpose: words.purpose(),
        words: words.fingerprints(),
        described: Arc::new(described.clone()),
        earlier: None,
        scope: Scope::from_tokens(&described.scopes).map_err(|error| of_profile(unfit("scopes", &error)))?,
        redirect_uri: described.redirect_uri.clone().unwrap_or_else(|| REDIRECT_URI.to_owned()),
        base_url,
        ignores_base_url: true,
        network: config.network(described, environment),
        store: StoreChoice::new(described.store, config, environment),
        hidden: Vec::new(),
        named_config: global.config.clone(),
    };
    profile.session = session(&profile);
    if let Some(secret) = &described.client_secret {
        profile.secret = SecretPlace::of(config.secret(secret, environment), || name_in_keyring(&profile));
    }
    Ok(profile)
}

fn endpoint(key: &str, url: &str) -> Result<EndpointUrl, Failure> {
    url.parse().map_err(|error| unfit(key, &error))
}

/// Says what is wrong with a value by its key: the value, which the library's own words quote first, may be a secret
/// in the wrong place.
fn unfit(key: &str, error: &Error) -> Failure {
    let said = error.to_string();
    let why = said.rsplit_once('`').map_or(said.as_str(), |(_, why)| why.trim_start());
    let failure = Failure::configuration(format!("`{key}` {}", why.trim_start_matches("the issuer ")));
    // What the hint holds is what the key is for.
    match help::of(error).filter(|_| error.hint().is_some()) {
        Some(help) => failure.help(help),
        None => failure,
    }
}

/// The name of a profile's session. A server on this machine comes and goes: each port has sessions of its own.
fn session(profile: &Profile) -> String {
    // Nothing but this machine may be asked without TLS.
    let here = profile.origin().and_then(|origin| origin.strip_prefix("http://").map(str::to_owned));
    here.map_or_else(|| profile.name.clone(), |host| format!("{}@{host}", profile.name))
}

/// What a client's secret is called in a keyring. It is bound to its server by that: no other one is ever sent it.
fn name_in_keyring(profile: &Profile) -> String {
    format!("client secret of {} at {}", profile.client_id, profile.origin().unwrap_or_default())
}

/// The words of a profile. A user name of the environment is none: it may be there for the login alone.
fn words(provider: &Provider, described: &ProfileConfig) -> Words {
    let words = Words::of(provider);
    let words = match &described.username {
        Some(username) => words.with_username(username),
        None => words,
    };
    if by_issuer(described).is_none() {
        return words;
    }
    // The endpoints that are sent these will be known when the server has been asked.
    described.params.iter().fold(words, |words, (parameter, value)| words.with_parameter(parameter, value))
}

/// The issuer, if it has to be asked where its endpoints are.
fn by_issuer(described: &ProfileConfig) -> Option<ByIssuer> {
    let endpoints = &described.endpoints;
    let is_enough = match described.grant {
        Some(GrantName::Implicit) => endpoints.authorization.is_some(),
        _ => endpoints.token.is_some(),
    };
    let issuer =
        described.issuer.clone().filter(|_| !is_enough && described.preset != Some(Preset::Butlr))?;
    Some(ByIssuer { issuer, described: Arc::new(described.clone()) })
}

/// The grant of a profile that names none.
fn usual_grant(described: &ProfileConfig) -> GrantName {
    match described.preset {
        Some(Preset::Butlr) if described.client_id.is_none() => GrantName::Password,
        Some(Preset::Butlr) => GrantName::ClientCredentials,
        _ => GrantName::AuthorizationCode,
    }
}

fn with_habits(mut provider: Provider, described: &ProfileConfig) -> Provider {
    if let Some(lifetime) = described.assumed_lifetime {
        provider = provider.with_assumed_lifetime(lifetime);
    }
    if let Some(interval) = described.reuse_interval {
        provider = provider.with_reuse_interval(interval);
    }
    if described.refresh_scope {
        provider = provider.with_refresh_scope();
    }
    provider
}

/// Where the profile's API is. What is configured is bound to its host: no flag and no variable sends it elsewhere.
fn base_url(
    described: &ProfileConfig,
    global: &Global,
) -> Result<Option<(EndpointUrl, &'static str)>, Failure> {
    let configured = match (&described.base_url, described.preset) {
        (Some(url), _) => Some((endpoint("base_url", url)?, "configuration")),
        (None, Some(Preset::Butlr)) => Some((BUTLR_BASE_URL.parse()?, "preset")),
        (None, _) => None,
    };
    let Some(flag) = &global.base_url else { return Ok(configured) };
    let flag: EndpointUrl = flag.parse()?;
    match configured {
        Some((url, _)) if url.origin() != flag.origin() => Err(Failure::configuration(format!(
            "it belongs to {} and is not used at {}",
            url.origin(),
            flag.origin()
        ))
        .help("leave --base-url out, or make a profile for that host")),
        _ => Ok(Some((flag, "--base-url"))),
    }
}

fn butlr(described: &ProfileConfig, base_url: Option<&(EndpointUrl, &str)>) -> Result<Provider, Failure> {
    let is_known = described.endpoints.token.is_some() || described.body.is_some();
    if is_known || described.client_auth.is_some() || !described.bearer_types.is_empty() {
        return Err(Failure::configuration(
            "the preset `butlr` knows its token endpoints, `body`, `client_auth` and `bearer_types` by itself",
        )
        .help("remove them, or remove `preset`"));
    }
    let mut provider = base_url.map_or_else(Provider::butlr, |(url, _)| Provider::butlr_at(url));
    if let Some(issuer) = &described.issuer {
        provider = provider.with_issuer(issuer).map_err(|error| unfit("issuer", &error))?;
    }
    if let Some(refresh) = &described.endpoints.refresh {
        provider = provider.with_butlr_refresh_endpoint(endpoint("endpoints.refresh", refresh)?);
    }
    with_common_endpoints(provider, described)
}

fn generic(name: &str, described: &ProfileConfig) -> Result<Provider, Failure> {
    let dialect = dialect(described, ClientAuthenticationMethod::default())?;
    let provider = match &described.endpoints.token {
        Some(token) => Provider::new(name, endpoint("endpoints.token", token)?, dialect.clone()),
        None if described.grant == Some(GrantName::Implicit) => Provider::empty(name),
        None => {
            return Err(Failure::configuration("neither `issuer` nor `endpoints.token` says where to ask")
                .help("add `issuer = \"https://…\"` if the server has a discovery document, else `[profile.NAME.endpoints]`"
                    .replace("NAME", name)));
        }
    };
    with_issuer_and_endpoints(provider, described, dialect)
}

/// What can be said of a server before it is asked.
fn known_before(name: &str, described: &ProfileConfig) -> Result<Provider, Failure> {
    let dialect = dialect(described, ClientAuthenticationMethod::default())?;
    with_issuer_and_endpoints(Provider::empty(name), described, dialect)
}

/// What a server says of itself, and what the configuration knows better.
pub(super) fn completed(
    name: &str,
    described: &ProfileConfig,
    metadata: &Metadata,
) -> Result<Provider, Failure> {
    let mut provider = metadata.provider(name);
    let found = provider.token_endpoint(GrantType::RefreshToken).ok().cloned();
    let offered = found.as_ref().map(|found| found.dialect.client_authentication).unwrap_or_default();
    let dialect = dialect(described, offered)?;
    if let Some(found) = found.filter(|found| found.dialect != dialect) {
        for grant_type in GrantType::ALL {
            provider = provider.with_grant_endpoint(grant_type, found.url.clone(), dialect.clone());
        }
    }
    Ok(with_habits(with_issuer_and_endpoints(provider, described, dialect)?, described))
}

/// How token requests are written; the client authenticates as the server likes it, unless it is configured.
fn dialect(described: &ProfileConfig, offered: ClientAuthenticationMethod) -> Result<Dialect, Failure> {
    let leniency = Leniency::default().with_bearer_types(described.bearer_types.iter().cloned());
    let leniency = leniency.map_err(|error| Failure::configuration(format!("`bearer_types`: {error}")))?;
    let dialect = match described.body {
        Some(BodyName::Json) => Dialect::json(),
        _ => Dialect::form(),
    };
    let is_public =
        described.client_secret.is_none() && described.grant != Some(GrantName::ClientCredentials);
    let dialect = dialect.with_leniency(leniency).with_client_authentication(match described.client_auth {
        Some(method) => method,
        None if is_public => ClientAuthenticationMethod::None,
        None => offered,
    });
    Ok(described
        .params
        .iter()
        .fold(dialect, |dialect, (parameter, value)| dialect.with_parameter(parameter, value)))
}

fn with_issuer_and_endpoints(
    mut provider: Provider,
    described: &ProfileConfig,
    dialect: Dialect,
) -> Result<Provider, Failure> {
    if let Some(issuer) = &described.issuer {
        provider = provider.with_issuer_identifier(issuer).map_err(|error| unfit("issuer", &error))?;
    }
    if let Some(refresh) = &described.endpoints.refresh {
        let refresh = endpoint("endpoints.refresh", refresh)?;
        provider = provider.with_grant_endpoint(GrantType::RefreshToken, refresh, dialect);
    }
    // What is said of a login alone stands instead of what is said of every request.
    let apart = &described.authorization_params;
    let common = described.params.iter().filter(|(parameter, _)| !apart.has(parameter));
    for (parameter, value) in common.chain(apart.iter()) {
        provider = provider.with_authorization_parameter(parameter, value);
    }
    with_common_endpoints(provider, described)
}

fn with_common_endpoints(mut provider: Provider, described: &ProfileConfig) -> Result<Provider, Failure> {
    if let Some(authorization) = &described.endpoints.authorization {
        provider = provider.with_authorization_endpoint(endpoint("endpoints.authorization", authorization)?);
    }
    if let Some(revocation) = &described.endpoints.revocation {
        provider = provider.with_revocation_endpoint(endpoint("endpoints.revocation", revocation)?);
    }
    if let Some(device) = &described.endpoints.device_authorization {
        let device = endpoint("endpoints.device_authorization", device)?;
        provider = provider.with_device_authorization_endpoint(device);
    }
    if let Some(jwks) = &described.endpoints.jwks {
        provider = provider.with_jwks_uri(endpoint("endpoints.jwks", jwks)?);
    }
    if let Some(introspection) = &described.endpoints.introspection {
        let introspection = endpoint("endpoints.introspection", introspection)?;
        provider = provider.with_introspection_endpoint(introspection);
    }
    if let Some(pushed) = &described.endpoints.pushed_authorization {
        let pushed = endpoint("endpoints.pushed_authorization", pushed)?;
        provider = provider.with_pushed_authorization_request_endpoint(pushed);
    }
    match described.pushed_authorization {
        Some(true) => provider = provider.with_required_pushed_authorization(),
        Some(false) => provider = provider.without_pushed_authorization(),
        None => {}
    }
    Ok(provider)
}
