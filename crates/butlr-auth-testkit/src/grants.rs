//! What the server has granted: authorization codes, families of refresh tokens, access tokens.

use std::collections::HashMap;
use std::sync::Arc;

use crate::random;
use crate::settings::{Rotation, Settings, Successor};
use crate::time::millis;

/// How long an authorization code lives, in milliseconds.
const CODE_LIFETIME: u64 = 5 * 60 * 1000;

/// What somebody was allowed: the ground on which tokens are issued.
#[derive(Clone, Debug)]
pub(crate) struct Authorization {
    pub(crate) client_id: String,
    pub(crate) subject: String,
    /// The person, or none when a client acts for itself.
    pub(crate) username: Option<String>,
    pub(crate) scope: Vec<String>,
    pub(crate) audience: Vec<String>,
    pub(crate) nonce: Option<String>,
    /// When the person logged in, in milliseconds since 1970.
    pub(crate) auth_time: u64,
}

/// An authorization code and what it is bound to.
#[derive(Clone, Debug)]
pub(crate) struct Code {
    pub(crate) authorization: Arc<Authorization>,
    /// The redirect URI as the authorization request gave it, or none when it gave none.
    pub(crate) redirect_uri: Option<String>,
    pub(crate) challenge: Option<String>,
    /// Whether the person was asked for consent to stay logged in.
    pub(crate) consented: bool,
    pub(crate) issued_at: u64,
    /// Set by the first exchange: the family it started, or none yet.
    pub(crate) spent: Option<Option<u64>>,
}

/// What redeeming a code comes to.
#[derive(Debug)]
pub(crate) enum Redeemed {
    Unknown,
    Expired,
    /// The second time, so what the first gave is revoked.
    Reuse(Option<u64>),
    Good(Code),
}

#[derive(Debug)]
struct Family {
    authorization: Arc<Authorization>,
    revoked: bool,
}

#[derive(Debug)]
struct RefreshToken {
    family: u64,
    generation: u32,
    issued_at: u64,
    spent_at: Option<u64>,
    successor: Option<String>,
}

/// Where a refresh token stands in its family.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) family: u64,
    pub(crate) generation: u32,
    pub(crate) authorization: Arc<Authorization>,
}

/// What presenting a refresh token comes to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Spent {
    /// Honoured; the token that the answer carries, and whether the presented one had been spent.
    Honoured { next: Option<String>, reuse: bool },
    /// Refused, and with `reuse` the family is dead.
    Refused { reuse: bool },
}

/// What an access token is for: a server that hands out one while it lives hands it out for the same alone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct AccessTokenUse {
    pub(crate) client_id: String,
    pub(crate) subject: String,
    pub(crate) scope: Vec<String>,
    pub(crate) audience: Vec<String>,
    pub(crate) family: Option<u64>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct AccessToken {
    pub(crate) expires_at: u64,
    pub(crate) family: Option<u64>,
    pub(crate) revoked: bool,
}

/// Everything granted, under one lock.
#[derive(Debug, Default)]
pub(crate) struct Grants {
    codes: HashMap<String, Code>,
    families: Vec<Family>,
    refresh_tokens: HashMap<String, RefreshToken>,
    access_tokens: HashMap<String, AccessToken>,
    /// The value and the id of the newest access token for each use, where it is handed out again.
    standing: HashMap<AccessTokenUse, (String, String)>,
    sweep_at: usize,
}

impl Grants {
    pub(crate) fn issue_code(&mut self, code: Code) -> String {
        let value = random::code();
        self.codes.retain(|_, old| code.issued_at.saturating_sub(old.issued_at) < 2 * CODE_LIFETIME);
        self.codes.insert(value.clone(), code);
        value
    }

    /// Looks at a code; a code that was spent before takes with it what it gave.
    ///
    //= https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2
    //# If an authorization code is used more than once, the authorization
    //# server MUST deny the request and SHOULD revoke (when possible) all
    //# tokens previously issued based on that authorization code.
    pub(crate) fn redeem_code(&mut self, value: &str, now: u64) -> Redeemed {
        let Some(code) = self.codes.get(value) else { return Redeemed::Unknown };
        if let Some(family) = code.spent {
            if let Some(family) = family {
                self.revoke_family(family);
            }
            return Redeemed::Reuse(family);
        }
        if now.saturating_sub(code.issued_at) >= CODE_LIFETIME {
            return Redeemed::Expired;
        }
        Redeemed::Good(code.clone())
    }

    pub(crate) fn spend_code(&mut self, value: &str, family: Option<u64>) {
        if let Some(code) = self.codes.get_mut(value) {
            code.spent = Some(family);
        }
    }

    /// Starts a family and gives its number and first refresh token.
    pub(crate) fn start_family(&mut self, authorization: Arc<Authorization>, now: u64) -> (u64, String) {
        self.families.push(Family { authorization, revoked: false });
        let family = self.families.len() as u64;
        (family, self.issue_refresh_token(family, 1, now))
    }

    /// Where a refresh token stands, whether or not it is still good.
    pub(crate) fn place(&self, value: &str) -> Option<Place> {
        let token = self.refresh_tokens.get(value)?;
        let family = self.family(token.family)?;
        Some(Place {
            family: token.family,
            generation: token.generation,
            authorization: Arc::clone(&family.authorization),
        })
    }

