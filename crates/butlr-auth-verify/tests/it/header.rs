use butlr_auth_verify::{Algorithm, Reason};
use serde_json::json;

use crate::issuer::{
    access, access_claims, access_header, access_text, base64, builder, jwk, rsa_components, signed, with,
};

#[tokio::test]
async fn e7_algorithms_that_are_none_are_refused() {
    for alg in
        ["none", "None", "nOnE", "NONE", "", "HS256", "HS512", "RS1", "ES256K", "ES512", "eddsa", "dir"]
    {
        let header = with(access_header(), json!({ "alg": alg }));
        let outcome = access(header.clone(), access_claims()).await;
        assert_eq!(outcome.unwrap_err(), Reason::AlgorithmRefused, "{alg}");
        let unsigned = format!("{}.{}.", base64(header.to_string()), base64(access_claims().to_string()));
        assert_eq!(access_text(&unsigned).await.unwrap_err(), Reason::AlgorithmRefused, "{alg}");
    }
    for alg in [json!("-"), json!(null), json!(7), json!(["EdDSA"])] {
        let outcome = access(with(access_header(), json!({ "alg": alg })), access_claims()).await;
        assert_eq!(outcome.unwrap_err(), Reason::Malformed, "{alg}");
    }
}

#[tokio::test]
async fn e7_a_public_key_is_no_shared_secret() {
    use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign};
    let (modulus, _) = rsa_components();
    let header = json!({ "alg": "HS256", "typ": "at+jwt", "kid": "RSA" }).to_string();
    let message = format!("{}.{}", base64(header), base64(access_claims().to_string()));
    for secret in [&modulus[..], base64(&modulus).as_bytes(), jwk(Algorithm::Rs256).to_string().as_bytes()] {
        let tag = sign(&Key::new(HMAC_SHA256, secret), message.as_bytes());
        let outcome = access_text(&format!("{message}.{}", base64(tag))).await;
        assert_eq!(outcome.unwrap_err(), Reason::AlgorithmRefused);
    }
}

#[tokio::test]
async fn e7_an_algorithm_must_be_allowed_and_fit_the_key() {
    let rsa_only = builder().algorithms([Algorithm::Rs256]).build().unwrap();
    let token = signed(Algorithm::EdDsa, &access_header().to_string(), &access_claims().to_string());
    assert_eq!(rsa_only.access_token(&token).await.unwrap_err().reason(), Reason::AlgorithmRefused);
    // The key exists, and is of another kind.
    for (alg, kid) in
        [("ES256", "Ed25519"), ("ES256", "RSA"), ("RS256", "P-256"), ("ES256", "P-384"), ("EdDSA", "RSA")]
    {
        let header = json!({ "alg": alg, "kid": kid, "typ": "at+jwt" }).to_string();
        let token = signed(Algorithm::from_name(alg).unwrap(), &header, &access_claims().to_string());
        assert_eq!(access_text(&token).await.unwrap_err(), Reason::UnknownKey, "{alg} {kid}");
    }
    // A key for one algorithm only is for no other one, though it would fit.
    let keys = crate::issuer::key_set(&[with(jwk(Algorithm::Rs256), json!({ "alg": "RS256" }))]);
    let verifier = builder().keys(keys).build().unwrap();
    for (algorithm, good) in [(Algorithm::Rs256, true), (Algorithm::Ps256, false), (Algorithm::Rs512, false)]
    {
        let header = json!({ "alg": algorithm.as_str(), "kid": "RSA", "typ": "at+jwt" }).to_string();
        let token = signed(algorithm, &header, &access_claims().to_string());
        assert_eq!(verifier.access_token(&token).await.is_ok(), good, "{algorithm}");
    }
}

