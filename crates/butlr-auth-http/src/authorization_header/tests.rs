use std::time::Duration;

use async_trait::async_trait;
use butlr_auth_core::{AccessToken, Error, Fingerprint, ManualClock, Scope, Token, TokenSource, Validity};

use super::{AuthorizationHeader, COPIES, LONGEST_COPY, OWN};

#[derive(Debug)]
struct Fixed;

#[async_trait]
impl TokenSource for Fixed {
    async fn token(&self) -> Result<Token, Error> {
        Ok(Token::new(AccessToken::new("token")?, Scope::empty(), Validity::UNTIL_REFUSED))
    }

    fn reject(&self, _: &Fingerprint) {}

    fn version(&self) -> u64 {
        0
    }
}

fn copies() -> usize {
    OWN.with_borrow(|own| own.iter().flatten().count())
}

#[tokio::test]
async fn of_handles_that_are_gone_nothing_stays() {
    let clock = ManualClock::new();
    for _ in 0..1000 {
        AuthorizationHeader::with_clock(Fixed, clock.clone()).get().await.unwrap();
    }
    assert_eq!(copies(), COPIES);
    clock.advance(LONGEST_COPY);
    let header = AuthorizationHeader::with_clock(Fixed, clock.clone());
    header.get().await.unwrap();
    assert_eq!(copies(), 1);
    clock.advance(LONGEST_COPY - Duration::from_nanos(1));
    assert!(header.try_get().is_some());
    clock.advance(Duration::from_nanos(1));
    assert!(header.try_get().is_none());
}
