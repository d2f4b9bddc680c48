use std::os::unix::fs::PermissionsExt as _;

use super::{Given, SecretPlace, from_file};
use crate::environment::Environment;

/// No command of these takes long.
const WITHIN: std::time::Duration = std::time::Duration::from_secs(30);

#[test]
fn a_file_that_others_can_read_is_refused_with_the_chmod_that_mends_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    std::fs::write(&path, "s3cret\n").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    let failure = from_file(&path).unwrap_err();
    let help = failure.help.unwrap();
    assert!(help.starts_with(&format!("run `chmod 600 {}`", path.display())), "{help}");
    assert!(help.contains("BUTLR_CLIENT_SECRET") && help.contains("command = [\"cat\""), "{help}");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(from_file(&path).unwrap().as_str(), "s3cret");
    std::fs::write(&path, "\n").unwrap();
    assert!(from_file(&path).unwrap_err().message.ends_with("holds no secret"));
}

// Security: I9.
#[test]
fn a_long_secret_is_refused_and_not_cut() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    std::fs::write(&path, "a".repeat(64 * 1024 + 1)).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    assert!(from_file(&path).unwrap_err().message.contains("longer than 65536 bytes"));
}

#[test]
fn a_pipe_is_refused_and_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    assert!(from_file(&path).unwrap_err().message.ends_with("it is not a regular file"));
}

#[tokio::test]
async fn a_command_prints_the_secret() {
    let environment = Environment::of([]);
    let fetch = |words: &[&str]| SecretPlace::Command(words.iter().map(|word| (*word).to_owned()).collect());
    let secret =
        fetch(&["printf", "two words\n"]).fetch("client secret", &environment, WITHIN).await.unwrap();
    assert_eq!(secret.unwrap().as_str(), "two words");
    let failure = fetch(&["false"]).fetch("client secret", &environment, WITHIN).await.unwrap_err();
    assert_eq!(failure.exit as u8, 3);
}

#[tokio::test]
async fn a_variable_that_is_not_set_asks_for_it() {
    let place = SecretPlace::Variable("MY_SECRET".to_owned());
    let failure = place.fetch("client secret", &Environment::of([]), WITHIN).await.unwrap_err();
    assert_eq!((failure.exit as u8, failure.help.as_deref()), (4, Some("set MY_SECRET")));
    let found = place.fetch("client secret", &Environment::of([("MY_SECRET", "x")]), WITHIN).await.unwrap();
    assert_eq!(found.unwrap().as_str(), "x");
}

#[test]
fn a_given_secret_is_not_shown() {
    let place = SecretPlace::Given(Given(String::from("canary").into()));
    assert_eq!(format!("{place:?}"), "Given([redacted])");
}
