//! What a store promises to one caller at a time.

use async_trait::async_trait;
use butlr_auth_core::{ClientId, Error, ErrorKind, Fingerprint};

use super::subject::{Checked, Handle, Subject, Written, new_entry, new_key, same};
use crate::{Entry, Id, Party, Promises, SessionKey, Swap, TokenStore};

/// The longest encoding that a session's entry may have: what a store around the store adds comes on top.
const MAX_LENGTH: usize = 64 * 1024;

pub(super) fn promises_are_stated(subject: &Subject) -> Checked {
    let stated = subject.first.store().promises();
    for handle in [&subject.first, &subject.second] {
        let again = handle.store().promises();
        if again != stated {
            return Err(format!("{stated:?} is stated, and {again:?}"));
        }
    }
    Ok(())
}

pub(super) async fn absent_loads_as_none(subject: &Subject) -> Checked {
    let key = new_key();
    for handle in [&subject.first, &subject.second, &subject.first] {
        if handle.load(&key).await?.is_some() {
            return Err("there is an entry that nobody stored".to_owned());
        }
    }
    Ok(())
}

pub(super) async fn writes_name_their_version(subject: &Subject) -> Checked {
    let store = &subject.first;
    let (key, old, new) = (new_key(), new_entry("{\"n\":1}"), new_entry("{\"n\":2}"));
    let refused = async |expected: Option<Id>, why: &str| match store.swap(&key, expected, &new).await? {
        Swap::Conflict => Ok(()),
        Swap::Swapped => Err(format!("a write succeeded although {why}")),
    };

    refused(Some(old.write_id()), "it names a version and nothing is stored").await?;
    if store.load(&key).await?.is_some() {
        return Err("a conflict stored an entry".to_owned());
    }
    store.write(&key, None, &old).await?;
    same(store.load(&key).await?.as_ref(), &old)?;
    refused(None, "it expects none and an entry is stored").await?;
    refused(Some(Id::random()), "it names another version than the stored one").await?;
    refused(Some(new.write_id()), "it names its own version and another is stored").await?;
    same(store.load(&key).await?.as_ref(), &old)?;
    store.write(&key, Some(old.write_id()), &new).await?;
    same(store.load(&key).await?.as_ref(), &new)
}

pub(super) async fn entries_are_exact(subject: &Subject) -> Checked {
    let documents = [
        r#"{}"#,
        r#"{"refresh_token":"canary-\u0000-\n-\\-\"-/","empty":"","null":null}"#,
        r#"{"escaped":"\u00e9 \ud83d\ude00 \u2028","plain":"é 😀 \u202e e\u0301"}"#,
        r#"{"numbers":[1.10,1e400,-0,12345678901234567890123,0.1e-7]}"#,
        r#"{"b":1,"a":2,"b":3}"#,
        "{ \"white\" :\t[ 1 ,\r\n 2 ] }",
        r#"{"quotes":"'; DROP TABLE sessions; -- $1 %s ${HOME} {{x}}"}"#,
        r#"{"same":"fi ﬁ K K Å Å"}"#,
    ];
    let (key, mut expected) = (new_key(), None);
    for document in documents.map(str::to_owned).into_iter().chain([longest(&key)?]) {
        let entry = new_entry(&document);
        subject.first.write(&key, expected, &entry).await?;
        same(subject.second.load(&key).await?.as_ref(), &entry)?;
        expected = Some(entry.write_id());
    }
    for version in [0, 1, u128::MAX, 1 << 127, u128::from(u64::MAX) + 1] {
        let entry = Entry::new(Id::from_u128(version), "{}");
        subject.first.write(&key, expected, &entry).await?;
        same(subject.second.load(&key).await?.as_ref(), &entry)?;
        expected = Some(entry.write_id());
    }
    Ok(())
}

/// A document whose entry is as long as one may be. Every byte value that text can have is in it.
fn longest(key: &SessionKey) -> Checked<String> {
    let encoded = new_entry("\"\"").to_bytes(key).map_err(|error| error.to_string())?;
    let room = MAX_LENGTH - encoded.len();
    let varied: String = "é😀 aZ09~-._+/=".chars().cycle().take(1000).collect();
    Ok(format!("\"{varied}{}\"", "x".repeat(room - varied.len())))
}

