//! `inspect --verify`: what it accepts and what it refuses, row by row of the security page.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use butlr_auth_testkit::{Endpoint, Fault};
use serde_json::{Value, json};

use crate::world::World;

const ISSUER: &str = "https://as.example.com";
const API: &str = "https://api.example.com";
const CLIENT: &str = "my-client";

/// An issuer whose keys are in a file, so that nothing but the token decides.
struct Issuer {
    world: World,
    key: Ed25519KeyPair,
    now: u64,
}

impl Issuer {
    async fn new() -> Self {
        let (world, key) = (World::new().await, Ed25519KeyPair::generate().unwrap());
        let x = URL_SAFE_NO_PAD.encode(key.public_key());
        let keys = json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "kid": "a", "x": x }] });
        world.file("keys.json", &keys.to_string(), 0o644);
        Self { world, key, now: seconds_now() }
    }

    fn header(&self, changes: &Value) -> Value {
        with(json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": "a" }), changes)
    }

    fn access_claims(&self, changes: &Value) -> Value {
        let claims = json!({
            "iss": ISSUER, "aud": API, "sub": "alice", "client_id": CLIENT, "jti": "1", "iat": self.now,
            "exp": self.now + 600
        });
        with(claims, changes)
    }

    fn id_claims(&self, changes: &Value) -> Value {
        let claims = json!({
            "iss": ISSUER, "aud": CLIENT, "sub": "alice", "iat": self.now, "exp": self.now + 600, "nonce": "n-1"
        });
        with(claims, changes)
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(header), part(claims));
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(self.key.sign(message.as_bytes())))
    }

    /// Expects the reason on stderr, nothing on stdout and exit code 8; an empty reason is none.
    #[track_caller]
    fn judge(&self, token: &str, flags: &[&str], reason: &str) {
        let keys = self.world.home.path().join("keys.json");
        let common = ["inspect", "-", "--verify", "--issuer", ISSUER, "--jwks", keys.to_str().unwrap()];
        let ended = self.world.run_with(&[&common, flags].concat(), &[], token);
        if reason.is_empty() {
            let document = ended.succeeded().json();
            assert_eq!(document.get("signature"), Some(&json!("verified")));
        } else {
            ended.failed(8, reason);
        }
    }

    #[track_caller]
    fn access(&self, header: &Value, claims: &Value, reason: &str) {
        let token = self.sign(&self.header(header), &self.access_claims(claims));
        self.judge(&token, &["--audience", API], reason);
    }

    #[track_caller]
    fn id(&self, claims: &Value, reason: &str) {
        let token = self.sign(&json!({ "alg": "EdDSA", "kid": "a" }), &self.id_claims(claims));
        self.judge(&token, &["--id-token", "--audience", CLIENT, "--nonce", "n-1"], reason);
    }
}

#[expect(clippy::disallowed_methods, reason = "the program that is tested reads the same clock")]
fn seconds_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// Members set, or taken out where the value is the text `-`.
fn with(mut object: Value, changes: &Value) -> Value {
    let members = object.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        if value == "-" {
            members.remove(name);
        } else {
            members.insert(name.clone(), value.clone());
        }
    }
    object
}

#[tokio::test]
async fn e6_keys_in_a_file_are_read_as_strictly() {
    let issuer = Issuer::new().await;
    let token = issuer.sign(&issuer.header(&json!({})), &issuer.access_claims(&json!({})));
    issuer.judge(&token, &["--audience", API], "");
    let arguments = |file: &'static str| {
        let path = issuer.world.home.path().join(file);
        let path = path.to_str().unwrap().to_owned();
        let arguments = ["inspect", "-", "--verify", "--issuer", ISSUER, "--audience", API, "--jwks", &path];
        issuer.world.run_with(&arguments, &[], &token)
    };
    arguments("absent.json").failed(3, "cannot be read");
    issuer.world.file("html.json", "<html>", 0o644);
    arguments("html.json").failed(3, "the key set is not a JSON object");
    issuer.world.file("empty.json", r#"{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}"#, 0o644);
    arguments("empty.json").failed(8, "the issuer has no key that fits the token");
    issuer.world.file("huge.json", &" ".repeat(300_000), 0o644);
    arguments("huge.json").failed(3, "it is longer than 262144 bytes");
}

