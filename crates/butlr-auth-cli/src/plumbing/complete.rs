//! `complete`: what may stand where the cursor is, for the scripts that `completions` prints. It never fails: a shell that
//! asks in the middle of a line has no use for an error.

use std::collections::BTreeMap;

use clap::{Arg, Args, Command, CommandFactory as _, Parser as _, ValueHint};

use crate::cli::Cli;
use crate::config::Config;
use crate::environment::Environment;
use crate::exit::Exit;
use crate::output::Output;

/// What a shell reads as "the names of files".
const FILES: &str = ":files";

/// Print what may stand here
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The words so far, the one at the cursor last
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<std::ffi::OsString>,
}

/// Each candidate is a line, with what it means after a tab.
pub(super) fn run(arguments: &Arguments, environment: &Environment) -> Exit {
    let words: Vec<String> = arguments.words.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let mut cli = Cli::command();
    cli.build();
    let lines = match candidates(&cli, &words, environment) {
        Candidates::Files => FILES.to_owned(),
        Candidates::Words(words) => {
            let lines: Vec<String> =
                words.into_iter().map(|(word, about)| format!("{word}\t{about}")).collect();
            lines.join("\n")
        }
    };
    if lines.is_empty() {
        return Exit::Done;
    }
    // A shell that has gone needs no answer.
    let _ = Output::before_arguments(environment).result(format!("{lines}\n").as_bytes());
    Exit::Done
}

/// What may stand somewhere.
#[derive(Debug, PartialEq, Eq)]
enum Candidates {
    Files,
    Words(BTreeMap<String, String>),
}

/// Where the words before the cursor lead.
struct Place<'a> {
    command: &'a Command,
    /// How many words of the command stand there already.
    taken: usize,
    /// The option whose value comes next.
    pending: Option<&'a Arg>,
    /// Whether `--` has ended the options.
    ended: bool,
    config: Option<String>,
}

fn candidates(cli: &Command, words: &[String], environment: &Environment) -> Candidates {
    let (word, before) =
        words.split_last().map_or(("", [].as_slice()), |(word, before)| (word.as_str(), before));
    let place = Place::of(cli, before);
    let names = || profiles(place.config.as_deref(), environment);
    // bash takes `--name=value` apart.
    let word = if word == "=" && place.pending.is_some() { "" } else { word };
    if let Some(option) = place.pending {
        return values(option, word, names);
    }
    if !place.ended && word.starts_with('-') {
        if let Some((name, value)) = word.strip_prefix("--").and_then(|option| option.split_once('=')) {
            return match (long(place.command, name), values_of(place.command, name, value, names)) {
                (Some(_), Candidates::Words(found)) => Candidates::Words(
                    found.into_iter().map(|(one, about)| (format!("--{name}={one}"), about)).collect(),
                ),
                (_, other) => other,
            };
        }
        return Candidates::Words(options(place.command, word));
    }
    let mut found = BTreeMap::new();
    if place.taken == 0 {
        let below = place.command.get_subcommands().filter(|below| !below.is_hide_set());
        let named = below.filter(|below| below.get_name().starts_with(word));
        found.extend(named.map(|below| (below.get_name().to_owned(), first_line(below.get_about()))));
    }
    let here: Vec<&Arg> = place.command.get_positionals().collect();
    let last = here.last().filter(|last| takes_many(last));
    match here.get(place.taken).or(last) {
        Some(positional) => match values(positional, word, names) {
            Candidates::Words(values) => {
                found.extend(values);
                Candidates::Words(found)
            }
            files => files,
        },
        None => Candidates::Words(found),
    }
}

impl<'a> Place<'a> {
    fn of(cli: &'a Command, before: &[String]) -> Self {
        let mut place = Self { command: cli, taken: 0, pending: None, ended: false, config: None };
        for word in before {
            place.pass(word);
        }
        place
    }

