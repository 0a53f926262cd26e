//! A server's WebSocket: bounded buffers, deadlines on writing, and errors as events.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use offhook_proto::Close;
use tokio::io::AsyncReadExt as _;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{self, Bytes, Message, Utf8Bytes};
use tracing::debug;

use super::MAX_MESSAGE;

/// How long a client may leave what is sent to it unread.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the last frame may take; nobody waits for its effect.
const FINISH_TIMEOUT: Duration = Duration::from_secs(1);
const READ_BUFFER: usize = 16 * 1024;

/// What came from the client.
#[derive(Debug)]
pub(super) enum Received {
    Text(Utf8Bytes),
    /// Of so many bytes.
    Binary(usize),
    /// A ping or a pong.
    Control,
    /// A message above the limit. Nothing that follows it can be read.
    TooBig,
    /// The connection is over, with a close frame or without.
    Closed(Option<Close>),
}

/// Why nothing more can be sent.
#[derive(Debug, thiserror::Error)]
pub(super) enum Gone {
    #[error("it has not read for 10 s")]
    Stuck,
    #[error("{0}")]
    Failed(tungstenite::Error),
}

/// One accepted WebSocket.
pub(super) struct Socket {
    stream: WebSocketStream<TokioIo<Upgraded>>,
    /// Where the next frame starts is lost; bytes are read only to be thrown away, as closing a
    /// connection with unread bytes would take the close frame from the client.
    deaf: bool,
}

impl Socket {
    pub(super) async fn new(upgraded: Upgraded) -> Self {
        let limit = MAX_MESSAGE as usize;
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(0)
            .max_write_buffer_size(2 * limit)
            .max_message_size(Some(limit))
            .max_frame_size(Some(limit));
        let io = TokioIo::new(upgraded);
        Self {
            stream: WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await,
            deaf: false,
        }
    }

    /// The next thing that comes. May be dropped and called again without loss.
    pub(super) async fn receive(&mut self) -> Received {
        if self.deaf {
            return self.discard().await;
        }
        match self.stream.next().await {
            Some(Ok(Message::Text(text))) => Received::Text(text),
            Some(Ok(Message::Binary(bytes))) => Received::Binary(bytes.len()),
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => Received::Control,
            Some(Ok(Message::Close(frame))) => Received::Closed(
                frame.map(|frame| Close::new(frame.code.into(), frame.reason.as_str())),
            ),
            Some(Err(tungstenite::Error::Capacity(_))) => {
                self.deaf = true;
                Received::TooBig
            }
            Some(Err(error)) => {
                self.reproach(&error).await;
                Received::Closed(None)
            }
            None => Received::Closed(None),
        }
    }

    pub(super) async fn send(&mut self, text: String) -> Result<(), Gone> {
        self.write(Message::Text(text.into())).await
    }

    pub(super) async fn ping(&mut self) -> Result<(), Gone> {
        self.write(Message::Ping(Bytes::new())).await
    }

    /// Sends a close frame; go on receiving until the client has closed.
    pub(super) async fn close(&mut self, close: Close) -> Result<(), Gone> {
        self.write(Message::Close(Some(frame(close)))).await
    }

    /// Sends what is left, the answer to a close frame at most.
    pub(super) async fn finish(&mut self) {
        // Whoever closed may be gone already; there is nobody to tell.
        if let Ok(Err(error)) = timeout(FINISH_TIMEOUT, self.stream.flush()).await {
            debug!(%error, "a closed connection ended");
        }
    }

    async fn write(&mut self, message: Message) -> Result<(), Gone> {
        match timeout(WRITE_TIMEOUT, self.stream.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(Gone::Failed(error)),
            Err(_) => Err(Gone::Stuck),
        }
    }

    async fn discard(&mut self) -> Received {
        let mut buffer = vec![0; READ_BUFFER];
        loop {
            match self.stream.get_mut().read(&mut buffer).await {
                Ok(0) | Err(_) => return Received::Closed(None),
                Ok(_) => {}
            }
        }
    }

    /// Tells the client which rule of RFC 6455 it broke, if it broke one.
    async fn reproach(&mut self, error: &tungstenite::Error) {
        let close = match error {
            tungstenite::Error::Protocol(
                tungstenite::error::ProtocolError::ResetWithoutClosingHandshake,
            ) => return,
            tungstenite::Error::Protocol(_) => Close::new(1002, "websocket.protocol_violated"),
            tungstenite::Error::Utf8(_) => Close::new(1007, "websocket.text_not_utf8"),
            _ => return,
        };
        // The connection is given up either way.
        if let Err(gone) = self.close(close).await {
            debug!(%gone, "a client that broke the protocol could not be told");
        }
    }
}

fn frame(close: Close) -> CloseFrame {
    CloseFrame {
        code: close.code.into(),
        reason: close.reason.into(),
    }
}
