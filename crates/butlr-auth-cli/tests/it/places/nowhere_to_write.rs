//! A home that is missing, read-only, or somebody else's.

use std::path::Path;

use crate::users::{SOMEBODY, Users};
use crate::world::{Ended, World};

const ROOT: u32 = 0;

/// A person's environment at this world's server.
fn person<'a>(world: &'a World, home: &'a str) -> Vec<(&'a str, &'a str)> {
    let user = world.server.user();
    vec![
        ("BUTLR_BASE_URL", world.server.base_url()),
        ("BUTLR_USERNAME", &user.username),
        ("BUTLR_PASSWORD", &user.password),
        ("HOME", home),
    ]
}

#[track_caller]
fn goes_on_in_memory(ended: Ended) {
    let ended = ended.succeeded();
    assert!(!ended.stdout.trim().is_empty());
    assert_eq!(ended.stderr.matches("warning:").count(), 1, "{}", ended.stderr);
    assert!(ended.stderr.contains("BUTLR_AUTH_STATE_DIR"), "{}", ended.stderr);
}

fn owned_by_root(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    use std::os::unix::fs::MetadataExt as _;
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        if entry.metadata().unwrap().uid() == ROOT {
            found.push(entry.path());
        }
        if entry.path().is_dir() {
            owned_by_root(&entry.path(), found);
        }
    }
}

// Security: I13.
#[tokio::test(flavor = "multi_thread")]
async fn a_clients_own_session_goes_on_in_memory_with_one_warning() {
    let world = World::new().await;
    let Some(users) = Users::new(&world) else { return };
    let unreadable = users.folder("roots", 0o700, ROOT, ROOT);
    let homes =
        [Some("/nonexistent"), Some("/"), Some(unreadable.to_str().unwrap()), Some("/dev/null"), None];
    for home in homes {
        let mut variables = users.client();
        variables.extend(home.map(|home| ("HOME", home)));
        goes_on_in_memory(users.run(SOMEBODY, &["token"], &variables));
        users.run(SOMEBODY, &["run", "true"], &variables).succeeded();
    }
    let mut variables = users.client();
    variables.push(("BUTLR_AUTH_STATE_DIR", "/proc/state"));
    goes_on_in_memory(users.run(ROOT, &["token"], &variables));
}

// Security: I13.
#[tokio::test(flavor = "multi_thread")]
async fn a_home_that_became_read_only_keeps_nobody_from_a_token() {
    let world = World::new().await;
    let Some(users) = Users::new(&world) else { return };
    let home = users.folder("home", 0o700, SOMEBODY, SOMEBODY);
    let (shown, mut variables) = (home.to_str().unwrap(), users.client());
    variables.push(("HOME", shown));
    let mount = format!("mount --bind {shown} {shown} && mount -o remount,bind,ro {shown}");
    let Some(ended) = users.run_after(&mount, SOMEBODY, &["token"], &variables) else { return };
    goes_on_in_memory(ended);
    // The same with the folders of a session in it, and with a session.
    users.run(SOMEBODY, &["token"], &variables).succeeded();
    let stored = users.run_after(&mount, SOMEBODY, &["token"], &variables).unwrap().succeeded();
    assert_eq!(stored.stderr, "");
    for entry in std::fs::read_dir(home.join(".local/state/butlr-auth/sessions")).unwrap().flatten() {
        std::fs::remove_file(entry.path()).unwrap();
    }
    goes_on_in_memory(users.run_after(&mount, SOMEBODY, &["token"], &variables).unwrap());
    // A person would lose the session that the login brings.
    let ended = users.run_after(&mount, SOMEBODY, &["login"], &person(&world, shown)).unwrap();
    ended.failed(7, "BUTLR_AUTH_STATE_DIR");
}

// Security: I13.
#[tokio::test(flavor = "multi_thread")]
async fn a_login_of_a_person_refuses_before_it_asks_for_anything() {
    let world = World::new().await;
    let Some(users) = Users::new(&world) else { return };
    for home in ["/nonexistent", "/"] {
        let ended = users.run(SOMEBODY, &["login"], &person(&world, home)).failed(7, "BUTLR_AUTH_STATE_DIR");
        assert!(!ended.stderr.contains("password"), "{}", ended.stderr);
    }
    let mut without_home = person(&world, "");
    without_home.pop();
    users.run(SOMEBODY, &["login"], &without_home).failed(3, "BUTLR_AUTH_STATE_DIR");
    assert_eq!(world.server.journal().token_requests(), 0);
}

// Security: I13.
#[tokio::test(flavor = "multi_thread")]
async fn root_leaves_nothing_in_the_home_of_another_user() {
    let world = World::new().await;
    let Some(users) = Users::new(&world) else { return };
    let home = users.folder("home", 0o700, SOMEBODY, SOMEBODY);
    let shown = home.to_str().unwrap();
    let mut variables = users.client();
    variables.push(("HOME", shown));
    goes_on_in_memory(users.run(ROOT, &["token"], &variables));
    let person = person(&world, shown);
    for command in [
        &["login"][..],
        &["token"],
        &["status"],
        &["logout"],
        &["profile", "add", "x", "--preset", "butlr"],
        &["profile", "use", "butlr"],
    ] {
        let ended = users.run(ROOT, command, &person).failed(3, "sudo -H");
        assert!(ended.stderr.contains(&format!("sudo -u '#{SOMEBODY}'")), "{}", ended.stderr);
    }
    // Nor where there is a session already, in that user's own folder.
    users.run(SOMEBODY, &["token"], &variables).succeeded();
    goes_on_in_memory(users.run(ROOT, &["token"], &variables));
    users.run(ROOT, &["status"], &person).failed(3, "sudo -H");
    let mut found = Vec::new();
    owned_by_root(&home, &mut found);
    assert_eq!(found, Vec::<std::path::PathBuf>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_mounted_by_itself_is_named_as_that() {
    let world = World::new().await;
    let Some(users) = Users::new(&world) else { return };
    let home = users.folder("home", 0o700, SOMEBODY, SOMEBODY);
    let file = users.file("token", "", 0o600, SOMEBODY, SOMEBODY);
    let other = users.file("other", "", 0o600, SOMEBODY, SOMEBODY);
    let mut variables = users.client();
    variables.push(("HOME", home.to_str().unwrap()));
    std::fs::set_permissions(users.path(""), std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    let mount = format!("mount --bind {} {}", other.display(), file.display());
    let arguments = ["token", "-o", file.to_str().unwrap()];
    let Some(ended) = users.run_after(&mount, SOMEBODY, &arguments, &variables) else { return };
    ended.failed(7, "mount its folder");
}
