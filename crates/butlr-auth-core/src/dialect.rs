use crate::{ClientAuthenticationMethod, EndpointUrl};

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
    /// What is accepted in an answer beyond the strict profile.
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

    /// Sets what is accepted in an answer beyond the strict profile.
    #[must_use]
    pub fn with_leniency(mut self, leniency: Leniency) -> Self {
        self.leniency = leniency;
        self
    }
}

/// What a provider's answers may do that the strict profile refuses. All off by default; each names a habit of
/// servers that exist.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "made with `..Leniency::default()`, like every set of switches"
)]
pub struct Leniency {
    /// Accept status 201 for a token response.
    pub created_status: bool,
    /// Accept `scope` as an array of strings.
    pub scope_as_array: bool,
    /// Accept a token response without `token_type`, as a bearer token.
    pub missing_token_type: bool,
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
