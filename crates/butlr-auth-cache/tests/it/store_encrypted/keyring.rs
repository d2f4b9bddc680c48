//! Keys in a real keyring. Each question is asked by a process of its own, because that is where the address of the
//! bus stands: in a process's environment.

use std::collections::HashMap;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use butlr_auth_cache::{Encrypted, EncryptionKey, FileStore, Session, conformance};
use butlr_auth_core::Error;
use butlr_auth_testkit::servers::{SecretService, or_skip};
use keyring_core::api::CredentialStoreApi as _;
use tempfile::TempDir;
use zbus_secret_service_keyring_store::Store;

use super::{bytes_in, is_in};
use crate::server::{Server, password};
use crate::store_file::{block_on, child, new_place};

const SERVICE: &str = "butlr-auth test";
const USER: &str = "sessions";
const ACTION: &str = "BUTLR_AUTH_KEYRING_ACTION";
const ADDRESS: &str = "DBUS_SESSION_BUS_ADDRESS";

/// What a child does, and prints for its parent.
#[expect(clippy::print_stdout, reason = "that is how a child answers")]
fn act(place: &Path) {
    let sessions = place.join("sessions");
    let make = || block_on(EncryptionKey::from_keyring_or_create(SERVICE, USER, &sessions));
    println!("\nasks");
    let shown = |key: Result<EncryptionKey, Error>| match key {
        Ok(key) => format!("key {}", key.id()),
        Err(error) => format!("{:?}: {error}", error.kind()),
    };
    println!(
        "\n> {}",
        match std::env::var(ACTION).unwrap().as_str() {
            "make" => shown(make()),
            "read" => shown(block_on(EncryptionKey::from_keyring(SERVICE, USER))),
            "spoil" => {
                let store = Store::new().unwrap();
                store.build(SERVICE, USER, None).unwrap().set_secret(b"canary").unwrap();
                "spoiled".to_owned()
            }
            "double" => {
                let store = Store::new().unwrap();
                // The same attributes and one more, in the same collection, which is named by its label.
                let also = HashMap::from([("target", "Login")]);
                for more in [None, Some(&also)] {
                    store.build(SERVICE, USER, more).unwrap().set_secret(&[b'c'; 64]).unwrap();
                }
                "doubled".to_owned()
            }
            "entries" => {
                let entries = Store::new().unwrap().search(&HashMap::from([("service", SERVICE)])).unwrap();
                let lengths = entries.iter().map(|entry| entry.get_secret().unwrap().len().to_string());
                lengths.collect::<Vec<_>>().join(", ")
            }
            "login" => {
                let store = Encrypted::new(FileStore::open(&sessions).unwrap(), make().unwrap());
                let server = Server::new(Duration::from_secs(1000));
                let session = Session::builder(server).store(store).open().unwrap();
                let login =
                    async { session.login(&password()).await.unwrap().access_token().expose().to_owned() };
                block_on(login)
            }
            "conformance" => {
                let key = make().unwrap();
                let new = async || Encrypted::new(FileStore::open(place.join("store")).unwrap(), key.clone());
                block_on(conformance::check(new)).unwrap();
                "kept".to_owned()
            }
            other => format!("what is {other}?"),
        }
    );
}

struct Asked {
    test: &'static str,
    address: String,
    _folder: TempDir,
    place: std::path::PathBuf,
}

impl Asked {
    fn new(test: &'static str, address: &str) -> Self {
        let (folder, place) = new_place();
        Self { test, address: address.to_owned(), _folder: folder, place }
    }

    fn command(&self, action: &str) -> Command {
        let test = format!("store_encrypted::keyring::{}", self.test);
        let mut command = child::command([], &test, &self.place);
        command.env(ACTION, action).env(ADDRESS, &self.address).env("XDG_RUNTIME_DIR", &self.place);
        command
    }

