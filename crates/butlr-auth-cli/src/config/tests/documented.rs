//! The page of all keys and the program say the same.

use serde::de::DeserializeOwned;

use crate::config::Config;
use crate::config::profile::{EndpointsConfig, ProfileConfig};
use crate::config::stores::{PostgresConfig, RedisConfig, SqliteConfig};

const PAGE: &str = include_str!("../../../../../docs/configuration.md");

/// The keys that a table of the configuration has: serde names them to whoever writes another one.
fn known<T: DeserializeOwned>() -> Vec<String> {
    let Err(error) = toml::from_str::<T>("nobody_calls_a_key_this = 1") else { return Vec::new() };
    let message = error.message().to_owned();
    let (_, known) = message.split_once(", expected ").unwrap();
    let mut known: Vec<String> = known.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    known.sort();
    known
}

/// The first column of the table under this heading.
fn documented(heading: &str) -> Vec<String> {
    let (_, below) = PAGE.split_once(&format!("\n## {heading}\n")).unwrap();
    let section = below.split("\n## ").next().unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let mut keys: Vec<String> = rows.map(str::to_owned).collect();
    keys.sort();
    keys
}

#[test]
fn every_key_is_on_the_page_and_every_key_of_the_page_is_one() {
    assert_eq!(known::<Config>(), documented("At the top"));
    assert_eq!(known::<ProfileConfig>(), documented("In a profile"));
    assert_eq!(known::<EndpointsConfig>(), documented("In a profile's `endpoints`"));
    assert_eq!(known::<SqliteConfig>(), documented("In `stores.sqlite`"));
    assert_eq!(known::<RedisConfig>(), documented("In `stores.redis`"));
    assert_eq!(known::<PostgresConfig>(), documented("In `stores.postgres`"));
}
