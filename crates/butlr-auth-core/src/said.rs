use std::fmt;

use serde_json::{Map, Value};

use crate::json::Object;
use crate::{ErrorCode, ErrorResponse, text};

/// What is shown of a text or a page has at most this many characters.
const LONGEST_TEXT: usize = 200;

/// A message from a JSON body has at most this many characters.
const LONGEST_MESSAGE: usize = 256;

/// No text of an answer is read further than this for what is shown of it.
const GLIMPSE: usize = 8 * LONGEST_TEXT;

/// The members that hold a code, in the order in which they are looked for.
const CODES: [&str; 7] = ["error", "errorCode", "error_code", "errorType", "code", "type", "status"];

/// The members that hold words for people.
const WORDS: [&str; 13] = [
    "error_description",
    "errorSummary",
    "error_message",
    "errorMessage",
    "message",
    "Message",
    "msg",
    "title",
    "detail",
    "description",
    "reason",
    "resource",
    "field",
];

/// What an answer that is no success says of why, in whatever shape: RFC 6749's, problem details
/// ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)), `errorCode` and `errorSummary` as Okta has them, a list of
/// `errors`, a `message`, an object in `error` as Google has it, a page, a text.
///
/// It is a stranger's: bounded, escaped, without the secrets of the request, and meant for people. Of a JSON body only
/// these members are read, of a page its title, and of another text the beginning, in which every run of 16 or more
/// characters that a token could be is cut out.
///
/// ```
/// use butlr_auth_core::Said;
///
/// let okta = br#"{"errorCode":"invalid_client","errorSummary":"Invalid value for 'client_id'.","errorId":"oae1"}"#;
/// assert_eq!(Said::read(okta, &[]).to_string(), "invalid_client (Invalid value for 'client_id'.)");
/// let page = b"<html><title>Blocked by policy</title><p>Ticket 7";
/// assert_eq!(Said::read(page, &[]).to_string(), "Blocked by policy");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Said {
    /// The code, with the words beside it, where the answer has a code.
    pub response: Option<ErrorResponse>,
    /// The words, where it has none.
    pub text: Option<String>,
}

impl Said {
    /// Reads the body of an answer to a request that carried these secrets.
    #[must_use]
    pub fn read(body: &[u8], secrets: &[&str]) -> Self {
        let said = match std::str::from_utf8(body).map(str::trim) {
            Ok(text) if text.starts_with('{') => Object::parse(body).map(|members| of_object(&members)),
            Ok(text) if text.starts_with('[') => {
                Ok(serde_json::from_slice(body).map(|list: Value| of_list(&list)).unwrap_or_default())
            }
            _ => Ok(Self { response: None, text: of_text(body, secrets) }),
        };
        // Of what begins as JSON and is none nothing is shown: a token in it could not be told from the rest.
        said.unwrap_or_default().redacted(secrets)
    }

    /// Reads the title of a page: of a success nothing else is shown, because a token may be in it.
    #[must_use]
    pub fn title(body: &[u8], secrets: &[&str]) -> Option<String> {
        let page = String::from_utf8_lossy(body);
        let page = page.trim_start().strip_prefix('<')?;
        let beginning: String = page.chars().take(8 * GLIMPSE).collect();
        let lower = beginning.to_ascii_lowercase();
        let open = lower.find("<title")?;
        let start = open + lower.get(open..)?.find('>')? + 1;
        let end = start + lower.get(start..)?.find("</title").or_else(|| lower.get(start..)?.find('<'))?;
        let title = beginning.get(start..end)?.split_whitespace().collect::<Vec<_>>().join(" ");
        let title =
            [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&nbsp;", " "), ("&amp;", "&")]
                .into_iter()
                .fold(title, |title, (entity, character)| title.replace(entity, character));
        let shown = text::escape(&text::redact(&title, secrets), LONGEST_TEXT);
        (!shown.is_empty()).then_some(shown)
    }

    /// Whether the answer said nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.response.is_none() && self.text.is_none()
    }

    fn redacted(self, secrets: &[&str]) -> Self {
        Self {
            response: self.response.map(|response| response.redacted(secrets)),
            text: self.text.map(|said| text::redact(&said, secrets)),
        }
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.response, &self.text) {
            (Some(response), _) => response.fmt(f),
            (None, Some(text)) => f.write_str(text),
            (None, None) => Ok(()),
        }
    }
}

impl ErrorResponse {
    /// Reads an `error` that is an object, as Google and Facebook have it.
    pub(crate) fn from_error_object(members: &Object) -> Option<Self> {
        let Some(Value::Object(error)) = members.get("error") else { return None };
        of_members(|name| error.get(name)).response
    }
}

fn of_object(members: &Object) -> Said {
    if let Some(response) = ErrorResponse::from_members(members) {
        let words = response.description.is_none().then(|| words(|name| members.get(name))).flatten();
        let uri = response.uri;
        let description = response.description.or(words);
        return Said {
            response: Some(
                ErrorResponse::new(response.error, description.as_deref()).with_uri(uri.as_deref()),
            ),
            text: None,
        };
    }
    let own = of_members(|name| members.get(name));
    for inner in ["error", "fault", "errors"] {
        let said = match members.get(inner) {
            Some(Value::Object(inner)) => of_inner(inner),
            Some(list @ Value::Array(_)) => of_list(list),
            _ => continue,
        };
        if !said.is_empty() {
            return beside(said, own);
        }
    }
    own
}

