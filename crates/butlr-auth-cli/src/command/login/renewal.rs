//! What a person is told whose login cannot be renewed.

use butlr_auth::core::Provider;
use butlr_auth::{GrantType, Scope};

use crate::config::{GrantName, Preset};
use crate::context::Context;
use crate::failure::Failure;
use crate::profile::Profile;
use crate::terminal;

/// The scope that stands for a refresh token in OpenID Connect.
const OFFLINE_ACCESS: &str = "offline_access";

/// How a login was made, as far as it matters for its renewal.
#[derive(Clone, Copy, Debug)]
pub(super) struct Made<'a> {
    pub(super) grant: GrantName,
    /// Whether its token came from elsewhere.
    pub(super) imported: bool,
    pub(super) scope: &'a Scope,
    /// Where it was made, if the server was asked.
    pub(super) provider: &'a Provider,
}

impl Made<'_> {
    /// Whether the server may give a refresh token if the person is asked for consent, and was not so far.
    pub(super) fn may_lack_consent(&self) -> bool {
        let configured = self.provider.authorization_parameters().iter().any(|(name, _)| name == "prompt");
        self.grant == GrantName::AuthorizationCode
            && !self.imported
            && self.scope.contains(OFFLINE_ACCESS)
            && self.provider.token_endpoint(GrantType::RefreshToken).is_ok()
            && !self.provider.offers_prompt("consent")
            && !configured
    }

    /// Says why it cannot be renewed, and what would change that.
    pub(super) fn why_not_renewable(&self, profile: &Profile) -> String {
        let has_endpoint = self.provider.token_endpoint(GrantType::RefreshToken).is_ok();
        let (why, then) = if self.imported {
            ("it was imported without a refresh token", format!("log in with `{}`", profile.login_command()))
        } else if profile.preset == Preset::Butlr && !has_endpoint {
            (
                "Butlr's documents name no refresh endpoint",
                "set `endpoints.refresh` in the profile if you know one".to_owned(),
            )
        } else if self.grant == GrantName::Implicit {
            (
                "the implicit grant brings no refresh token",
                "use `grant = \"authorization_code\"` if the server offers it".to_owned(),
            )
        } else if !has_endpoint {
            ("no endpoint for it is known", "set `endpoints.refresh` in the profile".to_owned())
        } else if self.may_lack_consent() {
            (
                "the server gave no refresh token, although `offline_access` was asked for",
                "add `authorization_params = { prompt = \"consent\" }` to the profile".to_owned(),
            )
        } else if self.scope.contains(OFFLINE_ACCESS) {
            (
                "the server gave no refresh token, although `offline_access` was asked for",
                "ask whoever runs it whether this client may have one".to_owned(),
            )
        } else if profile.issuer.is_some() {
            (
                "the server gave no refresh token",
                "add \"offline_access\" to `scopes` in the profile if the server knows it".to_owned(),
            )
        } else {
            ("the server gave no refresh token", "log in again when the token ends".to_owned())
        };
        format!("this login cannot be renewed, because {why}: {then}")
    }
}

/// Asks whether to log in once more, with consent.
pub(super) async fn once_more(context: &Context) -> Result<bool, Failure> {
    if !terminal::is_present() || context.global.no_input || context.output.is_json() {
        return Ok(false);
    }
    let question = "Log in once more, and let the server ask for your consent to stay logged in? [y/N] ";
    let answer = terminal::line(&context.output, question).await?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

#[cfg(test)]
mod tests;
