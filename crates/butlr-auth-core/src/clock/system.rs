use std::time::{Duration, SystemTime};

use super::{Clock, Moment};

/// The operating system's clocks.
///
/// On Linux boot time is `CLOCK_BOOTTIME`, and a boot is told from another by the kernel's boot id and the time
/// namespace. Elsewhere boot time is the later of the monotonic and the wall clock, counted from the process's first
/// look at them, and each process is a boot of its own: what it reads of another one's times it compares by wall time.
/// All clocks of a process agree.
#[derive(Clone, Debug)]
pub struct SystemClock(());

impl SystemClock {
    /// Opens the clocks. On Linux the first one reads the boot id, the one thing that this crate reads from the system.
    #[must_use]
    pub fn new() -> Self {
        os::open();
        Self(())
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Moment {
        os::now()
    }

    fn boot(&self) -> Duration {
        os::boot()
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the clock")]
fn wall() -> SystemTime {
    SystemTime::now()
}

#[cfg(target_os = "linux")]
mod os {
    use std::sync::LazyLock;
    use std::time::Duration;

    use rustix::time::{ClockId, clock_gettime};

    use super::super::Moment;
    use crate::Fingerprint;

    /// The kernel's boot id and the time namespace, whose boot clock may be shifted. A system that hides both is
    /// one boot per process. Read once: neither changes while a process lives.
    static BOOT_ID: LazyLock<Fingerprint> = LazyLock::new(|| {
        let boot = std::fs::read("/proc/sys/kernel/random/boot_id");
        let boot = boot.unwrap_or_else(|_| crate::random::bytes::<16>().to_vec());
        let namespace = std::fs::read_link("/proc/self/ns/time").unwrap_or_default();
        Fingerprint::of(&[&boot, namespace.as_os_str().as_encoded_bytes()].concat())
    });

    pub(super) fn open() {
        LazyLock::force(&BOOT_ID);
    }

    pub(super) fn now() -> Moment {
        Moment::new(super::wall(), boot(), *BOOT_ID)
    }

    pub(super) fn boot() -> Duration {
        let time = clock_gettime(ClockId::Boottime);
        let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
        let nanoseconds = u32::try_from(time.tv_nsec).unwrap_or_default();
        Duration::new(seconds, nanoseconds)
    }
}

#[cfg(not(target_os = "linux"))]
mod os {
    use std::sync::LazyLock;
    use std::time::{Duration, Instant};

    use super::super::Moment;
    use super::super::without_boot::{Elapsed, WithoutBootClock};

    /// One for the whole process: two zeros, or two boot ids, would make clocks that cannot be compared.
    static CLOCK: LazyLock<WithoutBootClock> = LazyLock::new(|| WithoutBootClock::starting_at(super::wall()));

    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);

    pub(super) fn open() {
        LazyLock::force(&START);
        LazyLock::force(&CLOCK);
    }

    pub(super) fn now() -> Moment {
        open();
        CLOCK.now(Elapsed { monotonic: START.elapsed(), wall: super::wall() })
    }

    pub(super) fn boot() -> Duration {
        now().boot
    }
}
