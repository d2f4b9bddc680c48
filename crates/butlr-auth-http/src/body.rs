use std::borrow::Cow;

use butlr_auth_core::{BodyEncoding, Dialect};
use serde::{Serialize, Serializer};
use url::form_urlencoded;
use zeroize::Zeroizing;

/// Where the client says who it is: first in a JSON body, as the documentation of servers that take JSON has it.
const CLIENT: [&str; 2] = ["client_id", "client_secret"];

/// The parameters of one request, wiped on drop.
pub(crate) struct Body<'a>(Vec<(Cow<'a, str>, Zeroizing<String>)>);

impl<'a> Body<'a> {
    /// Reads the form that `oauth2` made and applies what the dialect adds and omits.
    ///
    /// A parameter that the dialect sets replaces the one of that name, because a name must not stand twice.
    pub(crate) fn new(form: &'a [u8], dialect: &'a Dialect) -> Self {
        let added = &dialect.parameters;
        let left = |name: &str| {
            !dialect.omitted.iter().any(|omitted| omitted == name)
                && !added.iter().any(|(added, _)| added == name)
        };
        let mut parameters: Vec<_> = form_urlencoded::parse(form)
            .filter(|(name, _)| left(name))
            .map(|(name, value)| (name, Zeroizing::new(value.into_owned())))
            .collect();
        let added =
            added.iter().map(|(name, value)| (Cow::Borrowed(name.as_str()), Zeroizing::new(value.clone())));
        parameters.extend(added);
        if dialect.body == BodyEncoding::Json {
            let rank = |name: &str| match name {
                _ if CLIENT.contains(&name) => 0,
                _ if dialect.parameters.iter().any(|(added, _)| added == name) => 1,
                _ => 2,
            };
            parameters.sort_by_key(|(name, _)| rank(name));
        }
        Self(parameters)
    }

    /// Encodes the parameters into one buffer that never moves, so that wiping it leaves nothing behind.
    pub(crate) fn encode(&self, encoding: BodyEncoding) -> Zeroizing<Vec<u8>> {
        // The longest escapes: `%XX` for a byte of a form, `\u00XX` for one of a JSON string.
        let room = 16 + self.0.iter().map(|(name, value)| 6 * (name.len() + value.len()) + 8).sum::<usize>();
        let mut encoded = Zeroizing::new(Vec::with_capacity(room));
        match encoding {
            BodyEncoding::Json => {
                // Strings serialize without fail, and a vector takes every byte.
                let _ = serde_json::to_writer(&mut *encoded, self);
            }
            _ => {
                let mut form = form_urlencoded::Serializer::new(String::with_capacity(room));
                form.extend_pairs(self.0.iter().map(|(name, value)| (name, value.as_str())));
                *encoded = form.finish().into_bytes();
            }
        }
        encoded
    }
}

#[derive(Serialize)]
#[serde(untagged)]
enum Values<'a> {
    One(&'a str),
    Several(Vec<&'a str>),
}

impl Serialize for Body<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // A member must not stand twice: several values of one name are a list.
        let same = |(one, _): &(Cow<'_, str>, _), (other, _): &(Cow<'_, str>, _)| one == other;
        serializer.collect_map(self.0.chunk_by(same).filter_map(|values| {
            let (name, value) = values.first()?;
            let several = values.iter().map(|(_, value)| value.as_str()).collect();
            Some((name, if values.len() == 1 { Values::One(value) } else { Values::Several(several) }))
        }))
    }
}

#[cfg(test)]
mod tests;
