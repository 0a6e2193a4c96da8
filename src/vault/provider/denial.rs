//! What Key Vault's answers mean, row by row. It reads the error's body itself, as the client's own
//! reading of it fails on the messages that matter most, and it never passes a body's text on.

use super::Failure;
use super::transport::Break;
use crate::vault::problem::Cause;
use azure_core::error::{Error, ErrorKind};
use azure_core::http::StatusCode;
use serde_json::Value;
use std::time::Duration;

/// An answer that is not a secret.
#[derive(Debug)]
pub(super) enum Refusal {
    /// 404.
    NotThere,
    /// The login failed; the credential knows why.
    Login,
    /// Final.
    Failed(Failure),
    /// Asking again may help, after this time if the vault named one.
    Again(Failure, Option<Duration>),
}

/// Whom and what a request was about.
#[derive(Clone, Copy, Debug)]
pub(super) struct About<'a> {
    /// The vault's host.
    pub host: &'a str,
    /// The secret's name there.
    pub name: &'a str,
    /// The caller's object id, where the token tells.
    pub caller: Option<&'a str>,
}

impl About<'_> {
    /// The vault's short name, for commands.
    pub(super) fn vault(&self) -> &str {
        self.host.split(['.', ':']).next().unwrap_or(self.host)
    }

    fn failure(&self, cause: Cause, what: String, fix: String) -> Failure {
        Failure { cause, what, fix }
    }
}

/// What `error` means.
pub(super) fn read(error: &Error, about: About<'_>) -> Refusal {
    match error.kind() {
        ErrorKind::HttpResponse { status, raw_response, .. } => {
            let body = raw_response.as_ref().map(|raw| raw.body().as_ref()).unwrap_or_default();
            let after = raw_response.as_ref().and_then(|raw| {
                let header = raw.headers().get_optional_str(&"retry-after".into())?;
                Some(Duration::from_secs(header.trim().parse().ok()?))
            });
            status_refusal(*status, serde_json::from_slice(body).ok(), after, about)
        }
        ErrorKind::Credential => Refusal::Login,
        ErrorKind::Connection | ErrorKind::Io => {
            let broken = Break::of(error);
            let failure = broken.failure(about.host);
            if broken.is_passing() { Refusal::Again(failure, None) } else { Refusal::Failed(failure) }
        }
        ErrorKind::DataConversion => Refusal::Failed(malformed(about, "an answer")),
        _ => Refusal::Failed(
            about.failure(
                Cause::LoginFailed,
                format!("{} asks for a token of another service than its own", about.host),
                "check the vault's URL and the cloud; for a server of your own, --skip-challenge-check"
                    .to_owned(),
            ),
        ),
    }
}

fn malformed(about: About<'_>, answer: &str) -> Failure {
    about.failure(
        Cause::Malformed,
        format!("{answer} in the name of {} did not come from Key Vault", about.host),
        "look for a proxy or a login page in between".to_owned(),
    )
}

fn status_refusal(
    status: StatusCode,
    body: Option<Value>,
    after: Option<Duration>,
    about: About<'_>,
) -> Refusal {
    let number = u16::from(status);
    let is_ours = body.as_ref().is_some_and(|body| body.get("error").is_some());
    match number {
        404 if body.is_none() => Refusal::Failed(malformed(about, "an answer 404")),
        404 => Refusal::NotThere,
        401 => Refusal::Failed(about.failure(
            Cause::LoginFailed,
            format!("{} refused the token", about.host),
            "log in to the tenant of the vault; check the token's audience and expiry".to_owned(),
        )),
        403 if !is_ours => Refusal::Failed(malformed(about, "an answer 403")),
        403 => Refusal::Failed(forbidden(&body.unwrap_or_default(), about)),
        429 => Refusal::Again(
            about.failure(
                Cause::Throttled,
                match after {
                    Some(after) => format!("{} asks to wait {} s", about.host, after.as_secs()),
                    None => format!("{} asks to wait", about.host),
                },
                "try again later, with a longer --timeout, or spread the load over more vaults".to_owned(),
            ),
            after,
        ),
        408 | 500.. => Refusal::Again(
            about.failure(
                Cause::ServerError,
                format!("{} answered {number}", about.host),
                "try again later".to_owned(),
            ),
            after.filter(|_| number == 503),
        ),
        _ => Refusal::Failed(about.failure(
            Cause::Malformed,
            format!("{} answered {number}", about.host),
            "check the vault's URL and --api-version".to_owned(),
        )),
    }
}

