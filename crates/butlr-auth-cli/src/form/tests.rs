use butlr_auth::core::Validity;
use butlr_auth::{AccessToken, Scope, Token};

use super::exec_credential;

#[test]
fn a_token_that_does_not_end_has_no_end_for_kubectl() {
    let token = Token::new(AccessToken::new("opaque").unwrap(), Scope::empty(), Validity::FOREVER);
    for asked in [None, Some("no JSON"), Some(r#"{"apiVersion":"elsewhere/v1"}"#)] {
        assert_eq!(
            exec_credential(asked, &token),
            "{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\"ExecCredential\",\"status\":{\"token\":\"opaque\"}}\n"
        );
    }
}