    /// Tells whether a refresh token could be spent right now without being a reuse.
    pub(crate) fn is_live(&self, value: &str, now: u64, settings: &Settings) -> bool {
        self.refresh_tokens.get(value).is_some_and(|token| {
            let lived = now.saturating_sub(token.issued_at);
            token.spent_at.is_none()
                && lived < millis(settings.refresh_token_lifetime)
                && self.family(token.family).is_some_and(|family| !family.revoked)
        })
    }

    /// Presents a refresh token: it is spent, or it was already and the family pays for it.
    ///
    /// Inside the reuse interval a spent token is honoured once more, by the successor rule.
    /// [`Successor::Same`] gives the same successor while that one is unspent; once it has been
    /// used, its parent's return is reuse. [`Successor::Sibling`] gives a new child each time.
    pub(crate) fn spend(&mut self, value: &str, now: u64, settings: &Settings) -> Spent {
        let refused = Spent::Refused { reuse: false };
        let Some(token) = self.refresh_tokens.get(value) else { return refused };
        let (family, generation, spent_at) = (token.family, token.generation, token.spent_at);
        let expired = now.saturating_sub(token.issued_at) >= millis(settings.refresh_token_lifetime);
        let successor = token.successor.clone();
        let revoked = self.family(family).is_none_or(|family| family.revoked);
        if settings.rotation != Rotation::Rotate {
            let next = (settings.rotation == Rotation::Same).then(|| value.to_owned());
            return if revoked || expired { refused } else { Spent::Honoured { next, reuse: false } };
        }
        let Some(spent_at) = spent_at else {
            if revoked || expired {
                return refused;
            }
            return self.rotate(value, family, generation, now, false);
        };
        let within = now.saturating_sub(spent_at) < millis(settings.reuse_interval);
        if within && !revoked {
            let unspent = successor
                .filter(|next| self.refresh_tokens.get(next).is_some_and(|next| next.spent_at.is_none()));
            match (settings.successor, unspent) {
                (Successor::Same, Some(next)) => {
                    return Spent::Honoured { next: Some(next), reuse: true };
                }
                (Successor::Sibling, _) => return self.rotate(value, family, generation, now, true),
                (Successor::Same, None) => {}
            }
        }
        self.revoke_refresh_tokens(family);
        Spent::Refused { reuse: true }
    }

    /// Revokes the refresh tokens of a family. Access tokens live on, as they do on most servers:
    /// a theft alarm must not take the token that honest callers still hold.
    fn revoke_refresh_tokens(&mut self, family: u64) {
        if let Some(family) =
            usize::try_from(family).ok().and_then(|number| self.families.get_mut(number - 1))
        {
            family.revoked = true;
        }
    }

    /// Revokes a family and every access token that came from it.
    pub(crate) fn revoke_family(&mut self, family: u64) {
        self.revoke_refresh_tokens(family);
        for token in self.access_tokens.values_mut().filter(|token| token.family == Some(family)) {
            token.revoked = true;
        }
    }

    pub(crate) fn remember_access_token(&mut self, id: String, token: AccessToken, now: u64) {
        // Long-expired ones are swept out as the table doubles; the signature and `exp` refuse
        // them just as well.
        if self.access_tokens.len() >= self.sweep_at {
            self.access_tokens.retain(|_, old| old.expires_at + 60_000 > now);
            self.sweep_at = (self.access_tokens.len() * 2).max(4096);
        }
        self.access_tokens.insert(id, token);
    }

    /// Remembers a token to hand out again.
    pub(crate) fn keep_access_token(&mut self, of: AccessTokenUse, value: String, id: String) {
        self.standing.insert(of, (value, id));
    }

    /// The token that stands for a use while it lives, and what remains of its life; a slide makes that a whole one.
    pub(crate) fn standing_access_token(
        &mut self,
        of: &AccessTokenUse,
        now: u64,
        slide: Option<u64>,
    ) -> Option<(String, u64)> {
        let (value, id) = self.standing.get(of)?;
        let token =
            self.access_tokens.get_mut(id).filter(|token| token.expires_at > now && !token.revoked)?;
        if let Some(lifetime) = slide {
            token.expires_at = now + lifetime;
        }
        Some((value.clone(), token.expires_at - now))
    }

    pub(crate) fn access_token(&self, id: &str) -> Option<AccessToken> {
        self.access_tokens.get(id).copied()
    }

    pub(crate) fn revoke_access_token(&mut self, id: &str) {
        if let Some(token) = self.access_tokens.get_mut(id) {
            token.revoked = true;
        }
    }

    /// Ends everything a client was given: its credentials are gone.
    pub(crate) fn revoke_client(&mut self, client_id: &str) {
        for family in self.families.iter_mut().filter(|family| family.authorization.client_id == client_id) {
            family.revoked = true;
        }
    }

    fn rotate(&mut self, value: &str, family: u64, generation: u32, now: u64, reuse: bool) -> Spent {
        let next = self.issue_refresh_token(family, generation + 1, now);
        if let Some(token) = self.refresh_tokens.get_mut(value) {
            token.spent_at.get_or_insert(now);
            token.successor.get_or_insert_with(|| next.clone());
        }
        Spent::Honoured { next: Some(next), reuse }
    }

    fn issue_refresh_token(&mut self, family: u64, generation: u32, issued_at: u64) -> String {
        let value = random::refresh_token();
        let token = RefreshToken { family, generation, issued_at, spent_at: None, successor: None };
        self.refresh_tokens.insert(value.clone(), token);
        value
    }

    fn family(&self, family: u64) -> Option<&Family> {
        self.families.get(usize::try_from(family).ok()?.checked_sub(1)?)
    }
}
