//! Which identity a command acts as: the winner among flag, profile, environment and preset, and what it is made of.

use std::path::PathBuf;
use std::time::Duration;

use butlr_auth::core::BUTLR_BASE_URL;
use butlr_auth::{ClientAuthenticationMethod, ClientId, Dialect, EndpointUrl, GrantType, Provider, Scope};

use crate::cli::Global;
use crate::config::{Config, GrantName, Preset, ProfileConfig, SecretConfig};
use crate::environment::{self, Environment};
use crate::failure::Failure;
use crate::secret::SecretPlace;
use crate::shell;

/// The profile that is there without any configuration.
const BUILT_IN: &str = "butlr";

/// The session of the environment's own client.
const ENVIRONMENT: &str = "env";

/// The redirect URI unless one is configured: nothing listens there, and the person copies the address.
const REDIRECT_URI: &str = "http://127.0.0.1/callback";

/// Who asks whom, and how: everything that a command needs to open a session.
#[derive(Clone, Debug)]
pub(crate) struct Profile {
    /// What it is called in messages and results.
    pub(crate) name: String,
    /// What its session is filed under.
    pub(crate) session: String,
    /// Why it was chosen.
    pub(crate) source: Source,
    pub(crate) grant: GrantName,
    pub(crate) provider: Provider,
    pub(crate) client_id: ClientId,
    pub(crate) secret: SecretPlace,
    pub(crate) username: Option<String>,
    pub(crate) scope: Scope,
    pub(crate) redirect_uri: String,
    /// Where the API is, and what said so.
    pub(crate) base_url: Option<(EndpointUrl, &'static str)>,
    /// Whether it is configured, and so bound to its own host whatever the environment says.
    pub(crate) ignores_base_url: bool,
    /// What would have been used if this had not won.
    pub(crate) hidden: Vec<String>,
    /// The configuration that only the command line names, so that a command to repeat must name it, too.
    pub(crate) named_config: Option<PathBuf>,
}

/// What chose a profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    CommandLine,
    EnvironmentClient,
    EnvironmentName,
    DefaultProfile,
    BuiltIn,
}

impl Source {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::CommandLine => "command line",
            Self::EnvironmentClient => "environment: BUTLR_CLIENT_ID",
            Self::EnvironmentName => "environment: BUTLR_PROFILE",
            Self::DefaultProfile => "configuration: default_profile",
            Self::BuiltIn => "built in",
        }
    }
}

/// What decides between the identities at hand.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Choice<'a> {
    /// The profile that the command line names.
    pub(crate) named: Option<&'a str>,
    /// Whether a login wants another grant than the client's own: then the environment's client is not meant.
    pub(crate) for_a_person: bool,
}

/// Chooses and resolves: flag, then environment client, then `BUTLR_PROFILE` or the default profile, then the
/// built-in preset.
pub(crate) fn choose(
    choice: Choice<'_>,
    global: &Global,
    config: &Config,
    environment: &Environment,
) -> Result<Profile, Failure> {
    let named_by_environment = environment.text(environment::PROFILE)?;
    let has_client = !choice.for_a_person && environment.is_set(environment::CLIENT_ID);
    let mut candidates: Vec<(Source, Option<&str>)> = Vec::new();
    candidates.extend(choice.named.map(|name| (Source::CommandLine, Some(name))));
    candidates.extend(has_client.then_some((Source::EnvironmentClient, None)));
    candidates.extend(named_by_environment.as_deref().map(|name| (Source::EnvironmentName, Some(name))));
    candidates.extend(config.default_profile.as_deref().map(|name| (Source::DefaultProfile, Some(name))));
    candidates.push((Source::BuiltIn, Some(BUILT_IN)));
    let mut candidates = candidates.into_iter();
    let (source, name) = candidates.next().unwrap_or((Source::BuiltIn, Some(BUILT_IN)));
    let mut profile = match name {
        None => of_environment(global, environment)?,
        Some(name) => match config.profiles.get(name) {
            Some(described) => of_config(name, described, global, config, environment)?,
            None if name == BUILT_IN => built_in(global, environment)?,
            None => return Err(unknown(name, config)),
        },
    };
    profile.source = source;
    profile.hidden = candidates
        .filter(|(source, _)| *source != Source::BuiltIn)
        .map(|(source, name)| match name {
            Some(name) => format!("{name} ({})", source.as_str()),
            None => source.as_str().to_owned(),
        })
        .collect();
    if profile.ignores_base_url && environment.is_set(environment::BASE_URL) {
        profile.hidden.push("environment: BUTLR_BASE_URL".to_owned());
    }
    Ok(profile)
}

