//! What its users decide about a server, beside what it says of itself.

use super::Provider;

impl Provider {
    /// Removes a parameter from every authorization request, to give it another value for one login.
    #[must_use]
    pub fn without_authorization_parameter(mut self, name: &str) -> Self {
        self.authorization_parameters.retain(|(known, _)| known != name);
        self
    }

    /// Pushes no authorization request ([RFC 9126](https://www.rfc-editor.org/rfc/rfc9126)), whatever the server
    /// announces: for one that announces an endpoint and does not serve it.
    #[must_use]
    pub fn without_pushed_authorization(mut self) -> Self {
        self.pushed_authorization_request_endpoint = None;
        self.pushed_authorization_required = false;
        self
    }

    /// Sends the session's scope with every refresh. [RFC 6749 §6](https://www.rfc-editor.org/rfc/rfc6749#section-6)
    /// makes it optional: some servers give fewer permissions without it, and others refuse it.
    #[must_use]
    pub fn with_refresh_scope(mut self) -> Self {
        self.refresh_scope = true;
        self
    }

    /// Returns whether the session's scope is sent with every refresh.
    #[must_use]
    pub fn sends_refresh_scope(&self) -> bool {
        self.refresh_scope
    }
}
