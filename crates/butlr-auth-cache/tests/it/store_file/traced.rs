//! The system calls of a write, and what happens when one of them fails.

use std::fs;
use std::path::Path;
use std::process::Command;

use butlr_auth_cache::FileStore;
use butlr_auth_core::ErrorKind;
use butlr_auth_testkit::servers;

use super::{block_on, check_stored, child, load, new_place, skip, temporary_files, write};

fn strace_is_missing() -> bool {
    !servers::is_there("strace", "strace")
}

// Security: I2.
#[test]
fn a_write_is_synced_before_its_rename_and_its_folder_after() {
    if let Some(place) = child::place() {
        let store = FileStore::open(place).unwrap();
        return ["1", "2", "3"].iter().for_each(|document| write(&store, document).unwrap());
    }
    if strace_is_missing() {
        return;
    }
    let (folder, place) = new_place();
    let trace = folder.path().join("trace");
    let calls = "trace=openat,write,pwrite64,writev,fsync,fdatasync,/^rename,/chmod";
    let strace = ["strace", "-f", "-y", "-s", "0", "-e", calls, "-o", trace.to_str().unwrap()];
    let test = "store_file::traced::a_write_is_synced_before_its_rename_and_its_folder_after";
    child::check_success(&child::command(strace, test, &place).output().unwrap());

    let trace = fs::read_to_string(trace).unwrap();
    let steps: Vec<&str> = trace.lines().filter_map(|line| step(line, &place)).collect();
    let write = ["make", "write", "sync the file", "rename", "sync the folder"];
    assert_eq!(steps, write.repeat(3), "{trace}");
}

/// What a line of the trace does to the folder or a file in it; `None` if it only reads or locks.
fn step(line: &str, place: &Path) -> Option<&'static str> {
    let place = place.to_str().unwrap();
    let (_process, call) = line.split_once(' ')?;
    let (name, arguments) = call.trim_start().split_once('(')?;
    if !arguments.contains(place) {
        return None;
    }
    Some(match name {
        "openat" if arguments.contains(".tmp\"") => {
            for flag in ["O_WRONLY", "O_CREAT", "O_EXCL", "O_NOFOLLOW", "O_CLOEXEC", "0600"] {
                assert!(arguments.contains(flag), "{flag}: {line}");
            }
            "make"
        }
        "openat" => return None,
        "write" if arguments.contains(".tmp>") => "write",
        "fsync" if arguments.contains(".tmp>") => "sync the file",
        "fsync" if arguments.contains(&format!("<{place}>)")) => "sync the folder",
        "rename" | "renameat" | "renameat2" => "rename",
        _ => "something else",
    })
}

// Security: I4.
#[test]
fn a_call_that_fails_is_a_typed_error_and_costs_nothing() {
    let test = "store_file::traced::a_call_that_fails_is_a_typed_error_and_costs_nothing";
    if let Some(place) = child::place() {
        let error = write(&FileStore::open(place).unwrap(), "\"new\"").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Storage, "{error}");
        return assert!(error.to_string().starts_with("could not"), "{error}");
    }
    if strace_is_missing() {
        return;
    }
    let cases = [
        ("fsync:error=EIO:when=1", "\"old\""),
        // The rename has happened: the error says that the write is in doubt, and a load tells.
        ("fsync:error=EIO:when=2", "\"new\""),
        ("/^rename:error=EXDEV", "\"old\""),
        ("/^rename:error=EROFS", "\"old\""),
        ("/^rename:error=EDQUOT", "\"old\""),
        ("flock:error=ENOLCK", "\"old\""),
    ];
    for (fault, stored) in cases {
        let (_folder, place) = new_place();
        let store = FileStore::open(&place).unwrap();
        write(&store, "\"old\"").unwrap();
        let inject = format!("inject={fault}");
        let output = child::command(["strace", "-f", "-o", "/dev/null", "-e", &inject], test, &place)
            .output()
            .unwrap();
        child::check_success(&output);
        check_stored(&store, stored);
        assert_eq!(temporary_files(&place), 0, "{fault}");
        write(&store, "\"after\"").unwrap();
    }
}

