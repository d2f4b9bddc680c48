//! Every secret of a session's life, looked for where nobody looks until something is wrong: in what a monitoring
//! system is told, and in what a process says when it panics.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use butlr_auth::cache::{Entry, Id, MemoryStore, Promises, SessionKey, Swap, TokenStore};
use butlr_auth::core::{EndpointIdentity, ManualClock, RefreshToken, Revocation};
use butlr_auth::{
    ClientSecret, Dialect, Error, ErrorKind, Grant, HttpTokenEndpoint, Session, TokenEndpoint, TokenResponse,
};
use butlr_auth_testkit::{AuthorizationServer, Endpoint, Fault};

use crate::{generic, password};

/// What must not be seen. It shows nothing of itself, because what breaks below shows all that it can.
#[derive(Clone, Default)]
struct Canaries(Arc<Mutex<BTreeSet<String>>>);

impl fmt::Debug for Canaries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Canaries")
    }
}

impl Canaries {
    fn of(server: &AuthorizationServer) -> Self {
        let canaries = Self::default();
        canaries.add(&server.odd_client().secret);
        canaries.add(&server.user().password);
        canaries
    }

    /// Of a JWT its signature, which alone is secret; all of anything else.
    fn add(&self, secret: &str) {
        let own = if secret.matches('.').count() == 2 { secret.rsplit('.').next().unwrap() } else { secret };
        assert!(own.len() >= 12, "this is no secret: {own}");
        self.0.lock().unwrap().insert(own.to_owned());
    }

    fn all(&self) -> BTreeSet<String> {
        self.0.lock().unwrap().clone()
    }
}

/// The first secret of these that is in `text`, in a form in which a program might repeat it, whole or in part.
fn seen_in<'a>(text: &str, canaries: &'a BTreeSet<String>) -> Option<&'a str> {
    canaries.iter().map(String::as_str).find(|canary| {
        let piece: String = canary.chars().take(12).collect();
        let hexadecimal: String = piece.bytes().map(|byte| format!("{byte:02x}")).collect();
        let forms = [
            hexadecimal.to_uppercase(),
            hexadecimal,
            url::form_urlencoded::byte_serialize(piece.as_bytes()).collect(),
            serde_json::to_string(&piece).unwrap().trim_matches('"').to_owned(),
            format!("{:?}", piece.as_bytes()).trim_matches(['[', ']']).to_owned(),
        ];
        forms.into_iter().chain(in_base64(&piece)).chain([piece.clone()]).any(|form| text.contains(&form))
    })
}

/// What base64 makes of a piece of text, wherever that stands in a longer one.
fn in_base64(piece: &str) -> impl Iterator<Item = String> {
    (0..3).flat_map(move |before| {
        let text = ["\0".repeat(before).as_str(), piece].concat();
        // Letters that only this piece decides.
        let own = (before * 8).div_ceil(6)..text.len() * 8 / 6;
        [STANDARD_NO_PAD.encode(&text), URL_SAFE_NO_PAD.encode(&text)]
            .map(|letters| letters[own.clone()].to_owned())
    })
}

/// An endpoint that remembers every token and, when it is told to, breaks with all that is in its reach.
#[derive(Clone, Debug)]
struct Watching {
    endpoint: HttpTokenEndpoint,
    canaries: Canaries,
    refresh_token: Arc<Mutex<Option<RefreshToken>>>,
    breaks: Arc<AtomicBool>,
}

#[async_trait]
impl TokenEndpoint for Watching {
    async fn exchange(&self, grant: &Grant) -> Result<TokenResponse, Error> {
        let result = self.endpoint.exchange(grant).await;
        if let Ok(response) = &result {
            self.canaries.add(response.access_token.expose());
            if let Some(token) = &response.refresh_token {
                self.canaries.add(token.expose());
                *self.refresh_token.lock().unwrap() = Some(token.clone());
            }
        }
        let breaks = self.breaks.swap(false, Ordering::SeqCst);
        assert!(!breaks, "the endpoint breaks: {self:?} {grant:?} {grant:#?} {result:?} {result:#?}");
        result
    }

