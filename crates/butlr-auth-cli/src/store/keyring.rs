//! Sessions in files that are encrypted with a key in the keyring of the person at this machine.

use butlr_auth::FileStore;
use butlr_auth::cache::{Encrypted, EncryptionKey};

use super::ENCRYPTED;
use crate::context::Context;
use crate::failure::Failure;

/// What the key is filed under, for every profile.
const SERVICE: &str = "butlr-auth";
const USER: &str = "sessions";

/// Opens them. Without its key nothing can be read: only a login makes a new one.
pub(super) async fn open(context: &Context, for_a_login: bool) -> Result<Encrypted<FileStore>, Failure> {
    let folder = context.state_folder()?.join(ENCRYPTED);
    let key = if for_a_login {
        EncryptionKey::from_keyring_or_create(SERVICE, USER, &folder).await?
    } else {
        EncryptionKey::from_keyring(SERVICE, USER).await?
    };
    Ok(Encrypted::new(FileStore::open(folder)?, key))
}
