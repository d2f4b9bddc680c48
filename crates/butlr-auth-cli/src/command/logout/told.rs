//! What a logout tells of each token, and of what stayed.

use butlr_auth::{Error, ErrorKind, Logout};

use crate::context::Context;
use crate::failure::Failure;
use crate::output::Output;
use crate::profile::Profile;
use crate::store::Place;

/// Says what the server has revoked and what not; several tokens that it kept for one reason together.
pub(super) fn of_tokens(output: &Output, name: &str, ended: &Logout) {
    let refresh = ended.refresh_token.iter().map(|result| ("refresh token", result));
    let access = ended.access_tokens.iter().map(|result| ("access token", result));
    let mut revoked: Vec<&str> = Vec::new();
    let mut kept: Vec<(String, Vec<&str>)> = Vec::new();
    for (token, result) in refresh.chain(access) {
        let Err(error) = result else {
            revoked.push(token);
            continue;
        };
        let why = why(error);
        match kept.iter_mut().find(|(reason, _)| *reason == why) {
            Some((_, tokens)) => tokens.push(token),
            None => kept.push((why, vec![token])),
        }
    }
    if !revoked.is_empty() {
        output.note(&format!("revoked at the server: {} of `{name}`", revoked.join(", ")));
    }
    for (why, tokens) in kept {
        let tokens = tokens.join(", ");
        output.warning(&format!("not revoked, and good until it expires: {tokens} of `{name}`: {why}"));
    }
}

/// Why the server still honours a token.
pub(super) fn why(error: &Error) -> String {
    match error.kind() {
        ErrorKind::Unsupported if error.error_response().is_none() => {
            "the server has no revocation endpoint".to_owned()
        }
        _ => error.to_string(),
    }
}

/// The same for a program.
pub(super) fn outcome(result: &Result<(), Error>) -> String {
    result.as_ref().map_or_else(why, |()| "revoked".to_owned())
}

/// The session could not be removed.
pub(super) fn stayed(context: &Context, profile: &Profile, error: &Error) -> Failure {
    let place = Place::of(context, profile).map(|place| place.shown(context, profile)).unwrap_or_default();
    let name = &profile.name;
    let told = Failure::from(error.clone());
    let message = format!("the session of `{name}` stays in {place}: {}", told.message);
    let help = "make room there or make it writable, and log out again";
    Failure::new(ErrorKind::Storage, message).help(help)
}
