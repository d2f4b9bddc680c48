//! git's protocol: `name=value` lines, ended by an empty one.

use std::time::SystemTime;

use butlr_auth::Clock as _;
use zeroize::Zeroizing;

use super::{Asked, is_ours, token};
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::profile::Profile;
use crate::terminal;

/// What git says of the server that it wants to talk to.
#[derive(Default)]
struct Description {
    protocol: String,
    host: String,
    password: Option<Zeroizing<String>>,
}

pub(super) async fn run(context: &Context, asked: &Asked) -> Result<Exit, Failure> {
    let description = Description::parse(&terminal::stdin_text().await?)?;
    let profile = context.profile()?;
    // Silence lets git ask its other helpers, and is the answer to what is not known, too.
    if !is_ours(&profile, &description.protocol, &description.host) {
        tracing::debug!(host = description.host, "asked for another host");
        return Ok(Exit::Done);
    }
    match asked.operation.as_str() {
        "get" => get(context, &profile, &asked.username).await?,
        "erase" => reject(context, &profile, &description).await?,
        _ => {}
    }
    Ok(Exit::Done)
}

async fn get(context: &Context, profile: &Profile, username: &str) -> Result<(), Failure> {
    let token = token(context, profile).await?;
    let mut answer =
        Zeroizing::new(format!("username={username}\npassword={}\n", token.access_token().expose()));
    let ends = token.validity().expires_at(&context.clock.now());
    if let Some(ends) = ends.and_then(|ends| ends.duration_since(SystemTime::UNIX_EPOCH).ok()) {
        answer.push_str(&format!("password_expiry_utc={}\n", ends.as_secs()));
    }
    context.output.result(answer.as_bytes())
}

/// The server refused a password: if it is the current token, the next one is another.
async fn reject(context: &Context, profile: &Profile, description: &Description) -> Result<(), Failure> {
    let session = context.open(profile).await?;
    let current = session.status().await?.token;
    if let (Some(token), Some(refused)) = (current, &description.password)
        && token.access_token().expose() == refused.as_str()
    {
        session.reject(&token.fingerprint());
        session.token().await?;
    }
    Ok(())
}

/// A value that there is one of: of two, git and this program might take different ones.
fn only(name: &str, before: &str, value: &str) -> Result<String, Failure> {
    if before.is_empty() || before == value {
        Ok(value.to_owned())
    } else {
        Err(Failure::usage(format!("git names `{name}` twice")))
    }
}

impl Description {
    fn parse(text: &str) -> Result<Self, Failure> {
        let mut description = Self::default();
        for line in text.split('\n').take_while(|line| !line.is_empty()) {
            let (name, value) =
                line.split_once('=').ok_or_else(|| Failure::usage("git writes `name=value` lines"))?;
            // What two programs may split differently is answered by none (CVE-2024-52006).
            if value.contains(['\r', '\0']) {
                return Err(Failure::usage(format!(
                    "the value of `{}` has a line end in it",
                    name.escape_debug()
                )));
            }
            match name {
                "protocol" => description.protocol = only(name, &description.protocol, value)?,
                "host" => description.host = only(name, &description.host, value)?,
                "password" => description.password = Some(Zeroizing::new(value.to_owned())),
                _ => {}
            }
        }
        Ok(description)
    }
}
