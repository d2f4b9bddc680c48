//! What people write, as this program reads it, laid open for fuzzing. Not part of the public interface.

use std::path::PathBuf;

use clap::Parser as _;

use crate::cli::Cli;
use crate::config::Config;
use crate::environment::Environment;
use crate::profile::{Choice, choose};

/// Reads arguments, and then a configuration of which it takes up each profile. Returns what is wrong with the
/// configuration, as it would be said.
#[must_use]
pub fn command_line(arguments: &[&str], configuration: &str) -> Vec<String> {
    let environment = Environment::of([]);
    let given = Cli::try_parse_from(["butlr-auth"].iter().chain(arguments)).ok();
    let global = given.or_else(|| Cli::try_parse_from(["butlr-auth", "token"]).ok()).map(|cli| cli.global);
    let Some(global) = global else { return Vec::new() };
    let config = match Config::parse(configuration, PathBuf::from("config.toml")) {
        Ok(config) => config,
        Err(failure) => return vec![failure.to_string(), failure.shown_mend().unwrap_or_default()],
    };
    let mut said = Vec::new();
    for name in config.profiles.keys() {
        let choice = Choice { named: Some(name), ..Choice::default() };
        if let Err(failure) = choose(choice, &global, &config, &environment) {
            said.extend([failure.to_string(), failure.shown_mend().unwrap_or_default()]);
        }
    }
    said
}
