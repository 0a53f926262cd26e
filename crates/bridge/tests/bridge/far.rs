//! A server of the OpenAI Realtime API that does what a test says, over a real socket.

use std::net::SocketAddr;

use futures_util::{FutureExt as _, SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::http::HeaderMap;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::{WebSocketStream, accept_hdr_async};

use crate::rig::in_time;

/// Where a bridge finds its upstream.
pub(crate) struct Far {
    listener: TcpListener,
}

impl Far {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self { listener }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.listener.local_addr().unwrap()
    }

    /// The next connection of the bridge's.
    pub(crate) async fn accept(&self) -> FarCall {
        let (stream, _) = in_time(self.listener.accept()).await.unwrap();
        let (mut address, mut headers) = (String::new(), HeaderMap::new());
        #[expect(clippy::result_large_err, reason = "the library's own signature")]
        let look = |request: &Request, response: Response| {
            address = request.uri().to_string();
            headers = request.headers().clone();
            Ok(response)
        };
        let socket = in_time(accept_hdr_async(stream, look)).await.unwrap();
        FarCall {
            socket,
            address,
            headers,
        }
    }

    /// The next one, whose session is open.
    pub(crate) async fn open(&self) -> FarCall {
        let mut call = self.accept().await;
        let session = json!({ "id": "sess_far", "type": "realtime" });
        call.say(&json!({ "type": "session.created", "session": session }))
            .await;
        call
    }

    /// Whether nobody has come.
    pub(crate) fn is_alone(&self) -> bool {
        self.listener.accept().now_or_never().is_none()
    }
}

/// A connection of the bridge's.
pub(crate) struct FarCall {
    socket: WebSocketStream<TcpStream>,
    /// What the upgrade asked for.
    pub(crate) address: String,
    pub(crate) headers: HeaderMap,
}

impl FarCall {
    pub(crate) async fn say(&mut self, event: &Value) {
        let message = Message::Text(event.to_string().into());
        self.socket.send(message).await.unwrap();
    }

    /// The next event that the bridge sends.
    pub(crate) async fn hear(&mut self) -> Value {
        in_time(async {
            loop {
                match self.socket.next().await.unwrap().unwrap() {
                    Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                    Message::Ping(_) | Message::Pong(_) => {}
                    other => panic!("{other:?}"),
                }
            }
        })
        .await
    }

    /// Closes the connection.
    pub(crate) async fn close(mut self, code: u16) {
        let frame = CloseFrame {
            code: code.into(),
            reason: "".into(),
        };
        self.socket.close(Some(frame)).await.unwrap();
        in_time(async { while let Some(Ok(_)) = self.socket.next().await {} }).await;
    }

    /// The code of the close frame that the bridge sends.
    pub(crate) async fn closed(mut self) -> u16 {
        in_time(async {
            loop {
                if let Message::Close(frame) = self.socket.next().await.unwrap().unwrap() {
                    return frame.unwrap().code.into();
                }
            }
        })
        .await
    }
}
