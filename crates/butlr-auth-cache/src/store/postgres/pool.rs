use std::error::Error as _;
use std::time::Duration;

use butlr_auth_core::{Error, ErrorKind};
use deadpool_postgres::tokio_postgres::error::SqlState;
use deadpool_postgres::tokio_postgres::types::{ToSql, Type};
use deadpool_postgres::tokio_postgres::{self, Row};
use deadpool_postgres::{Object, PoolError, TimeoutType};
use tokio::time::timeout;

use super::statements::Value;
use crate::store::tls::kind_of_failed_connection;

/// A few connections, and a deadline on everything.
pub(super) struct Pool {
    pub(super) connections: deadpool_postgres::Pool,
    pub(super) host: String,
    pub(super) connect_timeout: Duration,
    pub(super) timeout: Duration,
}

/// Why a statement has no answer, without the server's own words, which may quote a row.
pub(super) struct Failure {
    error: Error,
    state: Option<SqlState>,
}

impl Pool {
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    /// Runs one statement as a transaction of its own.
    pub(super) async fn query(&self, statement: &str, values: &[Value<'_>]) -> Result<Vec<Row>, Failure> {
        // The pool's own deadlines are each for one step.
        let connected = timeout(self.connect_timeout, self.connections.get()).await;
        let connection = match connected {
            Ok(connected) => Lent::new(connected.map_err(|error| self.no_connection(&error))?),
            Err(_) => return Err(self.silent("did not take a connection", self.connect_timeout)),
        };
        let values: Vec<(&(dyn ToSql + Sync), Type)> =
            values.iter().map(|value| (value as &(dyn ToSql + Sync), value.kind())).collect();
        match timeout(self.timeout, connection.query(statement, &values)).await {
            Ok(Ok(rows)) => {
                connection.give_back();
                Ok(rows)
            }
            Ok(Err(error)) => Err(self.failed(&error)),
            Err(_) => Err(self.silent("did not answer", self.timeout)),
        }
    }

    fn no_connection(&self, error: &PoolError) -> Failure {
        match error {
            PoolError::Backend(error) => self.failed(error),
            PoolError::Timeout(TimeoutType::Wait) => {
                self.silent("had no connection to spare", self.connect_timeout)
            }
            _ => self.silent("did not take a connection", self.connect_timeout),
        }
    }

    fn failed(&self, error: &tokio_postgres::Error) -> Failure {
        let host = &self.host;
        let state = error.code().cloned();
        let (kind, message) = match &state {
            Some(state) if *state == SqlState::UNDEFINED_TABLE => (
                ErrorKind::Configuration,
                format!("postgres at {host} lacks the table of sessions: create it once by `create_schema`"),
            ),
            Some(state) => {
                let kind = if passes(state) { ErrorKind::StoreUnreachable } else { ErrorKind::Storage };
                (kind, format!("postgres at {host} answered SQLSTATE {}", state.code()))
            }
            None if error.is_closed() => {
                (ErrorKind::StoreUnreachable, format!("the connection to postgres at {host} broke"))
            }
            None => {
                let cause = error.source().and_then(|source| source.downcast_ref::<std::io::Error>());
                let kind = cause.map_or(ErrorKind::StoreUnreachable, kind_of_failed_connection);
                (kind, format!("postgres at {host} cannot be reached"))
            }
        };
        Failure { error: with_cause(Error::new(kind, message), error), state }
    }

    fn silent(&self, what: &str, deadline: Duration) -> Failure {
        let message = format!("postgres at {} {what} within {} ms", self.host, deadline.as_millis());
        Failure { error: Error::new(ErrorKind::StoreUnreachable, message), state: None }
    }
}

impl Failure {
    /// Whether the transaction was undone because another one changed the row: under the stricter isolation levels,
    /// that is how a conflict shows.
    pub(super) fn is_serialization_failure(&self) -> bool {
        self.state == Some(SqlState::T_R_SERIALIZATION_FAILURE)
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        failure.error
    }
}

/// Whether a server says that it starts, stops or has no connection to spare.
fn passes(state: &SqlState) -> bool {
    let code = state.code();
    code.starts_with("08") || code.starts_with("57P") || code == "53300"
}

/// Adds what the operating system or TLS said, which is all of the sources that holds nothing of the server's.
fn with_cause(error: Error, from: &tokio_postgres::Error) -> Error {
    let cause = std::error::Error::source(from).and_then(|source| source.downcast_ref::<std::io::Error>());
    match cause {
        Some(cause) => error.with_source(std::io::Error::new(cause.kind(), cause.to_string())),
        None => error,
    }
}

/// A connection that goes back to the pool only after a whole answer: any other, cancelled ones included, is closed.
struct Lent(Option<Object>);

impl Lent {
    fn new(connection: Object) -> Self {
        Self(Some(connection))
    }

    async fn query(
        &self,
        statement: &str,
        values: &[(&(dyn ToSql + Sync), Type)],
    ) -> Result<Vec<Row>, tokio_postgres::Error> {
        match &self.0 {
            Some(connection) => connection.query_typed(statement, values).await,
            None => Ok(Vec::new()),
        }
    }

    fn give_back(mut self) {
        self.0 = None;
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(doubtful) = self.0.take() {
            drop(Object::take(doubtful));
        }
    }
}
