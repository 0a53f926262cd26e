//! From a stream of bytes to a WebSocket: the upgrade (RFC 6455 section 4.1).
//!
//! By hyper, as tokens are bought, and not by the WebSocket library: that one takes a server that
//! chooses no subprotocol for a broken one, and writes whole requests into its trace log.

use std::net::IpAddr;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Collected, Empty, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use offhook_proto::Protocol;
use offhook_proto::client::Failure;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use url::Position;

use crate::connect::{Connection, Connector, Stream};
use crate::endpoint::{Credential, Endpoint};
use crate::limits::{Step, within};
use crate::mint::{authorisation, not_http, refusal, secret};
use crate::token::Token;

/// How this client names itself.
pub(crate) const USER_AGENT: &str = concat!("Offhook/", env!("CARGO_PKG_VERSION"));

/// Allocated for each connection at once; messages are about a kilobyte.
const READ_BUFFER: usize = 16 << 10;
/// No honest refusal is longer.
const MAX_REFUSAL: usize = 64 << 10;

/// What a connection is for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'a> {
    /// The credential,
    pub(crate) token: &'a Token,
    /// for which agent or model,
    pub(crate) agent: &'a str,
    /// to resume which session, or to open one,
    pub(crate) session: Option<&'a str>,
    /// and the largest message taken.
    pub(crate) max_message_bytes: usize,
}

/// A connected socket and what was agreed for it.
pub(crate) struct Upgraded {
    pub(crate) socket: WebSocketStream<Box<dyn Stream>>,
    pub(crate) protocol: Protocol,
    /// Which of this machine's addresses it comes from.
    pub(crate) from: Option<IpAddr>,
}

/// Connects.
///
/// # Errors
/// Why it could not be done.
pub(crate) async fn upgrade(
    connector: &Connector,
    endpoint: &Endpoint,
    wanted: Wanted<'_>,
) -> Result<Upgraded, Failure> {
    let key = generate_key();
    let request = request(endpoint, wanted, &key)?;
    let Connection { stream, from } = connector.connect(endpoint.origin()).await?;
    let exchange = exchange(stream, request, &key);
    let (stream, early, protocol) =
        within(Step::Upgrade, connector.limits().answer, exchange).await?;
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .max_message_size(Some(wanted.max_message_bytes))
        .max_frame_size(Some(wanted.max_message_bytes))
        .max_write_buffer_size(4 * wanted.max_message_bytes);
    let socket =
        WebSocketStream::from_partially_read(stream, early.into(), Role::Client, Some(config));
    Ok(Upgraded {
        socket: socket.await,
        protocol,
        from,
    })
}

/// The stream after the upgrade, what of it was read already, and what was agreed.
async fn exchange(
    stream: Box<dyn Stream>,
    request: Request<Empty<Bytes>>,
    key: &str,
) -> Result<(Box<dyn Stream>, Bytes, Protocol), Failure> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| not_http(&error))?;
    // It ends by itself when the sender goes, or with the upgrade; its failure shows in them.
    tokio::spawn(connection.with_upgrades());
    let response = sender
        .send_request(request)
        .await
        .map_err(|error| not_http(&error))?;
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Err(refused(response).await);
    }
    let protocol = agreed(response.headers(), key)?;
    let upgraded = hyper::upgrade::on(response)
        .await
        .map_err(|error| not_http(&error))?;
    let parts = upgraded
        .downcast::<TokioIo<Box<dyn Stream>>>()
        .expect("it is of the type that was given to the handshake above");
    Ok((parts.io.into_inner(), parts.read_buf, protocol))
}

