use clap::Parser as _;

use super::{Choice, Profile, Source, choose};
use crate::cli::Cli;
use crate::config::{Config, GrantName};
use crate::environment::Environment;
use crate::failure::Failure;

const CONFIG: &str = r#"
    default_profile = "robot"
    [profile.robot]
    preset = "butlr"
    client_id = "robot-id"
    client_secret = { env = "ROBOT_SECRET" }
    [profile.me]
    preset = "butlr"
    username = "me@example.com"
    [profile.elsewhere]
    client_id = "cli"
    [profile.elsewhere.endpoints]
    token = "https://as.example.com/token"
"#;

/// The profile that these words choose.
pub(crate) fn chosen<const N: usize>(
    arguments: &[&str],
    config: &str,
    variables: [(&'static str, &'static str); N],
) -> Result<Profile, Failure> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.toml");
    std::fs::write(&path, config).unwrap();
    let mut words = vec!["butlr-auth", "--config", path.to_str().unwrap()];
    words.extend(arguments);
    words.push("token");
    let global = Cli::try_parse_from(words).unwrap().global;
    let environment = Environment::of(variables);
    let config = Config::load(&global, &environment)?;
    let choice = Choice { named: global.profile.as_deref(), ..Choice::default() };
    choose(choice, &global, &config, &environment)
}

const CLIENT: [(&str, &str); 2] = [("BUTLR_CLIENT_ID", "id"), ("BUTLR_CLIENT_SECRET", "secret")];

#[test]
fn the_command_line_wins_over_the_environment_and_that_over_the_default() {
    let profile = chosen(&["-p", "me"], CONFIG, CLIENT).unwrap();
    assert_eq!((profile.name.as_str(), profile.source), ("me", Source::CommandLine));
    assert_eq!(profile.hidden, ["environment: BUTLR_CLIENT_ID", "robot (configuration: default_profile)"]);

    let profile = chosen(&[], CONFIG, CLIENT).unwrap();
    assert_eq!((profile.name.as_str(), profile.source), ("env", Source::EnvironmentClient));
    assert_eq!(profile.grant, GrantName::ClientCredentials);

    let profile = chosen(&[], CONFIG, [("BUTLR_PROFILE", "me")]).unwrap();
    assert_eq!((profile.name.as_str(), profile.source), ("me", Source::EnvironmentName));

    let profile = chosen(&[], CONFIG, []).unwrap();
    assert_eq!((profile.name.as_str(), profile.source), ("robot", Source::DefaultProfile));
    assert_eq!(profile.grant, GrantName::ClientCredentials);

    let profile = chosen(&[], "", []).unwrap();
    assert_eq!((profile.name.as_str(), profile.source), ("butlr", Source::BuiltIn));
    assert_eq!(profile.grant, GrantName::Password);
}

#[test]
fn the_environment_moves_its_own_client_and_no_configured_profile() {
    let elsewhere = ("BUTLR_BASE_URL", "http://127.0.0.1:4000");
    let origin = |profile: &Profile| profile.provider.origin().unwrap();
    let profile = chosen(&[], CONFIG, [CLIENT[0], CLIENT[1], elsewhere]).unwrap();
    assert_eq!(
        (origin(&profile).as_str(), profile.session.as_str()),
        ("http://127.0.0.1:4000", "env@127.0.0.1:4000")
    );

    let profile = chosen(&[], CONFIG, [elsewhere]).unwrap();
    assert_eq!(origin(&profile), "https://api.butlr.io");
    assert_eq!(profile.hidden, ["environment: BUTLR_BASE_URL"]);

    let failure = chosen(&["--base-url", "http://127.0.0.1:4000"], CONFIG, []).unwrap_err();
    assert_eq!(failure.exit as u8, 3);
    assert!(failure.message.contains("it belongs to https://api.butlr.io"), "{failure}");
}

#[test]
fn half_a_client_is_an_error_that_names_the_other_half() {
    let failure = chosen(&[], "", [("BUTLR_CLIENT_ID", "id")]).unwrap_err();
    assert_eq!(failure.exit as u8, 3);
    assert!(failure.help.unwrap().contains("BUTLR_CLIENT_SECRET_FILE"));
}

#[test]
fn an_unknown_profile_is_refused_with_the_one_that_was_meant() {
    let failure = chosen(&["-p", "robt"], CONFIG, []).unwrap_err();
    assert_eq!(failure.help.as_deref(), Some("did you mean `robot`?"));
    let failure = chosen(&["-p", "zzz"], CONFIG, []).unwrap_err();
    assert_eq!(
        failure.help.as_deref(),
        Some("add `[profile.zzz]` there, or name one of: elsewhere, me, robot")
    );
}
