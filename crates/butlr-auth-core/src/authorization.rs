mod nonce;

use std::collections::BTreeMap;
use std::fmt;

use subtle::ConstantTimeEq;
use url::{Url, form_urlencoded};

use self::nonce::check_nonce;
use crate::{
    AuthorizationCode, CODE_CHALLENGE_METHOD, ClientId, CodeVerifier, Delivery, EndpointUrl, Error,
    ErrorCode, ErrorKind, ErrorResponse, Grant, Hint, Leniency, Moment, Nonce, Provider, PushedAuthorization,
    Scope, Secret, State, TokenResponse, random, text,
};

/// A redirect longer than this is not parsed: 64 KiB.
const MAX_REDIRECT: usize = 64 * 1024;

/// One attempt to have a person authorise this client: the URL to open, and the secrets that its answer is
/// checked against.
///
/// The attempt owns its `state`, `nonce` and PKCE verifier: an answer to another attempt, of this or another
/// server, does not fit. A stray or forged answer leaves it waiting; the right one ends it.
///
/// ```
/// use butlr_auth_core::{AuthorizationRequest, AuthorizationResponse, ClientId, Dialect, Provider, Scope};
///
/// let provider = Provider::new("example", "https://as.example.com/token".parse()?, Dialect::form())
///     .with_authorization_endpoint("https://as.example.com/authorize".parse()?);
/// let mut request = AuthorizationRequest::code(
///     &provider, &ClientId::new("cli"), "http://127.0.0.1:8910/callback", Scope::empty())?;
/// println!("open {}", request.url());
/// # let redirect = format!("http://127.0.0.1:8910/callback?code=SplxlOBeZQQYbYS6WxSbIA&{}",
/// #     request.url().query().unwrap().split('&').find(|p| p.starts_with("state=")).unwrap());
/// match request.accept(&redirect)? {
///     AuthorizationResponse::Code(grant) => { /* exchange it at the token endpoint */ }
///     AuthorizationResponse::Token(_) => unreachable!("a code was asked for"),
///     _ => {}
/// }
/// # Ok::<(), butlr_auth_core::Error>(())
/// ```
pub struct AuthorizationRequest {
    url: Url,
    endpoint: EndpointUrl,
    parameters: Vec<(String, String)>,
    provider_id: String,
    issuer: Option<String>,
    iss_required: bool,
    host: String,
    client_id: ClientId,
    redirect_uri: String,
    state: State,
    nonce: Nonce,
    response_type: ResponseType,
    scope: Scope,
    answered: bool,
}

/// What is asked for, and what only that way needs.
#[derive(Debug)]
enum ResponseType {
    Code(CodeVerifier),
    Token,
}

/// What a person's authorization brought.
#[derive(Debug)]
#[non_exhaustive]
pub enum AuthorizationResponse {
    /// An authorization code, as a grant that is ready to be exchanged.
    Code(Grant),
    /// An access token from the fragment (implicit grant). Never with a refresh token.
    Token(TokenResponse),
}

impl AuthorizationRequest {
    /// Asks for an authorization code ([RFC 6749 §4.1](https://www.rfc-editor.org/rfc/rfc6749#section-4.1)),
    /// always with PKCE by S256 ([RFC 7636](https://www.rfc-editor.org/rfc/rfc7636)), a fresh `state` and a fresh
    /// `nonce`.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] if the provider has no authorization endpoint or announces PKCE without `S256`;
    /// [`ErrorKind::Configuration`] if one of its authorization parameters is one that the request sets itself.
    pub fn code(
        provider: &Provider,
        client_id: &ClientId,
        redirect_uri: impl Into<String>,
        scope: Scope,
    ) -> Result<Self, Error> {
        provider.check_code_challenge()?;
        let verifier = ResponseType::Code(CodeVerifier::random());
        Self::new(provider, client_id, redirect_uri.into(), scope, verifier)
    }

