//! From a stream of bytes to a WebSocket: the upgrade (RFC 6455 section 4.1).

use http::{HeaderValue, header};
use offhook_proto::Protocol;
use offhook_proto::client::Failure;
use secrecy::SecretString;
use tokio_tungstenite::tungstenite;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::error::{ProtocolError, SubProtocolError};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use crate::connect::{Connector, Stream};
use crate::dial::unreachable;
use crate::endpoint::Endpoint;
use crate::limits::{Step, within};
use crate::mint::{bearer, refusal};

/// How this client names itself.
pub(crate) const USER_AGENT: &str = concat!("Offhook/", env!("CARGO_PKG_VERSION"));

/// Allocated for each connection at once; messages are about a kilobyte.
const READ_BUFFER: usize = 16 << 10;

/// A connected socket and what was agreed for it.
pub(crate) struct Upgraded {
    pub(crate) socket: WebSocketStream<Box<dyn Stream>>,
    pub(crate) protocol: Protocol,
}

/// Connects to `agent` with `token` as the credential.
///
/// # Errors
/// Why it could not be done.
pub(crate) async fn upgrade(
    connector: &Connector,
    endpoint: &Endpoint,
    token: &SecretString,
    agent: &str,
    max_message_bytes: usize,
) -> Result<Upgraded, Failure> {
    match attempt(connector, endpoint, token, agent, max_message_bytes, true).await? {
        Some(upgraded) => Ok(upgraded),
        // RFC 6455 lets a server choose none of the subprotocols; the library takes that for an
        // error. Such a server speaks the plain API, so ask it again without offering any.
        None => attempt(connector, endpoint, token, agent, max_message_bytes, false)
            .await?
            .ok_or_else(|| Failure::NotTheProtocol {
                detail: "the server answers no upgrade, with or without subprotocols".to_owned(),
            }),
    }
}

/// One upgrade; none where the server chose no subprotocol although some were offered.
async fn attempt(
    connector: &Connector,
    endpoint: &Endpoint,
    token: &SecretString,
    agent: &str,
    max_message_bytes: usize,
    offer: bool,
) -> Result<Option<Upgraded>, Failure> {
    let request = request(endpoint, token, agent, offer)?;
    let stream = connector.connect(endpoint).await?;
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .max_message_size(Some(max_message_bytes))
        .max_frame_size(Some(max_message_bytes))
        .max_write_buffer_size(4 * max_message_bytes);
    let limit = connector.limits().answer;
    let handshake = async { Ok(client_async_with_config(request, stream, Some(config)).await) };
    let (socket, response) = match within(Step::Upgrade, limit, handshake).await? {
        Ok(upgraded) => upgraded,
        Err(tungstenite::Error::Protocol(ProtocolError::SecWebSocketSubProtocolError(
            SubProtocolError::NoSubProtocol,
        ))) => return Ok(None),
        Err(tungstenite::Error::Http(response)) => {
            let (head, body) = response.into_parts();
            return Err(refusal(
                head.status,
                &head.headers,
                body.as_deref().unwrap_or_default(),
            ));
        }
        Err(error) => return Err(not_websocket(&error)),
    };
    let selected = response.headers().get(header::SEC_WEBSOCKET_PROTOCOL);
    let selected = selected.map(|name| name.to_str().unwrap_or("an unreadable name"));
    let protocol = Protocol::from_selected(selected).map_err(|name| Failure::NotTheProtocol {
        detail: format!("the server chose the subprotocol {name:?}, which was not offered"),
    })?;
    Ok(Some(Upgraded { socket, protocol }))
}

fn request(
    endpoint: &Endpoint,
    token: &SecretString,
    agent: &str,
    offer: bool,
) -> Result<http::Request<()>, Failure> {
    let not_valid = |error: &dyn std::fmt::Display| Failure::NotTheProtocol {
        detail: format!("the upgrade request cannot be built: {error}"),
    };
    let url = endpoint.upgrade_url(agent);
    let mut request = url
        .as_str()
        .into_client_request()
        .map_err(|error| not_valid(&error))?;
    let headers = request.headers_mut();
    headers.insert(header::AUTHORIZATION, bearer(token)?);
    headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
    if offer {
        let offered = HeaderValue::try_from(Protocol::OFFERED.join(", "))
            .map_err(|error| not_valid(&error))?;
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, offered);
    }
    Ok(request)
}

fn not_websocket(error: &tungstenite::Error) -> Failure {
    match error {
        // Servers that restart do this: nothing to do with what they speak.
        tungstenite::Error::Protocol(ProtocolError::HandshakeIncomplete) => Failure::Unreachable {
            detail: "the server closed the connection in the middle of the upgrade".to_owned(),
        },
        tungstenite::Error::Io(error) => unreachable(error),
        other => Failure::NotTheProtocol {
            detail: other.to_string(),
        },
    }
}
