//! Whether the store can be written and read, by doing both.

use butlr_auth::TokenStore;
use butlr_auth::cache::{Durability, Entry, Hold, Id, Party, Reach, SessionKey, Swap};
use butlr_auth::{Error, ErrorKind};

use super::check::Check;
use crate::config::StoreName;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::profile::Profile;
use crate::store::{self, Place};

/// What the probe is filed under. It holds no session, and stays: a store deletes nothing.
const PROBE: &str = "butlr-auth doctor";

pub(super) async fn check(context: &Context, profile: &Profile) -> Check {
    let place = match Place::of(context, profile) {
        Ok(place) => place,
        Err(failure) => return Check::failed("storage", &failure),
    };
    let shown = format!("{} ({})", place.shown(context, profile), place.name.as_str());
    let probed = async {
        let store = store::open(context, profile).await?;
        probe(&*store, profile).await?;
        Ok::<_, Failure>(store.promises())
    };
    let probed = tokio::time::timeout(context.global.timeout, probed).await.unwrap_or_else(|_| {
        Err(Failure::new(ErrorKind::Storage, "it did not answer in time").help("see whether it runs"))
    });
    match probed {
        Ok(promises) => {
            let reach = match promises.reach {
                Reach::Process => "this process",
                Reach::Host => "this host",
                Reach::Cluster => "every host",
                _ => "somebody",
            };
            let durability = match promises.durability {
                Durability::Process => "lost with this process",
                Durability::Asynchronous => "a fail-over may lose the last write",
                Durability::Disk => "durable",
                _ => "kept",
            };
            if promises.durability == Durability::Process {
                let what = format!("{shown}: nothing can be written there, and the token is not kept");
                let help = "set BUTLR_AUTH_STATE_DIR to a folder that this user can write";
                return Check::warned("storage", what, help);
            }
            if let Some(policy) = store::eviction(context, profile).await {
                let what = format!("{shown}: {}", store::evicts(&policy));
                return Check::warned("storage", what, "set `maxmemory-policy noeviction` on the server");
            }
            Check::ok("storage", format!("{shown}: written and read; {durability}, seen by {reach}"))
        }
        Err(failure) => {
            let failure = Failure { message: format!("{shown}: {}", failure.message), ..failure };
            let failure = match place.name {
                // What is missing there, a login makes.
                StoreName::Postgres if failure.exit == Exit::Configuration => {
                    failure.help(format!("run `{}`", profile.login_command()))
                }
                _ => failure,
            };
            Check::failed("storage", &failure)
        }
    }
}

/// Writes what a session would write, reads it again, and takes the lock that a renewal takes.
async fn probe(store: &dyn TokenStore, profile: &Profile) -> Result<(), Error> {
    let key = SessionKey::new(&profile.identity(), Party::Client, PROBE);
    // Another doctor may be at it.
    for _ in 0..3 {
        let before = store.load(&key).await?.map(|entry| entry.write_id());
        let entry = Entry::new(Id::random(), "{}");
        if store.compare_and_swap(&key, before, &entry).await? == Swap::Conflict {
            continue;
        }
        let read = store.load(&key).await?.map(|entry| entry.write_id());
        if read.is_none() || read == before {
            return Err(Error::new(ErrorKind::Storage, "what was written is not there"));
        }
        return store.hold(&key).await.map(|_: Hold| ());
    }
    Err(Error::new(ErrorKind::Busy, "somebody else writes all the time"))
}