    /// Asks for an access token on the redirect itself: the implicit grant
    /// ([RFC 6749 §4.2](https://www.rfc-editor.org/rfc/rfc6749#section-4.2)). **Legacy.**
    ///
    /// [RFC 9700 §2.1.2](https://www.rfc-editor.org/rfc/rfc9700#section-2.1.2) advises against it: the token
    /// passes through the browser. Use [`code`](Self::code) wherever the server offers it.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] if the provider has no authorization endpoint; [`ErrorKind::Configuration`] if one
    /// of its authorization parameters is one that the request sets itself.
    pub fn implicit(
        provider: &Provider,
        client_id: &ClientId,
        redirect_uri: impl Into<String>,
        scope: Scope,
    ) -> Result<Self, Error> {
        Self::new(provider, client_id, redirect_uri.into(), scope, ResponseType::Token)
    }

    fn new(
        provider: &Provider,
        client_id: &ClientId,
        redirect_uri: String,
        scope: Scope,
        response_type: ResponseType,
    ) -> Result<Self, Error> {
        let endpoint = provider.authorization_endpoint()?;
        let request = Self {
            url: endpoint.as_url().clone(),
            endpoint: endpoint.clone(),
            parameters: Vec::new(),
            provider_id: provider.id().to_owned(),
            issuer: provider.issuer().map(str::to_owned),
            iss_required: provider.requires_authorization_response_iss(),
            host: endpoint.host(),
            client_id: client_id.clone(),
            redirect_uri,
            state: Secret::new(random::token())?,
            nonce: Secret::new(random::token())?,
            response_type,
            scope,
            answered: false,
        };
        let mut extra = provider.authorization_parameters().to_vec();
        if request.wants_consent(provider) {
            extra.push(("prompt".to_owned(), "consent".to_owned()));
        }
        request.with_parameters(&extra)
    }

    /// Whether the person must be asked for consent so that a refresh token comes, and nobody has said otherwise. A
    /// server that does not announce the value may refuse it.
    //= https://openid.net/specs/openid-connect-core-1_0.html#section-11
    //# the prompt parameter value MUST contain consent unless other conditions for processing the request permitting
    //# offline access to the requested resources are in place;
    fn wants_consent(&self, provider: &Provider) -> bool {
        let configured = provider.authorization_parameters().iter().any(|(name, _)| name == "prompt")
            || self.url.query_pairs().any(|(name, _)| name == "prompt");
        matches!(self.response_type, ResponseType::Code(_))
            && self.scope.contains("offline_access")
            && provider.offers_prompt("consent")
            && !configured
    }

    fn with_parameters(mut self, extra: &[(String, String)]) -> Result<Self, Error> {
        let mut own: Vec<(&str, String)> = vec![
            ("response_type", self.response_type.as_str().to_owned()),
            ("client_id", self.client_id.as_str().to_owned()),
            ("redirect_uri", self.redirect_uri.clone()),
            ("state", self.state.expose().to_owned()),
        ];
        if !self.scope.is_empty() {
            own.push(("scope", self.scope.to_string()));
        }
        match &self.response_type {
            ResponseType::Code(verifier) => {
                own.push(("code_challenge", verifier.challenge()));
                own.push(("code_challenge_method", CODE_CHALLENGE_METHOD.to_owned()));
                if self.scope.contains("openid") {
                    own.push(("nonce", self.nonce.expose().to_owned()));
                }
            }
            // Beside a token, the nonce serves an id_token that a server may add.
            ResponseType::Token => own.push(("nonce", self.nonce.expose().to_owned())),
        }
        //= https://www.rfc-editor.org/rfc/rfc6749#section-3.1
        //# Request and response parameters MUST NOT be included more than once.
        let twice = extra.iter().find(|(name, _)| own.iter().any(|(set, _)| set == name));
        if let Some((name, _)) = twice {
            let message = format!("`{}` would be in the authorization request twice", text::escape(name, 64));
            return Err(Error::new(ErrorKind::Configuration, message));
        }
        own.extend(extra.iter().map(|(name, value)| (name.as_str(), value.clone())));
        let own: Vec<(String, String)> =
            own.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();

        //= https://www.rfc-editor.org/rfc/rfc6749#section-3.1
        //# The endpoint URI MAY include an "application/x-www-form-urlencoded" formatted (per Appendix B) query
        //# component ([RFC3986] Section 3.4), which MUST be retained when adding additional query parameters.
        let kept: Vec<(String, String)> = self
            .endpoint
            .as_url()
            .query_pairs()
            .filter(|(name, _)| own.iter().all(|(set, _)| set != name))
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        self.url.set_query(None);
        self.url.query_pairs_mut().extend_pairs(kept).extend_pairs(&own);
        self.parameters = own;
        Ok(self)
    }

