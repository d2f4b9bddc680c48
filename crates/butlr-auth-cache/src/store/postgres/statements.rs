use std::error::Error as StdError;
use std::fmt;

use bytes::BytesMut;
use deadpool_postgres::tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

/// The four statements, for one table.
pub(super) struct Statements {
    pub(super) table: String,
    pub(super) create: String,
    pub(super) load: String,
    pub(super) insert: String,
    pub(super) update: String,
}

/// Makes a commit wait for the disk where the server, the database or the user is set not to; for this transaction
/// alone, which is this statement.
const DURABLE: &str = "(SELECT CASE WHEN current_setting('synchronous_commit') = 'off' \
                       THEN set_config('synchronous_commit', 'on', true) END) AS durable";

impl Statements {
    /// `table` is an identifier, or two with a dot between them.
    pub(super) fn new(table: String) -> Self {
        Self {
            create: format!(
                "CREATE TABLE IF NOT EXISTS {table} \
                 (key text PRIMARY KEY, write_id text NOT NULL, entry bytea NOT NULL)"
            ),
            // A longer entry is refused before it is read: a client would have to take all of it.
            load: format!(
                "SELECT write_id, CASE WHEN octet_length(entry) <= 98304 THEN entry END \
                 FROM {table} WHERE key = $1"
            ),
            insert: format!(
                "INSERT INTO {table} (key, write_id, entry) SELECT $1, $2, $3 FROM {DURABLE} \
                 ON CONFLICT DO NOTHING RETURNING true"
            ),
            update: format!(
                "UPDATE {table} SET write_id = $2, entry = $3 FROM {DURABLE} \
                 WHERE key = $1 AND write_id = $4 RETURNING true"
            ),
            table,
        }
    }
}

/// A parameter, whose `Debug` shows no secret: the client may log what it sends.
#[derive(Clone, Copy)]
pub(super) enum Value<'a> {
    Text(&'a str),
    Secret(&'a [u8]),
}

impl Value<'_> {
    pub(super) fn kind(&self) -> Type {
        match self {
            Self::Text(_) => Type::TEXT,
            Self::Secret(_) => Type::BYTEA,
        }
    }
}

impl ToSql for Value<'_> {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        match self {
            Self::Text(text) => text.to_sql(kind, out),
            Self::Secret(bytes) => bytes.to_sql(kind, out),
        }
    }

    fn accepts(kind: &Type) -> bool {
        [Type::TEXT, Type::BYTEA].contains(kind)
    }

    to_sql_checked!();
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => text.fmt(f),
            Self::Secret(_) => f.write_str("[redacted]"),
        }
    }
}
