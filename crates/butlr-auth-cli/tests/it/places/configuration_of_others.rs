//! Who may write a configuration that names commands and servers.

use std::path::PathBuf;

use crate::users::{SOMEBODY, Users};
use crate::world::World;

const ROOT: u32 = 0;

/// A configuration whose client's secret comes from a command.
fn by_command(world: &World) -> String {
    let (base, client) = (world.server.base_url(), world.server.client());
    format!(
        "[profile.x]\npreset = \"butlr\"\nbase_url = \"{base}\"\nclient_id = \"{}\"\nclient_secret = {{ command = [\"echo\", \"{}\"] }}\n",
        client.id, client.secret
    )
}

fn variables<'a>(path: &'a str, home: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![("PATH", "/usr/bin:/bin"), ("BUTLR_AUTH_CONFIG", path), ("HOME", home)]
}

// Security: I12.
#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_is_not_the_users_own_must_not_write_it() {
    let world = World::new().await;
    let Some(users) = Users::new(&world) else { return };
    let home = users.folder("home", 0o700, SOMEBODY, SOMEBODY);
    let home = home.to_str().unwrap();
    let configure =
        |mode, group| -> PathBuf { users.file("config.toml", &by_command(&world), mode, SOMEBODY, group) };
    let path = configure(0o664, 4711);
    let variables = variables(path.to_str().unwrap(), home);
    let token = ["-p", "x", "token"];
    users.run(SOMEBODY, &token, &variables).failed(3, "chmod g-w");
    configure(0o666, SOMEBODY);
    users.run(SOMEBODY, &token, &variables).failed(3, "chmod o-w");
    // The user's own group: it is read, and no command of it is run.
    configure(0o664, SOMEBODY);
    users.run(SOMEBODY, &token, &variables).failed(3, "chmod g-w");
    users.run(SOMEBODY, &["profile", "show", "x"], &variables).succeeded();
    let ended = users.run(SOMEBODY, &["-p", "x", "doctor", "--offline"], &variables);
    assert!(ended.stdout.contains("FAIL  secret") && ended.stdout.contains("chmod g-w"), "{}", ended.stdout);
    configure(0o644, SOMEBODY);
    users.run(SOMEBODY, &token, &variables).succeeded();
    // Root's, as a container mounts it, is as good as one's own.
    users.file("config.toml", &by_command(&world), 0o644, ROOT, ROOT);
    users.run(SOMEBODY, &token, &variables).succeeded();
}

// Security: I12.
#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_others_may_write_is_as_bad_as_the_file() {
    let world = World::new().await;
    let Some(users) = Users::new(&world) else { return };
    let home = users.folder("home", 0o700, SOMEBODY, SOMEBODY);
    let home = home.to_str().unwrap();
    let folder = users.folder("etc", 0o755, SOMEBODY, SOMEBODY);
    let path = users.file("etc/config.toml", &by_command(&world), 0o600, SOMEBODY, SOMEBODY);
    let linked = users.folder("linked", 0o755, SOMEBODY, SOMEBODY).join("config.toml");
    std::os::unix::fs::symlink(&path, &linked).unwrap();
    // A stored token would need no command.
    let token = ["-p", "x", "token", "--force-refresh"];
    for named in [&path, &linked] {
        let variables = variables(named.to_str().unwrap(), home);
        let change = |mode: u32, group: u32| {
            std::os::unix::fs::chown(&folder, None, Some(group)).unwrap();
            std::fs::set_permissions(&folder, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
        };
        for (mode, group, help) in
            [(0o777, SOMEBODY, "chmod o-w"), (0o775, 4711, "chmod g-w"), (0o775, SOMEBODY, "chmod g-w")]
        {
            change(mode, group);
            users.run(SOMEBODY, &token, &variables).failed(3, help);
        }
        // In a folder like /tmp nobody replaces the files of others.
        change(0o1777, SOMEBODY);
        users.run(SOMEBODY, &token, &variables).succeeded();
        change(0o755, SOMEBODY);
        users.run(SOMEBODY, &token, &variables).succeeded();
    }
}

// Security: I12.
#[tokio::test(flavor = "multi_thread")]
async fn the_configuration_of_the_hosts_user_says_whose_it_is_and_what_helps() {
    let world = World::new().await;
    let Some(users) = Users::new(&world) else { return };
    let home = users.folder("home", 0o700, SOMEBODY, SOMEBODY);
    let home = home.to_str().unwrap();
    let path = users.file("config.toml", &by_command(&world), 0o644, 1000, 1000);
    let variables = variables(path.to_str().unwrap(), home);
    let token = ["-p", "x", "token"];
    let ended = users.run(SOMEBODY, &token, &variables).failed(3, "belongs to another user (uid 1000)");
    assert!(
        ended.stderr.contains("--user 1000") && ended.stderr.contains("install -m 600"),
        "{}",
        ended.stderr
    );
    users.run(ROOT, &token, &variables).failed(3, "run it as uid 1000");
    // Mounted read-only, nobody in the container can have written it.
    let shown = path.display();
    let mount = format!("mount --bind {shown} {shown} && mount -o remount,bind,ro {shown}");
    let Some(ended) = users.run_after(&mount, SOMEBODY, &token, &variables) else { return };
    ended.succeeded();
}
