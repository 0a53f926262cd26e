//! The sessions of a bridge, seen by whoever runs it.

use std::sync::Arc;
use std::time::Duration;

use crate::http::State;

/// The sessions of a bridge. A copy stands for the same ones.
#[derive(Debug, Clone)]
pub struct Sessions {
    pub(crate) state: Arc<State>,
}

/// A session as it is at the moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionInfo {
    /// Its id, as its client knows it.
    pub id: String,
    /// Whose it is.
    pub user: String,
    /// What it talks to.
    pub agent: String,
    /// Whether its client is there.
    pub state: SessionState,
    /// How long ago it began.
    pub age: Duration,
    /// How many connections it has had.
    pub generation: u32,
}

/// Whether a session's client is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionState {
    /// It is.
    Attached,
    /// It is not, and may come back.
    Waiting,
}

impl Sessions {
    /// Every session there is, in no order.
    #[must_use]
    pub fn list(&self) -> Vec<SessionInfo> {
        self.state.registry.list(self.state.clock.now())
    }

    /// Ends a session, closing its connection with 4403, and makes the tokens minted for it
    /// worthless. `reason` is a code for the client. Returns whether the session was here.
    pub fn revoke(&self, session_id: &str, reason: &str) -> bool {
        let now = self.state.clock.unix_ms() / 1000;
        self.state.registry.revoke(now, session_id, reason)
    }

    /// Does the same with all sessions of a user, and with the user's tokens minted until now.
    /// Returns how many sessions that were.
    pub fn revoke_user(&self, user: &str, reason: &str) -> usize {
        let now = self.state.clock.unix_ms() / 1000;
        self.state.registry.revoke_user(now, user, reason)
    }
}
