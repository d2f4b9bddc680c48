//! Habits of servers that exist, by name.

mod answer;

use std::fmt;

pub(crate) use answer::{Asked, alter};

/// Writes the enum, and what is known of each of its variants, from one list: a variant, its documentation, its name
/// on a command line, and who has it.
macro_rules! quirks {
    ($($(#[doc = $doc:literal])+ $quirk:ident = $name:literal, $who:literal;)+) => {
        /// A habit of servers that exist: what they do differently from the letter of the RFCs, always, and not once
        /// as a [`Fault`](crate::Fault) does.
        ///
        /// A server may have [several](crate::Builder::quirk). Whether a client accepts one, refuses it, or has a
        /// setting for it, is the client's to say; this is the server to try it with.
        ///
        /// ```
        /// use butlr_auth_testkit::{AuthorizationServer, Quirk};
        ///
        /// # #[tokio::main(flavor = "current_thread")]
        /// # async fn main() -> std::io::Result<()> {
        /// let server = AuthorizationServer::builder().quirk(Quirk::ScopeArray).start().await?;
        /// assert_eq!(Quirk::ScopeArray.name(), "scope-array");
        /// assert!(Quirk::ScopeArray.who().contains("Twitch"));
        /// # Ok(())
        /// # }
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Quirk {
            $($(#[doc = $doc])+ #[doc = ""] #[doc = concat!("Who has it: ", $who, ".")] $quirk,)+
        }

        impl Quirk {
            /// Every quirk, in the order of the enum.
            pub const ALL: &'static [Self] = &[$(Self::$quirk),+];

            /// The name by which a command line or a table knows it, such as `scope-array`.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$quirk => $name,)+
                }
            }

            /// The servers that have it, as far as is known.
            #[must_use]
            pub fn who(self) -> &'static str {
                match self {
                    $(Self::$quirk => $who,)+
                }
            }
        }
    };
}

quirks! {
    /// A token response has status 201.
    CreatedStatus = "created-status", "Harvest, Ostrom, Supabase";
    /// A token response has no `token_type`.
    TokenTypeMissing = "token-type-missing", "LinkedIn, Shopify, Slack of old";
    /// A token response's `token_type` is `bot`, and what it names is sent as a bearer token.
    BotTokenType = "bot-token-type", "Slack";
    /// A token response's `scope` is an array of strings.
    ScopeArray = "scope-array", "Twitch";
    /// `expires_in` is a number as text.
    ExpiresInString = "expires-in-string", "Entra ID with its v1 endpoints, Apigee";
    /// `expires_in` is a number with a fraction.
    ExpiresInFloat = "expires-in-float", "gateways that count in JavaScript or Lua";
    /// `expires_in` is -1 and means that nobody knows, or never.
    ExpiresInNegative = "expires-in-negative", "WSO2";
    /// `expires_in` is 0: over on arrival by the RFC, while the server means never.
    ExpiresInZero = "expires-in-zero", "VK, GoToSocial of old";
    /// A token response has no `expires_in`.
    ExpiresInMissing = "expires-in-missing", "gateways in front of issuers of JWTs";
    /// A token response has neither `expires_in` nor a refresh token, and its access token names no end of its own.
    EndlessTokens = "endless-tokens", "GitHub's OAuth apps, Shopify, Notion";
    /// A request for tokens brings the access token that was issued before, while that one lives, and says what remains
    /// of its life.
    SameTokenRemaining = "same-token-remaining", "WSO2, PayPal, Strava";
    /// As `same-token-remaining`, but the answer says a whole life each time: the token ends before it should.
    SameTokenFull = "same-token-full", "gateways that cache answers";
    /// As `same-token-remaining`, and the token's life begins anew with each answer.
    SameTokenSliding = "same-token-sliding", "servers that keep one token per client and extend it";
    /// A code brings a refresh token only if `offline_access` was asked for with `prompt=consent`.
    RefreshNeedsConsent = "refresh-needs-consent", "oidc-provider of Node.js, Google in other words";
    /// As `refresh-needs-consent`, and the metadata announce the values of `prompt`.
    AnnouncedConsent = "announced-consent", "servers that implement Prompt Create";
    /// Optional members that have no value are `null` instead of absent, in every document.
    NullMembers = "null-members", "servers that serialize their objects as they are";
    /// Optional members that have no value are `""` instead of absent, in every document.
    EmptyMembers = "empty-members", "servers written in Go, where a string cannot be absent";
    /// A device authorization response says `verification_url` and not `verification_uri`.
    VerificationUrl = "verification-url", "Google, Entra ID with its v1 endpoints";
    /// An error response has status 200.
    ErrorStatusOk = "error-status-ok", "GitHub, Slack";
    /// An error is `errorCode` and `errorSummary`.
    ErrorSummary = "error-summary", "Okta";
    /// An error is an object in `error`, with a number, a status and a message.
    ErrorObject = "error-object", "Google";
    /// An error is a list, `errors`.
    ErrorList = "error-list", "Fitbit, Strava";
    /// An error is one `message`.
    ErrorMessage = "error-message", "HubSpot, the API gateways of AWS and Kong";
    /// An error is problem details, RFC 9457.
    ErrorProblem = "error-problem", "services written with Spring or ASP.NET";
    /// An error is a page.
    ErrorPage = "error-page", "proxies, firewalls";
    /// An error is a status without a body.
    ErrorEmpty = "error-empty", "glewlwyd";
    /// A wrong secret or password is `access_denied` with status 401.
    AccessDenied = "access-denied", "Auth0";
    /// Whoever logs in with a password is told that the account is blocked, with status 429.
    TooManyAttempts = "too-many-attempts", "Auth0";
    /// The metadata name an issuer with a slash at its end, and are asked for without one.
    IssuerSlash = "issuer-slash", "Auth0, Authentik";
    /// The metadata speak for every tenant: their issuer has a placeholder in braces.
    IssuerTemplate = "issuer-template", "Entra ID for every tenant";
    /// The metadata are somewhere else, says a redirect.
    MetadataRedirect = "metadata-redirect", "servers that have moved, proxies that add a slash";
    /// The token endpoint is somewhere else, says a redirect.
    TokenRedirect = "token-redirect", "frameworks that add a slash, such as Django";
    /// An error on the redirect has no `iss`, which the metadata promise.
    DenialWithoutIss = "denial-without-iss", "django-oauth-toolkit";
    /// An error on the redirect has no `state`.
    DenialWithoutState = "denial-without-state", "servers that refuse before they have read the request";
    /// An `id_token` does not repeat the `nonce`.
    NonceMissing = "nonce-missing", "LinkedIn";
    /// An `id_token` is for several audiences, and names the party that was authorized.
    SeveralAudiences = "several-audiences", "Zitadel, Keycloak with audience mappers";
    /// An `id_token` is for several audiences and names no authorized party.
    SeveralAudiencesAlone = "several-audiences-alone", "servers by the errata of OpenID Connect Core";
    /// An `id_token` is signed with the client's secret.
    IdTokenHs256 = "id-token-hs256", "Authentik without a signing key, Auth0 with clients that are set up so";
    /// The key set has keys beside the right one that nobody here can use: other kinds, other uses, a certificate,
    /// members that are null.
    StrangeKeys = "strange-keys", "Keycloak, Entra ID, Microsoft AD FS";
    /// The keys have no `kid`, while the tokens name one, and another key comes first.
    KeysWithoutIds = "keys-without-ids", "servers that make their key set by hand";
    /// A token is never active for whoever asks by introspection.
    NeverActive = "never-active", "servers that show a token to its audience alone";
}

impl Quirk {
    /// Finds a quirk by its [name](Self::name).
    ///
    /// ```
    /// use butlr_auth_testkit::Quirk;
    ///
    /// assert_eq!(Quirk::named("verification-url"), Some(Quirk::VerificationUrl));
    /// assert_eq!(Quirk::named("good manners"), None);
    /// ```
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|quirk| quirk.name() == name)
    }
}

impl fmt::Display for Quirk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
