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
    for command in
        ["login", "token", "run", "api", "status", "logout", "client", "profile", "inspect", "demo"]
    {
        check(command, &[command]);
    }
    for command in ["create", "list", "show", "delete"] {
        check(&format!("client-{command}"), &["client", command]);
    }
    for command in ["list", "show", "add", "use", "remove"] {
        check(&format!("profile-{command}"), &["profile", command]);
    }
}
