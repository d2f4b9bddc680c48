//! Who has a lock or a lease, written down for whoever waits for it: in the lock's file, or in the record. Nothing is
//! decided by it: only people read it.

#[cfg(unix)]
use std::fs::File;
#[cfg(unix)]
use std::os::unix::fs::FileExt as _;
use std::sync::OnceLock;
use std::time::Duration;

use butlr_auth_core::text::escape;

#[cfg(unix)]
use super::directory::Directory;
use super::milliseconds_since_1970;

/// More is not what was written.
#[cfg(unix)]
const LONGEST: usize = 512;

/// Writes this process into the file of a lock that it has. A disk that is full is no reason not to go on.
#[cfg(unix)]
pub(super) fn sign(file: &File) {
    let line = format!("{}\n", signature());
    let _ = file.set_len(0).and_then(|()| file.write_all_at(line.as_bytes(), 0));
}

/// Says who signed the file of this name last.
#[cfg(unix)]
pub(super) fn read(directory: &Directory, name: &str) -> Option<String> {
    let file = directory.open_file(name).ok()??;
    let mut bytes = [0; LONGEST];
    let length = file.read_at(&mut bytes, 0).ok()?;
    describe(std::str::from_utf8(bytes.get(..length)?).ok()?.strip_suffix('\n')?)
}

/// This process as it signs what it holds from now on.
pub(crate) fn signature() -> String {
    let Place { host, kernel, namespace } = Place::here();
    format!("{} {namespace} {kernel} {} {host}", std::process::id(), milliseconds_since_1970())
}

/// Says in words who signed, and for how long it has held what it signed.
pub(crate) fn describe(signature: &str) -> Option<String> {
    shown(signature, Place::here(), milliseconds_since_1970())
}

/// Where a number means one process.
struct Place {
    host: String,
    /// Which run of which machine, as every container on it sees it: namespaces bear the same numbers on all machines.
    kernel: String,
    /// Which numbers of processes mean the same ones.
    namespace: String,
}

impl Place {
    /// Neither changes while a process runs, but for a name that only people read.
    fn here() -> &'static Self {
        static HERE: OnceLock<Place> = OnceLock::new();
        HERE.get_or_init(|| {
            let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
            let namespace = std::fs::read_link("/proc/self/ns/pid").unwrap_or_default();
            Self {
                host: word(&read("/proc/sys/kernel/hostname"), "an-unnamed-host"),
                kernel: word(&read("/proc/sys/kernel/random/boot_id"), "-"),
                namespace: word(&namespace.to_string_lossy(), "-"),
            }
        })
    }
}

/// The text as one word; another one where the system says nothing.
fn word(text: &str, or: &str) -> String {
    let text = text.trim();
    if text.is_empty() { or.to_owned() } else { text.replace(char::is_whitespace, "_") }
}

/// In words, as they are right for a process at `here`.
fn shown(signature: &str, here: &Place, now: u128) -> Option<String> {
    let mut words = signature.splitn(5, ' ');
    let process: u32 = words.next()?.parse().ok()?;
    let (namespace, kernel) = (words.next()?, words.next()?);
    let since: u128 = words.next()?.parse().ok()?;
    let host = escape(words.next()?, 64);
    let held = Duration::from_millis(u64::try_from(now.saturating_sub(since)).unwrap_or_default()).as_secs();
    let shown_namespace = escape(namespace, 64);
    let who = if kernel != here.kernel {
        format!("process {process} ({shown_namespace}) on another machine, {host}")
    } else if namespace != here.namespace {
        format!("process {process} ({shown_namespace}) in another container of this machine, {host}")
    } else {
        let stopped = if is_stopped(process) { ", which is stopped" } else { "" };
        format!("process {process} on {host}{stopped}")
    };
    Some(format!("{who}, for {held} s"))
}

/// Whether somebody has stopped it. The state stands behind the name, which may hold anything.
fn is_stopped(process: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with(['T', 't']))
}

#[cfg(test)]
mod tests {
    use super::{Place, describe, shown, signature};

    #[test]
    fn a_holder_is_named_as_it_is_known_here() {
        let line = "4294967295 pid:[1] kernel-1 1000 host-a";
        let said = |kernel: &str, namespace: &str| {
            let here = Place { host: "h".into(), kernel: kernel.into(), namespace: namespace.into() };
            shown(line, &here, 9000).unwrap()
        };
        assert_eq!(said("kernel-1", "pid:[1]"), "process 4294967295 on host-a, for 8 s");
        assert_eq!(
            said("kernel-1", "pid:[2]"),
            "process 4294967295 (pid:[1]) in another container of this machine, host-a, for 8 s"
        );
        // The first namespace of every machine has the same number.
        assert_eq!(
            said("kernel-2", "pid:[1]"),
            "process 4294967295 (pid:[1]) on another machine, host-a, for 8 s"
        );
        assert_eq!(describe(""), None);
        assert!(describe(&signature()).unwrap().starts_with(&format!("process {} on ", std::process::id())));
    }
}
