use super::exec_credential;

#[test]
fn a_token_whose_end_nobody_knows_has_no_end_for_kubectl() {
    for asked in [None, Some("no JSON"), Some(r#"{"apiVersion":"elsewhere/v1"}"#)] {
        assert_eq!(
            exec_credential(asked, "opaque", None),
            "{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\"ExecCredential\",\"status\":{\"token\":\"opaque\"}}\n"
        );
    }
}
