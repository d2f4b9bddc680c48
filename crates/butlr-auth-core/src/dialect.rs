use crate::{ClientAuthenticationMethod, EndpointUrl, Error, ErrorKind, text};

/// How the body of a token request is encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BodyEncoding {
    /// `application/x-www-form-urlencoded`, as [RFC 6749 §4](https://www.rfc-editor.org/rfc/rfc6749#section-4)
    /// has it.
    #[default]
    Form,
    /// `application/json`: one object whose members are strings.
    Json,
}

/// How a provider's token endpoint wants to be spoken to: the ways in which it departs from RFC 6749, as data.
///
/// # Defaults
/// Form bodies and `client_secret_basic`, because the RFC says so; nothing added, nothing omitted, no leniency.
///
/// ```
/// use butlr_auth_core::{ClientAuthenticationMethod, Dialect};
///
/// let dialect = Dialect::json()
///     .with_client_authentication(ClientAuthenticationMethod::ClientSecretPost)
///     .with_parameter("audience", "https://api.example.com");
/// # let _ = dialect;
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Dialect {
    /// The encoding of the request's body.
    pub body: BodyEncoding,
    /// Where the client's id and secret go. A client without a secret is public whatever stands here.
    pub client_authentication: ClientAuthenticationMethod,
    /// Parameters added to every request, in this order.
    pub parameters: Vec<(String, String)>,
    /// Parameters left out although the RFC requires them, `grant_type` and `client_id` included.
    pub omitted: Vec<String>,
    /// What is accepted in an answer that is refused from everybody else.
    pub leniency: Leniency,
}

impl Dialect {
    /// The dialect of RFC 6749: form bodies.
    #[must_use]
    pub fn form() -> Self {
        Self::default()
    }

    /// JSON bodies, with the client's secret inside: the usual companion of JSON.
    #[must_use]
    pub fn json() -> Self {
        Self {
            body: BodyEncoding::Json,
            client_authentication: ClientAuthenticationMethod::ClientSecretPost,
            ..Self::default()
        }
    }

    /// Sets where the client's id and secret go.
    #[must_use]
    pub fn with_client_authentication(mut self, method: ClientAuthenticationMethod) -> Self {
        self.client_authentication = method;
        self
    }

    /// Adds a parameter to every request.
    #[must_use]
    pub fn with_parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.parameters.push((name.into(), value.into()));
        self
    }

    /// Leaves a parameter out of every request.
    #[must_use]
    pub fn without_parameter(mut self, name: impl Into<String>) -> Self {
        self.omitted.push(name.into());
        self
    }

    /// Sets what is accepted in an answer that is refused from everybody else.
    #[must_use]
    pub fn with_leniency(mut self, leniency: Leniency) -> Self {
        self.leniency = leniency;
        self
    }
}

/// No token that a key proves, and none that is no access token, is ever sent as a bearer token.
const NEVER_BEARER: [&str; 3] = ["DPoP", "mac", "N_A"];

/// What a provider's answers may do that is refused from everybody else. Nothing by default.
///
/// What is harmless needs no leniency: it is accepted from everybody ([`TokenResponse`](crate::TokenResponse)). What
/// has two meanings has none: it is refused from everybody.
///
/// ```
/// use butlr_auth_core::Leniency;
///
/// // Slack's words for a token that is sent as a bearer token.
/// let slack = Leniency::default().with_bearer_types(["bot", "user"])?;
/// assert_eq!(slack.bearer_types(), ["bot", "user"]);
/// assert!(Leniency::default().with_bearer_types(["DPoP"]).is_err());
/// # Ok::<(), butlr_auth_core::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Leniency {
    bearer_types: Vec<String>,
}

impl Leniency {
    /// Takes tokens of these types as bearer tokens, in any case of letters.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] for `DPoP` and `mac`, which are bound to a key, for `N_A`, which is no access token,
    /// and for what cannot be the name of a type.
    pub fn with_bearer_types<T: Into<String>>(
        mut self,
        types: impl IntoIterator<Item = T>,
    ) -> Result<Self, Error> {
        for name in types.into_iter().map(Into::into) {
            let shown = text::escape(&name, 64);
            if NEVER_BEARER.iter().any(|never| never.eq_ignore_ascii_case(&name)) {
                let message = format!("a token of type `{shown}` is never sent as a bearer token");
                return Err(Error::new(ErrorKind::Configuration, message));
            }
            if name.is_empty() || name.len() > 64 || !name.bytes().all(|byte| byte.is_ascii_graphic()) {
                let message = format!("`{shown}` is not the name of a token type");
                return Err(Error::new(ErrorKind::Configuration, message));
            }
            self.bearer_types.push(name);
        }
        Ok(self)
    }

    /// Returns the types of tokens, beside `Bearer`, that are taken as bearer tokens.
    #[must_use]
    pub fn bearer_types(&self) -> &[String] {
        &self.bearer_types
    }

    /// Whether a token of this type may be sent as a bearer token.
    pub(crate) fn is_bearer(&self, token_type: &str) -> bool {
        //= https://www.rfc-editor.org/rfc/rfc6749#section-5.1
        //# Value is case insensitive.
        token_type.eq_ignore_ascii_case("bearer")
            || self.bearer_types.iter().any(|known| known.eq_ignore_ascii_case(token_type))
    }

    /// Whether a setting may make it one.
    pub(crate) fn may_become_bearer(token_type: &str) -> bool {
        Self::default().with_bearer_types([token_type]).is_ok()
    }
}

/// One way to a token: where to ask and in which dialect.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TokenEndpointDescription {
    /// The endpoint.
    pub url: EndpointUrl,
    /// Its dialect.
    pub dialect: Dialect,
}

impl TokenEndpointDescription {
    /// Describes an endpoint.
    #[must_use]
    pub fn new(url: EndpointUrl, dialect: Dialect) -> Self {
        Self { url, dialect }
    }
}
