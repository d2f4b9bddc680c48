//! The real binary against the embedded server: exit codes, streams, secrets, precedence.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod api;
mod browser;
mod canaries;
mod chromium;
mod clocks;
mod configuration;
mod demo;
mod device;
mod discovery;
mod doctor;
mod failures;
mod guide;
mod help;
mod helper;
mod herd;
mod hostile;
mod inspect;
mod login;
mod network;
mod paste;
mod places;
mod plumbing;
mod profile;
mod run;
mod secrets;
mod servers;
mod signals;
mod status;
mod store;
mod surroundings;
mod terminal;
mod token;
mod users;
mod web;
mod world;
