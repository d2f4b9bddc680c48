#[cfg(unix)]
mod file;
#[cfg(all(unix, not(target_vendor = "apple"), feature = "keyring"))]
mod keyring;

use std::fmt;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use butlr_auth_core::{Error, ErrorKind, Fingerprint};
use zeroize::Zeroizing;

/// How many bytes a key has.
const LENGTH: usize = 32;

/// What a key's fingerprint is made of, besides the key: it is no fingerprint of anything else.
const ID_CONTEXT: &[u8] = b"butlr-auth encryption key\0";

/// 256 random bits that [`Encrypted`](crate::Encrypted) encrypts with. Feature `encrypted`.
///
/// As text it is 64 hexadecimal digits, or base64 of its 32 bytes in either alphabet, as `openssl rand -hex 32` and
/// `openssl rand -base64 32` print it. It is never made from a passphrase. It is wiped from memory on drop, and
/// `Debug` shows its id alone.
///
/// ```
/// use butlr_auth_cache::EncryptionKey;
///
/// let key = EncryptionKey::generate();
/// assert_eq!(format!("{key:?}"), format!("EncryptionKey {{ id: {}, key: [redacted] }}", key.id()));
/// ```
#[derive(Clone)]
pub struct EncryptionKey(Zeroizing<[u8; LENGTH]>);

impl EncryptionKey {
    /// Draws a new key.
    ///
    /// # Panics
    /// If the operating system gives no randomness: there is no safe way on without it.
    #[must_use]
    pub fn generate() -> Self {
        let mut key = Zeroizing::new([0; LENGTH]);
        crate::id::fill(&mut *key);
        Self(key)
    }

    /// Takes a key from where the program keeps it, such as a vault or a hardware module.
    #[must_use]
    pub fn from_bytes(key: [u8; LENGTH]) -> Self {
        Self(Zeroizing::new(key))
    }

    /// Reads a key written as text.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if it is neither 64 hexadecimal digits nor base64 of 32 bytes. The message shows
    /// none of it.
    pub fn from_text(text: &str) -> Result<Self, Error> {
        let mut key = Zeroizing::new([0; LENGTH]);
        let decoded = match text.len() {
            64 => from_hex(text, &mut key),
            43 | 44 => from_base64(text, &mut key),
            _ => None,
        };
        decoded.ok_or_else(|| not_a_key("the encryption key"))?;
        Ok(Self(key))
    }

    /// Reads a key from an environment variable. Every process of the same user can read it there: a file or the
    /// keyring keeps it better.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if the variable is not set or holds no key. The message shows none of it.
    pub fn from_env(variable: &str) -> Result<Self, Error> {
        let value = std::env::var_os(variable).ok_or_else(|| {
            let message = format!("{variable} is not set: put an encryption key there");
            Error::new(ErrorKind::Configuration, message)
        })?;
        let text = Zeroizing::new(value.into_string().unwrap_or_default());
        Self::from_text(&text).map_err(|_| not_a_key(variable))
    }

    /// Returns what tells this key from others: the first half of a hash of it, which is stored beside what it has
    /// encrypted and may be logged.
    #[must_use]
    pub fn id(&self) -> Fingerprint {
        let hashed = Zeroizing::new([ID_CONTEXT, &*self.0].concat());
        Fingerprint::of(&hashed)
    }

    pub(super) fn expose(&self) -> &[u8; LENGTH] {
        &self.0
    }

    /// As it is written to a file or the keyring.
    #[cfg(unix)]
    fn to_text(&self) -> Zeroizing<String> {
        Zeroizing::new(base64::engine::general_purpose::STANDARD.encode(*self.0))
    }
}

impl fmt::Debug for EncryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EncryptionKey {{ id: {}, key: [redacted] }}", self.id())
    }
}

/// The key that encrypts, and older ones that what is stored may still be encrypted with.
///
/// To change the key, make the new one current and keep the old one for as long as sessions live: each is encrypted
/// anew when it is next written.
///
/// ```
/// use butlr_auth_cache::{Encrypted, EncryptionKey, EncryptionKeys, MemoryStore};
///
/// let (new, old) = (EncryptionKey::generate(), EncryptionKey::generate());
/// let store = Encrypted::new(MemoryStore::new(), EncryptionKeys::new(new).and_old(old));
/// ```
#[derive(Clone, Debug)]
pub struct EncryptionKeys {
    current: EncryptionKey,
    old: Vec<EncryptionKey>,
}

impl EncryptionKeys {
    /// Encrypts, and decrypts, with `current`.
    #[must_use]
    pub fn new(current: EncryptionKey) -> Self {
        Self { current, old: Vec::new() }
    }

    /// Decrypts with `key` too.
    #[must_use]
    pub fn and_old(mut self, key: EncryptionKey) -> Self {
        self.old.push(key);
        self
    }

    /// Returns the key that encrypts.
    #[must_use]
    pub fn current(&self) -> &EncryptionKey {
        &self.current
    }

    pub(super) fn find(&self, id: Fingerprint) -> Option<&EncryptionKey> {
        std::iter::once(&self.current).chain(&self.old).find(|key| key.id() == id)
    }
}

impl From<EncryptionKey> for EncryptionKeys {
    fn from(current: EncryptionKey) -> Self {
        Self::new(current)
    }
}

fn not_a_key(what: &str) -> Error {
    let message = format!(
        "{what} is neither 64 hexadecimal digits nor base64 of 32 bytes: make one with `openssl rand -base64 32`"
    );
    Error::new(ErrorKind::Configuration, message)
}

fn from_hex(text: &str, key: &mut [u8; LENGTH]) -> Option<()> {
    for (byte, digits) in key.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        // A sign is a digit to the parser, not here.
        let digits = str::from_utf8(digits).ok().filter(|digits| !digits.starts_with('+'))?;
        *byte = u8::from_str_radix(digits, 16).ok()?;
    }
    Some(())
}

/// With or without padding, in either alphabet. Bits behind the last byte must be zero.
fn from_base64(text: &str, key: &mut [u8; LENGTH]) -> Option<()> {
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let alphabet = if text.contains(['-', '_']) { &alphabet::URL_SAFE } else { &alphabet::STANDARD };
    // The decoder asks for room for whole groups of three bytes.
    let mut decoded = Zeroizing::new([0; LENGTH + 1]);
    let length = GeneralPurpose::new(alphabet, config).decode_slice(text, &mut *decoded).ok()?;
    let decoded = decoded.split_at(LENGTH).0;
    (length == LENGTH).then(|| key.copy_from_slice(decoded))
}

#[cfg(test)]
mod tests;
