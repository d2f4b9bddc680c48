use crate::world::World;

#[tokio::test]
async fn a_wrong_configuration_is_exit_3_with_the_line_and_the_mend() {
    let world = World::new().await;
    world.configure("[profile.me]\nprest = \"butlr\"\n");
    world.run(&["-p", "me", "token"]).failed(3, "config.toml line 2: unknown field `prest`");
    world.run(&["-p", "me", "token"]).failed(3, "help: did you mean `preset`?");
    world.configure("[profile.me]\nclient_secret = \"canary\"\n");
    let ended = world.run(&["-p", "me", "-vv", "token"]).failed(3, "a secret does not belong here");
    assert!(!ended.stderr.contains("canary"), "{}", ended.stderr);
    world.configure("[profile.me]\nclient_id = \"x\"\nclient_secret = { keyring = true }\n[profile.me.endpoints]\ntoken = \"https://as.example.com/token\"\n");
    let ended = world.run(&["-p", "me", "login", "--user-password", "--secret-stdin"]);
    assert_eq!(ended.code, 4, "{}", ended.stderr);
    world.configure(
        "[profile.me]\nclient_id = \"x\"\n[profile.me.endpoints]\ntoken = \"http://as.example.com/token\"\n",
    );
    world.run(&["-p", "me", "token"]).failed(3, "use https");
}

#[tokio::test]
async fn a_named_configuration_must_exist_and_nobody_else_may_write_it() {
    let world = World::new().await;
    world.run(&["--config", "/nowhere/config.toml", "token"]).failed(3, "there is no configuration at");
    let path = world.file("open.toml", "version = 1\n", 0o666);
    world.run(&["--config", path.to_str().unwrap(), "token"]).failed(3, "chmod o-w");
}

#[tokio::test]
async fn a_secret_file_that_others_can_read_is_refused_with_the_chmod() {
    let world = World::new().await;
    let secret = world.file("secret", &world.server.client().secret, 0o644);
    world.run(&["-p", "robot", "token"]).failed(3, &format!("chmod 600 {}", secret.display()));
    let mut variables = world.client().to_vec();
    variables.pop();
    variables.push(("BUTLR_CLIENT_SECRET_FILE", secret.to_str().unwrap()));
    world.run_with(&["token"], &variables, "").failed(3, "chmod 600");
    world.file("secret", &world.server.client().secret, 0o600);
    world.run_with(&["token"], &variables, "").succeeded();
}

#[tokio::test]
async fn the_help_of_a_missing_secret_is_not_a_login() {
    let world = World::new().await;
    let base = world.server.base_url();
    world.configure(&format!(
        "[profile.x]\npreset = \"butlr\"\nbase_url = \"{base}\"\nclient_id = \"a\"\nclient_secret = {{ env = \"UNSET\" }}\n"
    ));
    world.run(&["-p", "x", "token"]).failed(4, "help: set UNSET");
    world.run(&["-p", "x", "--json", "token"]).failed(4, "\"help\":\"set UNSET\"");
}

#[tokio::test]
async fn no_parameter_is_said_twice() {
    let world = World::new().await;
    for name in ["state", "code_challenge_method", "grant_type", "scope"] {
        world.configure(&format!("[profile.x]\nclient_id = \"a\"\nparams = {{ {name} = \"x\" }}\n"));
        world.run(&["-p", "x", "login"]).failed(3, &format!("has `{name}` in `params`"));
    }
}

#[tokio::test]
async fn without_a_home_the_environment_is_enough() {
    let world = World::new().await;
    let state = world.home.path().join("state");
    let mut command = world.command(&["token"]);
    command.env_remove("HOME").env_remove("BUTLR_AUTH_CONFIG").envs(world.client());
    let output = command.output().unwrap();
    // The token is kept nowhere, and that is said.
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8(output.stderr).unwrap().contains("set BUTLR_AUTH_STATE_DIR"));
    let output = command.env("BUTLR_AUTH_STATE_DIR", state).output().unwrap();
    assert!(output.status.success());
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
}

