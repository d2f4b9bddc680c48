use std::collections::HashSet;

use butlr_auth_core::{ClientId, Fingerprint};

use super::{Party, SessionKey};

fn key(provider_id: &str, client_id: &str, name: &str) -> SessionKey {
    SessionKey {
        provider_id: provider_id.to_owned(),
        client_id: ClientId::new(client_id),
        party: Party::User,
        name: name.to_owned(),
        sender_key: None,
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
        SessionKey { sender_key: Some(Fingerprint::of(b"k")), ..key("a", "bc", "d") },
    ];
    let digests: HashSet<String> = keys.iter().map(SessionKey::digest).collect();
    assert_eq!(digests.len(), keys.len());
    assert!(digests.iter().all(|digest| digest.len() == 64 && digest.bytes().all(|b| b.is_ascii_hexdigit())));
}