    /// Returns the URL to open in the person's browser, with the whole request in it.
    ///
    /// A provider that [requires](Provider::requires_pushed_authorization) pushed requests refuses it: push the
    /// [`parameters`](Self::parameters) and open what [`pushed`](Self::pushed) gives.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Returns the parameters of the request: what is pushed to a server that takes requests beforehand.
    #[must_use]
    pub fn parameters(&self) -> &[(String, String)] {
        &self.parameters
    }

    /// Reads the answer to this request, pushed at `pushed_at`
    /// ([RFC 9126 §2.2](https://www.rfc-editor.org/rfc/rfc9126#section-2.2)).
    ///
    /// # Errors
    /// [`ErrorKind::InvalidResponse`] if `request_uri` or `expires_in` is missing or malformed.
    pub fn pushed(&self, body: &[u8], pushed_at: Moment) -> Result<PushedAuthorization, Error> {
        PushedAuthorization::new(body, self.endpoint.as_url(), self.client_id.as_str(), pushed_at)
    }

    /// Returns the provider that the request is for.
    #[must_use]
    pub fn provider_id(&self) -> &str {
        &self.provider_id
    }

    /// Returns the redirect URI, byte for byte as it was sent.
    #[must_use]
    pub fn redirect_uri(&self) -> &str {
        &self.redirect_uri
    }

    /// Tells whether the answer comes on the fragment of the redirect, which a browser sends to no server.
    #[must_use]
    pub fn answers_in_fragment(&self) -> bool {
        matches!(self.response_type, ResponseType::Token)
    }

    /// Tells whether what came back on the redirect carries the `state` of this attempt, in constant time.
    ///
    /// What does not is a stray or a forgery, and a listener waits on; what does is for [`accept`](Self::accept),
    /// even if something else about it is wrong, because nobody but this server's page was given the `state`.
    #[must_use]
    pub fn is_answered_by(&self, redirect: &str) -> bool {
        let (rest, fragment) = redirect.split_once('#').unwrap_or((redirect, ""));
        let encoded = if self.answers_in_fragment() {
            fragment
        } else {
            rest.split_once('?').map_or("", |(_, query)| query)
        };
        let expected = self.state.expose().as_bytes();
        redirect.len() <= MAX_REDIRECT
            && form_urlencoded::parse(encoded.as_bytes())
                .filter(|(name, _)| name == "state")
                .any(|(_, state)| state.as_bytes().ct_eq(expected).into())
    }

    /// Takes what came back on the redirect: the whole URL, or its query or fragment alone.
    ///
    /// Checked in this order: every parameter given once, `state` (in constant time), `iss`
    /// ([RFC 9207 §2.4](https://www.rfc-editor.org/rfc/rfc9207#section-2.4)), then `error`, then the code or the
    /// token. Only an answer with the right `state` ends the attempt; another one changes nothing.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidCallback`] if the answer does not belong to this attempt or is malformed;
    /// [`ErrorKind::Refused`] if the person or the server said no. Neither message shows a code, token or state.
    pub fn accept(&mut self, redirect: &str) -> Result<AuthorizationResponse, Error> {
        let mut parameters = self.answer(redirect)?;
        let state_fits = parameters
            .get("state")
            .is_some_and(|state| bool::from(state.as_bytes().ct_eq(self.state.expose().as_bytes())));
        if !state_fits {
            if let Some(denial) = self.denial(&parameters).filter(|_| !parameters.contains_key("state")) {
                return Err(self.unproven(&format!("carries no `state`, and says `{denial}`"), "state"));
            }
            return Err(self.invalid("carries another `state` than the one that was sent, or none"));
        }
        if self.answered {
            return Err(self.invalid("came a second time: an authorization request has one answer"));
        }
        self.check_issuer(&parameters)?;
        self.answered = true;

        let (code, error) = (parameters.remove("code"), parameters.get("error"));
        if let Some(error) = error {
            if code.is_some() || parameters.contains_key("access_token") {
                return Err(self.invalid("holds both an error and a success"));
            }
            let said = |name| parameters.get(name).map(|text| self.redacted(text, &parameters));
            let response = ErrorResponse::new(
                ErrorCode::new(&self.redacted(error, &parameters)),
                said("error_description").as_deref(),
            )
            .with_uri(said("error_uri").as_deref());
            let message = format!("{} refused the authorization request: {response}", self.host);
            return Err(Error::new(ErrorKind::Refused, message)
                .with_delivery(Delivery::Answered)
                .with_error_response(response));
        }
        match &self.response_type {
            ResponseType::Code(verifier) => {
                let code =
                    code.filter(|code| !code.is_empty()).ok_or_else(|| self.invalid("holds no `code`"))?;
                let code =
                    AuthorizationCode::new(code).map_err(|_| self.invalid("holds a malformed `code`"))?;
                Ok(AuthorizationResponse::Code(Grant::AuthorizationCode {
                    code,
                    redirect_uri: self.redirect_uri.clone(),
                    code_verifier: verifier.clone(),
                    provider_id: self.provider_id.clone(),
                    nonce: self.nonce.clone(),
                    scope: self.scope.clone(),
                }))
            }
            ResponseType::Token => self.token(&parameters).map(AuthorizationResponse::Token),
        }
    }

