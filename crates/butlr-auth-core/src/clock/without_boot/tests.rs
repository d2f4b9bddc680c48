use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use super::{Elapsed, WithoutBootClock};
use crate::{Clock, Moment};

const HOUR: Duration = Duration::from_secs(3600);

/// A machine without a boot clock, and what the clocks of one of its processes read.
#[derive(Clone, Debug)]
struct Machine {
    process: Arc<WithoutBootClock>,
    reads: Arc<Mutex<Elapsed>>,
}

impl Machine {
    fn new() -> Self {
        let wall = SystemTime::UNIX_EPOCH + 500_000 * HOUR;
        let reads = Elapsed { monotonic: Duration::ZERO, wall };
        Self { process: Arc::new(WithoutBootClock::starting_at(wall)), reads: Arc::new(Mutex::new(reads)) }
    }

    fn passes(&self, monotonic: Duration, wall: Duration) {
        let mut reads = self.reads.lock().unwrap();
        reads.monotonic += monotonic;
        reads.wall += wall;
    }

    fn set_back(&self, by: Duration) {
        self.reads.lock().unwrap().wall -= by;
    }
}

impl Clock for Machine {
    fn now(&self) -> Moment {
        self.process.now(*self.reads.lock().unwrap())
    }
}

// Security: L7.
#[test]
fn all_clocks_of_a_process_agree() {
    let machine = Machine::new();
    let (one, another) = (machine.clone(), machine.clone());
    let before = one.now();
    machine.passes(HOUR, HOUR);
    assert_eq!(one.now(), another.now());
    assert_eq!(another.now().since(&before), Some(HOUR));
    assert_eq!(another.boot(), HOUR);
}

#[test]
fn another_process_is_another_boot() {
    assert_ne!(Machine::new().now().boot_id, Machine::new().now().boot_id);
}

#[test]
fn a_sleep_that_only_the_wall_clock_counts_passes_all_the_same() {
    let machine = Machine::new();
    machine.passes(Duration::ZERO, HOUR);
    machine.passes(HOUR, HOUR);
    assert_eq!(machine.boot(), 2 * HOUR);
}

// Security: L2, L7.
#[test]
fn boot_time_never_goes_back_whatever_is_done_to_the_wall_clock() {
    let machine = Machine::new();
    machine.passes(HOUR, 100 * HOUR);
    let ahead = machine.now();
    machine.set_back(99 * HOUR);
    machine.passes(HOUR, HOUR);
    assert_eq!(machine.now().since(&ahead), Some(HOUR));
    machine.set_back(1000 * HOUR);
    assert_eq!(machine.now().since(&ahead), Some(HOUR));
}
