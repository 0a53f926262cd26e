//! The sessions there are, by id, and what was revoked.

mod revoked;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Notify, mpsc, watch};
use tracing::info;

use crate::http::State;
use crate::metrics::Overflow;
use crate::session::{self, Newcomer, Start};
use crate::sessions::{SessionInfo, SessionState};
use offhook_proto::{Close, Time};
use revoked::Revoked;

/// Connections that may wait to be taken up by their session.
const NEWCOMERS: usize = 8;

/// The table of sessions. None is in it for longer than its task runs.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    inner: Mutex<Inner>,
    /// Told whenever a session changes or goes.
    changed: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    live: HashMap<String, Live>,
    revoked: Revoked,
    /// Tells a session from an earlier one of the same id.
    last: u64,
}

#[derive(Debug)]
struct Live {
    key: u64,
    user: String,
    agent: String,
    /// The thumbprint of the key of its client.
    jkt: Option<String>,
    /// Whether it can be taken up by a second connection.
    resumable: bool,
    started: Time,
    attached: bool,
    generation: u32,
    newcomers: mpsc::Sender<Newcomer>,
    /// The reason, once it is revoked.
    revoke: watch::Sender<Option<String>>,
}

/// Where a session stands in the table.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) id: String,
    key: u64,
}

impl Registry {
    /// Whether a client of `user` may take up the session `id` here.
    pub(crate) fn has(&self, id: &str, user: &str) -> bool {
        let inner = self.lock();
        let live = inner.live.get(id);
        live.is_some_and(|live| live.resumable && live.user == user)
    }

    /// Whether the session is another user's, or of another key.
    pub(crate) fn is_foreign(&self, id: &str, user: &str, jkt: Option<&str>) -> bool {
        let inner = self.lock();
        let live = inner.live.get(id);
        live.is_some_and(|live| live.user != user || live.jkt.as_deref() != jkt)
    }

    /// Whether at `now`, in s since the Unix epoch, what was minted at `minted` for the session is
    /// worth nothing any more.
    pub(crate) fn is_revoked(&self, now: u64, id: &str, user: &str, minted: Option<u64>) -> bool {
        self.lock().revoked.has(now, id, user, minted)
    }

    /// Hands a connection to the session it wants to go on with, if that is here, or makes one.
    pub(crate) fn enter(&self, state: &Arc<State>, mut newcomer: Newcomer) {
        let now = state.clock.unix_ms() / 1000;
        let mut inner = self.lock();
        let pass = &newcomer.pass;
        if inner
            .revoked
            .has(now, &pass.session, &pass.user, pass.minted)
        {
            return newcomer.refuse(state, Close::new(Close::REVOKED, "session.revoked"));
        }
        let live = inner.live.get(&pass.session);
        if let Some(live) = live.filter(|live| !live.newcomers.is_closed()) {
            if !pass.resumes || !live.resumable {
                // Two sessions of one id could not be told apart. The client learns of the new one.
                newcomer.pass.session = state.tokens.id("sess");
            } else if live.user != pass.user || live.agent != pass.agent {
                return newcomer.refuse(state, Close::new(Close::FORBIDDEN, "session.foreign"));
            } else if live.jkt.as_deref() != pass.jkt() {
                return newcomer.refuse(state, Close::new(Close::MISMATCH, "token.mismatch"));
            } else {
                match live.newcomers.try_send(newcomer) {
                    Ok(()) => return,
                    Err(TrySendError::Full(newcomer)) => {
                        state.metrics.overflowed(Overflow::Newcomers);
                        return newcomer.refuse(state, overloaded());
                    }
                    // It has just ended.
                    Err(TrySendError::Closed(returned)) => newcomer = returned,
                }
            }
        }
        let Some(slot) = newcomer.pass.slot.take().or_else(|| state.slot()) else {
            return newcomer.refuse(state, overloaded());
        };
        inner.last += 1;
        let pass = &newcomer.pass;
        let (sender, newcomers) = mpsc::channel(NEWCOMERS);
        let (revoke, revoked) = watch::channel(None);
        let entry = Entry {
            id: pass.session.clone(),
            key: inner.last,
        };
        let live = Live {
            key: entry.key,
            user: pass.user.clone(),
            agent: pass.agent.clone(),
            jkt: pass.jkt().map(ToOwned::to_owned),
            resumable: pass.protocol.is_offhook(),
            started: state.clock.now(),
            attached: false,
            generation: 0,
            newcomers: sender,
            revoke,
        };
        info!(session = entry.id, protocol = %pass.protocol, "accepted");
        state.metrics.sessions_started.inc();
        inner.live.insert(entry.id.clone(), live);
        drop(inner);
        let start = Start {
            entry,
            slot,
            newcomers,
            revoked,
        };
        tokio::spawn(session::run(Arc::clone(state), start, newcomer));
    }

