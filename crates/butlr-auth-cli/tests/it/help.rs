//! What `--help` teaches, command by command.

use std::process::Command;

#[track_caller]
fn check(name: &str, arguments: &[&str]) {
    let output = Command::new(env!("CARGO_BIN_EXE_butlr-auth"))
        .args(arguments)
        .arg("--help")
        .env_clear()
        .env("COLUMNS", "100")
        .output()
        .unwrap();
    assert!(output.status.success());
    insta::assert_snapshot!(name, String::from_utf8(output.stdout).unwrap());
}

#[test]
fn help_teaches_by_example() {
    check("butlr-auth", &[]);
    let commands: [(&str, &[&str]); 14] = [
        ("login", &[]),
        ("token", &[]),
        ("run", &[]),
        ("api", &[]),
        ("status", &[]),
        ("logout", &[]),
        ("client", &["create", "list", "show", "delete"]),
        ("profile", &["list", "show", "add", "use", "remove"]),
        ("inspect", &[]),
        ("doctor", &[]),
        ("demo", &[]),
        ("helper", &["git", "docker"]),
        ("completions", &[]),
        ("man", &[]),
    ];
    for (command, below) in commands {
        check(command, &[command]);
        for name in below {
            check(&format!("{command}-{name}"), &[command, name]);
        }
    }
}
