use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::{Error, ErrorKind, Fingerprint};

/// What a [`Secret`] is: its name in RFC 6749 and the characters it may consist of.
///
/// Sealed: the kinds are the ones of this crate.
pub trait SecretKind: sealed::Sealed + 'static {
    /// The type's name, as `Debug` shows it.
    const NAME: &'static str;

    /// The RFC's name, as error messages show it.
    const TERM: &'static str;

    /// The characters it may consist of, in words.
    const ALLOWED: &'static str;

    /// Whether `value` is well-formed for this kind.
    fn is_valid(value: &str) -> bool;
}

mod sealed {
    #[expect(unnameable_types, reason = "that is what seals it")]
    pub trait Sealed {}
}

/// A secret string: wiped from memory on drop, shown as `[redacted]`, and without `PartialEq`.
///
/// Clones share the one copy that is in memory, and the last of them wipes it.
///
/// The value is reachable through [`expose`](Self::expose) alone, so that a search for that word finds every
/// place where a secret is used. To tell two secrets apart, compare their [`fingerprint`](Self::fingerprint)s.
/// It is neither `Serialize` nor `Display`.
///
/// ```
/// use butlr_auth_core::AccessToken;
///
/// let token = AccessToken::new("mF_9.B5f-4.1JqM")?;
/// assert_eq!(format!("{token:?}"), "AccessToken([redacted])");
/// assert_eq!(token.expose(), "mF_9.B5f-4.1JqM");
/// # Ok::<(), butlr_auth_core::Error>(())
/// ```
pub struct Secret<K: SecretKind> {
    value: Arc<Zeroizing<Box<str>>>,
    kind: PhantomData<fn() -> K>,
}

impl<K: SecretKind> Secret<K> {
    /// Takes ownership of `value`; the buffer it came in is wiped.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if the value is empty or holds a character that its kind forbids. The message
    /// names the kind, never the value.
    pub fn new(value: impl Into<String>) -> Result<Self, Error> {
        // `String::into_boxed_str` may move the bytes and leave a copy behind, hence the exact copy and the wipe.
        let given = Zeroizing::new(value.into());
        if given.is_empty() || !K::is_valid(&given) {
            let message = if given.is_empty() {
                format!("the {} is empty", K::TERM)
            } else {
                format!("the {} does not consist of {}", K::TERM, K::ALLOWED)
            };
            return Err(Error::new(ErrorKind::Configuration, message));
        }
        Ok(Self { value: Arc::new(Zeroizing::new(Box::from(given.as_str()))), kind: PhantomData })
    }

    /// Returns the secret itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.value
    }

    /// Returns the fingerprint, which may be stored, compared and logged.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(self.expose().as_bytes())
    }
}

impl<K: SecretKind> Clone for Secret<K> {
    fn clone(&self) -> Self {
        Self { value: Arc::clone(&self.value), kind: PhantomData }
    }
}

impl<K: SecretKind> fmt::Debug for Secret<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}([redacted])", K::NAME)
    }
}

/// Declares one kind: an uninhabited marker, so that the kinds differ for the compiler and cost nothing.
macro_rules! kinds {
    ($($(#[$doc:meta])* $alias:ident = $marker:ident, $term:literal, $grammar:expr;)*) => {$(
        $(#[$doc])*
        pub type $alias = Secret<$marker>;

        #[doc = concat!("Marks a secret as [`", stringify!($alias), "`].")]
        #[derive(Debug)]
        #[non_exhaustive]
        pub enum $marker {}

        impl sealed::Sealed for $marker {}

        impl SecretKind for $marker {
            const NAME: &'static str = stringify!($alias);
            const TERM: &'static str = $term;
            const ALLOWED: &'static str = $grammar.allowed;

            fn is_valid(value: &str) -> bool {
                let Grammar { is_valid, .. } = $grammar;
                is_valid(value)
            }
        }
    )*};
}

kinds! {
    /// An access token ([RFC 6749 §1.4](https://www.rfc-editor.org/rfc/rfc6749#section-1.4)). Printable ASCII
    /// without space: it goes into a header.
    AccessToken = AccessTokenKind, "access token", VISIBLE;
    /// A refresh token ([RFC 6749 §1.5](https://www.rfc-editor.org/rfc/rfc6749#section-1.5)). Opaque: it is
    /// never decoded and never changed.
    RefreshToken = RefreshTokenKind, "refresh token", VSCHAR;
    /// An `id_token` ([OpenID Connect Core §2](https://openid.net/specs/openid-connect-core-1_0.html#IDToken)).
    IdToken = IdTokenKind, "id_token", VISIBLE;
    /// An authorization code ([RFC 6749 §1.3.1](https://www.rfc-editor.org/rfc/rfc6749#section-1.3.1)), decoded
    /// once, from the redirect.
    AuthorizationCode = AuthorizationCodeKind, "authorization code", VSCHAR;
    /// A device code ([RFC 8628 §3.2](https://www.rfc-editor.org/rfc/rfc8628#section-3.2)): what a device polls with
    /// while a person types the user code elsewhere.
    DeviceCode = DeviceCodeKind, "device code", VSCHAR;
    /// A client secret ([RFC 6749 §2.3.1](https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1)).
    ClientSecret = ClientSecretKind, "client secret", VSCHAR;
    /// A resource owner's password ([RFC 6749 §4.3](https://www.rfc-editor.org/rfc/rfc6749#section-4.3)): any
    /// Unicode text.
    Password = PasswordKind, "password", ANY;
    /// A PKCE code verifier ([RFC 7636 §4.1](https://www.rfc-editor.org/rfc/rfc7636#section-4.1)): 43 to 128
    /// unreserved characters.
    CodeVerifier = CodeVerifierKind, "code verifier", UNRESERVED;
    /// The `state` of one authorization request
    /// ([RFC 6749 §10.12](https://www.rfc-editor.org/rfc/rfc6749#section-10.12)).
    State = StateKind, "state", VSCHAR;
    /// The `nonce` that ties an `id_token` to one authorization request
    /// ([OpenID Connect Core §3.1.2.1](https://openid.net/specs/openid-connect-core-1_0.html#AuthRequest)).
    Nonce = NonceKind, "nonce", VSCHAR;
}

/// What a kind of secret may consist of.
struct Grammar {
    allowed: &'static str,
    is_valid: fn(&str) -> bool,
}

const VISIBLE: Grammar = Grammar {
    allowed: "printable ASCII characters without spaces",
    is_valid: |value| value.bytes().all(|byte| (0x21..=0x7e).contains(&byte)),
};

/// VSCHAR of [RFC 6749 Appendix A](https://www.rfc-editor.org/rfc/rfc6749#appendix-A).
const VSCHAR: Grammar = Grammar {
    allowed: "printable ASCII characters",
    is_valid: |value| value.bytes().all(|byte| (0x20..=0x7e).contains(&byte)),
};

const UNRESERVED: Grammar = Grammar {
    allowed: "43 to 128 unreserved characters",
    is_valid: |value| {
        let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        (43..=128).contains(&value.len()) && value.bytes().all(unreserved)
    },
};

const ANY: Grammar = Grammar { allowed: "text", is_valid: |_| true };

#[cfg(test)]
mod tests;
