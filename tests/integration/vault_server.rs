//! What every server of the Key Vault API must do for us. Ours by default; another one (Lowkey
//! Vault, say) where `COFFERDAM_TEST_VAULT_URL`, `_CA`, `_TOKEN` and perhaps `_API_VERSION` are set.

use crate::harness::{BASE62, Cmd, Dir, token};
use cofferdam::vault::test_vault::TestVault;
use serde_json::{Value, json};
use std::path::PathBuf;

struct Server {
    url: String,
    ca: PathBuf,
    token: String,
    version: Option<String>,
    ours: Option<TestVault>,
    /// Makes names that no other run has used.
    run: String,
}

impl Server {
    fn new() -> Self {
        let chance = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0_u8);
        let run = format!("R{chance:016x}");
        let set = |name: &str| std::env::var(format!("COFFERDAM_TEST_VAULT_{name}")).ok();
        match (set("URL"), set("CA"), set("TOKEN")) {
            (Some(url), Some(ca), Some(token)) => {
                let (version, ca) = (set("API_VERSION"), ca.into());
                Self { url: url.trim_end_matches('/').to_owned(), ca, token, version, ours: None, run }
            }
            _ => {
                let vault = TestVault::start().unwrap();
                let (url, ca, token) = (vault.url(), vault.ca_file(), vault.token());
                Self { url, ca, token, version: None, ours: Some(vault), run }
            }
        }
    }

    fn name(&self, name: &str) -> String {
        format!("{}-{name}", self.run)
    }

    fn send(&self, method: reqwest::Method, name: &str, body: &Value) -> Value {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let pem = std::fs::read(&self.ca).unwrap();
            let authorities = reqwest::Certificate::from_pem_bundle(&pem).unwrap();
            let client = reqwest::Client::builder().tls_certs_only(authorities).build().unwrap();
            let version = self.version.as_deref().unwrap_or("2025-07-01");
            let url = format!("{}/secrets/{}?api-version={version}", self.url, self.name(name));
            let request = client.request(method, url).bearer_auth(&self.token);
            let request = request.header("content-type", "application/json").body(body.to_string());
            let answer = request.send().await.unwrap();
            assert!(answer.status().is_success(), "{name}: {}", answer.status());
            serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
        })
    }

    /// Stores a version and gives its id.
    fn put(&self, name: &str, value: &str, attributes: Value) -> String {
        let answer =
            self.send(reqwest::Method::PUT, name, &json!({"value": value, "attributes": attributes}));
        answer["id"].as_str().unwrap().rsplit('/').next().unwrap().to_owned()
    }

    fn project(&self, keys: &[&str], more: &str) -> Dir {
        let dir = Dir::new();
        dir.write(".env.production", keys.iter().map(|key| format!("{key}=\n")).collect::<String>());
        let prefix = self.name("");
        dir.write("cofferdam.toml", format!(
            "[environments.production]\nsources = [{{ keyvault = \"ours\", prefix = \"{prefix}\" }}]\n{more}"
        ));
        dir
    }

    fn cofferdam(&self, dir: &Dir) -> Cmd {
        let command =
            dir.cofferdam().env("COFFERDAM_VAULT_URL", &self.url).env("COFFERDAM_CA_FILE", &self.ca);
        let command = command.env("COFFERDAM_ACCESS_TOKEN", &self.token);
        match &self.version {
            Some(version) => command.env("COFFERDAM_API_VERSION", version),
            None => command,
        }
    }
}

#[test]
fn values_come_as_they_were_stored() {
    let server = Server::new();
    let values = [
        ("PLAIN", token(1, BASE62, 40)),
        ("LINES", "one\ntwo\r\nthree\n".to_owned()),
        ("SIGNS", "'\"`$HOME \\n %0A 🔑".to_owned()),
        ("LONG", token(2, BASE62, 20_000)),
    ];
    for (key, value) in &values {
        server.put(key, value, json!({"enabled": true}));
    }
    let dir = server.project(&values.each_ref().map(|(key, _)| *key), "");
    let arguments = ["export", "-e", "production", "--format", "json", "--stdout"];
    let outcome = server.cofferdam(&dir).args(arguments).run().expect_code(0);
    let read: Value = serde_json::from_str(&outcome.stdout).unwrap();
    for (key, value) in &values {
        assert_eq!(read[key], **value, "{key}");
    }
}

#[test]
fn versions_can_be_pinned() {
    let server = Server::new();
    let first = server.put("A", "the first", json!({"enabled": true}));
    server.put("A", "the second", json!({"enabled": true}));
    for (more, expected) in
        [(String::new(), "the second"), (format!("[secrets.A]\nversion = \"{first}\"\n"), "the first")]
    {
        let dir = server.project(&["A"], &more);
        let arguments = ["export", "-e", "production", "--format", "json", "--stdout"];
        let outcome = server.cofferdam(&dir).args(arguments).run().expect_code(0);
        assert!(outcome.stdout.contains(expected), "{}", outcome.stdout);
    }
    let dir = server.project(&["A"], "[secrets.A]\nversion = \"ffffffffffffffffffffffffffffffff\"\n");
    server.cofferdam(&dir).args(["env-check"]).run().expect_code(1).expect_stdout("missing");
}

#[test]
fn what_is_not_usable_is_told() {
    let server = Server::new();
    server.put("PAST", "some value", json!({"enabled": true, "exp": 1_600_000_000}));
    server.put("FUTURE", "some value", json!({"enabled": true, "nbf": 4_000_000_000_u32}));
    server.put("GOOD", "some value", json!({"enabled": true}));
    server.put("DELETED", "some value", json!({"enabled": true}));
    server.send(reqwest::Method::DELETE, "DELETED", &json!({}));
    let mut expected = vec!["expired", "not-yet-valid", "missing", "soft-deleted"];
    let mut keys = vec!["PAST", "FUTURE", "ABSENT", "DELETED", "GOOD"];
    if server.ours.is_some() {
        // Lowkey Vault serves disabled secrets.
        server.put("OFF", "some value", json!({"enabled": false}));
        keys.push("OFF");
        expected.push("disabled");
    }
    let dir = server.project(&keys, "");
    let outcome = server.cofferdam(&dir).args(["env-check", "--format", "json"]).run().expect_code(1);
    let reports: Value = serde_json::from_str(&outcome.stdout).unwrap();
    let causes: Vec<_> =
        reports[0]["problems"].as_array().unwrap().iter().map(|p| p["cause"].as_str().unwrap()).collect();
    assert_eq!(causes, expected, "{}", outcome.stdout);
}

#[test]
fn many_are_read_together() {
    let server = Server::new();
    let keys: Vec<_> = (0..30).map(|number| format!("KEY{number}")).collect();
    for key in &keys {
        server.put(key, &format!("value of {key}"), json!({"enabled": true}));
    }
    let dir = server.project(&keys.iter().map(String::as_str).collect::<Vec<_>>(), "");
    server.cofferdam(&dir).args(["env-check"]).run().expect_code(0);
}
