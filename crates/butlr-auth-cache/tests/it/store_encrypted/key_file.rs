//! Keys in files and in the environment.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use butlr_auth_cache::EncryptionKey;
use butlr_auth_core::ErrorKind;
use tempfile::TempDir;

use super::check_error;
use crate::store_file::{child, new_place, skip};

fn new_file(content: &str) -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("key");
    fs::write(&path, content).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    (folder, path)
}

fn hex() -> String {
    "0123456789abcdef".repeat(4)
}

#[track_caller]
fn check_refused(path: &Path, kind: ErrorKind, says: &str) {
    check_error(&EncryptionKey::from_file(path).unwrap_err(), kind, says);
}

#[test]
fn a_line_is_a_key_with_every_usual_end() {
    let key = EncryptionKey::from_text(&hex()).unwrap().id();
    for end in ["", "\n", "\r\n"] {
        let (_folder, path) = new_file(&format!("{}{end}", hex()));
        assert_eq!(EncryptionKey::from_file(&path).unwrap().id(), key);
    }
}

#[test]
fn what_holds_no_key_is_refused_and_not_shown() {
    let contents = ["", "\n", "canary passphrase", &format!("{}\n\n", hex()), &format!(" {}", hex())];
    for content in contents.into_iter().map(str::to_owned).chain(["canary".repeat(1000), "\u{e9}".repeat(33)])
    {
        let (_folder, path) = new_file(&content);
        let error = EncryptionKey::from_file(&path).unwrap_err();
        check_error(&error, ErrorKind::Configuration, "openssl rand -base64 32");
        assert!(!format!("{error:?}").contains("canary"), "{error:?}");
    }
    let (_folder, path) = new_file("");
    fs::write(&path, [0xff; 32]).unwrap();
    check_refused(&path, ErrorKind::Configuration, "openssl rand -base64 32");
}

#[test]
fn a_file_that_is_not_ours_alone_is_refused() {
    let (folder, path) = new_file(&hex());
    // The folder is anybody's: the file is what counts.
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    for loose in [0o640, 0o604, 0o660] {
        fs::set_permissions(&path, Permissions::from_mode(loose)).unwrap();
        check_refused(&path, ErrorKind::Configuration, "run `chmod 600");
    }
    for private in [0o600, 0o400] {
        fs::set_permissions(&path, Permissions::from_mode(private)).unwrap();
        EncryptionKey::from_file(&path).unwrap();
    }
    let link = folder.path().join("link");
    symlink(&path, &link).unwrap();
    // As a volume of Kubernetes has it: what is judged is the file, not the link to it.
    EncryptionKey::from_file(&link).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    check_refused(&link, ErrorKind::Configuration, "run `chmod 600");
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    check_refused(folder.path(), ErrorKind::Configuration, "name the file itself");
    check_refused(&folder.path().join("absent"), ErrorKind::Configuration, "could not open");
    let fifo = folder.path().join("fifo");
    rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, rustix::fs::Mode::RUSR).unwrap();
    check_refused(&fifo, ErrorKind::Configuration, "name the file itself");
    if chown(&path, Some(1), None).is_err() {
        return skip("only root can give a file away");
    }
    check_refused(&path, ErrorKind::Configuration, "belongs to another user");
}

#[test]
fn a_file_that_is_made_is_private_and_stays() {
    let (_folder, place) = new_place();
    let path = place.join("key");
    let made = EncryptionKey::from_file_or_create(&path).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&place), mode(&path)), (0o700, 0o600));
    assert_eq!(EncryptionKey::from_file_or_create(&path).unwrap().id(), made.id());
    assert_eq!(EncryptionKey::from_file(&path).unwrap().id(), made.id());
    // What a process left that was killed in the middle is no key.
    fs::remove_file(&path).unwrap();
    fs::write(place.join(".key.new"), "half a k").unwrap();
    assert_ne!(EncryptionKey::from_file_or_create(&path).unwrap().id(), made.id());
    // One that was damaged is refused, not replaced: what it encrypted would be lost.
    fs::write(&path, "damaged").unwrap();
    let error = EncryptionKey::from_file_or_create(&path).unwrap_err();
    check_error(&error, ErrorKind::Configuration, "openssl");
    assert_eq!(fs::read_to_string(&path).unwrap(), "damaged");
}

#[test]
fn of_many_processes_that_make_a_key_all_get_the_same() {
    if let Some(place) = child::place() {
        let key = EncryptionKey::from_file_or_create(place.join("key")).unwrap();
        return fs::write(place.join(format!("{}.id", std::process::id())), key.id().to_string()).unwrap();
    }
    let (_folder, place) = new_place();
    let test = "store_encrypted::key_file::of_many_processes_that_make_a_key_all_get_the_same";
    let children: Vec<_> =
        (0..16).map(|_| child::command([], test, &place).stdout(Stdio::piped()).spawn().unwrap()).collect();
    for child in children {
        child::check_success(&child.wait_with_output().unwrap());
    }
    let made = EncryptionKey::from_file(place.join("key")).unwrap().id().to_string();
    let ids: Vec<_> =
        crate::store_file::names(&place).into_iter().filter(|name| name.ends_with(".id")).collect();
    assert_eq!(ids.len(), 16);
    for name in ids {
        assert_eq!(fs::read_to_string(place.join(name)).unwrap(), made);
    }
}

#[test]
fn a_key_comes_from_the_environment_or_an_error_that_does_not_show_it() {
    const VARIABLE: &str = "BUTLR_AUTH_TEST_KEY";
    if child::place().is_some() {
        let key = EncryptionKey::from_env(VARIABLE);
        return match std::env::var(VARIABLE).as_deref() {
            Ok(value) if value.starts_with("0123") => {
                assert_eq!(key.unwrap().id(), EncryptionKey::from_text(value).unwrap().id())
            }
            Ok(_) => {
                let error = key.unwrap_err();
                check_error(&error, ErrorKind::Configuration, VARIABLE);
                assert!(!format!("{error:?}").contains("canary"));
            }
            Err(_) => check_error(&key.unwrap_err(), ErrorKind::Configuration, "is not set"),
        };
    }
    let test =
        "store_encrypted::key_file::a_key_comes_from_the_environment_or_an_error_that_does_not_show_it";
    for value in [Some(hex()), Some("canary".to_owned()), Some(String::new()), None] {
        let mut command = child::command([], test, Path::new("/"));
        if let Some(value) = value {
            command.env(VARIABLE, value);
        }
        child::check_success(&command.output().unwrap());
    }
}