    fn pass(&mut self, word: &str) {
        if let Some(option) = self.pending.filter(|_| word != "=") {
            self.pending = None;
            if option.get_id() == "config" {
                self.config = Some(word.to_owned());
            }
        } else if self.pending.is_some() {
        } else if !self.ended && word == "--" {
            self.ended = true;
        } else if let Some(option) = word.strip_prefix("--").filter(|_| !self.ended) {
            match option.split_once('=') {
                Some(("config", value)) => self.config = Some(value.to_owned()),
                Some(_) => {}
                None => self.pending = long(self.command, option).filter(|option| takes_a_value(option)),
            }
        } else if let Some(letters) =
            word.strip_prefix('-').filter(|letters| !self.ended && !letters.is_empty())
        {
            let options: Vec<&Arg> = self.command.get_arguments().collect();
            let of = |letter| options.iter().copied().find(|option| option.get_short() == Some(letter));
            let valued = letters.char_indices().find_map(|(at, letter)| {
                Some((at + letter.len_utf8(), of(letter).filter(|option| takes_a_value(option))?))
            });
            self.pending = valued.filter(|(end, _)| *end == letters.len()).map(|(_, option)| option);
        } else if let Some(below) = self.command.find_subcommand(word).filter(|_| self.taken == 0) {
            self.command = below;
        } else {
            self.taken += 1;
            // What comes after the name of a program is its own.
            self.ended |= self.command.get_positionals().any(Arg::is_trailing_var_arg_set);
        }
    }
}

fn long<'a>(command: &'a Command, name: &str) -> Option<&'a Arg> {
    command.get_arguments().find(|option| option.get_long() == Some(name))
}

fn takes_a_value(option: &Arg) -> bool {
    option.get_action().takes_values()
}

fn takes_many(positional: &Arg) -> bool {
    positional.get_num_args().is_some_and(|many| many.max_values() > 1)
}

fn options(command: &Command, word: &str) -> BTreeMap<String, String> {
    let shown = command.get_arguments().filter(|option| !option.is_hide_set());
    let named =
        shown.filter_map(|option| Some((format!("--{}", option.get_long()?), first_line(option.get_help()))));
    named.filter(|(name, _)| name.starts_with(word)).collect()
}

fn values_of(command: &Command, name: &str, word: &str, names: impl Fn() -> Vec<String>) -> Candidates {
    long(command, name)
        .map_or_else(|| Candidates::Words(BTreeMap::new()), |option| values(option, word, names))
}

/// The values of an option or of a word, told by what it is: one of a few, the name of a profile, or a path.
fn values(of: &Arg, word: &str, names: impl Fn() -> Vec<String>) -> Candidates {
    let is_profile = matches!(of.get_id().as_str(), "profile" | "named");
    let mut found = BTreeMap::new();
    if is_profile {
        found.extend(names().into_iter().map(|name| (name, String::new())));
    }
    let possible = of.get_possible_values();
    let shown = possible.iter().filter(|value| !value.is_hide_set());
    found.extend(shown.map(|value| (value.get_name().to_owned(), first_line(value.get_help()))));
    found.retain(|value, _| value.starts_with(word));
    let of_a_file =
        matches!(of.get_value_hint(), ValueHint::AnyPath | ValueHint::FilePath | ValueHint::DirPath)
            || of.is_trailing_var_arg_set()
            || matches!(of.get_id().as_str(), "input" | "jwks");
    if found.is_empty() && of_a_file { Candidates::Files } else { Candidates::Words(found) }
}

/// The profiles that could be named here. One whose name a shell or a terminal would read otherwise is typed by hand.
fn profiles(config: Option<&str>, environment: &Environment) -> Vec<String> {
    let mut words = vec!["butlr-auth", "token"];
    words.extend(config.iter().flat_map(|path| ["--config", path]));
    let Ok(cli) = Cli::try_parse_from(words) else { return Vec::new() };
    let mut names: Vec<String> = Config::load(&cli.global, environment)
        .map(|config| config.profiles.into_keys().collect())
        .unwrap_or_default();
    names.push("butlr".to_owned());
    names.retain(|name| !name.is_empty() && crate::shell::is_plain(name));
    names
}

fn first_line(text: Option<&clap::builder::StyledStr>) -> String {
    let text = text.map(ToString::to_string).unwrap_or_default();
    text.lines().next().unwrap_or_default().replace('\t', " ")
}

#[cfg(test)]
mod tests;