    /// Reads the parameters from where this response type has them, each at most once.
    fn answer(&self, redirect: &str) -> Result<BTreeMap<String, String>, Error> {
        if redirect.len() > MAX_REDIRECT {
            return Err(self.invalid("is longer than 64 KiB"));
        }
        let redirect = redirect.trim();
        let (rest, fragment) =
            redirect.split_once('#').map_or((redirect, None), |(rest, part)| (rest, Some(part)));
        let query = rest.split_once('?').map(|(_, part)| part);
        // Without a URL around it, the text is the query or fragment itself.
        let bare = (query.is_none() && fragment.is_none() && !rest.contains("://")).then_some(rest);
        let encoded = match self.response_type {
            ResponseType::Code(_) => query.or(bare),
            ResponseType::Token => fragment.or(bare),
        };
        let encoded = encoded.ok_or_else(|| self.invalid("carries no parameters where they belong"))?;
        let mut parameters = BTreeMap::new();
        for pair in encoded.split('&').filter(|pair| !pair.is_empty()) {
            if !is_form_encoded(pair) {
                return Err(self.invalid("is not properly encoded"));
            }
            for (name, value) in form_urlencoded::parse(pair.as_bytes()) {
                //= https://www.rfc-editor.org/rfc/rfc6749#section-3.1
                //# Request and response parameters MUST NOT be included more than once.
                if parameters.insert(name.into_owned(), value.into_owned()).is_some() {
                    return Err(self.invalid("gives a parameter twice"));
                }
            }
        }
        Ok(parameters)
    }

    fn check_issuer(&self, parameters: &BTreeMap<String, String>) -> Result<(), Error> {
        match (parameters.get("iss"), &self.issuer) {
            //= https://www.rfc-editor.org/rfc/rfc9207#section-2.4
            //# If the value does not match the expected issuer identifier, clients MUST reject the authorization
            //# response and MUST NOT proceed with the authorization grant.
            (Some(got), Some(expected)) if got != expected => Err(self.invalid(&format!(
                "names the issuer `{}`, expected was `{expected}`",
                text::escape(&self.redacted(got, parameters), 128)
            ))),
            //= https://www.rfc-editor.org/rfc/rfc9207#section-2.4
            //# Clients MUST extract the value of the iss parameter from authorization responses they receive if
            //# the parameter is present.
            (None, _) if self.iss_required => {
                let why = "names no issuer although the server promises to";
                Err(match self.denial(parameters) {
                    Some(denial) => self.unproven(&format!("{why}, and says `{denial}`"), "iss"),
                    None => self.invalid(why),
                })
            }
            _ => Ok(()),
        }
    }

    /// What an answer says that claims to be a refusal.
    fn denial(&self, parameters: &BTreeMap<String, String>) -> Option<ErrorResponse> {
        let said = |name| parameters.get(name).map(|text| self.redacted(text, parameters));
        let error = said("error").filter(|error| !error.is_empty())?;
        Some(ErrorResponse::new(ErrorCode::new(&error), said("error_description").as_deref()))
    }

