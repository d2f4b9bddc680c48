use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, Response, StatusCode};
use http_body::Body;
use serde_json::Value;

use super::{Bearer, BearerBody, Sent, Verdict};

/// No answer is read further to find a refusal in it: 64 KiB. A refusal has a few hundred bytes.
const LONGEST_REFUSAL: usize = 64 * 1024;

/// The code of Apollo's servers, which others have taken over.
const UNAUTHENTICATED: &str = "UNAUTHENTICATED";

impl Bearer {
    /// Judges an answer by its head, and by its body where that is asked for.
    pub(super) async fn judge<B: Body>(
        &self,
        response: &mut Response<BearerBody<B>>,
        sent: &Sent,
    ) -> Verdict {
        if self.looks_into(response.status(), response.headers()) {
            let body = response.body_mut().peek(LONGEST_REFUSAL).await;
            return body.map_or(Verdict::Fine, |body| verdict(&body));
        }
        Verdict::of(response.status(), response.headers(), sent)
    }

    /// Whether a refusal may be in the body of such an answer.
    pub(super) fn looks_into(&self, status: StatusCode, headers: &HeaderMap) -> bool {
        self.graphql && status == StatusCode::OK && is_json(headers)
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    let json = ["application/json", "application/graphql-response+json"];
    !headers.contains_key(CONTENT_ENCODING) && json.iter().any(|name| media_type.eq_ignore_ascii_case(name))
}

/// Judges one document, or several of a batch.
fn verdict(body: &[u8]) -> Verdict {
    let mentioned = body.windows(UNAUTHENTICATED.len()).any(|window| window == UNAUTHENTICATED.as_bytes());
    let document = if mentioned { serde_json::from_slice(body).unwrap_or_default() } else { Value::Null };
    let documents = match &document {
        Value::Array(documents) => documents.as_slice(),
        document => std::slice::from_ref(document),
    };
    if documents.iter().any(is_refusal) {
        // Data beside the error means that some of it was carried out.
        return Verdict::Refused { repeatable: documents.iter().all(has_no_data) };
    }
    Verdict::Fine
}

fn is_refusal(document: &Value) -> bool {
    let errors = document.get("errors").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    errors.iter().any(|error| error.pointer("/extensions/code").is_some_and(|code| code == UNAUTHENTICATED))
}

fn has_no_data(document: &Value) -> bool {
    document.get("data").is_none_or(Value::is_null)
}
