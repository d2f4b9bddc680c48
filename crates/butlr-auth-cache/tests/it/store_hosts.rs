//! Two hosts with wrong clocks and two processes each share a session, and one of them loses its network for a while:
//! real processes in network namespaces, over TLS, as from another machine.

mod host;
mod network;

use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use butlr_auth_cache::{PostgresStore, RedisStore, Session, TokenStore};
use butlr_auth_core::{Clock as _, SystemClock};
use butlr_auth_testkit::servers::{Certificate, PostgresServer, RedisServer, or_skip};
use tempfile::TempDir;
use tokio::time::sleep;

use self::host::{Folder, LIFETIME, Process, Server};
use self::network::Network;
use crate::server::password;

const PROCESSES: [&str; 4] = ["a1", "a2", "b1", "b2"];

fn redis(url: &str, authority: &str) -> Box<dyn TokenStore> {
    Box::new(RedisStore::builder(url).certificate_authorities(authority).build().unwrap())
}

fn postgres(url: &str, authority: &str) -> Box<dyn TokenStore> {
    Box::new(PostgresStore::builder(url).certificate_authorities(authority).build().unwrap())
}

// Security: K1.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_cut_off_from_redis_goes_on_and_comes_back() {
    if let Some(process) = Process::here() {
        return process.live(redis).await;
    }
    let Some(network) = Network::lay() else { return };
    let server = RedisServer::builder().address(network.address()).tls().password("canary");
    let Some(server) = or_skip(server.start()) else { return };
    let authority = server.certificate().map(Certificate::authority).unwrap();
    let test = "store_hosts::a_host_cut_off_from_redis_goes_on_and_comes_back";
    check(test, &network, &server.url(), authority, redis).await;
}

// Security: K1.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_cut_off_from_postgres_goes_on_and_comes_back() {
    if let Some(process) = Process::here() {
        return process.live(postgres).await;
    }
    let Some(network) = Network::lay() else { return };
    let server = PostgresServer::builder().address(network.address()).tls();
    let Some(server) = or_skip(server.start()) else { return };
    let authority = server.certificate().map(Certificate::authority).unwrap();
    let store = PostgresStore::builder(&server.url()).certificate_authorities(authority).build().unwrap();
    store.create_schema().await.unwrap();
    let test = "store_hosts::a_host_cut_off_from_postgres_goes_on_and_comes_back";
    check(test, &network, &server.url(), authority, postgres).await;
}

async fn check(
    test: &str,
    network: &Network,
    url: &str,
    authority: &str,
    open: impl Fn(&str, &str) -> Box<dyn TokenStore>,
) {
    let shared = TempDir::new().unwrap();
    let folder = Folder(shared.path().to_owned());
    fs::write(shared.path().join("url"), url).unwrap();
    fs::write(shared.path().join("authority"), authority).unwrap();
    let began = SystemClock::new().boot();
    let session = Session::builder(Server::new(&folder)).store(open(url, authority)).open().unwrap();
    session.login(&password()).await.unwrap();
    let mut running = Running(PROCESSES.map(|name| start(network, test, shared.path(), name)));

    running.wait_until(|| PROCESSES.iter().all(|name| !folder.lines(name).is_empty())).await;
    network.cut("a");
    // Sleeps because the token becomes due meanwhile: host `b` renews it, and host `a` must live on what it has.
    sleep(Duration::from_secs(10)).await;
    let issued = folder.newest("b1").max(folder.newest("b2"));
    assert_eq!((folder.newest("a1"), folder.newest("a2")), (1, 1), "the cable was not cut");
    assert!(issued > 1, "host b waits for host a");
    network.mend("a");
    running.wait_until(|| PROCESSES.iter().all(|name| folder.newest(name) > issued)).await;

    fs::write(shared.path().join("stop"), "").unwrap();
    running.end();
    let (issued, reused) = folder.counts();
    assert_eq!(reused, 0, "a refresh token was presented twice");
    // Margin and jitter are a quarter of a token's life each, and a clock that is ahead sees it come 1.5 s earlier.
    let at_least = LIFETIME / 2 - Duration::from_millis(1500);
    let passed = SystemClock::new().boot() - began;
    let required = 1 + usize::try_from(passed.as_millis() / at_least.as_millis()).unwrap();
    assert!(issued <= 1 + required, "{issued} tokens in {passed:?}");
}

fn start(network: &Network, test: &str, folder: &Path, name: &str) -> Child {
    let host = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let mut command = network.on(host);
    Process::tell(&mut command, test, folder, name);
    command.stdout(Stdio::null()).spawn().unwrap()
}

/// The processes; what is left of them is killed.
struct Running([Child; 4]);

impl Running {
    async fn wait_until(&mut self, is_so: impl Fn() -> bool) {
        for _ in 0..600 {
            if is_so() {
                return;
            }
            for process in &mut self.0 {
                assert!(process.try_wait().unwrap().is_none(), "a process has ended");
            }
            // Sleeps because other processes are at work; it looks often enough.
            sleep(Duration::from_millis(50)).await;
        }
        assert!(is_so(), "what was waited for has not come within 30 s");
    }

    fn end(&mut self) {
        for process in &mut self.0 {
            assert!(process.wait().unwrap().success());
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        for process in &mut self.0 {
            // It fails for one that has ended.
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}
