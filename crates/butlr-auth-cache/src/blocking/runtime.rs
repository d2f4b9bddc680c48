use std::sync::{Mutex, OnceLock, PoisonError, mpsc};
use std::thread;

use butlr_auth_core::{Error, ErrorKind};
use tokio::runtime::{Builder, Handle};

/// The runtime of all blocking sessions, on a thread of its own, started by the first that needs it. It lives as long
/// as the process, so that connections that an endpoint keeps do not end with one session.
pub(crate) fn runtime() -> Result<&'static Handle, Error> {
    static RUNTIME: OnceLock<Handle> = OnceLock::new();
    static STARTING: Mutex<()> = Mutex::new(());
    if let Some(runtime) = RUNTIME.get() {
        return Ok(runtime);
    }
    let starting = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(runtime) = RUNTIME.get() {
        return Ok(runtime);
    }
    let started = start()?;
    let runtime = RUNTIME.get_or_init(|| started);
    drop(starting);
    Ok(runtime)
}

/// The runtime is made and, should that fail, dropped on its own thread: a runtime must not be dropped inside another.
fn start() -> Result<Handle, Error> {
    let (sender, receiver) = mpsc::sync_channel(1);
    let run = move || match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => {
            let _ = sender.send(Ok(runtime.handle().clone()));
            runtime.block_on(std::future::pending::<()>());
        }
        Err(error) => {
            let _ = sender.send(Err(error));
        }
    };
    let refused = |error: std::io::Error| {
        let message = "the system has no thread for the renewals of blocking sessions";
        Error::new(ErrorKind::Busy, message).with_source(error)
    };
    thread::Builder::new().name("butlr-auth".to_owned()).spawn(run).map_err(refused)?;
    let cut_off = |_| Error::new(ErrorKind::Busy, "the thread of blocking sessions did not start");
    receiver.recv().map_err(cut_off)?.map_err(refused)
}
