use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::world::World;

#[tokio::test]
async fn completions_are_what_the_shell_can_read() {
    let world = World::new().await;
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = world.run(&["completions", shell]).succeeded().stdout;
        assert!(script.contains("min-ttl") && script.contains("completions"), "{shell}");
    }
    let script = world.run(&["completions", "bash"]).succeeded().stdout;
    let asks = format!(
        "{script}\nCOMP_WORDS=(butlr-auth tok); COMP_CWORD=1; _butlr__auth butlr-auth tok butlr-auth; echo \"${{COMPREPLY[@]}}\"\n"
    );
    let mut bash =
        Command::new("bash").arg("--norc").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    bash.stdin.take().unwrap().write_all(asks.as_bytes()).unwrap();
    let answered = String::from_utf8(bash.wait_with_output().unwrap().stdout).unwrap();
    assert_eq!(answered, "token\n");
    world.run(&["completions", "tcsh"]).failed(2, "possible values");
}

#[tokio::test]
async fn there_is_a_manual_page_for_every_command() {
    let world = World::new().await;
    let folder = world.home.path().join("man/man1");
    let ended = world.run(&["man", folder.to_str().unwrap()]).succeeded();
    assert_eq!(ended.stdout, "");
    for page in ["butlr-auth.1", "butlr-auth-token.1", "butlr-auth-profile-add.1", "butlr-auth-helper-git.1"]
    {
        let text = std::fs::read_to_string(folder.join(page)).unwrap();
        assert!(text.contains(".SH NAME"), "{page}");
    }
    world.run(&["man", "/dev/null/x"]).failed(7, "could not write into /dev/null/x");
}
