//! What steers the server's dialogue with a person, and what the answer has to say about it.

use std::time::{Duration, SystemTime};

use butlr_auth::core::UnverifiedClaims;
use butlr_auth::{Clock as _, ErrorKind, Provider, Scope, TokenResponse};
use clap::Args;

use crate::context::Context;
use crate::failure::Failure;
use crate::time::{parse_duration, shown};

/// How far the clocks of two machines may be apart.
const LEEWAY: Duration = Duration::from_secs(60);

#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Dialogue {
    /// What the server asks the person: `none`, `login`, `consent`, `select_account`, or several
    #[arg(long, value_name = "WHAT")]
    prompt: Option<String>,

    /// Who is about to log in, so that the server need not ask
    #[arg(long, value_name = "NAME")]
    login_hint: Option<String>,

    /// How the person has to prove who they are; repeat it for alternatives
    #[arg(long, value_name = "ACR")]
    acr: Vec<String>,

    /// How long ago the person may have logged in to the server: a duration, or seconds
    #[arg(long, value_name = "DURATION", value_parser = age)]
    max_age: Option<Duration>,
}

fn age(text: &str) -> Result<Duration, String> {
    text.parse().map(Duration::from_secs).or_else(|_| parse_duration(text))
}

impl Dialogue {
    pub(super) fn is_asked(&self) -> bool {
        self.prompt.is_some() || self.login_hint.is_some() || self.is_demanding()
    }

    /// Whether the answer has to say something about it.
    pub(super) fn is_demanding(&self) -> bool {
        self.max_age.is_some() || !self.acr.is_empty()
    }

    /// The same, but that the server asks for the person's consent.
    pub(super) fn with_consent(&self) -> Self {
        Self { prompt: Some("consent".to_owned()), ..self.clone() }
    }

    /// Refuses what no answer could say.
    pub(super) fn check_scope(&self, scope: &Scope) -> Result<(), Failure> {
        if self.max_age.is_none() || scope.contains("openid") {
            return Ok(());
        }
        Err(Failure::usage("--max-age needs an id_token, which says when somebody logged in")
            .help("add \"openid\" to the profile's `scopes`, or to --scope"))
    }

    /// Adds what steers the dialogue to the authorization request, instead of what is configured.
    pub(super) fn steer(&self, provider: Provider) -> Provider {
        let acr = (!self.acr.is_empty()).then(|| self.acr.join(" "));
        let max_age = self.max_age.map(|age| age.as_secs().to_string());
        let asked = [
            ("prompt", self.prompt.clone()),
            ("login_hint", self.login_hint.clone()),
            ("acr_values", acr),
            ("max_age", max_age),
        ];
        asked.into_iter().fold(provider, |provider, (name, value)| match value {
            Some(value) => {
                provider.without_authorization_parameter(name).with_authorization_parameter(name, value)
            }
            None => provider,
        })
    }

    /// Checks what the `id_token` says about it, which was verified before where the server's keys are known.
    pub(super) fn check(&self, context: &Context, response: &TokenResponse) -> Result<(), Failure> {
        let claims = response.id_token.as_ref();
        let claims = claims.and_then(|id_token| UnverifiedClaims::decode(id_token.expose()));
        if let Some(max_age) = self.max_age {
            let said = claims.as_ref().and_then(|claims| claims.seconds("auth_time"));
            check_age(said, max_age, context.clock.now().wall)?;
        }
        if self.acr.is_empty() {
            return Ok(());
        }
        //= https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation
        //# If the acr Claim was requested, the Client SHOULD check that the asserted Claim Value is appropriate.
        match claims.as_ref().and_then(|claims| claims.text("acr")) {
            Some(said) if self.acr.iter().any(|asked| asked == said) => Ok(()),
            Some(said) => {
                let said = butlr_auth::core::text::escape(said, 64);
                Err(unmet(format!(
                    "the server says that the login was by `{said}`, which --acr does not name"
                )))
            }
            None => {
                context
                    .output
                    .warning("the server does not say how the person logged in: --acr is not proved");
                Ok(())
            }
        }
    }
}

//= https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation
//# If the auth_time Claim was requested, either through a specific request for this Claim or by using the max_age
//# parameter, the Client SHOULD check the auth_time Claim value and request re-authentication if it determines too
//# much time has elapsed since the last End-User authentication.
fn check_age(said: Option<u64>, max_age: Duration, now: SystemTime) -> Result<(), Failure> {
    let logged_in_at = said.and_then(|said| SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(said)));
    let Some(logged_in_at) = logged_in_at else {
        return Err(unmet(
            "the server does not say when the person logged in, which --max-age demands".to_owned(),
        ));
    };
    let age = now.duration_since(logged_in_at).unwrap_or_default();
    if age <= max_age.saturating_add(LEEWAY) {
        return Ok(());
    }
    Err(unmet(format!("the person logged in to the server {} ago, longer than --max-age", shown(age))))
}

fn unmet(message: String) -> Failure {
    Failure::new(ErrorKind::InvalidResponse, message).help("log in again with `--prompt login`")
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::{age, check_age};

    #[test]
    fn a_login_too_long_ago_or_of_an_unknown_time_is_refused() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(10_000);
        let hour = Duration::from_secs(3600);
        assert!(check_age(Some(9_000), hour, now).is_ok());
        assert!(check_age(Some(10_030), hour, now).is_ok());
        assert_eq!(check_age(Some(6_000), hour, now).unwrap_err().exit as u8, 5);
        assert!(check_age(None, hour, now).unwrap_err().message.contains("does not say when"));
    }

    #[test]
    fn an_age_is_seconds_or_a_duration() {
        assert_eq!(age("0"), Ok(Duration::ZERO));
        assert_eq!(age("90"), Ok(Duration::from_secs(90)));
        assert_eq!(age("1h"), Ok(Duration::from_secs(3600)));
        age("soon").unwrap_err();
    }
}
