//! Whether the profile's servers answer, and whether their clocks and ours agree.

use std::time::{Duration, SystemTime};

use butlr_auth::{Clock as _, EndpointUrl, Network};
use jiff::fmt::rfc2822::DateTimeParser;
use reqwest::header::DATE;

use super::check::Check;
use crate::context::Context;
use crate::http;
use crate::network;
use crate::profile::Profile;
use crate::time::shown;

/// A clock that is further off takes good tokens for expired ones, or the other way round.
const TOLERANCE: Duration = Duration::from_secs(60);

/// When this was written: a clock before it stands.
const WRITTEN: Duration = Duration::from_secs(1_767_225_600);

/// Asks each server of the profile once, without any secret, and reads its clock by the way.
pub(super) async fn check(context: &Context, profile: &Profile) -> Vec<Check> {
    let mut origins: Vec<String> = Vec::new();
    origins.extend(profile.origin());
    origins.extend(profile.base_url.as_ref().map(|(url, _)| url.origin()));
    origins.dedup();
    let network = match network::open(&profile.network, &context.environment, context.patience.left()).await {
        Ok(network) => network,
        Err(failure) => return vec![Check::failed("network", &failure), clock_alone(context)],
    };
    let mut checks = Vec::new();
    let mut date = None;
    for origin in origins {
        let Ok(url) = origin.parse::<EndpointUrl>() else { continue };
        checks.extend(proxy(&network, &url));
        let began = context.clock.boot();
        let asked = async {
            let client = http::client(&network, &url, context.global.timeout)?;
            match client.head(url.as_url().clone()).send().await {
                Ok(answer) => Ok(answer),
                Err(error) => Err(http::unreachable(&network, &url, "a look", error).await),
            }
        };
        match asked.await {
            Ok(answer) => {
                let took = context.clock.boot().saturating_sub(began).as_millis();
                checks.push(Check::ok("network", format!("{origin} answers, in {took} ms")));
                let sent = answer.headers().get(DATE).and_then(|date| date.to_str().ok().map(str::to_owned));
                date = date.or_else(|| sent.map(|sent| (url.host(), sent)));
            }
            Err(failure) => {
                let failure =
                    failure.help("see whether this machine is online, and its name servers and proxy");
                checks.push(Check::failed("network", &failure));
            }
        }
    }
    let compared = date.and_then(|(host, sent)| compared(context, &host, &sent));
    checks.push(compared.unwrap_or_else(|| clock_alone(context)));
    checks
}

/// Compares our clock with a server's, which tells whole seconds.
fn compared(context: &Context, host: &str, sent: &str) -> Option<Check> {
    let theirs = SystemTime::from(DateTimeParser::new().parse_timestamp(sent).ok()?);
    let ours = context.clock.now().wall;
    let (ahead, word) = match ours.duration_since(theirs) {
        Ok(ahead) => (ahead, "ahead of"),
        Err(behind) => (behind.duration(), "behind"),
    };
    Some(if ahead > TOLERANCE {
        let what = format!("{} {word} {host}", shown(ahead));
        Check::warned("clock", what, "set this machine's clock, by NTP for example")
    } else {
        Check::ok("clock", format!("agrees with {host}"))
    })
}

/// Without anybody to compare with, a clock may at least not stand before this program was written.
pub(super) fn clock_alone(context: &Context) -> Check {
    let since = context.clock.now().wall.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    if since < WRITTEN {
        Check::warned("clock", "it is before this program was written".to_owned(), "set this machine's clock")
    } else {
        Check::ok("clock", "compared with no server's".to_owned())
    }
}

/// The proxy between this machine and a server, if there is one.
fn proxy(network: &Network, url: &EndpointUrl) -> Option<Check> {
    match network.proxy_for(url) {
        Ok(proxy) => proxy.map(|proxy| Check::ok("proxy", format!("{proxy}, to {}", url.host()))),
        Err(error) => Some(Check::failed("proxy", &error.into())),
    }
}
