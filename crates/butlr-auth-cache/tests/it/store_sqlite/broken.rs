//! Bytes that changed on the disk, and disks that take none.

use std::fs;
use std::path::Path;
use std::process::Command;

use butlr_auth_cache::{Entry, Id, SqliteStore, TokenStore as _};
use butlr_auth_core::ErrorKind;
use rusqlite::{Connection, params};

use super::{check_error, check_not_opened, check_stored, load, new_database, write};
use crate::store_file::{child, key, skip};

fn rows(path: &Path) -> Vec<(String, Vec<u8>)> {
    let database = Connection::open(path).unwrap();
    let mut select = database.prepare("SELECT key, entry FROM sessions ORDER BY key").unwrap();
    let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    rows.map(Result::unwrap).collect()
}

fn overwrite(path: &Path, entry: &[u8]) {
    let database = Connection::open(path).unwrap();
    let changed = database.execute("UPDATE sessions SET entry = ?1", params![entry]).unwrap();
    assert_eq!(changed, 1);
}

#[test]
fn a_damaged_row_is_set_aside_and_the_session_can_begin_anew() {
    let (_folder, path) = new_database();
    let store = SqliteStore::open(&path).unwrap();
    write(&store, "\"old\"").unwrap();
    assert_eq!(store.set_aside(&key()), None);
    let good = rows(&path).remove(0).1;
    let mut flipped = good.clone();
    *flipped.last_mut().unwrap() ^= 1;
    let damaged =
        [Vec::new(), good[..good.len() / 2].to_vec(), flipped, vec![0xff; 1000], vec![b' '; 100_000]];
    for bytes in damaged {
        let (_folder, path) = new_database();
        let store = SqliteStore::open(&path).unwrap();
        write(&store, "\"old\"").unwrap();
        overwrite(&path, &bytes);
        check_error(&load(&store).unwrap_err(), ErrorKind::CorruptRecord, "was set aside in");
        assert!(load(&store).unwrap().is_none(), "it is reported once");
        let told = SqliteStore::open(&path).unwrap().set_aside(&key()).unwrap();
        assert!(told.ends_with(&rows(&path)[0].0) && told.contains("sessions"), "its place is known: {told}");
        write(&store, "\"anew\"").unwrap();
        let rows = rows(&path);
        assert_eq!(rows.len(), 2);
        assert!(rows[1].0.starts_with(&format!("{}.corrupt-", key().digest())), "{}", rows[1].0);
        assert_eq!(rows[1].1, bytes);
        check_stored(&store, "\"anew\"");
    }
}

#[test]
fn a_write_sets_a_damaged_row_aside_too() {
    let (_folder, path) = new_database();
    let store = SqliteStore::open(&path).unwrap();
    write(&store, "\"old\"").unwrap();
    overwrite(&path, b"{");
    let entry = Entry::new(Id::random(), "\"new\"");
    let swap = || crate::store_file::block_on(store.compare_and_swap(&key(), None, &entry));
    check_error(&swap().unwrap_err(), ErrorKind::CorruptRecord, "was set aside");
    assert_eq!(swap().unwrap(), butlr_auth_cache::Swap::Swapped);
    assert_eq!(rows(&path).len(), 2);
}

#[test]
fn a_row_of_a_newer_format_is_refused_and_left_as_it_is() {
    let (_folder, path) = new_database();
    let store = SqliteStore::open(&path).unwrap();
    write(&store, "\"old\"").unwrap();
    let newer =
        String::from_utf8(rows(&path).remove(0).1).unwrap().replacen("\"format\":2", "\"format\":9", 1);
    overwrite(&path, newer.as_bytes());
    check_error(&load(&store).unwrap_err(), ErrorKind::Unsupported, "newer");
    check_error(&write(&store, "\"new\"").unwrap_err(), ErrorKind::Unsupported, "newer");
    assert_eq!(rows(&path), [(key().digest(), newer.into_bytes())]);
}

