//! Who may ask: the clients and users that the server knows.

use std::fmt;

use crate::random;

/// Every scope of Butlr's API.
pub const API_SCOPES: [&str; 12] = [
    "read:spaces",
    "write:spaces",
    "delete:spaces",
    "read:rooms",
    "write:rooms",
    "delete:rooms",
    "read:sensors",
    "write:sensors",
    "delete:sensors",
    "read:hives",
    "write:hives",
    "delete:hives",
];

/// The scopes of OpenID Connect that the server knows.
pub(crate) const IDENTITY_SCOPES: [&str; 4] = ["openid", "profile", "email", "offline_access"];

/// A client of the authorization server.
///
/// The secret of a pre-registered client is the server's own sample data. `Debug` hides it all the
/// same, so that nobody learns to expect secrets in logs.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Client {
    /// The client identifier, opaque and case-sensitive.
    pub id: String,
    /// The client secret; empty for a public client, which has none.
    pub secret: String,
    /// What a person calls it.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Where authorization responses may go. A loopback address stands for any port of itself
    /// ([RFC 8252 §7.3](https://www.rfc-editor.org/rfc/rfc8252#section-7.3)); everything else is
    /// compared byte by byte.
    pub redirect_uris: Vec<String>,
    /// True for clients that came through `POST /api/v1/client`.
    pub(crate) minted: bool,
}

impl Client {
    /// Describes a confidential client; give it to
    /// [`Builder::client`](crate::Builder::client).
    pub fn confidential(id: impl Into<String>, secret: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            secret: secret.into(),
            name: "Confidential client".to_owned(),
            description: String::new(),
            redirect_uris: loopback_redirects(),
            minted: false,
        }
    }

    /// Describes a public client: no secret, PKCE required.
    pub fn public(id: impl Into<String>) -> Self {
        Self { name: "Public client".to_owned(), ..Self::confidential(id, "") }
    }

    /// Replaces the places where authorization responses may go.
    #[must_use]
    pub fn redirect_uris<I: Into<String>>(mut self, uris: impl IntoIterator<Item = I>) -> Self {
        self.redirect_uris = uris.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the name that the consent page shows.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Tells whether this is a public client, one without a secret.
    #[must_use]
    pub fn is_public(&self) -> bool {
        self.secret.is_empty()
    }

    pub(crate) fn mint(name: String, description: String) -> Self {
        let id = format!("client_{}", random::token(20).replace(['-', '_'], "0"));
        Self {
            name,
            description,
            redirect_uris: Vec::new(),
            minted: true,
            ..Self::confidential(id, random::token(48))
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("id", &self.id)
            .field("secret", &"[redacted]")
            .field("name", &self.name)
            .field("redirect_uris", &self.redirect_uris)
            .finish_non_exhaustive()
    }
}

/// A person with an account.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct User {
    /// What the person types to say who they are.
    pub username: String,
    /// The password: sample data of this server, never a real one.
    pub password: String,
    /// The `sub` of this person's tokens.
    pub subject: String,
}

impl User {
    /// Describes a user; give it to [`Builder::user`](crate::Builder::user).
    pub fn new(username: impl Into<String>, password: impl Into<String>) -> Self {
        let username = username.into();
        let subject = format!("auth0|{}", random::fingerprint(&username));
        Self { username, password: password.into(), subject }
    }
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User")
            .field("username", &self.username)
            .field("password", &"[redacted]")
            .finish_non_exhaustive()
    }
}

/// Clients and users by name. The samples come first and stay.
#[derive(Debug)]
pub(crate) struct Registry {
    pub(crate) clients: Vec<Client>,
    pub(crate) users: Vec<User>,
}

impl Registry {
    pub(crate) fn client(&self, id: &str) -> Option<&Client> {
        self.clients.iter().find(|client| client.id == id)
    }

    pub(crate) fn user(&self, username: &str, password: &str) -> Option<&User> {
        self.users.iter().find(|user| user.username == username && user.password == password)
    }
}

/// The samples that every server knows.
#[derive(Debug)]
pub(crate) struct Samples {
    pub(crate) client: Client,
    pub(crate) public: Client,
    pub(crate) odd: Client,
    pub(crate) user: User,
}

impl Samples {
    pub(crate) fn new() -> Self {
        Self {
            client: Client::confidential(
                "5B2F9D61-83C4-4E0A-9A57-2C1E7F0D6B34",
                "E91C0A7D-46F2-4B8E-B3D5-7A60F18C2E95",
            )
            .name("Sample web application"),
            public: Client::public("0D7A3E58-F19B-4C62-8E4D-95B1C6A2703F").name("Sample native application"),
            // Every character that form-urlencoding, Basic authentication or a shell can stumble over.
            odd: Client::confidential("cc:odd id", "p%a+s/s:w&o=r d~").name("Oddly named application"),
            user: User::new("ada@example.com", "correct-horse-battery-staple"),
        }
    }

    /// The placeholders of Butlr's and other servers' public documents, registered as they stand,
    /// so that the documents' own commands work with nothing but the host changed.
    pub(crate) fn of_the_documents() -> (Vec<Client>, Vec<User>) {
        let clients = vec![
            Client::confidential("your_client_id", "your_client_secret").name("Documentation sample"),
            Client::confidential(
                "BA779C49-4D93-4785-9596-25805A24C5DC",
                "4AD3CE00-8ED5-4F0A-A979-ACE64A15207C",
            )
            .name("Documentation sample")
            .redirect_uris(["https://client.example.com/callback"]),
        ];
        let users = vec![User::new("your@email.com", "your_password"), User::new("jsmith", "password123")];
        (clients, users)
    }
}

fn loopback_redirects() -> Vec<String> {
    [
        "http://127.0.0.1/callback",
        "http://[::1]/callback",
        "http://127.0.0.1/",
        "http://[::1]/",
        "https://client.example.com/callback",
    ]
    .map(str::to_owned)
    .to_vec()
}
