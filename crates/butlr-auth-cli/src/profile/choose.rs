//! The winner among flag, environment, configuration and preset.

use std::sync::Arc;

use butlr_auth::core::{BUTLR_BASE_URL, Words};
use butlr_auth::{ClientId, EndpointUrl, Provider, Scope};

use super::configured::of_config;
use super::{NO_CLIENT, Profile, REDIRECT_URI, Source};
use crate::cli::Global;
use crate::config::{Config, GrantName, NetworkConfig, Preset, ProfileConfig, SecretConfig};
use crate::environment::{self, Environment};
use crate::failure::Failure;
use crate::secret::SecretPlace;
use crate::store::StoreChoice;

/// The profile that is there without any configuration.
const BUILT_IN: &str = "butlr";

/// The session of the environment's own client.
const ENVIRONMENT: &str = "env";

/// What decides between the identities at hand.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Choice<'a> {
    /// The profile that the command line names.
    pub(crate) named: Option<&'a str>,
    /// The resources that a token is wanted for, instead of the configured ones.
    pub(crate) resources: &'a [String],
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
    if choice.named.is_none() && !choice.for_a_person && !has_client {
        without_its_client(config, environment)?;
    }
    let mut candidates: Vec<(Source, Option<&str>)> = Vec::new();
    candidates.extend(choice.named.map(|name| (Source::CommandLine, Some(name))));
    candidates.extend(has_client.then_some((Source::EnvironmentClient, None)));
    candidates.extend(named_by_environment.as_deref().map(|name| (Source::EnvironmentName, Some(name))));
    candidates.extend(config.default_profile.as_deref().map(|name| (Source::DefaultProfile, Some(name))));
    candidates.push((Source::BuiltIn, Some(BUILT_IN)));
    let mut candidates = candidates.into_iter();
    let (source, name) = candidates.next().unwrap_or((Source::BuiltIn, Some(BUILT_IN)));
    let mut profile = match name {
        None => of_environment(global, config, environment)?,
        Some(name) => match config.profiles.get(name) {
            Some(described) if !choice.resources.is_empty() && described.preset != Some(Preset::Butlr) => {
                check_resources(choice.resources)?;
                let described = described.for_resources(choice.resources);
                of_config(name, &described, global, config, environment)?
            }
            Some(described) => of_config(name, described, global, config, environment)?,
            None if name == BUILT_IN => built_in(global, config, environment)?,
            None => return Err(unknown(name, config)),
        },
    };
    if !choice.resources.is_empty() && profile.preset == Preset::Butlr {
        return Err(Failure::usage("Butlr's tokens are for its one API, and not for a resource")
            .help("leave --resource out"));
    }
    profile.source = source;
    profile.hidden = candidates
        // What would have been this very profile is not hidden by it.
        .filter(|(source, other)| *source != Source::BuiltIn && (other.is_none() || *other != name))
        .map(|(source, name)| match name {
            Some(name) => format!("{name} ({})", source.as_str()),
            None => source.as_str().to_owned(),
        })
        .collect();
    if profile.stays_with_its_own(environment)? {
        profile.hidden.push("environment: BUTLR_BASE_URL".to_owned());
    }
    Ok(profile)
}

/// The profiles that there are, as far as a line has room for them.
pub(crate) fn names(config: &Config) -> String {
    const MOST: usize = 10;
    let shown: Vec<String> =
        config.profiles.keys().take(MOST).map(|name| butlr_auth::core::text::escape(name, 64)).collect();
    let more = if config.profiles.len() > MOST { ", …" } else { "" };
    format!("{}{more}", shown.join(", "))
}

/// What RFC 8707 §2 says of a resource.
fn check_resources(resources: &[String]) -> Result<(), Failure> {
    let fits = |resource: &String| url::Url::parse(resource).is_ok_and(|url| url.fragment().is_none());
    if resources.iter().all(fits) {
        return Ok(());
    }
    Err(Failure::usage("a --resource is an absolute URI without a fragment"))
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
        Some((_, known)) => failure.help(format!("did you mean `{known}`?")),
        None if config.path.as_os_str().is_empty() => failure.help("set HOME or BUTLR_AUTH_CONFIG"),
        None if config.profiles.is_empty() => failure.help(format!("add `[profile.{shown}]` there")),
        None => failure.help(format!("add `[profile.{shown}]` there, or name one of: {}", names(config))),
    }
}

