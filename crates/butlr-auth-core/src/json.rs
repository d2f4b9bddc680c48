//! One JSON object, read strictly, and its strings wiped on drop.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::Value;
use zeroize::Zeroize;

/// The members of a JSON object. Bytes after it, members given twice and anything else than an object are refused.
pub(crate) struct Object(BTreeMap<String, Value>);

/// Why a document was refused: a position or a member's name, never a value.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Malformed(pub(crate) String);

impl Object {
    pub(crate) fn parse(document: &[u8]) -> Result<Self, Malformed> {
        //= https://www.rfc-editor.org/rfc/rfc8259#section-4
        //# The names within an object SHOULD be unique.
        serde_json::from_slice(document).map_err(|error| {
            // The text of a data error may quote the document; that of ours names a member only.
            let what = match error.classify() {
                serde_json::error::Category::Eof => "ends too early".to_owned(),
                serde_json::error::Category::Syntax => "is not JSON".to_owned(),
                _ if error.to_string().starts_with(TWICE) => "gives a member twice".to_owned(),
                _ => "is not a JSON object".to_owned(),
            };
            Malformed(format!("{what} (line {}, column {})", error.line(), error.column()))
        })
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// A member, unless it is `null` or the empty string: what servers write that cannot leave a member out. An empty
    /// array or object is a value.
    pub(crate) fn member(&self, name: &str) -> Option<&Value> {
        self.get(name).filter(|value| !value.is_null() && value.as_str() != Some(""))
    }

    /// A member, unless it is `null`: where the empty string is a value, and a wrong one.
    pub(crate) fn unless_null(&self, name: &str) -> Option<&Value> {
        self.get(name).filter(|value| !value.is_null())
    }

    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(&self.0).unwrap_or_default()
    }
}

const TWICE: &str = "member given twice";

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Object;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Object, A::Error> {
                let mut members = Object(BTreeMap::new());
                while let Some((name, value)) = access.next_entry::<String, Value>()? {
                    if members.0.insert(name, value).is_some() {
                        return Err(A::Error::custom(TWICE));
                    }
                }
                Ok(members)
            }
        }

        deserializer.deserialize_map(Members)
    }
}

impl Drop for Object {
    fn drop(&mut self) {
        for value in self.0.values_mut() {
            if let Value::String(text) = value {
                text.zeroize();
            }
        }
    }
}

#[cfg(test)]
mod tests;
