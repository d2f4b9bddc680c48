//! How much memory this process holds, and held at most since somebody asked it to forget: Linux tells.

use std::fs;

/// In bytes.
pub(super) fn now() -> Option<u64> {
    status("VmRSS:")
}

/// In bytes.
pub(super) fn peak() -> Option<u64> {
    status("VmHWM:")
}

/// Where it cannot be done, the peak is that of the whole run, and no case is cheaper for it.
pub(super) fn forget_peak() {
    // proc(5): 5 resets the peak resident set size.
    drop(fs::write("/proc/self/clear_refs", "5"));
}

fn status(name: &str) -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let kibibytes = status.lines().find_map(|line| line.strip_prefix(name))?;
    kibibytes.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kibibytes| kibibytes * 1024)
}
