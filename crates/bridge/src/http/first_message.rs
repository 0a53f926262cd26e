//! Credentials that come as the first message: connections that are nobody's until then.
//!
//! Whoever wants may open one, so each is allowed little and not for long, and there are few.

use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use offhook_proto::Close;
use offhook_proto::wire::server::Error;
use offhook_proto::wire::{Envelope, ErrorDetail, ServerEvent, Token};
use serde::Deserialize;
use tokio::time::timeout;
use tracing::debug;

use super::State;
use super::admission::{Asked, admit, authorise};
use super::counting::LEFT;
use crate::credential::Method;
use crate::fingerprint::Place;
use crate::session::{Client, Heard, Newcomer, Pass, Socket};

/// How long a client has, from the upgrade on, whatever it sends meanwhile.
const DEADLINE: Duration = Duration::from_secs(5);
/// The longest message, in bytes, and the frame around it (RFC 6455 section 5.2).
const MAX_MESSAGE: usize = 4096 + 14;
/// How many such connections there may be at a time.
const MAX: usize = 64;
/// How many of them may come from one place.
const MAX_FROM_ONE: usize = 8;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Auth {
    r#type: String,
    token: Token,
}

/// How many connections have not shown a credential yet, from where.
#[derive(Debug, Default)]
pub(crate) struct Strangers {
    from: Mutex<HashMap<Option<Place>, usize>>,
}

/// One of them. It makes room for another when dropped.
#[derive(Debug)]
pub(crate) struct Stranger {
    all: Arc<Strangers>,
    place: Option<Place>,
}

