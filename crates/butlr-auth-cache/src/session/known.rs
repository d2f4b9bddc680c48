use butlr_auth_core::EndpointIdentity;

use super::Shared;
use crate::protocol::{History, Ledger};
use crate::record::Record;

/// What a session remembers of its record between two renewals.
pub(super) enum Known {
    /// Of a client's, how far it has come: whatever else a store loses costs one request.
    Client(History),
    /// Of a person's, all of it: a refresh token that a store has lost is put back.
    Person(Box<Record>),
}

impl Known {
    pub(super) fn history(&self) -> History {
        match self {
            Self::Client(history) => *history,
            Self::Person(record) => record.ledger.history(),
        }
    }

    /// What an attempt compares the stored ledger with.
    pub(super) fn ledger(&self) -> Ledger {
        match self {
            Self::Client(History { epoch, generation }) => {
                Ledger { generation: *generation, ..Ledger::new(*epoch) }
            }
            Self::Person(record) => record.ledger.clone(),
        }
    }

    /// What the next record is made from, unless the store holds another one.
    pub(super) fn record(&self, identity: &EndpointIdentity) -> Record {
        match self {
            Self::Client(_) => Record::new(identity.origin.clone(), self.ledger()),
            Self::Person(record) => Record::clone(record),
        }
    }
}

impl Shared {
    pub(super) fn known(&self, record: Record) -> Known {
        if self.rotates() { Known::Person(Box::new(record)) } else { Known::Client(record.ledger.history()) }
    }
}
