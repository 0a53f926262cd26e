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
use crate::dpop::Prover;
use crate::endpoint::{Credential, Endpoint};
use crate::mint::{Minted, Order, mint};
use crate::sign_in::{Access, SignIn};

/// A token that is closer to its end than this is not used.
const FRESH: Duration = Duration::from_secs(5);

/// What to show to a server, and how long it is good for.
#[derive(Debug, Clone)]
pub struct Token {
    /// The token, or the key that needs none.
    pub value: SecretString,
    /// How much longer it is valid, at least; none where that is not known, or a key.
    pub expires_in: Option<Duration>,
    /// Has the key that the token is bound to, if it is.
    pub prover: Option<Arc<Prover>>,
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
    /// Proves to the token service.
    prover: Option<Arc<Prover>>,
}

/// A token for a session, with its end.
struct Kept {
    session: Option<String>,
    value: SecretString,
    prover: Option<Arc<Prover>>,
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
        if let Credential::Key(key) | Credential::ApiKey(key) = self.0.endpoint.credential() {
            return Ok(Token {
                value: key.clone(),
                expires_in: None,
                prover: None,
            });
        }
        let ended = self.0.ended.load(Ordering::Acquire);
        let mut last = self.0.last.lock().await;
        if let Some(shared) = last.shared(session, ended, self.0.clock.now()) {
            return shared;
        }
        let asked = self.0.clock.now();
        let bought = self.0.buy(&mut last.prover, session).await;
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
                prover: token.prover.clone(),
                expires,
            });
        }
        token.expires_in = Some(left);
        Ok(token)
    }
}

impl Source {
    /// Buys a token, with `known`'s proofs where the key is still that one.
    async fn buy(
        &self,
        known: &mut Option<Arc<Prover>>,
        session: Option<&str>,
    ) -> Result<Token, Failure> {
        let order = Order {
            access_token: None,
            bound: false,
            prover: None,
            agent: &self.agent,
            session,
            reusable: self.reuse == Reuse::UntilExpiry,
        };
        let minted = match self.endpoint.credential() {
            Credential::SignedIn(sign_in) => {
                return self.buy_signed_in(sign_in.as_ref(), known, order).await;
            }
            Credential::Mint { access_token } => {
                let access_token = access_token.as_ref();
                let order = Order {
                    access_token,
                    ..order
                };
                mint(&self.connector, &self.endpoint, order).await?
            }
            Credential::Key(_) | Credential::ApiKey(_) => {
                unreachable!("a key is handed out as it is")
            }
        };
        Ok(token(minted, None))
    }

    /// Buys a token in a user's name; where the access token is refused, once more with another one.
    async fn buy_signed_in(
        &self,
        sign_in: &dyn SignIn,
        known: &mut Option<Arc<Prover>>,
        order: Order<'_>,
    ) -> Result<Token, Failure> {
        let mut access = sign_in.access(None).await?;
        let mut renewed = false;
        loop {
            let prover = prover(known, &access);
            let order = Order {
                access_token: Some(&access.token),
                bound: access.bound,
                prover: Some(&prover),
                ..order
            };
            match mint(&self.connector, &self.endpoint, order).await {
                Ok(minted) => return Ok(token(minted, Some(prover))),
                Err(Failure::Refused { status: 401, .. }) if !renewed => {
                    access = sign_in.access(Some(&access.token)).await?;
                    renewed = true;
                }
                Err(failure) => return Err(failure),
            }
        }
    }
}

fn token(minted: Minted, prover: Option<Arc<Prover>>) -> Token {
    Token {
        value: minted.value,
        expires_in: minted.expires_in,
        prover,
    }
}

/// The prover of an access token's key; the known one remembers what the server wants.
fn prover(known: &mut Option<Arc<Prover>>, access: &Access) -> Arc<Prover> {
    let same = known.take_if(|known| known.key().thumbprint() == access.key.thumbprint());
    let prover = same.unwrap_or_else(|| Arc::new(Prover::new(Arc::clone(&access.key))));
    Arc::clone(known.insert(prover))
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
                prover: kept.prover.clone(),
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