impl Strangers {
    /// Counts one more, if there is room.
    pub(crate) fn admit(self: &Arc<Self>, place: Option<Place>) -> Option<Stranger> {
        let mut from = self.lock();
        let here = from.get(&place).copied().unwrap_or(0);
        // Where the place is not known, all of them look as if they came from one.
        let crowded = here >= MAX_FROM_ONE && place.is_some();
        if crowded || from.values().sum::<usize>() >= MAX {
            return None;
        }
        from.insert(place, here + 1);
        Some(Stranger {
            all: Arc::clone(self),
            place,
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Option<Place>, usize>> {
        // Nothing under this lock panics half-way; a poisoned table is still whole.
        self.from.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        let mut from = self.all.lock();
        if let Some(here) = from.get_mut(&self.place) {
            *here -= 1;
            if *here == 0 {
                from.remove(&self.place);
            }
        }
    }
}

/// Waits for the credential, and hands the connection on or closes it.
pub(super) async fn hear(
    state: Arc<State>,
    upgrade: OnUpgrade,
    mut asked: Asked,
    stranger: Stranger,
) {
    let mut socket = match timeout(DEADLINE, upgrade).await {
        Ok(Ok(upgraded)) => Socket::new(TokioIo::new(upgraded), Some(MAX_MESSAGE)).await,
        Ok(Err(error)) => {
            state.metrics.refused(LEFT);
            return debug!(%error, "the client left before its upgrade");
        }
        Err(_) => {
            state.metrics.refused(LEFT);
            return debug!("the client left its upgrade unread");
        }
    };
    let heard = tokio::select! {
        heard = timeout(DEADLINE, poll_fn(|cx| socket.poll_heard(cx))) => heard,
        () = state.shutdown() => Ok(Heard::Closed(None)),
    };
    // How long the client took to speak says nothing of the bridge.
    asked.begun = state.clock.now();
    let refusal = match heard.map(|heard| read(&heard)) {
        Ok(Ok(token)) => match let_in(&state, &asked, &token).await {
            Ok(pass) => {
                drop(stranger);
                socket.trust();
                return state.registry.enter(&state, Newcomer { socket, pass });
            }
            Err(refusal) => refusal,
        },
        Ok(Err(refusal)) => refusal,
        Err(_) => Refusal::close(Close::AUTH_TIMEOUT, "auth.timeout"),
    };
    refuse(&state, socket, refusal).await;
}

/// Why a connection stays nobody's.
struct Refusal {
    error: Option<Box<ErrorDetail>>,
    close: Close,
    /// The code of the problem, where that is the reason.
    code: Option<&'static str>,
}

impl Refusal {
    fn close(code: u16, reason: &str) -> Self {
        Self {
            error: None,
            close: Close::new(code, reason),
            code: None,
        }
    }
}

fn read(heard: &Heard) -> Result<Token, Refusal> {
    let text = match heard {
        Heard::Text(text) => text,
        Heard::TooBig => return Err(Refusal::close(Close::TOO_BIG, "auth.too_big")),
        Heard::Binary(_) | Heard::Ping | Heard::Pong => {
            return Err(Refusal::close(Close::POLICY, "auth.expected"));
        }
        Heard::Closed(_) => return Err(Refusal::close(Close::GOING_AWAY, "auth.closed")),
    };
    match serde_json::from_str::<Auth>(text.as_str()) {
        Ok(auth) if auth.r#type == "auth" => Ok(auth.token),
        _ => Err(Refusal::close(Close::POLICY, "auth.expected")),
    }
}

async fn let_in(state: &Arc<State>, asked: &Asked, token: &Token) -> Result<Pass, Refusal> {
    let now = state.clock.unix_ms() / 1000;
    let holder = authorise(state, now, asked, Method::FirstMessage, token.secret()).await;
    let admitted = holder.and_then(|holder| admit(state, now, asked, &holder));
    admitted.map_err(|problem| {
        let (error, close) = problem.after_upgrade();
        Refusal {
            error: Some(Box::new(error)),
            close,
            code: Some(problem.code()),
        }
    })
}

async fn refuse(state: &State, socket: Socket<Client>, refusal: Refusal) {
    match refusal.code {
        Some(code) => {
            state.metrics.refused(code);
            state.metrics.unproved(code);
        }
        None => state.metrics.refused_late(&refusal.close),
    }
    debug!(close = ?refusal.close, "a connection showed no credential that counts");
    let text = refusal.error.map(|error| {
        let event = Error {
            error: *error,
            ..Error::default()
        };
        let mut event = Envelope::from(ServerEvent::from(event));
        event.event_id = Some(state.tokens.id("event"));
        event.encode()
    });
    socket.say_and_refuse(text, refusal.close).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_are_few_and_fewer_from_one_place() {
        let all = Arc::<Strangers>::default();
        let place = |n: u8| Some(Place::V4([192, 0, 2, n]));
        let mut here: Vec<_> = (0..MAX_FROM_ONE)
            .map(|_| all.admit(place(1)).unwrap())
            .collect();
        assert!(all.admit(place(1)).is_none());
        here.pop();
        here.push(all.admit(place(1)).unwrap());
        for n in 2..=8 {
            here.extend((0..MAX_FROM_ONE).map(|_| all.admit(place(n)).unwrap()));
        }
        assert_eq!(here.len(), MAX);
        assert!(all.admit(place(9)).is_none() && all.admit(None).is_none());
        drop(here);
        assert!(all.lock().is_empty());
        // Without places only all of them together are limited.
        let here: Vec<_> = (0..MAX).map(|_| all.admit(None).unwrap()).collect();
        assert!(all.admit(None).is_none());
        drop(here);
    }

    #[test]
    fn only_the_token_is_a_first_message() {
        let close = |heard| read(&heard).map_err(|refusal| refusal.close.code).err();
        let text = |text: &'static str| close(Heard::Text(text.into()));
        assert_eq!(text(r#"{"type":"auth","token":"ek_1"}"#), None);
        for other in [
            r#"{"type":"auth"}"#,
            r#"{"type":"auth","token":1}"#,
            r#"{"type":"session.update","token":"ek_1"}"#,
            r#"{"type":"auth","token":"ek_1","more":1}"#,
            "",
        ] {
            assert_eq!(text(other), Some(1008), "{other}");
        }
        assert_eq!(close(Heard::Ping), Some(1008));
        assert_eq!(close(Heard::Pong), Some(1008));
        assert_eq!(close(Heard::Binary(vec![0].into())), Some(1008));
        assert_eq!(close(Heard::TooBig), Some(1009));
    }
}
