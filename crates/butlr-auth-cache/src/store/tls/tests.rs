use butlr_auth_core::ErrorKind;

use super::{client_config, is_loopback};

#[test]
fn only_this_machine_is_this_machine() {
    for host in ["localhost", "db.localhost", "127.0.0.1", "127.8.9.1", "::1"] {
        assert!(is_loopback(host), "{host}");
    }
    for host in
        ["10.0.0.1", "0.0.0.0", "::", "localhost.example.com", "notlocalhost", "127.0.0.1.example.com", ""]
    {
        assert!(!is_loopback(host), "{host}");
    }
}

#[test]
fn authorities_must_be_certificates() {
    for pem in ["", "canary", "-----BEGIN CERTIFICATE-----\ncanary\n-----END CERTIFICATE-----\n"] {
        let error = client_config(Some(pem)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(!format!("{error:?}").contains("canary"));
    }
    client_config(None).unwrap();
}
