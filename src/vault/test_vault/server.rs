//! The test vault's transport: TLS under a certificate authority of its own, HTTP/2 and HTTP/1.1,
//! on one thread.

use super::State;
use super::answer::{Answer, Asked};
use http_body_util::{BodyExt, Full, StreamBody, combinators::BoxBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

#[derive(Debug)]
pub(super) struct Server {
    pub(super) port: u16,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Server {
    pub(super) fn start(state: Arc<Mutex<State>>, hosts: &[&str], ca_file: &Path) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0))?;
        listener.set_nonblocking(true)?;
        let port = listener.local_addr()?.port();
        let acceptor = acceptor(hosts, ca_file).map_err(io::Error::other)?;
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::Builder::new().name("test-vault".to_owned()).spawn(move || {
            runtime.block_on(async {
                let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
                let serve = async {
                    while let Ok((stream, _)) = listener.accept().await {
                        drop(stream.set_nodelay(true));
                        tokio::spawn(connection(stream, acceptor.clone(), Arc::clone(&state), port));
                    }
                };
                tokio::pin!(serve, stopped);
                futures::future::select(serve, stopped).await;
            });
        })?;
        Ok(Self { port, stop: Some(stop), thread: Some(thread) })
    }

    pub(super) fn stop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// A private authority and a leaf for `hosts`; the authority's certificate goes to `ca_file`.
fn acceptor(hosts: &[&str], ca_file: &Path) -> Result<TlsAcceptor, Box<dyn std::error::Error + Send + Sync>> {
    let mut authority = CertificateParams::new(Vec::new())?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.distinguished_name.push(rcgen::DnType::CommonName, "cofferdam test authority");
    let authority_key = KeyPair::generate()?;
    let certificate = authority.self_signed(&authority_key)?;
    std::fs::write(ca_file, certificate.pem())?;
    let issuer = Issuer::new(authority, authority_key);
    let key = KeyPair::generate()?;
    let names = hosts.iter().map(|host| (*host).to_owned()).collect::<Vec<_>>();
    let leaf = CertificateParams::new(names)?.signed_by(&key, &issuer)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

async fn connection(
    stream: tokio::net::TcpStream,
    acceptor: TlsAcceptor,
    state: Arc<Mutex<State>>,
    port: u16,
) {
    let Ok(stream) = acceptor.accept(stream).await else { return };
    lock(&state).connections += 1;
    let second = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let service = hyper::service::service_fn(move |request| answer(request, Arc::clone(&state), port));
    let stream = TokioIo::new(stream);
    // A client that goes away is no error of a test vault's.
    if second {
        drop(
            hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                .serve_connection(stream, service)
                .await,
        );
    } else {
        drop(hyper::server::conn::http1::Builder::new().serve_connection(stream, service).await);
    }
}

fn lock(state: &Mutex<State>) -> std::sync::MutexGuard<'_, State> {
    state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

type Body = BoxBody<Bytes, io::Error>;

fn whole(text: String) -> Body {
    Full::new(Bytes::from(text)).map_err(|never| match never {}).boxed()
}

async fn answer(
    request: Request<Incoming>,
    state: Arc<Mutex<State>>,
    port: u16,
) -> Result<Response<Body>, io::Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let latency = lock(&state).latency;
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    let header = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
    let token = header("authorization");
    let asked = Asked {
        method: head.method.as_str(),
        path: head.uri.path(),
        query: head.uri.query().unwrap_or_default(),
        token: token
            .and_then(|token| token.strip_prefix("Bearer ").or_else(|| token.strip_prefix("bearer "))),
        identity_header: header("x-identity-header"),
        body: &body,
        base: format!("https://localhost:{port}"),
    };
    let answer = lock(&state).answer(&asked);
    let response = |status: u16| Response::builder().status(status);
    let built = match answer {
        Answer::Json(status, json) => {
            response(status).header("content-type", "application/json").body(whole(json.to_string()))
        }
        Answer::Headed(status, (name, value), json) => response(status)
            .header("content-type", "application/json")
            .header(name, value)
            .body(whole(json.to_string())),
        Answer::Html(status, page) => response(status).header("content-type", "text/html").body(whole(page)),
        Answer::Hang => std::future::pending().await,
        Answer::CutOff(half) => {
            let length = half.len() + 1000;
            let part = Ok(Frame::data(Bytes::from(half)));
            let parts = futures::stream::iter([part, Err(io::Error::other("cut off, as asked"))]);
            response(200).header("content-length", length).body(BodyExt::boxed(StreamBody::new(parts)))
        }
    };
    built.map_err(io::Error::other)
}