/// A file that may not grow: the first bytes are written, the next ones fail, as on a disk that fills up.
// Security: I4.
#[test]
fn a_write_that_stops_half_way_costs_nothing() {
    if let Some(place) = child::place() {
        let store = FileStore::open(&place).unwrap();
        let error = write(&store, &format!("\"{}\"", "x".repeat(20_000))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Storage, "{error}");
        assert!(error.to_string().contains("free some space"), "{error}");
        assert_eq!(temporary_files(&place), 0);
        return check_stored(&store, "\"old\"");
    }
    let (_folder, place) = new_place();
    write(&FileStore::open(&place).unwrap(), "\"old\"").unwrap();
    let limited = ["sh", "-c", r#"trap "" XFSZ; ulimit -f 8; exec "$0" "$@""#];
    let test = "store_file::traced::a_write_that_stops_half_way_costs_nothing";
    child::check_success(&child::command(limited, test, &place).output().unwrap());
}

/// In a file system of its own, as root of a namespace of its own.
// Security: D4, I4.
#[test]
fn a_full_and_a_read_only_disk_serve_what_they_have_and_recover() {
    if let Some(place) = child::place() {
        return full_then_read_only(&place);
    }
    let (_folder, place) = new_place();
    fs::create_dir(&place).unwrap();
    let mounted =
        r#"mount -t tmpfs -o size=256k,mode=0700 tmpfs "$BUTLR_AUTH_STORE_CHILD" || exit 77; exec "$0" "$@""#;
    let namespace = ["unshare", "--map-root-user", "--mount", "sh", "-c", mounted];
    let test = "store_file::traced::a_full_and_a_read_only_disk_serve_what_they_have_and_recover";
    match child::command(namespace, test, &place).output() {
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
    let store = FileStore::open(place).unwrap();
    write(&store, "\"old\"").unwrap();
    let filler = place.join("filler");
    // Page by page, so that not one is left.
    let mut file = fs::File::create(&filler).unwrap();
    while std::io::Write::write(&mut file, &[0; 4096]).is_ok_and(|length| length > 0) {}
    let error = write(&store, "\"lost\"").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Storage);
    assert!(error.to_string().contains("free some space"), "{error}");
    assert_eq!(temporary_files(place), 0);
    check_stored(&store, "\"old\"");
    drop(file);
    fs::remove_file(filler).unwrap();
    write(&store, "\"recovered\"").unwrap();

    let remount = |how: &str| {
        assert!(Command::new("mount").args(["-o", how]).arg(place).status().unwrap().success());
    };
    remount("remount,ro");
    let error = write(&store, "\"lost\"").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Storage);
    assert!(error.to_string().contains("make it writable"), "{error}");
    check_stored(&store, "\"recovered\"");
    // A process that starts now can still read.
    check_stored(&FileStore::open(place).unwrap(), "\"recovered\"");
    remount("remount,rw");
    write(&store, "\"after\"").unwrap();
}

// Security: M1.
#[test]
fn a_write_whose_caller_is_gone_is_finished() {
    use butlr_auth_cache::{Entry, Id, TokenStore as _};
    let (_folder, place) = new_place();
    let store = FileStore::open(&place).unwrap();
    let stored = block_on(async {
        let (key, entry) = (super::key(), Entry::new(Id::random(), "\"kept\""));
        let mut write = store.compare_and_swap(&key, None, &entry);
        let first = std::future::poll_fn(|context| {
            std::task::Poll::Ready(write.as_mut().poll(context).map(|written| written.map(drop)))
        });
        let _ = first.await;
        drop(write);
        // Not a matter of time: it comes, or the test ends by its deadline.
        tokio::time::timeout(std::time::Duration::from_secs(60), async {
            loop {
                if let Some(stored) = store.load(&key).await.unwrap() {
                    return stored;
                }
            }
        })
        .await
    });
    assert_eq!(stored.unwrap().record(), "\"kept\"");
    assert!(load(&store).unwrap().is_some());
}
