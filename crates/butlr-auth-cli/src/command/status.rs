//! `status`: who, from where, until when; each value with what said so.

mod online;
mod table;

use butlr_auth::core::{End, Fingerprint};
use butlr_auth::{Clock as _, LoginReason, SessionState};
use clap::Args;
use serde_json::{Value, json};

use self::online::Online;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::lifetime;
use crate::listed::{self, Listed};
use crate::profile::{Choice, Profile, Source};
use crate::store::Place;
use crate::time::{rfc3339, shown};

const EXAMPLES: &str = "\
Examples:
  butlr-auth status                        the profile that commands use now, and why
  butlr-auth status --all                  every profile of the configuration
  butlr-auth status --check || butlr-auth login
  butlr-auth status --online --check       has the server revoked it?
  butlr-auth status --json | jq .expires_at

A token is for the issuer, endpoints, client, user name and parameters that it was asked for
with. With other ones a profile has another session; --all shows those of before, too.

It says what is stored and asks no server, unless --online says so: then Butlr's API, or by introspection
any other server, is asked about the stored token.";

/// Show who you are, from where and until when
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Show every profile
    #[arg(long)]
    all: bool,

    /// Exit with 4 if a login is needed
    #[arg(long)]
    check: bool,

    /// Ask the server whether the stored token is good
    #[arg(long)]
    online: bool,
}

pub(crate) async fn run(context: &Context, arguments: &Arguments) -> Result<Exit, Failure> {
    if arguments.all {
        return every(context, arguments).await;
    }
    let profile = context.profile()?;
    let report = Report::asked(context, &profile, arguments).await?;
    if context.output.is_json() {
        context.output.document(&report.document(context))?;
    } else {
        context.output.line(&report.text(context))?;
    }
    Ok(Exit::Done)
}

/// Every profile is a row. One that cannot be used is a row that says why, and does not hide the others.
async fn every(context: &Context, arguments: &Arguments) -> Result<Exit, Failure> {
    let (mut rows, mut documents) = (Vec::new(), Vec::new());
    for (name, found) in all(context).await? {
        let reported = match &found {
            Ok(profile) => Report::asked(context, profile, arguments).await,
            Err(failure) => Err(failure.clone()),
        };
        match reported {
            Ok(report) => {
                rows.push(report.row(context));
                documents.push(report.document(context));
            }
            Err(failure) if arguments.check => return Err(failure),
            Err(failure) => {
                documents.push(json!({
                    "schema": 2, "profile": name, "error": failure.to_string(), "exit": failure.exit as u8,
                }));
                let unknown = ["", "", "", ""].map(str::to_owned);
                let [until, server, who, kept] = unknown;
                rows.push([format!("  {name}"), format!("unusable: {failure}"), until, server, who, kept]);
            }
        }
    }
    if context.output.is_json() {
        context.output.document(&json!({ "schema": 2, "profiles": documents }))?;
    } else {
        let titles = ["  PROFILE", "SESSION", "TOKEN", "SERVER", "WHO", "KEPT IN"];
        context.output.line(&table::table(titles, &rows))?;
    }
    Ok(Exit::Done)
}

/// A profile by its name, or why it cannot be used.
type Found = (String, Result<Profile, Failure>);

/// The profile in use and every other one, and each as it was under earlier words, if it still has a session there.
async fn all(context: &Context) -> Result<Vec<Found>, Failure> {
    let config = context.config()?;
    let current = context.profile();
    let named = |name: &String| context.choose(Choice { named: Some(name), ..Choice::default() });
    let in_use = current.as_ref().map(|current| current.name.clone()).ok();
    let others = config.profiles.keys().filter(|name| Some(*name) != in_use.as_ref());
    // What a profile hides matters for the one in use.
    let others: Vec<_> = others
        .map(|name| {
            let found = named(name);
            let found =
                found.map(|other| Profile { hidden: Vec::new(), source: Source::Configuration, ..other });
            (name.clone(), found)
        })
        .collect();
    let mut profiles = Vec::new();
    match (current, others.is_empty()) {
        (Ok(current), _) => profiles.push((current.name.clone(), Ok(current))),
        // Without any profile there is nothing to show beside it.
        (Err(failure), true) => return Err(failure),
        (Err(_), false) => {}
    }
    profiles.extend(others);
    let known: Vec<Profile> = profiles.iter().filter_map(|(_, found)| found.clone().ok()).collect();
    for listed in Listed::earlier(context, &known) {
        let now = known.iter().find(|profile| profile.name == listed.profile);
        if let Some(earlier) = listed.if_alive(context, now).await {
            let earlier = Profile { source: Source::Configuration, ..earlier };
            profiles.push((earlier.name.clone(), Ok(earlier)));
        }
    }
    Ok(profiles)
}

struct Report<'a> {
    profile: &'a Profile,
    store: Place,
    needs_login: Option<String>,
    /// Whether the server refuses to renew it.
    refused: bool,
    /// What the server said when it did not renew it.
    reason: Option<String>,
    renewable: bool,
    subject: Option<String>,
    token: Option<butlr_auth::Token>,
    online: Option<Online>,
}

