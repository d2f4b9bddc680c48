//! The device grant: a code that the person enters on another device.

mod qr;

use butlr_auth::core::DeviceAuthorization;
use butlr_auth::{Scope, Token};
use serde_json::json;

use crate::context::Context;
use crate::failure::Failure;
use crate::profile::Profile;
use crate::spinner;
use crate::time::shown;

/// Shows the code and waits until the person has decided. An interruption ends it at once.
pub(super) async fn login(context: &Context, profile: &Profile, scope: Scope) -> Result<Token, Failure> {
    let output = &context.output;
    let endpoint = context.endpoint(profile);
    let http = spinner::during(output, "asking the server", context.patience.ask(|| endpoint.http())).await?;
    let device = spinner::during(output, "asking for a code", http.authorize_device(scope)).await?;
    let session = context.open(profile).await?;
    show(context, &device);
    let grant = device.grant();
    let polled = http.poll_device(&device, || session.login(&grant));
    let ended = spinner::during(output, "waiting for you; Ctrl-C ends it", polled).await;
    ended.map_err(|error| Failure::from(error).help_by_login(&profile.login_command()))
}

/// The code is shown even where an address holds it already: the person compares the two.
fn show(context: &Context, device: &DeviceAuthorization) {
    let output = &context.output;
    let (code, address) = (device.user_code(), device.verification_uri());
    let complete = device.verification_uri_complete();
    output.ask_with(
        &format!("On any device, open {address} and enter {code}"),
        json!({
            "user_code": code,
            "verification_uri": address.as_str(),
            "verification_uri_complete": complete.map(url::Url::as_str),
            "expires_in": device.expires_in().as_secs(),
        }),
    );
    if output.is_json() {
        return;
    }
    if output.is_watched()
        && let Some(picture) = qr::picture(complete.unwrap_or(address).as_str(), &context.environment)
    {
        output.ask(&picture);
    }
    output.note(&format!("the code is good for {}", shown(device.expires_in())));
}