fn unknown(name: &str, config: &Config) -> Failure {
    let shown = butlr_auth::core::text::escape(name, 64);
    let place = config.path.display();
    let failure = if config.path.as_os_str().is_empty() {
        Failure::configuration(format!("there is no profile `{shown}`, because there is no configuration"))
    } else {
        Failure::configuration(format!("there is no profile `{shown}` in {place}"))
    };
    let nearest = config
        .profiles
        .keys()
        .map(|known| (strsim::jaro_winkler(name, known), known))
        .filter(|(alike, _)| *alike > 0.7)
        .max_by(|(one, _), (other, _)| one.total_cmp(other));
    match nearest {
        Some((_, known)) => failure.mend(format!("did you mean `{known}`?")),
        None if config.path.as_os_str().is_empty() => failure.mend("set HOME or BUTLR_AUTH_CONFIG"),
        None => failure.mend(format!("add `[profile.{shown}]` there")),
    }
}

/// The client of the environment, at Butlr.
fn of_environment(global: &Global, environment: &Environment) -> Result<Profile, Failure> {
    let id = environment.text(environment::CLIENT_ID)?.unwrap_or_default();
    let secret = if environment.is_set(environment::CLIENT_SECRET) {
        SecretPlace::Variable(environment::CLIENT_SECRET.to_owned())
    } else if let Some(path) = environment.path(environment::CLIENT_SECRET_FILE) {
        SecretPlace::File(path)
    } else {
        return Err(Failure::configuration("BUTLR_CLIENT_ID is set without its secret")
            .mend("set BUTLR_CLIENT_SECRET or BUTLR_CLIENT_SECRET_FILE, or name a profile with -p"));
    };
    let mut profile = at_butlr(ENVIRONMENT, global, environment)?;
    profile.grant = GrantName::ClientCredentials;
    profile.client_id = ClientId::new(id);
    profile.secret = secret;
    Ok(profile)
}

/// Butlr without any configuration: a person logs in.
fn built_in(global: &Global, environment: &Environment) -> Result<Profile, Failure> {
    let mut profile = at_butlr(BUILT_IN, global, environment)?;
    profile.username = environment.text(environment::USERNAME)?;
    Ok(profile)
}

/// Butlr's API, wherever flag or environment say that it is. A session is bound to its host, so that each host but
/// Butlr's own has sessions of its own.
fn at_butlr(name: &str, global: &Global, environment: &Environment) -> Result<Profile, Failure> {
    let (url, said_by) = match (&global.base_url, environment.text(environment::BASE_URL)?) {
        (Some(url), _) => (url.clone(), "--base-url"),
        (None, Some(url)) => (url, "environment: BUTLR_BASE_URL"),
        (None, None) => (BUTLR_BASE_URL.to_owned(), "preset"),
    };
    let base_url: EndpointUrl = url.parse()?;
    let session = if base_url.origin() == BUTLR_BASE_URL {
        name.to_owned()
    } else {
        format!("{name}@{}", base_url.host())
    };
    Ok(Profile {
        name: name.to_owned(),
        session,
        source: Source::BuiltIn,
        grant: GrantName::Password,
        provider: Provider::butlr_at(&base_url),
        client_id: ClientId::new(NO_CLIENT),
        secret: SecretPlace::Nowhere,
        username: None,
        scope: Scope::empty(),
        redirect_uri: REDIRECT_URI.to_owned(),
        base_url: Some((base_url, said_by)),
        ignores_base_url: false,
        hidden: Vec::new(),
        named_config: global.config.clone(),
    })
}

