//! An authorization server reduced to what decides the life of a session: single-use refresh tokens and what happens
//! when one comes twice.

use std::sync::LazyLock;
use std::time::Duration;

use butlr_auth_core::Fingerprint;

/// How a server treats a refresh token that it has seen before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Rules {
    /// For how long a spent refresh token is answered again.
    pub(super) grace: Duration,
    pub(super) successor: Successor,
    pub(super) reuse: Reuse,
    /// Whether an access token is handed out again while it lives, with what is left of its life in whole seconds.
    pub(super) keeps_tokens: bool,
}

/// What a spent refresh token brings within the grace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Successor {
    /// The successor that it brought the first time.
    Same,
    /// Another one, and both live.
    Sibling,
}

/// What a spent refresh token brings after the grace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Reuse {
    IsRefused,
    KillsTheFamily,
}

/// A refresh token, as the server knows it. Its number is its place in the list.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Token {
    /// The login that it descends from.
    pub(super) family: usize,
    pub(super) parent: Option<usize>,
    pub(super) spent_at: Option<Duration>,
    pub(super) revoked: bool,
}

/// What the server made of a refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Verdict {
    /// It was spent by this, and here is its successor.
    Rotated(usize),
    /// It had been spent before, and the grace brings this one.
    Repeated(usize),
    Refused,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Server {
    pub(super) rules: Rules,
    pub(super) tokens: Vec<Token>,
    pub(super) families: usize,
    /// How many access tokens were issued.
    pub(super) issued: usize,
    /// When the newest of them ends.
    pub(super) ends_at: Duration,
}

impl Server {
    pub(super) fn new(rules: Rules) -> Self {
        Self { rules, tokens: Vec::new(), families: 0, issued: 0, ends_at: Duration::ZERO }
    }

    /// Issues an access token, and says how long it lives.
    pub(super) fn issue(&mut self, lifetime: Duration, now: Duration) -> (Fingerprint, Duration) {
        if !self.rules.keeps_tokens || self.ends_at <= now {
            self.issued += 1;
            self.ends_at = now + lifetime;
        }
        (access_token(self.issued), Duration::from_secs((self.ends_at - now).as_secs()))
    }

    /// Begins a family, as a login does.
    pub(super) fn login(&mut self) -> usize {
        self.families += 1;
        self.ends_at = Duration::ZERO;
        self.mint(self.families, None)
    }

    /// Takes a refresh token and acts on it.
    pub(super) fn present(&mut self, number: usize, now: Duration) -> Verdict {
        let Token { family, spent_at, revoked, .. } = self.tokens[number].clone();
        if revoked {
            return Verdict::Refused;
        }
        let Some(spent_at) = spent_at else {
            self.tokens[number].spent_at = Some(now);
            return Verdict::Rotated(self.mint(family, Some(number)));
        };
        if now - spent_at < self.rules.grace {
            return Verdict::Repeated(match self.rules.successor {
                Successor::Same => self.children(number).next().expect("a spent token has a successor"),
                Successor::Sibling => self.mint(family, Some(number)),
            });
        }
        if self.rules.reuse == Reuse::KillsTheFamily {
            self.revoke(number);
        }
        Verdict::Refused
    }

    /// Ends a family: by RFC 7009, or because somebody seems to have stolen from it.
    pub(super) fn revoke(&mut self, number: usize) {
        self.revoke_family(self.tokens[number].family);
    }

    pub(super) fn revoke_family(&mut self, family: usize) {
        self.tokens.iter_mut().filter(|token| token.family == family).for_each(|token| token.revoked = true);
    }

    /// Whether it would bring a token now.
    pub(super) fn honours(&self, number: usize, now: Duration) -> bool {
        let token = &self.tokens[number];
        !token.revoked && token.spent_at.is_none_or(|spent_at| now - spent_at < self.rules.grace)
    }

    pub(super) fn children(&self, number: usize) -> impl Iterator<Item = usize> {
        self.tokens
            .iter()
            .enumerate()
            .filter(move |(_, token)| token.parent == Some(number))
            .map(|(child, _)| child)
    }

    fn mint(&mut self, family: usize, parent: Option<usize>) -> usize {
        self.tokens.push(Token { family, parent, spent_at: None, revoked: false });
        self.tokens.len() - 1
    }
}

/// As many names as a schedule can need: looking one up is cheaper than hashing it.
static NAMES: LazyLock<Vec<Fingerprint>> =
    LazyLock::new(|| (0..4096).map(|number| format!("{number:032x}").parse().unwrap()).collect());

const FIRST_ACCESS_TOKEN: usize = 2048;

pub(super) fn refresh_token(number: usize) -> Fingerprint {
    assert!(number < FIRST_ACCESS_TOKEN, "a schedule needs more names");
    NAMES[number]
}

fn access_token(number: usize) -> Fingerprint {
    NAMES[FIRST_ACCESS_TOKEN + number]
}

/// The number behind the name of a refresh token.
pub(super) fn number_of(name: Fingerprint) -> usize {
    NAMES.binary_search(&name).expect("every refresh token was minted here")
}
