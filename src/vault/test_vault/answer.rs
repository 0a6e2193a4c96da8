//! What the test vault answers: the protocol without the transport.

use super::{Fault, State, Stored, Version};
use serde_json::{Value, json};

/// How the transport must act.
#[derive(Debug)]
pub(super) enum Answer {
    Json(u16, Value),
    Headed(u16, (&'static str, String), Value),
    Html(u16, String),
    Hang,
    CutOff(String),
}

/// Secrets on a page of a list.
const PAGE: usize = 25;

pub(super) struct Asked<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) query: &'a str,
    pub(super) token: Option<&'a str>,
    pub(super) identity_header: Option<&'a str>,
    pub(super) body: &'a [u8],
    pub(super) base: String,
}

impl State {
    pub(super) fn answer(&mut self, asked: &Asked<'_>) -> Answer {
        let parts: Vec<_> = asked.path.trim_matches('/').split('/').collect();
        match parts.as_slice() {
            ["github", "oidc"] if asked.token == Some(&self.token) => {
                Answer::Json(200, json!({"value": self.token, "count": 1}))
            }
            ["identity", "token"] if asked.identity_header == Some(&self.token) => {
                self.tokens += 1;
                Answer::Json(
                    200,
                    json!({
                    "access_token": self.token, "expires_on": "4102444800", "resource": "x", "token_type": "Bearer"}),
                )
            }
            ["github" | "identity", _] => Answer::Json(401, json!({"error": "unauthorized"})),
            [_, "oauth2", "v2.0", "token"] => self.entra(asked),
            ["secrets" | "deletedsecrets", ..] => {
                self.requests.push(format!("{} {}", asked.method, asked.path));
                self.vault(asked, &parts)
            }
            _ => Answer::Html(404, page("Not here")),
        }
    }

    fn entra(&mut self, asked: &Asked<'_>) -> Answer {
        let right = String::from_utf8_lossy(asked.body).contains(&self.token);
        let code = self.login_fault.or((!right).then_some(7_000_215));
        if let Some(code) = code {
            // The real one quotes much of the request, too.
            return Answer::Json(
                401,
                json!({
                "error": "invalid_client", "error_codes": [code],
                "error_description": format!("AADSTS{code}: Invalid. Trace: {}", self.token)}),
            );
        }
        self.tokens += 1;
        Answer::Json(200, json!({"token_type": "Bearer", "expires_in": 3599, "access_token": self.token}))
    }

    fn vault(&mut self, asked: &Asked<'_>, parts: &[&str]) -> Answer {
        let name = parts.get(1).map(|name| name.to_ascii_lowercase()).unwrap_or_default();
        let fault = self.secrets.get(&name).and_then(|stored| stored.fault.clone());
        if asked.token != Some(&self.token) || fault == Some(Fault::Unauthorized) {
            let resource = self.challenge.as_deref().unwrap_or("https://vault.azure.net");
            let challenge = format!(
                "Bearer authorization=\"https://login.microsoftonline.com/t\", resource=\"{resource}\""
            );
            return Answer::Headed(401, ("www-authenticate", challenge), error("Unauthorized", None));
        }
        match (asked.method, parts) {
            ("GET", ["secrets"]) => self.list(asked),
            ("GET", ["deletedsecrets", _]) => match self.secrets.get(&name) {
                Some(stored) if stored.deleted => Answer::Json(200, deleted(&name, stored, &asked.base)),
                _ => not_found(),
            },
            ("PUT", ["secrets", _]) => self.put(&name, asked),
            ("PATCH", ["secrets", _, ..]) => self.patch(&name, asked),
            ("DELETE", ["secrets", _]) => match self.secrets.get_mut(&name) {
                Some(stored) if !stored.deleted => {
                    stored.deleted = true;
                    Answer::Json(200, deleted(&name, stored, &asked.base))
                }
                _ => not_found(),
            },
            ("GET", ["secrets", _, rest @ ..]) => self.get(&name, rest.first().copied(), fault, asked),
            _ => Answer::Json(405, error("MethodNotAllowed", None)),
        }
    }

    fn get(&mut self, name: &str, version: Option<&str>, fault: Option<Fault>, asked: &Asked<'_>) -> Answer {
        if let Some(answer) = fault.and_then(|fault| self.faulty(name, fault)) {
            return answer;
        }
        let stored = self.secrets.get(name).filter(|stored| !stored.deleted);
        let found = stored.and_then(|stored| match version {
            Some(version) if !version.is_empty() => stored.versions.iter().find(|held| held.id == version),
            _ => stored.versions.last(),
        });
        match found {
            None => not_found(),
            Some(version) if !version.enabled => {
                Answer::Json(403, error("Forbidden", Some("SecretDisabled")))
            }
            Some(version) => Answer::Json(200, secret(name, version, &asked.base)),
        }
    }

    fn put(&mut self, name: &str, asked: &Asked<'_>) -> Answer {
        let body: Value = serde_json::from_slice(asked.body).unwrap_or_default();
        let Some(value) = body["value"].as_str() else {
            return Answer::Json(400, error("BadParameter", None));
        };
        let stored = self.secrets.entry(name.to_owned()).or_default();
        if stored.deleted {
            return Answer::Json(409, error("ObjectIsDeletedButRecoverable", None));
        }
        let id = stored.add(value);
        stored.change(&body["attributes"]);
        Answer::Json(200, json!({"id": format!("{}/secrets/{name}/{id}", asked.base), "value": value}))
    }

    fn patch(&mut self, name: &str, asked: &Asked<'_>) -> Answer {
        let body: Value = serde_json::from_slice(asked.body).unwrap_or_default();
        let Some(stored) = self.secrets.get_mut(name).filter(|stored| !stored.deleted) else {
            return not_found();
        };
        stored.change(&body["attributes"]);
        Answer::Json(200, json!({"attributes": stored.versions.last().map(attributes)}))
    }

