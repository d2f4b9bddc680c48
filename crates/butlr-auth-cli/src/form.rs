//! The forms in which a token is handed to other programs.

use butlr_auth::{Clock as _, Token};
use clap::ValueEnum;
use serde_json::json;
use zeroize::Zeroizing;

use crate::context::Context;
use crate::document;
use crate::failure::Failure;
use crate::profile::Profile;
use crate::shell;
use crate::time::rfc3339;

/// What Kubernetes calls the form that it reads.
const KUBE_VERSION: &str = "client.authentication.k8s.io/v1";

/// Where `kubectl` says which version of its form it reads.
const KUBE_INFO: &str = "KUBERNETES_EXEC_INFO";

/// A form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// The token alone
    Raw,
    /// `Authorization: Bearer …`
    Header,
    /// One JSON document
    Json,
    /// `NAME=value` lines
    Env,
    /// What `kubectl` reads from a credential plugin
    Kube,
}

/// Writes the token in a form, its last line ended.
///
/// # Errors
/// If the form cannot hold it safely.
pub(crate) fn render(
    context: &Context,
    profile: &Profile,
    token: &Token,
    form: Form,
) -> Result<Zeroizing<String>, Failure> {
    let access_token = token.access_token().expose();
    Ok(Zeroizing::new(match form {
        Form::Raw => format!("{access_token}\n"),
        Form::Header => format!("Authorization: Bearer {access_token}\n"),
        Form::Json => described(context, profile, token),
        Form::Env => {
            let variables = variables(context, profile, token);
            return shell::lines(variables.map(|(name, value)| (name, value.to_string())), false);
        }
        Form::Kube => {
            kube(context, access_token, token.validity().expires_at(&context.clock.now()).and_then(rfc3339))
        }
    }))
}

/// Writes a token as `kubectl` reads it.
pub(crate) fn kube(context: &Context, token: &str, ends: Option<String>) -> String {
    exec_credential(context.environment.text(KUBE_INFO).ok().flatten().as_deref(), token, ends)
}

/// Writes the token as lines that a shell evaluates.
pub(crate) fn exports(
    context: &Context,
    profile: &Profile,
    token: &Token,
) -> Result<Zeroizing<String>, Failure> {
    shell::lines(variables(context, profile, token).map(|(name, value)| (name, value.to_string())), true)
}

/// The variables that a program of the caller's expects. One without a value is empty.
pub(crate) fn variables(
    context: &Context,
    profile: &Profile,
    token: &Token,
) -> [(&'static str, Zeroizing<String>); 3] {
    let ends = token.validity().expires_at(&context.clock.now());
    let base_url = profile.base_url.as_ref().map(|(url, _)| url.as_str().trim_end_matches('/').to_owned());
    [
        ("BUTLR_ACCESS_TOKEN", token.access_token().expose().to_owned()),
        ("BUTLR_TOKEN_EXPIRES_AT", ends.and_then(rfc3339).unwrap_or_default()),
        ("BUTLR_BASE_URL", base_url.unwrap_or_default()),
    ]
    .map(|(name, value)| (name, Zeroizing::new(value)))
}

fn described(context: &Context, profile: &Profile, token: &Token) -> String {
    let now = context.clock.now();
    let ends = token.validity().expires_at(&now);
    let document = json!({
        "schema": 2,
        "access_token": token.access_token().expose(),
        "token_type": token.token_type().as_str(),
        "expires_at": ends.and_then(rfc3339),
        "expires_in": ends.and_then(|_| token.remaining(now.boot)).map(|remaining| remaining.as_secs()),
        "scope": token.scope().to_string(),
        "profile": profile.name,
    });
    document::line(&document).to_string()
}

/// An `ExecCredential`, in the version that the caller speaks. A token whose end nobody knows has no
/// `expirationTimestamp`.
fn exec_credential(asked: Option<&str>, token: &str, ends: Option<String>) -> String {
    let asked = asked.and_then(|info| serde_json::from_str::<serde_json::Value>(info).ok());
    let version = asked
        .as_ref()
        .and_then(|info| info.get("apiVersion")?.as_str())
        .filter(|version| version.starts_with("client.authentication.k8s.io/"))
        .unwrap_or(KUBE_VERSION);
    let status = match ends {
        Some(ends) => json!({ "token": token, "expirationTimestamp": ends }),
        None => json!({ "token": token }),
    };
    document::line(&json!({ "apiVersion": version, "kind": "ExecCredential", "status": status })).to_string()
}

#[cfg(test)]
mod tests;
