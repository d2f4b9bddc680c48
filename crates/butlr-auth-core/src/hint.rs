/// What of the configuration probably has to change, where the failure itself shows it
/// ([`Error::hint`](crate::Error::hint)).
///
/// An error's message says what happened, in the words of the protocol. A program that knows its own settings, such as
/// a command line, makes of a hint the line to change. Every text in it is escaped and bounded; it may be a stranger's.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Hint {
    /// The metadata name an issuer that differs from the configured one by a slash at its end
    /// ([RFC 8414 §3.3](https://www.rfc-editor.org/rfc/rfc8414#section-3.3)).
    IssuerSlash {
        /// The issuer, as the server writes it.
        named: String,
    },
    /// The metadata name another issuer.
    OtherIssuer {
        /// The issuer, as the server writes it.
        named: String,
    },
    /// The issuer in the metadata is a template with a placeholder in braces, as in documents that speak for every
    /// tenant.
    IssuerTemplate {
        /// The issuer, as the server writes it.
        named: String,
    },
    /// The address of the metadata was given as the issuer.
    IssuerIsDocument {
        /// The issuer that the address is probably of.
        issuer: String,
    },
    /// The server redirects, which is never followed.
    Redirected {
        /// Where to, without a query; absent if the answer does not say.
        to: Option<String>,
    },
    /// A token is of a type that can be taken for a bearer token by a [`Leniency`](crate::Leniency).
    BearerType {
        /// The type, if it is a short word and no part of a secret.
        token_type: Option<String>,
    },
    /// The `id_token` does not repeat the `nonce` that was sent.
    NoNonce,
    /// The redirect carries an error without what proves that the server sent it: `state`, or the `iss` that the server
    /// promises ([RFC 9207 §2](https://www.rfc-editor.org/rfc/rfc9207#section-2)).
    UnprovenDenial {
        /// The parameter that is missing.
        without: &'static str,
    },
    /// The body is no JSON at all: what answered is probably not the authorization server.
    NotJson,
}
