use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use butlr_auth_core::{Error, TokenEndpoint};
use tokio::sync::Semaphore;

/// Where each identity's tokens come from, and how many exchanges may be under way there at once.
pub(super) struct Endpoints {
    source: Source,
    max_exchanges: usize,
    /// Leave to exchange, by provider. There are as many as a program knows authorization servers.
    providers: Mutex<HashMap<String, Arc<Semaphore>>>,
}

enum Source {
    One(Arc<dyn TokenEndpoint>),
    Each(Box<MakeEndpoint>),
}

type MakeEndpoint = dyn Fn(&str) -> Result<Arc<dyn TokenEndpoint>, Error> + Send + Sync;

impl Endpoints {
    /// Enough to renew thousands of tokens in seconds, and few enough for every server.
    const MAX_EXCHANGES: usize = 16;

    pub(super) fn one(endpoint: Arc<dyn TokenEndpoint>) -> Self {
        Self::new(Source::One(endpoint))
    }

    pub(super) fn each<E: TokenEndpoint + 'static>(
        endpoint: impl Fn(&str) -> Result<E, Error> + Send + Sync + 'static,
    ) -> Self {
        Self::new(Source::Each(Box::new(move |name| Ok(Arc::new(endpoint(name)?)))))
    }

    fn new(source: Source) -> Self {
        Self { source, max_exchanges: Self::MAX_EXCHANGES, providers: Mutex::default() }
    }

    /// Bounds the exchanges that are under way at once, for each provider; at least one.
    pub(super) fn with_max_exchanges(self, max: usize) -> Self {
        Self { max_exchanges: max.clamp(1, Semaphore::MAX_PERMITS), ..self }
    }

    pub(super) fn of(&self, name: &str) -> Result<(Arc<dyn TokenEndpoint>, Arc<Semaphore>), Error> {
        let endpoint = match &self.source {
            Source::One(endpoint) => Arc::clone(endpoint),
            Source::Each(endpoint) => endpoint(name)?,
        };
        let provider = &endpoint.identity().provider_id;
        let mut providers = self.providers.lock().unwrap_or_else(PoisonError::into_inner);
        let exchanges = match providers.get(provider) {
            Some(exchanges) => Arc::clone(exchanges),
            None => {
                let exchanges = Arc::new(Semaphore::new(self.max_exchanges));
                providers.insert(provider.clone(), Arc::clone(&exchanges));
                exchanges
            }
        };
        drop(providers);
        Ok((endpoint, exchanges))
    }
}
