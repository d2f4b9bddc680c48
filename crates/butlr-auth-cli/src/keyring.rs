//! Client secrets in the keyring of the person at this machine.

use std::time::Duration;

use butlr_auth::ErrorKind;
use keyring_core::Entry;
use keyring_core::api::CredentialStoreApi as _;
use keyring_core::error::Error;
use tokio::sync::oneshot;
use zbus_secret_service_keyring_store::Store;
use zeroize::Zeroizing;

use crate::failure::Failure;

/// What every entry of this program is filed under.
const SERVICE: &str = "butlr-auth";

/// How long a keyring may take to answer, a person who unlocks it included.
const DEADLINE: Duration = Duration::from_secs(3);

/// Reads the secret of this name; `None` if there is none.
pub(crate) async fn read(name: &str) -> Result<Option<Zeroizing<String>>, Failure> {
    within_deadline(name, |entry| match entry.get_secret() {
        Ok(secret) => {
            let secret = Zeroizing::new(secret);
            let text = str::from_utf8(&secret).map_err(|_| Error::BadEncoding(Vec::new()))?;
            Ok(Some(Zeroizing::new(text.to_owned())))
        }
        Err(Error::NoEntry) => Ok(None),
        Err(error) => Err(error),
    })
    .await
}

/// Keeps a secret under this name, in the place of the one that is there.
pub(crate) async fn write(name: &str, secret: Zeroizing<String>) -> Result<(), Failure> {
    within_deadline(name, move |entry| entry.set_secret(secret.as_bytes())).await
}

/// Asks on a thread of its own, for which nothing waits any longer, the end of the runtime neither: nobody can
/// interrupt such a call.
async fn within_deadline<T: Send + 'static>(
    name: &str,
    work: impl FnOnce(&Entry) -> Result<T, Error> + Send + 'static,
) -> Result<T, Failure> {
    let name = name.to_owned();
    let (sender, receiver) = oneshot::channel();
    std::thread::Builder::new().name("keyring".to_owned()).spawn(move || {
        let open = || Store::new()?.build(SERVICE, &name, None);
        // Whoever asked may have left.
        drop(sender.send(open().and_then(|entry| work(&entry))));
    })?;
    let failed = |why: &str| Failure::new(ErrorKind::Storage, format!("the keyring {why}"));
    match tokio::time::timeout(DEADLINE, receiver).await {
        Ok(Ok(Ok(done))) => Ok(done),
        Ok(Ok(Err(Error::NoStorageAccess(_)))) => Err(failed("is locked").help("unlock it")),
        // The others may hold what they found: they are not passed on.
        Ok(_) => Err(failed("cannot be used")
            .help("see whether one runs on the session's bus (DBUS_SESSION_BUS_ADDRESS)")),
        Err(_) => Err(Failure::new(ErrorKind::Busy, "the keyring has not answered for 3 s")
            .help("unlock it, end its dialogue or restart it")),
    }
}
