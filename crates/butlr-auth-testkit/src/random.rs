//! Values that nobody can guess, in the shapes that real servers give them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

/// `bytes` random bytes as base64url.
pub(crate) fn token(bytes: usize) -> String {
    let mut buffer = vec![0; bytes];
    // AWS-LC takes its bytes from the operating system and cannot run dry; were it ever to, equal
    // values would show at once as refused grants, so there is nothing better to do than go on.
    let filled = aws_lc_rs::rand::fill(&mut buffer);
    debug_assert!(filled.is_ok(), "the operating system gives random bytes");
    URL_SAFE_NO_PAD.encode(buffer)
}

/// An authorization code: it ends in a literal `%3D`, as some servers' do, so that a client which
/// decodes once too often or too seldom is found out.
pub(crate) fn code() -> String {
    format!("{}%3D", token(80))
}

/// A refresh token: it ends in a literal `%3d`, for the same reason.
pub(crate) fn refresh_token() -> String {
    format!("{}%3d", token(80))
}

/// A user code as [RFC 8628 §6.1](https://www.rfc-editor.org/rfc/rfc8628#section-6.1) recommends: eight consonants,
/// none of which is taken for another, and no words.
pub(crate) fn user_code() -> String {
    const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
    let mut code = String::new();
    while code.len() < 8 {
        let mut byte = [0];
        let filled = aws_lc_rs::rand::fill(&mut byte);
        debug_assert!(filled.is_ok(), "the operating system gives random bytes");
        // 240 is the largest multiple of 20 in a byte: what is above it would favour some letters.
        let letter = byte.first().filter(|byte| **byte < 240);
        code.extend(
            letter.and_then(|byte| LETTERS.get(usize::from(byte % 20))).map(|letter| char::from(*letter)),
        );
    }
    code.insert(4, '-');
    code
}

/// What stands for a secret in the journal: the first 16 hexadecimal digits of its SHA-256.
pub(crate) fn fingerprint(secret: &str) -> String {
    let digest = Sha256::digest(secret.as_bytes());
    hex(digest.get(..8).unwrap_or_default())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
