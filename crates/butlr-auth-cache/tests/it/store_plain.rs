use std::fs::{self, File};
use std::path::PathBuf;

use async_trait::async_trait;
use butlr_auth_cache::{Durability, Entry, Guard, Hold, Id, Promises, Reach, SessionKey, Swap, TokenStore};
use butlr_auth_core::{Error, ErrorKind};

/// A store as somebody writes it in an afternoon: a file for each session and the locks of the standard library.
#[derive(Clone, Debug)]
pub(crate) struct PlainStore(PathBuf);

impl PlainStore {
    pub(crate) fn open(folder: &str) -> Self {
        fs::create_dir_all(folder).unwrap();
        Self(folder.into())
    }

    fn file(&self, key: &SessionKey, extension: &str) -> PathBuf {
        self.0.join(format!("{}.{extension}", key.digest()))
    }
}

fn failed(error: std::io::Error) -> Error {
    Error::new(ErrorKind::Storage, "the file failed").with_source(error)
}

#[async_trait]
impl TokenStore for PlainStore {
    async fn load(&self, key: &SessionKey) -> Result<Option<Entry>, Error> {
        match fs::read(self.file(key, "json")) {
            Ok(bytes) => Entry::from_bytes(key, &bytes).map(Some),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }

    async fn compare_and_swap(
        &self,
        key: &SessionKey,
        expected: Option<Id>,
        entry: &Entry,
    ) -> Result<Swap, Error> {
        let lock = File::create(self.file(key, "lock")).map_err(failed)?;
        lock.lock().map_err(failed)?;
        if self.load(key).await?.map(|stored| stored.write_id()) != expected {
            return Ok(Swap::Conflict);
        }
        fs::write(self.file(key, "new"), entry.to_bytes(key)?).map_err(failed)?;
        fs::rename(self.file(key, "new"), self.file(key, "json")).map(|()| Swap::Swapped).map_err(failed)
    }

    fn promises(&self) -> Promises {
        Promises::new(Durability::Asynchronous, Reach::Host)
    }

    async fn hold(&self, key: &SessionKey) -> Result<Hold, Error> {
        let file = File::create(self.file(key, "lease")).map_err(failed)?;
        Ok(file.try_lock().map_or(Hold::Busy, |()| Hold::Held(Guard::new(file))))
    }
}
