use std::time::Duration;

use butlr_auth_core::{
    Clock, DeviceAuthorization, DevicePacing, Error, Scope, TokenEndpoint as _, TokenResponse,
};
use http::StatusCode;

use crate::HttpTokenEndpoint;
use crate::answer;

/// A longer wait is made of pieces of this, and the clock is read after each: a machine may have been suspended.
const PIECE: Duration = Duration::from_secs(1);

impl HttpTokenEndpoint {
    /// Asks for a device code and the user code that goes with it
    /// ([RFC 8628 §3.1](https://www.rfc-editor.org/rfc/rfc8628#section-3.1)), with exactly one request.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`](butlr_auth_core::ErrorKind::Unsupported) if the provider names no device
    /// authorization endpoint; else as [`exchange`](butlr_auth_core::TokenEndpoint::exchange).
    ///
    /// # Examples
    /// ```
    /// # use butlr_auth_testkit::{AuthorizationServer, Endpoint};
    /// # use butlr_auth_core::{EndpointUrl, Scope};
    /// # use butlr_auth_http::{Discovery, HttpTokenEndpoint};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let server = AuthorizationServer::start().await?;
    /// # let endpoint = HttpTokenEndpoint::discover(server.issuer()).await?
    /// #     .client_id(server.public_client().id.clone()).clock(butlr_auth_core::ManualClock::new()).build()?;
    /// let device = endpoint.authorize_device(Scope::empty()).await?;
    /// println!("open {} and enter {}", device.verification_uri(), device.user_code());
    /// # if false {
    /// let token = endpoint.wait_for_device(&device).await?;
    /// # let _ = token;
    /// # }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn authorize_device(&self, scope: Scope) -> Result<DeviceAuthorization, Error> {
        let provider = self.provider();
        let url = provider.device_authorization_endpoint()?;
        let asked = scope.to_string();
        // Beside Basic authentication it is not required, and still asked for by some servers.
        let mut parameters = vec![("client_id", self.client().client_id().as_str())];
        if !scope.is_empty() {
            parameters.push(("scope", &asked));
        }
        let extra = provider.authorization_parameters().iter();
        parameters.extend(extra.map(|(name, value)| (name.as_str(), value.as_str())));
        let asked_at = self.clock().now();
        let call = self.form_call(url, "the device authorization request", Vec::new());
        let read = |body: &[u8]| DeviceAuthorization::from_json(body, provider.id(), scope.clone(), asked_at);
        call.ask(self.client(), &parameters, |answer, errand| {
            answer::object(answer, errand, &[StatusCode::OK], read)
        })
        .await
    }

    /// Waits until the person has decided, polling as often as the server allows
    /// ([RFC 8628 §3.5](https://www.rfc-editor.org/rfc/rfc8628#section-3.5)).
    ///
    /// Dropping the future ends it at once. Use [`poll_device`](Self::poll_device) to have a session take the token.
    ///
    /// # Errors
    /// [`ErrorKind::Refused`](butlr_auth_core::ErrorKind::Refused) if the person or the server said no;
    /// [`ErrorKind::LoginRequired`](butlr_auth_core::ErrorKind::LoginRequired) if the code expired, by the server's
    /// word or by our own clock, or is not known any more. Temporary trouble is waited out.
    pub async fn wait_for_device(&self, device: &DeviceAuthorization) -> Result<TokenResponse, Error> {
        let grant = device.grant();
        self.poll_device(device, || self.exchange(&grant)).await
    }

    /// Calls `poll` until it gives something, at the pace of [`DevicePacing`]: first after the interval.
    ///
    /// # Errors
    /// As [`wait_for_device`](Self::wait_for_device).
    ///
    /// # Examples
    /// ```ignore
    /// let device = endpoint.authorize_device(scope).await?;
    /// let grant = device.grant();
    /// let token = endpoint.poll_device(&device, || session.login(&grant)).await?;
    /// ```
    pub async fn poll_device<T, F>(
        &self,
        device: &DeviceAuthorization,
        mut poll: impl FnMut() -> F,
    ) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let mut pacing = DevicePacing::new(device);
        loop {
            wait(self.clock(), pacing.pause(self.clock().now())?).await;
            pacing.check(self.clock().now())?;
            match poll().await {
                Ok(done) => return Ok(done),
                Err(failure) => pacing.go_on(failure)?,
            }
        }
    }
}

async fn wait(clock: &dyn Clock, pause: Duration) {
    let until = clock.boot().saturating_add(pause);
    loop {
        let left = until.saturating_sub(clock.boot());
        if left.is_zero() {
            return;
        }
        tokio::time::sleep(left.min(PIECE)).await;
    }
}
