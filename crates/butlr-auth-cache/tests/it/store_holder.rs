//! Who keeps a session from being renewed is named by stores of many hosts too, which know it from the lease.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use butlr_auth_cache::{PostgresStore, RedisStore, RefreshPolicy, Session, TokenStore};
use butlr_auth_core::ErrorKind;
use butlr_auth_testkit::servers::{PostgresServer, RedisServer, or_skip};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::time::sleep;

use crate::server::{Server, password};

const LIFETIME: Duration = Duration::from_secs(1000);
const LOOK: Duration = Duration::from_millis(5);

/// The folder of a holder: it finds its store's address there, and says there that its request has left.
const FOLDER: &str = "BUTLR_AUTH_TEST_HOLDER";

fn redis(url: &str) -> Box<dyn TokenStore> {
    Box::new(RedisStore::open(url).unwrap())
}

fn postgres(url: &str) -> Box<dyn TokenStore> {
    Box::new(PostgresStore::open(url).unwrap())
}

#[tokio::test]
async fn a_stopped_holder_is_named_over_redis() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        return hold(Path::new(&folder), redis).await;
    }
    let Some(server) = or_skip(RedisServer::start()) else { return };
    check("store_holder::a_stopped_holder_is_named_over_redis", &server.url(), redis).await;
}

#[tokio::test]
async fn a_stopped_holder_is_named_over_postgres() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        return hold(Path::new(&folder), postgres).await;
    }
    let Some(server) = or_skip(PostgresServer::start()) else { return };
    PostgresStore::open(&server.url()).unwrap().create_schema().await.unwrap();
    check("store_holder::a_stopped_holder_is_named_over_postgres", &server.url(), postgres).await;
}

/// The process that is stopped: its server never answers.
async fn hold(folder: &Path, open: fn(&str) -> Box<dyn TokenStore>) {
    let url = fs::read_to_string(folder.join("url")).unwrap();
    let server = Server::new(LIFETIME);
    let session = Session::builder(server.clone()).store(open(&url)).open().unwrap();
    session.login(&password()).await.unwrap();
    server.close();
    let renewal = tokio::spawn(async move { session.renew().await });
    while server.exchanges() < 2 {
        // Sleeps because the server of the test tells nobody when a request comes; nothing hangs on how long.
        sleep(LOOK).await;
    }
    fs::write(folder.join("sent"), "").unwrap();
    let _ = renewal.await;
}

async fn check(test: &str, url: &str, open: fn(&str) -> Box<dyn TokenStore>) {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("url"), url).unwrap();
    let holder = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(FOLDER, folder.path())
        .stdout(Stdio::null())
        .spawn();
    let mut holder = Ended(holder.unwrap());
    while !folder.path().join("sent").exists() {
        assert!(holder.0.try_wait().unwrap().is_none(), "the holder has failed");
        // Sleeps because another process cannot be awaited; nothing hangs on how long.
        sleep(LOOK).await;
    }
    kill_process(Pid::from_child(&holder.0), Signal::STOP).unwrap();

    let server = Server::new(LIFETIME);
    let mut policy = RefreshPolicy::default();
    policy.chain = Duration::from_secs(2);
    let session = Session::builder(server.clone()).store(open(url)).policy(policy).open().unwrap();
    let error = session.renew().await.unwrap_err();
    let said = error.to_string();
    assert_eq!(error.kind(), ErrorKind::Busy, "{said}");
    assert!(said.contains(&format!("process {} on ", holder.0.id())), "{said}");
    assert!(said.contains("which is stopped, for ") && said.contains("nothing was done to it"), "{said}");
    assert_eq!(server.exchanges(), 0);
    // It is stopped as before.
    assert!(holder.0.try_wait().unwrap().is_none());
}

/// A process that does not outlive the test, whatever comes of that.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