impl<'a> Report<'a> {
    async fn of(context: &Context, profile: &'a Profile) -> Result<Self, Failure> {
        let status = context.open(profile).await?.status().await?;
        let needs_login = match needs_login(&status, context) {
            Some(reason) if status.state == SessionState::NeedsLogin(LoginReason::NeverLoggedIn) => {
                Some(Box::pin(listed::why(context, profile)).await.unwrap_or_else(|| reason.to_owned()))
            }
            Some(reason) => Some(reason.to_owned()),
            _ if profile.is_the_clients_own() && profile.secret.is_nowhere() && status.token.is_none() => {
                Some("its client secret is not configured".to_owned())
            }
            _ => None,
        };
        Ok(Self {
            profile,
            store: Place::of(context, profile)?,
            needs_login,
            refused: status.state == SessionState::Refused,
            reason: status.reason,
            renewable: status.renewable && !(profile.is_the_clients_own() && profile.secret.is_nowhere()),
            subject: status.subject,
            token: status.token,
            online: None,
        })
    }

    /// The report of a profile, with what the server says of it and what a script wants to know, if that is asked for.
    async fn asked(context: &Context, profile: &'a Profile, arguments: &Arguments) -> Result<Self, Failure> {
        let mut report = Self::of(context, profile).await?;
        if arguments.online {
            report.ask(context).await;
        }
        if arguments.check && profile.earlier.is_none() {
            report.check()?;
        }
        Ok(report)
    }

    /// The report as a row of many. The profile in use has a mark.
    fn row(&self, context: &Context) -> [String; 6] {
        let profile = self.profile;
        let mark = if profile.source == Source::Configuration { ' ' } else { '*' };
        let session = match (&self.needs_login, &self.online) {
            (Some(why), _) => format!("log in: {why}"),
            (None, Some(online)) => online.text(),
            (None, None) => "good".to_owned(),
        };
        let token = self.token.as_ref().map(|token| match token.remaining(context.clock.boot()) {
            None => "end unknown".to_owned(),
            Some(remaining) if remaining.is_zero() => "ended".to_owned(),
            Some(remaining) => format!("for {}", shown(remaining)),
        });
        let who = self.subject.clone().or_else(|| profile.username.clone());
        let who = who.or_else(|| profile.shown_client().map(ToString::to_string));
        [
            format!("{mark} {}", profile.shown_name()),
            session,
            token.unwrap_or_default(),
            profile.origin().unwrap_or_default(),
            who.unwrap_or_default(),
            self.store.shown(context, profile),
        ]
    }

    /// Asks the server about a token that is good by the clock.
    async fn ask(&mut self, context: &Context) {
        let now = context.clock.boot();
        let Some(token) = self.token.as_ref().filter(|token| !token.is_over(now)) else { return };
        let online = Online::ask(context, self.profile, token).await;
        if matches!(online, Online::NotGood) && token.validity().end == End::Unknown {
            self.refuse(context, token.fingerprint()).await;
        }
        self.online = Some(online);
    }

    /// Nothing but a refusal ends a token that nobody knows the end of.
    async fn refuse(&mut self, context: &Context, refused: Fingerprint) {
        let Ok(session) = context.open(self.profile).await else { return };
        if session.status().await.is_ok() {
            session.reject(&refused);
            session.shutdown().await;
            self.needs_login = Some(why(LoginReason::TokenRefused).to_owned());
        }
    }

    /// Fails if a login is needed, or the server was asked and does not say that the token is good.
    fn check(&self) -> Result<(), Failure> {
        let profile = self.profile;
        let login = |message: String| Failure::new(butlr_auth::ErrorKind::LoginRequired, message);
        let failure = match (&self.needs_login, &self.online) {
            (Some(why), _) => {
                let said = self.reason.as_ref().map_or_else(String::new, |reason| format!(": {reason}"));
                login(format!("profile `{}` needs a login: {why}{said}", profile.name))
            }
            (None, Some(Online::Unknown(failure))) => failure.clone(),
            (None, Some(online @ (Online::NotGood | Online::Inactive))) => {
                let failure = login(match online {
                    Online::Inactive => {
                        format!(
                            "the token of `{}` is not active for this client, says the server",
                            profile.name
                        )
                    }
                    _ => format!("the server does not take the token of `{}` any more", profile.name),
                });
                if self.renewable { failure.help("run `butlr-auth token --force-refresh`") } else { failure }
            }
            (None, None | Some(Online::Good)) => return Ok(()),
        };
        Err(failure.help_by_login(&profile.login_command()))
    }