/// Half of a client in the environment is a mistake, and whoever makes it means that client: nobody else's token takes
/// its place. A secret that the configuration itself reads is another matter.
fn without_its_client(config: &Config, environment: &Environment) -> Result<(), Failure> {
    let read = config.secret_variables();
    let stray = [environment::CLIENT_SECRET, environment::CLIENT_SECRET_FILE]
        .into_iter()
        .find(|name| environment.is_set(name) && !read.iter().any(|read| read == name));
    match stray {
        Some(name) => Err(Failure::configuration(format!("{name} is set without BUTLR_CLIENT_ID"))
            .help(format!("set BUTLR_CLIENT_ID, unset {name}, or name a profile with -p"))),
        None => Ok(()),
    }
}

/// The client of the environment, at Butlr.
fn of_environment(global: &Global, config: &Config, environment: &Environment) -> Result<Profile, Failure> {
    let id = environment.text(environment::CLIENT_ID)?.unwrap_or_default();
    let secret = if environment.is_set(environment::CLIENT_SECRET) {
        SecretConfig::Env(environment::CLIENT_SECRET.to_owned())
    } else if let Some(path) = environment.path(environment::CLIENT_SECRET_FILE) {
        SecretConfig::File(path)
    } else {
        return Err(Failure::configuration("BUTLR_CLIENT_ID is set without its secret")
            .help("set BUTLR_CLIENT_SECRET or BUTLR_CLIENT_SECRET_FILE, or name a profile with -p"));
    };
    let mut profile = at_butlr(ENVIRONMENT, global, config, environment)?;
    profile.grant = GrantName::ClientCredentials;
    profile.client_id = ClientId::new(id.as_str());
    profile.secret = SecretPlace::of(secret.clone(), String::new);
    profile.described = Arc::new(ProfileConfig {
        client_id: Some(id),
        client_secret: Some(secret),
        ..ProfileConfig::clone(&profile.described)
    });
    Ok(profile)
}

/// Butlr without any configuration: a person logs in.
fn built_in(global: &Global, config: &Config, environment: &Environment) -> Result<Profile, Failure> {
    let mut profile = at_butlr(BUILT_IN, global, config, environment)?;
    profile.username = environment.text(environment::USERNAME)?;
    Ok(profile)
}

/// Butlr's API, wherever flag or environment say that it is. A session is bound to its host, so that each host but
/// Butlr's own has sessions of its own.
fn at_butlr(
    name: &str,
    global: &Global,
    config: &Config,
    environment: &Environment,
) -> Result<Profile, Failure> {
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
    let provider = Provider::butlr_at(&base_url);
    let words = Words::of(&provider);
    Ok(Profile {
        name: name.to_owned(),
        session,
        source: Source::BuiltIn,
        preset: Preset::Butlr,
        grant: GrantName::Password,
        purpose: words.purpose(),
        words: words.fingerprints(),
        described: Arc::new(ProfileConfig {
            preset: Some(Preset::Butlr),
            base_url: Some(url.clone()),
            ..ProfileConfig::default()
        }),
        earlier: None,
        provider,
        issuer: None,
        client_id: ClientId::new(NO_CLIENT),
        secret: SecretPlace::Nowhere,
        id_token_hs256: false,
        revoke_replaced: false,
        username: None,
        scope: Scope::empty(),
        redirect_uri: REDIRECT_URI.to_owned(),
        base_url: Some((base_url, said_by)),
        ignores_base_url: false,
        network: NetworkConfig::default(),
        store: StoreChoice::new(None, config, environment),
        hidden: Vec::new(),
        named_config: global.config.clone(),
    })
}
