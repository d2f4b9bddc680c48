//! Writers that are killed at any moment.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use butlr_auth_cache::{FileStore, Id};

use super::{child, key, load, names, new_place, rounds, say, temporary_files, write};

/// Before each number that a write was acknowledged for.
const ACKNOWLEDGED: &str = "acknowledged ";

/// Each round kills a writer under load after a time that is drawn, and reads what it left.
// Security: I4.
#[test]
fn a_killed_writer_leaves_the_last_acknowledged_entry_or_the_next() {
    if let Some(place) = child::place() {
        return write_until_killed(&place);
    }
    let (_folder, place) = new_place();
    let mut left_behind = 0;
    for round in 0..rounds("BUTLR_AUTH_KILLS", 50) {
        let acknowledged = kill_a_writer(&place);
        left_behind += temporary_files(&place);
        check_private(&place);

        let store = FileStore::open(&place).unwrap();
        assert_eq!(temporary_files(&place), 0, "round {round}");
        let stored: u64 = load(&store).unwrap().unwrap().record().parse().unwrap();
        let expected = [acknowledged, acknowledged + 1];
        assert!(
            expected.contains(&stored),
            "round {round}: {stored} is stored, {acknowledged} was acknowledged"
        );
        assert!(!names(&place).iter().any(|name| name.contains("corrupt")), "round {round}");
    }
    // So that nobody believes in a sweep that had nothing to do.
    say(&format!("killed writers left {left_behind} temporary files, all swept"));
}

fn write_until_killed(place: &Path) {
    let store = FileStore::open(place).unwrap();
    let mut number = load(&store).unwrap().map_or(0, |entry| entry.record().parse::<u64>().unwrap());
    let mut output = std::io::stdout();
    loop {
        number += 1;
        write(&store, &number.to_string()).unwrap();
        // One call, so that a line is never half there.
        output.write_all(format!("{ACKNOWLEDGED}{number}\n").as_bytes()).unwrap();
        output.flush().unwrap();
    }
}

/// Returns the last number that the writer was told to be stored.
fn kill_a_writer(place: &Path) -> u64 {
    let test = "store_file::killed::a_killed_writer_leaves_the_last_acknowledged_entry_or_the_next";
    let mut child = child::command([], test, place).stdout(Stdio::piped()).spawn().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut acknowledged = 0;
    let mut read = |until_first: bool| {
        let mut line = String::new();
        while output.read_line(&mut line).unwrap() > 0 {
            if let Some((_, number)) = line.trim_end().split_once(ACKNOWLEDGED) {
                acknowledged = number.parse().unwrap();
                if until_first {
                    break;
                }
            }
            line.clear();
        }
    };
    read(true);
    let drawn = u64::try_from(Id::random().to_u128() % 8_000).unwrap();
    // Sleeps because the kill must fall at a drawn moment of the child's work, whichever that is.
    std::thread::sleep(Duration::from_micros(drawn));
    child.kill().unwrap();
    child.wait().unwrap();
    read(false);
    acknowledged
}

fn check_private(place: &Path) {
    for name in names(place) {
        let mode = fs::metadata(place.join(&name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

// Security: I4.
#[test]
fn only_what_a_dead_writer_left_is_swept() {
    let (_folder, place) = new_place();
    drop(FileStore::open(&place).unwrap());
    let digest = key().digest();
    let of_dead = format!(".{digest}.{}.tmp", Id::random());
    let of_living = format!(".{}.{}.tmp", "ab".repeat(32), Id::random());
    let link = format!(".{}.{}.tmp", "cd".repeat(32), Id::random());
    let others = [".x.tmp", &format!("{digest}.json.tmp"), &format!(".{digest}.XYZ.tmp"), "notes.txt"];
    for name in others.iter().copied().chain([of_dead.as_str(), &of_living]) {
        fs::write(place.join(name), "{}").unwrap();
    }
    let outside = place.parent().unwrap().join("outside");
    fs::write(&outside, "untouched").unwrap();
    std::os::unix::fs::symlink(&outside, place.join(&link)).unwrap();
    let lock = place.join(format!("{}.lock", "ab".repeat(32)));
    fs::write(&lock, "").unwrap();
    fs::set_permissions(&lock, fs::Permissions::from_mode(0o600)).unwrap();
    let lock = fs::File::open(&lock).unwrap();
    lock.lock().unwrap();

    drop(FileStore::open(&place).unwrap());
    let left = names(&place);
    assert!(!left.contains(&of_dead));
    assert!(left.contains(&of_living), "its writer holds the lock");
    assert!(others.iter().all(|name| left.iter().any(|left| left == name)), "{left:?}");
    assert_eq!(fs::read_to_string(outside).unwrap(), "untouched");
    drop(lock);
    drop(FileStore::open(&place).unwrap());
    assert!(!names(&place).contains(&of_living));
}
