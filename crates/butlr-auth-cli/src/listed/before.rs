//! What is left of the format before this one, whose records did not say what they were for. None is used.

use std::io::Read as _;
use std::path::Path;

use crate::context::Context;
use crate::profile::Profile;
use crate::store::{self, Place};

/// How every record of that format begins.
const BEGINNING: &[u8] = br#"{"format":1,"#;

/// Where a profile's session of that format is, if there is one.
pub(crate) async fn left_behind(context: &Context, profile: &Profile) -> Option<String> {
    let key = profile.session_key().without_purpose();
    let mut there = profile.clone();
    if let Some(store) = store::recorded_under(context, &key) {
        there.store = there.store.listed(store);
    }
    let place = Place::of(context, &there).ok()?;
    let store = store::open(context, &there).await.ok()?;
    store.load(&key).await.ok()??;
    Some(place.shown(context, &there))
}

/// How many files of a folder hold a record of that format, whosever it is.
pub(crate) fn left_in_folder(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let is_left = |path: &Path| {
        let mut beginning = [0; BEGINNING.len()];
        path.extension().is_some_and(|is| is == "json")
            && path.symlink_metadata().is_ok_and(|metadata| metadata.is_file())
            && std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut beginning)).is_ok()
            && beginning == *BEGINNING
    };
    let paths = entries.flatten().map(|entry| entry.path());
    let mut left: Vec<String> =
        paths.filter(|path| is_left(path)).map(|path| path.display().to_string()).collect();
    left.sort();
    left
}
