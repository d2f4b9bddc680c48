use butlr_auth_verify::{Algorithm, KeySet, Reason};
use serde_json::{Value, json};

use crate::issuer::{access_claims, base64, builder, jwk, key_set, rsa_components, signed, with};

/// How many keys a set with this one has.
fn usable(jwk: Value) -> usize {
    key_set(&[jwk]).len()
}

/// The outcome of a token of this algorithm, verified with these keys.
async fn outcome(keys: &[Value], algorithm: Algorithm, kid: Option<&str>) -> Result<(), Reason> {
    let mut header = json!({ "alg": algorithm.as_str(), "typ": "at+jwt" });
    if let Some(kid) = kid {
        header = with(header, json!({ "kid": kid }));
    }
    let token = signed(algorithm, &header.to_string(), &access_claims().to_string());
    let verifier = builder().keys(key_set(keys)).build().unwrap();
    verifier.access_token(&token).await.map(drop).map_err(|error| error.reason())
}

#[test]
fn e6_a_set_that_is_none_is_an_error() {
    for document in [
        "",
        "{}",
        "[]",
        "null",
        r#"{"keys":{}}"#,
        r#"{"keys":null}"#,
        r#"{"keys":[]}{}"#,
        r#"{"keys":[],"keys":[]}"#,
        r#"{"keys":[{"kid":"a","kid":"a"}]}"#,
        "<html>",
        "\u{feff}{\"keys\":[]}",
    ] {
        assert!(KeySet::from_json(document.as_bytes()).is_err(), "{document}");
    }
    let deep = format!("{{\"keys\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(KeySet::from_json(deep.as_bytes()).is_err());
    assert!(KeySet::from_json(br#"{"keys":[]}"#).unwrap().is_empty());
}

#[test]
fn e6_keys_that_cannot_be_used_are_passed_over() {
    let (rsa, p256, ed) = (jwk(Algorithm::Rs256), jwk(Algorithm::Es256), jwk(Algorithm::EdDsa));
    let (modulus, _) = rsa_components();
    let of_bits = |bits: usize| {
        let mut modulus = vec![0xff; bits.div_ceil(8)];
        modulus[0] = 0xff >> (modulus.len() * 8 - bits);
        base64(modulus)
    };
    let off_curve = p256["y"].as_str().unwrap().replace(|first: char| first.is_ascii_digit(), "A");
    let off_curve = if off_curve == p256["y"] { p256["x"].clone() } else { off_curve.into() };
    for (key, change) in [
        (&rsa, json!({ "n": of_bits(1024) })),
        (&rsa, json!({ "n": of_bits(2047) })),
        (&rsa, json!({ "n": of_bits(8193) })),
        (&rsa, json!({ "n": of_bits(16384) })),
        (&rsa, json!({ "n": base64([&modulus[..], &[0]].concat()) })),
        (&rsa, json!({ "n": "" })),
        (&rsa, json!({ "n": "-" })),
        (&rsa, json!({ "n": 7 })),
        (&rsa, json!({ "n": "a b" })),
        (&rsa, json!({ "e": "AQ" })),
        (&rsa, json!({ "e": "Ag" })),
        (&rsa, json!({ "e": "AA" })),
        (&rsa, json!({ "e": "" })),
        (&rsa, json!({ "e": base64([1, 0, 0, 0, 1]) })),
        (&rsa, json!({ "d": "c2VjcmV0" })),
        (&rsa, json!({ "p": "c2VjcmV0" })),
        (&rsa, json!({ "kty": "rsa" })),
        (&rsa, json!({ "kty": "-" })),
        (&rsa, json!({ "kty": null })),
        (&rsa, json!({ "kty": "oct", "k": "c2VjcmV0" })),
        (&rsa, json!({ "use": "enc" })),
        (&rsa, json!({ "use": 7 })),
        (&rsa, json!({ "key_ops": ["encrypt"] })),
        (&rsa, json!({ "key_ops": ["sign"] })),
        (&rsa, json!({ "key_ops": "verify" })),
        (&rsa, json!({ "key_ops": [] })),
        (&rsa, json!({ "d": [] })),
        (&rsa, json!({ "alg": "ES256" })),
        (&rsa, json!({ "alg": "RSA-OAEP" })),
        (&rsa, json!({ "alg": "HS256" })),
        (&rsa, json!({ "alg": "none" })),
        (&rsa, json!({ "alg": 7 })),
        (&rsa, json!({ "kid": 7 })),
        (&p256, json!({ "y": off_curve })),
        (&p256, json!({ "x": base64([0; 32]), "y": base64([0; 32]) })),
        (&p256, json!({ "x": base64([0; 31]) })),
        (&p256, json!({ "crv": "P-384" })),
        (&p256, json!({ "crv": "P-521" })),
        (&p256, json!({ "crv": "secp256k1" })),
        (&p256, json!({ "crv": "-" })),
        (&p256, json!({ "alg": "ES384" })),
        (&p256, json!({ "d": "c2VjcmV0" })),
        (&ed, json!({ "crv": "X25519" })),
        (&ed, json!({ "crv": "Ed448" })),
        (&ed, json!({ "x": base64([0; 31]) })),
        (&ed, json!({ "alg": "RS256" })),
    ] {
        assert_eq!(usable(with(key.clone(), change.clone())), 0, "{change}");
    }
    for (key, change) in [
        (&rsa, json!({})),
        (&rsa, json!({ "n": base64([&[0], &modulus[..]].concat()) })),
        (&rsa, json!({ "use": "sig", "key_ops": ["verify"], "alg": "PS512", "x5c": ["x"], "more": {} })),
        (&rsa, json!({ "e": "Aw" })),
        (&rsa, json!({ "kid": "-" })),
        (&rsa, json!({ "kid": null, "use": null, "key_ops": null, "alg": null, "x5c": null, "d": null })),
        (&rsa, json!({ "kid": "", "use": "", "key_ops": "", "alg": "", "x5u": "", "d": "", "k": "" })),
        (&p256, json!({ "alg": "ES256" })),
        (&ed, json!({ "alg": "Ed25519" })),
        (&ed, json!({ "alg": "EdDSA" })),
    ] {
        assert_eq!(usable(with(key.clone(), change.clone())), 1, "{change}");
    }
    for other in [json!(null), json!(7), json!([]), json!({}), json!("key")] {
        assert_eq!(usable(other), 0);
    }
}

#[tokio::test]
async fn e6_one_bad_key_spoils_no_good_one() {
    let bad = json!({ "kty": "RSA", "kid": "RSA", "n": 7, "e": [] });
    let keys = [bad, json!({ "kty": "oct", "kid": "RSA", "k": "c2VjcmV0" }), jwk(Algorithm::Rs256)];
    assert_eq!(outcome(&keys, Algorithm::Rs256, Some("RSA")).await, Ok(()));
}

#[tokio::test]
async fn e6_a_name_that_two_keys_share_is_tried_with_both() {
    let stranger = with(
        jwk(Algorithm::EdDsa),
        json!({ "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "kid": "Ed25519" }),
    );
    let own = jwk(Algorithm::EdDsa);
    for keys in [[stranger.clone(), own.clone()], [own, stranger.clone()]] {
        assert_eq!(outcome(&keys, Algorithm::EdDsa, Some("Ed25519")).await, Ok(()));
        // Without a name every key that fits is tried.
        assert_eq!(outcome(&keys, Algorithm::EdDsa, None).await, Ok(()));
    }
    assert_eq!(outcome(&[stranger], Algorithm::EdDsa, Some("Ed25519")).await, Err(Reason::BadSignature));
}

#[tokio::test]
async fn e6_a_token_without_a_name_takes_the_key_that_fits() {
    let keys = [jwk(Algorithm::Rs256), jwk(Algorithm::Es256)];
    assert_eq!(outcome(&keys, Algorithm::Es256, None).await, Ok(()));
    assert_eq!(outcome(&keys, Algorithm::EdDsa, None).await, Err(Reason::UnknownKey));
    // A named token takes a nameless key whose signature it is, and says of another one that it is unknown.
    let nameless = [with(jwk(Algorithm::Es256), json!({ "kid": "-" }))];
    assert_eq!(outcome(&nameless, Algorithm::Es256, None).await, Ok(()));
    assert_eq!(outcome(&nameless, Algorithm::Es256, Some("P-256")).await, Ok(()));
    let stranger = [with(
        jwk(Algorithm::EdDsa),
        json!({ "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "kid": "-" }),
    )];
    assert_eq!(outcome(&stranger, Algorithm::EdDsa, Some("Ed25519")).await, Err(Reason::UnknownKey));
}

#[tokio::test]
async fn e6_ten_thousand_keys_are_not_all_read() {
    let mut keys = vec![jwk(Algorithm::EdDsa); 10_000];
    assert_eq!(key_set(&keys).len(), 1024);
    // Those that cannot be used do not count.
    keys = vec![json!({ "kty": "oct", "k": "c2VjcmV0" }); 10_000];
    // Nor does it matter how many come before the one that the token names.
    keys.extend(vec![with(jwk(Algorithm::Es256), json!({ "kid": "another" })); 200]);
    keys.push(jwk(Algorithm::EdDsa));
    assert_eq!(outcome(&keys, Algorithm::EdDsa, Some("Ed25519")).await, Ok(()));
}
