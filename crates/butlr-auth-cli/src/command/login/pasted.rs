//! Whether what was pasted is the address that a login ends on.

use butlr_auth::ErrorKind;
use url::Url;

use crate::failure::Failure;

/// Tells an address of some other page, or one that was cut, from an answer that was tampered with. Whether an answer
/// is the right one is not decided here.
pub(super) fn came_back(redirect: &str, expected: &str, page: &Url) -> Result<(), Failure> {
    let help = "paste the whole address of the page that you end on";
    let wrong = |said: String| {
        Err(Failure::new(ErrorKind::InvalidCallback, said).help(format!("start again, and {help}")))
    };
    let is_parameters = !redirect.contains(['?', '#', ':', '/']) && redirect.contains('=');
    let end = redirect.find(['?', '#']).unwrap_or(if is_parameters { 0 } else { redirect.len() });
    let (place, parameters) = redirect.split_at(end);
    let ends_at = expected.split(['?', '#']).next().unwrap_or(expected);
    if let Some(said) = elsewhere(place, ends_at, page) {
        return wrong(format!("{said}, and this login ends at {ends_at}"));
    }
    let has =
        |name: &str| parameters.split(['?', '#', '&']).any(|pair| pair.starts_with(&format!("{name}=")));
    if !["code", "error", "access_token"].iter().any(|name| has(name)) {
        return wrong(
            "this address holds no answer: it was cut, or is not the one that you end on".to_owned(),
        );
    }
    Ok(())
}

/// Says where an address is, if it is not where the login ends. Browsers leave the scheme out where they show one.
fn elsewhere(place: &str, ends_at: &str, page: &Url) -> Option<String> {
    let Ok(expected) = ends_at.parse::<Url>() else { return None };
    let without_scheme = ends_at.split_once("://").map_or(ends_at, |(_, rest)| rest);
    let bare = place.trim_end_matches('/');
    if bare.is_empty() || bare == without_scheme.trim_end_matches('/') || bare == expected.path() {
        return None;
    }
    let Ok(given) = place.parse::<Url>() else {
        return Some("this is no address".to_owned());
    };
    let place_of = |url: &Url| (url.host_str().unwrap_or_default().to_owned(), url.port_or_known_default());
    // Browsers end an address that is nothing but a host with a slash.
    let path_of = |url: &Url| url.path().trim_end_matches('/').to_owned();
    let same_place = place_of(&given) == place_of(&expected) && path_of(&given) == path_of(&expected);
    if given.scheme() != expected.scheme() && !place.contains("://") && !place.contains(":/") {
        return Some("this is no address".to_owned());
    }
    if given.scheme() == expected.scheme() && same_place {
        return None;
    }
    if given.origin() == page.origin() && given.origin().is_tuple() {
        return Some("this is the address of the login page itself".to_owned());
    }
    if given.scheme() == expected.scheme() && given.origin().is_tuple() && given.origin() == expected.origin()
    {
        return Some(format!("this is another page at {}", given.origin().ascii_serialization()));
    }
    Some(if given.origin().is_tuple() {
        format!("this is an address at {}", given.origin().ascii_serialization())
    } else {
        format!("this is an address with `{}:`", given.scheme())
    })
}

#[cfg(test)]
mod tests;
