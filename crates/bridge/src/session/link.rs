//! One connection of a session: a task that reads and writes, and what the session holds of it.

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use offhook_proto::{Close, Conn, Frame, Protocol, Time};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Notify, OwnedSemaphorePermit, mpsc};
use tokio::task::AbortHandle;
use tokio_tungstenite::tungstenite::{Bytes, Message};
use tracing::debug;

use super::checking::Proofs;
use super::socket::{Heard, Socket, close_message};
use super::waiting::Waiting;
use crate::clock::Clock;
use crate::fingerprint::Sender;
use crate::metrics::{Metrics, Share};

/// Messages that may wait to be sent: more than the machine has on its way at a time, even if all
/// of them are small.
const ORDERS: usize = 16 * 1024;
/// The bytes in them. The machine stays far below that; it is a fuse.
const MAX_WAITING: usize = 4 << 20;

/// How patient a connection's task is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// How long a client may leave a message that is sent to it unread.
    pub(crate) write: Duration,
    /// How long a client has to answer a close frame.
    pub(crate) close: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            write: Duration::from_secs(10),
            close: Duration::from_secs(2),
        }
    }
}

/// A client that takes no more.
#[derive(Debug, thiserror::Error)]
#[error("it leaves more unread than is kept for it")]
pub(crate) struct Stuck;

/// What the session holds of a connection. Let go of, it sends what waits and ends.
#[derive(Debug)]
pub(crate) struct Link {
    orders: mpsc::Sender<Order>,
    waiting: Arc<Waiting>,
    metrics: Arc<Metrics>,
    task: AbortHandle,
    sender: Sender,
    /// How long the client has to bring a token from where it is, where it has come with one from
    /// elsewhere and was not asked yet.
    pub(super) proof_within: Option<Duration>,
    /// What proofs on it have to be, where its token is bound to a key.
    pub(super) proofs: Option<Proofs>,
    is_plain: bool,
    closing: bool,
    /// A ping was sent, and no pong came since.
    awaits_pong: bool,
}

/// What a connection is to do.
#[derive(Debug)]
enum Order {
    Send(Message),
    Close(Close),
}

/// Takes what came over connections, and when it was read.
pub(crate) type Inbox = mpsc::Sender<(Conn, Heard, Time)>;

/// What ties a connection to its session.
pub(crate) struct Ties {
    pub(crate) inbox: Inbox,
    /// Told when a connection that was backed up takes more.
    pub(crate) room: Arc<Notify>,
    /// The session's place, which is free only when its connections are gone as well.
    pub(crate) slot: Option<Arc<OwnedSemaphorePermit>>,
    pub(crate) metrics: Arc<Metrics>,
}

impl Link {
    /// Starts to read from a connection and to write to it.
    pub(crate) fn start<S>(
        conn: Conn,
        socket: Socket<S>,
        (protocol, sender): (Protocol, Sender),
        ties: Ties,
        clock: Clock,
        limits: Limits,
    ) -> Self
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (orders, received) = mpsc::channel(ORDERS);
        let waiting = Arc::new(Waiting::new(ties.room, &ties.metrics));
        let pump = Pump {
            socket,
            orders: Some(received),
            waiting: Arc::clone(&waiting),
            sending: None,
            reads_first: false,
            // In plain mode nothing else keeps a client from asking without reading the answers.
            stops_reading: !protocol.is_offhook(),
            is_closing: false,
        };
        let held = (ties.slot, Share::one(&ties.metrics.connections));
        let task = tokio::spawn(run(conn, pump, ties.inbox, clock, limits, held));
        Self {
            orders,
            waiting,
            metrics: ties.metrics,
            task: task.abort_handle(),
            sender,
            proof_within: None,
            proofs: None,
            is_plain: !protocol.is_offhook(),
            closing: false,
            awaits_pong: false,
        }
    }

    pub(crate) fn send(&mut self, frame: Frame) -> Result<(), Stuck> {
        self.order(Order::Send(match frame {
            Frame::Text(text) => Message::Text(text.into()),
            Frame::Binary(bytes) => Message::Binary(bytes.into()),
        }))
    }

    pub(super) fn ping(&mut self) -> Result<(), Stuck> {
        self.miss_pong();
        self.awaits_pong = true;
        self.order(Order::Send(Message::Ping(Bytes::new())))
    }

    /// A pong came.
    pub(crate) const fn ponged(&mut self) {
        self.awaits_pong = false;
    }

    /// Sends a close frame, and waits for the client's.
    pub(crate) fn close(&mut self, close: Close) -> Result<(), Stuck> {
        if close.code == Close::HEARTBEAT_LOST {
            self.miss_pong();
        }
        self.metrics.closed_here(&close);
        self.closing = true;
        self.order(Order::Close(close))
    }

    /// Drops the connection as it is.
    pub(crate) fn abort(mut self) {
        if !self.closing {
            self.miss_pong();
            self.metrics.dropped();
        }
        self.task.abort();
    }

    /// Whether a close frame was sent: nothing that comes counts any more.
    pub(super) const fn is_closing(&self) -> bool {
        self.closing
    }

    /// Whether the client should read before the upstream is asked for more. Of `offhook.v1` the
    /// machine knows better, as the client acknowledges.
    pub(crate) fn is_backed_up(&self) -> bool {
        self.is_plain && !self.closing && self.waiting.is_much()
    }

    /// Who is at the other end.
    pub(super) const fn sender(&self) -> &Sender {
        &self.sender
    }

    /// A ping that was not answered never will be.
    fn miss_pong(&mut self) {
        if std::mem::take(&mut self.awaits_pong) {
            self.metrics.pongs_missed.inc();
        }
    }

    fn order(&mut self, order: Order) -> Result<(), Stuck> {
        let bytes = order.bytes();
        if self.waiting.more(bytes) > MAX_WAITING {
            return Err(Stuck);
        }
        match self.orders.try_send(order) {
            // One that has just ended will say so itself.
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => Ok(()),
            Err(mpsc::error::TrySendError::Full(_)) => Err(Stuck),
        }
    }
}

