//! Sessions that a profile has had under other words, and what the format before this one has left.

use super::check::Check;
use crate::context::Context;
use crate::listed::{Listed, for_another, left_behind, left_in_folder};
use crate::profile::Profile;

pub(super) async fn check(context: &Context, profile: &Profile) -> Vec<Check> {
    let mut checks = Vec::new();
    for listed in Listed::earlier(context, std::slice::from_ref(profile)) {
        if listed.profile != profile.name {
            continue;
        }
        if let Some(earlier) = listed.if_alive(context, Some(profile)).await {
            let names = earlier.earlier.unwrap_or_default();
            checks.push(Check::ok(
                "other words",
                format!(
                    "it has a session {} as well: `butlr-auth logout --all` ends it",
                    for_another(&names)
                ),
            ));
        }
    }
    if let Some(place) = left_behind(context, profile).await {
        let digest = profile.session_key().without_purpose().digest();
        checks.push(Check::warned(
            "left behind",
            format!("a session of a version that did not note what it is for is left in {place}, as {digest}; it is not used"),
            &format!("run `{}`, and remove it", profile.login_command()),
        ));
    }
    let folders =
        ["sessions", "encrypted"].map(|name| context.state_folder().map(|folder| folder.join(name)));
    let left: Vec<String> = folders.iter().flatten().flat_map(|folder| left_in_folder(folder)).collect();
    if !left.is_empty() {
        checks.push(Check::warned(
            "left behind",
            format!("{} of sessions of such a version: {}", files(left.len()), left.join(", ")),
            "remove them, when no older version of this program is used any more",
        ));
    }
    checks
}

fn files(count: usize) -> String {
    if count == 1 { "1 file".to_owned() } else { format!("{count} files") }
}
