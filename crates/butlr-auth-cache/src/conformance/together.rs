//! What a store promises to many callers at once, and to those that give up.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use tokio::sync::Barrier;
use tokio::task::JoinSet;

use super::subject::{Checked, Handle, Subject, count, new_entry, new_key, same};
use crate::id::draw;
use crate::{Entry, Hold, Id, SessionKey, Swap};

pub(super) async fn one_writer_wins(subject: &Subject) -> Checked {
    for _ in 0..40 {
        let key = new_key();
        // From nothing, from an entry, and from the entry of such a race.
        let mut expected = None;
        for _ in 0..3 {
            expected = Some(race(subject, &key, expected).await?);
        }
    }
    Ok(())
}

/// Lets eight writers begin at the same moment and returns the version of the only one that may win.
async fn race(subject: &Subject, key: &SessionKey, expected: Option<Id>) -> Checked<Id> {
    const WRITERS: usize = 8;
    let start = Arc::new(Barrier::new(WRITERS));
    let mut writers = JoinSet::new();
    for number in 0..WRITERS {
        let (store, key, start) = (subject.handle(number).clone(), key.clone(), Arc::clone(&start));
        let entry = new_entry(&number.to_string());
        writers.spawn(async move {
            start.wait().await;
            let swap = store.swap(&key, expected, &entry).await?;
            Ok::<_, String>((swap == Swap::Swapped).then_some(entry))
        });
    }
    let mut winners = Vec::new();
    while let Some(done) = writers.join_next().await {
        winners.extend(done.map_err(|error| error.to_string())??);
    }
    let [winner] = winners.as_slice() else {
        return Err(format!("{} of {WRITERS} writers that expect the same version succeed", winners.len()));
    };
    same(subject.second.load(key).await?.as_ref(), winner)?;
    Ok(winner.write_id())
}

pub(super) async fn no_update_is_lost(subject: &Subject) -> Checked {
    let apart: Vec<SessionKey> = (0..50).map(|_| new_key()).collect();
    let shared = new_key();
    let mut writers = JoinSet::new();
    for (number, key) in apart.iter().enumerate() {
        writers.spawn(increments(subject.handle(number).clone(), key.clone(), 200));
    }
    for number in 0..4 {
        writers.spawn(increments(subject.handle(number).clone(), shared.clone(), 50));
    }
    while let Some(done) = writers.join_next().await {
        done.map_err(|error| error.to_string())??;
    }
    for key in apart.iter().chain([&shared]) {
        let counted = subject.first.load(key).await?.as_ref().map_or(Ok(0), count)?;
        if counted != 200 {
            return Err(format!("of 200 successful increments {counted} are stored"));
        }
    }
    Ok(())
}

async fn increments(store: Handle, key: SessionKey, times: usize) -> Checked {
    for _ in 0..times {
        store.increment(&key).await?;
    }
    Ok(())
}

pub(super) async fn cancelled_calls_leave_old_or_new(subject: &Subject) -> Checked {
    let key = new_key();
    let mut old = new_entry("0");
    subject.first.write(&key, None, &old).await?;
    for round in 0..200 {
        // Half of the calls are polled at every wake-up, half without pause: those end in the middle of anything.
        let (polls, eager) = if round % 2 == 0 { (round / 2 % 12, false) } else { (draw(2000), true) };
        let new = new_entry(&round.to_string());
        let store = subject.handle(usize::try_from(round / 2).unwrap_or_default());
        cut(store.store().compare_and_swap(&key, Some(old.write_id()), &new), polls, eager).await;
        cut(store.store().load(&key), polls, eager).await;
        cut(store.store().hold(&key), polls, eager).await;
        old = settle(subject, &key, &old, &new).await?;
    }
    hold_is_free(subject, &key).await
}

/// Writes after a cancelled write, which may still be under way, and returns what must be stored from now on.
async fn settle(subject: &Subject, key: &SessionKey, old: &Entry, new: &Entry) -> Checked<Entry> {
    let last = new_entry("\"settled\"");
    // The cancelled write can come in between once, not twice.
    for _ in 0..2 {
        let found = subject.second.load(key).await?;
        if same(found.as_ref(), new).is_err() {
            same(found.as_ref(), old).map_err(|what| format!("after a cancelled write {what}"))?;
        }
        let version = found.map(|entry| entry.write_id());
        if subject.first.swap(key, version, &last).await? == Swap::Swapped {
            return same(subject.second.load(key).await?.as_ref(), &last)
                .map(|()| last)
                .map_err(|what| format!("a cancelled write came after its successor: {what}"));
        }
    }
    Err("after a cancelled write no other one succeeds".to_owned())
}

/// A lock that was won by a call that nobody waits for any more is freed, at the latest when that call ends.
async fn hold_is_free(subject: &Subject, key: &SessionKey) -> Checked {
    for _ in 0..1000 {
        match subject.first.hold(key).await? {
            Hold::Busy => tokio::time::sleep(std::time::Duration::from_millis(1)).await,
            Hold::Held(_) | Hold::Unsupported => return Ok(()),
        }
    }
    Err("a cancelled hold keeps the lock".to_owned())
}

/// Polls a future so many times at most and drops it.
async fn cut<T>(future: impl Future<Output = T>, mut polls: u64, eager: bool) {
    let mut future = pin!(future);
    poll_fn(|context| {
        if polls == 0 || future.as_mut().poll(context).is_ready() {
            return Poll::Ready(());
        }
        polls -= 1;
        if polls == 0 {
            return Poll::Ready(());
        }
        if eager {
            context.waker().wake_by_ref();
        }
        Poll::Pending
    })
    .await;
}
