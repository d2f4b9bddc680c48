//! What is logged, at TRACE and by every crate below, of exchanges that succeed and that fail.

use std::io;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use butlr_auth_core::{ClientSecret, Dialect, Grant, Provider, Secret, TokenEndpoint};
use butlr_auth_http::HttpTokenEndpoint;
use tracing_subscriber::fmt::MakeWriter;

use crate::capture::{Capture, Play, response};
use crate::runtime;

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// What went to the `log` crate, from every test of this binary: there is one logger to a process.
static LOGGED: Mutex<String> = Mutex::new(String::new());

struct Logger;

impl log::Log for Logger {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        *LOGGED.lock().unwrap() += &format!("{} {}\n", record.target(), record.args());
    }

    fn flush(&self) {}
}

// Security: H2.
#[test]
fn no_secret_is_logged_at_any_level() {
    log::set_logger(&Logger).unwrap();
    log::set_max_level(log::LevelFilter::Trace);
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(lines.clone())
        .finish();
    // For all threads: a callsite that another test's thread meets first would else stay silent here, too.
    tracing::subscriber::set_global_default(subscriber).unwrap();
    runtime().block_on(async {
        let issued = r#"{"access_token":"canary-a","token_type":"Bearer","refresh_token":"canary-r"}"#;
        let refused = r#"{"error":"invalid_grant","error_description":"canary-refresh"}"#;
        for (status, body) in [("200 OK", issued), ("200 OK", "canary"), ("400 Bad Request", refused)] {
            for dialect in [Dialect::form(), Dialect::json()] {
                let answer = response(status, "application/json", body);
                let capture = Capture::start(Play::Bytes(answer)).await;
                let url = capture.url("/token?key=canary-key").parse().unwrap();
                let endpoint = HttpTokenEndpoint::builder(Provider::new("example", url, dialect))
                    .client_secret("cli", ClientSecret::new("canary-secret").unwrap())
                    .build()
                    .unwrap();
                let grant = Grant::refresh_token(Secret::new("canary-refresh").unwrap());
                let _ = endpoint.exchange(&grant).await;
                capture.only_request();
            }
        }
    });
    let logged = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    let logged = logged + &LOGGED.lock().unwrap();
    for talker in ["butlr_auth_http", "hyper_util", "reqwest"] {
        assert!(logged.contains(talker), "{talker} said nothing: {logged}");
    }
    assert!(!logged.contains("canary"), "{logged}");
    assert!(!logged.contains(&STANDARD.encode("cli:canary")[..10]), "{logged}");
}
