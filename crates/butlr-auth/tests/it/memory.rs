//! What is left of a secret in the memory of a process when everything that held it is gone.
//!
//! Each test runs in a process of its own: this binary again. Secrets are kept there by the test in a masked form
//! only, so that whatever the search finds is a copy that the product made.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::process::Command;

use butlr_auth::core::{AccessToken, Leniency, RefreshToken, Secret, TokenResponse};
use butlr_auth::{ClientSecret, Dialect, Grant, HttpTokenEndpoint, Password, Session, TokenEndpoint as _};
use butlr_auth_testkit::AuthorizationServer;

use crate::generic;

const CHILD: &str = "BUTLR_AUTH_MEMORY_CHILD";

/// Runs the rest of this test in another process; whether this is that process.
fn is_child(test: &str) -> bool {
    if std::env::var_os(CHILD).is_some() {
        return true;
    }
    let arguments = [test, "--exact", "--nocapture", "--test-threads=1"];
    let output =
        Command::new(std::env::current_exe().unwrap()).args(arguments).env(CHILD, "").output().unwrap();
    let (said, complained) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.contains("1 passed"), "{said}\n{complained}");
    false
}

/// A secret as only this test knows it.
struct Masked(Vec<u8>);

const MASK: u8 = 0x55;

impl Masked {
    /// Draws a secret that nothing in this process resembles.
    fn random() -> Self {
        let drawn = butlr_auth::cache::Id::random().to_string();
        Self(drawn.bytes().rev().map(|byte| byte ^ MASK).collect())
    }

    /// Remembers one that came from elsewhere.
    fn of(text: &str) -> Self {
        Self(text.bytes().map(|byte| byte ^ MASK).collect())
    }

    /// The one plain copy: whoever takes it wipes it.
    fn plain(&self) -> String {
        let mut plain = String::with_capacity(self.0.len());
        plain.extend(self.0.iter().map(|byte| char::from(byte ^ MASK)));
        plain
    }

    fn is_at(&self, memory: &[u8]) -> bool {
        memory.iter().zip(&self.0).all(|(byte, masked)| byte ^ MASK == *masked)
    }
}

/// How many copies of each secret the writable memory of this process holds.
fn copies<const N: usize>(secrets: [&Masked; N]) -> [usize; N] {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let memory = File::open("/proc/self/mem").unwrap();
    let mut found = [0; N];
    let mut buffer = Vec::new();
    for region in maps.lines().filter(|line| line.contains(" rw")) {
        let (from, to) = region.split(' ').next().unwrap().split_once('-').unwrap();
        let [from, to] = [from, to].map(|hex| u64::from_str_radix(hex, 16).unwrap());
        let own = buffer.as_ptr() as u64;
        if (from..to).contains(&own) && buffer.capacity() > 0 {
            // What has been read already is no copy of its own.
            buffer.fill(0);
        }
        buffer.resize(usize::try_from(to - from).unwrap(), 0);
        // Some regions cannot be read by anybody.
        if memory.read_exact_at(&mut buffer, from).is_err() {
            continue;
        }
        for (secret, found) in secrets.iter().zip(&mut found) {
            *found += buffer.windows(secret.0.len()).filter(|window| secret.is_at(window)).count();
        }
        buffer.fill(0);
    }
    found
}

// Security: H6.
#[test]
fn of_our_own_secrets_nothing_is_left_after_the_drop() {
    if !is_child("memory::of_our_own_secrets_nothing_is_left_after_the_drop") {
        return;
    }
    let [token, refresh, password] = [Masked::random(), Masked::random(), Masked::random()];
    let held = AccessToken::new(token.plain()).unwrap();
    assert!(copies([&token])[0] >= 1, "the search finds what is there");

    // Moved, cloned, kept in a list that grows, shown, compared, taken out.
    let mut many = vec![held.clone()];
    for _ in 0..100 {
        many.push(held.clone());
    }
    let mut optional = Some(held);
    let shown = format!("{many:?} {optional:?} {}", many[0].fingerprint());
    assert!(shown.contains("redacted"));
    drop((optional.take(), many));

    // Refused.
    RefreshToken::new(format!("{}\n", refresh.plain())).unwrap_err();
    Password::new(password.plain()).unwrap();

    // Read from an answer, whole and broken, and given to a grant.
    for end in ["\"}", "\"", "\",\"expires_in\":\"never\"}", "\",\"scope\":7}"] {
        let start = r#"{"token_type":"Bearer","access_token":""#;
        let mut json = zeroize::Zeroizing::new(Vec::with_capacity(512));
        json.extend(start.bytes());
        json.extend(zeroize::Zeroizing::new(token.plain()).bytes());
        json.extend(r#"","refresh_token":""#.bytes());
        json.extend(zeroize::Zeroizing::new(refresh.plain()).bytes());
        json.extend(end.bytes());
        if let Ok(response) = TokenResponse::from_json(&json, &Leniency::default()) {
            let grant = Grant::refresh_token(response.refresh_token.unwrap());
            drop((grant.clone(), grant));
        }
    }
    assert_eq!(copies([&token, &refresh, &password]), [0, 0, 0]);
}

// Security: H6.
#[test]
fn what_other_libraries_keep_does_not_grow() {
    if !is_child("memory::what_other_libraries_keep_does_not_grow") {
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let server = runtime.block_on(AuthorizationServer::start()).unwrap();
    let secret = Masked::of(&server.client().secret);
    // The server is in this process and has its own copies.
    let servers = copies([&secret])[0];
    let endpoint = || {
        HttpTokenEndpoint::builder(generic(&server, Dialect::form()))
            .client_secret(server.client().id.clone(), ClientSecret::new(secret.plain()).unwrap())
            .build()
            .unwrap()
    };
    let renew = |times: usize| {
        let endpoint = endpoint();
        for _ in 0..times {
            runtime.block_on(endpoint.exchange(&Grant::client_credentials())).unwrap();
        }
        drop(endpoint);
        copies([&secret])[0] - servers
    };
    let few = renew(10);
    let many = renew(500);
    assert!(many <= few + 8, "{few} copies after 10 requests, {many} after 500 more");
}

// Security: H6.
#[test]
fn a_session_that_is_gone_leaves_no_refresh_token() {
    if !is_child("memory::a_session_that_is_gone_leaves_no_refresh_token") {
        return;
    }
    let refresh = Masked::random();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let endpoint =
            HttpTokenEndpoint::builder(butlr_auth::Provider::butlr()).client_id("cli").build().unwrap();
        let session = Session::builder(endpoint).open().unwrap();
        let mut response = TokenResponse::new(AccessToken::new("token").unwrap());
        response.refresh_token = Some(Secret::new(refresh.plain()).unwrap());
        session.login_with(response).await.unwrap();
        assert!(copies([&refresh])[0] >= 1);
        session.shutdown().await;
    });
    drop(runtime);
    assert_eq!(copies([&refresh]), [0]);
}
