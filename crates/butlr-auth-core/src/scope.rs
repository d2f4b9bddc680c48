use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Error, ErrorKind};

/// A scope: a set of scope tokens ([RFC 6749 §3.3](https://www.rfc-editor.org/rfc/rfc6749#section-3.3)).
///
/// Order and repetition carry no meaning, so that `"a b"` equals `"b a a"`; case does.
///
/// ```
/// use butlr_auth_core::Scope;
///
/// let scope: Scope = "read:rooms read:spaces".parse()?;
/// assert!(scope.contains("read:rooms"));
/// assert_eq!(scope.to_string(), "read:rooms read:spaces");
/// # Ok::<(), butlr_auth_core::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Scope(BTreeSet<Box<str>>);

impl Scope {
    /// The empty scope. In a request it leaves the choice to the server.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// Collects scope tokens.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if a token is empty or holds a space, a quote, a backslash or a control
    /// character.
    pub fn from_tokens<T: AsRef<str>>(tokens: impl IntoIterator<Item = T>) -> Result<Self, Error> {
        let mut scope = Self::empty();
        for token in tokens {
            let token = token.as_ref();
            //= https://www.rfc-editor.org/rfc/rfc6749#section-3.3
            //# scope-token = 1*( %x21 / %x23-5B / %x5D-7E )
            let valid =
                !token.is_empty() && token.bytes().all(|b| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e));
            if !valid {
                let shown = crate::text::escape(token, 64);
                return Err(Error::new(ErrorKind::Configuration, format!("`{shown}` is not a scope token")));
            }
            scope.0.insert(token.into());
        }
        Ok(scope)
    }

    /// Returns whether no scope token is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns whether `token` is in it.
    #[must_use]
    pub fn contains(&self, token: &str) -> bool {
        self.0.contains(token)
    }

    /// Returns whether every token of `other` is in it.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        other.0.is_subset(&self.0)
    }

    /// Returns the tokens of `self` that `granted` lacks.
    #[must_use]
    pub fn without(&self, granted: &Self) -> Self {
        Self(self.0.difference(&granted.0).cloned().collect())
    }

    /// Iterates over the tokens in alphabetical order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|token| &**token)
    }
}

impl FromStr for Scope {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::from_tokens(text.split(' ').filter(|token| !token.is_empty()))
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, token) in self.iter().enumerate() {
            if at > 0 {
                f.write_str(" ")?;
            }
            f.write_str(token)?;
        }
        Ok(())
    }
}

impl Serialize for Scope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Scope {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests;
