mod documented;

use std::path::PathBuf;

use butlr_auth::ClientAuthenticationMethod;

use super::{Config, GrantName, Preset, SecretConfig};

#[track_caller]
fn refused(text: &str, message: &str, help: Option<&str>) {
    let failure = Config::parse(text, PathBuf::from("config.toml")).unwrap_err();
    assert_eq!((failure.message.as_str(), failure.help.as_deref()), (message, help));
    assert_eq!(failure.exit as u8, 3);
}

#[test]
fn the_documented_configuration_is_read() {
    let text = r#"
        version = 1
        default_profile = "butlr"
        [profile.butlr]
        preset = "butlr"
        grant = "client_credentials"
        client_id = "id"
        client_secret = { command = ["op", "read", "op://Work/Butlr/secret"] }
        [profile.me]
        preset = "butlr"
        grant = "password"
        username = "you@example.com"
        [profile.legacy]
        grant = "password"
        client_id = "abc"
        client_auth = "body"
        body = "json"
        params = { audience = "https://api.example.com" }
        [profile.legacy.endpoints]
        token = "https://as.example.com/token"
    "#;
    let config = Config::parse(text, PathBuf::from("config.toml")).unwrap();
    assert_eq!(config.default_profile.as_deref(), Some("butlr"));
    let butlr = &config.profiles["butlr"];
    assert_eq!((butlr.preset, butlr.grant), (Some(Preset::Butlr), Some(GrantName::ClientCredentials)));
    let words = ["op", "read", "op://Work/Butlr/secret"].map(str::to_owned).to_vec();
    assert_eq!(butlr.client_secret, Some(SecretConfig::Command(words)));
    let legacy = &config.profiles["legacy"];
    assert_eq!(legacy.client_auth, Some(ClientAuthenticationMethod::ClientSecretPost));
    assert_eq!(legacy.endpoints.token.as_deref(), Some("https://as.example.com/token"));
}

#[test]
fn an_unknown_key_is_refused_with_the_one_that_was_meant() {
    let failure = Config::parse("[profile.me]\ngrnat = \"password\"", PathBuf::from("c.toml")).unwrap_err();
    assert!(failure.message.starts_with("c.toml line 2: unknown field `grnat`"), "{failure}");
    assert_eq!(failure.help.as_deref(), Some("did you mean `grant`?"));
    let failure = Config::parse("[profile.me]\ngrant = \"pasword\"", PathBuf::from("c.toml")).unwrap_err();
    assert_eq!(failure.help.as_deref(), Some("did you mean `password`?"));
}

#[test]
fn a_secret_in_the_file_is_refused_and_not_repeated() {
    let failure =
        Config::parse("[profile.me]\nclient_secret = \"canary\"", PathBuf::from("c.toml")).unwrap_err();
    assert!(!failure.message.contains("canary"), "{failure}");
    assert!(failure.message.contains("a secret does not belong here"), "{failure}");
    refused(
        "[profile.me]\nparams = { client_secret = \"canary\" }",
        "config.toml: profile `me` has `client_secret` in `params`",
        Some("secrets do not belong there: see `client_secret`"),
    );
}

#[test]
fn a_newer_version_is_refused() {
    refused(
        "version = 2",
        "config.toml is of a version that this program does not know",
        Some("update this program"),
    );
}

/// Every key, with values of every kind under it: none is repeated, whatever is wrong with it.
#[test]
fn no_value_is_ever_repeated() {
    let keys = [
        "preset",
        "base_url",
        "issuer",
        "grant",
        "client_id",
        "client_secret",
        "client_auth",
        "body",
        "username",
        "scopes",
        "params",
        "params.audience",
        "authorization_params",
        "refresh_scope",
        "pushed_authorization",
        "redirect_uri",
        "assumed_lifetime",
        "reuse_interval",
        "endpoints",
        "endpoints.token",
        "unknown",
    ];
    let values = [
        "\"canary`, expected `canary\"",
        "\"canary\"",
        "'''canary'''",
        "[\"canary\"]",
        "[[\"canary\"]]",
        "{ canary = \"canary\" }",
        "7777777",
        "7777777.5",
        "{ env = [\"canary\"] }",
        "{ file = 7777777 }",
        "{ command = \"canary\" }",
        "canary",
        "\"canary",
    ];
    let mut refused = 0;
    for key in keys {
        for value in values {
            let text = format!("[profile.me]\n{key} = {value}\n");
            let Err(failure) = Config::parse(&text, PathBuf::from("c.toml")) else { continue };
            refused += 1;
            // A key is no value, and says what to look for.
            let said = format!("{} {}", failure.message, failure.help.unwrap_or_default());
            let said = said.replace("unknown field `canary`", "");
            assert!(!said.contains("canary") && !said.contains("7777777"), "{text}{said}");
        }
    }
    assert!(refused > 150, "{refused}");
}

#[test]
fn a_value_of_the_wrong_kind_is_named_by_its_kind() {
    refused(
        "[profile.me]\nusername = 5",
        "config.toml line 2: a value of the wrong type (integer), expected a string",
        None,
    );
    refused(
        "[profile.me]\nclient_auth = \"canary\"",
        "config.toml line 2: use one of `basic`, `body`, `none`",
        None,
    );
    refused(
        "[profile.me]\ngrant = \"canary\"",
        "config.toml line 2: an unknown value, expected one of `authorization_code`, `device_code`, `implicit`, `password`, `client_credentials`",
        None,
    );
}

#[test]
fn a_parameter_has_one_value_or_several() {
    let text = "[profile.me]\nparams = { audience = \"a\", resource = [\"b\", \"c\"] }";
    let config = Config::parse(text, PathBuf::from("config.toml")).unwrap();
    let pairs: Vec<_> = config.profiles["me"].params.iter().collect();
    assert_eq!(pairs, [("audience", "a"), ("resource", "b"), ("resource", "c")]);
    refused(
        "[profile.me]\nauthorization_params = { state = \"canary\" }",
        "config.toml: profile `me` has `state` in `authorization_params`",
        Some("remove it: every request says that by itself, and once"),
    );
    refused(
        "[profile.me]\nparams = { audience = 7 }",
        "config.toml line 2: a value of the wrong type (integer), expected a string or a list of strings",
        None,
    );
}
