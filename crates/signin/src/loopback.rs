//! Where the browser comes back to: a port on this machine, open while somebody signs in (RFC 8252
//! section 7.3).

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use url::Url;

/// Browsers connect in advance; no honest one has more connections than these.
const CONNECTIONS: usize = 16;
/// How long a request may take to come.
const HEAD: Duration = Duration::from_secs(10);
/// The largest request head, in bytes: codes may be long.
const MAX_HEAD: usize = 64 << 10;
const PATH: &str = "/callback";

/// A port that waits for the browser.
#[derive(Debug)]
pub(crate) struct Loopback {
    listener: TcpListener,
    url: Url,
}

/// The browser came back, and waits for its page.
#[derive(Debug)]
pub(crate) struct Returned {
    /// The query's parameters.
    pub(crate) parameters: Vec<(String, String)>,
    page: oneshot::Sender<(StatusCode, String)>,
}

impl Returned {
    /// A parameter, if it is there exactly once.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let mut values = self.parameters.iter().filter(|(key, _)| key == name);
        match (values.next(), values.next()) {
            (Some((_, value)), None) => Some(value),
            _ => None,
        }
    }

    /// Shows a page.
    pub(crate) fn show(self, status: StatusCode, page: String) {
        // A browser that has gone does not miss it.
        let _ = self.page.send((status, page));
    }
}

impl Loopback {
    /// Opens a port that nobody else has.
    ///
    /// # Errors
    /// Where the system has none.
    pub(crate) async fn open() -> io::Result<Self> {
        let listener = match TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await {
            Ok(listener) => listener,
            Err(_) => TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).await?,
        };
        let url = format!("http://{}{PATH}", listener.local_addr()?);
        let url = Url::parse(&url).map_err(io::Error::other)?;
        Ok(Self { listener, url })
    }

    /// Where the provider is to send the browser.
    pub(crate) const fn url(&self) -> &Url {
        &self.url
    }

    /// Serves for as long as it is polled: hands over each return. What was handed over is answered
    /// also after this is dropped, for a moment.
    pub(crate) async fn serve(&self, returns: mpsc::Sender<Returned>) -> Infallible {
        let mut connections = JoinSet::new();
        loop {
            let stream = tokio::select! {
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) => stream,
                    Err(error) => {
                        tracing::warn!("a browser could not be answered: {error}");
                        crate::clock::pause(Duration::from_millis(100)).await;
                        continue;
                    }
                },
                Some(_) = connections.join_next() => continue,
            };
            if connections.len() >= CONNECTIONS {
                continue;
            }
            let returns = returns.clone();
            let host = self.url.authority().to_owned();
            connections.spawn(async move {
                let service = service_fn(|request| answer(request, host.clone(), returns.clone()));
                let served = http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(HEAD)
                    .max_buf_size(MAX_HEAD)
                    .keep_alive(false)
                    .serve_connection(TokioIo::new(stream), service);
                if let Err(error) = served.await {
                    tracing::debug!("a browser's connection ended badly: {error}");
                }
            });
        }
    }
}

async fn answer(
    request: Request<Incoming>,
    host: String,
    returns: mpsc::Sender<Returned>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    // A page elsewhere may make the browser ask here under another name (DNS rebinding).
    let here = request.headers().get(header::HOST);
    let here = here.is_some_and(|value| value.as_bytes() == host.as_bytes());
    if !here || request.method() != Method::GET || request.uri().path() != PATH {
        return Ok(response(StatusCode::NOT_FOUND, String::new()));
    }
    let query = request.uri().query().unwrap_or_default();
    let parameters = url::form_urlencoded::parse(query.as_bytes()).into_owned();
    let (page, shown) = oneshot::channel();
    let returned = Returned {
        parameters: parameters.collect(),
        page,
    };
    if returns.send(returned).await.is_err() {
        return Ok(response(StatusCode::GONE, String::new()));
    }
    let (status, page) = shown.await.unwrap_or((StatusCode::GONE, String::new()));
    Ok(response(status, page))
}

fn response(status: StatusCode, page: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(page)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        // The address holds a code; it is used up, and nobody needs to see it all the same.
        (header::REFERRER_POLICY, "no-referrer"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'",
        ),
        (header::CONNECTION, "close"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
