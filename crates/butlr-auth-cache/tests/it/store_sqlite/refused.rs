//! Databases and folders that are not as they should be.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};

use butlr_auth_cache::SqliteStore;
use butlr_auth_core::ErrorKind;
use rusqlite::Connection;

use super::{check_error, check_not_opened, check_stored, load, new_database, write};
use crate::store_file::{child, names, skip};

#[test]
fn modes_are_right_from_the_start_under_every_umask() {
    if let Some(place) = child::place() {
        let store = SqliteStore::open(place.join("sessions.sqlite3")).unwrap();
        write(&store, "\"secret\"").unwrap();
        // While it is open: that is when SQLite's own files are there.
        let shared = names(&place);
        assert!(shared.iter().any(|name| name.ends_with("-wal")), "{shared:?}");
        for name in &shared {
            let mode = fs::metadata(place.join(name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
        let mode = fs::metadata(&place).unwrap().permissions().mode();
        return assert_eq!(mode & 0o777, 0o700);
    }
    for umask in ["000", "022", "077", "777"] {
        let (_folder, path) = new_database();
        let shell = format!(r#"umask {umask}; exec "$0" "$@""#);
        let test = "store_sqlite::refused::modes_are_right_from_the_start_under_every_umask";
        let output = child::command(["sh", "-c", &shell], test, path.parent().unwrap()).output().unwrap();
        child::check_success(&output);
    }
}

#[test]
fn what_is_not_ours_alone_is_refused_with_the_command_that_mends_it() {
    let (folder, path) = new_database();
    let store = SqliteStore::open(&path).unwrap();
    write(&store, "\"old\"").unwrap();
    let loosen = |mode| fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    loosen(0o640);
    check_error(&load(&store).unwrap_err(), ErrorKind::Configuration, "run `chmod 600");
    check_error(&write(&store, "\"new\"").unwrap_err(), ErrorKind::Configuration, "run `chmod 600");
    check_not_opened(&path, ErrorKind::Configuration, "run `chmod 600");
    loosen(0o600);
    check_stored(&store, "\"old\"");

    let second = folder.path().join("second");
    fs::hard_link(&path, &second).unwrap();
    check_error(&load(&store).unwrap_err(), ErrorKind::Configuration, "one name");
    fs::remove_file(second).unwrap();
    check_stored(&store, "\"old\"");

    let sessions = path.parent().unwrap();
    fs::set_permissions(sessions, Permissions::from_mode(0o755)).unwrap();
    check_not_opened(&path, ErrorKind::Configuration, "run `chmod 700");
    fs::set_permissions(sessions, Permissions::from_mode(0o700)).unwrap();

    if chown(&path, Some(1), None).is_err() {
        return skip("only root can give a file away");
    }
    check_error(&load(&store).unwrap_err(), ErrorKind::Configuration, "belongs to another user");
}

#[test]
fn links_and_fifos_are_refused_without_being_followed_or_waited_for() {
    let (folder, path) = new_database();
    let (_other, target) = new_database();
    write(&SqliteStore::open(&target).unwrap(), "\"theirs\"").unwrap();
    let before = fs::read(&target).unwrap();
    drop(SqliteStore::open(&path).unwrap());
    fs::remove_file(&path).unwrap();
    symlink(&target, &path).unwrap();
    check_not_opened(&path, ErrorKind::Configuration, "plain file");
    fs::remove_file(&path).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, &path, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR).unwrap();
    check_not_opened(&path, ErrorKind::Configuration, "plain file");
    assert_eq!(fs::read(&target).unwrap(), before);

    // A link further up is the user's own affair.
    let link = folder.path().join("link");
    let real = folder.path().join("real");
    fs::create_dir(&real).unwrap();
    symlink(&real, &link).unwrap();
    let store = SqliteStore::open(link.join("sessions/sessions.sqlite3")).unwrap();
    write(&store, "\"there\"").unwrap();
    check_stored(&SqliteStore::open(real.join("sessions/sessions.sqlite3")).unwrap(), "\"there\"");
}

#[test]
fn paths_that_cannot_be_are_typed_errors_that_name_the_mend() {
    let (folder, path) = new_database();
    check_not_opened("".as_ref(), ErrorKind::Configuration, "name one");
    check_not_opened("/".as_ref(), ErrorKind::Configuration, "name one");
    check_not_opened("/dev/null/sessions.sqlite3".as_ref(), ErrorKind::Configuration, "something else");
    fs::create_dir_all(&path).unwrap();
    fs::set_permissions(path.parent().unwrap(), Permissions::from_mode(0o700)).unwrap();
    check_not_opened(&path, ErrorKind::Configuration, "plain file");
    // No parameter, no other file: a question mark is a question mark.
    let odd = folder.path().join("odd/a?mode=memory&b=%41.db");
    write(&SqliteStore::open(&odd).unwrap(), "\"there\"").unwrap();
    check_stored(&SqliteStore::open(&odd).unwrap(), "\"there\"");
}

#[test]
fn a_newer_database_is_refused_and_left_as_it_is() {
    let (_folder, path) = new_database();
    let store = SqliteStore::open(&path).unwrap();
    write(&store, "\"old\"").unwrap();
    drop(store);
    let newer = Connection::open(&path).unwrap();
    newer.execute_batch("PRAGMA user_version = 2; ALTER TABLE sessions ADD COLUMN more TEXT").unwrap();
    drop(newer);
    let before = fs::read(&path).unwrap();
    check_not_opened(&path, ErrorKind::Unsupported, "update this program");
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn another_programs_database_is_refused_and_left_as_it_is() {
    for theirs in [
        "CREATE TABLE sessions (id INTEGER)",
        "PRAGMA application_id = 1; CREATE TABLE t (x)",
        "PRAGMA user_version = 1",
        "CREATE VIEW v AS SELECT 1",
    ] {
        let (_folder, path) = new_database();
        drop(SqliteStore::open(&path).unwrap());
        fs::write(&path, "").unwrap();
        let other = Connection::open(&path).unwrap();
        other.execute_batch(theirs).unwrap();
        drop(other);
        let before = fs::read(&path).unwrap();
        check_not_opened(&path, ErrorKind::Configuration, "name another file");
        assert_eq!(fs::read(&path).unwrap(), before, "{theirs}");
    }
}

#[test]
fn a_database_that_was_removed_or_replaced_is_not_written_to() {
    let (_folder, path) = new_database();
    let (_other, another) = new_database();
    let store = SqliteStore::open(&path).unwrap();
    write(&store, "\"old\"").unwrap();
    fs::remove_file(&path).unwrap();
    check_error(&write(&store, "\"lost\"").unwrap_err(), ErrorKind::Storage, "was removed");
    check_error(&load(&store).unwrap_err(), ErrorKind::Storage, "was removed");

    let replacement = SqliteStore::open(&another).unwrap();
    write(&replacement, "\"another\"").unwrap();
    drop(replacement);
    for suffix in ["-wal", "-shm"] {
        let _ = fs::remove_file(format!("{}{suffix}", path.display()));
    }
    fs::rename(&another, &path).unwrap();
    check_stored(&store, "\"another\"");
}

/// As a user without privileges, if there is one to become: nothing is read-only to root.
#[test]
fn a_read_only_folder_is_a_typed_error() {
    if let Some(place) = child::place() {
        let path = place.join("sessions.sqlite3");
        write(&SqliteStore::open(&path).unwrap(), "\"old\"").unwrap();
        fs::set_permissions(&place, Permissions::from_mode(0o500)).unwrap();
        let refused = SqliteStore::open(&path).and_then(|store| write(&store, "\"new\"")).unwrap_err();
        check_error(&refused, ErrorKind::Storage, "writable");
        fs::set_permissions(&place, Permissions::from_mode(0o700)).unwrap();
        return check_stored(&SqliteStore::open(&path).unwrap(), "\"old\"");
    }
    let (folder, path) = new_database();
    let (test, place) =
        ("store_sqlite::refused::a_read_only_folder_is_a_typed_error", path.parent().unwrap());
    let mut command = child::command([], test, place);
    if rustix::process::geteuid().is_root() {
        chown(folder.path(), Some(65534), Some(65534)).unwrap();
        // The binary may lie where that user cannot go.
        let binary = folder.path().join("test");
        fs::copy(std::env::current_exe().unwrap(), &binary).unwrap();
        let nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
        command = child::command_of(&binary, nobody, test, place);
        command.current_dir("/");
    }
    match command.output() {
        Ok(output) => child::check_success(&output),
        Err(_) => skip("setpriv is not installed"),
    }
}
