//! Writers that are killed or stopped at any moment, and many of them.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use butlr_auth_cache::{Entry, Id, SqliteStore, Swap, TokenStore as _};
use butlr_auth_core::ErrorKind;
use rusqlite::Connection;

use super::{check_error, check_stored, load, new_database, write};
use crate::store_file::{block_on, child, key, rounds};

/// Before each number that a write was acknowledged for.
const ACKNOWLEDGED: &str = "acknowledged ";

#[test]
fn a_killed_writer_leaves_the_last_acknowledged_entry_or_the_next() {
    if let Some(path) = child::place() {
        return write_until_killed(&path);
    }
    let (_folder, path) = new_database();
    for round in 0..rounds("BUTLR_AUTH_KILLS", 50) {
        let acknowledged = kill_a_writer(&path);
        let stored = load(&SqliteStore::open(&path).unwrap()).unwrap().unwrap();
        let stored: u64 = stored.record().parse().unwrap();
        assert!(
            [acknowledged, acknowledged + 1].contains(&stored),
            "round {round}: {stored} is stored, {acknowledged} was acknowledged"
        );
    }
    let intact: String =
        Connection::open(&path).unwrap().query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(intact, "ok");
}

fn write_until_killed(path: &Path) {
    let store = SqliteStore::open(path).unwrap();
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
fn kill_a_writer(path: &Path) -> u64 {
    let test = "store_sqlite::killed::a_killed_writer_leaves_the_last_acknowledged_entry_or_the_next";
    let mut child = child::command([], test, path).stdout(Stdio::piped()).spawn().unwrap();
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

#[test]
fn thirty_two_processes_lose_no_update() {
    const PROCESSES: u64 = 32;
    const INCREMENTS: u64 = 20;
    if let Some(path) = child::place() {
        // All at once: the parent ends the input of all of them.
        std::io::stdin().read_line(&mut String::new()).unwrap();
        let store = SqliteStore::open(path).unwrap();
        return (0..INCREMENTS).for_each(|_| block_on(increment(&store)));
    }
    let (_folder, path) = new_database();
    let test = "store_sqlite::killed::thirty_two_processes_lose_no_update";
    let children: Vec<Child> = (0..PROCESSES)
        .map(|_| {
            let mut child = child::command([], test, &path);
            child.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    // Each waits for its own input to end, which `wait_with_output` does; threads, so that they all go at once.
    let waiting: Vec<_> =
        children.into_iter().map(|child| std::thread::spawn(|| child.wait_with_output().unwrap())).collect();
    for output in waiting {
        child::check_success(&output.join().unwrap());
    }
    check_stored(&SqliteStore::open(&path).unwrap(), &(PROCESSES * INCREMENTS).to_string());
}

async fn increment(store: &SqliteStore) {
    loop {
        let stored = store.load(&key()).await.unwrap();
        let count: u64 = stored.as_ref().map_or(0, |entry| entry.record().parse().unwrap());
        let next = Entry::new(Id::random(), (count + 1).to_string());
        let expected = stored.map(|entry| entry.write_id());
        if store.compare_and_swap(&key(), expected, &next).await.unwrap() == Swap::Swapped {
            return;
        }
    }
}

#[test]
fn a_writer_that_was_stopped_keeps_nobody_from_reading_and_is_busy_to_writers() {
    let (_folder, path) = new_database();
    let store = SqliteStore::open(&path).unwrap();
    write(&store, "\"old\"").unwrap();
    // In the middle of its transaction, for as long as it likes.
    let stopped = Connection::open(&path).unwrap();
    stopped.execute_batch("BEGIN IMMEDIATE; UPDATE sessions SET entry = x'00'").unwrap();
    check_stored(&store, "\"old\"");
    check_error(&write(&store, "\"new\"").unwrap_err(), ErrorKind::Busy, "keeps it locked");
    check_stored(&SqliteStore::open(&path).unwrap(), "\"old\"");
    drop(stopped);
    write(&store, "\"new\"").unwrap();
}

#[test]
fn many_threads_make_one_database() {
    for _ in 0..50 {
        let (_folder, path) = new_database();
        let opened: Vec<_> = (0..8)
            .map(|_| {
                let path = path.clone();
                std::thread::spawn(move || SqliteStore::open(path).map(|store| block_on(increment(&store))))
            })
            .collect();
        opened.into_iter().for_each(|opened| opened.join().unwrap().unwrap());
        check_stored(&SqliteStore::open(&path).unwrap(), "8");
    }
}
