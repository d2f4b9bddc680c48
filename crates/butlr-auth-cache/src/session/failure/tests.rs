use butlr_auth_core::{Delivery, Error, ErrorCode, ErrorKind, ErrorResponse, Scope, Words};

use super::*;
use crate::Party;

fn said(status: u16, code: &str) -> Answer {
    let error = Error::new(ErrorKind::Refused, "no").with_status(status).with_delivery(Delivery::Answered);
    let error = match code {
        "" => error,
        code => error.with_error_response(ErrorResponse::new(ErrorCode::new(code), None)),
    };
    classify(&error, TokenKey::new(&Words::default().purpose(), Party::User, &Scope::default()), true)
}

// Security: D6.
#[test]
fn a_code_that_names_the_refresh_token_is_invalid_grant() {
    for code in [
        "invalid_grant",
        "bad_refresh_token",
        "invalid_refresh_token",
        "BAD_REFRESH_TOKEN",
        "RefreshTokenExpired",
    ] {
        for status in [200, 400, 401, 403] {
            assert_eq!(said(status, code), Answer::InvalidGrant, "{code}");
        }
    }
}

// Security: D6, D16.
#[test]
fn any_other_refusal_of_a_refresh_token_is_a_refusal_whatever_it_is_called() {
    for code in [
        "unauthorized_client",
        "invalid_request",
        "interaction_required",
        "invalid_token",
        "access_denied",
        "x",
    ] {
        for status in [200, 400, 401, 403] {
            assert_eq!(said(status, code), Answer::Refused { class: FailureClass::Refused }, "{code}");
        }
    }
    for status in [400, 401, 403] {
        assert_eq!(said(status, ""), Answer::Refused { class: FailureClass::Refused });
    }
}

#[test]
fn what_is_about_something_else_refuses_no_refresh_token() {
    let failed = |answer| match answer {
        Answer::Failed { class, settles, concerns, .. } => (class, settles, concerns.is_some()),
        other => panic!("{other:?}"),
    };
    assert_eq!(failed(said(401, "invalid_client")), (FailureClass::Refused, true, false));
    assert_eq!(failed(said(400, "invalid_scope")), (FailureClass::Refused, true, true));
    assert_eq!(failed(said(400, "invalid_target")), (FailureClass::Refused, true, true));
    assert_eq!(failed(said(400, "unsupported_grant_type")), (FailureClass::Configuration, true, false));
    assert_eq!(failed(said(400, "slow_down")), (FailureClass::Throttled, true, false));
    assert_eq!(failed(said(400, "temporarily_unavailable")), (FailureClass::ServerFailed, true, false));
    assert_eq!(failed(said(404, "")), (FailureClass::Refused, true, false));
}
