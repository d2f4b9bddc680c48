use std::iter;

use super::Provider;
use crate::EndpointUrl;

impl Provider {
    /// Sets the issuer and the token endpoint that a server's own metadata names.
    pub(crate) fn discovered(mut self, issuer: String) -> Self {
        self.issuer = Some(issuer);
        self.discovered = true;
        self
    }

    /// Returns where tokens come from, as far as somebody wrote it down: every token endpoint that the server's metadata
    /// does not name, and where there is none at all the authorization endpoint, which then gives the tokens.
    pub(crate) fn endpoints_by_hand(&self) -> impl Iterator<Item = (&'static str, &EndpointUrl)> {
        let found = self.token_endpoint.as_ref().filter(|_| self.discovered).map(|endpoint| &endpoint.url);
        let token = self.token_endpoint.iter().map(|endpoint| ("token", &endpoint.url));
        let grants = self.grant_endpoints.iter();
        let grants = grants.map(|(grant_type, endpoint)| (grant_type.name(), &endpoint.url));
        let none = self.token_endpoint.is_none() && self.grant_endpoints.is_empty() && !self.discovered;
        let authorization = self.authorization_endpoint.iter().filter(move |_| none);
        token
            .chain(grants)
            .filter(move |(_, url)| found != Some(*url))
            .chain(authorization.zip(iter::repeat("authorization")).map(|(url, name)| (name, url)))
    }
}
