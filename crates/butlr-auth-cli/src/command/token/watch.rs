//! `token -o FILE --watch`: a file that always holds a good token.

use std::path::Path;
use std::time::Duration;

use butlr_auth::core::Fingerprint;
use butlr_auth::{Clock as _, Session};

use super::{Arguments, outliving, write};
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::interrupt::Signals;
use crate::profile::Profile;

/// How often the session is asked, which costs nothing while its token is fresh. Short, because a timer stands still
/// while the machine is suspended, and tokens do not.
const TICK: Duration = Duration::from_secs(1);

pub(super) async fn run(
    context: &Context,
    profile: &Profile,
    arguments: &Arguments,
) -> Result<Exit, Failure> {
    let mut signals = Signals::new()?;
    let session = context.open(profile).await?;
    let mut kept =
        Kept { context, profile, arguments, session: &session, written: None, min_ttl: arguments.min_ttl() };
    tokio::select! {
        kept = kept.stay() => kept.map(|()| Exit::Done),
        _ = signals.next() => Ok(Exit::Done),
    }
}

struct Kept<'a> {
    context: &'a Context,
    profile: &'a Profile,
    arguments: &'a Arguments,
    session: &'a Session,
    written: Option<Fingerprint>,
    min_ttl: Duration,
}

impl Kept<'_> {
    /// Writes each new token. The first has to succeed; later, what may pass is told once and waited for.
    async fn stay(&mut self) -> Result<(), Failure> {
        if self.arguments.force_refresh {
            self.session.renew().await?;
        }
        self.refresh().await?;
        let mut told = String::new();
        loop {
            tokio::time::sleep(TICK).await;
            match self.refresh().await {
                Ok(()) => told.clear(),
                Err(failure) if !matches!(failure.exit, Exit::Temporary | Exit::Storage) => {
                    return Err(failure);
                }
                Err(failure) if failure.message != told => {
                    self.context.output.warning(&failure.message);
                    told = failure.message;
                }
                Err(_) => {}
            }
        }
    }

    async fn refresh(&mut self) -> Result<(), Failure> {
        let Some(path) = self.arguments.output.as_deref() else { return Ok(()) };
        let token = outliving(self.context, self.profile, self.session, self.min_ttl).await?;
        let remaining = token.remaining(self.context.clock.boot());
        if let Some(remaining) = remaining.filter(|remaining| *remaining < self.min_ttl) {
            // No token of this server lives so long: asking for it again and again would bring none that does.
            self.min_ttl = remaining / 2;
        }
        if self.written != Some(token.fingerprint()) || !path.exists() {
            write(path, &self.arguments.text(self.context, self.profile, &token)?)?;
            self.written = Some(token.fingerprint());
            self.say(path);
        }
        Ok(())
    }

    fn say(&self, path: &Path) {
        tracing::debug!(path = %path.display(), "wrote a token");
    }
}
