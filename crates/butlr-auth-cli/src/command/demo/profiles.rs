//! A configuration for the embedded server: one profile for every flow.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::path::Path;

use butlr_auth_testkit::AuthorizationServer;

use crate::failure::Failure;
use crate::file;

/// What tells a configuration of the demo, which may be replaced, from anybody else's.
const MARK: &str = "# Written by `butlr-auth demo --serve`, for as long as it serves.\n";

/// Writes the configuration, and the sample client's secret into a file beside it that only its owner may read.
pub(super) fn write(server: &AuthorizationServer, path: &Path) -> Result<(), Failure> {
    let secret = path.with_extension("secret");
    let ours = std::fs::read_to_string(path).is_ok_and(|text| text.starts_with(MARK));
    if let Some(taken) = [path, &secret].into_iter().find(|file| !ours && file.exists()) {
        return Err(Failure::configuration(format!(
            "{} is there already, and not from a demo",
            taken.display()
        ))
        .help("name another file"));
    }
    let name = secret.file_name().and_then(OsStr::to_str).ok_or_else(|| {
        Failure::configuration(format!("the name of {} is not valid UTF-8", path.display()))
            .help("name another file")
    })?;
    private(&secret, &server.client().secret)?;
    private(path, &configuration(server, name))
}

fn private(path: &Path, content: &str) -> Result<(), Failure> {
    file::replace(path, content.as_bytes(), 0o600)
        .map_err(|error| Failure::configuration(format!("could not write {}: {error}", path.display())))
}

/// The profiles, for a secret in the file `secret` beside the configuration.
fn configuration(server: &AuthorizationServer, secret: &str) -> String {
    let base = server.base_url();
    let (client, public, user) = (&server.client().id, &server.public_client().id, &server.user().username);
    let secret = format!("client_secret = {{ file = {} }}", toml_edit::Value::from(secret));
    let token = format!("token = \"{base}/token\"");
    let page = format!("authorization = \"{base}/authorize\"");
    let revocation = format!("revocation = \"{base}/revoke\"");
    let butlr = format!("preset = \"butlr\"\nbase_url = \"{base}\"");
    let generic = format!("base_url = \"{base}\"\nclient_id = \"{client}\"\n{secret}");
    let native = format!(
        "base_url = \"{base}\"\nissuer = \"{base}\"\nclient_id = \"{public}\"\nscopes = [\"openid\", \"read:rooms\", \"read:spaces\"]"
    );
    let lasting = native.replace("\"openid\"", "\"openid\", \"offline_access\"");
    let all: [(&str, String, Vec<&str>); 12] = [
        ("password", format!("{butlr}\ngrant = \"password\"\nusername = \"{user}\""), vec![]),
        (
            "refreshed",
            format!("{butlr}\ngrant = \"password\"\nusername = \"{user}\""),
            vec!["refresh = \"BASE/api/v2/refresh\""],
        ),
        (
            "client",
            format!("{butlr}\ngrant = \"client_credentials\"\nclient_id = \"{client}\"\n{secret}"),
            vec![],
        ),
        (
            "dashboard",
            format!(
                "{butlr}\nissuer = \"{base}\"\ngrant = \"authorization_code\"\nclient_id = \"{public}\"\nscopes = [\"openid\", \"offline_access\", \"read:spaces\"]"
            ),
            vec![],
        ),
        ("code", format!("{native}\ngrant = \"authorization_code\""), vec![&token, &page, &revocation]),
        ("discovered", format!("{lasting}\ngrant = \"authorization_code\""), vec![]),
        ("device", format!("{lasting}\ngrant = \"device_code\""), vec![]),
        ("implicit", format!("{native}\ngrant = \"implicit\""), vec![&page]),
        (
            "json-password",
            format!("{generic}\ngrant = \"password\"\nbody = \"json\"\nusername = \"{user}\""),
            vec![&token, &revocation],
        ),
        (
            "json-client",
            format!("{generic}\ngrant = \"client_credentials\"\nbody = \"json\""),
            vec![&token, &revocation],
        ),
        (
            "form-password",
            format!("{generic}\ngrant = \"password\"\nbody = \"form\"\nusername = \"{user}\""),
            vec![&token, &revocation],
        ),
        (
            "form-client",
            format!("{generic}\ngrant = \"client_credentials\"\nbody = \"form\"\nclient_auth = \"basic\""),
            vec![&token, &revocation],
        ),
    ];
    let mut text = format!("{MARK}version = 1\ndefault_profile = \"client\"\nstore = \"file\"\n");
    for (name, lines, endpoints) in all {
        // Writing to a string cannot fail.
        let _ = write!(text, "\n[profile.{name}]\n{lines}\n");
        if !endpoints.is_empty() {
            let endpoints = endpoints.join("\n").replace("BASE", base);
            let _ = write!(text, "\n[profile.{name}.endpoints]\n{endpoints}\n");
        }
    }
    text
}
