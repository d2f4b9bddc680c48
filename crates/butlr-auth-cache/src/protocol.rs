//! The refresh protocol as a state machine without I/O: what to do next, given what was seen.
//!
//! It decides by fingerprints; whoever drives it holds the secrets, the store and the endpoint. Session, simulation
//! and model all drive this same machine.

mod action;
mod attempt;
mod ledger;

pub(crate) use action::{Action, Answer, Input, Offered, Outcome, Pause, Received, Terms, Want, Watched};
pub(crate) use attempt::{Attempt, SPACING};
pub use ledger::LoginReason;
pub(crate) use ledger::confirmation;
pub(crate) use ledger::{
    Epoch, Failure, FailureClass, History, Intent, Issued, Lease, Ledger, Lifetime, Orphan, Refresh, State,
};

#[cfg(test)]
mod tests;
