use std::time::{Duration, Instant};

use butlr_auth_verify::{Algorithm, Reason};
use proptest::prelude::*;
use serde_json::json;

use crate::issuer::{
    access_claims, access_header, access_text, base64, key_set, signature, signed, verifier,
};

fn good() -> String {
    signed(Algorithm::EdDsa, &access_header().to_string(), &access_claims().to_string())
}

#[tokio::test]
async fn e13_base64_is_read_strictly() {
    let good = good();
    let parts: Vec<&str> = good.split('.').collect();
    let token = |at: usize, part: String| {
        let mut parts: Vec<String> = parts.iter().map(|part| (*part).to_owned()).collect();
        parts[at] = part;
        parts.join(".")
    };
    for (at, part) in parts.iter().enumerate() {
        for broken in [
            format!("{part}="),
            format!("{part}=="),
            format!(" {part}"),
            format!("{part}\n"),
            format!("{}\t{}", &part[..4], &part[4..]),
            format!("{}+/", &part[..part.len() - 2]),
            format!("{part}A"),
        ] {
            assert!(access_text(&token(at, broken.clone())).await.is_err(), "{at} {broken}");
        }
    }
    // 64 bytes leave four bits in the last character that mean nothing, and must be zero.
    let signature = parts[2];
    let last = signature.chars().last().unwrap();
    assert!("AQgw".contains(last));
    let twin = char::from(last as u8 + 1);
    let twisted = format!("{}{twin}", &signature[..signature.len() - 1]);
    assert_eq!(access_text(&token(2, twisted)).await.unwrap_err(), Reason::Malformed);
}

#[tokio::test]
async fn e13_other_shapes_are_refused() {
    let good = good();
    for token in
        ["", ".", "..", "a.b", "a.b.c.d", "a.b.c.d.e.f", &format!("{good}."), &format!(".{good}"), &good[1..]]
    {
        assert!(access_text(token).await.is_err(), "{token}");
    }
    let header = access_header().to_string();
    for payload in
        ["", "[]", "null", "7", "\"text\"", "{\"exp\":1}{}", "{\"a\":1,\"a\":1}", "\u{feff}{}", "{'a':1}"]
    {
        let outcome = access_text(&signed(Algorithm::EdDsa, &header, payload)).await;
        assert_eq!(outcome.unwrap_err(), Reason::Malformed, "{payload}");
    }
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(20_000), "]".repeat(20_000));
    assert_eq!(access_text(&signed(Algorithm::EdDsa, &header, &deep)).await.unwrap_err(), Reason::Malformed);
    let twice = access_claims().to_string().replacen('{', "{\"aud\":\"x\",", 1);
    assert_eq!(access_text(&signed(Algorithm::EdDsa, &header, &twice)).await.unwrap_err(), Reason::Malformed);
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "what is measured is real time")]
async fn e13_long_tokens_are_refused_before_they_are_read() {
    let dots = ".".repeat(1_000_000);
    let long = format!("{}.{}.c2ln", base64(access_header().to_string()), "A".repeat(100_000_000));
    let began = Instant::now();
    assert_eq!(access_text(&dots).await.unwrap_err(), Reason::TooLong);
    assert_eq!(access_text(&long).await.unwrap_err(), Reason::TooLong);
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
}

#[tokio::test]
async fn e14_elliptic_signatures_are_two_numbers_of_the_curve() {
    let header = json!({ "alg": "ES256", "typ": "at+jwt", "kid": "P-256" }).to_string();
    let message = format!("{}.{}", base64(header), base64(access_claims().to_string()));
    let genuine = signature(Algorithm::Es256, message.as_bytes());
    let outcome =
        async |signature: &[u8]| access_text(&format!("{message}.{}", base64(signature))).await.map(drop);
    assert_eq!(outcome(&genuine).await, Ok(()));
    assert_eq!(outcome(&[0; 64]).await, Err(Reason::BadSignature));
    let (r, s) = genuine.split_at(32);
    for broken in [
        [&[0; 32], s].concat(),
        [r, &[0; 32]].concat(),
        [s, r].concat(),
        der(r, s),
        genuine[..63].to_vec(),
        [&genuine[..], &[0]].concat(),
        Vec::new(),
        [&[0], r, &[0], s].concat(),
    ] {
        assert_eq!(outcome(&broken).await, Err(Reason::BadSignature), "{broken:02x?}");
    }
    // The other curve.
    let header = json!({ "alg": "ES256", "typ": "at+jwt", "kid": "P-384" }).to_string();
    let token = signed(Algorithm::Es384, &header, &access_claims().to_string());
    assert_eq!(access_text(&token).await.unwrap_err(), Reason::UnknownKey);
}

/// Both halves of a signature as DER integers, as TLS has them.
fn der(r: &[u8], s: &[u8]) -> Vec<u8> {
    let integer = |number: &[u8]| [&[2, 33, 0][..], number].concat();
    let body = [integer(r), integer(s)].concat();
    [&[0x30, u8::try_from(body.len()).unwrap()][..], &body].concat()
}

#[test]
fn e14_the_high_half_is_accepted() {
    // RFC 7515, appendix A.3: its `s` is more than half of the order of the curve.
    let keys = key_set(&[json!({
        "kty": "EC", "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
    })]);
    let token = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    let verifier = crate::issuer::builder().keys(keys).build().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let expected = butlr_auth_verify::ExpectedIdToken::by_client("x");
    // The signature is good: what is wrong comes after it.
    let error = runtime.block_on(verifier.id_token(token, expected)).unwrap_err();
    assert_eq!(error.reason(), Reason::WrongIssuer);
}

proptest! {
    // Security: E13, E14.
    #[test]
    fn no_bit_of_a_token_can_be_changed(at in any::<proptest::sample::Index>(), bit in 0..8u8) {
        let mut token = good().into_bytes();
        let at = at.index(token.len());
        token[at] ^= 1 << bit;
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        if let Ok(token) = String::from_utf8(token) {
            prop_assert!(runtime.block_on(verifier().access_token(&token)).is_err());
        }
    }

    // Security: E13.
    #[test]
    fn no_text_is_more_than_an_error(token in "[A-Za-z0-9_.=-]{0,200}") {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        prop_assert!(runtime.block_on(verifier().access_token(&token)).is_err());
    }
}
