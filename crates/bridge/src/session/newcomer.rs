//! A connection that was let in, on its way to its session.

use std::fmt;

use offhook_proto::{Close, Protocol, Time};
use tokio::sync::OwnedSemaphorePermit;

use super::socket::{Client, Socket};
use crate::fingerprint::{Mismatch, Sender};
use crate::http::State;
use crate::proof::Target;

/// What a client was let in with, and what was agreed on the upgrade.
#[derive(Debug)]
pub(crate) struct Pass {
    /// When it was asked for.
    pub(crate) begun: Time,
    /// The session it is for.
    pub(crate) session: String,
    /// Whether the client asked for that session, to go on with it.
    pub(crate) resumes: bool,
    pub(crate) user: String,
    pub(crate) agent: String,
    /// When its token was minted, in s since the Unix epoch; none for the access token.
    pub(crate) minted: Option<u64>,
    /// When its token expires; none if it does not.
    pub(crate) expires_at: Option<Time>,
    /// The thumbprint of the key that its token is bound to, and the address that proofs of it name.
    pub(crate) key: Option<(String, Target)>,
    /// Room for the session, where one has to be made.
    pub(crate) slot: Option<OwnedSemaphorePermit>,
    /// The model the client asked for; the agent's name if none.
    pub(crate) model: String,
    pub(crate) protocol: Protocol,
    pub(crate) shape: Shape,
    pub(crate) sender: Sender,
    /// How it differs from the one its token was minted by.
    pub(crate) mismatch: Option<Mismatch>,
}

impl Pass {
    /// The thumbprint of the key that its token is bound to.
    pub(crate) fn jkt(&self) -> Option<&str> {
        self.key.as_ref().map(|(jkt, _)| jkt.as_str())
    }
}

/// Which API the client was written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// The one served here.
    Ga,
    /// The one before it, which has ended.
    Beta,
}

/// A connection on its way to its session.
pub(crate) struct Newcomer {
    pub(crate) socket: Socket<Client>,
    pub(crate) pass: Pass,
}

impl Newcomer {
    /// Closes the connection. There is no session to do it.
    pub(crate) fn refuse(self, state: &State, close: Close) {
        state.metrics.refused_late(&close);
        tokio::spawn(self.socket.refuse(close));
    }
}

impl fmt::Debug for Newcomer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Newcomer").field(&self.pass).finish()
    }
}
