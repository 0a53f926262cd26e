//! A token for every attempt: bought one at a time, never handed out twice where it is good for
//! one use, never so late that it expires on the way.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use offhook_proto::Time;
use offhook_proto::client::Failure;
use secrecy::SecretString;
use tokio::sync::Mutex;

use crate::clock::Clock;
use crate::connect::Connector;
use crate::endpoint::{Credential, Endpoint};
use crate::mint::{Order, mint};

/// A token that is closer to its end than this is not used.
const FRESH: Duration = Duration::from_secs(5);

/// What to show to a server, and how long it is good for.
#[derive(Debug, Clone)]
pub struct Token {
    /// The token, or the key that needs none.
    pub value: SecretString,
    /// How much longer it is valid, at least; none where that is not known, or a key.
    pub expires_in: Option<Duration>,
}

/// How often a token may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reuse {
    /// For one connection, as the softphone does: a stolen one is worthless.
    Once,
    /// For any number of connections until it expires. The bridge is asked for such a token.
    UntilExpiry,
}

/// Where tokens for one agent come from; asked at every attempt to connect. Cheap to clone.
#[derive(Clone)]
pub struct Tokens(Arc<Source>);

struct Source {
    connector: Connector,
    endpoint: Endpoint,
    agent: String,
    reuse: Reuse,
    clock: Clock,
    /// How many requests have come to an end.
    ended: AtomicU64,
    /// Held by the one request that is under way. Who waits for it shares what can be shared.
    last: Mutex<Last>,
}

/// What the last requests came to.
#[derive(Default)]
struct Last {
    token: Option<Kept>,
    failure: Option<Failed>,
}

/// A token for a session, with its end.
struct Kept {
    session: Option<String>,
    value: SecretString,
    expires: Time,
}

/// A failure to get one, and which request's it was.
struct Failed {
    session: Option<String>,
    request: u64,
    failure: Failure,
}

impl Tokens {
    /// Tokens for `agent` at `endpoint`, bought through `connector`.
    #[must_use]
    pub fn new(connector: Connector, endpoint: Endpoint, agent: String, reuse: Reuse) -> Self {
        Self(Arc::new(Source {
            connector,
            endpoint,
            agent,
            reuse,
            clock: Clock::start(),
            ended: AtomicU64::new(0),
            last: Mutex::default(),
        }))
    }

    /// A token for a new session, or for resuming `session`. It is good for at least 5 s more,
    /// where its end is known.
    ///
    /// Never more than one request is under way. Who asks meanwhile waits for it and shares its
    /// failure, or its token where that may be used again; otherwise the next request is made for
    /// them. May be dropped at any point.
    ///
    /// # Errors
    /// Why none could be had. The next one who asks tries again.
    pub async fn token(&self, session: Option<&str>) -> Result<Token, Failure> {
        let access_token = match self.0.endpoint.credential() {
            Credential::Key(key) => {
                return Ok(Token {
                    value: key.clone(),
                    expires_in: None,
                });
            }
            Credential::Mint { access_token } => access_token.as_ref(),
        };
        let ended = self.0.ended.load(Ordering::Acquire);
        let mut last = self.0.last.lock().await;
        if let Some(shared) = last.shared(session, ended, self.0.clock.now()) {
            return shared;
        }
        let asked = self.0.clock.now();
        let bought = self.0.buy(access_token, session).await;
        let request = self.0.ended.fetch_add(1, Ordering::AcqRel) + 1;
        last.failure = bought.as_ref().err().map(|failure| Failed {
            session: session.map(str::to_owned),
            request,
            failure: failure.clone(),
        });
        let mut token = bought?;
        let Some(lifetime) = token.expires_in else {
            return Ok(token);
        };
        // Counted from before the request: its way here was part of its life.
        let expires = asked + lifetime;
        let left = expires.since(self.0.clock.now());
        if left < FRESH {
            return Err(Failure::NotTheProtocol {
                detail: format!(
                    "the token service's token expires in {:.1} s, too soon to be used",
                    left.as_secs_f32()
                ),
            });
        }
        if self.0.reuse == Reuse::UntilExpiry {
            last.token = Some(Kept {
                session: session.map(str::to_owned),
                value: token.value.clone(),
                expires,
            });
        }
        token.expires_in = Some(left);
        Ok(token)
    }
}

impl Source {
    async fn buy(
        &self,
        access_token: Option<&SecretString>,
        session: Option<&str>,
    ) -> Result<Token, Failure> {
        let order = Order {
            access_token,
            agent: &self.agent,
            session,
            reusable: self.reuse == Reuse::UntilExpiry,
        };
        mint(&self.connector, &self.endpoint, order).await
    }
}

impl Last {
    /// What another request than the caller's own came to, where that serves the caller, who asked
    /// when `ended` requests had come to an end.
    fn shared(
        &self,
        session: Option<&str>,
        ended: u64,
        now: Time,
    ) -> Option<Result<Token, Failure>> {
        if let Some(failed) = &self.failure
            && failed.request > ended
            && failed.session.as_deref() == session
        {
            return Some(Err(failed.failure.clone()));
        }
        let kept = self.token.as_ref()?;
        let left = kept.expires.since(now);
        (kept.session.as_deref() == session && left >= FRESH).then(|| {
            Ok(Token {
                value: kept.value.clone(),
                expires_in: Some(left),
            })
        })
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens")
            .field("agent", &self.0.agent)
            .field("reuse", &self.0.reuse)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "token_tests.rs"]
mod tests;