    /// A connection was handed to the session.
    pub(crate) fn counted(&self, entry: &Entry) {
        self.change(entry, |live| {
            live.generation = live.generation.saturating_add(1);
        });
    }

    /// The session has a client now, or none.
    pub(crate) fn attached(&self, entry: &Entry, attached: bool) {
        self.change(entry, |live| live.attached = attached);
    }

    /// The session has ended.
    pub(crate) fn remove(&self, entry: &Entry) {
        let mut inner = self.lock();
        if inner
            .live
            .get(&entry.id)
            .is_some_and(|live| live.key == entry.key)
        {
            inner.live.remove(&entry.id);
        }
        drop(inner);
        self.changed.notify_waiters();
    }

    /// How many sessions have their client, and how many wait for it.
    pub(crate) fn count(&self) -> (usize, usize) {
        let inner = self.lock();
        let attached = inner.live.values().filter(|live| live.attached).count();
        (attached, inner.live.len() - attached)
    }

    /// Every session as it is at `now`, in no order.
    pub(crate) fn list(&self, now: Time) -> Vec<SessionInfo> {
        let inner = self.lock();
        let all = inner.live.iter().map(|(id, live)| SessionInfo {
            id: id.clone(),
            user: live.user.clone(),
            agent: live.agent.clone(),
            state: if live.attached {
                SessionState::Attached
            } else {
                SessionState::Waiting
            },
            age: now - live.started,
            generation: live.generation,
        });
        all.collect()
    }

    /// Revokes a session and what was minted for it. Returns whether it was here.
    pub(crate) fn revoke(&self, now: u64, id: &str, reason: &str) -> bool {
        let mut inner = self.lock();
        inner.revoked.session(now, id);
        let live = inner.live.get(id);
        live.map(|live| live.revoke.send_replace(Some(reason.to_owned())))
            .is_some()
    }

    /// Revokes a user's sessions and tokens as of `now`. Returns how many sessions that were.
    pub(crate) fn revoke_user(&self, now: u64, user: &str, reason: &str) -> usize {
        let mut inner = self.lock();
        inner.revoked.user(now, user);
        let mut revoked = 0;
        for live in inner.live.values().filter(|live| live.user == user) {
            live.revoke.send_replace(Some(reason.to_owned()));
            revoked += 1;
        }
        revoked
    }

    /// Whether a client is there that can be told to come back.
    pub(crate) fn can_be_told(&self) -> bool {
        let inner = self.lock();
        inner
            .live
            .values()
            .any(|live| live.resumable && live.attached)
    }

    /// Ready when there is none.
    pub(crate) async fn nobody_left(&self) {
        loop {
            let changed = self.changed.notified();
            if !self.can_be_told() {
                return;
            }
            changed.await;
        }
    }

    fn change(&self, entry: &Entry, change: impl FnOnce(&mut Live)) {
        let mut inner = self.lock();
        if let Some(live) = inner
            .live
            .get_mut(&entry.id)
            .filter(|live| live.key == entry.key)
        {
            change(live);
        }
        drop(inner);
        self.changed.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing under this lock panics half-way; a poisoned table is still whole.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn overloaded() -> Close {
    Close::new(Close::OVERLOADED, "server.overloaded;retry_after_ms=5000")
}
