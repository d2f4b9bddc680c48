use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};

use butlr_auth_core::{ClientId, EndpointIdentity, ErrorKind, Provider};
use tempfile::TempDir;

use super::{FileStore, temporary};
use crate::store::directory::Directory;
use crate::store::lock::Lock;
use crate::{Entry, Id, Party, SessionKey, Swap, TokenStore as _};

struct Fixture {
    folder: TempDir,
    store: FileStore,
    key: SessionKey,
}

impl Fixture {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let store = FileStore::open(folder.path().join("sessions")).unwrap();
        let identity = EndpointIdentity::new(&Provider::butlr(), ClientId::new("cli"));
        Self { folder, store, key: SessionKey::new(&identity, Party::User, "default") }
    }

    fn path(&self, extension: &str) -> std::path::PathBuf {
        self.store.directory().join(format!("{}.{extension}", self.key.digest()))
    }

    async fn write(&self) -> Id {
        let entry = Entry::new(Id::random(), r#"{"canary":true}"#);
        let expected = self.store.load(&self.key).await.unwrap().map(|stored| stored.write_id());
        assert_eq!(self.store.compare_and_swap(&self.key, expected, &entry).await.unwrap(), Swap::Swapped);
        entry.write_id()
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.store.directory()).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    async fn check_refused(&self, kind: ErrorKind, says: &str) {
        let error = self.store.load(&self.key).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(says), "{error}");
    }
}

#[tokio::test]
async fn folder_and_files_are_private_and_no_temporary_file_stays() {
    let fixture = Fixture::new();
    fixture.write().await;
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(fixture.store.directory()), 0o700);
    for name in fixture.names() {
        assert_eq!(mode(&fixture.store.directory().join(&name)), 0o600, "{name}");
        assert!(!name.ends_with(".tmp"), "{name}");
    }
}

// Security: I1.
#[tokio::test]
async fn a_loose_mode_is_refused_with_the_command_that_mends_it() {
    let fixture = Fixture::new();
    fixture.write().await;
    fs::set_permissions(fixture.path("json"), Permissions::from_mode(0o644)).unwrap();
    fixture.check_refused(ErrorKind::Configuration, "chmod 600").await;
    fs::set_permissions(fixture.store.directory(), Permissions::from_mode(0o755)).unwrap();
    let error = FileStore::open(fixture.store.directory()).unwrap_err();
    assert!(error.to_string().contains("chmod 700"), "{error}");
}

// Security: I3.
#[tokio::test]
async fn links_and_fifos_are_refused_without_being_followed_or_waited_for() {
    let fixture = Fixture::new();
    let target = fixture.folder.path().join("target");
    fs::write(&target, "untouched").unwrap();
    symlink(&target, fixture.path("json")).unwrap();
    fixture.check_refused(ErrorKind::Configuration, "plain file").await;
    fs::remove_file(fixture.path("json")).unwrap();

    fixture.write().await;
    fs::hard_link(fixture.path("json"), fixture.folder.path().join("second")).unwrap();
    fixture.check_refused(ErrorKind::Configuration, "one name").await;
    fs::remove_file(fixture.path("json")).unwrap();

    let made = std::process::Command::new("mkfifo").arg("-m600").arg(fixture.path("json")).status().unwrap();
    assert!(made.success());
    fixture.check_refused(ErrorKind::Configuration, "plain file").await;
    assert_eq!(fs::read_to_string(target).unwrap(), "untouched");
}

// Security: I5.
#[tokio::test]
async fn a_corrupt_file_is_set_aside_and_the_session_can_begin_anew() {
    let fixture = Fixture::new();
    fixture.write().await;
    fs::write(fixture.path("json"), "{\"format\":1,").unwrap();
    fixture.check_refused(ErrorKind::CorruptRecord, "set aside").await;
    assert!(fixture.store.load(&fixture.key).await.unwrap().is_none());
    assert!(fixture.names().iter().any(|name| name.contains(".json.corrupt-")));
    fixture.write().await;
}

// Security: I5.
#[tokio::test]
async fn a_newer_format_is_refused_and_left_as_it_is() {
    let fixture = Fixture::new();
    fixture.write().await;
    let newer = fs::read_to_string(fixture.path("json")).unwrap().replacen("\"format\":2", "\"format\":9", 1);
    fs::write(fixture.path("json"), &newer).unwrap();
    fixture.check_refused(ErrorKind::Unsupported, "newer").await;
    assert_eq!(fs::read_to_string(fixture.path("json")).unwrap(), newer);
}

// Security: I6.
#[test]
fn a_writer_whose_lock_file_was_removed_writes_nothing() {
    let fixture = Fixture::new();
    let directory = Directory::open(fixture.store.directory().to_owned()).unwrap();
    let digest = fixture.key.digest();
    let lock_name = format!("{digest}.lock");
    let lock = Lock::take(&directory, &lock_name).unwrap().unwrap();
    temporary::replace(&directory, &digest, b"first", &lock).unwrap();
    fs::remove_file(fixture.path("lock")).unwrap();
    let error = temporary::replace(&directory, &digest, b"second", &lock).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Busy, "{error}");
    // One of the same name is not the same file.
    let _newer = Lock::take(&directory, &lock_name).unwrap().unwrap();
    assert!(!lock.excludes(&directory).unwrap());
    assert_eq!(fs::read(fixture.path("json")).unwrap(), b"first");
}

// Security: I7.
#[tokio::test]
async fn of_many_writers_that_expect_the_same_version_one_wins() {
    let fixture = Fixture::new();
    let expected = Some(fixture.write().await);
    let writers: Vec<_> = (0..16)
        .map(|_| {
            let (store, key) = (fixture.store.clone(), fixture.key.clone());
            tokio::spawn(async move {
                store.compare_and_swap(&key, expected, &Entry::new(Id::random(), "{}")).await.unwrap()
            })
        })
        .collect();
    let mut won = 0;
    for writer in writers {
        won += usize::from(writer.await.unwrap() == Swap::Swapped);
    }
    assert_eq!(won, 1);
}
