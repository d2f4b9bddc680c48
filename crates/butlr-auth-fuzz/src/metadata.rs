//! Discovery documents.

use butlr_auth_core::Metadata;

const ISSUER: &str = "https://as.example.com/tenant";

/// A document that is accepted names the issuer that was asked for and endpoints that secrets may be sent to, and what
/// is kept of it is read back.
pub(crate) fn metadata(input: &[u8]) {
    let Ok(metadata) = Metadata::from_json(ISSUER, input) else { return };
    assert_eq!(metadata.issuer(), ISSUER);
    let provider = metadata.provider("example");
    for endpoint in provider.endpoints() {
        let url = endpoint.as_url();
        let host = url.host_str().unwrap_or_default();
        let loopback = host == "localhost" || host == "[::1]" || host.starts_with("127.");
        assert!(url.scheme() == "https" || (url.scheme() == "http" && loopback), "{host}");
        assert!(url.username().is_empty() && url.password().is_none() && url.fragment().is_none());
    }
    match Metadata::from_json(ISSUER, metadata.to_json().as_bytes()) {
        Ok(kept) => assert_eq!(format!("{:?}", kept.provider("example")), format!("{provider:?}")),
        Err(error) => panic!("what is kept is not read back: {error}"),
    }
}