impl Order {
    fn bytes(&self) -> usize {
        match self {
            Self::Send(message) => message.len(),
            Self::Close(close) => close.reason.len(),
        }
    }
}

/// Reads and writes until the connection is over, and says so.
async fn run<S>(
    conn: Conn,
    mut pump: Pump<S>,
    inbox: Inbox,
    clock: Clock,
    limits: Limits,
    held: (Option<Arc<OwnedSemaphorePermit>>, Share),
) where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut room = None;
    let mut has_session = true;
    // When the message that is being sent has to be, and when the client has to have closed.
    let (mut sent_by, mut closed_by): (Option<Time>, Option<Time>) = (None, None);
    let closed = loop {
        let is_closing = closed_by.is_some();
        let reads = is_closing || room.is_some();
        let next = tokio::select! {
            permit = inbox.reserve(), if room.is_none() && has_session && !is_closing => {
                // Without a session there is nobody to read for; what it said last is still sent.
                has_session = permit.is_ok();
                room = permit.ok();
                continue;
            }
            next = poll_fn(|cx| pump.poll(cx, reads)) => next,
            () = clock.wait(sent_by) => Next::Gone(Gone::Stuck),
            () = clock.wait(closed_by) => break None,
        };
        match next {
            Next::Sending { closes } => {
                sent_by = Some(clock.now() + limits.write);
                if closes {
                    closed_by = Some(clock.now() + limits.close);
                }
            }
            Next::Sent => sent_by = None,
            Next::Heard(Heard::Closed(close)) => break close,
            Next::Heard(heard) => {
                // What comes after a close frame was sent is read to get to the client's.
                if let Some(room) = room.take_if(|_| !is_closing) {
                    room.send((conn, heard, clock.now()));
                }
            }
            // The session has ended; a client that was told is waited for.
            Next::LetGo if is_closing => {}
            Next::LetGo => break None,
            Next::Gone(gone) => {
                debug!(%conn, %gone, "a connection cannot be written to");
                break None;
            }
        }
    };
    match room {
        Some(room) => room.send((conn, Heard::Closed(closed), clock.now())),
        // A session that is gone does not mind.
        None => drop(inbox.send((conn, Heard::Closed(closed), clock.now())).await),
    }
    pump.socket.finish().await;
    drop(held);
}

/// Why nothing more can be sent.
#[derive(Debug)]
enum Gone {
    Stuck,
    Failed(tokio_tungstenite::tungstenite::Error),
}

impl fmt::Display for Gone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stuck => f.write_str("it does not read"),
            Self::Failed(error) => error.fmt(f),
        }
    }
}

enum Next {
    /// A message is on its way, a close frame perhaps.
    Sending {
        closes: bool,
    },
    Sent,
    Heard(Heard),
    /// The session does not want the connection any more.
    LetGo,
    Gone(Gone),
}

/// The two directions of a connection, which do not wait for each other.
struct Pump<S> {
    socket: Socket<S>,
    /// None once the session has let go.
    orders: Option<mpsc::Receiver<Order>>,
    waiting: Arc<Waiting>,
    /// The size of the message that is being sent.
    sending: Option<usize>,
    /// Whose turn it is, where both can go on.
    reads_first: bool,
    stops_reading: bool,
    /// A close frame was sent.
    is_closing: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Pump<S> {
    /// Whether the client has to read before it is listened to.
    fn is_held_back(&self) -> bool {
        self.stops_reading && !self.is_closing && self.waiting.is_much()
    }

    fn poll(&mut self, cx: &mut Context<'_>, reads: bool) -> Poll<Next> {
        self.reads_first = !self.reads_first;
        let reads = reads && !self.is_held_back();
        if self.reads_first
            && reads
            && let Poll::Ready(heard) = self.socket.poll_heard(cx)
        {
            return Poll::Ready(Next::Heard(heard));
        }
        if let Poll::Ready(next) = self.poll_write(cx) {
            return Poll::Ready(next);
        }
        if !self.reads_first && reads {
            return self.socket.poll_heard(cx).map(Next::Heard);
        }
        Poll::Pending
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<Next> {
        if let Some(bytes) = self.sending {
            return self.socket.poll_sent(cx).map(|sent| match sent {
                Ok(()) => {
                    self.sending = None;
                    self.waiting.less(bytes);
                    Next::Sent
                }
                Err(error) => Next::Gone(Gone::Failed(error)),
            });
        }
        let Some(orders) = &mut self.orders else {
            return Poll::Pending;
        };
        orders.poll_recv(cx).map(|order| {
            let Some(order) = order else {
                self.orders = None;
                return Next::LetGo;
            };
            let bytes = order.bytes();
            let (message, closes) = match order {
                Order::Send(message) => (message, false),
                Order::Close(close) => (close_message(close), true),
            };
            self.sending = Some(bytes);
            self.is_closing |= closes;
            match self.socket.send(message) {
                Ok(()) => Next::Sending { closes },
                Err(error) => Next::Gone(Gone::Failed(error)),
            }
        })
    }
}

#[cfg(test)]
#[path = "link_tests.rs"]
mod tests;
