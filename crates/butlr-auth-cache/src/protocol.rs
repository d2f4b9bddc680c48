//! The refresh protocol as a state machine without I/O: what to do next, given what was seen.
//!
//! It decides by fingerprints; whoever drives it holds the secrets, the store and the endpoint. Session, simulation
//! and model all drive this same machine.

mod action;
mod attempt;
mod issued;
mod ledger;

pub(crate) use action::{Action, Answer, Input, Offered, Outcome, Pause, Received, Terms, Want, Watched};
pub(crate) use attempt::{Attempt, SPACING};
pub(crate) use issued::{Issued, Lifetime, ROUNDING, confirmation};
pub use ledger::LoginReason;
pub(crate) use ledger::{
    Epoch, Failure, FailureClass, History, Intent, Lease, Ledger, Orphan, Refresh, State,
};

#[cfg(test)]
mod tests;
