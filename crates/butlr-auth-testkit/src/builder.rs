//! Settings of a server, each with a default that suits most tests.

use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::keys::SigningAlgorithm;
use crate::registry::{Client, User};
use crate::settings::{Rotation, Settings, Successor, Unauthenticated};
use crate::{AuthorizationServer, Quirk};

/// Sets up an [`AuthorizationServer`].
///
/// # Defaults
///
/// | setting | default | why |
/// |---|---|---|
/// | address, port | `127.0.0.1`, chosen by the system | tests run side by side |
/// | access token lifetime | 1,000 s | the `expires_in` of Butlr's documentation |
/// | refresh token lifetime | 30 days | outlives every test |
/// | rotation | [`Rotation::Rotate`] | what clients find hardest |
/// | reuse interval | 0 | the strictest servers forgive nothing |
/// | device code lifetime, interval | 600 s, 5 s | as common, and the interval of RFC 8628 |
/// | pushed authorization requests | offered | clients that know them use them |
/// | audience | `https://butlrauth/` | Butlr's API |
/// | quirks | none | strict by the letter of the RFCs |
/// | control endpoint, journal file | off | nothing that a test did not ask for |
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct Builder {
    settings: Settings,
    clients: Vec<Client>,
    users: Vec<User>,
}

impl Builder {
    /// Listens on this loopback address.
    pub fn address(mut self, address: impl Into<IpAddr>) -> Self {
        self.settings.address = address.into();
        self
    }

    /// Listens on this port; 0 lets the system choose.
    pub fn port(mut self, port: u16) -> Self {
        self.settings.port = port;
        self
    }

    /// Sets how long access tokens live. `expires_in` is this in whole seconds, rounded down.
    pub fn access_token_lifetime(mut self, lifetime: Duration) -> Self {
        self.settings.access_token_lifetime = lifetime;
        self
    }

    /// Sets how long a refresh token lives when nobody uses it.
    pub fn refresh_token_lifetime(mut self, lifetime: Duration) -> Self {
        self.settings.refresh_token_lifetime = lifetime;
        self
    }

    /// Sets what a refresh does to the refresh token.
    pub fn rotation(mut self, rotation: Rotation) -> Self {
        self.settings.rotation = rotation;
        self
    }

    /// Sets for how long a spent refresh token is forgiven, counted from when it was first spent.
    pub fn reuse_interval(mut self, interval: Duration) -> Self {
        self.settings.reuse_interval = interval;
        self
    }

    /// Sets what a forgiven refresh token gives.
    pub fn successor(mut self, successor: Successor) -> Self {
        self.settings.successor = successor;
        self
    }

    /// Sends a refresh token with client credentials on `/token`, as some servers do against
    /// [RFC 6749 §4.4.3](https://www.rfc-editor.org/rfc/rfc6749#section-4.4.3).
    pub fn refresh_token_for_client_credentials(mut self, send: bool) -> Self {
        self.settings.refresh_token_for_client_credentials = send;
        self
    }

    /// Sets the audience of tokens whose request names none. With anything but
    /// `https://butlrauth/` here, the API takes only tokens that asked for it by name, as behind
    /// Butlr's dashboard.
    pub fn default_audience(mut self, audience: impl Into<String>) -> Self {
        self.settings.default_audience = audience.into();
        self
    }

    /// Sets how long a device code and its user code live.
    pub fn device_code_lifetime(mut self, lifetime: Duration) -> Self {
        self.settings.device_code_lifetime = lifetime;
        self
    }

    /// Sets how long a device must wait between two polls, in whole seconds. One that comes early is told to slow
    /// down, and must wait five seconds more from then on.
    pub fn device_poll_interval(mut self, interval: Duration) -> Self {
        self.settings.device_poll_interval = interval;
        self
    }

    /// Takes authorization requests at `/par` only
    /// ([RFC 9126 §5](https://www.rfc-editor.org/rfc/rfc9126#section-5)).
    pub fn require_pushed_authorization_requests(mut self, require: bool) -> Self {
        self.settings.require_pushed_authorization_requests = require;
        self
    }

    /// Sets how the GraphQL endpoint says that a token is not good.
    pub fn unauthenticated(mut self, answer: Unauthenticated) -> Self {
        self.settings.unauthenticated = answer;
        self
    }

    /// Sets how tokens are signed.
    pub fn signing_algorithm(mut self, algorithm: SigningAlgorithm) -> Self {
        self.settings.signing_algorithm = algorithm;
        self
    }

    /// Gives the server one more habit of servers that exist. Several come in the order in which they were given.
    pub fn quirk(mut self, quirk: Quirk) -> Self {
        if !self.settings.quirks.contains(&quirk) {
            self.settings.quirks.push(quirk);
        }
        self
    }

    /// Appends the journal to this file as well, one JSON event a line, each in one write.
    pub fn journal_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.settings.journal_file = Some(path.into());
        self
    }

    /// Opens `/_test/faults`, `/_test/journal` and `/_test/clock`, by which another process can
    /// do what [`AuthorizationServer`]'s methods do.
    pub fn control_endpoint(mut self, open: bool) -> Self {
        self.settings.control = open;
        self
    }

    /// Registers one more client.
    pub fn client(mut self, client: Client) -> Self {
        self.clients.push(client);
        self
    }

    /// Registers one more user.
    pub fn user(mut self, user: User) -> Self {
        self.users.push(user);
        self
    }

    /// Starts the server.
    ///
    /// # Errors
    ///
    /// `InvalidInput` when the address is not a loopback address; else when the port is taken or
    /// the journal file cannot be opened.
    pub async fn start(self) -> io::Result<AuthorizationServer> {
        AuthorizationServer::spawn(self.settings, self.clients, self.users).await
    }
}
