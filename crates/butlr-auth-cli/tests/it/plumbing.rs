use std::process::Command;

use butlr_auth_testkit::servers::is_there;

use crate::world::{World, end};

#[tokio::test]
async fn completions_are_what_the_shell_can_read() {
    let world = World::new().await;
    for shell in ["bash", "zsh", "fish"] {
        let script = world.run(&["completions", shell]).succeeded().stdout;
        assert!(script.contains("butlr-auth") && script.contains(" complete -- "), "{shell}");
    }
    for shell in ["elvish", "powershell"] {
        let script = world.run(&["completions", shell]).succeeded().stdout;
        assert!(script.contains("min-ttl") && script.contains("completions"), "{shell}");
        // What only this program runs is nobody's command.
        assert!(!script.contains("Open an address") && !script.contains("what may stand here"), "{shell}");
    }
    world.run(&["completions", "tcsh"]).failed(2, "possible values");
}

/// What a shell offers at the end of each line, by its own means of finding out.
fn offered(world: &World, shell: &str, arguments: &[&str], script: &str) -> String {
    let bin = world.home.path().join("bin");
    std::fs::create_dir_all(&bin).unwrap();
    let link = bin.join("butlr-auth");
    if !link.exists() {
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_butlr-auth"), link).unwrap();
    }
    let mut command = world.configured(Command::new(shell), arguments);
    command.env("PATH", format!("{}:/usr/bin:/bin", bin.display())).env("TERM", "dumb");
    let ended = end(command, script);
    assert_eq!(ended.stderr, "", "{shell}");
    ended.stdout
}

#[tokio::test]
async fn bash_offers_commands_profiles_and_files() {
    let world = World::new().await;
    world.file("a-file", "", 0o600);
    let script = world.run(&["completions", "bash"]).succeeded().stdout;
    let ask = |words: &str| {
        let count = words.split(' ').count() - 1;
        let asks = format!(
            "{script}\nCOMP_WORDS=({words}); COMP_CWORD={count}; _butlr_auth; echo \"${{COMPREPLY[@]}}\"\n"
        );
        offered(&world, "bash", &["--norc"], &asks)
    };
    assert_eq!(ask("butlr-auth tok"), "token\n");
    assert_eq!(ask("butlr-auth -p ro"), "robot\n");
    assert_eq!(ask("butlr-auth login ''"), "butlr code json me robot\n");
    assert_eq!(ask("butlr-auth op"), "\n");
    assert_eq!(ask("butlr-auth --config ''"), "\n");
}

#[tokio::test]
async fn zsh_offers_commands_and_profiles() {
    if !is_there("zsh", "zsh") {
        return;
    }
    let world = World::new().await;
    let script = world.run(&["completions", "zsh"]).succeeded().stdout;
    let ask = |words: &str| {
        let count = words.split(' ').count();
        // The completion system shows what it is given on a terminal only: what it is given is shown here.
        let asks = format!(
            "compdef() {{ }}\n_describe() {{ print -rl -- ${{(P)4}} }}\n_files() {{ print files }}\n{script}\n\
             words=({words}); CURRENT={count}; _butlr_auth\n"
        );
        offered(&world, "zsh", &["-f"], &asks)
    };
    assert_eq!(ask("butlr-auth tok"), "token:Print an access token that is valid now\n");
    assert_eq!(ask("butlr-auth -p ro"), "robot:\n");
    assert_eq!(ask("butlr-auth logout ''"), "butlr:\ncode:\njson:\nme:\nrobot:\n");
    assert_eq!(ask("butlr-auth --config ''"), "files\n");
}

#[tokio::test]
async fn fish_offers_commands_and_profiles() {
    if !is_there("fish", "fish") {
        return;
    }
    let world = World::new().await;
    let script = world.run(&["completions", "fish"]).succeeded().stdout;
    let ask = |line: &str| {
        offered(&world, "fish", &["--no-config", "-c", &format!("{script}\ncomplete -C '{line}'")], "")
    };
    assert_eq!(ask("butlr-auth tok"), "token\tPrint an access token that is valid now\n");
    assert_eq!(ask("butlr-auth -p ro").trim(), "robot");
    let names: Vec<String> =
        ask("butlr-auth profile use ").lines().map(|line| line.trim().to_owned()).collect();
    assert_eq!(names, ["butlr", "code", "json", "me", "robot"]);
    assert_eq!(ask("butlr-auth comple"), "completions\tPrint completions for a shell\n");
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
        for section in ["NAME", "SYNOPSIS", "OPTIONS", "EXAMPLES", "ENVIRONMENT", "FILES", "\"EXIT STATUS\""]
        {
            assert!(text.contains(&format!(".SH {section}\n")), "{page}: {section}");
        }
    }
    for page in std::fs::read_dir(&folder).unwrap() {
        let name = page.unwrap().file_name().into_string().unwrap();
        assert!(!name.contains("open") && !name.contains("complete."), "{name}");
    }
    // The examples stand line by line, and can be copied.
    if is_there("groff", "groff-base") {
        let page = folder.join("butlr-auth-token.1");
        let mut groff = Command::new("groff");
        groff.args(["-k", "-man", "-Tutf8", "-P-c", "-P-u", "-P-b", "-rLL=120n"]).arg(page);
        let shown = String::from_utf8(groff.output().unwrap().stdout).unwrap();
        for line in [
            "eval \"$(butlr-auth token --shell)\"",
            "butlr-auth token -f json | jq -r .expires_at",
            "BUTLR_AUTH_STATE_DIR",
            "~/.config/butlr-auth/config.toml",
        ] {
            assert!(shown.lines().any(|shown| shown.trim_start().starts_with(line)), "{line}: {shown}");
        }
    }
    world.run(&["man", "/dev/null/x"]).failed(7, "could not write into /dev/null/x");
}

#[tokio::test]
async fn help_is_there_for_commands_and_the_environment() {
    let world = World::new().await;
    let page = world.run(&["help", "environment"]).succeeded().stdout;
    for name in
        ["BUTLR_CLIENT_SECRET_FILE", "BUTLR_AUTH_STATE_DIR", "NO_COLOR", "NO_PROXY", "KUBERNETES_EXEC_INFO"]
    {
        assert!(
            page.lines().any(|line| line.trim_start().starts_with(&format!("{name} "))),
            "{name}: {page}"
        );
    }
    for (help, same) in [
        (&["help"][..], &["--help"][..]),
        (&["help", "token"], &["token", "--help"]),
        (&["help", "profile", "add"], &["profile", "add", "--help"]),
    ] {
        assert_eq!(world.run(help).succeeded().stdout, world.run(same).succeeded().stdout, "{help:?}");
    }
    world.run(&["help", "nonsense"]).failed(2, "nonsense");
    world.run(&["--help"]).succeeded().stdout.find("help environment").unwrap();
}

#[tokio::test]
async fn a_profile_that_is_named_without_its_flag_is_told_the_flag() {
    let world = World::new().await;
    for arguments in
        [&["token", "work"][..], &["status", "work"], &["doctor", "work"], &["client", "list", "work"]]
    {
        world.run(arguments).failed(2, "-p work");
    }
    world.run(&["--json", "token", "work"]).failed(2, "-p work");
    world.run(&["inspect", "work"]).failed(2, "-p");
    world.run(&["token", "a b"]).failed(2, "-p 'a b'");
    let ended = world.run(&["token", "--nonsense"]).failed(2, "--nonsense");
    assert!(!ended.stderr.contains("-p "), "{}", ended.stderr);
}
