//! Through a proxy: HTTP CONNECT (RFC 9110 section 9.3.6) and SOCKS5 (RFC 1928).

use std::future::{Ready, ready};
use std::io;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode, Uri, header};
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper_util::client::legacy::connect::proxy::SocksV5;
use hyper_util::rt::TokioIo;
use offhook_proto::client::Failure;
use secrecy::ExposeSecret;
use tower_service::Service;

use crate::connect::Stream;
use crate::mint::not_http;
use crate::proxy::{Kind, Login, Proxy};

/// Turns a connection to `proxy` into one to `authority`, a host and port.
///
/// # Errors
/// Why it could not be done, as seen from the proxy ([`Proxy::blame`]).
pub(crate) async fn tunnel(
    proxy: &Proxy,
    stream: Box<dyn Stream>,
    authority: &str,
) -> Result<Box<dyn Stream>, Failure> {
    match proxy.kind() {
        Kind::Http | Kind::Https => connect(proxy, stream, authority).await,
        Kind::Socks5 => socks(proxy, stream, authority).await,
    }
}

async fn connect(
    proxy: &Proxy,
    stream: Box<dyn Stream>,
    authority: &str,
) -> Result<Box<dyn Stream>, Failure> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| not_http(&error))?;
    // It ends by itself when the sender goes, or with the tunnel; its failure shows in them.
    tokio::spawn(connection.with_upgrades());
    let mut request = Request::connect(authority)
        .header(header::HOST, authority)
        .header(header::USER_AGENT, crate::upgrade::USER_AGENT);
    if let Some(Login::Basic(credentials)) = proxy.login() {
        let mut value = HeaderValue::try_from(credentials.expose_secret())
            .map_err(|error| invalid(&error.into()))?;
        value.set_sensitive(true);
        request = request.header(header::PROXY_AUTHORIZATION, value);
    }
    let request = request
        .body(Empty::<Bytes>::new())
        .map_err(|error| invalid(&error))?;
    let response = sender
        .send_request(request)
        .await
        .map_err(|error| not_http(&error))?;
    match response.status() {
        status if status.is_success() => {
            let upgraded = hyper::upgrade::on(response)
                .await
                .map_err(|error| not_http(&error))?;
            Ok(Box::new(TokioIo::new(upgraded)))
        }
        // tinyproxy says 401 where a password is wrong.
        StatusCode::PROXY_AUTHENTICATION_REQUIRED | StatusCode::UNAUTHORIZED => {
            Err(wants_login(proxy))
        }
        // Not the server's answer, and so none of `Refused`'s.
        status => Err(Failure::Unreachable {
            detail: format!("it does not connect to {authority} ({status})"),
        }),
    }
}

fn wants_login(proxy: &Proxy) -> Failure {
    let what = match proxy.login() {
        None => "a user name and password",
        Some(_) => "a user name and password, but not those that were given",
    };
    Failure::Refused {
        status: StatusCode::PROXY_AUTHENTICATION_REQUIRED.as_u16(),
        retry_after: None,
        detail: format!("the proxy wants {what} ({proxy})"),
    }
}

async fn socks(
    proxy: &Proxy,
    stream: Box<dyn Stream>,
    authority: &str,
) -> Result<Box<dyn Stream>, Failure> {
    let to = Uri::builder()
        .scheme("https")
        .authority(authority)
        .path_and_query("/")
        .build()
        .map_err(|error| invalid(&error))?;
    let mut socks = SocksV5::new(to.clone(), Connected(Some(TokioIo::new(stream))));
    if let Some(Login::Password { user, password }) = proxy.login() {
        socks = socks.with_auth(user.clone(), password.expose_secret().to_owned());
    }
    match socks.call(to).await {
        Ok(tunnel) => Ok(Box::new(tunnel.into_inner())),
        Err(error) => Err(Failure::Unreachable {
            detail: error.to_string(),
        }),
    }
}

/// Hands out the connection that is there already, where the library would make one.
struct Connected(Option<TokioIo<Box<dyn Stream>>>);

impl Service<Uri> for Connected {
    type Response = TokioIo<Box<dyn Stream>>;
    type Error = io::Error;
    type Future = Ready<io::Result<Self::Response>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        ready(self.0.take().ok_or(io::ErrorKind::NotConnected.into()))
    }
}

fn invalid(error: &http::Error) -> Failure {
    Failure::NotTheProtocol {
        detail: error.to_string(),
    }
}

#[cfg(all(test, target_os = "linux"))]
#[path = "tunnel_tests.rs"]
mod tests;
