//! Who has a lock, written into its file for whoever waits for it. Nothing is decided by it: only people read it.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::time::Duration;

use butlr_auth_core::text::escape;

use super::directory::Directory;
use super::milliseconds_since_1970;

/// More is not what was written.
const LONGEST: usize = 512;

/// Writes this process into the file of a lock that it has. A disk that is full is no reason not to go on.
pub(super) fn sign(file: &File) {
    let process = std::process::id();
    let (host, namespace) = (host(), namespace());
    let line = format!("{process} {namespace} {} {host}\n", milliseconds_since_1970());
    let _ = file.set_len(0).and_then(|()| file.write_all_at(line.as_bytes(), 0));
}

/// Says who signed the file of this name last.
pub(super) fn read(directory: &Directory, name: &str) -> Option<String> {
    let file = directory.open_file(name).ok()??;
    let mut bytes = [0; LONGEST];
    let length = file.read_at(&mut bytes, 0).ok()?;
    let line = std::str::from_utf8(bytes.get(..length)?).ok()?.strip_suffix('\n')?;
    let now = milliseconds_since_1970();
    shown(line, &host(), &namespace(), now)
}

/// In words, as they are right in this PID namespace of this host.
fn shown(line: &str, here: &str, namespace_here: &str, now: u128) -> Option<String> {
    let mut words = line.splitn(4, ' ');
    let process: u32 = words.next()?.parse().ok()?;
    let namespace = words.next()?;
    let since: u128 = words.next()?.parse().ok()?;
    let host = words.next()?;
    let held = Duration::from_millis(u64::try_from(now.saturating_sub(since)).unwrap_or_default()).as_secs();
    let host_shown = escape(host, 64);
    if namespace == namespace_here {
        let stopped = if is_stopped(process) { ", which is stopped" } else { "" };
        return Some(format!("process {process} on {host_shown}{stopped}, for {held} s"));
    }
    let place = if host == here { "in another container of" } else { "in another container, on" };
    let namespace = escape(namespace, 64);
    Some(format!("process {process} ({namespace}) {place} {host_shown}, for {held} s"))
}

fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "this host".to_owned() } else { name.replace(char::is_whitespace, "_") }
}

/// Which numbers of processes mean the same ones; the same everywhere where the system has no such thing.
fn namespace() -> String {
    let link = std::fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    let name = link.to_string_lossy().replace(char::is_whitespace, "_");
    if name.is_empty() { "-".to_owned() } else { name }
}

/// Whether somebody has stopped it. The state stands behind the name, which may hold anything.
fn is_stopped(process: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with(['T', 't']))
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn a_holder_is_named_as_it_is_known_here() {
        let line = "4294967295 pid:[1] 1000 host-a";
        let said = |host, namespace| shown(line, host, namespace, 9000).unwrap();
        assert_eq!(said("host-a", "pid:[1]"), "process 4294967295 on host-a, for 8 s");
        assert_eq!(
            said("host-a", "pid:[2]"),
            "process 4294967295 (pid:[1]) in another container of host-a, for 8 s"
        );
        assert_eq!(
            said("host-b", "pid:[2]"),
            "process 4294967295 (pid:[1]) in another container, on host-a, for 8 s"
        );
        assert_eq!(shown("", "host-a", "pid:[1]", 9000), None);
    }
}
