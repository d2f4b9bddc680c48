use butlr_auth::core::{ManualClock, Validity};
use butlr_auth::{AccessToken, Clock as _, Scope, Token};

use super::exec_credential;

#[test]
fn a_token_whose_end_nobody_knows_has_no_end_for_kubectl() {
    let token = Token::new(AccessToken::new("opaque").unwrap(), Scope::empty(), Validity::UNTIL_REFUSED);
    for asked in [None, Some("no JSON"), Some(r#"{"apiVersion":"elsewhere/v1"}"#)] {
        assert_eq!(
            exec_credential(asked, &token, &ManualClock::new().now()),
            "{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\"ExecCredential\",\"status\":{\"token\":\"opaque\"}}\n"
        );
    }
}
