use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::case::{Case, Encoding, Surface};

/// What the client under test sends, for the answers that send it back.
#[derive(Clone, Copy)]
#[expect(missing_debug_implementations, reason = "it holds secrets and has no use for one")]
#[expect(clippy::exhaustive_structs, reason = "every test of every client names all of it")]
pub struct Sent<'a> {
    /// The client's identifier.
    pub client_id: &'a str,
    /// The client's secret.
    pub client_secret: &'a str,
    /// The refresh token, or the token that is revoked or introspected.
    pub token: &'a str,
}

/// What placeholders stand for.
pub(super) struct Words<'a> {
    pub(super) surface: Surface,
    pub(super) sent: Sent<'a>,
    pub(super) here: String,
    pub(super) elsewhere: String,
}

impl Case {
    /// The bytes of the answer.
    pub(super) fn bytes(&self, words: &Words<'_>) -> std::io::Result<Vec<u8>> {
        let blank = self.answer.windows(2);
        // An informational answer may stand before the one that counts.
        let last = self.answer.windows(5).rposition(|window| window == b"HTTP/").unwrap_or_default();
        let end = blank.skip(last).position(|window| window == b"\n\n").map(|at| last + at);
        let Some((head, body)) =
            end.and_then(|end| Some((self.answer.get(..end)?, self.answer.get(end + 2..)?)))
        else {
            return Ok(words.expand(self.answer));
        };
        let mut body = words.expand(body);
        if let Some(Encoding::Gzip) = self.said.encoding {
            let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
            gzip.write_all(&body)?;
            body = gzip.finish()?;
        }
        body.truncate(body.len().saturating_sub(self.said.cut));
        let head = words.expand(head);
        let head = head.trim_ascii_end();
        let says_where_it_ends = ["Content-Length", "Transfer-Encoding"]
            .iter()
            .any(|name| head.windows(name.len()).any(|window| window == name.as_bytes()));
        let mut bytes = Vec::with_capacity(head.len() + body.len() + 64);
        for line in head.split(|byte| *byte == b'\n') {
            bytes.extend_from_slice(line);
            bytes.extend_from_slice(b"\r\n");
        }
        if !says_where_it_ends {
            bytes.extend(format!("Content-Length: {}\r\n", body.len()).bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.append(&mut body);
        Ok(bytes)
    }
}

impl Words<'_> {
    /// Puts in what the placeholders stand for. Braces of anything else stay as they are.
    pub(super) fn expand(&self, text: &[u8]) -> Vec<u8> {
        let mut expanded = Vec::with_capacity(text.len());
        let mut rest = text;
        while let Some((&byte, after)) = rest.split_first() {
            let close = closing_brace(after);
            let name = close.and_then(|close| std::str::from_utf8(after.get(..close)?).ok());
            match name.filter(|_| byte == b'{').and_then(|name| self.meaning(name)) {
                Some(meaning) => {
                    expanded.extend(meaning.bytes());
                    rest = close.and_then(|close| after.get(close + 1..)).unwrap_or_default();
                }
                None => {
                    expanded.push(byte);
                    rest = after;
                }
            }
        }
        expanded
    }

    fn meaning(&self, name: &str) -> Option<String> {
        if let Some((count, text)) = name.strip_prefix("repeat ").and_then(|rest| rest.split_once(' ')) {
            return Some(text.repeat(count.parse().ok()?));
        }
        if let Some((count, text)) = name.strip_prefix("numbered ").and_then(|rest| rest.split_once(' ')) {
            let count: usize = count.parse().ok()?;
            return Some((0..count).map(|number| text.replace('#', &number.to_string())).collect());
        }
        match name {
            "answer" => Some(self.good()),
            "begun" => self.good().strip_suffix('}').map(ToOwned::to_owned),
            "first" => {
                self.good().split(',').next().and_then(|first| Some(first.strip_prefix('{')?.to_owned()))
            }
            "client_secret" => Some(self.sent.client_secret.to_owned()),
            "token" => Some(self.sent.token.to_owned()),
            "basic" => {
                let encoded =
                    |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
                let (id, secret) = (encoded(self.sent.client_id), encoded(self.sent.client_secret));
                Some(STANDARD.encode(format!("{id}:{secret}")))
            }
            "self" => Some(self.here.clone()),
            "elsewhere" => Some(self.elsewhere.clone()),
            _ => None,
        }
    }

    /// An answer that nothing is wrong with.
    fn good(&self) -> String {
        let here = &self.here;
        match self.surface {
            Surface::Token => {
                r#"{"access_token":"canary-access-token","token_type":"Bearer","expires_in":10}"#.to_owned()
            }
            Surface::Device => concat!(
                r#"{"device_code":"canary-device-code","user_code":"WDJB-MJHT","#,
                r#""verification_uri":"https://as.example.com/device","expires_in":600,"interval":5}"#
            )
            .to_owned(),
            Surface::Discovery => format!(
                r#"{{"issuer":"{here}","token_endpoint":"{here}/token","authorization_endpoint":"{here}/authorize","response_types_supported":["code"]}}"#
            ),
            Surface::Jwks => concat!(
                r#"{"keys":[{"kty":"EC","crv":"P-256","alg":"ES256","use":"sig","kid":"1","#,
                r#""x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","#,
                r#""y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}"#
            )
            .to_owned(),
            Surface::Introspection => r#"{"active":true,"scope":"read:rooms"}"#.to_owned(),
            Surface::Revocation => r#"{"revoked":true}"#.to_owned(),
        }
    }
}

/// Where the brace is that closes the one before `text`.
fn closing_brace(text: &[u8]) -> Option<usize> {
    let mut open = 1_usize;
    text.iter().position(|byte| {
        match byte {
            b'{' => open += 1,
            b'}' => open -= 1,
            _ => {}
        }
        open == 0
    })
}

#[cfg(test)]
mod tests;
