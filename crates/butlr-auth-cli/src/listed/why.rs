//! Why a person has to log in who has logged in before.

use butlr_auth::core::text::escape;
use butlr_auth::{ErrorKind, LoginReason, SessionState};

use super::{Listed, left_behind};
use crate::context::Context;
use crate::failure::Failure;
use crate::profile::Profile;

/// Says of a login that is needed because nobody has logged in under the words of now which of them was another one.
pub(crate) async fn explain(context: &Context, failure: Failure) -> Failure {
    for (session, profile) in context.opened() {
        let state = session.status().await.map(|status| status.state);
        if !matches!(state, Ok(SessionState::NeedsLogin(LoginReason::NeverLoggedIn))) {
            continue;
        }
        if let Some(why) = why(context, &profile).await {
            let message = format!("profile `{}` needs a login: {why}", profile.name);
            let explained = Failure::new(ErrorKind::LoginRequired, message);
            return explained.help_by_login(&profile.login_command());
        }
    }
    failure
}

/// Why nobody has logged in to a profile that has a session, if it has one somewhere.
pub(crate) async fn why(context: &Context, profile: &Profile) -> Option<String> {
    if profile.is_the_clients_own() || profile.earlier.is_some() {
        return None;
    }
    let mut nearest: Option<Vec<String>> = None;
    for listed in Listed::earlier(context, std::slice::from_ref(profile)) {
        if listed.profile != profile.name {
            continue;
        }
        let Some(earlier) = listed.if_alive(context, Some(profile)).await else { continue };
        let names = earlier.earlier.unwrap_or_default();
        if nearest.as_ref().is_none_or(|nearest| names.len() < nearest.len()) {
            nearest = Some(names);
        }
    }
    if let Some(names) = nearest {
        return Some(format!("its session is {}", for_another(&names)));
    }
    let left = left_behind(context, profile).await?;
    Some(format!("its session in {left} is of an earlier version, which did not note what it is for"))
}

/// `for another issuer and another parameter audience`, as people read it.
pub(crate) fn for_another(names: &[String]) -> String {
    let shown: Vec<String> = names.iter().map(|name| format!("another {}", escape(name, 128))).collect();
    match shown.split_last() {
        None => "for other settings".to_owned(),
        Some((only, [])) => format!("for {only}"),
        Some((last, others)) => format!("for {} and {last}", others.join(", ")),
    }
}
