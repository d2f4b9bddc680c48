use std::time::Duration;

use proptest::prelude::*;

use super::RefreshPolicy;

#[track_caller]
fn check(lifetime_ms: u64, permille: u32, refresh_ms: u64, mandatory_ms: u64) {
    let windows = RefreshPolicy::default().windows_at(Duration::from_millis(lifetime_ms), permille);
    assert_eq!(windows.mandatory_after, Duration::from_millis(mandatory_ms), "mandatory");
    assert_eq!(windows.refresh_after, Duration::from_millis(refresh_ms), "refresh");
}

// Security: D9.
#[test]
fn the_margin_is_a_tenth_within_bounds_and_at_most_a_quarter() {
    check(2_000, 200, 1_100, 1_500);
    check(100_000, 200, 70_000, 90_000);
    check(1_000_000, 100, 800_000, 900_000);
    check(10_000_000, 250, 7_200_000, 9_700_000);
    check(0, 200, 0, 0);
}

// Security: D9.
#[test]
fn a_margin_of_ones_own_is_capped_at_half_the_lifetime() {
    let policy = RefreshPolicy { margin: Some(Duration::from_secs(3600)), ..RefreshPolicy::default() };
    assert_eq!(policy.windows_at(Duration::from_secs(10), 200).mandatory_after, Duration::from_secs(5));
}

proptest! {
    #[test]
    fn windows_are_ordered_and_within_the_lifetime(ms in 0_u64..u64::MAX / 2_000_000) {
        let lifetime = Duration::from_millis(ms);
        let windows = RefreshPolicy::default().windows(lifetime);
        prop_assert!(windows.refresh_after <= windows.mandatory_after);
        prop_assert!(windows.mandatory_after <= lifetime);
        prop_assert!(windows.mandatory_after >= lifetime / 2);
    }
}
