mod builder;
mod connection;
mod script;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use butlr_auth_core::{Error, ErrorKind};

pub use self::builder::RedisStoreBuilder;
use self::connection::Connector;
use self::script::{AskWhetherItEvicts, Found, Replaced};
use crate::{Durability, Entry, Id, Promises, Reach, SessionKey, Swap, TokenStore};

/// Keeps sessions in Redis (or Valkey), for every process of every host that reaches it. Feature `redis`.
///
/// Each session is a hash under `butlr-auth:DIGEST` with the fields `write_id` and `entry`, and never expires. A
/// write compares and replaces in one script, so Redis runs nothing in between. There is one connection, made at
/// the first call and made again when it breaks; clones share it.
///
/// # What it promises
///
/// [`Durability::Asynchronous`]: Redis as it is usually set up loses up to a second of writes when its machine dies,
/// and a fail-over the ones that its replica has not seen. A session whose newest refresh token is lost may need a
/// login. With `appendonly yes` and `appendfsync always` on the server, say so by
/// [`synced`](RedisStoreBuilder::synced), and the promise is [`Durability::Disk`]. Replicas shrink the loss at a
/// fail-over if writes [wait for them](RedisStoreBuilder::wait_for_replicas).
///
/// The server must not evict: `maxmemory-policy noeviction`, or one of the `volatile-` policies, which spare keys
/// that never expire; [`eviction`](Self::eviction) asks.
///
/// # While it is down
///
/// Calls fail with [`ErrorKind::StoreUnreachable`] by their deadlines, 2 s to connect and 2 s to answer. A session goes on
/// serving the token it has for as long as the token lasts, spends no refresh token, and goes on by itself afterwards.
///
/// # Cancellation
///
/// A call whose future is dropped may have been sent. Its answer, which still comes, is thrown away and is never
/// another call's; were it to be, the key inside the entry would give it away.
///
/// # Examples
/// ```
/// use butlr_auth_cache::RedisStore;
///
/// let store = RedisStore::open("rediss://:password@redis.example.com")?;
/// assert!(!format!("{store:?}").contains("password"));
/// # Ok::<(), butlr_auth_core::Error>(())
/// ```
#[derive(Clone)]
pub struct RedisStore(Arc<Inner>);

struct Inner {
    connector: Connector,
    key_prefix: String,
    replicas: u32,
    durability: Durability,
}

impl RedisStore {
    /// Keeps sessions at `url`: `rediss://[user][:password@]host[:port][/database]`, `redis://` for this machine, or
    /// `unix:///path?db=0&pass=password`. Connects at the first call.
    ///
    /// # Errors
    /// As [`RedisStoreBuilder::build`].
    pub fn open(url: &str) -> Result<Self, Error> {
        Self::builder(url).build()
    }

    /// Starts a builder, for whatever the URL does not say.
    pub fn builder(url: &str) -> RedisStoreBuilder {
        RedisStoreBuilder::new(url)
    }

    /// Asks whether the server drops sessions when its memory is full, and returns the policy by which it does, such as
    /// `allkeys-lru`. A session that was dropped is one that nobody has logged in to.
    ///
    /// # Errors
    /// [`ErrorKind::StoreUnreachable`] or [`ErrorKind::Storage`], as every call.
    pub async fn eviction(&self) -> Result<Option<String>, Error> {
        self.0.connector.call(AskWhetherItEvicts).await
    }

    fn name(&self, key: &SessionKey) -> String {
        format!("{}{}", self.0.key_prefix, key.digest())
    }

    fn corrupt(&self, name: &str, what: &str) -> Error {
        let host = self.0.connector.host();
        Error::new(ErrorKind::CorruptRecord, format!("the key {name} of redis at {host} {what}"))
    }
}

#[async_trait]
impl TokenStore for RedisStore {
    async fn load(&self, key: &SessionKey) -> Result<Option<Entry>, Error> {
        let name = self.name(key);
        match self.0.connector.call(script::load(&name)).await? {
            Found::Nothing => Ok(None),
            Found::Entry { write_id, bytes } => {
                let entry = Entry::from_bytes(key, &bytes)?;
                if entry.write_id().to_string().as_bytes() != write_id {
                    return Err(self.corrupt(&name, "names another version than its entry"));
                }
                Ok(Some(entry))
            }
            Found::TooLong => Err(self.corrupt(&name, "exceeds 96 KiB")),
            Found::Foreign => Err(self.corrupt(&name, "is no session")),
        }
    }

    async fn compare_and_swap(
        &self,
        key: &SessionKey,
        expected: Option<Id>,
        entry: &Entry,
    ) -> Result<Swap, Error> {
        let (name, bytes) = (self.name(key), entry.to_bytes(key)?);
        let Inner { connector, replicas, .. } = &*self.0;
        let swap = script::replace(&name, expected, entry.write_id(), &bytes);
        if *replicas == 0 {
            return match connector.call(swap).await? {
                Replaced::Swap(swap) => Ok(swap),
                Replaced::Foreign => Err(self.corrupt(&name, "is no session")),
            };
        }
        let (replaced, reached) =
            connector.call(swap.then_wait(*replicas, connector.replication_wait())).await?;
        match replaced {
            Replaced::Foreign => Err(self.corrupt(&name, "is no session")),
            Replaced::Swap(Swap::Swapped) if reached < *replicas => {
                let host = connector.host();
                let message = format!("{reached} of {replicas} replicas of redis at {host} have the write");
                Err(Error::new(ErrorKind::Storage, message))
            }
            Replaced::Swap(swap) => Ok(swap),
        }
    }

    fn promises(&self) -> Promises {
        Promises::new(self.0.durability, Reach::Cluster)
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore")
            .field("host", &format_args!("{}", self.0.connector.host()))
            .field("key_prefix", &self.0.key_prefix)
            .field("durability", &self.0.durability)
            .field("replicas", &self.0.replicas)
            .finish_non_exhaustive()
    }
}
