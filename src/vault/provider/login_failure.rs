//! Why a login failed, in words of our own: Entra's, GitHub's and the tools' messages quote what they
//! were sent, so only their codes are passed on.

use super::Failure;
use super::transport::Break;
use crate::vault::problem::Cause;
use crate::vault::settings::Auth;
use azure_core::error::{Error, ErrorKind};

/// What the assertion of GitHub's OIDC says when it fails.
pub(super) const GITHUB: &str = "GitHub did not give an identity token";

/// A login that failed.
pub(super) fn refused(what: impl Into<String>, fix: impl Into<String>) -> Failure {
    Failure { cause: Cause::LoginFailed, what: what.into(), fix: fix.into() }
}

/// How the connection broke, if that is why.
pub(super) fn connection(error: &Error) -> Option<Break> {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(azure) = error.downcast_ref::<Error>()
            && matches!(azure.kind(), ErrorKind::Connection | ErrorKind::Io)
        {
            return Some(Break::of(azure));
        }
        cause = error.source();
    }
    None
}

/// Why a login failed: Entra's code, or what is known of the tool; never their text.
pub(super) fn login_failure(error: &Error, auth: Auth) -> Failure {
    if let Some(broken) = connection(error) {
        return Failure { cause: Cause::LoginFailed, ..broken.failure("the login service") };
    }
    let words = {
        let mut words = String::new();
        let mut cause: Option<&dyn std::error::Error> = Some(error);
        while let Some(error) = cause {
            words.push_str(&error.to_string());
            cause = error.source();
        }
        words
    };
    if let Some(code) = entra_code(&words) {
        let (what, fix) = entra(&code);
        return refused(format!("Entra refused the login: {what} (AADSTS{code})"), fix);
    }
    match auth {
        Auth::Cli if words.contains("not found on PATH") => {
            refused("`az` is not installed", "install it, or set --auth")
        }
        Auth::Cli => refused("`az` is not logged in", "az login"),
        Auth::Azd if words.contains("not found on PATH") => {
            refused("`azd` is not installed", "install it, or set --auth")
        }
        Auth::Azd => refused("`azd` is not logged in", "azd auth login"),
        Auth::Github if words.contains(GITHUB) => {
            refused(GITHUB, "give the job `permissions: id-token: write`")
        }
        Auth::ManagedIdentity => refused(
            "the managed identity endpoint gave no token",
            "assign the identity to this resource; for a user-assigned one, set AZURE_CLIENT_ID",
        ),
        _ => refused(
            "the login service gave no token",
            "check the tenant, the client and the login's own logs",
        ),
    }
}

/// The number of the first `AADSTS…` in a text.
fn entra_code(text: &str) -> Option<String> {
    let code: String =
        text.split_once("AADSTS")?.1.chars().take_while(char::is_ascii_digit).take(8).collect();
    (!code.is_empty()).then_some(code)
}

fn entra(code: &str) -> (&'static str, &'static str) {
    match code {
        "7000215" => {
            ("the client secret is wrong", "set AZURE_CLIENT_SECRET to the secret's value, not its id")
        }
        "7000222" => ("the client secret has expired", "az ad app credential reset --id CLIENT_ID"),
        "700016" => ("the application is not in this tenant", "check AZURE_CLIENT_ID and AZURE_TENANT_ID"),
        "90002" | "900023" => ("there is no such tenant", "check AZURE_TENANT_ID"),
        "70021" | "700211" | "700212" | "700213" | "700223" => (
            "no federated credential of the application fits this job or pod",
            "add one whose issuer, subject and audience are those of the token",
        ),
        "50079" | "50076" | "50078" | "50173" | "700082" | "70043" => ("the login has expired", "az login"),
        _ => (
            "see the code's meaning at https://login.microsoftonline.com/error",
            "check tenant, client and secret",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn login_failures_quote_nothing() {
        let error = Error::with_message(ErrorKind::Credential, "AADSTS7000215: Invalid canary");
        let failure = login_failure(&error, Auth::Secret);
        assert!(failure.what.contains("the client secret is wrong (AADSTS7000215)"), "{failure:?}");
        let error = Error::with_message(ErrorKind::Credential, "canary");
        for &(auth, _) in crate::vault::settings::AUTHS {
            assert!(!format!("{:?}", login_failure(&error, auth)).contains("canary"));
        }
    }
}
