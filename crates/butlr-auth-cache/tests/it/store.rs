//! The stores keep what the conformance suite asks of every store.

use butlr_auth_cache::{FileStore, MemoryStore, TokenStore, conformance};
use tempfile::TempDir;

use crate::store_plain::PlainStore;

type Tested = Result<(), conformance::Broken>;

pub(crate) fn folder() -> (TempDir, String) {
    let folder = TempDir::new().unwrap();
    let place = folder.path().join("sessions").into_os_string().into_string().unwrap();
    (folder, place)
}

#[tokio::test]
async fn memory_store_conforms_on_one_thread() -> Tested {
    let store = MemoryStore::new();
    conformance::check(async || store.clone()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn memory_store_conforms_behind_a_box_and_an_arc() -> Tested {
    let store = MemoryStore::new();
    conformance::check(async || Box::new(store.clone()) as Box<dyn TokenStore>).await?;
    let shared: std::sync::Arc<dyn TokenStore> = std::sync::Arc::new(store);
    conformance::check(async || shared.clone()).await
}

// Security: M5.
#[tokio::test]
async fn file_store_conforms_on_one_thread() -> Tested {
    let (_folder, place) = folder();
    conformance::check(async || FileStore::open(&place).unwrap()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn file_store_conforms_behind_an_arc() -> Tested {
    let (_folder, place) = folder();
    conformance::check(async || std::sync::Arc::new(FileStore::open(&place).unwrap())).await
}

// Security: I7.
#[tokio::test]
async fn processes_share_the_file_store() -> Tested {
    let (_folder, place) = folder();
    let test = "store::processes_share_the_file_store";
    conformance::check_across_processes(test, &place, async |place| FileStore::open(place).unwrap()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_store_of_sixty_lines_conforms() -> Tested {
    let (_folder, place) = folder();
    conformance::check(async || PlainStore::open(&place)).await
}

#[tokio::test]
async fn processes_share_a_store_of_sixty_lines() -> Tested {
    let (_folder, place) = folder();
    let test = "store::processes_share_a_store_of_sixty_lines";
    conformance::check_across_processes(test, &place, async |place| PlainStore::open(place)).await
}

#[cfg(feature = "sqlite")]
mod sqlite {
    use butlr_auth_cache::{SqliteStore, conformance};

    use super::{Tested, folder};

    fn database() -> (tempfile::TempDir, String) {
        let (folder, place) = folder();
        (folder, format!("{place}/sessions.sqlite3"))
    }

    #[tokio::test]
    async fn sqlite_store_conforms_on_one_thread() -> Tested {
        let (_folder, place) = database();
        conformance::check(async || SqliteStore::open(&place).unwrap()).await
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn sqlite_store_conforms_behind_an_arc() -> Tested {
        let (_folder, place) = database();
        conformance::check(async || std::sync::Arc::new(SqliteStore::open(&place).unwrap())).await
    }

    #[tokio::test]
    async fn processes_share_the_sqlite_store() -> Tested {
        let (_folder, place) = database();
        let test = "store::sqlite::processes_share_the_sqlite_store";
        conformance::check_across_processes(test, &place, async |place| SqliteStore::open(place).unwrap())
            .await
    }
}

#[cfg(feature = "encrypted")]
mod encrypted {
    use butlr_auth_cache::{Encrypted, EncryptionKey, EncryptionKeys, FileStore, MemoryStore, conformance};

    use super::{Tested, folder};

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn an_encrypted_memory_store_conforms() -> Tested {
        let (store, key) = (MemoryStore::new(), EncryptionKey::generate());
        conformance::check(async || Encrypted::new(store.clone(), key.clone())).await
    }

    #[tokio::test]
    async fn an_encrypted_file_store_conforms_while_the_key_changes() -> Tested {
        let (_folder, place) = folder();
        let (key, other) = (EncryptionKey::generate(), EncryptionKey::generate());
        let handles = std::sync::atomic::AtomicUsize::new(0);
        conformance::check(async || {
            let count = handles.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let (current, old) = if count.is_multiple_of(2) { (&key, &other) } else { (&other, &key) };
            let keys = EncryptionKeys::new(current.clone()).and_old(old.clone());
            Encrypted::new(FileStore::open(&place).unwrap(), keys)
        })
        .await
    }

    #[tokio::test]
    async fn processes_share_an_encrypted_file_store_and_its_key() -> Tested {
        let (_folder, place) = folder();
        let test = "store::encrypted::processes_share_an_encrypted_file_store_and_its_key";
        conformance::check_across_processes(test, &place, async |place| {
            let key = EncryptionKey::from_file_or_create(format!("{place}/key")).unwrap();
            Encrypted::new(FileStore::open(place).unwrap(), key)
        })
        .await
    }

    #[cfg(feature = "sqlite")]
    #[tokio::test]
    async fn an_encrypted_sqlite_store_conforms() -> Tested {
        let (_folder, place) = folder();
        let key = EncryptionKey::generate();
        let open = || butlr_auth_cache::SqliteStore::open(format!("{place}/sessions.sqlite3")).unwrap();
        conformance::check(async || Encrypted::new(open(), key.clone())).await
    }
}