    fn start(&self, action: &str) -> Child {
        self.command(action).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    #[track_caller]
    fn answer(&self, action: &str) -> String {
        answer(self.start(action))
    }
}

#[track_caller]
fn answer(child: Child) -> String {
    let output = child.wait_with_output().unwrap();
    child::check_success(&output);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(!said.contains("canary"), "{said}");
    said.lines().find_map(|line| line.strip_prefix("> ")).unwrap().to_owned()
}

#[track_caller]
fn check(answer: &str, begins: &str, says: &str) {
    assert!(answer.starts_with(begins) && answer.contains(says), "{answer}");
}

// Security: J1, J4, J5.
#[test]
fn one_key_is_made_for_all_processes_and_outlives_the_keyring() {
    if let Some(place) = child::place() {
        return act(&place);
    }
    let Some(mut keyring) = or_skip(SecretService::start()) else { return };
    let asked = Asked::new("one_key_is_made_for_all_processes_and_outlives_the_keyring", keyring.address());
    check(&asked.answer("read"), "Configuration: ", "has no entry");
    let all: Vec<_> = (0..8).map(|_| asked.start("make")).collect();
    // On a crowded machine eight at once may take longer than the keyring is given. Whoever is told so asks again.
    let settled = |first: String| {
        let again = (0..20).map(|_| asked.answer("make"));
        std::iter::once(first).chain(again).find(|answer| !answer.starts_with("Busy: ")).unwrap()
    };
    let all: Vec<_> = all.into_iter().map(answer).map(settled).collect();
    check(&all[0], "key ", "");
    assert!(all.iter().all(|answer| *answer == all[0]), "{all:?}");
    keyring.restart().unwrap();
    assert_eq!(asked.answer("read"), all[0]);
    assert_eq!(asked.answer("make"), all[0]);
}

// Security: J5.
#[test]
fn encrypted_files_keep_the_promises_of_files() {
    if let Some(place) = child::place() {
        return act(&place);
    }
    let Some(keyring) = or_skip(SecretService::start()) else { return };
    let asked = Asked::new("encrypted_files_keep_the_promises_of_files", keyring.address());
    assert_eq!(asked.answer("conformance"), "kept");
}

// Security: J2.
#[test]
fn without_a_keyring_there_is_a_typed_error() {
    if let Some(place) = child::place() {
        return act(&place);
    }
    for address in ["unix:path=/nonexistent/bus", "nonsense", ""] {
        let asked = Asked::new("without_a_keyring_there_is_a_typed_error", address);
        for action in ["read", "make"] {
            check(&asked.answer(action), "Storage: ", "choose another store");
        }
    }
}

// Security: J2.
#[test]
fn a_locked_keyring_is_a_typed_error_and_no_key_is_made_beside_the_one_it_holds() {
    if let Some(place) = child::place() {
        return act(&place);
    }
    let Some(mut keyring) = or_skip(SecretService::start()) else { return };
    let asked = Asked::new(
        "a_locked_keyring_is_a_typed_error_and_no_key_is_made_beside_the_one_it_holds",
        keyring.address(),
    );
    keyring.lock().unwrap();
    let refused = asked.answer("make");
    assert!(refused.starts_with("Storage: ") || refused.starts_with("Busy: "), "{refused}");
    keyring.restart().unwrap();
    check(&asked.answer("read"), "Configuration: ", "has no entry");

    let key = asked.answer("make");
    keyring.lock().unwrap();
    for action in ["read", "make"] {
        let refused = asked.answer(action);
        assert!(refused.starts_with("Storage: ") || refused.starts_with("Busy: "), "{refused}");
        assert!(refused.contains("unlock it"), "{refused}");
    }
    keyring.restart().unwrap();
    assert_eq!(asked.answer("make"), key);
}

// Security: J2.
#[test]
fn a_keyring_that_hangs_is_given_up_and_one_that_dies_is_gone() {
    if let Some(place) = child::place() {
        return act(&place);
    }
    let Some(mut keyring) = or_skip(SecretService::start()) else { return };
    let asked = Asked::new("a_keyring_that_hangs_is_given_up_and_one_that_dies_is_gone", keyring.address());
    let key = asked.answer("make");
    keyring.pause().unwrap();
    check(&asked.answer("read"), "Busy: ", "3 s");
    check(&asked.answer("make"), "Busy: ", "3 s");
    keyring.resume().unwrap();
    assert_eq!(asked.answer("read"), key);

    keyring.pause().unwrap();
    let mut waiting = asked.start("read");
    // Until the child has begun; it waits for an answer when the keyring dies, or is about to ask.
    let mut said = std::io::BufReader::new(waiting.stdout.take().unwrap());
    let mut line = String::new();
    while line.trim() != "asks" {
        line.clear();
        assert!(std::io::BufRead::read_line(&mut said, &mut line).unwrap() > 0);
    }
    keyring.kill().unwrap();
    let mut rest = String::new();
    std::io::Read::read_to_string(&mut said, &mut rest).unwrap();
    assert!(waiting.wait().unwrap().success());
    assert!(rest.contains("> Storage: ") || rest.contains("> Busy: "), "{rest}");
    check(&asked.answer("read"), "Storage: ", "choose another store");
    keyring.restart().unwrap();
    assert_eq!(asked.answer("read"), key);
}

// Security: J2.
#[test]
fn an_entry_that_is_no_key_is_refused_and_left_as_it_is() {
    if let Some(place) = child::place() {
        return act(&place);
    }
    let Some(keyring) = or_skip(SecretService::start()) else { return };
    let asked = Asked::new("an_entry_that_is_no_key_is_refused_and_left_as_it_is", keyring.address());
    assert_eq!(asked.answer("spoil"), "spoiled");
    for _ in 0..2 {
        check(&asked.answer("make"), "Configuration: ", "is neither 64 hexadecimal digits");
    }
}

// Security: J2.
#[test]
fn of_two_entries_with_one_name_neither_is_taken_for_the_key() {
    if let Some(place) = child::place() {
        return act(&place);
    }
    let Some(keyring) = or_skip(SecretService::start()) else { return };
    let asked = Asked::new("of_two_entries_with_one_name_neither_is_taken_for_the_key", keyring.address());
    assert_eq!(asked.answer("double"), "doubled");
    for action in ["read", "make"] {
        check(&asked.answer(action), "Configuration: ", "has 2 entries");
    }
    assert_eq!(asked.answer("entries"), "64, 64");
}

// Security: J3.
#[test]
fn a_login_puts_the_key_alone_into_the_keyring_and_no_token_into_the_folder() {
    if let Some(place) = child::place() {
        return act(&place);
    }
    let Some(keyring) = or_skip(SecretService::start()) else { return };
    let asked = Asked::new(
        "a_login_puts_the_key_alone_into_the_keyring_and_no_token_into_the_folder",
        keyring.address(),
    );
    let token = asked.answer("login");
    // 32 bytes in base64.
    assert_eq!(asked.answer("entries"), "44");
    let stored = bytes_in(&asked.place.join("sessions"));
    assert!(is_in("XChaCha20-Poly1305", &stored), "something was stored");
    assert!(!token.is_empty() && !is_in(&token, &stored));
}
