use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::header::AUTHORIZATION;
use http::{Request, Response};
use http_body::Body;
use tower_layer::Layer;
use tower_service::Service;

use super::{Bearer, BearerBody, BearerError};

impl Bearer {
    /// Returns a layer for clients whose bodies can be cloned, such as `Full<Bytes>`, `Empty<Bytes>` and `String`.
    ///
    /// Redirects are best followed outside of it: then each hop passes by the rules above.
    ///
    /// # Examples
    /// ```
    /// # use butlr_auth_core::{AccessToken, Scope, StaticToken, Token, Validity};
    /// use butlr_auth_http::Bearer;
    /// use bytes::Bytes;
    /// use http_body_util::Full;
    /// use hyper_util::client::legacy::Client;
    /// use hyper_util::rt::TokioExecutor;
    /// use tower::{ServiceBuilder, ServiceExt};
    ///
    /// # async fn example(session: StaticToken) -> Result<(), Box<dyn std::error::Error>> {
    /// let bearer = Bearer::new(session).origin("https://api.butlr.io")?;
    /// let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    /// let client = ServiceBuilder::new().layer(bearer.layer()).service(client);
    /// let request = http::Request::get("https://api.butlr.io/rooms").body(Full::default())?;
    /// let response = client.oneshot(request).await?;
    /// # drop(response);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn layer<B: Clone>(&self) -> BearerLayer<B> {
        self.layer_with(|body: &B| Some(body.clone()))
    }

    /// Returns a layer for clients with any body. `copy` makes a second one if it can; with `|_| None`, which fits a
    /// stream, no request is repeated: the token is rejected, and the next request has another one.
    #[must_use]
    pub fn layer_with<B>(&self, copy: fn(&B) -> Option<B>) -> BearerLayer<B> {
        BearerLayer { bearer: self.clone(), copy }
    }
}

/// A tower [`Layer`] that puts the token of a [`Bearer`] on requests. Made by [`Bearer::layer`].
pub struct BearerLayer<B> {
    bearer: Bearer,
    copy: fn(&B) -> Option<B>,
}

impl<S, B> Layer<S> for BearerLayer<B> {
    type Service = BearerService<S, B>;

    fn layer(&self, inner: S) -> Self::Service {
        BearerService { inner, bearer: self.bearer.clone(), copy: self.copy }
    }
}

/// A tower [`Service`] whose requests carry the token of a [`Bearer`].
pub struct BearerService<S, B> {
    inner: S,
    bearer: Bearer,
    copy: fn(&B) -> Option<B>,
}

impl<S, B, R> Service<Request<B>> for BearerService<S, B>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send,
    B: Send + 'static,
    R: Body + Send + 'static,
    R::Data: Send,
    R::Error: Send,
{
    type Response = Response<BearerBody<R>>;
    type Error = BearerError<S::Error>;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context).map_err(BearerError::Service)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // The service that has said it is ready is the one to call; its clone has not.
        let next = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, next);
        if !self.bearer.is_for(&request) {
            let answer = inner.call(request);
            return Box::pin(async move {
                answer.await.map(|response| response.map(BearerBody::new)).map_err(BearerError::Service)
            });
        }
        let (bearer, copy) = (self.bearer.clone(), copy(&request, self.copy));
        Box::pin(async move { bearer.call_service(request, copy, inner).await })
    }
}

impl Bearer {
    /// Calls a service that has said it is ready, and once more if the token was refused.
    async fn call_service<S, B, R>(
        &self,
        mut request: Request<B>,
        copy: Option<Request<B>>,
        mut service: S,
    ) -> Result<Response<BearerBody<R>>, BearerError<S::Error>>
    where
        S: Service<Request<B>, Response = Response<R>>,
        R: Body,
    {
        let host = request.uri().host().unwrap_or_default().to_owned();
        let sent = self.put(request.headers_mut(), host).await.map_err(BearerError::Token)?;
        let answer = service.call(request).await.map_err(BearerError::Service)?;
        let mut answer = answer.map(BearerBody::new);
        let verdict = self.judge(&mut answer, &sent).await;
        let another = self.another(&sent, verdict, copy.is_some()).await.map_err(BearerError::Token)?;
        let (Some(another), Some(mut request)) = (another, copy) else { return Ok(answer) };
        // Before the next request, so that its connection is free.
        drop(answer);
        request.headers_mut().insert(AUTHORIZATION, another);
        poll_fn(|context| service.poll_ready(context)).await.map_err(BearerError::Service)?;
        let answer = service.call(request).await.map_err(BearerError::Service)?;
        let mut answer = answer.map(BearerBody::new);
        self.judge(&mut answer, &sent).await.scope_is_enough().map_err(BearerError::Token)?;
        Ok(answer)
    }
}

fn copy<B>(request: &Request<B>, copy: fn(&B) -> Option<B>) -> Option<Request<B>> {
    let mut second = Request::new(copy(request.body())?);
    *second.method_mut() = request.method().clone();
    *second.uri_mut() = request.uri().clone();
    *second.version_mut() = request.version();
    *second.headers_mut() = request.headers().clone();
    *second.extensions_mut() = request.extensions().clone();
    Some(second)
}

impl<B> Clone for BearerLayer<B> {
    fn clone(&self) -> Self {
        Self { bearer: self.bearer.clone(), copy: self.copy }
    }
}

impl<S: Clone, B> Clone for BearerService<S, B> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), bearer: self.bearer.clone(), copy: self.copy }
    }
}

impl<B> fmt::Debug for BearerLayer<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BearerLayer").field(&self.bearer).finish()
    }
}

impl<S: fmt::Debug, B> fmt::Debug for BearerService<S, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BearerService")
            .field("inner", &self.inner)
            .field("bearer", &self.bearer)
            .finish_non_exhaustive()
    }
}
