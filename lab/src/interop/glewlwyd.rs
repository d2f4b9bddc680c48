//! `glewlwyd` by Nicolas Mora, a Debian package: another reading of the RFCs, in C, with answers that have no body.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use async_trait::async_trait;
use rusqlite::Connection;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::browser::Browser;
use super::peer::{Client, Missing, Peer, Person, Process};

const SAMPLE: &str = "/etc/glewlwyd/glewlwyd.conf";
const SCHEMA: &str = "/usr/share/dbconfig-common/data/glewlwyd/install/sqlite3";
const SECRET: &str = "app-secret";
const SCOPE: &str = "openid read";

pub(super) struct Glewlwyd {
    pub(super) peer: Peer,
    _process: Process,
    _folder: TempDir,
}

pub(super) async fn start() -> Result<Glewlwyd> {
    if !Path::new(SAMPLE).exists() {
        return Err(Missing("glewlwyd is not installed: apt-get install glewlwyd".to_owned()).into());
    }
    let folder = tempfile::tempdir()?;
    let database = folder.path().join("glewlwyd.db");
    Connection::open(&database)?.execute_batch(&fs::read_to_string(SCHEMA)?)?;
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let origin = format!("http://127.0.0.1:{port}");
    let configuration = folder.path().join("glewlwyd.conf");
    fs::write(&configuration, configured(&fs::read_to_string(SAMPLE)?, port, &origin, &database)?)?;
    let log = fs::File::create(folder.path().join("log"))?;
    let mut command = Command::new("glewlwyd");
    command.arg(format!("--config-file={}", configuration.display())).stderr(log);
    let process = Process::start(&mut command)?;
    let api = format!("{origin}/api");
    let browser = Browser::new()?;
    wait(&browser, &api).await?;
    set_up(&browser, &api, folder.path()).await?;
    let peer = Peer {
        issuer: format!("{api}/oidc"),
        app: Client { id: "app", secret: Some(SECRET.to_owned()) },
        machine: Client { id: "machine", secret: Some(SECRET.to_owned()) },
        // Without a scope it refuses, with status 403 and no word.
        machine_scope: "read",
        scope: SCOPE,
        person: Box::new(Lee { api }),
    };
    Ok(Glewlwyd { peer, _process: process, _folder: folder })
}

/// The sample of the package with our own port and database: what it says besides is needed, too.
fn configured(sample: &str, port: u16, origin: &str, database: &Path) -> Result<String> {
    let ours = ["port", "bind_address", "external_url", "log_mode", "database"];
    let mut text = String::new();
    for line in sample.lines().map(str::trim) {
        let key = line.split(['=', ' ', ':']).next().unwrap_or_default();
        // Commented lines and the includes of Debian's questions are left out.
        if !line.starts_with(['#', '@']) && !ours.contains(&key) {
            text += line;
            text.push('\n');
        }
    }
    ensure!(text.contains("plugin_module_path"), "{SAMPLE} is not the sample of the package");
    let database = database.display();
    Ok(format!(
        "bind_address=\"127.0.0.1\"\nport={port}\nexternal_url=\"{origin}\"\nlog_mode=\"console\"\n{text}\
         database = {{ type = \"sqlite3\"; path = \"{database}\"; }};\n"
    ))
}

async fn wait(browser: &Browser, api: &str) -> Result<()> {
    let answers = async {
        while browser.client().get(format!("{api}/auth/")).send().await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), answers).await.context("glewlwyd does not start")
}

