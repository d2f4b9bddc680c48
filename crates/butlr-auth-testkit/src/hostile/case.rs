use std::collections::BTreeMap;
use std::fmt;

use include_dir::{Dir, File, include_dir};
use serde::Deserialize;

static FILES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/hostile");

/// A request of a client that a hostile server may answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Surface {
    /// A token request: a refresh ([RFC 6749 §6](https://www.rfc-editor.org/rfc/rfc6749#section-6)).
    Token,
    /// A device authorization request ([RFC 8628 §3.1](https://www.rfc-editor.org/rfc/rfc8628#section-3.1)).
    Device,
    /// The server's metadata ([RFC 8414 §3](https://www.rfc-editor.org/rfc/rfc8414#section-3)).
    Discovery,
    /// The server's keys ([RFC 7517 §5](https://www.rfc-editor.org/rfc/rfc7517#section-5)).
    Jwks,
    /// An introspection request ([RFC 7662 §2.1](https://www.rfc-editor.org/rfc/rfc7662#section-2.1)).
    Introspection,
    /// A revocation request ([RFC 7009 §2.1](https://www.rfc-editor.org/rfc/rfc7009#section-2.1)).
    Revocation,
}

impl Surface {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Token, Self::Device, Self::Discovery, Self::Jwks, Self::Introspection, Self::Revocation];
}

impl fmt::Display for Surface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Token => "token",
            Self::Device => "device",
            Self::Discovery => "discovery",
            Self::Jwks => "jwks",
            Self::Introspection => "introspection",
            Self::Revocation => "revocation",
        })
    }
}

/// What a client must make of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Expected<'a> {
    /// It is good.
    Accepted,
    /// It fails with an error of this kind.
    Error(&'a str),
}

impl fmt::Display for Expected<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Accepted => "accepted",
            Self::Error(kind) => kind,
        })
    }
}

/// One answer, and what a client must make of it.
#[derive(Clone, Debug)]
pub struct Case {
    name: String,
    pub(super) said: Said,
    pub(super) answer: &'static [u8],
}

/// What a file says before its answer.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Said {
    reason: String,
    expect: String,
    surfaces: Option<Vec<Surface>>,
    #[serde(default)]
    except: BTreeMap<Surface, String>,
    #[serde(default)]
    pub(super) ending: Ending,
    pub(super) endless: Option<String>,
    pub(super) drip: Option<String>,
    pub(super) encoding: Option<Encoding>,
    #[serde(default)]
    pub(super) cut: usize,
    #[serde(default = "usually")]
    pub(super) reads: bool,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Ending {
    #[default]
    Close,
    Keep,
    Reset,
    Silence,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Encoding {
    Gzip,
}

fn usually() -> bool {
    true
}

impl Case {
    /// Returns all cases, in the order of their names.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let files = FILES.dirs().flat_map(Dir::files);
        let mut cases: Vec<_> = files.filter_map(Self::read).collect();
        cases.sort_by(|one, other| one.name.cmp(&other.name));
        cases
    }

    fn read(file: &'static File<'static>) -> Option<Self> {
        let name = file.path().with_extension("").to_string_lossy().into_owned();
        let contents = file.contents();
        let end = contents.windows(5).position(|window| window == b"\n---\n")?;
        let (said, answer) = contents.split_at(end);
        let said = toml::from_str(std::str::from_utf8(said).ok()?).ok()?;
        Some(Self { name, said, answer: answer.get(5..)?.strip_suffix(b"\n")? })
    }

    /// Returns `GROUP/NAME`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns why a client must take it as is expected.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.said.reason
    }

    /// Returns the requests that it may answer.
    pub fn surfaces(&self) -> impl Iterator<Item = Surface> + '_ {
        let these = |surface: &Surface| self.said.surfaces.as_ref().is_none_or(|all| all.contains(surface));
        Surface::ALL.into_iter().filter(these)
    }

    /// Returns what a client must make of it.
    #[must_use]
    pub fn expected(&self, surface: Surface) -> Expected<'_> {
        match self.said.except.get(&surface).unwrap_or(&self.said.expect).as_str() {
            "accepted" => Expected::Accepted,
            kind => Expected::Error(kind),
        }
    }

    /// Returns whether only the client's deadline ends it.
    #[must_use]
    pub fn takes_for_ever(&self) -> bool {
        matches!(self.said.ending, Ending::Silence) || self.said.drip.is_some()
    }
}

#[cfg(test)]
mod tests;
