//! What a store with a lock promises of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::task::JoinSet;

use super::subject::{Checked, Handle, Subject, new_entry, new_key};
use crate::{Guard, Hold, SessionKey};

pub(super) async fn excludes(subject: &Subject) -> Checked {
    let (first, second) = (&subject.first, &subject.second);
    let key = new_key();
    let guard = match first.hold(&key).await? {
        Hold::Held(guard) => guard,
        Hold::Busy => return Err("a lock that nobody has is busy".to_owned()),
        Hold::Unsupported => {
            return match second.hold(&key).await? {
                Hold::Unsupported => Ok(()),
                _ => Err("one handle has a lock and the other has none".to_owned()),
            };
        }
    };
    busy(first, &key, "on the same handle").await?;
    busy(second, &key, "on the other handle").await?;
    drop(free(second, &new_key(), "of another session").await?);

    // It is no write lock: a log-out must not wait for an exchange.
    let entry = new_entry("{}");
    second.write(&key, None, &entry).await?;
    first.write(&key, Some(entry.write_id()), &new_entry("{}")).await?;
    busy(second, &key, "after a write").await?;

    let dropped = tokio::task::spawn_blocking(move || drop(guard)).await;
    dropped.map_err(|error| error.to_string())?;
    let guard = free(second, &key, "whose guard was dropped on another thread").await?;
    busy(first, &key, "taken by the other handle").await?;
    drop(guard);
    drop(free(first, &key, "whose guard was dropped").await?);
    one_holder_at_a_time(subject).await
}

async fn busy(store: &Handle, key: &SessionKey, which: &str) -> Checked {
    match store.hold(key).await? {
        Hold::Busy => Ok(()),
        Hold::Held(_) => Err(format!("a lock is held twice, {which}")),
        Hold::Unsupported => Err("a store that has a lock says that it has none".to_owned()),
    }
}

async fn free(store: &Handle, key: &SessionKey, which: &str) -> Checked<Guard> {
    match store.hold(key).await? {
        Hold::Held(guard) => Ok(guard),
        _ => Err(format!("a lock {which} is not free")),
    }
}

async fn one_holder_at_a_time(subject: &Subject) -> Checked {
    let (key, holders) = (new_key(), Arc::new(AtomicUsize::new(0)));
    let mut tasks = JoinSet::new();
    for number in 0..16 {
        let (store, key, holders) = (subject.handle(number).clone(), key.clone(), Arc::clone(&holders));
        tasks.spawn(async move {
            for _ in 0..50 {
                if let Hold::Held(guard) = store.hold(&key).await? {
                    if holders.fetch_add(1, Ordering::SeqCst) != 0 {
                        return Err("two tasks hold a lock at the same time".to_owned());
                    }
                    tokio::task::yield_now().await;
                    holders.fetch_sub(1, Ordering::SeqCst);
                    drop(guard);
                }
            }
            Ok(())
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.map_err(|error| error.to_string())??;
    }
    Ok(())
}
