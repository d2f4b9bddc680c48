use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};

use super::bearer;
use crate::Reason;

fn read(values: &[&'static str]) -> Result<String, Reason> {
    let mut headers = HeaderMap::new();
    for value in values {
        headers.append(AUTHORIZATION, HeaderValue::from_static(value));
    }
    bearer(&headers).map(str::to_owned).map_err(|error| error.reason())
}

#[test]
fn one_bearer_token_is_found_in_any_case() {
    for value in ["Bearer a.b.c", "bearer a.b.c", "BEARER   a.b.c"] {
        assert_eq!(read(&[value]).as_deref(), Ok("a.b.c"), "{value}");
    }
}

#[test]
fn no_token_is_not_a_malformed_one() {
    assert_eq!(read(&[]), Err(Reason::NoToken));
    assert_eq!(read(&["Basic dTpw"]), Err(Reason::NoToken));
    assert_eq!(read(&["DPoP a.b.c"]), Err(Reason::NoToken));
    for malformed in
        [&["Bearer"][..], &["Bearer "], &["Bearer a b"], &["Bearer a,b"], &["Bearer a", "Bearer a"]]
    {
        assert_eq!(read(malformed), Err(Reason::InvalidRequest), "{malformed:?}");
    }
}
