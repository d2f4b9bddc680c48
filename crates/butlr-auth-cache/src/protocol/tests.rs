//! The proof of the protocol: its machine in a world of numbers, where every schedule can be played.

mod driver;
mod finding;
mod model;
mod mutation;
mod process;
mod regression;
mod server;
mod simulation;
mod store;
mod sweep;
mod world;
