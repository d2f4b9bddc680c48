//! The real server that a run keeps its session in, and what befalls it on request.

use butlr_auth_testkit::servers::{PostgresServer, RedisServer, ServerError};

/// A server of this run's own, which syncs each write.
pub(super) enum Database {
    Redis(RedisServer),
    Postgres(PostgresServer),
}

impl Database {
    pub(super) fn redis() -> Result<Self, ServerError> {
        RedisServer::start().map(Self::Redis)
    }

    pub(super) fn postgres() -> Result<Self, ServerError> {
        // Thirty-two processes may have four connections each.
        PostgresServer::builder().setting("max_connections", "200").start().map(Self::Postgres)
    }

    pub(super) fn url(&self) -> String {
        match self {
            Self::Redis(server) => server.url(),
            Self::Postgres(server) => server.url(),
        }
    }

    pub(super) fn kill(&mut self) -> Result<(), ServerError> {
        match self {
            Self::Redis(server) => server.kill(),
            Self::Postgres(server) => server.kill(),
        }
    }

    pub(super) fn restart(&mut self) -> Result<(), ServerError> {
        match self {
            Self::Redis(server) => server.restart(),
            Self::Postgres(server) => server.restart(),
        }
    }

    pub(super) fn freeze(&self) -> Result<(), ServerError> {
        match self {
            Self::Redis(server) => server.pause(),
            Self::Postgres(server) => server.pause(),
        }
    }

    pub(super) fn thaw(&self) -> Result<(), ServerError> {
        match self {
            Self::Redis(server) => server.resume(),
            Self::Postgres(server) => server.resume(),
        }
    }
}
