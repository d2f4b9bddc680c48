use crate::{AccessToken, ClientSecret, CodeVerifier, Password, RefreshToken, Secret, SecretKind};

const CANARY: &str = "canary-5d1c0a";

#[track_caller]
fn check<K: SecretKind>(value: &str, accepted: bool) {
    let made = Secret::<K>::new(value);
    assert_eq!(made.is_ok(), accepted, "{} of {} bytes", K::NAME, value.len());
    if let Err(error) = made {
        assert!(value.is_empty() || !format!("{error} {error:?}").contains(value));
    }
}

// Security: H1.
#[test]
fn a_secret_is_shown_as_redacted() {
    let secret = ClientSecret::new(CANARY).unwrap();
    assert_eq!(format!("{secret:?}"), "ClientSecret([redacted])");
    assert_eq!(format!("{:#?}", Some(secret)), "Some(\n    ClientSecret([redacted]),\n)");
}

// Security: C2, H10.
#[test]
fn each_kind_refuses_what_its_grammar_forbids() {
    check::<crate::secret::AccessTokenKind>("a.b-c~d+/=", true);
    for bad in ["", "a b", "a\r\nb", "a\nb", "a\0b", "é", "a\u{7f}"] {
        check::<crate::secret::AccessTokenKind>(bad, false);
    }
    check::<crate::secret::RefreshTokenKind>("canary with space %3d", true);
    check::<crate::secret::RefreshTokenKind>("canary\r\n", false);
    check::<crate::secret::PasswordKind>("pässwörd \u{1f511}", true);
    check::<crate::secret::CodeVerifierKind>(&"a".repeat(42), false);
    check::<crate::secret::CodeVerifierKind>(&"a".repeat(43), true);
    check::<crate::secret::CodeVerifierKind>(&"a".repeat(129), false);
}

#[test]
fn equal_secrets_have_equal_fingerprints_and_others_do_not() {
    let one = RefreshToken::new("one").unwrap();
    assert_eq!(one.fingerprint(), one.clone().fingerprint());
    assert_ne!(one.fingerprint(), RefreshToken::new("two").unwrap().fingerprint());
    assert_ne!(Password::new("x").unwrap().fingerprint(), AccessToken::new("y").unwrap().fingerprint());
}

#[test]
fn a_verifier_keeps_its_value() {
    let value = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    assert_eq!(CodeVerifier::new(value).unwrap().expose(), value);
}
