//! Folders and files that are not as they should be.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};

use butlr_auth_cache::FileStore;
use butlr_auth_core::ErrorKind;

use super::{check_stored, child, file, load, names, new_place, skip, write};

fn mode(path: impl AsRef<Path>) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[track_caller]
fn check_not_opened(path: impl Into<PathBuf>, kind: ErrorKind, mend: &str) {
    let error = FileStore::open(path).unwrap_err();
    assert_eq!(error.kind(), kind, "{error}");
    assert!(error.to_string().contains(mend), "{error}");
    assert!(!error.to_string().contains(char::is_control), "{error}");
}

// Security: I1.
#[test]
fn modes_are_right_from_the_start_under_every_umask() {
    if let Some(place) = child::place() {
        return write(&FileStore::open(place).unwrap(), "\"secret\"").unwrap();
    }
    for umask in ["000", "022", "077", "777"] {
        let (_folder, place) = new_place();
        let shell = format!(r#"umask {umask}; exec "$0" "$@""#);
        let test = "store_file::refused::modes_are_right_from_the_start_under_every_umask";
        child::check_success(&child::command(["sh", "-c", &shell], test, &place).output().unwrap());
        assert_eq!(mode(&place), 0o700, "umask {umask}");
        for name in names(&place) {
            assert_eq!(mode(place.join(&name)), 0o600, "umask {umask}: {name}");
        }
    }
}

// Security: I1.
#[test]
fn a_folder_that_is_not_ours_alone_is_refused_before_anything_is_written() {
    let (folder, place) = new_place();
    fs::create_dir(&place).unwrap();
    for loose in [0o755, 0o710, 0o701, 0o777] {
        fs::set_permissions(&place, Permissions::from_mode(loose)).unwrap();
        check_not_opened(&place, ErrorKind::Configuration, "run `chmod 700");
    }
    fs::set_permissions(&place, Permissions::from_mode(0o700)).unwrap();
    let link = folder.path().join("link");
    symlink(&place, &link).unwrap();
    check_not_opened(&link, ErrorKind::Configuration, "name the folder itself");
    let plain = folder.path().join("plain");
    fs::write(&plain, "").unwrap();
    check_not_opened(&plain, ErrorKind::Configuration, "something else has its name");
    check_not_opened(plain.join("below"), ErrorKind::Configuration, "something else has its name");
    assert!(names(&place).is_empty());
}

// Security: I3.
#[test]
fn what_belongs_to_another_user_is_refused() {
    let (_folder, place) = new_place();
    let store = FileStore::open(&place).unwrap();
    write(&store, "\"old\"").unwrap();
    if chown(file(&place, "json"), Some(1), None).is_err() {
        return skip("only root can give a file away");
    }
    let check_refused = |error: butlr_auth_core::Error| {
        assert_eq!(error.kind(), ErrorKind::Configuration, "{error}");
        assert!(error.to_string().contains("belongs to another user"), "{error}");
    };
    check_refused(load(&store).unwrap_err());
    check_refused(write(&store, "\"new\"").unwrap_err());
    chown(file(&place, "json"), Some(0), None).unwrap();
    chown(file(&place, "lock"), Some(1), None).unwrap();
    check_refused(write(&store, "\"new\"").unwrap_err());
    check_stored(&store, "\"old\"");
    chown(&place, Some(1), None).unwrap();
    check_not_opened(&place, ErrorKind::Configuration, "belongs to another user");
}

type Make<'a> = &'a dyn Fn(&Path);

// Security: I3.
#[test]
fn things_that_are_no_files_are_refused_by_name() {
    let (folder, place) = new_place();
    let store = FileStore::open(&place).unwrap();
    let victim = folder.path().join("victim");
    fs::write(&victim, "untouched").unwrap();
    let things: [(&str, Make<'_>); 5] = [
        ("a link", &|path| symlink(&victim, path).unwrap()),
        ("a link to nothing", &|path| symlink("nothing", path).unwrap()),
        ("a second name", &|path| fs::hard_link(&victim, path).unwrap()),
        ("a folder", &|path| fs::create_dir(path).unwrap()),
        ("a socket", &|path| drop(std::os::unix::net::UnixListener::bind(path).unwrap())),
    ];
    for extension in ["json", "lock"] {
        for (what, make) in things {
            // The path of a socket must be short.
            let short = folder.path().join("s");
            make(&short);
            fs::rename(&short, file(&place, extension)).unwrap();
            let error = write(&store, "\"new\"").unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Configuration, "{what}: {error}");
            assert!(error.to_string().contains("remove it"), "{what}: {error}");
            let path = file(&place, extension);
            fs::remove_file(&path).or_else(|_| fs::remove_dir(&path)).unwrap();
            if what == "a second name" {
                assert_eq!(fs::read_to_string(&victim).unwrap(), "untouched");
            }
        }
    }
    assert!(!place.join("nothing").exists() && !folder.path().join("nothing").exists());
    write(&store, "\"new\"").unwrap();
}

// Security: I5.
#[test]
fn every_damaged_file_is_set_aside_whole_and_private() {
    let (_folder, place) = new_place();
    let store = FileStore::open(&place).unwrap();
    write(&store, "\"old\"").unwrap();
    let good = fs::read(file(&place, "json")).unwrap();
    let utf_16: Vec<u8> =
        String::from_utf8(good.clone()).unwrap().encode_utf16().flat_map(u16::to_le_bytes).collect();
    let damaged = [
        Vec::new(),
        good[..good.len() / 2].to_vec(),
        [good.as_slice(), b"x"].concat(),
        [good.as_slice(), good.as_slice()].concat(),
        utf_16,
        vec![0xff; 1000],
        vec![b' '; 100_000],
        "[".repeat(60_000).into_bytes(),
    ];
    for (number, bytes) in damaged.iter().enumerate() {
        fs::write(file(&place, "json"), bytes).unwrap();
        assert_eq!(load(&store).unwrap_err().kind(), ErrorKind::CorruptRecord, "case {number}");
        assert!(load(&store).unwrap().is_none(), "it is reported once");
        write(&store, "\"anew\"").unwrap();
        let aside: Vec<_> =
            names(&place).into_iter().filter(|name| name.contains(".json.corrupt-")).collect();
        assert_eq!(aside.len(), number + 1);
        assert!(aside.iter().any(|name| fs::read(place.join(name)).unwrap() == *bytes), "case {number}");
        assert!(aside.iter().all(|name| mode(place.join(name)) == 0o600));
    }
}

// Security: I5.
#[test]
fn a_gigabyte_is_not_read() {
    let (_folder, place) = new_place();
    let store = FileStore::open(&place).unwrap();
    write(&store, "\"old\"").unwrap();
    File::options().write(true).open(file(&place, "json")).unwrap().set_len(1 << 30).unwrap();
    let error = load(&store).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::CorruptRecord);
    assert!(error.to_string().contains("exceeds 96 KiB"), "{error}");
}