    /// Tells a refusal that anybody may have sent. It is not acted on.
    fn unproven(&self, why: &str, without: &'static str) -> Error {
        self.invalid(why).with_hint(Hint::UnprovenDenial { without })
    }

    /// A parameter without the secrets of this attempt, which whoever answers may repeat anywhere.
    fn redacted(&self, text: &str, parameters: &BTreeMap<String, String>) -> String {
        let mut secrets = vec![self.state.expose(), self.nonce.expose()];
        if let ResponseType::Code(verifier) = &self.response_type {
            secrets.push(verifier.expose());
        }
        let carried = ["code", "access_token", "id_token"].into_iter();
        secrets.extend(carried.filter_map(|name| parameters.get(name)).map(String::as_str));
        text::redact(text, &secrets)
    }

    /// Reads the token of an implicit answer
    /// ([RFC 6749 §4.2.2](https://www.rfc-editor.org/rfc/rfc6749#section-4.2.2)).
    fn token(&self, parameters: &BTreeMap<String, String>) -> Result<TokenResponse, Error> {
        //= https://www.rfc-editor.org/rfc/rfc6749#section-4.2.2
        //# The authorization server MUST NOT issue a refresh token.
        if parameters.contains_key("refresh_token") {
            return Err(self.invalid("carries a refresh token, which the implicit grant forbids"));
        }
        // Nothing is forgiven here that is of a token endpoint, with which nobody comes in between.
        let digits = |text: &String| text.bytes().all(|byte| byte.is_ascii_digit());
        if !parameters.contains_key("token_type") {
            return Err(self.invalid("holds no token: `token_type` is missing"));
        }
        if !parameters.get("expires_in").is_none_or(digits) {
            return Err(self.invalid("holds no token: `expires_in` is not a number of seconds"));
        }
        // Else the members are the same as in JSON, and so are the rules that they must obey.
        let members: BTreeMap<&str, &str> = ["access_token", "token_type", "expires_in", "scope", "id_token"]
            .into_iter()
            .filter_map(|name| Some((name, parameters.get(name)?.as_str())))
            .collect();
        let json = zeroize::Zeroizing::new(serde_json::to_vec(&members).unwrap_or_default());
        let response = TokenResponse::from_json(&json, &Leniency::default())
            .map_err(|error| self.invalid(&format!("holds no token: {error}")))?;
        if let Some(id_token) = &response.id_token {
            check_nonce(id_token, &self.nonce).map_err(|wrong| wrong.told(self.invalid(wrong.why())))?;
        }
        Ok(response)
    }

    fn invalid(&self, why: &str) -> Error {
        let message = format!("the answer to the authorization request at {} {why}", self.host);
        Error::new(ErrorKind::InvalidCallback, message)
    }
}

impl fmt::Debug for AuthorizationRequest {
    /// Leaves the URL out: the `state` in it is what tells an answer from a forgery.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizationRequest")
            .field("provider_id", &self.provider_id)
            .field("host", &self.host)
            .field("redirect_uri", &self.redirect_uri)
            .field("response_type", &self.response_type)
            .field("scope", &self.scope)
            .field("answered", &self.answered)
            .finish_non_exhaustive()
    }
}

impl ResponseType {
    fn as_str(&self) -> &'static str {
        match self {
            Self::Code(_) => "code",
            Self::Token => "token",
        }
    }
}

/// Whether every `%` begins an escape and what they spell is UTF-8 without NUL.
fn is_form_encoded(pair: &str) -> bool {
    let escapes_whole = pair
        .split('%')
        .skip(1)
        .all(|rest| rest.as_bytes().get(..2).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit)));
    let decoded: Vec<u8> = form_urlencoded::parse(pair.as_bytes())
        .flat_map(|(name, value)| [name.into_owned(), value.into_owned()].concat().into_bytes())
        .collect();
    let replaced = String::from_utf8_lossy(&decoded).contains('\u{fffd}');
    escapes_whole && !replaced && !decoded.contains(&0)
}

#[cfg(test)]
mod tests;
