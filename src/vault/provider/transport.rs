//! The one HTTP client that the vault and the login share, and what its errors mean.

use super::Failure;
use crate::vault::problem::Cause;
use crate::vault::settings::Settings;
use azure_core::http::{ClientOptions, RetryOptions, Transport};
use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Builds the client: the system's certificate authorities and those of `ca_file`.
pub(super) fn client(settings: &Settings, proxy: bool) -> Result<reqwest::Client, Failure> {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // It fails only where another thread has just installed one.
        drop(rustls::crypto::ring::default_provider().install_default());
    }
    let added = match &settings.ca_file {
        Some(path) => authorities(path)?,
        None => Vec::new(),
    };
    let builder = || {
        let builder = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(10))
            .redirect(reqwest::redirect::Policy::none());
        if proxy { builder } else { builder.no_proxy() }
    };
    // Reading one bundle takes a fraction of what reading every file of the system's takes.
    if let Some(system) = system_bundle()
        && let Ok(client) = builder().tls_certs_only(system.into_iter().chain(added.clone())).build()
    {
        return Ok(client);
    }
    builder().tls_certs_merge(added).build().map_err(|_| Failure {
        cause: Cause::Unreachable,
        what: "no certificate authorities could be loaded from this system".to_owned(),
        fix: "install ca-certificates, or set SSL_CERT_FILE or --ca-file".to_owned(),
    })
}

/// The certificates of a PEM file that the user gave.
fn authorities(path: &Path) -> Result<Vec<reqwest::Certificate>, Failure> {
    let broken = |what: &str| Failure {
        cause: Cause::Unreachable,
        what: format!("the CA file {} {what}", path.display()),
        fix: "give --ca-file (COFFERDAM_CA_FILE) a PEM file of certificates".to_owned(),
    };
    let pem = std::fs::read(path).map_err(|error| broken(&format!("cannot be read: {}", error.kind())))?;
    let certificates = reqwest::Certificate::from_pem_bundle(&pem).ok();
    certificates
        .filter(|certificates| !certificates.is_empty())
        .ok_or_else(|| broken("holds no PEM certificate"))
}

/// The bundle of all authorities that Linux distributions keep beside the single files, unless the
/// environment names others.
fn system_bundle() -> Option<Vec<reqwest::Certificate>> {
    const BUNDLES: &[&str] = &[
        "/etc/ssl/certs/ca-certificates.crt",
        "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
        "/etc/pki/tls/certs/ca-bundle.crt",
        "/etc/ssl/ca-bundle.pem",
    ];
    let named = ["SSL_CERT_FILE", "SSL_CERT_DIR"].iter().any(|name| std::env::var_os(name).is_some());
    if !cfg!(target_os = "linux") || named {
        return None;
    }
    let pem = BUNDLES.iter().find_map(|path| std::fs::read(path).ok())?;
    reqwest::Certificate::from_pem_bundle(&pem).ok().filter(|certificates| !certificates.is_empty())
}

/// Options for an Azure client on this transport, without retries: those are ours.
pub(super) fn options(client: &reqwest::Client) -> ClientOptions {
    ClientOptions {
        transport: Some(Transport::new(Arc::new(client.clone()))),
        retry: RetryOptions::none(),
        ..ClientOptions::default()
    }
}

/// The TLS error in an I/O error, which may hold it at any depth.
fn tls_inside(error: &std::io::Error) -> Option<&rustls::Error> {
    let inner = error.get_ref()?;
    inner.downcast_ref().or_else(|| tls_inside(inner.downcast_ref()?))
}

/// How a connection failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Break {
    /// The name does not resolve.
    Name,
    /// Nobody listens.
    Refused,
    /// The certificate's authority is unknown.
    Untrusted,
    /// The certificate is for another host.
    WrongHost,
    /// The certificate is not valid now.
    CertificateTime,
    /// TLS failed in another way.
    Tls,
    /// The connection ended in the middle.
    CutOff,
    /// Anything else.
    Other,
}

impl Break {
    /// What `error` and its causes say.
    pub(super) fn of(error: &(dyn Error + 'static)) -> Self {
        let mut cause: Option<&(dyn Error + 'static)> = Some(error);
        let mut best = Self::Other;
        while let Some(error) = cause {
            let io = error.downcast_ref::<std::io::Error>();
            if let Some(tls) = io.and_then(tls_inside).or_else(|| error.downcast_ref()) {
                return Self::of_tls(tls);
            }
            if error.downcast_ref::<reqwest::Error>().is_some_and(|error| !error.is_connect()) {
                best = Self::CutOff;
            }
            best = match io.map(std::io::Error::kind) {
                Some(std::io::ErrorKind::ConnectionRefused) => return Self::Refused,
                Some(
                    std::io::ErrorKind::UnexpectedEof
                    | std::io::ErrorKind::ConnectionReset
                    | std::io::ErrorKind::ConnectionAborted
                    | std::io::ErrorKind::BrokenPipe,
                ) => Self::CutOff,
                // The resolver's error has no type of its own.
                _ if error.to_string().contains("failed to lookup address") => return Self::Name,
                _ => best,
            };
            cause = error.source();
        }
        best
    }

    fn of_tls(error: &rustls::Error) -> Self {
        use rustls::CertificateError as C;
        match error {
            rustls::Error::InvalidCertificate(C::UnknownIssuer) => Self::Untrusted,
            rustls::Error::InvalidCertificate(C::NotValidForName | C::NotValidForNameContext { .. }) => {
                Self::WrongHost
            }
            rustls::Error::InvalidCertificate(
                C::Expired | C::ExpiredContext { .. } | C::NotValidYet | C::NotValidYetContext { .. },
            ) => Self::CertificateTime,
            _ => Self::Tls,
        }
    }

    /// Whether asking again at once may help.
    pub(super) fn is_passing(self) -> bool {
        matches!(self, Self::CutOff | Self::Other)
    }

    /// In words about `host`, with what to do.
    pub(super) fn failure(self, host: &str) -> Failure {
        let (what, fix) = match self {
            Self::Name => ("has no address (DNS)", "check the vault's name and this machine's DNS"),
            Self::Refused => {
                ("refuses the connection", "check the host, the port, and HTTPS_PROXY if it is set")
            }
            Self::Untrusted => (
                "shows a certificate whose authority is not trusted here",
                "give --ca-file (COFFERDAM_CA_FILE) the authority's certificate; behind a TLS proxy, the proxy's",
            ),
            Self::WrongHost => ("shows a certificate for another host", "check the URL"),
            Self::CertificateTime => {
                ("shows a certificate that is not valid now", "renew it, or set this machine's clock")
            }
            Self::Tls => ("does not speak TLS as it should", "check the URL, the port and any proxy"),
            Self::CutOff => ("ended the connection in the middle", "try again; check any proxy"),
            Self::Other => ("cannot be reached", "check the network and any proxy"),
        };
        let cause = if self == Self::CutOff { Cause::Malformed } else { Cause::Unreachable };
        Failure { cause, what: format!("{host} {what}"), fix: fix.to_owned() }
    }
}
