use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Fingerprint, GrantType, Provider};

/// Parameters that steer the dialogue of a login and nothing that comes of it, so that they are no part of what a
/// token is for ([OpenID Connect Core §3.1.2.1](https://openid.net/specs/openid-connect-core-1_0.html#AuthRequest)).
const DIALOGUE: [&str; 6] = ["prompt", "login_hint", "max_age", "acr_values", "display", "ui_locales"];

/// What a token is for, which may differ at a refresh
/// ([RFC 8707 §2.2](https://www.rfc-editor.org/rfc/rfc8707#section-2.2)).
const RESOURCE: &str = "resource";

/// The words by which tokens are asked for: the issuer, every token endpoint that was written by hand, the user name of
/// the configuration, and the parameters of a login. Under other words there is another session.
///
/// What a server's metadata says is no word: it may move its endpoints, and the issuer answers for them.
///
/// ```
/// use butlr_auth_core::{Dialect, Provider, Words};
///
/// let at = |path: &str| Ok(Provider::new("example", format!("https://as.example.com{path}").parse()?, Dialect::form()));
/// let [acme, umbrella] = [Words::of(&at("/acme/token")?), Words::of(&at("/umbrella/token")?)];
/// assert_eq!(acme.differing(&umbrella), ["endpoint token"]);
/// assert!(acme.purpose() != umbrella.purpose());
/// # Ok::<(), butlr_auth_core::Error>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Words {
    issuer: Option<String>,
    endpoints: BTreeMap<String, String>,
    username: Option<String>,
    /// What an authorization request is sent with.
    authorization: Parameters,
    /// What the token requests of a person's grants are sent with.
    token: Parameters,
    /// What the client's own token requests are sent with.
    client: Parameters,
}

type Parameters = BTreeSet<(String, String)>;

/// [`Words`] as keys have them: without what they say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Purpose {
    /// What a person's sessions are filed under: every word but the resources.
    pub person: Fingerprint,
    /// What a client's sessions are filed under: the issuer and the endpoints.
    pub client: Fingerprint,
    /// What a person's access tokens are filed under, beside their scope: the resources.
    pub resources: Fingerprint,
    /// What a client's access tokens are filed under, beside their scope: every parameter.
    pub parameters: Fingerprint,
}

impl Words {
    /// Reads the words that a provider was described by.
    #[must_use]
    pub fn of(provider: &Provider) -> Self {
        let endpoints = provider.endpoints_by_hand();
        let mut words = Self {
            issuer: provider.issuer().map(str::to_owned),
            endpoints: endpoints.map(|(name, url)| (name.to_owned(), url.as_str().to_owned())).collect(),
            authorization: provider.authorization_parameters().iter().cloned().collect(),
            ..Self::default()
        };
        for grant_type in GrantType::ALL {
            let Ok(endpoint) = provider.token_endpoint(grant_type) else { continue };
            let own = grant_type == GrantType::ClientCredentials;
            let parameters = if own { &mut words.client } else { &mut words.token };
            parameters.extend(endpoint.dialect.parameters.iter().cloned());
        }
        words
    }

    /// Adds the user name that the configuration says. Who logged in under it is known only afterwards.
    #[must_use]
    pub fn with_username(mut self, username: impl Into<String>) -> Self {
        self.username = Some(username.into());
        self
    }

    /// Adds a parameter of every token request, at endpoints that the server's metadata will name.
    #[must_use]
    pub fn with_parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let parameter = (name.into(), value.into());
        self.client.insert(parameter.clone());
        self.token.insert(parameter);
        self
    }

    /// Returns what keys have of the words. Each part is preceded by its length and each list by its own, so that no two
    /// sets of words are taken for one another, whatever is in them.
    #[must_use]
    pub fn purpose(&self) -> Purpose {
        let resources: Parameters = self.token.iter().filter(|(name, _)| name == RESOURCE).cloned().collect();
        let lasting = |parameters: &Parameters| -> Parameters {
            let steers = |name: &str| DIALOGUE.contains(&name);
            let lasts = parameters.difference(&resources).filter(|(name, _)| !steers(name));
            lasts.cloned().collect()
        };
        let server = || {
            let issuer = self.issuer.iter().map(|issuer| ("", issuer.as_str()));
            Digest::default().list(issuer).list(pairs(&self.endpoints))
        };
        Purpose {
            person: (server().list(self.username.iter().map(|name| ("", name.as_str()))))
                .list(pairs_of(&lasting(&self.authorization)))
                .list(pairs_of(&lasting(&self.token)))
                .end(),
            client: server().end(),
            resources: Digest::default().list(pairs_of(&resources)).end(),
            parameters: Digest::default().list(pairs_of(&self.client)).end(),
        }
    }

    /// Returns each word by the name that a person knows it by, such as `issuer`, `endpoint token`, `user name` or
    /// `parameter audience`, and of what it says a fingerprint alone: fit to be written down.
    #[must_use]
    pub fn fingerprints(&self) -> BTreeMap<String, Fingerprint> {
        let mut said: BTreeMap<String, Digest> = BTreeMap::new();
        let mut say = |name: String, place: &str, value: &str| {
            let digest = said.entry(name).or_default();
            *digest = std::mem::take(digest).list([(place, value)].into_iter());
        };
        if let Some(issuer) = &self.issuer {
            say("issuer".to_owned(), "", issuer);
        }
        for (name, url) in &self.endpoints {
            say(format!("endpoint {name}"), "", url);
        }
        if let Some(username) = &self.username {
            say("user name".to_owned(), "", username);
        }
        let places = [("login", &self.authorization), ("token", &self.token), ("client", &self.client)];
        for (place, parameters) in places {
            for (name, value) in parameters {
                say(format!("parameter {name}"), place, value);
            }
        }
        said.into_iter().map(|(name, digest)| (name, digest.end())).collect()
    }

    /// Names the words in which these differ from others.
    #[must_use]
    pub fn differing(&self, others: &Self) -> Vec<String> {
        let (ours, theirs) = (self.fingerprints(), others.fingerprints());
        let names: BTreeSet<_> = ours.keys().chain(theirs.keys()).collect();
        names.into_iter().filter(|name| ours.get(*name) != theirs.get(*name)).cloned().collect()
    }
}

/// Names the words; what they say may be nobody else's business.
impl fmt::Debug for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.fingerprints().keys()).finish()
    }
}

fn pairs(map: &BTreeMap<String, String>) -> impl ExactSizeIterator<Item = (&str, &str)> {
    map.iter().map(|(name, value)| (name.as_str(), value.as_str()))
}

fn pairs_of(parameters: &Parameters) -> impl ExactSizeIterator<Item = (&str, &str)> {
    parameters.iter().map(|(name, value)| (name.as_str(), value.as_str()))
}

/// What is to be digested, without ambiguity.
#[derive(Default)]
struct Digest(Vec<u8>);

impl Digest {
    fn list<'a>(mut self, pairs: impl ExactSizeIterator<Item = (&'a str, &'a str)>) -> Self {
        self.0.extend_from_slice(&(pairs.len() as u64).to_be_bytes());
        for (name, value) in pairs {
            for part in [name, value] {
                self.0.extend_from_slice(&(part.len() as u64).to_be_bytes());
                self.0.extend_from_slice(part.as_bytes());
            }
        }
        self
    }

    fn end(self) -> Fingerprint {
        Fingerprint::of(&self.0)
    }
}

#[cfg(test)]
mod tests;