fn forbidden(body: &Value, about: About<'_>) -> Failure {
    let codes = ["/error/innererror/code", "/error/innererror/innererror/code", "/error/code"];
    let code = codes.iter().filter_map(|at| body.pointer(at)?.as_str());
    let known = |code: &&str| {
        ["SecretDisabled", "ForbiddenByFirewall", "ForbiddenByConnection", "ForbiddenByRbac", "AccessDenied"]
            .contains(code)
    };
    let message = body.pointer("/error/message").and_then(Value::as_str).unwrap_or_default();
    let caller = about.caller.map(str::to_owned).or_else(|| object_id(message));
    let who = caller.as_deref().map_or("the caller".to_owned(), |id| format!("the caller (object id {id})"));
    let id = caller.as_deref().unwrap_or("OBJECT_ID");
    let (host, vault, name) = (about.host, about.vault(), about.name);
    match code.clone().find(known) {
        Some("SecretDisabled") => about.failure(
            Cause::Disabled,
            format!("`{name}` in {host} is disabled"),
            format!("az keyvault secret set-attributes --vault-name {vault} --name {name} --enabled true"),
        ),
        Some("ForbiddenByFirewall") => about.failure(
            Cause::Firewall,
            format!("the firewall of {host} does not let this machine in"),
            format!("az keyvault network-rule add --name {vault} --ip-address THIS_MACHINE"),
        ),
        Some("ForbiddenByConnection") => about.failure(
            Cause::Firewall,
            format!("{host} can only be reached over its private link"),
            "run inside its network, or allow public access".to_owned(),
        ),
        Some("AccessDenied") => about.failure(
            Cause::Denied,
            format!("no access policy of {host} lets {who} get `{name}`"),
            format!("az keyvault set-policy --name {vault} --object-id {id} --secret-permissions get"),
        ),
        _ => about.failure(
            Cause::Denied,
            format!("{who} may not read `{name}` in {host}: no role gives secrets/get"),
            format!(
                "az role assignment create --role 'Key Vault Secrets User' --assignee-object-id {id} \
                 --scope \"$(az keyvault show --name {vault} --query id -o tsv)\""
            ),
        ),
    }
}

/// The caller's object id as Key Vault's message has it (`oid=…`).
fn object_id(message: &str) -> Option<String> {
    let after = message.split_once("oid=")?.1;
    let id: String = after.chars().take_while(|c| c.is_ascii_hexdigit() || *c == '-').take(36).collect();
    (id.len() == 36).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const ABOUT: About<'static> = About { host: "ours.vault.azure.net", name: "DB", caller: None };

    fn cause(status: u16, body: &str) -> Cause {
        match status_refusal(status.into(), serde_json::from_str(body).ok(), None, ABOUT) {
            Refusal::Failed(failure) | Refusal::Again(failure, _) => failure.cause,
            refusal => panic!("{refusal:?}"),
        }
    }

    fn inner(code: &str) -> String {
        json!({"error": {"code": "Forbidden", "message": "canary\r\n", "innererror": {"code": code}}})
            .to_string()
    }

    #[test]
    fn tells_every_answer_apart() {
        assert_eq!(cause(401, ""), Cause::LoginFailed);
        assert_eq!(cause(403, &inner("ForbiddenByRbac")), Cause::Denied);
        assert_eq!(cause(403, &inner("AccessDenied")), Cause::Denied);
        assert_eq!(cause(403, &inner("ForbiddenByFirewall")), Cause::Firewall);
        assert_eq!(cause(403, &inner("ForbiddenByConnection")), Cause::Firewall);
        assert_eq!(cause(403, &inner("SecretDisabled")), Cause::Disabled);
        assert_eq!(cause(403, "<html>canary</html>"), Cause::Malformed);
        assert_eq!(cause(404, "<html>canary</html>"), Cause::Malformed);
        assert!(matches!(status_refusal(404_u16.into(), Some(json!({})), None, ABOUT), Refusal::NotThere));
        assert_eq!(cause(429, ""), Cause::Throttled);
        assert_eq!(cause(500, ""), Cause::ServerError);
        assert_eq!(cause(302, ""), Cause::Malformed);
    }

    #[test]
    fn says_who_was_denied_and_nothing_of_the_body() {
        let id = "0b2f6c1e-8a53-4d0e-9b1d-1f2e3d4c5b6a";
        let body = json!({"error": {
            "code": "Forbidden", "message": format!("Caller is not authorized canary\r\noid={id};iss=x"),
            "innererror": {"code": "ForbiddenByRbac"}}});
        let failure = forbidden(&body, ABOUT);
        assert!(failure.what.contains(id) && failure.fix.contains(id), "{failure:?}");
        assert!(failure.fix.contains("keyvault show --name ours"), "{failure:?}");
        assert!(!format!("{failure:?}").contains("canary"));
    }
}