/// A plugin that speaks OpenID Connect, two clients and a person, by the administrator's interface.
async fn set_up(browser: &Browser, api: &str, folder: &Path) -> Result<()> {
    let key = rcgen::KeyPair::generate()?;
    fs::write(folder.join("key.pem"), key.serialize_pem())?;
    let post = async |path: &str, body: Value| -> Result<()> {
        let answer = browser.client().post(format!("{api}{path}")).json(&body).send().await?;
        let status = answer.status();
        if !status.is_success() {
            bail!("POST {path}: {status}: {}", answer.text().await?);
        }
        Ok(())
    };
    post("/auth/", json!({ "username": "admin", "password": "password" })).await?;
    let parameters = json!({
        "iss": format!("{api}/oidc"),
        "jwt-type": "ecdsa", "jwt-key-size": "256",
        "key": key.serialize_pem(), "cert": key.public_key_pem(),
        "access-token-duration": 2, "refresh-token-duration": 86400, "code-duration": 600,
        "refresh-token-rolling": true, "refresh-token-one-use": "always", "allow-non-oidc": true,
        "auth-type-client-enabled": true, "auth-type-code-enabled": true,
        "auth-type-code-revoke-replayed": true, "auth-type-token-enabled": true,
        "auth-type-device-enabled": true, "auth-type-implicit-enabled": true,
        "auth-type-none-enabled": true, "auth-type-password-enabled": true,
        "auth-type-refresh-enabled": true, "auth-type-id-token-enabled": true,
        "scope": [], "additional-parameters": [], "claims": [], "service-documentation": "",
        "op-policy-uri": "", "op-tos-uri": "", "jwks-show": true, "jwks-x5c": [],
        "request-parameter-allow": true, "pkce-allowed": true, "pkce-method-plain-allowed": false,
        "introspection-revocation-allowed": true,
        "introspection-revocation-allow-target-client": true,
        "introspection-revocation-auth-scope": [], "register-client-allowed": false,
        "session-management-allowed": false, "subject-type": "public",
        "device-authorization-expiration": 600, "device-authorization-interval": 1,
    });
    let plugin =
        json!({ "module": "oidc", "name": "oidc", "display_name": "interop", "parameters": parameters });
    post("/mod/plugin/", plugin).await?;
    let scope = json!({
        "name": "read", "display_name": "read", "description": "reads", "password_required": false, "scheme": {}
    });
    post("/scope/", scope).await?;
    let client = |id: &str, types: Value| {
        json!({
            "source": "database", "enabled": true, "client_id": id, "name": id, "confidential": true,
            "client_secret": SECRET, "token_endpoint_auth_method": ["client_secret_basic"],
            "redirect_uri": ["http://127.0.0.1:9999/callback"], "authorization_type": types, "scope": ["read"],
        })
    };
    post("/client/", client("machine", json!(["client_credentials"]))).await?;
    post("/client/", client("app", json!(["code", "refresh_token", "device_authorization"]))).await?;
    let person = json!({
        "source": "database", "username": "lee", "name": "Lee", "enabled": true, "password": "password of lee",
        "scope": ["openid", "read"],
    });
    post("/user/", person).await
}

/// Logs in and consents by the interface that glewlwyd's own pages use: they are made by scripts.
struct Lee {
    api: String,
}

impl Lee {
    async fn consents(&self) -> Result<Browser> {
        let browser = Browser::new()?;
        let login = json!({ "username": "lee", "password": "password of lee" });
        let client = browser.client();
        client.post(format!("{}/auth/", self.api)).json(&login).send().await?.error_for_status()?;
        let grant = json!({ "scope": SCOPE });
        client.put(format!("{}/auth/grant/app", self.api)).json(&grant).send().await?.error_for_status()?;
        Ok(browser)
    }
}

#[async_trait]
impl Person for Lee {
    async fn approve(&self, url: &str) -> Result<String> {
        let left = self.consents().await?.go(&format!("{url}&g_continue"), &[]).await?;
        Ok(left.context("the page does not lead back")?.into())
    }

    async fn approve_device(&self, uri: &str) -> Result<()> {
        let browser = self.consents().await?;
        let answer = browser.client().get(format!("{uri}&g_continue")).send().await?;
        let location = answer.headers().get("location").context("the device's page leads to its end")?;
        ensure!(location.to_str()?.contains("deviceComplete"), "the device is not let in: {location:?}");
        Ok(())
    }
}
