//! The parameters of a request, from a form, a query or a JSON object.

use std::fmt;

use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use url::form_urlencoded;

/// Names that may stand more than once
/// ([RFC 8707 §2](https://www.rfc-editor.org/rfc/rfc8707#section-2)).
const REPEATABLE: [&str; 2] = ["resource", "audience"];

/// Parameters in their order. No name but a repeatable one is in it twice, and no value is empty.
#[derive(Clone, Default)]
pub(crate) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Reads a body by its content type. `Err` says what is wrong with it.
    pub(crate) fn from_body(headers: &HeaderMap, body: &[u8]) -> Result<Self, &'static str> {
        let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        match media_type.split(';').next().unwrap_or_default().trim() {
            "application/json" => Self::from_json(body),
            "application/x-www-form-urlencoded" => Self::from_form(body),
            _ => Err("the content type must be application/x-www-form-urlencoded or application/json"),
        }
    }

    pub(crate) fn from_form(body: &[u8]) -> Result<Self, &'static str> {
        let pairs = form_urlencoded::parse(body).map(|(name, value)| (name.into_owned(), value.into_owned()));
        Self::checked(pairs.collect())
    }

    pub(crate) fn from_json(body: &[u8]) -> Result<Self, &'static str> {
        let members: Members = serde_json::from_slice(body)
            .map_err(|_| "the body must be one JSON object whose values are strings")?;
        Self::checked(members.0)
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Tells whether the names are exactly these.
    pub(crate) fn are_exactly(&self, names: &[&str]) -> bool {
        self.0.len() == names.len() && names.iter().all(|name| self.get(name).is_some())
    }

    //= https://www.rfc-editor.org/rfc/rfc6749#section-3.2
    //# Parameters sent without a value MUST be treated as if they were
    //# omitted from the request.
    fn checked(mut pairs: Vec<(String, String)>) -> Result<Self, &'static str> {
        for (position, (name, _)) in pairs.iter().enumerate() {
            let again = pairs.iter().skip(position + 1).any(|(other, _)| other == name);
            if again && !REPEATABLE.contains(&name.as_str()) {
                return Err("a parameter is given more than once");
            }
        }
        pairs.retain(|(_, value)| !value.is_empty());
        Ok(Self(pairs))
    }
}

impl fmt::Debug for Parameters {
    /// Names only: values are secrets more often than not.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// A JSON object whose values are strings, with its duplicates kept, which a map would lose.
struct Members(Vec<(String, String)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of strings")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, OneOrMore>()? {
                    members.extend(value.0.into_iter().map(|value| (name.clone(), value)));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

/// A string, or a list of strings as JSON writes a repeated parameter.
#[derive(serde::Deserialize)]
#[serde(from = "StringOrList")]
struct OneOrMore(Vec<String>);

#[derive(serde::Deserialize)]
#[serde(untagged)]
enum StringOrList {
    One(String),
    More(Vec<String>),
}

impl From<StringOrList> for OneOrMore {
    fn from(value: StringOrList) -> Self {
        match value {
            StringOrList::One(one) => Self(vec![one]),
            StringOrList::More(more) => Self(more),
        }
    }
}