fn request(
    endpoint: &Endpoint,
    wanted: Wanted<'_>,
    key: &str,
) -> Result<Request<Empty<Bytes>>, Failure> {
    let url = endpoint.upgrade_url(wanted.agent, wanted.session);
    let request = Request::builder()
        .method(Method::GET)
        .uri(&url[Position::BeforePath..])
        .header(
            header::HOST,
            &url[Position::BeforeHost..Position::AfterPort],
        )
        .header(header::USER_AGENT, USER_AGENT)
        .header(header::CONNECTION, "Upgrade")
        .header(header::UPGRADE, "websocket")
        .header(header::SEC_WEBSOCKET_VERSION, "13")
        .header(header::SEC_WEBSOCKET_KEY, key)
        .header(header::SEC_WEBSOCKET_PROTOCOL, Protocol::OFFERED.join(", "))
        .body(Empty::new());
    let mut request = request.map_err(|error| Failure::NotTheProtocol {
        detail: format!("the upgrade request cannot be built: {error}"),
    })?;
    let Token { value, prover, .. } = wanted.token;
    let headers = request.headers_mut();
    if let Credential::ApiKey(_) = endpoint.credential() {
        headers.insert("api-key", secret("", value)?);
    } else {
        headers.insert(
            header::AUTHORIZATION,
            authorisation(value, prover.is_some())?,
        );
    }
    if let Some(prover) = prover {
        let proof = prover.proof(&Method::GET, &endpoint.realtime_url(), Some(value));
        headers.insert("dpop", proof);
    }
    Ok(request)
}

/// What a server that upgrades has agreed to.
///
/// # Errors
/// Where it is no upgrade to what was asked for.
fn agreed(headers: &HeaderMap, key: &str) -> Result<Protocol, Failure> {
    let not_agreed = |detail: String| Failure::NotTheProtocol { detail };
    let says = |name: &HeaderName, value: &str| {
        let values = headers.get_all(name).into_iter();
        let mut words = values
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','));
        words.any(|word| word.trim().eq_ignore_ascii_case(value))
    };
    if !says(&header::UPGRADE, "websocket") || !says(&header::CONNECTION, "upgrade") {
        return Err(not_agreed(
            "the server upgrades to something else".to_owned(),
        ));
    }
    let accept = headers.get(header::SEC_WEBSOCKET_ACCEPT);
    if accept.map(HeaderValue::as_bytes) != Some(derive_accept_key(key.as_bytes()).as_bytes()) {
        let detail = "the server does not answer the upgrade's key".to_owned();
        return Err(not_agreed(detail));
    }
    if headers.contains_key(header::SEC_WEBSOCKET_EXTENSIONS) {
        let detail = "the server chose an extension, and none was offered".to_owned();
        return Err(not_agreed(detail));
    }
    let selected = headers.get(header::SEC_WEBSOCKET_PROTOCOL);
    let selected = selected.map(|name| name.to_str().unwrap_or("an unreadable name"));
    Protocol::from_selected(selected).map_err(|name| {
        not_agreed(format!(
            "the server chose the subprotocol {name:?}, which was not offered"
        ))
    })
}

/// What an answer says that is no upgrade.
async fn refused(response: Response<Incoming>) -> Failure {
    let (head, body) = response.into_parts();
    // The status says enough where the rest does not come.
    let body = Limited::new(body, MAX_REFUSAL).collect().await;
    let body = body.map(Collected::to_bytes).unwrap_or_default();
    refusal(head.status, &head.headers, &body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upgrade_is_to_what_was_asked_for_or_none() {
        let key = "dGhlIHNhbXBsZSBub25jZQ==";
        // RFC 6455 section 1.3.
        let good = [
            ("upgrade", "WebSocket"),
            ("connection", "keep-alive, Upgrade"),
            ("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
        ];
        let agreed = |more: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in good.iter().chain(more) {
                headers.insert(*name, HeaderValue::from_static(value));
            }
            agreed(&headers, key)
        };
        let choose = |name| agreed(&[("sec-websocket-protocol", name)]);
        assert_eq!(agreed(&[]), Ok(Protocol::Plain));
        assert_eq!(choose("realtime"), Ok(Protocol::Plain));
        assert_eq!(choose("offhook.v1.bin"), Ok(Protocol::OffhookV1Bin));
        for (bad, said) in [
            (("sec-websocket-protocol", "chat"), "\"chat\""),
            (("upgrade", "h2c"), "something else"),
            (("connection", "close"), "something else"),
            (("sec-websocket-accept", "AAAA"), "key"),
            (
                ("sec-websocket-extensions", "permessage-deflate"),
                "extension",
            ),
        ] {
            let outcome = agreed(&[bad]);
            assert!(
                matches!(&outcome, Err(Failure::NotTheProtocol { detail }) if detail.contains(said)),
                "{bad:?}: {outcome:?}"
            );
        }
    }
}