    fn faulty(&mut self, name: &str, fault: Fault) -> Option<Answer> {
        let denied = |code| Some(Answer::Json(403, error("Forbidden", Some(code))));
        match fault {
            Fault::ForbiddenByRbac => denied("ForbiddenByRbac"),
            Fault::AccessDenied => denied("AccessDenied"),
            Fault::ForbiddenByFirewall => denied("ForbiddenByFirewall"),
            Fault::ForbiddenByConnection => denied("ForbiddenByConnection"),
            Fault::Unauthorized => None,
            Fault::Hang => Some(Answer::Hang),
            Fault::CutOff => Some(Answer::CutOff(half(&self.newest_value(name)))),
            Fault::Garbled => Some(Answer::Json(200, garbled(&self.newest_value(name)))),
            // Such pages may show the request.
            Fault::ProxyHtml(status) => Some(Answer::Html(status, page(&self.token))),
            Fault::Throttled(0, _) | Fault::ServerError(0) => None,
            Fault::Throttled(left, after) => {
                self.again(name, Fault::Throttled(left - 1, after));
                let body = error("Throttled", None);
                Some(match after {
                    Some(after) => Answer::Headed(429, ("retry-after", after.to_string()), body),
                    None => Answer::Json(429, body),
                })
            }
            Fault::ServerError(left) => {
                self.again(name, Fault::ServerError(left - 1));
                Some(Answer::Json(500, error("InternalServerError", None)))
            }
        }
    }

    fn newest_value(&self, name: &str) -> String {
        let newest = self.secrets.get(name).and_then(|stored| stored.versions.last());
        newest.map_or(String::new(), |version| version.value.clone())
    }

    fn again(&mut self, name: &str, fault: Fault) {
        if let Some(stored) = self.secrets.get_mut(name) {
            stored.fault = Some(fault);
        }
    }

    fn list(&self, asked: &Asked<'_>) -> Answer {
        let skip = asked.query.split('&').find_map(|pair| pair.strip_prefix("$skiptoken="));
        let skip: usize = skip.and_then(|skip| skip.parse().ok()).unwrap_or(0);
        let there: Vec<_> = self.secrets.iter().filter(|(_, stored)| !stored.deleted).collect();
        let page = there.iter().skip(skip).take(PAGE).filter_map(|(name, stored)| {
            let version = stored.versions.last()?;
            Some(json!({"id": format!("{}/secrets/{name}", asked.base), "attributes": attributes(version)}))
        });
        let page: Vec<_> = page.collect();
        let next = (skip + PAGE < there.len())
            .then(|| format!("{}/secrets?api-version=7.6&$skiptoken={}", asked.base, skip + PAGE));
        Answer::Json(200, json!({"value": page, "nextLink": next}))
    }
}

impl Stored {
    /// A new version; its id.
    pub(super) fn add(&mut self, value: &str) -> String {
        let id = format!("{:032x}", self.versions.len() + 1);
        let updated = jiff::Timestamp::now().as_second();
        let (value, enabled) = (value.to_owned(), true);
        self.versions.push(Version { id: id.clone(), value, enabled, updated, ..Version::default() });
        id
    }

    /// Sets the attributes of the newest version.
    fn change(&mut self, attributes: &Value) {
        let Some(version) = self.versions.last_mut() else { return };
        version.enabled = attributes["enabled"].as_bool().unwrap_or(version.enabled);
        version.not_before = attributes["nbf"].as_i64().or(version.not_before);
        version.expires = attributes["exp"].as_i64().or(version.expires);
    }
}

fn attributes(version: &Version) -> Value {
    let mut attributes = json!({
        "enabled": version.enabled, "created": version.updated, "updated": version.updated,
        "recoveryLevel": "Recoverable", "recoverableDays": 90});
    for (key, time) in [("nbf", version.not_before), ("exp", version.expires)] {
        if let Some(time) = time {
            attributes[key] = time.into();
        }
    }
    attributes
}

fn secret(name: &str, version: &Version, base: &str) -> Value {
    json!({
        "value": version.value,
        "id": format!("{base}/secrets/{name}/{}", version.id),
        "attributes": attributes(version),
    })
}

fn deleted(name: &str, stored: &Stored, base: &str) -> Value {
    json!({
        "id": format!("{base}/secrets/{name}"), "recoveryId": format!("{base}/deletedsecrets/{name}"),
        "deletedDate": 1_700_000_000, "scheduledPurgeDate": 1_707_776_000,
        "attributes": stored.versions.last().map(attributes)})
}

fn page(words: &str) -> String {
    format!("<html><body>{words}</body></html>")
}

/// The beginning of a secret's JSON, which ends within the value.
fn half(value: &str) -> String {
    let text = json!({ "value": value }).to_string();
    text.chars().take(text.chars().count() - 2).collect()
}

/// A secret's JSON whose fields have the wrong types: what reads it is tempted to quote them.
fn garbled(value: &str) -> Value {
    json!({"value": [value], "id": value, "attributes": {"exp": value, "enabled": value}})
}

fn not_found() -> Answer {
    Answer::Json(404, error("SecretNotFound", None))
}

/// An error as Key Vault words it: line breaks in the message, the caller in it.
fn error(code: &str, inner: Option<&str>) -> Value {
    let message =
        "The caller is not allowed.\r\nCaller: appid=x;oid=0b2f6c1e-8a53-4d0e-9b1d-1f2e3d4c5b6a;iss=y\r\n";
    match inner {
        Some(inner) => json!({"error": {"code": code, "message": message, "innererror": {"code": inner}}}),
        None => json!({"error": {"code": code, "message": message}}),
    }
}
