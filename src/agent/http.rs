//! The pages that are read over HTTP: few, small, and nobody can hold them up.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tracing::warn;

/// How long a connection may last; whoever asks again connects again.
const CONNECTION: Duration = Duration::from_secs(30);
/// How long the head of a request may take to come.
const HEAD: Duration = Duration::from_secs(5);
/// How many are served at the same time; the next waits.
const CONNECTIONS_MAX: usize = 64;
/// How long to wait where no connection can be taken: descriptors are short.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);
/// How soon it is tried again to listen: somebody else has the port, or the address is not there yet.
const BIND_AGAIN: Duration = Duration::from_secs(1);

/// Pages by path.
pub trait Pages: Send + Sync + 'static {
    /// The page at a path; `None` where there is none.
    fn page(&self, path: &str) -> Option<Answer>;
}

/// A page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// 200 with a text.
    Text(String),
    /// 200 with metrics in the text format of Prometheus, 0.0.4.
    Metrics(String),
    /// 204.
    Empty,
    /// 503 with a text.
    Unavailable(String),
}

impl Answer {
    /// The status code.
    pub fn status(&self) -> u16 {
        match self {
            Self::Text(_) | Self::Metrics(_) => 200,
            Self::Empty => 204,
            Self::Unavailable(_) => 503,
        }
    }

    fn content_type(&self) -> Option<&'static str> {
        match self {
            Self::Text(_) | Self::Unavailable(_) => Some("text/plain; charset=utf-8"),
            Self::Metrics(_) => Some("text/plain; version=0.0.4; charset=utf-8"),
            Self::Empty => None,
        }
    }

    fn into_body(self) -> String {
        match self {
            Self::Text(body) | Self::Metrics(body) | Self::Unavailable(body) => body,
            Self::Empty => String::new(),
        }
    }
}

/// Serves pages for ever at a port of an address, or of all; from when it can be had.
pub async fn serve_at(host: Option<&str>, port: u16, pages: Arc<impl Pages>) {
    let mut told = String::new();
    let listener = loop {
        match bind(host, port).await {
            Ok(listener) => break listener,
            Err(error) => {
                let why = error.to_string();
                if why != told {
                    let at = host.unwrap_or("all addresses");
                    warn!("cannot listen at {at} port {port}, and try again: {why}");
                    told = why;
                }
            }
        }
        sleep(BIND_AGAIN).await;
    };
    serve(listener, pages).await;
}

async fn bind(host: Option<&str>, port: u16) -> io::Result<TcpListener> {
    // A kernel may have no IPv6.
    let all: [SocketAddr; 2] = [
        (Ipv6Addr::UNSPECIFIED, port).into(),
        (Ipv4Addr::UNSPECIFIED, port).into(),
    ];
    match host {
        Some(host) => TcpListener::bind((host, port)).await,
        None => TcpListener::bind(&all[..]).await,
    }
}

/// Serves pages for ever.
pub async fn serve(listener: TcpListener, pages: Arc<impl Pages>) {
    let mut connections = JoinSet::new();
    loop {
        let room = connections.len() < CONNECTIONS_MAX;
        tokio::select! {
            Some(_) = connections.join_next() => {}
            accepted = listener.accept(), if room => match accepted {
                Ok((stream, _)) => drop(connections.spawn(connection(stream, pages.clone()))),
                Err(_) => sleep(ACCEPT_AGAIN).await,
            },
        }
    }
}

/// Whatever becomes of a connection: whoever asked knows, and nobody else needs to.
async fn connection(stream: TcpStream, pages: Arc<impl Pages>) {
    let service = service_fn(|request: Request<Incoming>| {
        let response = response(request.method(), request.uri().path(), &*pages);
        async { Ok::<_, Infallible>(response) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .serve_connection(TokioIo::new(stream), service);
    let _ended = timeout(CONNECTION, served).await;
}

fn response(method: &Method, path: &str, pages: &impl Pages) -> Response<Full<Bytes>> {
    if method != Method::GET && method != Method::HEAD {
        let mut response = said(StatusCode::METHOD_NOT_ALLOWED, String::new(), None);
        let allowed = HeaderValue::from_static("GET, HEAD");
        response.headers_mut().insert(ALLOW, allowed);
        return response;
    }
    match pages.page(path) {
        None => said(StatusCode::NOT_FOUND, String::new(), None),
        Some(answer) => {
            let status = StatusCode::from_u16(answer.status()).unwrap_or_default();
            let content_type = answer.content_type();
            said(status, answer.into_body(), content_type)
        }
    }
}

fn said(status: StatusCode, body: String, kind: Option<&'static str>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    if let Some(kind) = kind {
        let kind = HeaderValue::from_static(kind);
        response.headers_mut().insert(CONTENT_TYPE, kind);
    }
    response
}
