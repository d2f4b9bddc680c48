use std::time::{Duration, SystemTime};

use super::{Clock, ManualClock, SystemClock};

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);

// Security: L2.
#[test]
fn within_a_boot_the_wall_clock_does_not_matter() {
    let clock = ManualClock::new();
    let before = clock.now();
    clock.advance(HOUR);
    clock.set_wall(SystemTime::UNIX_EPOCH);
    assert_eq!(clock.now().since(&before), Some(HOUR));
    clock.set_wall(before.wall + 3650 * DAY);
    assert_eq!(clock.now().since(&before), Some(HOUR));
}

#[test]
fn across_boots_wall_time_is_compared() {
    let clock = ManualClock::new();
    clock.advance(DAY);
    let before = clock.now();
    clock.reboot();
    clock.advance(HOUR);
    assert_eq!(clock.now().since(&before), Some(HOUR));
}

// Security: L5.
#[test]
fn a_small_lead_counts_as_now_and_a_large_one_as_unknown() {
    let here = ManualClock::new();
    let slightly = here.other_host("b", Duration::from_secs(60), Duration::ZERO);
    assert_eq!(here.now().since(&slightly.now()), Some(Duration::ZERO));
    let far = here.other_host("c", Duration::from_secs(61), Duration::ZERO);
    assert_eq!(here.now().since(&far.now()), None);
}

#[test]
fn the_system_clock_goes_forward_within_one_boot() {
    let clock = SystemClock::new();
    let (first, second) = (clock.now(), clock.now());
    assert_eq!(first.boot_id, second.boot_id);
    assert!(second.boot >= first.boot);
    assert_eq!(SystemClock::new().now().boot_id, first.boot_id);
}
