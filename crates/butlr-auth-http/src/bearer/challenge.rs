use butlr_auth_core::{Delivery, Error, ErrorCode, ErrorKind, ErrorResponse, Scope, text};
use http::header::WWW_AUTHENTICATE;
use http::{HeaderMap, StatusCode};
use http_auth::{ChallengeRef, parse_challenges};

use super::Sent;

/// No challenge is read that is longer: 8 KiB. Those in use have a few hundred bytes.
const LONGEST: usize = 8 * 1024;

/// What an answer says about the token that was sent.
#[derive(Debug)]
pub(crate) enum Verdict {
    Fine,
    /// The token is not good. `repeatable`: nothing of the request was carried out.
    Refused {
        repeatable: bool,
    },
    /// The token is good for less than this.
    InsufficientScope(Error),
}

/// What a Bearer challenge says.
struct Challenge {
    code: Option<String>,
    description: Option<String>,
    scope: Option<String>,
}

impl Verdict {
    /// Judges by status and headers alone.
    pub(super) fn of(status: StatusCode, headers: &HeaderMap, sent: &Sent) -> Self {
        if status != StatusCode::UNAUTHORIZED && status != StatusCode::FORBIDDEN {
            return Self::Fine;
        }
        let readable = |text: &&str| text.len() <= LONGEST;
        let texts = headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
        // What cannot be read is no challenge.
        let challenges: Vec<_> =
            texts.filter(readable).filter_map(|text| parse_challenges(text).ok()).flatten().collect();
        let bearers: Vec<_> =
            challenges.iter().filter_map(|challenge| Challenge::read(challenge, sent)).collect();
        if let Some(scope) = bearers.iter().find(|bearer| bearer.is("insufficient_scope")) {
            return Self::InsufficientScope(scope.error(status, &sent.host));
        }
        //= https://www.rfc-editor.org/rfc/rfc6750#section-3.1
        //# invalid_token
        //# The access token provided is expired, revoked, malformed, or
        //# invalid for other reasons.
        let of_the_token = |bearer: &Challenge| bearer.code.is_none() || bearer.is("invalid_token");
        let refused = challenges.is_empty() || bearers.iter().any(of_the_token);
        if status == StatusCode::UNAUTHORIZED && refused {
            return Self::Refused { repeatable: true };
        }
        Self::Fine
    }

    /// After the second answer there is nothing more to do, but one thing to say.
    pub(crate) fn scope_is_enough(self) -> Result<(), Error> {
        match self {
            Self::InsufficientScope(error) => Err(error),
            Self::Fine | Self::Refused { .. } => Ok(()),
        }
    }
}

impl Challenge {
    fn read(challenge: &ChallengeRef<'_>, sent: &Sent) -> Option<Self> {
        let token = sent.token.to_str().ok().and_then(|header| header.split(' ').next_back());
        let secrets: Vec<_> = token.into_iter().collect();
        let parameter = |wanted: &str| {
            let found = challenge.params.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
            // A server may send back what it got.
            found.map(|(_, value)| text::redact(&value.to_unescaped(), &secrets))
        };
        challenge.scheme.eq_ignore_ascii_case("bearer").then(|| Self {
            code: parameter("error"),
            description: parameter("error_description"),
            scope: parameter("scope"),
        })
    }

    fn is(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }

    fn error(&self, status: StatusCode, host: &str) -> Error {
        let asked = self.scope.as_deref().filter(|scope| !scope.is_empty());
        let message = match asked {
            Some(scope) => {
                let scope = text::escape(scope, 256);
                format!("{host} asks for the scope `{scope}`, which the access token does not have")
            }
            None => format!("{host} asks for more scope than the access token has"),
        };
        let response = ErrorResponse::new(ErrorCode::new("insufficient_scope"), self.description.as_deref());
        Error::new(ErrorKind::InsufficientScope, message)
            .with_delivery(Delivery::Answered)
            .with_status(status.as_u16())
            .with_error_response(response)
            .with_required_scope(asked.and_then(|scope| scope.parse::<Scope>().ok()))
    }
}
