use std::collections::HashSet;

use butlr_auth_core::{ClientId, EndpointIdentity, Fingerprint, Provider};
use proptest::prelude::*;

use super::{Party, SessionKey};

fn key(provider_id: &str, client_id: &str, name: &str) -> SessionKey {
    SessionKey {
        provider_id: provider_id.to_owned(),
        client_id: ClientId::new(client_id),
        party: Party::User,
        name: name.to_owned(),
        purpose: None,
    }
}

// Security: I10.
#[test]
fn strange_parts_neither_collide_nor_leave_the_folder() {
    let keys = [
        key("a", "bc", "d"),
        key("ab", "c", "d"),
        key("a", "b", "cd"),
        key("a", "b/../c", "d"),
        key("a", "b\0c", "d"),
        key("a", "\u{430}", "d"),
        key("a", "a", "d"),
        key("a", "A", "d"),
        SessionKey { party: Party::Client, ..key("a", "bc", "d") },
        SessionKey { purpose: Some(Fingerprint::of(b"k")), ..key("a", "bc", "d") },
    ];
    let digests: HashSet<String> = keys.iter().map(SessionKey::digest).collect();
    assert_eq!(digests.len(), keys.len());
    assert!(digests.iter().all(|digest| digest.len() == 64 && digest.bytes().all(|b| b.is_ascii_hexdigit())));
}

#[test]
fn the_key_of_the_format_before_names_what_it_named() {
    let identity = EndpointIdentity::new(&Provider::butlr(), ClientId::new("cli"));
    let before = SessionKey::new(&identity, Party::User, "default").without_purpose();
    assert_eq!(
        serde_json::to_string(&before).unwrap(),
        r#"{"provider_id":"butlr","client_id":"cli","party":"user","name":"default"}"#
    );
    assert_eq!(before.digest(), "e23231849ff3b0aaa6eb3772f88921a6e91f2e645cd93e06f7593768e5a30d37");
}

fn keys() -> impl Strategy<Value = SessionKey> {
    let text = || "[ab\\x00\\x01ü]{0,3}";
    let purpose = proptest::option::of(0..3u8);
    (text(), text(), any::<bool>(), text(), purpose).prop_map(
        |(provider_id, client_id, own, name, purpose)| SessionKey {
            party: if own { Party::Client } else { Party::User },
            purpose: purpose.map(|purpose| Fingerprint::of(&[purpose])),
            ..key(&provider_id, &client_id, &name)
        },
    )
}

proptest! {
    // Security: I14.
    #[test]
    fn keys_have_one_digest_only_if_they_are_one(one in keys(), two in keys()) {
        prop_assert_eq!(one.digest() == two.digest(), one == two);
        let read: SessionKey = serde_json::from_str(&serde_json::to_string(&one).unwrap()).unwrap();
        prop_assert_eq!(read, one);
    }
}
