//! A server's WebSocket: bounded buffers, a ration for strangers, and errors as events.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::{Sink as _, SinkExt as _, Stream as _};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use offhook_proto::Close;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{self, Bytes, Message, Utf8Bytes};
use tracing::debug;

use super::MAX_MESSAGE;

/// What is below a client's WebSocket.
pub(crate) type Client = TokioIo<Upgraded>;

/// How long the last frame may take; nobody waits for its effect.
const FINISH_TIMEOUT: Duration = Duration::from_secs(1);
const READ_BUFFER: usize = 16 * 1024;

/// What came from the client.
#[derive(Debug)]
pub(crate) enum Heard {
    Text(Utf8Bytes),
    Binary(Bytes),
    /// A ping.
    Ping,
    /// A pong, which answers a ping of ours if there was one.
    Pong,
    /// A message above the limit. Nothing that follows it can be read.
    TooBig,
    /// The connection is over, with a close frame or without.
    Closed(Option<Close>),
}

/// One accepted WebSocket over `S`.
pub(crate) struct Socket<S> {
    stream: WebSocketStream<Rationed<S>>,
    /// Where the next frame starts is lost; bytes are read only to be thrown away, as closing a
    /// connection with unread bytes would take the close frame from the client.
    deaf: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Socket<S> {
    /// A WebSocket whose upgrade was answered. Not more than `ration` bytes are read until
    /// [`Self::trust`].
    pub(crate) async fn new(io: S, ration: Option<usize>) -> Self {
        let limit = MAX_MESSAGE as usize;
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(0)
            .max_write_buffer_size(2 * limit)
            .max_message_size(Some(limit))
            .max_frame_size(Some(limit));
        let io = Rationed { io, left: ration };
        Self {
            stream: WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await,
            deaf: false,
        }
    }

    /// Lifts the ration.
    pub(crate) fn trust(&mut self) {
        self.stream.get_mut().left = None;
    }

    /// The next thing that comes.
    pub(crate) fn poll_heard(&mut self, cx: &mut Context<'_>) -> Poll<Heard> {
        if self.deaf {
            return self.discard(cx);
        }
        Poll::Ready(match ready!(Pin::new(&mut self.stream).poll_next(cx)) {
            Some(Ok(Message::Text(text))) => Heard::Text(text),
            Some(Ok(Message::Binary(bytes))) => Heard::Binary(bytes),
            Some(Ok(Message::Ping(_) | Message::Frame(_))) => Heard::Ping,
            Some(Ok(Message::Pong(_))) => Heard::Pong,
            Some(Ok(Message::Close(frame))) => Heard::Closed(
                frame.map(|frame| Close::new(frame.code.into(), frame.reason.as_str())),
            ),
            Some(Err(tungstenite::Error::Capacity(_))) => {
                self.deaf = true;
                Heard::TooBig
            }
            Some(Err(tungstenite::Error::Io(error))) if error.kind() == EATEN => {
                self.deaf = true;
                Heard::TooBig
            }
            Some(Err(error)) => {
                self.reproach(&error);
                Heard::Closed(None)
            }
            None => Heard::Closed(None),
        })
    }

    /// Begins to send a message. Follow with [`Self::poll_sent`] until that is ready.
    pub(super) fn send(&mut self, message: Message) -> Result<(), tungstenite::Error> {
        Pin::new(&mut self.stream).start_send(message)
    }

    /// Ready when all is sent.
    pub(super) fn poll_sent(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), tungstenite::Error>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    /// Sends what is left, the answer to a close frame at most.
    pub(super) async fn finish(mut self) {
        // Whoever closed may be gone already; there is nobody to tell.
        if let Ok(Err(error)) = timeout(FINISH_TIMEOUT, self.stream.flush()).await {
            debug!(%error, "a closed connection ended");
        }
    }

    /// Sends a text, if any, and a close frame, and waits a little for the client to close.
    pub(crate) async fn say_and_refuse(mut self, text: Option<String>, close: Close) {
        let last = async {
            if let Some(text) = text {
                self.stream.send(Message::Text(text.into())).await?;
            }
            self.stream.send(close_message(close)).await?;
            // What still comes is read, for the client to get to the close frame.
            self.stream.get_mut().left = None;
            while !matches!(
                std::future::poll_fn(|cx| self.poll_heard(cx)).await,
                Heard::Closed(_)
            ) {}
            Ok::<_, tungstenite::Error>(())
        };
        if let Ok(Err(error)) = timeout(FINISH_TIMEOUT, last).await {
            debug!(%error, "a refused connection ended");
        }
    }

    /// Sends a close frame, and waits a little for the client to close.
    pub(crate) async fn refuse(self, close: Close) {
        self.say_and_refuse(None, close).await;
    }

    fn discard(&mut self, cx: &mut Context<'_>) -> Poll<Heard> {
        let mut bytes = [0; 4096];
        let io = &mut self.stream.get_mut().io;
        loop {
            let mut buffer = ReadBuf::new(&mut bytes);
            match ready!(Pin::new(&mut *io).poll_read(cx, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => {}
                Ok(()) | Err(_) => return Poll::Ready(Heard::Closed(None)),
            }
        }
    }

    /// Tells the client which rule of RFC 6455 it broke, if it broke one.
    fn reproach(&mut self, error: &tungstenite::Error) {
        let close = match error {
            tungstenite::Error::Protocol(
                tungstenite::error::ProtocolError::ResetWithoutClosingHandshake,
            ) => return,
            tungstenite::Error::Protocol(_) => {
                Close::new(Close::PROTOCOL, "websocket.protocol_violated")
            }
            tungstenite::Error::Utf8(_) => Close::new(Close::BAD_DATA, "websocket.text_not_utf8"),
            _ => return,
        };
        // The connection is given up either way.
        if let Err(error) = self.send(close_message(close)) {
            debug!(%error, "a client that broke the protocol could not be told");
        }
    }
}

pub(super) fn close_message(close: Close) -> Message {
    Message::Close(Some(CloseFrame {
        code: close.code.into(),
        reason: close.reason.into(),
    }))
}

/// What reading beyond the ration fails with.
const EATEN: io::ErrorKind = io::ErrorKind::QuotaExceeded;

/// A connection of which so many bytes are read and no more.
struct Rationed<S> {
    io: S,
    left: Option<usize>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Rationed<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Some(left) = self.left else {
            return Pin::new(&mut self.io).poll_read(cx, buffer);
        };
        if left == 0 {
            return Poll::Ready(Err(EATEN.into()));
        }
        // Into bytes of our own, as the buffer lends no part of itself without `unsafe`.
        let mut bytes = [0; 1024];
        let most = left.min(buffer.remaining()).min(bytes.len());
        let mut part = ReadBuf::new(&mut bytes[..most]);
        let read = Pin::new(&mut self.io).poll_read(cx, &mut part);
        buffer.put_slice(part.filled());
        self.left = Some(left - part.filled().len());
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Rationed<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
