//! The connections that are up, and those that say goodbye.

use std::future::poll_fn;
use std::net::IpAddr;
use std::task::{Context, Poll};
use std::time::Duration;

use offhook_proto::{Close, Conn};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

use crate::errands::Errands;
use crate::socket::{Full, Incoming, Socket};

/// How long the far end has to answer a close frame, or to take ours.
const FAREWELL: Duration = Duration::from_secs(1);
/// No more connections than this are left to say goodbye.
const FAREWELLS: usize = 4;

/// All connections of a call.
pub(crate) struct Lines {
    lines: Vec<(Conn, Socket)>,
    /// Whose turn it is to be read first.
    turn: usize,
    /// What the far end said last, where the machine is to know.
    farewells: Errands<Option<Incoming>>,
}

impl Lines {
    pub(crate) const fn new() -> Self {
        Self {
            lines: Vec::new(),
            turn: 0,
            farewells: Errands::new(FAREWELLS),
        }
    }

    pub(crate) fn add(&mut self, conn: Conn, socket: Socket) {
        self.lines.push((conn, socket));
    }

    /// Sends a message, without waiting for it to be written. A connection that is gone meanwhile
    /// takes anything.
    ///
    /// # Errors
    /// Where too much waits to be written. The connection is dropped.
    pub(crate) fn send(&mut self, conn: Conn, message: Message) -> Result<(), Full> {
        let Some((_, socket)) = self.lines.iter_mut().find(|(of, _)| *of == conn) else {
            return Ok(());
        };
        socket
            .send(message)
            .inspect_err(|Full| self.lines.retain(|(of, _)| *of != conn))
    }

    /// Sends a close frame and reads on in the background until the far end has closed, which is
    /// then told.
    pub(crate) fn close(&mut self, conn: Conn, close: Close) {
        if let Some(mut socket) = self.take(conn)
            && socket.close(close).is_ok()
        {
            self.farewells.start(conn, async move {
                let answer = timeout(FAREWELL, socket.last()).await;
                Some(answer.unwrap_or_else(|_| {
                    Incoming::Dropped("the far end did not answer the close frame".to_owned())
                }))
            });
        }
    }

    /// Drops a connection without a word.
    pub(crate) fn abort(&mut self, conn: Conn) {
        self.lines.retain(|(of, _)| *of != conn);
        self.farewells.stop(conn);
    }

    /// Drops those that come from an address that is `gone`: nothing reaches them any more, and no
    /// one would tell. Says which they were.
    pub(crate) fn drop_stranded(&mut self, gone: impl Fn(IpAddr) -> bool) -> Vec<Conn> {
        let is_stranded = |(_, socket): &mut (Conn, Socket)| socket.from().is_some_and(&gone);
        let stranded = self.lines.extract_if(.., is_stranded);
        stranded.map(|(conn, _)| conn).collect()
    }

    /// Writes what waits and reads until something came in over one of them. May be dropped and
    /// called again at any point without loss.
    pub(crate) async fn next(&mut self) -> (Conn, Incoming) {
        loop {
            tokio::select! {
                (conn, incoming) = poll_fn(|cx| poll(&mut self.lines, &mut self.turn, cx)) => {
                    self.let_go(conn, &incoming);
                    return (conn, incoming);
                }
                (conn, last) = self.farewells.next() => if let Some(last) = last {
                    return (conn, last);
                },
            }
        }
    }

    /// Lets those that say goodbye finish, each within its time, and drops all others.
    pub(crate) async fn finish(mut self) {
        self.lines.clear();
        while !self.farewells.is_empty() {
            self.farewells.next().await;
        }
    }

    /// A connection that the far end has ended is none any more.
    fn let_go(&mut self, conn: Conn, incoming: &Incoming) {
        match incoming {
            Incoming::Close(_) => {
                if let Some(mut socket) = self.take(conn) {
                    self.farewells.start(conn, async move {
                        // The answer to its close frame.
                        let _ = timeout(FAREWELL, socket.finish()).await;
                        None
                    });
                }
            }
            Incoming::Dropped(_) => drop(self.take(conn)),
            // Not read any more, but a close frame may follow.
            Incoming::TooBig | Incoming::BadFrame(_) => {}
            Incoming::Text(_) | Incoming::Binary(_) | Incoming::Ping | Incoming::Pong(_) => {}
        }
    }

    fn take(&mut self, conn: Conn) -> Option<Socket> {
        let index = self.lines.iter().position(|(of, _)| *of == conn)?;
        Some(self.lines.remove(index).1)
    }
}

/// Each in turn, so that a busy one does not keep another waiting.
fn poll(
    lines: &mut [(Conn, Socket)],
    turn: &mut usize,
    cx: &mut Context<'_>,
) -> Poll<(Conn, Incoming)> {
    let count = lines.len();
    for step in 0..count {
        let index = (*turn + step) % count;
        let (conn, socket) = &mut lines[index];
        if let Poll::Ready(incoming) = socket.poll(cx) {
            *turn = index + 1;
            return Poll::Ready((*conn, incoming));
        }
    }
    Poll::Pending
}
