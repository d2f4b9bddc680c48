//! Arguments and configurations of the command line.

use crate::check_silent;

/// Up to a line `---` each line is an argument; what follows is a configuration. What is wrong with it is said without
/// its values and without anything that moves a cursor.
pub(crate) fn command_line(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    let (arguments, configuration) = text.split_once("---\n").unwrap_or((text, ""));
    let arguments: Vec<&str> = arguments.lines().collect();
    for said in butlr_auth_cli::fuzzing::command_line(&arguments, configuration) {
        assert!(!said.chars().any(char::is_control), "{said:?}");
        if !has_secret_key(configuration) {
            check_silent(&said);
        }
    }
}

/// Keys are said: who writes a secret there is told which one is unknown.
fn has_secret_key(configuration: &str) -> bool {
    fn within(table: &toml::Table) -> bool {
        table.iter().any(|(key, value)| key.contains(crate::CANARY) || value.as_table().is_some_and(within))
    }
    configuration.parse::<toml::Table>().is_ok_and(|table| within(&table))
}