// Security: I9.
#[tokio::test]
async fn sessions_are_private_and_where_they_were_asked_to_be() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = World::new().await;
    let state = world.home.path().join("elsewhere");
    let variables = [("BUTLR_AUTH_STATE_DIR", state.to_str().unwrap())];
    world.run_with(&["-p", "robot", "token"], &variables, "").succeeded();
    let sessions = state.join("sessions");
    assert_eq!(std::fs::metadata(&sessions).unwrap().permissions().mode() & 0o777, 0o700);
    std::fs::set_permissions(&sessions, std::fs::Permissions::from_mode(0o755)).unwrap();
    world.run_with(&["-p", "robot", "token"], &variables, "").failed(3, "chmod 700");
}

#[tokio::test]
async fn wrong_arguments_are_exit_2() {
    let world = World::new().await;
    world.run(&["frobnicate"]).failed(2, "unrecognized subcommand");
    world.run(&["tokn"]).failed(2, "'token'");
    world.run(&["--json", "tokn"]).failed(2, "\"kind\":\"usage\"");
    world.run(&["token", "--min-ttl", "soon"]).failed(2, "30s, 5m, 1h 30m or 365d");
    world.run(&["-p", "one", "login", "two"]).failed(2, "two profiles are named");
    world
        .run(&["-p", "robot", "api", "/x", "-H", "Authorization: Bearer x"])
        .failed(2, "among the arguments");
    world.run(&["-p", "robot", "api", "/x", "-f", "nothing"]).failed(2, "`name=value`");
}

#[tokio::test]
async fn half_of_a_client_in_the_environment_names_the_other_half() {
    let world = World::new().await;
    for (name, value) in [("BUTLR_CLIENT_SECRET", "s3cret"), ("BUTLR_CLIENT_SECRET_FILE", "/dev/null/secret")]
    {
        for arguments in [&["token"][..], &["status"], &["api", "graphql"], &["run", "--", "true"]] {
            let ended = world.run_with(arguments, &[(name, value)], "").failed(3, "set BUTLR_CLIENT_ID");
            assert!(ended.stderr.contains(name) && !ended.stderr.contains("s3cret"), "{}", ended.stderr);
        }
        // Whoever is named is meant.
        world.run_with(&["-p", "robot", "token"], &[(name, value)], "").succeeded();
    }
    world.run_with(&["token"], &[("BUTLR_CLIENT_ID", "id")], "").failed(3, "set BUTLR_CLIENT_SECRET");
    // A secret that the configuration reads is no half of anything.
    let (base, client) = (world.server.base_url(), world.server.client());
    let id = &client.id;
    world.configure(&format!(
        "default_profile = \"r\"\n[profile.r]\npreset = \"butlr\"\nbase_url = \"{base}\"\nclient_id = \"{id}\"\n\
         client_secret = {{ env = \"BUTLR_CLIENT_SECRET\" }}\n"
    ));
    world.run_with(&["token"], &[("BUTLR_CLIENT_SECRET", &client.secret)], "").succeeded();
}

#[tokio::test]
async fn what_a_newer_version_wrote_says_to_update() {
    let world = World::new().await;
    world.log_in("me");
    world.run(&["-p", "robot", "token"]).succeeded();
    let sessions = world.home.path().join(".local/state/butlr-auth/sessions");
    for file in std::fs::read_dir(sessions).unwrap() {
        let path = file.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let newer =
            text.replacen("\"format\":1", "\"format\":99", 1).replacen("\"format\":2", "\"format\":99", 1);
        std::fs::write(&path, newer).unwrap();
    }
    for arguments in [&["-p", "me", "token"][..], &["-p", "me", "status"], &["-p", "robot", "status"]] {
        let ended = world.run(arguments).failed(3, "update this program");
        assert!(!ended.stderr.contains("endpoints"), "{}", ended.stderr);
    }
    world.configure("version = 2\nnew_key = 1\n");
    world.run(&["token"]).failed(3, "update this program");
}
