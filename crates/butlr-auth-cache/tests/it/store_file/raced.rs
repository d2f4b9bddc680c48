//! A neighbour that swaps the store's files for other things while it works.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Child, Stdio};

use butlr_auth_cache::{FileStore, Hold, Swap, TokenStore as _};
use butlr_auth_core::ErrorKind;

use super::{block_on, child, file, key, load, names, new_place, rounds, say, try_write, write};

const UNTOUCHED: &str = "untouched";

struct Neighbour(Child);

impl Drop for Neighbour {
    fn drop(&mut self) {
        self.0.kill().and_then(|()| self.0.wait()).unwrap();
    }
}

// Security: I3.
#[test]
fn nothing_is_written_outside_whatever_a_neighbour_puts_in_a_files_place() {
    if let Some(place) = child::place() {
        return swap_until_killed(&place);
    }
    let (folder, place) = new_place();
    let victim = folder.path().join("victim");
    fs::write(&victim, UNTOUCHED).unwrap();
    fs::set_permissions(&victim, Permissions::from_mode(0o640)).unwrap();
    let store = FileStore::open(&place).unwrap();

    let test = "store_file::raced::nothing_is_written_outside_whatever_a_neighbour_puts_in_a_files_place";
    let neighbour = Neighbour(child::command([], test, &place).stdout(Stdio::null()).spawn().unwrap());
    let (mut written, mut overtaken, mut refused) = (0, 0, 0);
    for _ in 0..rounds("BUTLR_AUTH_SWAPS", 300) {
        match try_write(&store, "\"secret\"") {
            Ok(Swap::Swapped) => written += 1,
            Ok(Swap::Conflict) => overtaken += 1,
            Err(error) => {
                refused += 1;
                let expected =
                    [ErrorKind::Configuration, ErrorKind::Storage, ErrorKind::CorruptRecord, ErrorKind::Busy];
                assert!(expected.contains(&error.kind()), "{error}");
                assert!(!format!("{error} {error:?}").contains("secret\""), "{error}");
            }
        }
        if let Ok(Hold::Held(guard)) = block_on(store.hold(&key())) {
            drop(guard);
        }
    }
    drop(neighbour);
    assert_eq!(fs::read_to_string(&victim).unwrap(), UNTOUCHED);
    assert_eq!(fs::metadata(&victim).unwrap().permissions().mode() & 0o777, 0o640);
    assert_eq!(names(folder.path()).len(), 2, "nothing new outside: {:?}", names(folder.path()));
    let seen = format!("{written} writes, {overtaken} conflicts, {refused} refusals");
    assert!(written > 0 && refused > 0, "nobody raced: {seen}");
    say(&format!("against a neighbour: {seen}"));

    // What the neighbour left is refused by name, and once it is removed all is well.
    for extension in ["json", "lock", "lease"] {
        let path = file(&place, extension);
        let _ = fs::remove_file(&path).or_else(|_| fs::remove_dir(&path));
    }
    write(&store, "\"after\"").unwrap();
}

/// Links to a file and to nothing, a second name, a FIFO, a folder, a deletion: one after the other, without pause.
fn swap_until_killed(place: &Path) {
    let outside = place.parent().unwrap();
    let (victim, nothing) = (outside.join("victim"), outside.join("nothing"));
    loop {
        for extension in ["json", "lock", "lease"] {
            let path = file(place, extension);
            for thing in 0..6 {
                let _ = fs::remove_file(&path).or_else(|_| fs::remove_dir(&path));
                // Whoever comes second fails: that is the race.
                let _ = match thing {
                    0 => symlink(&victim, &path),
                    1 => symlink(&nothing, &path),
                    2 => fs::hard_link(&victim, &path),
                    3 => fs::create_dir(&path),
                    4 => rustix::fs::mkfifoat(rustix::fs::CWD, &path, rustix::fs::Mode::RUSR)
                        .map_err(Into::into),
                    _ => Ok(()),
                };
                // Names of temporary files are drawn: only a listing finds them.
                for name in names(place).iter().filter(|name| name.ends_with(".tmp")) {
                    let path = place.join(name);
                    let _ = fs::remove_file(&path).and_then(|()| symlink(&victim, &path));
                }
                std::thread::yield_now();
            }
        }
    }
}

// Security: I6.
#[test]
fn a_lock_file_that_is_deleted_while_held_is_noticed() {
    let (_folder, place) = new_place();
    let store = FileStore::open(&place).unwrap();
    let hold = || block_on(store.hold(&key())).unwrap();
    let Hold::Held(first) = hold() else { panic!("nobody holds it") };
    assert!(matches!(hold(), Hold::Busy));
    fs::remove_file(file(&place, "lease")).unwrap();
    // The old lock excludes nobody any more; the record's fence does.
    let Hold::Held(second) = hold() else { panic!("the new file is free") };
    drop(first);
    assert!(matches!(hold(), Hold::Busy), "the first holder frees what it had, no more");
    drop(second);
    assert!(matches!(hold(), Hold::Held(_)));
    assert!(load(&store).unwrap().is_none());
}
