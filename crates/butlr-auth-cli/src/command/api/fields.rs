//! Fields as `gh api` writes them: `name=value`, `a[b]=value`, `a[]=value`.

use butlr_auth::core::text::escape;
use serde_json::{Map, Value};

use crate::failure::Failure;

/// No field lies deeper. What is written, read again and dropped takes the stack at every step.
const DEEPEST: usize = 100;

/// Fields, in the order in which they were given.
#[derive(Debug, Default)]
pub(super) struct Fields(Map<String, Value>);

impl Fields {
    pub(super) fn parse(raw: &[String], typed: &[String]) -> Result<Self, Failure> {
        let mut fields = Self::default();
        for field in raw {
            let (name, value) = split(field)?;
            fields.insert(name, Value::from(value))?;
        }
        for field in typed {
            let (name, value) = split(field)?;
            fields.insert(name, read(value)?)?;
        }
        Ok(fields)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn into_object(self) -> Map<String, Value> {
        self.0
    }

    /// Returns the fields as a query has them: nothing nested, every value as text.
    pub(super) fn flat(&self) -> Vec<(String, String)> {
        let mut pairs = Vec::new();
        for (name, value) in &self.0 {
            flatten(name, value, &mut pairs);
        }
        pairs
    }

    fn insert(&mut self, name: &str, value: Value) -> Result<(), Failure> {
        let shown = escape(name, 64);
        let malformed = || Failure::usage(format!("`{shown}` is no name of a field: write a, a[b] or a[]"));
        let (first, rest) = name.split_once('[').map_or((name, None), |(first, rest)| (first, Some(rest)));
        if first.is_empty() {
            return Err(malformed());
        }
        let mut place = self.0.entry(first).or_insert(Value::Null);
        if let Some(rest) = rest {
            let rest = rest.strip_suffix(']').ok_or_else(malformed)?;
            if rest.split("][").count() > DEEPEST {
                return Err(Failure::usage(format!("a field has {DEEPEST} names in brackets at most")));
            }
            for key in rest.split("][") {
                place = descend(place, key).ok_or_else(malformed)?;
            }
        }
        *place = value;
        Ok(())
    }
}

/// Goes one step into an object, or to a new item of a list if `key` is empty.
fn descend<'a>(place: &'a mut Value, key: &str) -> Option<&'a mut Value> {
    if key.is_empty() {
        if place.is_null() {
            *place = Value::Array(Vec::new());
        }
        let list = place.as_array_mut()?;
        list.push(Value::Null);
        list.last_mut()
    } else {
        if place.is_null() {
            *place = Value::Object(Map::new());
        }
        Some(place.as_object_mut()?.entry(key).or_insert(Value::Null))
    }
}

fn split(field: &str) -> Result<(&str, &str), Failure> {
    field.split_once('=').ok_or_else(|| Failure::usage("a field is written `name=value`"))
}

/// Reads a typed value: a JSON literal, the content of a file, or text.
fn read(value: &str) -> Result<Value, Failure> {
    if let Some(path) = value.strip_prefix('@') {
        let content = super::read(path)?;
        let text = String::from_utf8(content).map_err(|_| Failure::usage(format!("{path} is not text")))?;
        return Ok(Value::from(text));
    }
    Ok(match value {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        "null" => Value::Null,
        text => serde_json::from_str(text).ok().filter(Value::is_number).unwrap_or_else(|| Value::from(text)),
    })
}

fn flatten(name: &str, value: &Value, pairs: &mut Vec<(String, String)>) {
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(key, value)| flatten(&format!("{name}[{key}]"), value, pairs));
        }
        Value::Array(items) => {
            items.iter().for_each(|value| flatten(&format!("{name}[]"), value, pairs));
        }
        Value::String(text) => pairs.push((name.to_owned(), text.clone())),
        other => pairs.push((name.to_owned(), other.to_string())),
    }
}

#[cfg(test)]
mod tests;
