//! What helps with an answer of a server: by what the answer shows of the configuration, by its code, and where it has
//! none by the grant and the status.

use std::error::Error as _;

use butlr_auth::core::Hint;
use butlr_auth::verify::VerifyError;
use butlr_auth::{Error, ErrorKind, GrantType};

const CLIENT: &str = "check the client's id, its secret and `client_auth`";
const PASSWORD: &str = "check the user name and the password";
const BLOCKED: &str =
    "the account is blocked: do what the server says, or ask whoever administers it, before you try again";

/// What helps with a refusal, or with an answer that breaks the protocol.
pub(crate) fn of(error: &Error) -> Option<String> {
    if let Some(hint) = error.hint() {
        return by_hint(hint, error.grant_type());
    }
    let text = match error.kind() {
        ErrorKind::Refused => return refused(error),
        ErrorKind::Configuration if error.error_response().is_some() => return refused(error),
        ErrorKind::InvalidResponse if error.source().is_some_and(|source| source.is::<VerifyError>()) => {
            "compare the profile's `issuer` and `client_id` with the server's, and the clocks of both"
        }
        ErrorKind::InvalidResponse => "check the URL of the endpoint; with -vv is shown what answered",
        _ => return None,
    };
    Some(text.to_owned())
}

/// The line to change.
fn by_hint(hint: &Hint, grant: Option<GrantType>) -> Option<String> {
    Some(match hint {
        Hint::IssuerSlash { named } => {
            let how = if named.ends_with('/') { "with" } else { "without" };
            format!("write `issuer = \"{named}\"`, {how} the slash at its end")
        }
        Hint::OtherIssuer { named } => {
            format!(
                "compare the profile's `issuer` with the server's, byte for byte: the server calls itself `{named}`"
            )
        }
        Hint::IssuerTemplate { named } => {
            format!("name one tenant in `issuer`: its id belongs in the place of the braces in `{named}`")
        }
        Hint::IssuerIsDocument { issuer } => {
            format!("write `issuer = \"{issuer}\"`, without `/.well-known/` and what follows it")
        }
        Hint::Redirected { to: None } => {
            "the server redirects and does not say where to: check the URL".to_owned()
        }
        Hint::Redirected { to: Some(to) } => match grant {
            Some(GrantType::RefreshToken) => {
                format!(
                    "if the redirect is right, write `refresh = \"{to}\"` (or `token`) in the profile's `endpoints`"
                )
            }
            Some(_) => {
                format!("if the redirect is right, write `token = \"{to}\"` in the profile's `endpoints`")
            }
            None => {
                format!("if the redirect is right, write where it leads, {to}, in `issuer` or in `endpoints`")
            }
        },
        Hint::BearerType { token_type } => {
            let name = token_type.as_deref().unwrap_or("…");
            format!(
                "if the server means a bearer token by it, add `bearer_types = [\"{name}\"]` to the profile"
            )
        }
        Hint::NoNonce => {
            "the server leaves the `nonce` out: remove `openid` from `scopes` if no id_token is needed"
                .to_owned()
        }
        Hint::UnprovenDenial { without } => format!(
            "it may be the server's or anybody's, because `{without}` is missing: nothing was done; start again"
        ),
        Hint::NotJson => "check the URL: a gateway or a captive portal may have answered".to_owned(),
        _ => return None,
    })
}

/// What helps with a refusal: by its code, else by the grant and the status.
fn refused(error: &Error) -> Option<String> {
    let code = error.error_response().map(|response| response.error.as_str()).unwrap_or_default();
    let said = error.said().unwrap_or_default().to_ascii_lowercase();
    let is_denied = matches!(error.status(), Some(401 | 403));
    let text = match (code, error.grant_type()) {
        ("too_many_attempts", _) => BLOCKED,
        ("invalid_client", _) => CLIENT,
        ("invalid_scope", _) => "ask for a scope that the server knows",
        ("invalid_target", _) => "ask for a `resource` or an `audience` that the server knows",
        ("unsupported_grant_type", _) => "use a `grant` that the server offers",
        ("mfa_required", _) => {
            "the server asks for a second factor: use `grant = \"authorization_code\"` or `\"device_code\"`"
        }
        (_, Some(GrantType::Password)) if said.contains("blocked") => BLOCKED,
        ("unauthorized_client", Some(GrantType::AuthorizationCode | GrantType::Password)) => {
            "allow this grant to the client at the server, or use another `grant`"
        }
        (_, Some(GrantType::ClientCredentials)) if is_denied || code == "access_denied" => CLIENT,
        (_, Some(GrantType::Password)) if is_denied || matches!(code, "invalid_grant" | "access_denied") => {
            PASSWORD
        }
        ("invalid_grant", Some(GrantType::AuthorizationCode)) => {
            "log in again: a code is good once and for a short time, and for one `redirect_uri`"
        }
        ("invalid_grant", _) => "check the user name, the password or the code",
        // Nothing was said about what was wrong.
        ("", Some(GrantType::RefreshToken | GrantType::AuthorizationCode | GrantType::DeviceCode))
            if is_denied =>
        {
            CLIENT
        }
        ("", Some(GrantType::Password)) => PASSWORD,
        ("", Some(GrantType::ClientCredentials)) => CLIENT,
        ("", None) if error.status() == Some(404) => {
            "check `issuer`; a server without metadata needs its addresses in the profile's `endpoints`"
        }
        _ => return None,
    };
    Some(text.to_owned())
}
