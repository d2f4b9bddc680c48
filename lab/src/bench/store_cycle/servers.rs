//! The stores that are servers.

use anyhow::{Context as _, Result, ensure};
use async_trait::async_trait;
use butlr_auth_cache::{PostgresStore, RedisStore};
use butlr_auth_testkit::servers::{PostgresServer, RedisServer};
use deadpool_postgres::tokio_postgres::types::Type;
use deadpool_postgres::tokio_postgres::{Client, NoTls, connect};
use redis::aio::MultiplexedConnection;

use super::Measured;
use super::raw::{Content, Raw};

/// Each on a server of its own, which is an error to be without: a table that lacks them would look whole.
pub(super) fn run(bench: &mut Measured<'_>) -> Result<()> {
    let server = RedisServer::start()?;
    let store = RedisStore::open(&server.url())?;
    let mut raw = bench.runtime.block_on(RawRedis::open(&server.url()))?;
    bench.store("Redis", &store, &mut raw)?;

    let server = PostgresServer::start()?;
    let store = PostgresStore::open(&server.url())?;
    bench.runtime.block_on(store.create_schema())?;
    let mut raw = bench.runtime.block_on(RawPostgres::open(&server.url()))?;
    bench.store("PostgreSQL", &store, &mut raw)
}

/// A command that reads, and a script that compares and replaces.
struct RawRedis {
    connection: MultiplexedConnection,
    content: Content,
    version: u64,
}

impl RawRedis {
    async fn open(url: &str) -> Result<Self> {
        let connection = redis::Client::open(url)?.get_multiplexed_async_connection().await?;
        Ok(Self { connection, content: Content::new(), version: 0 })
    }
}

#[async_trait]
impl Raw for RawRedis {
    async fn cycle(&mut self) -> Result<()> {
        const REPLACE: &str = "if (redis.call('HGET', KEYS[1], 'write_id') or '0') ~= ARGV[1] then return 0 end \
                               redis.call('HSET', KEYS[1], 'write_id', ARGV[2], 'entry', ARGV[3]) return 1";
        let mut read = redis::cmd("HMGET");
        read.arg("raw").arg("write_id").arg("entry");
        let _: (Option<u64>, Option<Vec<u8>>) = read.query_async(&mut self.connection).await?;
        for _ in 0..2 {
            let mut replace = redis::cmd("EVAL");
            replace.arg(REPLACE).arg(1).arg("raw").arg(self.version).arg(self.version + 1);
            let replaced: u8 = replace.arg(self.content.next()).query_async(&mut self.connection).await?;
            ensure!(replaced == 1, "somebody else writes");
            self.version += 1;
        }
        Ok(())
    }
}

/// A statement that reads, and one that compares and replaces, each in a transaction of its own.
struct RawPostgres {
    client: Client,
    content: Content,
    version: i64,
}

impl RawPostgres {
    async fn open(url: &str) -> Result<Self> {
        let (client, connection) = connect(url, NoTls).await?;
        tokio::spawn(connection);
        client.batch_execute("CREATE TABLE raw (key text PRIMARY KEY, version bigint, entry bytea)").await?;
        client.batch_execute("INSERT INTO raw VALUES ('bench', 0, '')").await?;
        Ok(Self { client, content: Content::new(), version: 0 })
    }
}

#[async_trait]
impl Raw for RawPostgres {
    async fn cycle(&mut self) -> Result<()> {
        let key = (&"bench" as _, Type::TEXT);
        let select = "SELECT version, entry FROM raw WHERE key = $1";
        let found = self.client.query_typed(select, std::slice::from_ref(&key)).await?;
        let _: &[u8] = found.first().context("it was inserted")?.try_get(1)?;
        for _ in 0..2 {
            let content = self.content.next();
            let (old, new) = (self.version, self.version + 1);
            let values = [key.clone(), (&old, Type::INT8), (&new, Type::INT8), (&content, Type::BYTEA)];
            let update =
                "UPDATE raw SET version = $3, entry = $4 WHERE key = $1 AND version = $2 RETURNING true";
            ensure!(self.client.query_typed(update, &values).await?.len() == 1, "somebody else writes");
            self.version = new;
        }
        Ok(())
    }
}
