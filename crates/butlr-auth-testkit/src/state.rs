//! Everything a request can reach, and the issuing of tokens.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::Quirk;
use crate::butlr::{ApiSchema, Estate, schema};
use crate::fault::Faults;
use crate::grants::{AccessToken, AccessTokenUse, Authorization, Grants};
use crate::journal::JournalWriter;
use crate::keys::{self, KeyRing};
use crate::oauth::{AuthorizationRequest, DeviceCodes, PushedRequests, Tickets};
use crate::random;
use crate::registry::{Registry, Samples};
use crate::settings::{API_AUDIENCE, Settings};
use crate::time::{ServerClock, millis};

/// The type of an access token, [RFC 9068 §2.1](https://www.rfc-editor.org/rfc/rfc9068#section-2.1).
const ACCESS_TOKEN_TYPE: &str = "at+jwt";

pub(crate) struct State {
    pub(crate) settings: Settings,
    pub(crate) samples: Samples,
    pub(crate) base_url: String,
    pub(crate) clock: ServerClock,
    pub(crate) journal: JournalWriter,
    pub(crate) faults: Faults,
    pub(crate) pending: Tickets<AuthorizationRequest>,
    pub(crate) pushed: PushedRequests,
    pub(crate) device_codes: DeviceCodes,
    /// The user codes behind open pages.
    pub(crate) device_pages: Tickets<String>,
    pub(crate) estate: Arc<Estate>,
    pub(crate) schema: ApiSchema,
    keys: RwLock<KeyRing>,
    registry: RwLock<Registry>,
    grants: Mutex<Grants>,
}

/// The claims of an access token, [RFC 9068 §2.2](https://www.rfc-editor.org/rfc/rfc9068#section-2.2).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct AccessClaims {
    pub(crate) iss: String,
    pub(crate) sub: String,
    pub(crate) aud: Vec<String>,
    pub(crate) client_id: String,
    pub(crate) iat: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) exp: Option<u64>,
    pub(crate) jti: String,
    pub(crate) scope: String,
}

/// An access token just issued.
#[derive(Debug)]
pub(crate) struct IssuedAccessToken {
    pub(crate) value: String,
    /// In milliseconds.
    pub(crate) lifetime: u64,
}

/// Why an access token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Invalid,
    Expired,
    Revoked,
    WrongAudience,
}

impl Refusal {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::WrongAudience => "wrong_audience",
        }
    }
}

impl State {
    pub(crate) fn new(
        settings: Settings,
        samples: Samples,
        registry: Registry,
        base_url: String,
    ) -> io::Result<Self> {
        let estate = Arc::new(Estate::sample());
        Ok(Self {
            schema: schema(Arc::clone(&estate)),
            estate,
            keys: RwLock::new(KeyRing::generate(settings.signing_algorithm)?),
            journal: JournalWriter::new(settings.journal_file.as_deref())?,
            registry: RwLock::new(registry),
            grants: Mutex::default(),
            clock: ServerClock::default(),
            faults: Faults::default(),
            pending: Tickets::default(),
            pushed: PushedRequests::default(),
            device_codes: DeviceCodes::default(),
            device_pages: Tickets::default(),
            settings,
            samples,
            base_url,
        })
    }

    pub(crate) fn has(&self, quirk: Quirk) -> bool {
        self.settings.quirks.contains(&quirk)
    }

    /// Whether an access token is handed out again while it lives.
    fn hands_out_again(&self) -> bool {
        [Quirk::SameTokenRemaining, Quirk::SameTokenFull, Quirk::SameTokenSliding]
            .iter()
            .any(|quirk| self.has(*quirk))
    }

    // A panic while one of these locks is held would be a defect of this server; what the lock
    // protects is changed in single steps, so the next request may go on with it.

