//! A WebSocket that can be read and written at the same time without losing anything.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::net::IpAddr;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use offhook_proto::{Close, Frame, Protocol};
use tokio::io::AsyncReadExt;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::{CapacityError, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{self, Message};

use crate::connect::Stream;
use crate::upgrade::Upgraded;

/// What is waiting to be written may not grow beyond this while the network stands still: 20 s of
/// audio, longer than a silent line is kept. In `offhook.v1` the machine keeps far below it.
const MAX_OUTBOX: usize = 1024;

/// What came in.
#[derive(Debug)]
pub(crate) enum Incoming {
    Text(tungstenite::Utf8Bytes),
    Binary(Bytes),
    Pong(Option<u64>),
    Ping,
    Close(Close),
    TooBig,
    BadFrame(String),
    Dropped(String),
}

pub(crate) struct Socket {
    stream: WebSocketStream<Box<dyn Stream>>,
    from: Option<IpAddr>,
    outbox: VecDeque<Message>,
    needs_flush: bool,
    closed: bool,
}

impl Socket {
    pub(crate) fn new(upgraded: Upgraded) -> (Self, Protocol) {
        let socket = Self {
            stream: upgraded.socket,
            from: upgraded.from,
            outbox: VecDeque::new(),
            needs_flush: false,
            closed: false,
        };
        (socket, upgraded.protocol)
    }

    /// Which of this machine's addresses it comes from, where that is known.
    pub(crate) const fn from(&self) -> Option<IpAddr> {
        self.from
    }

    /// Puts a message where [`poll`](Self::poll) will take it from.
    ///
    /// # Errors
    /// Where the far end has taken nothing for too long.
    pub(crate) fn send(&mut self, message: Message) -> Result<(), Full> {
        if self.outbox.len() >= MAX_OUTBOX {
            return Err(Full);
        }
        self.outbox.push_back(message);
        Ok(())
    }

    pub(crate) fn close(&mut self, close: Close) -> Result<(), Full> {
        let frame = CloseFrame {
            code: close.code.into(),
            reason: close.reason.into(),
        };
        self.send(Message::Close(Some(frame)))
    }

    /// Writes what waits and reads. What comes after the end is never ready.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Incoming> {
        // A write error is told by the next read, with what the far end said before it.
        let _ = self.poll_write(cx);
        if self.closed {
            return Poll::Pending;
        }
        let Poll::Ready(read) = self.stream.poll_next_unpin(cx) else {
            return Poll::Pending;
        };
        let incoming = read.map_or_else(
            || Incoming::Dropped("the connection was closed".to_owned()),
            |read| read.map_or_else(|error| failed(&error), received),
        );
        self.closed = incoming.is_last();
        // The library answers a close frame (and a ping) by itself, when it is flushed.
        self.needs_flush |= matches!(incoming, Incoming::Close(_) | Incoming::Ping);
        Poll::Ready(incoming)
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), tungstenite::Error>> {
        while !self.outbox.is_empty() {
            std::task::ready!(self.stream.poll_ready_unpin(cx))?;
            if let Some(message) = self.outbox.pop_front() {
                self.stream.start_send_unpin(message)?;
                self.needs_flush = true;
            }
        }
        if self.needs_flush {
            std::task::ready!(self.stream.poll_flush_unpin(cx))?;
            self.needs_flush = false;
        }
        Poll::Ready(Ok(()))
    }

    /// Writes what waits and reads on to the last that the far end has to say. The caller limits
    /// how long it may take.
    pub(crate) async fn last(&mut self) -> Incoming {
        while !self.closed {
            let incoming = poll_fn(|cx| self.poll(cx)).await;
            if matches!(incoming, Incoming::Close(_) | Incoming::Dropped(_)) {
                return incoming;
            }
        }
        // What cannot be understood is read all the same: closing a socket with something unread in
        // it resets it, and our close frame with it.
        self.finish().await;
        let stream = self.stream.get_mut();
        let mut rest = [0; 4096];
        while stream.read(&mut rest).await.is_ok_and(|count| count > 0) {}
        Incoming::Dropped("the connection was closed".to_owned())
    }

    /// Writes what waits. The caller limits how long it may take.
    pub(crate) async fn finish(&mut self) {
        let _ = poll_fn(|cx| self.poll_write(cx)).await;
    }
}

/// The far end takes nothing any more.
#[derive(Debug)]
pub(crate) struct Full;

impl Incoming {
    /// Whether nothing can follow.
    pub(crate) const fn is_last(&self) -> bool {
        matches!(
            self,
            Self::Close(_) | Self::Dropped(_) | Self::TooBig | Self::BadFrame(_)
        )
    }
}

pub(crate) fn message(frame: Frame) -> Message {
    match frame {
        Frame::Text(text) => Message::text(text),
        Frame::Binary(bytes) => Message::binary(bytes),
    }
}

fn received(message: Message) -> Incoming {
    match message {
        Message::Text(text) => Incoming::Text(text),
        Message::Binary(bytes) => Incoming::Binary(bytes),
        Message::Ping(_) => Incoming::Ping,
        Message::Pong(payload) => Incoming::Pong(
            <[u8; 8]>::try_from(&payload[..])
                .ok()
                .map(u64::from_be_bytes),
        ),
        Message::Close(frame) => Incoming::Close(frame.map_or_else(
            // RFC 6455 section 7.1.5: a close frame without a body counts as 1005.
            || Close::new(1005, ""),
            |frame| Close::new(frame.code.into(), &frame.reason),
        )),
        Message::Frame(_) => Incoming::BadFrame("a raw frame".to_owned()),
    }
}

fn failed(error: &tungstenite::Error) -> Incoming {
    match error {
        tungstenite::Error::Capacity(CapacityError::MessageTooLong { .. }) => Incoming::TooBig,
        tungstenite::Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)
        | tungstenite::Error::ConnectionClosed
        | tungstenite::Error::AlreadyClosed => {
            Incoming::Dropped("the connection was closed without a word".to_owned())
        }
        tungstenite::Error::Io(error) => Incoming::Dropped(error.to_string()),
        tungstenite::Error::Tls(error) => Incoming::Dropped(error.to_string()),
        other => Incoming::BadFrame(other.to_string()),
    }
}
