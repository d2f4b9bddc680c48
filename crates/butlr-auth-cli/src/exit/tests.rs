use butlr_auth::ErrorKind;

use super::of_kind;

#[track_caller]
fn check(kinds: &[(ErrorKind, &str)], exit: u8) {
    for (kind, name) in kinds {
        let (code, shown) = of_kind(*kind);
        assert_eq!((code as u8, shown), (exit, *name), "{kind:?}");
    }
}

#[test]
fn every_kind_of_error_has_its_exit_code() {
    check(&[(ErrorKind::Configuration, "configuration"), (ErrorKind::Unsupported, "unsupported")], 3);
    check(&[(ErrorKind::LoginRequired, "login_required")], 4);
    check(
        &[
            (ErrorKind::Refused, "refused"),
            (ErrorKind::InsufficientScope, "insufficient_scope"),
            (ErrorKind::InvalidResponse, "invalid_response"),
            (ErrorKind::InvalidCallback, "invalid_callback"),
        ],
        5,
    );
    check(
        &[
            (ErrorKind::Unreachable, "unreachable"),
            (ErrorKind::TimedOut, "timed_out"),
            (ErrorKind::Throttled, "throttled"),
            (ErrorKind::ServerFailed, "server_failed"),
            (ErrorKind::Busy, "busy"),
        ],
        6,
    );
    check(&[(ErrorKind::Storage, "storage"), (ErrorKind::CorruptRecord, "corrupt_record")], 7);
}
