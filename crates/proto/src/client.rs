//! The client end of a session: one call, from the wish for it to its end.
//!
//! The machine says when to authorise, connect, send and close, and how long each may take; its
//! driver does it and reports back. A call outlives its connections: a line that goes is made again
//! and the session resumed where it stopped. What the caller says is kept until the far end is known
//! to have used it.

mod end;
mod io;

use alloc::collections::VecDeque;
use core::time::Duration;

pub use end::{Back, Cause, Direction, End, Failure, Gap, Step};
pub use io::{Config, Doing, Input, Network, Output, Received, State};

use crate::Time;

/// The client end of one call.
#[derive(Debug)]
pub struct Client {
    config: Config,
    out: VecDeque<Output>,
}

impl Client {
    /// A call that is wanted now.
    #[must_use]
    pub fn new(config: Config, now: Time) -> Self {
        let _ = now;
        Self {
            config,
            out: VecDeque::new(),
        }
    }

    /// How much of the caller's audio waits to be sent.
    #[must_use]
    pub fn waiting(&self) -> Duration {
        Duration::ZERO
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
}
