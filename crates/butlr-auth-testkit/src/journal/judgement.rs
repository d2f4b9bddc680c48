//! What a journal proves about the clients that it saw.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Event, EventKind};

/// The verdict on a journal: how often each thing happened that must not, and the path of every
/// refresh-token family.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Judgement {
    /// Token requests that the server granted.
    pub exchanges: u64,
    /// Refreshes that it granted.
    pub refreshes: u64,
    /// Refresh tokens presented, each request counted, also those that a fault swallowed.
    pub presentations: u64,
    /// Refreshes that it refused with `invalid_grant`.
    pub invalid_grant: u64,
    /// Refresh tokens presented after they had been spent, inside the reuse interval or not.
    pub reuse: u64,
    /// Refresh tokens that have more than one child.
    pub forks: u64,
    /// API calls that carried an expired access token.
    pub expired_served: u64,
    /// API calls that carried a wrong one: bad signature, revoked, or for another audience.
    pub wrong_served: u64,
    /// Faults that struck.
    pub faults: u64,
    /// Every family, by its number.
    pub families: BTreeMap<u64, FamilyPath>,
}

/// One family: what became of one login.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FamilyPath {
    /// Fingerprints of its refresh tokens, in the order in which they were issued.
    pub refresh_tokens: Vec<String>,
    /// How often each refresh token was presented.
    pub presentations: BTreeMap<String, u64>,
    /// Each granted refresh and the age of the access token that it replaced.
    pub renewals: Vec<Renewal>,
    /// True when the family was revoked, on request or because of reuse.
    pub revoked: bool,
}

/// One granted refresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Renewal {
    /// When, in milliseconds since 1970 by the server's clock.
    pub at: u64,
    /// Age of the access token it replaced, in milliseconds.
    pub age: u64,
    /// Lifetime of the access token it replaced, in milliseconds.
    pub lifetime: u64,
}

impl Judgement {
    /// Judges events in the order of the journal, from memory or from
    /// [`Journal::read`](super::Journal::read).
    #[must_use]
    pub fn of(events: &[Event]) -> Self {
        let mut judgement = Self::default();
        let mut children: HashMap<&str, BTreeSet<&str>> = HashMap::new();
        // When, and for how long, the access token came that goes with a refresh token.
        let mut born: HashMap<&str, (u64, u64)> = HashMap::new();
        for event in events {
            let issued = event.outcome == "issued";
            judgement.tally(event, issued);
            let Some(family) = event.family else { continue };
            let path = judgement.families.entry(family).or_default();
            if event.kind == EventKind::Revocation || (event.reuse && !issued) {
                path.revoked = true;
            }
            let presented = event.presented.as_deref().filter(|_| event.kind != EventKind::Revocation);
            if let Some(presented) = presented {
                *path.presentations.entry(presented.to_owned()).or_default() += 1;
                if let (true, Some((at, lifetime))) = (issued, born.get(presented)) {
                    path.renewals.push(Renewal {
                        at: event.at,
                        age: event.at.saturating_sub(*at),
                        lifetime: *lifetime,
                    });
                }
            }
            if let (true, Some(child)) = (issued, event.issued.as_deref()) {
                if !path.refresh_tokens.iter().any(|known| known == child) {
                    path.refresh_tokens.push(child.to_owned());
                }
                born.insert(child, (event.at, event.lifetime.unwrap_or_default()));
                if let Some(parent) = presented.filter(|parent| *parent != child) {
                    children.entry(parent).or_default().insert(child);
                }
            }
        }
        judgement.forks = children.values().filter(|children| children.len() > 1).count() as u64;
        judgement
    }

    /// Tells whether every refresh token was presented at most once, none was refused, and every
    /// family is a path: invariants I1 and I2 of the project's design notes on refresh.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.invalid_grant == 0
            && self.reuse == 0
            && self.forks == 0
            && self.families.values().all(|family| family.presentations.values().all(|times| *times <= 1))
    }

    fn tally(&mut self, event: &Event, issued: bool) {
        let refresh = event.grant_type.as_deref() == Some("refresh_token");
        match event.kind {
            EventKind::Exchange => {
                self.exchanges += u64::from(issued);
                self.refreshes += u64::from(issued && refresh);
                self.presentations += u64::from(event.presented.is_some());
                self.invalid_grant += u64::from(refresh && event.outcome == "invalid_grant");
                self.reuse += u64::from(event.reuse && refresh);
            }
            EventKind::ApiRefusal => match event.outcome.as_str() {
                "expired" => self.expired_served += 1,
                "invalid" | "revoked" | "wrong_audience" => self.wrong_served += 1,
                _ => {}
            },
            EventKind::Fault => {
                self.faults += 1;
                self.presentations += u64::from(event.presented.is_some());
            }
            EventKind::Authorization | EventKind::Revocation => {}
        }
    }
}
