//! The server end of a session: what a bridge does with the connections of one call.
//!
//! Starts after the upgrade, which the bridge decides on by itself. Between the sockets and the
//! upstream this machine numbers, checks, acknowledges, keeps and times; it outlives connections,
//! so that a client whose line was cut goes on where it stopped.

mod io;

use alloc::collections::VecDeque;

pub use io::{Attach, Config, Input, Output, Received, TokenRefused};

use crate::Time;

/// The server end of one session.
#[derive(Debug)]
pub struct Server {
    config: Config,
    out: VecDeque<Output>,
}

impl Server {
    /// A session without a connection yet; [`Input::Attach`] has to follow.
    #[must_use]
    pub fn new(config: Config, now: Time) -> Self {
        let _ = now;
        Self {
            config,
            out: VecDeque::new(),
        }
    }

    /// Takes in what happened at `now`. Follow with [`Self::poll`] until it waits.
    pub fn handle(&mut self, now: Time, input: Input<'_>) {
        let _ = (now, input, &self.config);
    }

    /// The next thing to do, in order; call until it waits.
    pub fn poll(&mut self) -> Output {
        self.out.pop_front().unwrap_or(Output::Wait {
            until: None,
            why: "ended",
        })
    }

    /// Whether the upstream may say more. If not, leave it unread until this is true again: the
    /// client does not take what there is already.
    #[must_use]
    pub fn takes_upstream(&self) -> bool {
        true
    }
}