#[tokio::test]
async fn e7_e8_e9_e15_a_header_decides_nothing_by_itself() {
    let issuer = Issuer::new().await;
    for alg in ["none", "None", "HS256", "ES512"] {
        issuer.access(&json!({ "alg": alg }), &json!({}), "the algorithm of the token is not allowed");
    }
    issuer.access(&json!({ "alg": "ES256" }), &json!({}), "the issuer has no key that fits the token");
    issuer.access(&json!({ "kid": "../../x" }), &json!({}), "the issuer has no key that fits the token");
    issuer.access(&json!({ "kid": 7 }), &json!({}), "the token is not a well-formed signed JWT");
    issuer.access(&json!({ "jku": "https://evil.example.com", "jwk": {} }), &json!({}), "");
    for extension in [json!({ "crit": ["exp"] }), json!({ "b64": false }), json!({ "zip": "DEF" })] {
        issuer.access(&extension, &json!({}), "the token asks for an extension that is not supported");
    }
    issuer.access(&json!({ "enc": "A256GCM" }), &json!({}), "encrypted tokens are not supported");
    for typ in ["-", "JWT", "logout+jwt"] {
        issuer.access(&json!({ "typ": typ }), &json!({}), "this is another kind of token");
    }
    let id_token = issuer.sign(&json!({ "alg": "EdDSA", "kid": "a" }), &issuer.id_claims(&json!({})));
    issuer.judge(&id_token, &["--audience", CLIENT], "this is another kind of token");
    let access_token =
        issuer.sign(&issuer.header(&json!({})), &issuer.access_claims(&json!({ "aud": CLIENT })));
    issuer.judge(&access_token, &["--id-token", "--audience", CLIENT], "this is another kind of token");
    let plain =
        issuer.sign(&issuer.header(&json!({ "typ": "JWT" })), &issuer.access_claims(&json!({ "jti": "-" })));
    issuer.judge(&plain, &["--audience", API, "--plain-jwt"], "");
}

#[tokio::test]
async fn e10_times_are_numbers_within_a_minute() {
    let issuer = Issuer::new().await;
    let now = issuer.now;
    for claim in ["exp", "nbf", "iat"] {
        for value in [json!("soon"), json!(null), json!(-1), json!([now]), json!(u64::MAX)] {
            issuer.access(&json!({}), &json!({ claim: value }), &format!("the claim {claim} is malformed"));
        }
    }
    issuer.access(&json!({}), &json!({ "exp": "-" }), "the claim exp is missing");
    issuer.access(&json!({}), &json!({ "exp": now - 60 }), "the token has expired");
    issuer.access(&json!({}), &json!({ "exp": now - 30 }), "");
    issuer.access(&json!({}), &json!({ "nbf": now + 90 }), "the token is not valid yet");
    issuer.access(&json!({}), &json!({ "iat": now + 90 }), "the token was issued in the future");
    issuer.access(&json!({}), &json!({ "iat": now + 30, "nbf": now + 30 }), "");
}

#[tokio::test]
async fn e11_an_id_token_is_for_this_client_and_this_login() {
    let issuer = Issuer::new().await;
    issuer.id(&json!({}), "");
    issuer.id(&json!({ "aud": [CLIENT, "other"], "azp": CLIENT }), "");
    for (changes, reason) in [
        (json!({ "iss": "https://as.example.com/" }), "the token is of another issuer"),
        (json!({ "aud": "other" }), "the token is for somebody else"),
        (json!({ "aud": "-" }), "the claim aud is missing"),
        (json!({ "aud": 7 }), "the claim aud is malformed"),
        (json!({ "aud": [CLIENT, "other"], "azp": "other" }), "the token was issued to another client"),
        (json!({ "azp": "other" }), "the token was issued to another client"),
        (json!({ "sub": "-" }), "the claim sub is missing"),
        (json!({ "sub": "a".repeat(256) }), "the claim sub is malformed"),
        (json!({ "iat": "-" }), "the claim iat is missing"),
        (json!({ "nonce": "-" }), "the claim nonce is missing"),
        (json!({ "nonce": "n-2" }), "the nonce is not that of the authorization request"),
        (json!({ "events": {} }), "this is another kind of token"),
    ] {
        issuer.id(&changes, reason);
    }
}

