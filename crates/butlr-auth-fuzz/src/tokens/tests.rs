use super::*;

/// Without this the targets could judge refusals alone.
#[test]
fn the_inputs_that_are_good_are_accepted() {
    let Ok(keys) = KeySet::from_json(include_bytes!("../../corpus/key_set/among_others")) else {
        panic!("a set")
    };
    let verifier = verifier(keys);
    assert!(now(verifier.access_token(&GOOD.0)).is_ok());
    for input in [
        &include_bytes!("../../corpus/jwt/access_token")[..],
        include_bytes!("../../corpus/jwt/fractions"),
        include_bytes!("../../corpus/jwt/embedded_key"),
    ] {
        assert!(now(verifier.access_token(&token(input))).is_ok());
    }
    let id_token = token(include_bytes!("../../corpus/jwt/several_audiences"));
    assert!(now(verifier.id_token(&id_token, ExpectedIdToken::by_client(CLIENT))).is_ok());
}
