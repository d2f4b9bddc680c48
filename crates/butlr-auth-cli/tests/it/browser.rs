//! A person with a browser, for the pages of a server in another process.

use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};

/// Opens a page, logs in and allows what it asks; gives the address that the browser is sent to.
pub(crate) async fn allow(page: &str, username: &str, password: &str) -> Option<String> {
    let client =
        reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build().unwrap();
    let opened = client.get(page).send().await.unwrap();
    let cookie = opened.headers().get(SET_COOKIE).map(|cookie| cookie.to_str().unwrap().to_owned());
    let cookie = cookie.and_then(|cookie| Some(cookie.split_once(';')?.0.to_owned())).unwrap_or_default();
    let mut action = opened.url().clone();
    let html = opened.text().await.unwrap();
    let (_, after) = html.split_once("name=\"ticket\" value=\"").unwrap();
    let ticket = after.split('"').next().unwrap();
    action.set_query(None);
    let form = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs([
            ("ticket", ticket),
            ("username", username),
            ("password", password),
            ("decision", "allow"),
        ])
        .finish();
    let decided = client
        .post(action)
        .header(COOKIE, cookie)
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body(form)
        .send()
        .await
        .unwrap();
    assert!(decided.status().as_u16() < 400, "{}", decided.status());
    decided.headers().get(LOCATION).map(|location| location.to_str().unwrap().to_owned())
}
