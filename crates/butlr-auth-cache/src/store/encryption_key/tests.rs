use butlr_auth_core::ErrorKind;
use proptest::prelude::*;

use super::EncryptionKey;

fn key() -> [u8; 32] {
    std::array::from_fn(|index| (index * 8 + 3) as u8)
}

const HEX: &str = "030b131b232b333b434b535b636b737b838b939ba3abb3bbc3cbd3dbe3ebf3fb";

#[track_caller]
fn check_refused(text: &str) {
    let error = EncryptionKey::from_text(text).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(text.len() < 4 || !format!("{error:?}").contains(text), "{error:?}");
}

#[test]
fn every_usual_text_of_a_key_is_read() {
    for text in [
        HEX,
        &HEX.to_uppercase(),
        "AwsTGyMrMztDS1NbY2tze4OLk5ujq7O7w8vT2+Pr8/s=",
        "AwsTGyMrMztDS1NbY2tze4OLk5ujq7O7w8vT2+Pr8/s",
        "AwsTGyMrMztDS1NbY2tze4OLk5ujq7O7w8vT2-Pr8_s=",
        "AwsTGyMrMztDS1NbY2tze4OLk5ujq7O7w8vT2-Pr8_s",
    ] {
        assert_eq!(*EncryptionKey::from_text(text).unwrap().expose(), key(), "{text}");
    }
}

#[test]
fn what_is_no_key_is_refused_and_not_shown() {
    for text in [
        "",
        "correct horse battery staple oooooo",
        "0123456789abcdef0123456789abcdef",
        &HEX[..62],
        &format!("{HEX}00"),
        &format!(" {}", &HEX[..63]),
        &HEX.replacen("03", "+3", 1),
        &HEX.replacen("03", "0x", 1),
        &HEX.replacen("030b", "\u{e9}\u{e9}", 1),
        // Mixed alphabets, bits that belong to nothing, padding in the wrong place.
        "AwsTGyMrMztDS1NbY2tze4OLk5ujq7O7w8vT2-Pr8/s=",
        "AwsTGyMrMztDS1NbY2tze4OLk5ujq7O7w8vT2+Pr8/t=",
        "AwsTGyMrMztDS1NbY2tze4OLk5ujq7O7w8vT2+Pr8==",
        "AwsTGyMrMztDS1NbY2tze4OLk5ujq7O7w8vT2+Pr8/s\n",
        // 33 bytes.
        "AwsTGyMrMztDS1NbY2tze4OLk5ujq7O7w8vT2+Pr8/sA",
    ] {
        check_refused(text);
    }
}

#[test]
fn an_id_tells_keys_apart_and_says_nothing_else() {
    let key = EncryptionKey::from_bytes(key());
    assert_eq!(key.id(), EncryptionKey::from_text(HEX).unwrap().id());
    assert_ne!(key.id(), EncryptionKey::generate().id());
    assert_ne!(key.id(), butlr_auth_core::Fingerprint::of(key.expose()));
    assert!(!HEX.contains(&key.id().to_string()));
    insta::assert_snapshot!(format!("{key:?}"), @"EncryptionKey { id: cb93ac477c0fc172f3e57263176f247b, key: [redacted] }");
}

proptest! {
    #[test]
    fn every_key_survives_being_written_as_text(bytes: [u8; 32]) {
        let key = EncryptionKey::from_bytes(bytes);
        let hex = crate::key::hex(&bytes);
        for text in [&**key.to_text(), &*hex] {
            let read = EncryptionKey::from_text(text).unwrap();
            prop_assert_eq!(read.expose(), &bytes);
        }
        let shown = format!("{key:?} {key:#?}");
        prop_assert!(!shown.contains(&hex[..16]) && !shown.contains(&key.to_text()[..16]));
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,80}|[0-9a-fA-F+]{64}|[A-Za-z0-9+/_-]{42,43}=?") {
        let _ = EncryptionKey::from_text(&text);
    }
}