/// What sessions of Butlr's password grant are filed under, which knows no client. A program that shares such a
/// session names its endpoint's client so, too.
const NO_CLIENT: &str = "butlr";

fn of_config(
    name: &str,
    described: &ProfileConfig,
    global: &Global,
    config: &Config,
    environment: &Environment,
) -> Result<Profile, Failure> {
    let of_profile =
        |failure: Failure| Failure { message: format!("profile `{name}`: {}", failure.message), ..failure };
    let base_url = base_url(described, global).map_err(of_profile)?;
    let provider = match described.preset.unwrap_or(Preset::Generic) {
        Preset::Butlr => butlr(described, base_url.as_ref()),
        Preset::Generic => generic(name, described),
    }
    .map_err(of_profile)?;
    let grant = described.grant.unwrap_or_else(|| usual_grant(described));
    let needs_client = described.preset != Some(Preset::Butlr) || grant != GrantName::Password;
    let client_id = match &described.client_id {
        Some(id) => ClientId::new(id.as_str()),
        None if needs_client => {
            return Err(of_profile(Failure::configuration("`client_id` is missing")));
        }
        None => ClientId::new(NO_CLIENT),
    };
    let secret = match &described.client_secret {
        None => SecretPlace::Nowhere,
        Some(SecretConfig::Env(name)) => SecretPlace::Variable(name.clone()),
        Some(SecretConfig::File(path)) => SecretPlace::File(config.resolve(path, environment)),
        Some(SecretConfig::Command(words)) => SecretPlace::Command(words.clone()),
        Some(SecretConfig::Keyring) => SecretPlace::Keyring,
    };
    let username = match &described.username {
        Some(username) => Some(username.clone()),
        None => environment.text(environment::USERNAME)?,
    };
    Ok(Profile {
        name: name.to_owned(),
        session: session(name, &provider),
        source: Source::CommandLine,
        grant,
        provider: with_times(provider, described.assumed_lifetime, described.reuse_interval),
        client_id,
        secret,
        username,
        scope: Scope::from_tokens(&described.scopes).map_err(Failure::from).map_err(of_profile)?,
        redirect_uri: described.redirect_uri.clone().unwrap_or_else(|| REDIRECT_URI.to_owned()),
        base_url,
        ignores_base_url: true,
        hidden: Vec::new(),
        named_config: global.config.clone(),
    })
}

/// The name of a profile's session. A server on this machine comes and goes: each port has sessions of its own.
fn session(name: &str, provider: &Provider) -> String {
    // Nothing but this machine may be asked without TLS.
    let here = provider.origin().and_then(|origin| origin.strip_prefix("http://").map(str::to_owned));
    here.map_or_else(|| name.to_owned(), |host| format!("{name}@{host}"))
}

/// The grant of a profile that names none.
fn usual_grant(described: &ProfileConfig) -> GrantName {
    match described.preset {
        Some(Preset::Butlr) if described.client_id.is_none() => GrantName::Password,
        Some(Preset::Butlr) => GrantName::ClientCredentials,
        _ => GrantName::AuthorizationCode,
    }
}

fn with_times(mut provider: Provider, assumed: Option<Duration>, reuse: Option<Duration>) -> Provider {
    if let Some(lifetime) = assumed {
        provider = provider.with_assumed_lifetime(lifetime);
    }
    if let Some(interval) = reuse {
        provider = provider.with_reuse_interval(interval);
    }
    provider
}

