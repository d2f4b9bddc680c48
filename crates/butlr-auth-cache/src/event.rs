use std::fmt;

/// What happened in the life of a session, beyond handing out tokens.
///
/// Events go to `tracing` and to the callback given to
/// [`SessionBuilder::on_event`](crate::SessionBuilder::on_event). None carries a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Event {
    /// A token past its mandatory renewal was handed out because renewing it failed and it has not expired.
    StaleServed,
    /// A token was issued and stored.
    Refreshed,
    /// Another process had renewed the token: its token was taken over.
    Adopted,
    /// The holder of the lease had stopped; this process took over.
    LeaseStolen,
    /// A refresh token was presented that a dead holder may have presented before.
    Replayed,
    /// A token arrived after the lease was lost; its refresh token is kept aside.
    Orphaned,
    /// A token was issued and could not be stored: it lives in this process alone until the store recovers.
    NotPersisted,
    /// A resource server refused the current token.
    Rejected,
    /// The server refused a refresh token although its access token had not expired: it may have been stolen.
    RefreshRefusedEarly,
    /// The server does not renew, for another reason than `invalid_grant`: it is asked again, seldom and not for ever.
    RenewalRefused,
    /// Nothing but a person can bring the session back.
    LoginRequired,
    /// Another login or a logout overtook a refresh; what that had brought was revoked.
    Superseded,
    /// The store had lost a write that this process remembered, and has it again.
    Healed,
    /// A login replaced a living session, whose tokens the server honours until they expire.
    ReplacedLives,
    /// A login replaced a living session, whose tokens were revoked.
    ReplacedRevoked,
}

impl Event {
    /// Returns the name that logs show, such as `stale_served`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::StaleServed => "stale_served",
            Self::Refreshed => "refreshed",
            Self::Adopted => "adopted",
            Self::LeaseStolen => "lease_stolen",
            Self::Replayed => "replayed",
            Self::Orphaned => "orphaned",
            Self::NotPersisted => "not_persisted",
            Self::Rejected => "rejected",
            Self::RefreshRefusedEarly => "refresh_refused_early",
            Self::RenewalRefused => "renewal_refused",
            Self::LoginRequired => "login_required",
            Self::Superseded => "superseded",
            Self::Healed => "healed",
            Self::ReplacedLives => "replaced_lives",
            Self::ReplacedRevoked => "replaced_revoked",
        }
    }

    /// Whether something was survived that its owner may want to know of.
    pub(crate) fn is_warning(self) -> bool {
        !matches!(
            self,
            Self::Refreshed | Self::Adopted | Self::Superseded | Self::ReplacedLives | Self::ReplacedRevoked
        )
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
