use super::Said;
use crate::ErrorCode;

#[track_caller]
fn check(body: &str, said: &str) {
    assert_eq!(Said::read(body.as_bytes(), &[]).to_string(), said, "{body}");
}

// Security: C6.
#[test]
fn each_shape_of_an_error_is_read() {
    check(r#"{"error":"invalid_grant","error_description":"gone"}"#, "invalid_grant (gone)");
    check(
        r#"{"error":"Unauthorized","message":"no such client","path":"/token"}"#,
        "Unauthorized (no such client)",
    );
    check(r#"{"errorCode":"invalid_client","errorSummary":"Unknown."}"#, "invalid_client (Unknown.)");
    check(
        r#"{"error":{"code":400,"message":"Request contains an invalid argument.","status":"INVALID_ARGUMENT"}}"#,
        "INVALID_ARGUMENT (Request contains an invalid argument.)",
    );
    check(
        r#"{"error":{"message":"Bad code","type":"OAuthException","code":190}}"#,
        "OAuthException (Bad code)",
    );
    check(
        r#"{"title":"Bad Request","detail":"client is disabled","status":400}"#,
        "Bad Request: client is disabled",
    );
    check(r#"{"type":"about:blank","title":"Bad Request"}"#, "Bad Request");
    check(
        r#"{"errors":[{"errorType":"invalid_grant","message":"Refresh token invalid"}],"success":false}"#,
        "invalid_grant (Refresh token invalid)",
    );
    check(
        r#"{"message":"Bad Request","errors":[{"resource":"RefreshToken","field":"refresh_token","code":"invalid"}]}"#,
        "invalid (Bad Request: RefreshToken: refresh_token)",
    );
    check(r#"{"errors":["the client is disabled"]}"#, "the client is disabled");
    check(
        r#"{"status":"BAD_REFRESH_TOKEN","message":"unknown refresh token"}"#,
        "BAD_REFRESH_TOKEN (unknown refresh token)",
    );
    check(r#"{"message":"Forbidden"}"#, "Forbidden");
    check(r#"{"status":"fail","message":"Forbidden"}"#, "Forbidden");
    check(
        r#"{"fault":{"faultstring":"Invalid Access Token","detail":{"errorcode":"keymanagement.service.invalid"}}}"#,
        "keymanagement.service.invalid (Invalid Access Token)",
    );
    check(
        r#"[{"errorCode":"INVALID_SESSION_ID","message":"Session expired"}]"#,
        "INVALID_SESSION_ID (Session expired)",
    );
    check("Your IP is not on the allow list", "Your IP is not on the allow list");
    check("<!doctype html>\n<html><TITLE lang=en>Blocked &amp;\n logged</TITLE>", "Blocked & logged");
    check("<h1>Bad request</h1><script>var canary</script> <p>Ticket 7", "Bad request Ticket 7");
    check("<htm", "");
    check(r#"{"error":["invalid_grant"]}"#, "invalid_grant");
    check("", "");
    check("{}", "");
}

#[test]
fn a_code_is_found_wherever_a_server_puts_it() {
    for body in [
        r#"{"error":{"code":"invalid_grant"}}"#,
        r#"{"errors":[{"errorType":"invalid_grant","message":"Refresh token invalid"}]}"#,
        r#"{"errors":["invalid_grant"]}"#,
        r#"{"message":"invalid_grant"}"#,
        r#"{"status":"invalid_grant","message":"gone"}"#,
        r#"[{"code":"invalid_grant"}]"#,
    ] {
        let response = Said::read(body.as_bytes(), &[]).response.unwrap();
        assert_eq!(response.error, ErrorCode::INVALID_GRANT, "{body}");
    }
    assert!(Said::read(br#"{"message":"Forbidden"}"#, &[]).response.is_none());
}

// Security: C6.
#[test]
fn of_json_only_the_known_members_are_shown() {
    check(r#"{"message":"no","access_token":"canary","debug":"canary","headers":{"x":"canary"}}"#, "no");
    check(r#"{"access_token":"canary","token_type":"Bearer"}"#, "");
    check(r#"{"message":"canary","message":"twice"}"#, "");
    check(r#"{"access_token":"canary","#, "");
    check(r#"[{"token":"canary"},"#, "");
}

// Security: C10, H8.
#[test]
fn a_text_is_shown_without_what_may_be_a_token() {
    check("no: eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.c2ln is over", "no: [redacted] is over");
    check("token 0123456789abcdef", "token [redacted]");
    check("token 0123456789abcde", "token 0123456789abcde");
    let secret = Said::read(b"you sent p4ss word! to us", &["p4ss word!"]).to_string();
    assert_eq!(secret, "you sent [redacted] to us");
    check("a\u{1b}[31m\u{202e}b", "a\\u{1b}[31m\\u{202e}b");
    assert_eq!(Said::read("é".repeat(5000).as_bytes(), &[]).to_string().chars().count(), 201);
    check("binary\0canary", "");
}

// Security: C10.
#[test]
fn no_secret_of_the_request_is_shown_in_any_shape() {
    for body in [
        r#"{"error":"canary 1"}"#,
        r#"{"error":"no","error_description":"canary 1"}"#,
        r#"{"errorCode":"canary 1","errorSummary":"canary 1"}"#,
        r#"{"error":{"message":"canary 1","status":"x"}}"#,
        r#"{"errors":[{"message":"canary 1"}]}"#,
        r#"{"errors":["canary 1"]}"#,
        r#"{"title":"canary 1","detail":"canary%201"}"#,
        "<title>canary 1</title>",
        "said canary 1",
    ] {
        let said = Said::read(body.as_bytes(), &["canary 1"]);
        assert!(!format!("{said} {said:?}").contains("canary"), "{body}: {said:?}");
        assert!(!said.is_empty());
    }
}