    pub(crate) fn grants(&self) -> MutexGuard<'_, Grants> {
        self.grants.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn registry(&self) -> RwLockReadGuard<'_, Registry> {
        self.registry.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn registry_mut(&self) -> RwLockWriteGuard<'_, Registry> {
        self.registry.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn keys(&self) -> RwLockReadGuard<'_, KeyRing> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn keys_mut(&self) -> RwLockWriteGuard<'_, KeyRing> {
        self.keys.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Issues an access token on an authorization, for `scope` or less than it.
    pub(crate) fn issue_access_token(
        &self,
        authorization: &Authorization,
        scope: &[String],
        family: Option<u64>,
    ) -> io::Result<IssuedAccessToken> {
        let now = self.clock.now();
        let lifetime = millis(self.settings.access_token_lifetime);
        let standing = self.hands_out_again().then(|| AccessTokenUse {
            client_id: authorization.client_id.clone(),
            subject: authorization.subject.clone(),
            scope: scope.to_vec(),
            audience: authorization.audience.clone(),
            family,
        });
        if let Some(of) = &standing {
            let slide = self.has(Quirk::SameTokenSliding).then_some(lifetime);
            if let Some((value, remains)) = self.grants().standing_access_token(of, now, slide) {
                let said = if self.has(Quirk::SameTokenFull) { lifetime } else { remains };
                return Ok(IssuedAccessToken { value, lifetime: said });
            }
        }
        let expires_at = now + lifetime;
        let names_no_end = self.has(Quirk::EndlessTokens) || self.has(Quirk::SameTokenSliding);
        let claims = AccessClaims {
            iss: self.base_url.clone(),
            sub: authorization.subject.clone(),
            aud: authorization.audience.clone(),
            client_id: authorization.client_id.clone(),
            iat: now / 1000,
            // Whole seconds are all that a JWT's readers can be trusted with. Rounded down, a
            // token would die before `expires_in` has passed; the exact end is kept beside it.
            exp: (!names_no_end).then_some(expires_at.div_ceil(1000)),
            jti: random::token(16),
            scope: scope.join(" "),
        };
        let value = self.keys().sign(ACCESS_TOKEN_TYPE, &claims)?;
        let token = AccessToken { expires_at, family, revoked: false };
        let mut grants = self.grants();
        grants.remember_access_token(claims.jti.clone(), token, now);
        if let Some(of) = standing {
            grants.keep_access_token(of, value.clone(), claims.jti);
        }
        drop(grants);
        Ok(IssuedAccessToken { value, lifetime })
    }

    /// Issues an `id_token` beside an access token,
    /// [OpenID Connect Core §2](https://openid.net/specs/openid-connect-core-1_0.html#IDToken).
    pub(crate) fn issue_id_token(
        &self,
        authorization: &Authorization,
        access_token: &str,
    ) -> io::Result<String> {
        let now = self.clock.now();
        let keys = self.keys();
        let mut claims = json!({
            "iss": self.base_url,
            "sub": authorization.subject,
            "aud": authorization.client_id,
            "azp": authorization.client_id,
            "iat": now / 1000,
            "exp": (now + millis(self.settings.access_token_lifetime)).div_ceil(1000),
            "auth_time": authorization.auth_time / 1000,
            "at_hash": keys.half_hash(access_token),
        });
        if let Some(members) = claims.as_object_mut() {
            let has = |scope: &str| authorization.scope.iter().any(|granted| granted == scope);
            if let Some(nonce) = authorization.nonce.as_ref().filter(|_| !self.has(Quirk::NonceMissing)) {
                members.insert("nonce".to_owned(), nonce.clone().into());
            }
            let alone = self.has(Quirk::SeveralAudiencesAlone);
            if alone || self.has(Quirk::SeveralAudiences) {
                members.insert("aud".to_owned(), json!([authorization.client_id, API_AUDIENCE]));
            }
            if alone {
                members.remove("azp");
            }
            if let Some(username) = &authorization.username {
                if has("profile") {
                    members.insert("name".to_owned(), username.clone().into());
                }
                if has("email") && username.contains('@') {
                    members.insert("email".to_owned(), username.clone().into());
                }
            }
        }
        if self.has(Quirk::IdTokenHs256)
            && let Some(client) = self.registry().client(&authorization.client_id)
        {
            return keys::sign_shared(&client.secret, &claims);
        }
        keys.sign("JWT", &claims)
    }

    /// Reads an access token and judges all but its audience: signature, type, issuer, expiry,
    /// revocation.
    pub(crate) fn read_access_token(&self, token: &str) -> Result<AccessClaims, Refusal> {
        let claims: AccessClaims = self.keys().verify(ACCESS_TOKEN_TYPE, token).ok_or(Refusal::Invalid)?;
        if claims.iss != self.base_url {
            return Err(Refusal::Invalid);
        }
        let now = self.clock.now();
        let known = self.grants().access_token(&claims.jti);
        if now >= known.map_or_else(|| claims.exp.unwrap_or(u64::MAX / 1000) * 1000, |token| token.expires_at)
        {
            return Err(Refusal::Expired);
        }
        if known.is_some_and(|token| token.revoked) {
            return Err(Refusal::Revoked);
        }
        Ok(claims)
    }

    /// Judges an access token as Butlr's API does: good, and meant for it.
    pub(crate) fn authenticate(&self, token: &str) -> Result<AccessClaims, Refusal> {
        let claims = self.read_access_token(token)?;
        if claims.aud.iter().any(|audience| audience == API_AUDIENCE) {
            Ok(claims)
        } else {
            Err(Refusal::WrongAudience)
        }
    }
}
