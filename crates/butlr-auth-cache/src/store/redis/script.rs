//! What is asked of Redis. Scripts are sent whole each time: they are short, Redis keeps them compiled, and there is
//! no second way for a server that has forgotten one.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{Cmd, ErrorKind, FromRedisValue, ParsingError, Pipeline, RedisResult, Value};

use crate::{Id, Swap};

/// Whatever is not a session, or is too long, is refused before it is read: a client would have to take all of it.
const LOAD: &str = "\
local kind = redis.call('TYPE', KEYS[1])['ok']
if kind == 'none' then return {'nothing'} end
if kind ~= 'hash' then return {'foreign'} end
if redis.call('HSTRLEN', KEYS[1], 'entry') > 98304 then return {'long'} end
if redis.call('HSTRLEN', KEYS[1], 'write_id') > 32 then return {'foreign'} end
local found = redis.call('HMGET', KEYS[1], 'write_id', 'entry')
if not (found[1] and found[2]) then return {'foreign'} end
return {'entry', found[1], found[2]}";

const REPLACE: &str = "\
local kind = redis.call('TYPE', KEYS[1])['ok']
if kind ~= 'none' and kind ~= 'hash' then return 'foreign' end
if kind == 'none' then
  if ARGV[1] ~= '' then return 'conflict' end
elseif ARGV[1] == '' or redis.call('HGET', KEYS[1], 'write_id') ~= ARGV[1] then
  return 'conflict'
end
redis.call('HSET', KEYS[1], 'write_id', ARGV[2], 'entry', ARGV[3])
return 'swapped'";

/// A request whose answer is a `T`.
pub(super) trait Request {
    type Answer;

    async fn send(&self, connection: &mut MultiplexedConnection) -> RedisResult<Self::Answer>;
}

/// What is under a key.
pub(super) enum Found {
    Nothing,
    Entry {
        write_id: Vec<u8>,
        bytes: Vec<u8>,
    },
    TooLong,
    /// Another type, or a hash that is no session.
    Foreign,
}

/// How a compare-and-swap ended.
pub(super) enum Replaced {
    Swap(Swap),
    /// What is under the key is of another type.
    Foreign,
}

pub(super) struct Load(Cmd);

pub(super) fn load(name: &str) -> Load {
    Load(script(LOAD, name))
}

impl Request for Load {
    type Answer = Found;

    async fn send(&self, connection: &mut MultiplexedConnection) -> RedisResult<Found> {
        self.0.query_async(connection).await
    }
}

pub(super) struct Replace(Cmd);

pub(super) fn replace(name: &str, expected: Option<Id>, write_id: Id, bytes: &[u8]) -> Replace {
    let mut command = script(REPLACE, name);
    command.arg(expected.map(|id| id.to_string()).unwrap_or_default()).arg(write_id.to_string()).arg(bytes);
    Replace(command)
}

impl Replace {
    /// Waits, on the server, until `replicas` have the write, for `patience` at most.
    pub(super) fn then_wait(self, replicas: u32, patience: Duration) -> ReplaceAndWait {
        let mut both = Pipeline::new();
        both.add_command(self.0);
        both.cmd("WAIT").arg(replicas).arg(u64::try_from(patience.as_millis()).unwrap_or(u64::MAX).max(1));
        ReplaceAndWait(both)
    }
}

impl Request for Replace {
    type Answer = Replaced;

    async fn send(&self, connection: &mut MultiplexedConnection) -> RedisResult<Replaced> {
        self.0.query_async(connection).await
    }
}

pub(super) struct ReplaceAndWait(Pipeline);

impl Request for ReplaceAndWait {
    type Answer = (Replaced, u32);

    async fn send(&self, connection: &mut MultiplexedConnection) -> RedisResult<(Replaced, u32)> {
        self.0.query_async(connection).await
    }
}

/// Settings by which a server says whether it syncs each write.
pub(super) struct AskWhetherSynced;

impl Request for AskWhetherSynced {
    /// `None` if the server does not tell.
    type Answer = Option<bool>;

    async fn send(&self, connection: &mut MultiplexedConnection) -> RedisResult<Option<bool>> {
        for (name, wanted) in [("appendonly", "yes"), ("appendfsync", "always")] {
            let asked: RedisResult<Vec<String>> =
                redis::cmd("CONFIG").arg("GET").arg(name).query_async(connection).await;
            match asked {
                Ok(told) if told.get(1).is_some_and(|value| value == wanted) => {}
                Ok(told) if told.is_empty() => return Ok(None),
                Ok(_) => return Ok(Some(false)),
                // Hosted servers have no such command, or a user may not use it.
                Err(error) if matches!(error.kind(), ErrorKind::Server(_) | ErrorKind::Extension) => {
                    return Ok(None);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(Some(true))
    }
}

/// Whether the server drops keys that never expire when it is full: the name of the policy, if it does.
pub(super) struct AskWhetherItEvicts;

impl Request for AskWhetherItEvicts {
    /// `None` if it does not, or does not tell.
    type Answer = Option<String>;

    async fn send(&self, connection: &mut MultiplexedConnection) -> RedisResult<Option<String>> {
        // Hosted servers refuse CONFIG and answer this.
        let asked: RedisResult<String> = redis::cmd("INFO").arg("memory").query_async(connection).await;
        let told = match asked {
            Ok(told) => told,
            Err(error) if matches!(error.kind(), ErrorKind::Server(_) | ErrorKind::Extension) => {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let of = |name: &str| told.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let policy = of("maxmemory_policy").filter(|policy| policy.starts_with("allkeys"));
        let is_bounded = of("maxmemory").is_some_and(|bytes| bytes.trim() != "0");
        Ok(policy.filter(|_| is_bounded).map(|policy| policy.trim().to_owned()))
    }
}

fn script(text: &str, name: &str) -> Cmd {
    let mut command = redis::cmd("EVAL");
    command.arg(text).arg(1).arg(name);
    command
}

impl FromRedisValue for Found {
    fn from_redis_value(value: Value) -> Result<Self, ParsingError> {
        let mut parts = Vec::<Vec<u8>>::from_redis_value(value)?.into_iter();
        let found = match (parts.next().as_deref(), parts.next(), parts.next()) {
            (Some(b"nothing"), None, None) => Self::Nothing,
            (Some(b"entry"), Some(write_id), Some(bytes)) => Self::Entry { write_id, bytes },
            (Some(b"long"), None, None) => Self::TooLong,
            (Some(b"foreign"), None, None) => Self::Foreign,
            _ => return Err("a script answered what it cannot".into()),
        };
        Ok(found)
    }
}

impl FromRedisValue for Replaced {
    fn from_redis_value(value: Value) -> Result<Self, ParsingError> {
        match Vec::<u8>::from_redis_value(value)?.as_slice() {
            b"swapped" => Ok(Self::Swap(Swap::Swapped)),
            b"conflict" => Ok(Self::Swap(Swap::Conflict)),
            b"foreign" => Ok(Self::Foreign),
            _ => Err("a script answered what it cannot".into()),
        }
    }
}
