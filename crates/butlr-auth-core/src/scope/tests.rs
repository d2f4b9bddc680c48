use proptest::prelude::*;

use super::Scope;

#[test]
fn order_and_repetition_do_not_matter_and_case_does() {
    let scope: Scope = "b a  a".parse().unwrap();
    assert_eq!(scope, "a b".parse().unwrap());
    assert_ne!(scope, "A b".parse().unwrap());
    assert_eq!(scope.to_string(), "a b");
}

// Security: A21.
#[test]
//= https://www.rfc-editor.org/rfc/rfc6749#section-3.3
//= type=test
//# scope-token = 1*( %x21 / %x23-5B / %x5D-7E )
fn what_is_not_a_scope_token_is_refused() {
    for bad in ["a\"b", "a\\b", "a\tb", "a\nb", "é", "a\u{7f}"] {
        assert!(bad.parse::<Scope>().is_err(), "{bad:?}");
    }
    assert!(Scope::from_tokens(["a b"]).is_err());
    assert!(Scope::from_tokens([""]).is_err());
}

// Security: C5.
#[test]
fn what_a_grant_lacks_is_named() {
    let asked: Scope = "read:rooms write:rooms".parse().unwrap();
    let granted: Scope = "read:rooms".parse().unwrap();
    assert!(asked.covers(&granted) && !granted.covers(&asked));
    assert_eq!(asked.without(&granted).to_string(), "write:rooms");
}

proptest! {
    #[test]
    fn text_round_trips(tokens in proptest::collection::vec("[!#-\\[\\]-~]{1,12}", 0..6)) {
        let scope = Scope::from_tokens(&tokens).unwrap();
        prop_assert_eq!(scope.to_string().parse::<Scope>().unwrap(), scope);
    }
}