#[test]
fn an_entry_that_is_too_long_is_not_written() {
    let (_folder, place) = new_place();
    let store = FileStore::open(&place).unwrap();
    write(&store, "\"old\"").unwrap();
    let error = write(&store, &format!("\"{}\"", "x".repeat(96 * 1024))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Storage);
    check_stored(&store, "\"old\"");
}

// Security: I9.
#[test]
fn paths_that_cannot_be_are_typed_errors_that_name_the_mend() {
    let (folder, _) = new_place();
    check_not_opened("", ErrorKind::Configuration, "name one");
    check_not_opened(folder.path().join("a/".repeat(2048)), ErrorKind::Configuration, "shorter path");
    check_not_opened(folder.path().join("a".repeat(256)), ErrorKind::Configuration, "shorter path");
    check_not_opened("/dev/null/sessions", ErrorKind::Configuration, "something else has its name");
    check_not_opened(folder.path().join("a\0b"), ErrorKind::Configuration, "could not make");
    assert!(names(folder.path()).is_empty(), "nothing is made on the way to a path that cannot be");

    let odd = folder.path().join("line\nbreak \u{1b}[31m");
    let store = FileStore::open(&odd).unwrap();
    write(&store, "\"there\"").unwrap();
    check_stored(&store, "\"there\"");
    drop(store);
    fs::set_permissions(&odd, Permissions::from_mode(0o755)).unwrap();
    check_not_opened(&odd, ErrorKind::Configuration, "line\\nbreak");
}

