//! Where connections come in, and what becomes of them there.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::task::yield_now;

use super::{Arrivals, Shared, connection};

/// Connections that may wait to be accepted.
pub(super) const BACKLOG: u32 = 4096;

/// A change of what becomes of new connections, and whom to tell that it holds.
pub(super) type Order = (Arrivals, SyncSender<io::Result<()>>);

/// Takes connections and orders until the relay is gone.
pub(super) async fn accept(shared: Arc<Shared>, mut ear: Ear, mut orders: mpsc::Receiver<Order>) {
    let mut arrivals = Arrivals::Forwarded;
    loop {
        tokio::select! {
            biased;
            order = orders.recv() => {
                let Some((next, done)) = order else { return };
                arrivals = next;
                match ear.set(arrivals != Arrivals::Unheard) {
                    Ok(changed) => {
                        ear = changed;
                        // Whoever ordered it waits.
                        drop(done.send(Ok(())));
                    }
                    Err(error) => {
                        drop(done.send(Err(error)));
                        return;
                    }
                }
            }
            stream = ear.next() => {
                let (connection, fate) = shared.enter();
                let shared = Arc::clone(&shared);
                tokio::spawn(async move {
                    connection::run(&shared, connection, stream, arrivals, fate).await;
                    let now = shared.clock.elapsed();
                    shared.connections()[connection].record.ended = Some(now);
                });
            }
        }
    }
}

/// Where connections come in.
pub(super) enum Ear {
    /// They are accepted.
    Open(TcpListener),
    /// Nobody listens, but the port is kept.
    Shut(TcpSocket),
}

impl Ear {
    async fn next(&self) -> TcpStream {
        match self {
            Self::Open(listener) => loop {
                match listener.accept().await {
                    Ok((stream, _)) => return stream,
                    // Out of files, or the other side is gone already.
                    Err(_) => yield_now().await,
                }
            },
            Self::Shut(_) => std::future::pending().await,
        }
    }

    fn set(self, open: bool) -> io::Result<Self> {
        match (self, open) {
            (Self::Open(listener), false) => {
                let address = listener.local_addr()?;
                drop(listener);
                Ok(Self::Shut(bound(address)?))
            }
            (Self::Shut(socket), true) => Ok(Self::Open(socket.listen(BACKLOG)?)),
            (ear, _) => Ok(ear),
        }
    }
}

/// A socket that has its port, and can listen there.
pub(super) fn bound(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}
