use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use butlr_auth_core::{BodyEncoding, ClientAuthentication, Dialect, EndpointUrl, Error, RefreshError};
use http::HeaderValue;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use oauth2::{AsyncHttpClient, HttpRequest, HttpResponse};
use zeroize::Zeroizing;

use crate::body::Body;
use crate::form;
use crate::transport::{Answer, Errand, Transport};

/// One request. It speaks the provider's dialect on the way out, and on the way back lets nothing pass that was not
/// checked first.
pub(crate) struct Call<'a> {
    pub(crate) transport: &'a Transport,
    pub(crate) url: &'a EndpointUrl,
    pub(crate) dialect: &'a Dialect,
    pub(crate) total: Duration,
    pub(crate) errand: Errand<'a>,
}

impl Call<'_> {
    /// Asks what `oauth2` has no words for: a form of these parameters, with the client's authentication.
    pub(crate) async fn ask<T, E: From<Error>>(
        &self,
        client: &ClientAuthentication,
        parameters: &[(&str, &str)],
        judge: impl FnOnce(&Answer, &Errand<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        self.send(form::request(client, self.dialect.client_authentication, parameters), judge).await
    }

    async fn send<T, E: From<Error>>(
        &self,
        request: HttpRequest,
        judge: impl FnOnce(&Answer, &Errand<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let (mut parts, form) = request.into_parts();
        let form = Zeroizing::new(form);
        let body = Body::new(&form, self.dialect).encode(self.dialect.body);
        let content_type = match self.dialect.body {
            BodyEncoding::Json => "application/json",
            _ => "application/x-www-form-urlencoded",
        };
        parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        let mut basic = None;
        if let Some(authorization) = parts.headers.get_mut(AUTHORIZATION) {
            authorization.set_sensitive(true);
            basic = authorization.to_str().ok().map(|value| Zeroizing::new(value.to_owned()));
        }
        let mut secrets = self.errand.secrets.clone();
        secrets.extend(basic.iter().flat_map(|value| value.split(' ').skip(1)));
        let errand = Errand {
            grant_type: self.errand.grant_type,
            ..Errand::new(self.url, self.errand.asked.clone(), secrets)
        };
        let answer = self.transport.post(self.url, parts.headers, body, self.total, &errand).await;
        judge(&answer?, &errand)
    }
}

/// Judges an answer and returns the body that `oauth2` gets to see.
pub(crate) type Judge = fn(&Answer, &Errand<'_>, &Dialect) -> Result<Vec<u8>, RefreshError>;

/// A call as `oauth2` makes it: what it calls an HTTP client.
pub(crate) struct Judged<'a>(pub(crate) &'a Call<'a>, pub(crate) Judge);

impl<'c> AsyncHttpClient<'c> for Judged<'_> {
    type Error = RefreshError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, RefreshError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        let Self(call, judge) = self;
        Box::pin(async move {
            let seen = call.send(request, |answer, errand| judge(answer, errand, call.dialect)).await?;
            // Without a content type: `oauth2` takes that for JSON.
            Ok(HttpResponse::new(seen))
        })
    }
}