#[test]
fn a_folder_that_was_removed_says_so() {
    let (_folder, place) = new_place();
    let store = FileStore::open(&place).unwrap();
    fs::remove_dir_all(&place).unwrap();
    let error = write(&store, "\"new\"").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Storage);
    assert!(error.to_string().contains("was removed"), "{error}");
}

/// As a user without privileges, if there is one to become: nothing is read-only to root.
#[test]
fn a_read_only_folder_is_a_typed_error() {
    if let Some(place) = child::place() {
        let store = FileStore::open(&place).unwrap();
        write(&store, "\"old\"").unwrap();
        fs::set_permissions(&place, Permissions::from_mode(0o500)).unwrap();
        let error = write(&store, "\"new\"").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Storage);
        assert!(error.to_string().contains("make it writable"), "{error}");
        check_stored(&FileStore::open(&place).unwrap(), "\"old\"");
        check_not_opened(place.join("below"), ErrorKind::Storage, "make it writable");
        fs::set_permissions(&place, Permissions::from_mode(0o700)).unwrap();
        return write(&store, "\"after\"").unwrap();
    }
    let (folder, place) = new_place();
    let test = "store_file::refused::a_read_only_folder_is_a_typed_error";
    let mut child = child::command([], test, &place);
    if rustix::process::geteuid().is_root() {
        chown(folder.path(), Some(65534), Some(65534)).unwrap();
        // The binary may lie where that user cannot go.
        let binary = folder.path().join("test");
        fs::copy(std::env::current_exe().unwrap(), &binary).unwrap();
        let nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
        child = child::command_of(&binary, nobody, test, &place);
        child.current_dir("/");
    }
    match child.output() {
        Ok(output) => child::check_success(&output),
        Err(_) => skip("setpriv is not installed"),
    }
}

// Security: I9.
#[test]
fn the_users_folder_follows_the_environment() {
    if std::env::var_os("BUTLR_AUTH_STORE_EXPECTS").is_some() {
        return check_users_folder();
    }
    let (folder, place) = new_place();
    let (home, state) = (folder.path().join("home"), folder.path().join("state"));
    let test = "store_file::refused::the_users_folder_follows_the_environment";
    let run = |variables: &[(&str, &Path)], expects: &Path| {
        let mut child = child::command([], test, &place);
        child.env_remove("HOME").env_remove("XDG_STATE_HOME").env("BUTLR_AUTH_STORE_EXPECTS", expects);
        child.envs(variables.iter().copied());
        child::check_success(&child.output().unwrap());
    };
    let (of_home, of_state) =
        (home.join(".local/state/butlr-auth/sessions"), state.join("butlr-auth/sessions"));
    run(&[("HOME", &home)], &of_home);
    run(&[("HOME", &home), ("XDG_STATE_HOME", &state)], &of_state);
    run(&[("HOME", &home), ("XDG_STATE_HOME", Path::new("relative"))], &of_home);
    run(&[("HOME", &home), ("XDG_STATE_HOME", Path::new(""))], &of_home);
    run(&[], Path::new("an error"));
    run(&[("HOME", Path::new("")), ("XDG_STATE_HOME", Path::new("relative"))], Path::new("an error"));
}

fn check_users_folder() {
    let expected = PathBuf::from(std::env::var_os("BUTLR_AUTH_STORE_EXPECTS").unwrap());
    match FileStore::user() {
        Ok(store) => assert_eq!(store.directory(), expected),
        Err(error) => {
            assert_eq!(expected, Path::new("an error"), "{error}");
            assert_eq!(error.kind(), ErrorKind::Configuration);
            assert!(error.to_string().contains("set one"), "{error}");
        }
    }
}
