//! What a login decides of the place of its session, once.

use super::{Place, Recorded, check_writable, prepare};
use crate::config::StoreName;
use crate::context::Context;
use crate::failure::Failure;
use crate::profile::Profile;

/// What was decided, for the time after the login.
#[derive(Debug)]
pub(crate) struct Decision {
    /// Where the session was until now, if that can be told.
    before: Option<Place>,
    remembered: Option<Recorded>,
}

impl Decision {
    /// Decides where the session of a login will be, before anybody is asked for anything, and makes it ready. The
    /// profile is opened there from now on.
    pub(crate) async fn take(
        context: &Context,
        profile: &mut Profile,
        asked: Option<StoreName>,
    ) -> Result<Self, Failure> {
        let before = Place::of(context, profile).ok().filter(|before| before.may_hold_sessions(context));
        let configured = profile.store.configured;
        let (name, remembered) = match asked {
            Some(StoreName::Auto) => by_itself(context, profile).await,
            Some(name) => (name, Some(Recorded::new(name, true))),
            None if configured != StoreName::Auto => (configured, None),
            None => match Recorded::read(context, profile) {
                Ok(Some(before)) if !before.asked => (before.store, Some(before)),
                _ => by_itself(context, profile).await,
            },
        };
        profile.store.decided = Some(name);
        prepare(context, profile).await?;
        if !profile.is_the_clients_own() {
            check_writable(context, profile).await?;
        }
        Ok(Self { before, remembered })
    }

    /// Remembers it, and ends the session in the place where it was until now: two would renew by turns.
    pub(crate) async fn remember(self, context: &Context, profile: &Profile) -> Result<(), Failure> {
        match self.remembered {
            Some(recorded) => recorded.write(context, profile)?,
            None => Recorded::remove(context, profile)?,
        }
        let Some(before) = self.before.filter(|before| Some(before.name) != profile.store.decided) else {
            return Ok(());
        };
        let mut old = profile.clone();
        old.store.decided = Some(before.name);
        let forgotten = async { Ok::<_, Failure>(context.open(&old).await?.forget().await?) };
        if let Err(failure) = forgotten.await {
            context.output.warning(&format!(
                "the session before this one is still in {}: {failure}",
                before.shown(context, &old)
            ));
        }
        Ok(())
    }
}

/// Asks the keyring for the key, which it does or does not give within 3 s, and says so if it does not.
async fn by_itself(context: &Context, profile: &Profile) -> (StoreName, Option<Recorded>) {
    if profile.is_the_clients_own() {
        // It works without a login, where nobody is at the machine, and its secret is worth more than its token.
        return (StoreName::File, None);
    }
    let mut there = profile.clone();
    there.store.decided = Some(StoreName::Keyring);
    let name = match super::open(context, &there).await {
        Ok(_) => StoreName::Keyring,
        Err(failure) => {
            tracing::debug!(%failure, "no keyring");
            context
                .output
                .note("no keyring can be used: the session is kept in a file that only you can read");
            StoreName::File
        }
    };
    (name, Some(Recorded::new(name, false)))
}
