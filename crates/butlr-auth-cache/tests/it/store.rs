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