#[tokio::test]
async fn e13_e14_nothing_but_a_signed_jwt_is_one() {
    let issuer = Issuer::new().await;
    let good = issuer.sign(&issuer.header(&json!({})), &issuer.access_claims(&json!({})));
    let flags = ["--audience", API];
    issuer.judge(&format!("Bearer {good}\n"), &flags, "");
    let (message, _) = good.rsplit_once('.').unwrap();
    for (token, reason) in [
        (format!("{good}="), "the token is not a well-formed signed JWT"),
        (format!("{good}."), "the token is not a well-formed signed JWT"),
        ("opaque".to_owned(), "the token is not a well-formed signed JWT"),
        ("a.b.c.d.e".to_owned(), "encrypted tokens are not supported"),
        (format!("{message}."), "the signature of the token is wrong"),
        (format!("{message}.{}", URL_SAFE_NO_PAD.encode([0; 64])), "the signature of the token is wrong"),
    ] {
        issuer.judge(&token, &flags, reason);
    }
}

#[tokio::test]
async fn a_stored_token_is_verified_by_its_own_server() {
    let world = World::new().await;
    let base = world.server.base_url().to_owned();
    let arguments = [
        "-p",
        "robot",
        "--json",
        "inspect",
        "--verify",
        "--issuer",
        &base,
        "--audience",
        "https://butlrauth/",
    ];
    world.run(&["-p", "robot", "token"]).succeeded();
    assert_eq!(world.run(&arguments).succeeded().json()["signature"], "verified");
    let ended = world.run(&[&arguments[..8], &["https://other/"]].concat()).failed(8, "for somebody else");
    let error: Value = serde_json::from_str(ended.stderr.lines().last().unwrap()).unwrap();
    assert_eq!((&error["kind"], &error["exit"]), (&json!("invalid_token"), &json!(8)), "{}", ended.stderr);
    // Keys that cannot be read say nothing about the token.
    world.server.inject(Fault::status(503).on(Endpoint::Jwks));
    world.run(&arguments).failed(6, "try again in a moment");
}

#[tokio::test]
async fn what_is_verified_has_to_be_said() {
    let world = World::new().await;
    world
        .run_with(&["inspect", "-", "--verify", "--issuer", ISSUER], &[], "a.b.c")
        .failed(2, "--verify needs --audience");
    world.run_with(&["inspect", "-", "--verify", "--audience", API], &[], "a.b.c").failed(2, "has no issuer");
    world.run_with(&["inspect", "-", "--audience", API], &[], "a.b.c").failed(2, "--verify");
    world.run_with(&["inspect", "-", "--verify", "--nonce", "n"], &[], "a.b.c").failed(2, "--id-token");
    let plain = [
        "inspect",
        "-",
        "--verify",
        "--issuer",
        ISSUER,
        "--audience",
        API,
        "--jwks",
        "http://as.example.com/",
    ];
    world.run_with(&plain, &[], "a.b.c").failed(3, "use https");
}

/// A login by authorization code at the world's server.
async fn log_in(world: &World) -> crate::world::Ended {
    world
        .log_in_by_page(&["login", "code"], async |server, address| server.approve(address).await.unwrap())
        .await
}

// Security: A9.
#[tokio::test]
async fn e11_a_login_with_a_forged_id_token_stores_nothing() {
    for jwks in [false, true] {
        let world = World::new().await;
        let (base, public) = (world.server.base_url(), &world.server.public_client().id);
        let server = if jwks {
            format!(
                "[profile.code.endpoints]\ntoken = \"{base}/token\"\nauthorization = \"{base}/authorize\"\njwks = \"{base}/jwks\"\n"
            )
        } else {
            String::new()
        };
        world.configure(&format!(
            "version = 1\n[profile.code]\nissuer = \"{base}\"\nclient_id = \"{public}\"\nscopes = [\"openid\"]\n{server}"
        ));
        log_in(&world).await.succeeded();
        assert_eq!(world.server.journal().requests(Endpoint::Jwks), 1);
        world.run(&["-p", "code", "logout"]).succeeded();
        // The server signs with a key that it does not publish.
        let x = URL_SAFE_NO_PAD.encode(Ed25519KeyPair::generate().unwrap().public_key());
        let keys = json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "x": x }] }).to_string();
        world.server.inject(Fault::status(200).body(keys).on(Endpoint::Jwks));
        log_in(&world).await.failed(5, "the issuer has no key that fits the token");
        world.run(&["-p", "code", "token"]).failed(4, "login");
    }
}