/// Whatever happened to the file: the old entry or a typed error, and not a byte of the file is lost.
#[test]
fn a_damaged_database_is_a_typed_error_and_never_deleted() {
    let (_folder, path) = new_database();
    let store = SqliteStore::open(&path).unwrap();
    write(&store, &format!("\"{}\"", "x".repeat(10_000))).unwrap();
    drop(store);
    let good = fs::read(&path).unwrap();
    assert!(good.len() > 12_000, "the log was written back");

    let mut cases: Vec<Vec<u8>> =
        (1..good.len()).step_by(509).map(|length| good[..length].to_vec()).collect();
    cases.extend((0..good.len()).step_by(97).map(|offset| {
        let mut flipped = good.clone();
        flipped[offset] ^= 1 << (offset % 8);
        flipped
    }));
    cases.extend([b"no database".to_vec(), vec![0xff; 20_000], vec![b'x'; 4096]]);
    let mut refused = 0;
    for (number, bytes) in cases.iter().enumerate() {
        fs::write(&path, bytes).unwrap();
        match SqliteStore::open(&path).and_then(|store| load(&store)) {
            Ok(Some(entry)) => assert_eq!(entry.record().len(), 10_002, "case {number}"),
            // Its key was hit: that session is not there.
            Ok(None) => {}
            Err(error) => {
                refused += 1;
                let expected = [
                    ErrorKind::CorruptRecord,
                    ErrorKind::Configuration,
                    ErrorKind::Unsupported,
                    ErrorKind::Storage,
                ];
                assert!(expected.contains(&error.kind()), "case {number}: {error:?}");
            }
        }
        let left = fs::read(&path).unwrap();
        assert!(left.len() >= bytes.len(), "case {number}: {} of {} bytes are left", left.len(), bytes.len());
    }
    assert!(refused > cases.len() / 4, "{refused} of {} were refused", cases.len());
    fs::write(&path, "no database at all").unwrap();
    check_not_opened(&path, ErrorKind::CorruptRecord, "move it away");
    assert_eq!(fs::read(&path).unwrap(), b"no database at all");
}

/// In a file system of its own, as root of a namespace of its own.
#[test]
fn a_full_and_a_read_only_disk_serve_what_they_have_and_recover() {
    if let Some(place) = child::place() {
        return full_then_read_only(&place);
    }
    let (_folder, path) = new_database();
    let place = path.parent().unwrap();
    fs::create_dir(place).unwrap();
    let mounted =
        r#"mount -t tmpfs -o size=512k,mode=0700 tmpfs "$BUTLR_AUTH_STORE_CHILD" || exit 77; exec "$0" "$@""#;
    let namespace = ["unshare", "--map-root-user", "--mount", "sh", "-c", mounted];
    let test = "store_sqlite::broken::a_full_and_a_read_only_disk_serve_what_they_have_and_recover";
    match child::command(namespace, test, place).output() {
        Ok(output) if matches!(output.status.code(), Some(1 | 77)) => {
            // Not a matter of what is installed: many build containers allow no namespaces.
            let why = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(why.contains("unshare") || why.contains("mount"), "{why}");
        }
        Ok(output) => child::check_success(&output),
        Err(_) => skip("unshare is not installed"),
    }
}

fn full_then_read_only(place: &Path) {
    let path = place.join("sessions.sqlite3");
    let store = SqliteStore::open(&path).unwrap();
    write(&store, "\"old\"").unwrap();
    let filler = place.join("filler");
    // Page by page, so that not one is left.
    let mut file = fs::File::create(&filler).unwrap();
    while std::io::Write::write(&mut file, &[0; 4096]).is_ok_and(|length| length > 0) {}
    // Longer than what the log has room for already.
    let long = format!("\"{}\"", "x".repeat(60_000));
    check_error(&write(&store, &long).unwrap_err(), ErrorKind::Storage, "free some space");
    check_stored(&store, "\"old\"");
    drop(file);
    fs::remove_file(filler).unwrap();
    write(&store, "\"recovered\"").unwrap();

    let remount = |how: &str| {
        assert!(Command::new("mount").args(["-o", how]).arg(place).status().unwrap().success());
    };
    drop(store);
    remount("remount,ro");
    let refused = SqliteStore::open(&path).and_then(|store| write(&store, "\"lost\"")).unwrap_err();
    check_error(&refused, ErrorKind::Storage, "writable");
    remount("remount,rw");
    let store = SqliteStore::open(&path).unwrap();
    check_stored(&store, "\"recovered\"");
    write(&store, "\"after\"").unwrap();
}