/// Where the profile's API is. What is configured is bound to its host: no flag and no variable sends it elsewhere.
fn base_url(
    described: &ProfileConfig,
    global: &Global,
) -> Result<Option<(EndpointUrl, &'static str)>, Failure> {
    let configured = match (&described.base_url, described.preset) {
        (Some(url), _) => Some((url.parse::<EndpointUrl>()?, "configuration")),
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
        .mend("leave --base-url out, or make a profile for that host")),
        _ => Ok(Some((flag, "--base-url"))),
    }
}

fn butlr(described: &ProfileConfig, base_url: Option<&(EndpointUrl, &str)>) -> Result<Provider, Failure> {
    if described.endpoints.token.is_some() || described.body.is_some() || described.client_auth.is_some() {
        return Err(Failure::configuration(
            "the preset `butlr` knows its token endpoints, `body` and `client_auth` by itself",
        )
        .mend("remove them, or remove `preset`"));
    }
    let mut provider = base_url.map_or_else(Provider::butlr, |(url, _)| Provider::butlr_at(url));
    if let Some(issuer) = &described.issuer {
        provider = provider.with_issuer(issuer)?;
    }
    if let Some(refresh) = &described.endpoints.refresh {
        provider = provider.with_butlr_refresh_endpoint(refresh.parse()?);
    }
    with_common_endpoints(provider, described)
}

fn generic(name: &str, described: &ProfileConfig) -> Result<Provider, Failure> {
    let mut dialect = match described.body {
        Some(crate::config::BodyName::Json) => Dialect::json(),
        _ => Dialect::form(),
    };
    if let Some(method) = described.client_auth {
        dialect = dialect.with_client_authentication(method);
    } else if described.client_secret.is_none() {
        dialect = dialect.with_client_authentication(ClientAuthenticationMethod::None);
    }
    for (parameter, value) in &described.params {
        dialect = dialect.with_parameter(parameter, value);
    }
    let mut provider = match &described.endpoints.token {
        Some(token) => Provider::new(name, token.parse()?, dialect.clone()),
        None if described.grant == Some(GrantName::Implicit) => Provider::empty(name),
        None => {
            return Err(Failure::configuration(
                "`endpoints.token` is missing, and nothing else says where to ask",
            )
            .mend(format!("add `[profile.{name}.endpoints]` with `token = \"https://…\"`")));
        }
    };
    if let Some(issuer) = &described.issuer {
        provider = provider.with_issuer_identifier(issuer)?;
    }
    if let Some(refresh) = &described.endpoints.refresh {
        provider = provider.with_grant_endpoint(GrantType::RefreshToken, refresh.parse()?, dialect);
    }
    for (parameter, value) in &described.params {
        provider = provider.with_authorization_parameter(parameter, value);
    }
    with_common_endpoints(provider, described)
}

fn with_common_endpoints(mut provider: Provider, described: &ProfileConfig) -> Result<Provider, Failure> {
    if let Some(authorization) = &described.endpoints.authorization {
        provider = provider.with_authorization_endpoint(authorization.parse()?);
    }
    if let Some(revocation) = &described.endpoints.revocation {
        provider = provider.with_revocation_endpoint(revocation.parse()?);
    }
    Ok(provider)
}

impl Profile {
    /// The command that logs this profile in.
    pub(crate) fn login_command(&self) -> String {
        let config = self.named_config.as_ref();
        let config = config.map_or_else(String::new, |path| {
            format!("--config {} ", shell::word(&path.display().to_string()))
        });
        match self.source {
            Source::EnvironmentClient | Source::BuiltIn => format!("butlr-auth {config}login"),
            _ => format!("butlr-auth {config}login {}", shell::word(&self.name)),
        }
    }

    /// The client that the server knows, if it knows one.
    pub(crate) fn shown_client(&self) -> Option<&ClientId> {
        Some(&self.client_id).filter(|id| id.as_str() != NO_CLIENT)
    }

    /// Whether the session asks again by itself, with the client's own secret.
    pub(crate) fn is_the_clients_own(&self) -> bool {
        self.grant == GrantName::ClientCredentials
    }
}

#[cfg(test)]
mod tests;