#[tokio::test]
async fn e8_keys_and_addresses_in_a_header_are_ignored() {
    // A key of the sender's own, and a signature that fits it.
    let stranger = aws_lc_rs::signature::Ed25519KeyPair::generate().unwrap();
    use aws_lc_rs::signature::KeyPair as _;
    let own = json!({ "kty": "OKP", "crv": "Ed25519", "x": base64(stranger.public_key()), "kid": "Ed25519" });
    for extra in [
        json!({ "jwk": own }),
        json!({ "jku": "https://evil.example.com/keys" }),
        json!({ "x5u": "https://evil.example.com/cert" }),
        json!({ "x5c": ["MIIB"] }),
        json!({ "jwk": own, "kid": "-" }),
    ] {
        let header = with(access_header(), extra.clone()).to_string();
        let message = format!("{}.{}", base64(&header), base64(access_claims().to_string()));
        let forged = format!("{message}.{}", base64(stranger.sign(message.as_bytes())));
        let reason = access_text(&forged).await.unwrap_err();
        assert!(matches!(reason, Reason::BadSignature | Reason::UnknownKey), "{extra}: {reason:?}");
        // The same header over the issuer's own signature changes nothing.
        let genuine = signed(Algorithm::EdDsa, &header, &access_claims().to_string());
        assert!(access_text(&genuine).await.is_ok(), "{extra}");
    }
}

#[tokio::test]
async fn e8_odd_key_names_name_no_key() {
    for kid in ["../../x", "' OR 1=1 --", "", "ed25519", "Ed25519 ", "\u{0}"] {
        let outcome = access(with(access_header(), json!({ "kid": kid })), access_claims()).await;
        assert_eq!(outcome.unwrap_err(), Reason::UnknownKey, "{kid:?}");
    }
    for kid in [json!(7), json!(null), json!(["Ed25519"])] {
        let outcome = access(with(access_header(), json!({ "kid": kid })), access_claims()).await;
        assert_eq!(outcome.unwrap_err(), Reason::Malformed, "{kid}");
    }
}

#[tokio::test]
async fn e8_extensions_are_refused() {
    for extra in [
        json!({ "crit": ["exp"] }),
        json!({ "crit": ["b64"], "b64": false }),
        json!({ "crit": [] }),
        json!({ "crit": null }),
        json!({ "b64": false }),
        json!({ "b64": true }),
        json!({ "zip": "DEF" }),
    ] {
        let outcome = access(with(access_header(), extra.clone()), access_claims()).await;
        assert_eq!(outcome.unwrap_err(), Reason::UnknownExtension, "{extra}");
    }
}

#[tokio::test]
async fn e8_a_header_is_read_once_and_strictly() {
    let claims = access_claims().to_string();
    for header in [
        r#"{"alg":"EdDSA","alg":"EdDSA","typ":"at+jwt","kid":"Ed25519"}"#,
        r#"{"alg":"EdDSA","typ":"at+jwt","typ":"JWT","kid":"Ed25519"}"#,
        r#"{"alg":"EdDSA","typ":"at+jwt","kid":"Ed25519"} "x""#,
        r#"["EdDSA"]"#,
        "",
    ] {
        let outcome = access_text(&signed(Algorithm::EdDsa, header, &claims)).await;
        assert_eq!(outcome.unwrap_err(), Reason::Malformed, "{header}");
    }
    for typ in [json!(7), json!(null)] {
        let outcome = access(with(access_header(), json!({ "typ": typ })), access_claims()).await;
        assert_eq!(outcome.unwrap_err(), Reason::Malformed, "{typ}");
    }
}

#[tokio::test]
async fn e15_encrypted_tokens_are_refused_by_name() {
    let header = base64(json!({ "alg": "RSA-OAEP", "enc": "A256GCM", "zip": "DEF" }).to_string());
    let jwe = format!("{header}.a2V5.aXY.Y2lwaGVydGV4dA.dGFn");
    assert_eq!(access_text(&jwe).await.unwrap_err(), Reason::Encrypted);
    let disguised = with(access_header(), json!({ "enc": "A256GCM" }));
    assert_eq!(access(disguised, access_claims()).await.unwrap_err(), Reason::Encrypted);
}
