//! Secrets as Docker and Kubernetes mount them.

use std::os::unix::fs::symlink;
use std::path::Path;

use crate::users::{SOMEBODY, Users};
use crate::world::{Ended, World};

const ROOT: u32 = 0;

/// Gets a token with the secret in this file.
fn token(users: &Users<'_>, user: u32, file: &Path) -> Ended {
    users.run(user, &["token"], &variables(users, file.to_str().unwrap()))
}

fn variables<'a>(users: &Users<'a>, file: &'a str) -> Vec<(&'a str, &'a str)> {
    let mut variables = users.client();
    variables.pop();
    variables.extend([("BUTLR_CLIENT_SECRET_FILE", file), ("BUTLR_AUTH_STATE_DIR", "/nowhere")]);
    variables
}

// Security: I11.
#[tokio::test(flavor = "multi_thread")]
async fn what_root_put_there_is_read_by_everybody_else() {
    let world = World::new().await;
    let Some(users) = Users::new(&world) else { return };
    let secret = &world.server.client().secret;
    for (mode, group) in [(0o444, ROOT), (0o644, ROOT), (0o440, SOMEBODY), (0o640, SOMEBODY)] {
        let file = users.file("secret", secret, mode, ROOT, group);
        token(&users, SOMEBODY, &file).succeeded();
    }
    // As a volume of Kubernetes has it, by two links.
    symlink("secret", users.path("data")).unwrap();
    symlink("data", users.path("linked")).unwrap();
    let linked = users.path("linked");
    token(&users, SOMEBODY, &linked).succeeded();
    let ended = users.run(SOMEBODY, &["doctor"], &variables(&users, linked.to_str().unwrap()));
    assert!(ended.stdout.contains("others may read it, as root"), "{} {}", ended.stdout, ended.stderr);
}

// Security: I11.
#[tokio::test(flavor = "multi_thread")]
async fn what_others_may_write_or_own_is_refused_with_what_helps_in_a_container() {
    let world = World::new().await;
    let Some(users) = Users::new(&world) else { return };
    let secret = &world.server.client().secret;
    for (user, owner, mode) in [
        (SOMEBODY, ROOT, 0o664),
        (SOMEBODY, ROOT, 0o646),
        (SOMEBODY, SOMEBODY, 0o644),
        (SOMEBODY, SOMEBODY, 0o620),
        (ROOT, ROOT, 0o644),
    ] {
        let file = users.file("secret", secret, mode, owner, owner);
        let ended = token(&users, user, &file).failed(3, "chmod 600");
        assert!(ended.stderr.contains("command = [\"cat\""), "{}", ended.stderr);
        assert!(ended.stderr.contains("BUTLR_CLIENT_SECRET"), "{}", ended.stderr);
    }
    for user in [SOMEBODY, ROOT] {
        let file = users.file("secret", secret, 0o644, 4711, 4711);
        token(&users, user, &file).failed(3, "belongs to another user (uid 4711)");
    }
}

// Security: I11.
#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_on_a_read_only_mount_is_read() {
    let world = World::new().await;
    let Some(users) = Users::new(&world) else { return };
    let folder = users.folder("mounted", 0o755, 4711, 4711);
    let (file, shown) = (folder.join("secret"), folder.display());
    std::fs::write(&file, &world.server.client().secret).unwrap();
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o666)).unwrap();
    token(&users, SOMEBODY, &file).failed(3, "others may write");
    let mount = format!("mount --bind {shown} {shown} && mount -o remount,bind,ro {shown}");
    for user in [SOMEBODY, ROOT] {
        let variables = variables(&users, file.to_str().unwrap());
        let Some(ended) = users.run_after(&mount, user, &["token"], &variables) else { return };
        ended.succeeded();
    }
}
