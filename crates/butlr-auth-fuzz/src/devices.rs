//! Answers of a device authorization endpoint.

use std::time::Duration;

use butlr_auth_core::{
    Clock as _, DeviceAuthorization, DevicePacing, Error, ErrorCode, ErrorKind, ErrorResponse, ManualClock,
    Scope,
};

use crate::check_silent;

/// Whatever a server says of interval and lifetime, polling is neither hasty nor endless.
pub(crate) fn device_authorization(input: &[u8]) {
    let now = ManualClock::new().now();
    let device = match DeviceAuthorization::from_json(input, "example", Scope::empty(), now) {
        Ok(device) => device,
        Err(error) => return check_silent(&format!("{error} {error:?}")),
    };
    assert!(!device.interval().is_zero() && device.expires_in() <= Duration::from_secs(3600));
    assert!(!device.user_code().chars().any(char::is_control));
    for address in [Some(device.verification_uri()), device.verification_uri_complete()].into_iter().flatten()
    {
        assert!(matches!(address.scheme(), "http" | "https"), "{address}");
        assert!(address.as_str().bytes().all(|byte| byte.is_ascii_graphic()));
    }
    let mut pacing = DevicePacing::new(&device);
    let Ok(before) = pacing.pause(now) else { return };
    let slow_down = Error::new(ErrorKind::Refused, "slow down")
        .with_error_response(ErrorResponse::new(ErrorCode::SLOW_DOWN, None));
    if pacing.go_on(slow_down).is_ok()
        && let Ok(after) = pacing.pause(now)
    {
        assert!(after >= before, "slow_down is for good");
    }
    let mut end = now;
    end.boot = end.boot.saturating_add(device.expires_in()).saturating_add(Duration::from_secs(1));
    end.wall += device.expires_in() + Duration::from_secs(1);
    assert!(pacing.check(end).is_err(), "it ends by our own clock");
}
