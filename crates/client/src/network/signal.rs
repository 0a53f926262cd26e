//! The system's own word that something about its network changed.
//!
//! Linux: a netlink socket, through `netlink-sys` (MIT), which adds no crate but itself. `if-watch`
//! (MIT or Apache-2.0) tells of addresses only, and on Linux a link that is set down keeps them;
//! `netwatch` (the same) sees everything but brings 76 crates. On macOS and Windows addresses go
//! with their link, so there `if-watch` it is.

use std::io;

/// Something changed; what, nobody asks: the network is looked at anew.
pub(super) struct Signal(imp::Signal);

impl Signal {
    /// # Errors
    /// Where the system has no such signal, or denies it.
    pub(super) fn subscribe() -> io::Result<Self> {
        imp::Signal::subscribe().map(Self)
    }

    /// Waits for the next change. May be dropped and called again without loss.
    ///
    /// # Errors
    /// Where there will be no more signals.
    pub(super) async fn next(&mut self) -> io::Result<()> {
        self.0.next().await
    }
}

#[cfg(target_os = "linux")]
mod imp {
    use std::io;

    use netlink_sys::{AsyncSocket, AsyncSocketExt, SocketAddr, TokioSocket, protocols};

    // rtnetlink(7): link, IPv4 and IPv6 addresses, IPv4 and IPv6 routes.
    const GROUPS: u32 = 0x1 | 0x10 | 0x100 | 0x40 | 0x400;

    pub(super) struct Signal(TokioSocket);

    impl Signal {
        pub(super) fn subscribe() -> io::Result<Self> {
            let mut socket = TokioSocket::new(protocols::NETLINK_ROUTE)?;
            socket.socket_mut().bind(&SocketAddr::new(0, GROUPS))?;
            // More changes than fit are a change, not an error.
            socket.socket_mut().set_no_enobufs(true)?;
            Ok(Self(socket))
        }

        pub(super) async fn next(&mut self) -> io::Result<()> {
            // What is in the message does not matter, so what does not fit may go.
            let mut message = [0; 256];
            self.0.recv(&mut &mut message[..]).await
        }
    }
}

#[cfg(any(target_os = "macos", windows))]
mod imp {
    use std::future::poll_fn;
    use std::io;

    use if_watch::tokio::IfWatcher;

    pub(super) struct Signal(IfWatcher);

    impl Signal {
        pub(super) fn subscribe() -> io::Result<Self> {
            IfWatcher::new().map(Self)
        }

        pub(super) async fn next(&mut self) -> io::Result<()> {
            poll_fn(|cx| self.0.poll_if_event(cx)).await.map(drop)
        }
    }
}

#[cfg(not(any(target_os = "linux", target_os = "macos", windows)))]
mod imp {
    use std::io;

    pub(super) enum Signal {}

    impl Signal {
        pub(super) fn subscribe() -> io::Result<Self> {
            Err(io::ErrorKind::Unsupported.into())
        }

        pub(super) async fn next(&mut self) -> io::Result<()> {
            match *self {}
        }
    }
}