pub(super) async fn keys_are_apart(subject: &Subject) -> Checked {
    let unique = Id::random();
    let key = |provider_id: &str, client_id: &str, name: &str| SessionKey {
        provider_id: provider_id.to_owned(),
        client_id: ClientId::new(client_id),
        party: Party::User,
        name: format!("{unique}{name}"),
        purpose: None,
    };
    let long = "n".repeat(4000);
    let names = [
        "",
        " ",
        "a",
        "A",
        "a ",
        "a.",
        "a/b",
        "a//b",
        "a\\b",
        "../a",
        "/a",
        "a\0b",
        "a\0",
        "a\nb",
        "a:b",
        "a%2Fb",
        "a*",
        "a'b",
        "a\"b",
        "\u{e9}",
        "e\u{301}",
        "\u{430}",
        "\u{ff41}",
        "a\u{200b}",
        "\u{202e}a",
        "con",
        "~",
        &long,
    ];
    let mut keys: Vec<SessionKey> = names.iter().map(|name| key("p", "c", name)).collect();
    keys.extend([
        key("pc", "", ""),
        key("", "pc", ""),
        key("p", "c/", ""),
        key("p/", "c", ""),
        key("P", "c", ""),
        SessionKey { party: Party::Client, ..key("p", "c", "") },
        SessionKey { purpose: Some(Fingerprint::of(b"one")), ..key("p", "c", "") },
        SessionKey { purpose: Some(Fingerprint::of(b"two")), ..key("p", "c", "") },
        key("p", "c", &format!("{long}1")),
        key("p", "c", &format!("{long}2")),
    ]);
    let mut entries = Vec::new();
    for (number, key) in keys.iter().enumerate() {
        let entry = new_entry(&number.to_string());
        match subject.first.swap(key, None, &entry).await? {
            Swap::Swapped => entries.push(entry),
            Swap::Conflict => return Err(format!("a new session meets another one's entry: {key:?}")),
        }
    }
    for (key, entry) in keys.iter().zip(&entries) {
        same(subject.second.load(key).await?.as_ref(), entry).map_err(|what| format!("{what}: {key:?}"))?;
    }
    Ok(())
}

pub(super) async fn writes_are_seen_at_once(subject: &Subject) -> Checked {
    let (key, mut expected) = (new_key(), None);
    for round in 0..100 {
        let (writer, reader) = (subject.handle(round), subject.handle(round + 1));
        let entry = new_entry(&round.to_string());
        writer.write(&key, expected, &entry).await?;
        same(writer.load(&key).await?.as_ref(), &entry)?;
        same(reader.load(&key).await?.as_ref(), &entry)
            .map_err(|what| format!("through the other handle {what}"))?;
        expected = Some(entry.write_id());
    }
    Ok(())
}

/// Writes, and closes both handles.
pub(super) async fn write_once(subject: Subject) -> Checked<Written> {
    let written = Written { key: new_key(), entry: new_entry("{\"n\":1}") };
    subject.first.write(&written.key, None, &written.entry).await?;
    Ok(written)
}

pub(super) async fn doubtful_writes_can_be_told(subject: &Subject) -> Checked {
    let store = Handle::new(AcknowledgementLost(subject.first.clone()));
    let (key, mut expected) = (new_key(), None);
    for round in 0..10 {
        let entry = new_entry(&round.to_string());
        if store.swap(&key, expected, &entry).await.is_ok() {
            return Err("the check's own wrapper acknowledged a write".to_owned());
        }
        // The writer cannot know. The version that it drew itself tells, through any handle.
        same(subject.second.load(&key).await?.as_ref(), &entry)?;
        if subject.first.swap(&key, expected, &entry).await? == Swap::Swapped {
            return Err("a write that had happened was taken a second time".to_owned());
        }
        same(subject.first.load(&key).await?.as_ref(), &entry)?;
        expected = Some(entry.write_id());
    }
    Ok(())
}

/// Writes, and fails afterwards: what a connection does that breaks before the answer.
#[derive(Debug)]
struct AcknowledgementLost(Handle);

#[async_trait]
impl TokenStore for AcknowledgementLost {
    async fn load(&self, key: &SessionKey) -> Result<Option<Entry>, Error> {
        self.0.store().load(key).await
    }

    async fn compare_and_swap(
        &self,
        key: &SessionKey,
        expected: Option<Id>,
        entry: &Entry,
    ) -> Result<Swap, Error> {
        let _unheard = self.0.store().compare_and_swap(key, expected, entry).await?;
        Err(Error::new(ErrorKind::TimedOut, "the acknowledgement got lost"))
    }

    fn promises(&self) -> Promises {
        self.0.store().promises()
    }
}
