//! Randomness from the operating system.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

/// Random bytes.
///
/// Without randomness there is no safe way on, and no system that this runs on fails to give it after start-up.
#[expect(clippy::expect_used, reason = "without randomness there is no safe way on")]
pub(crate) fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

/// 256 random bits as 43 characters of base64url, none of which needs encoding in a URL.
pub(crate) fn token() -> String {
    let bytes = Zeroizing::new(bytes::<32>());
    URL_SAFE_NO_PAD.encode(*bytes)
}