    fn document(&self, context: &Context) -> Value {
        let profile = self.profile;
        let now = context.clock.now();
        let ends = self.token.as_ref().and_then(|token| token.validity().expires_at(&now));
        let remaining = self.token.as_ref().and_then(|token| token.remaining(now.boot));
        json!({
            "schema": 2,
            "profile": profile.name,
            "source": profile.source.as_str(),
            "earlier": profile.earlier,
            "hidden": profile.hidden,
            "logged_in": self.needs_login.is_none(),
            "needs_login": self.needs_login,
            "renewal_refused": self.refused,
            "reason": self.reason,
            "grant": profile.grant.as_str(),
            "server": profile.origin(),
            "base_url": profile.base_url.as_ref().map(|(url, _)| url.as_str().trim_end_matches('/')),
            "client_id": profile.shown_client(),
            "client_secret": Some(profile.secret.shown()).filter(|_| !profile.secret.is_nowhere()),
            "username": profile.username,
            "subject": self.subject,
            "scope": self.token.as_ref().map(|token| token.scope().to_string()),
            "expires_at": ends.and_then(rfc3339),
            "expires_in": ends.and(remaining).map(|remaining| remaining.as_secs()),
            "online": self.online.as_ref().map(Online::document),
            "renewable": self.renewable,
            "configuration": context.config().ok().map(|config| config.path.display().to_string()),
            "store": self.store.name.as_str(),
            "kept_in": self.store.shown(context, profile),
            "kept_there_by": self.store.said_by,
        })
    }

    fn text(&self, context: &Context) -> String {
        let profile = self.profile;
        let escape = |text: &String| butlr_auth::core::text::escape(text, 128);
        let mut rows: Vec<(&str, String)> =
            vec![("profile", format!("{}  ({})", escape(&profile.name), profile.source.as_str()))];
        if !profile.hidden.is_empty() {
            rows.push(("hides", profile.hidden.join(", ")));
        }
        let state = match &self.needs_login {
            Some(why) => format!("log in: {why}  (`{}`)", profile.login_command()),
            None if matches!(self.online, Some(Online::NotGood | Online::Inactive)) => {
                "kept here, but see what the server says".to_owned()
            }
            None if self.refused => "good until the token ends; the server refused to renew it".to_owned(),
            None => "good".to_owned(),
        };
        rows.push(("session", state));
        if let Some(reason) = &self.reason {
            let what =
                if self.refused || self.needs_login.is_some() { "server said" } else { "last failure" };
            rows.push((what, escape(reason)));
        }
        rows.push(("grant", profile.grant.as_str().to_owned()));
        rows.extend(profile.origin().map(|origin| ("server", origin)));
        if let Some((url, said_by)) = &profile.base_url {
            rows.push(("api", format!("{}  ({said_by})", url.as_str().trim_end_matches('/'))));
        }
        rows.extend(profile.shown_client().map(|id| ("client id", id.to_string())));
        if !profile.secret.is_nowhere() {
            rows.push(("client secret", profile.secret.shown()));
        }
        rows.extend(profile.username.as_ref().map(|username| ("user name", escape(username))));
        rows.extend(self.subject.as_ref().map(|subject| ("subject", escape(subject))));
        if let Some(token) = &self.token {
            rows.push(("token", lifetime::shown(token, self.renewable, &context.clock.now())));
            if !token.scope().is_empty() {
                rows.push(("scope", token.scope().to_string()));
            }
        }
        rows.extend(self.online.as_ref().map(|online| ("server says", online.text())));
        rows.push(("renews itself", if self.renewable { "yes" } else { "no" }.to_owned()));
        let kept = self.store.shown(context, profile);
        rows.push(("kept in", format!("{kept}  ({})", self.store.said_by)));
        let lines: Vec<String> = rows.iter().map(|(name, value)| format!("{name:<14} {value}")).collect();
        lines.join("\n")
    }
}

/// Why a person is needed now, if one is.
pub(super) fn needs_login(status: &butlr_auth::SessionStatus, context: &Context) -> Option<&'static str> {
    let works = || {
        let token = status.token.as_ref();
        token.is_some_and(|token| !token.is_over(context.clock.boot()))
    };
    match status.state {
        SessionState::NeedsLogin(reason) => Some(why(reason)),
        SessionState::Refused if !works() => Some(why(butlr_auth::LoginReason::RenewalRefused)),
        _ => None,
    }
}

/// Why a person is needed.
pub(super) fn why(reason: butlr_auth::LoginReason) -> &'static str {
    use butlr_auth::LoginReason;
    match reason {
        LoginReason::NeverLoggedIn => "nobody has logged in",
        LoginReason::LoggedOut => "it was logged out",
        LoginReason::NoRefreshToken => "its token has ended and cannot be renewed",
        LoginReason::AssumedLifetimeOver => {
            "nobody says how long its token lives, and `assumed_lifetime` has passed"
        }
        LoginReason::TokenRefused => "its token was refused and cannot be renewed",
        LoginReason::RefreshTokenRefused => "the server refused its refresh token",
        LoginReason::RenewalRefused => "the server does not renew it",
        LoginReason::IdentityChanged => "a renewal brought another person's identity",
        _ => "its session has ended",
    }
}
