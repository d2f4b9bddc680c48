use clap::CommandFactory as _;

use super::{Candidates, candidates};
use crate::cli::Cli;
use crate::environment::Environment;

fn of(words: &[&str]) -> Option<Vec<String>> {
    let mut cli = Cli::command();
    cli.build();
    let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    match candidates(&cli, &words, &Environment::of([])) {
        Candidates::Files => None,
        Candidates::Words(found) => Some(found.into_keys().collect()),
    }
}

#[track_caller]
fn check(words: &[&str], expected: &[&str]) {
    assert_eq!(of(words).unwrap(), expected, "{words:?}");
}

#[test]
fn commands_and_their_options_are_completed() {
    check(&["tok"], &["token"]);
    check(&["profile", "s"], &["show"]);
    check(&["token", "--min"], &["--min-ttl"]);
    check(&["token", "--color", "a"], &["always", "auto"]);
    check(&["token", "--color=al"], &["--color=always"]);
    check(&["token", "--color", "=", "al"], &["always"]);
    check(&["token", "-f", "ku"], &["kube"]);
    check(&["token", "-qf", "ku"], &["kube"]);
    check(&["completions", "ba"], &["bash"]);
    check(&["nonsense", "--no"], &["--no-input", "--no-retry"]);
}

#[test]
fn no_plumbing_is_offered() {
    for word in ["op", "open", "comple", "complete"] {
        assert!(!of(&[word]).unwrap().iter().any(|found| found == "open" || found == "complete"), "{word}");
    }
}

#[test]
fn where_a_file_is_meant_files_are_completed() {
    for words in [
        &["--config", ""][..],
        &["token", "-o", "a"],
        &["login", "--secret-file", ""],
        &["man", ""],
        &["run", "--", ""],
        &["run", "cat", "-"],
        &["api", "graphql", "--input", ""],
    ] {
        assert_eq!(of(words), None, "{words:?}");
    }
}

#[test]
fn profiles_are_completed_where_one_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.toml");
    std::fs::write(&path, "[profile.work]\nissuer = \"https://a.example\"\nclient_id = \"c\"\n[profile.\"odd $(x)\"]\npreset = \"butlr\"\n").unwrap();
    let config = path.to_str().unwrap();
    for words in [
        &["-p", "w"][..],
        &["token", "--profile", "w"],
        &["login", "w"],
        &["logout", "w"],
        &["profile", "use", "w"],
        &["profile", "show", "w"],
        &["profile", "remove", "w"],
    ] {
        let words: Vec<&str> = ["--config", config].iter().chain(words).copied().collect();
        check(&words, &["work"]);
    }
    check(&["--config", config, "login", ""], &["butlr", "work"]);
    check(&["--config", "/nowhere/c.toml", "login", ""], &["butlr"]);
}