/// The first of a list of errors.
fn of_list(list: &Value) -> Said {
    match list.as_array().and_then(|list| list.first()) {
        Some(Value::Object(error)) => of_inner(error),
        Some(Value::String(said)) => of_words(message(said)),
        _ => Said::default(),
    }
}

/// Words that are a code are one: servers put it wherever they put their words.
fn of_words(words: Option<String>) -> Said {
    let is_code = |words: &String| {
        words.contains('_') && words.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    };
    match words {
        Some(code) if is_code(&code) => {
            Said { response: Some(ErrorResponse::new(ErrorCode::new(&code), None)), text: None }
        }
        text => Said { response: None, text },
    }
}

fn of_inner(members: &Map<String, Value>) -> Said {
    // Apigee's `fault` has its words here, and the code one level below.
    if let Some(said) = members.get("faultstring").and_then(Value::as_str) {
        let code = members.get("detail").and_then(|detail| detail.get("errorcode")).and_then(Value::as_str);
        let response = code.map(|code| ErrorResponse::new(ErrorCode::new(code), Some(said)));
        return Said { text: if response.is_none() { message(said) } else { None }, response };
    }
    of_members(|name| members.get(name))
}

/// A list's first error, with what the answer says around it.
fn beside(inner: Said, around: Said) -> Said {
    let around = around.text.or_else(|| around.response?.description);
    match (inner.response, inner.text, around) {
        (Some(response), _, Some(around)) => {
            let words =
                response.description.map_or_else(|| around.clone(), |words| format!("{around}: {words}"));
            Said { response: Some(ErrorResponse::new(response.error, Some(&words))), text: None }
        }
        (None, Some(words), Some(around)) => {
            Said { response: None, text: message(&format!("{around}: {words}")) }
        }
        (response, text, _) => Said { response, text },
    }
}

fn of_members<'a>(member: impl Fn(&str) -> Option<&'a Value>) -> Said {
    let words = words(&member);
    match CODES.into_iter().find_map(|name| member(name).and_then(Value::as_str).filter(|code| is_code(code)))
    {
        Some(code) => {
            Said { response: Some(ErrorResponse::new(ErrorCode::new(code), words.as_deref())), text: None }
        }
        None => of_words(words),
    }
}

/// Whether a text can be a code: neither the name of a kind of document nor a mere "it failed".
fn is_code(code: &str) -> bool {
    let says_nothing = ["error", "errors", "fail", "failed", "failure", "false", "ko", "about:blank"];
    !code.is_empty()
        && !says_nothing.iter().any(|empty| empty.eq_ignore_ascii_case(code))
        && !code.contains("://")
        && code.bytes().any(|byte| byte.is_ascii_alphabetic())
}

/// The words of an error, one after the other.
fn words<'a>(member: impl Fn(&str) -> Option<&'a Value>) -> Option<String> {
    let mut found: Vec<&str> = Vec::new();
    for name in WORDS {
        let said = member(name).and_then(Value::as_str).map(str::trim).filter(|said| !said.is_empty());
        found.extend(said.filter(|said| !found.contains(said)));
    }
    message(&found.join(": "))
}

fn message(said: &str) -> Option<String> {
    (!said.is_empty()).then(|| text::escape(said, LONGEST_MESSAGE))
}

/// What is shown of an answer that is not JSON.
fn of_text(body: &[u8], secrets: &[&str]) -> Option<String> {
    if body.contains(&0) {
        return None;
    }
    if let Some(title) = Said::title(body, secrets) {
        return Some(title);
    }
    let whole = String::from_utf8_lossy(body);
    let without_tags = whole.trim_start().starts_with('<').then(|| untagged(&whole));
    let whole = without_tags.as_deref().unwrap_or(&whole).trim();
    // Cut far behind the end of what is shown, so that a secret is whole when it is looked for.
    let mut beginning: String = whole.chars().take(GLIMPSE).collect();
    if beginning.len() < whole.len() {
        beginning.push('…');
    }
    let shown = text::escape(&text::cut_tokens(&text::redact(&beginning, secrets)), LONGEST_TEXT);
    (!shown.is_empty()).then_some(shown)
}

/// The text of a page, without its tags and scripts.
fn untagged(page: &str) -> String {
    let page: String = page.chars().take(8 * GLIMPSE).collect();
    let lower = page.to_ascii_lowercase();
    let mut text = String::new();
    let mut at = 0;
    while let Some(open) = lower.get(at..).and_then(|rest| rest.find('<')).map(|open| at + open) {
        text.push_str(page.get(at..open).unwrap_or_default());
        text.push(' ');
        let tag = lower.get(open..).unwrap_or_default();
        let end = ["script", "style", "!--"]
            .into_iter()
            .find(|name| tag.get(1..).is_some_and(|tag| tag.starts_with(name)));
        let end = match end {
            Some("!--") => "-->",
            Some("script") => "</script>",
            Some(_) => "</style>",
            None => ">",
        };
        at = tag.find(end).map_or(page.len(), |length| open + length + end.len());
    }
    text.push_str(page.get(at..).unwrap_or_default());
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
