//! One page: what `clap_mangen` knows of a command, and the sections that it does not.

use std::io;
use std::path::Path;

use clap::Command;
use clap_mangen::Man;

use crate::environment::variables::VARIABLES;

/// Where things are.
const FILES: [(&str, &str); 4] = [
    (
        "~/.config/butlr-auth/config.toml",
        "profiles; no secrets. XDG_CONFIG_HOME and BUTLR_AUTH_CONFIG place it elsewhere",
    ),
    (
        "~/.local/state/butlr-auth/",
        "sessions, for their owner alone. XDG_STATE_HOME and BUTLR_AUTH_STATE_DIR place it elsewhere",
    ),
    (
        "~/.local/state/butlr-auth/sessions/",
        "tokens, a file and a lock for each session; encrypted/ where a keyring has the key",
    ),
    (
        "~/.local/state/butlr-auth/servers/",
        "what servers say of themselves, so that a warm command asks nobody",
    ),
];

const EXIT_STATUS: [(&str, &str); 12] = [
    ("0", "done"),
    ("1", "anything that is not below"),
    ("2", "usage"),
    ("3", "configuration, the mode of a file included"),
    ("4", "somebody has to log in (again)"),
    ("5", "the server refused"),
    ("6", "temporary: the network, a time-out, a server in trouble, a lock"),
    ("7", "storage"),
    ("8", "the answer is no: api with a status of 300 or more or errors of GraphQL, inspect --verify"),
    ("126", "run: the command cannot be executed; else its own"),
    ("127", "run: there is no such command"),
    ("128+n", "a signal; 130 is Ctrl-C"),
];

/// Writes the page of a command and of each below it.
pub(super) fn write(command: &Command, folder: &Path) -> io::Result<()> {
    let below = command.get_subcommands().filter(|below| !below.is_hide_set() && below.get_name() != "help");
    for below in below {
        write(below, folder)?;
    }
    let page = Man::new(command.clone());
    std::fs::write(folder.join(page.get_filename()), rendered(command, &page)?)
}

fn rendered(command: &Command, page: &Man) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    page.render_title(&mut text)?;
    page.render_name_section(&mut text)?;
    page.render_synopsis_section(&mut text)?;
    page.render_description_section(&mut text)?;
    if command.get_arguments().any(|argument| !argument.is_hide_set()) {
        page.render_options_section(&mut text)?;
    }
    if command.get_subcommands().any(|below| !below.is_hide_set()) {
        page.render_subcommands_section(&mut text)?;
    }
    let taught = command.get_after_long_help().or_else(|| command.get_after_help());
    let mut more = taught.map(|taught| taught_by(&taught.to_string())).unwrap_or_default();
    let names = VARIABLES.iter().flat_map(|(_, variables)| variables.iter().copied());
    more.push_str(&listed("ENVIRONMENT", names));
    more.push_str(&listed("FILES", FILES.into_iter()));
    more.push_str(&listed("EXIT STATUS", EXIT_STATUS.into_iter()));
    text.extend_from_slice(more.as_bytes());
    Ok(text)
}

/// The words after a command's options: its examples, each line as it is, and what else is to be said.
fn taught_by(help: &str) -> String {
    let (mut examples, mut notes) = (String::new(), String::new());
    let mut is_example = false;
    for block in help.split("\n\n") {
        if let Some(lines) = block.strip_prefix("Examples:\n") {
            is_example = true;
            examples.push_str(&verbatim(lines));
        } else if block.starts_with("Exit codes:") {
            // They have a section of their own.
            is_example = false;
        } else if is_example && block.starts_with("  ") {
            examples.push_str(&format!("\n{}", verbatim(block)));
        } else {
            is_example = false;
            let lines: Vec<String> = block.lines().map(line).collect();
            notes.push_str(&format!(".PP\n{}\n", lines.join("\n")));
        }
    }
    let mut text = String::new();
    if !examples.is_empty() {
        text.push_str(&format!(".SH EXAMPLES\n.nf\n{examples}.fi\n"));
    }
    if !notes.is_empty() {
        text.push_str(&format!(".SH NOTES\n{notes}"));
    }
    text
}

fn verbatim(lines: &str) -> String {
    lines.lines().map(|text| format!("{}\n", line(text.strip_prefix("  ").unwrap_or(text)))).collect()
}

fn listed<'a>(title: &str, items: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let items = items.map(|(name, what)| format!(".TP\n\\fB{}\\fR\n{}\n", line(name), line(what)));
    format!(".SH {}\n{}", quoted(title), items.collect::<String>())
}

fn quoted(title: &str) -> String {
    if title.contains(' ') { format!("\"{title}\"") } else { title.to_owned() }
}

/// A line of text, in which nothing is a request, and a hyphen or a quote is copied as what it is.
fn line(text: &str) -> String {
    let mut line = String::with_capacity(text.len() + 8);
    if text.starts_with(['.', '\'']) {
        line.push_str("\\&");
    }
    for character in text.chars() {
        match character {
            '\\' => line.push_str("\\e"),
            '-' => line.push_str("\\-"),
            '\'' => line.push_str("\\(aq"),
            '`' => line.push_str("\\(ga"),
            '^' => line.push_str("\\(ha"),
            '~' => line.push_str("\\(ti"),
            other => line.push(other),
        }
    }
    line
}
