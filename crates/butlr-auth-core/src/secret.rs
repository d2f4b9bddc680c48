use std::fmt;
use std::marker::PhantomData;

use zeroize::{Zeroize, Zeroizing};

use crate::{Error, ErrorKind, Fingerprint};

/// What a [`Secret`] is: its name in RFC 6749 and the characters it may consist of.
///
/// Sealed: the kinds are the ones of this crate.
pub trait SecretKind: sealed::Sealed + 'static {
    /// The type's name, as `Debug` and error messages show it.
    const NAME: &'static str;

    /// Whether `value` is well-formed for this kind.
    fn is_valid(value: &str) -> bool;
}

mod sealed {
    #[expect(unnameable_types, reason = "that is what seals it")]
    pub trait Sealed {}
}

/// A secret string: wiped from memory on drop, shown as `[redacted]`, and without `PartialEq`.
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
    value: Zeroizing<Box<str>>,
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
            let problem =
                if given.is_empty() { "empty" } else { "not made of the characters its kind allows" };
            return Err(Error::new(ErrorKind::Configuration, format!("{} is {problem}", K::NAME)));
        }
        Ok(Self { value: Zeroizing::new(Box::from(given.as_str())), kind: PhantomData })
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
        Self { value: self.value.clone(), kind: PhantomData }
    }
}

impl<K: SecretKind> fmt::Debug for Secret<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}([redacted])", K::NAME)
    }
}

impl<K: SecretKind> Zeroize for Secret<K> {
    fn zeroize(&mut self) {
        self.value.zeroize();
    }
}

/// Declares one kind: an uninhabited marker, so that the kinds differ for the compiler and cost nothing.
macro_rules! kinds {
    ($($(#[$doc:meta])* $alias:ident = $marker:ident, $valid:expr;)*) => {$(
        $(#[$doc])*
        pub type $alias = Secret<$marker>;

        #[doc = concat!("Marks a secret as [`", stringify!($alias), "`].")]
        #[derive(Debug)]
        #[non_exhaustive]
        pub enum $marker {}

        impl sealed::Sealed for $marker {}

        impl SecretKind for $marker {
            const NAME: &'static str = stringify!($alias);

            fn is_valid(value: &str) -> bool {
                let valid: fn(&str) -> bool = $valid;
                valid(value)
            }
        }
    )*};
}

kinds! {
    /// An access token ([RFC 6749 §1.4](https://www.rfc-editor.org/rfc/rfc6749#section-1.4)). Printable ASCII
    /// without space: it goes into a header.
    AccessToken = AccessTokenKind, |value| value.bytes().all(|b| (0x21..=0x7e).contains(&b));
    /// A refresh token ([RFC 6749 §1.5](https://www.rfc-editor.org/rfc/rfc6749#section-1.5)). Opaque: it is
    /// never decoded and never changed.
    RefreshToken = RefreshTokenKind, is_vschar;
    /// An `id_token` ([OpenID Connect Core §2](https://openid.net/specs/openid-connect-core-1_0.html#IDToken)).
    IdToken = IdTokenKind, |value| value.bytes().all(|b| (0x21..=0x7e).contains(&b));
    /// An authorization code ([RFC 6749 §1.3.1](https://www.rfc-editor.org/rfc/rfc6749#section-1.3.1)), decoded
    /// once, from the redirect.
    AuthorizationCode = AuthorizationCodeKind, is_vschar;
    /// A client secret ([RFC 6749 §2.3.1](https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1)).
    ClientSecret = ClientSecretKind, is_vschar;
    /// A resource owner's password ([RFC 6749 §4.3](https://www.rfc-editor.org/rfc/rfc6749#section-4.3)): any
    /// Unicode text.
    Password = PasswordKind, |_| true;
    /// A PKCE code verifier ([RFC 7636 §4.1](https://www.rfc-editor.org/rfc/rfc7636#section-4.1)): 43 to 128
    /// unreserved characters.
    CodeVerifier = CodeVerifierKind, |value| (43..=128).contains(&value.len()) && value.bytes().all(is_unreserved);
    /// The `state` of one authorization request
    /// ([RFC 6749 §10.12](https://www.rfc-editor.org/rfc/rfc6749#section-10.12)).
    State = StateKind, is_vschar;
    /// The `nonce` that ties an `id_token` to one authorization request
    /// ([OpenID Connect Core §3.1.2.1](https://openid.net/specs/openid-connect-core-1_0.html#AuthRequest)).
    Nonce = NonceKind, is_vschar;
}

/// VSCHAR of [RFC 6749 Appendix A](https://www.rfc-editor.org/rfc/rfc6749#appendix-A): printable ASCII and space.
fn is_vschar(value: &str) -> bool {
    value.bytes().all(|b| (0x20..=0x7e).contains(&b))
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

#[cfg(test)]
mod tests;