    async fn revoke(&self, token: Revocation<'_>) -> Result<(), Error> {
        self.endpoint.revoke(token).await
    }

    fn identity(&self) -> &EndpointIdentity {
        self.endpoint.identity()
    }
}

/// A store that breaks in the same manner.
#[derive(Clone, Debug, Default)]
struct Breaking {
    store: MemoryStore,
    breaks: Arc<AtomicBool>,
}

#[async_trait]
impl TokenStore for Breaking {
    async fn load(&self, key: &SessionKey) -> Result<Option<Entry>, Error> {
        self.store.load(key).await
    }

    async fn compare_and_swap(
        &self,
        key: &SessionKey,
        expected: Option<Id>,
        entry: &Entry,
    ) -> Result<Swap, Error> {
        let breaks = self.breaks.swap(false, Ordering::SeqCst);
        assert!(!breaks, "the store breaks: {self:?} {self:#?} {key:?} {entry:?} {entry:#?}");
        self.store.compare_and_swap(key, expected, entry).await
    }

    fn promises(&self) -> Promises {
        self.store.promises()
    }
}

/// A session by a clock of its own, over parts that can break.
struct Life {
    server: AuthorizationServer,
    session: Session,
    clock: ManualClock,
    endpoint: Watching,
    store: Breaking,
}

impl Life {
    async fn begin() -> Self {
        let server = AuthorizationServer::start().await.unwrap();
        let client = server.odd_client();
        let secret = ClientSecret::new(client.secret.clone()).unwrap();
        let endpoint = HttpTokenEndpoint::builder(generic(&server, Dialect::form()))
            .client_secret(client.id.clone(), secret)
            .build()
            .unwrap();
        let (clock, store) = (ManualClock::new(), Breaking::default());
        let canaries = Canaries::of(&server);
        let endpoint = Watching { endpoint, canaries, refresh_token: Arc::default(), breaks: Arc::default() };
        let builder = Session::builder(endpoint.clone()).store(store.clone()).clock(clock.clone());
        let session = builder.open().unwrap();
        session.login(&password(&server)).await.unwrap();
        Self { server, session, clock, endpoint, store }
    }

    /// The next error repeats every secret that it was asked with.
    fn reflect(&self) {
        let token = self.endpoint.refresh_token.lock().unwrap().clone().unwrap();
        let said = format!("{} may not use {}", self.server.odd_client().secret, token.expose());
        let body = serde_json::json!({ "error": "invalid_request", "error_description": said }).to_string();
        let fault = Fault::status(400).header("Content-Type", "application/json").body(body);
        self.server.inject(fault.on(Endpoint::Token).times(1));
    }

    /// Lets the token expire, and every failure be forgotten.
    fn expire(&self) {
        self.clock.advance(Duration::from_secs(100_000));
    }
}

// Security: H2.
#[cfg(feature = "metrics")]
#[test]
fn no_metric_of_a_whole_life_holds_a_secret() {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let canaries = metrics::with_local_recorder(&recorder, || {
        butlr_auth::metrics::describe();
        runtime.block_on(async {
            let life = Life::begin().await;
            let session = &life.session;
            life.expire();
            let token = session.token().await.unwrap();
            life.clock.advance(Duration::from_secs(10));
            session.reject(&token.fingerprint());
            session.token().await.unwrap();
            life.expire();
            life.reflect();
            session.token().await.unwrap_err();
            life.expire();
            session.token().await.unwrap();
            session.logout().await.unwrap();
            session.login(&password(&life.server)).await.unwrap();
            life.expire();
            life.server.inject(Fault::error("invalid_grant").on(Endpoint::Token));
            session.token().await.unwrap_err();
            session.shutdown().await;
            life.endpoint.canaries.all()
        })
    });
    let told = recorder.handle().render();
    assert!(canaries.len() >= 12, "{}", canaries.len());
    for name in ["exchanges", "exchange_duration", "token_remaining_lifetime", "tokens_rejected", "events"] {
        assert!(told.contains(&format!("butlr_auth_{name}")), "no {name} in\n{told}");
    }
    for label in ["outcome=\"granted\"", "outcome=\"refused\"", "grant_type=\"refresh_token\""] {
        assert!(told.contains(label), "no {label} in\n{told}");
    }
    assert_eq!(seen_in(&told, &canaries), None, "{told}");
}

