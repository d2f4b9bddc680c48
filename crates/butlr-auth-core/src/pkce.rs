use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::{CodeVerifier, random};

/// The one code challenge method that is ever sent.
///
/// `plain` is not offered ([RFC 9700 §2.1.1](https://www.rfc-editor.org/rfc/rfc9700#section-2.1.1)).
pub const CODE_CHALLENGE_METHOD: &str = "S256";

impl CodeVerifier {
    /// Draws a new verifier: 43 characters that carry 256 random bits.
    #[must_use]
    #[expect(
        clippy::missing_panics_doc,
        clippy::expect_used,
        reason = "43 characters of base64url are a verifier"
    )]
    pub fn random() -> Self {
        //= https://www.rfc-editor.org/rfc/rfc7636#section-4.1
        //# It is RECOMMENDED that the output of a suitable random number generator be used to create a
        //# 32-octet sequence.
        Self::new(random::token()).expect("43 characters of base64url are a verifier")
    }

    /// Computes the code challenge by S256 ([RFC 7636 §4.2](https://www.rfc-editor.org/rfc/rfc7636#section-4.2)).
    ///
    /// ```
    /// use butlr_auth_core::CodeVerifier;
    ///
    /// let verifier = CodeVerifier::new("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")?;
    /// assert_eq!(verifier.challenge(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    /// # Ok::<(), butlr_auth_core::Error>(())
    /// ```
    #[must_use]
    pub fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(self.expose().as_bytes()))
    }
}
