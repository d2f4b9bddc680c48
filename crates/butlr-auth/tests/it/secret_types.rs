//! The types that may hold a secret, and what none of them may be. What is asked here is answered by the compiler.

use std::fmt::Display;
use std::marker::PhantomData;

use butlr_auth::{
    AccessToken, AuthorizationRequest, AuthorizationResponse, ClientSecret, DeviceAuthorization, Grant,
    Password, Token, TokenResponse, cache, core,
};
use serde::Serialize;

/// What a type is if it does not say: an inherent constant goes before one of a trait.
trait Otherwise {
    const SERIALIZES: bool = false;
    const DISPLAYS: bool = false;
    const COMPARES: bool = false;
}

struct Is<T>(PhantomData<T>);

impl<T> Otherwise for Is<T> {}

impl<T: Serialize> Is<T> {
    const SERIALIZES: bool = true;
}

impl<T: Display> Is<T> {
    const DISPLAYS: bool = true;
}

impl<T: PartialEq> Is<T> {
    const COMPARES: bool = true;
}

macro_rules! secret {
    ($($type:ty),* $(,)?) => {
        [$((stringify!($type), Is::<$type>::SERIALIZES, Is::<$type>::DISPLAYS, Is::<$type>::COMPARES)),*]
    };
}

// Security: H5.
#[test]
fn what_may_hold_a_secret_is_neither_serialised_nor_displayed_nor_compared() {
    // The probe sees what is there.
    assert_eq!(secret![String, u8], [("String", true, true, true), ("u8", true, true, true)]);
    let types = secret![
        AccessToken,
        core::RefreshToken,
        core::IdToken,
        core::AuthorizationCode,
        core::CodeVerifier,
        ClientSecret,
        Password,
        Token,
        TokenResponse,
        Grant,
        core::ClientAuthentication,
        AuthorizationRequest,
        AuthorizationResponse,
        DeviceAuthorization,
        cache::Entry,
        butlr_auth::EncryptionKey,
        butlr_auth::EncryptionKeys,
    ];
    for (name, serializes, displays, compares) in types {
        // Entries are compared by their version and text in the conformance suite, which holds no secret.
        assert!(!serializes && !displays && (!compares || name == "cache::Entry"), "{name}");
    }
}