/// Where the process that panics writes down its secrets.
const CHILD: &str = "BUTLR_AUTH_PANICS_CHILD";

// Security: H1, H3, M2.
#[test]
fn a_panic_with_every_secret_in_reach_shows_none() {
    if let Some(file) = std::env::var_os(CHILD) {
        return panic_in_every_place(Path::new(&file));
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("canaries");
    let test = "canaries::a_panic_with_every_secret_in_reach_shows_none";
    let output = Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env("RUST_BACKTRACE", "full")
        .env(CHILD, &file)
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    assert!(output.status.success(), "{said}");
    let canaries = std::fs::read_to_string(file).unwrap().lines().map(str::to_owned).collect();
    // Each of them was there, with its stack and what it could show.
    assert_eq!(said.matches("panicked at").count(), 5, "{said}");
    assert!(said.contains("stack backtrace") && said.matches("[redacted]").count() > 10, "{said}");
    assert_eq!(seen_in(&said, &canaries), None, "{said}");
}

fn panic_in_every_place(file: &Path) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let life = Life::begin().await;
        // What others give to a session breaks inside it, before and after the answer has come.
        for breaks in [&life.endpoint.breaks, &life.store.breaks] {
            life.expire();
            breaks.store(true, Ordering::SeqCst);
            assert_eq!(life.session.token().await.unwrap_err().kind(), ErrorKind::Busy);
            assert!(!breaks.load(Ordering::SeqCst));
            life.expire();
            life.session.login(&password(&life.server)).await.unwrap();
        }
        // A program that takes an error or a success for granted, in a task.
        let session = life.session.clone();
        let token = tokio::spawn(async move { session.token().await.unwrap_err() });
        assert!(token.await.unwrap_err().is_panic());
        life.expire();
        life.reflect();
        let session = life.session.clone();
        let failure = tokio::spawn(async move { session.token().await.unwrap() });
        assert!(failure.await.unwrap_err().is_panic());
        let (endpoint, grant) = (life.endpoint.clone(), password(&life.server));
        let response = tokio::spawn(async move { endpoint.exchange(&grant).await.unwrap_err() });
        assert!(response.await.unwrap_err().is_panic());
        let canaries: Vec<_> = life.endpoint.canaries.all().into_iter().collect();
        std::fs::write(file, canaries.join("\n")).unwrap();
    });
}

#[test]
fn a_secret_is_found_in_every_form() {
    let canaries = BTreeSet::from(["p%a+s/s:w&o=r d~".to_owned()]);
    for text in [
        "p%a+s/s:w&o=r",
        "[112, 37, 97, 43, 115, 47, 115, 58, 119, 38, 111, 61, 114]",
        "7025612b732f733a77266f3d72",
        "7025612B732F733A77266F3D72",
        "secret=p%25a%2Bs%2Fs%3Aw%26o%3Dr+d%7E",
        "Basic cCVhK3Mvczp3Jm89ciBkfg",
        "Basic Y2MlM0FvZGQraWQ6cCVhK3Mvczp3Jm89ciBkfg",
    ] {
        assert!(seen_in(text, &canaries).is_some(), "{text}");
    }
    assert_eq!(seen_in("Secret([redacted]) p%25 7025612b [112, 37]", &canaries), None);
}
