//! A provider that rotates refresh tokens, and does with its answers what the test says.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use offhook_signin::{Grant, Issuer, IssuerError, Refreshed, Work};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;

/// A provider with one user, which rotates refresh tokens and takes no token twice; within its reuse
/// interval, if it has one, it gives the same successor again.
#[derive(Debug)]
pub(crate) struct Provider {
    state: Mutex<State>,
    /// Requests that may be answered.
    pub(crate) answers: Semaphore,
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) current: u32,
    pub(crate) has_reuse_interval: bool,
    pub(crate) ended: bool,
    /// How many answers get lost on their way.
    pub(crate) lose: u32,
    pub(crate) requests: u32,
    pub(crate) reuses: u32,
    pub(crate) revoked: Vec<u32>,
    pub(crate) life: Duration,
}

pub(crate) const MANY: usize = 1_000_000;

impl Provider {
    pub(crate) fn new(has_reuse_interval: bool) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State {
                current: 1,
                has_reuse_interval,
                ended: false,
                lose: 0,
                requests: 0,
                reuses: 0,
                revoked: Vec::new(),
                life: Duration::from_secs(300),
            }),
            answers: Semaphore::new(MANY),
        })
    }

    pub(crate) fn with<T>(&self, what: impl FnOnce(&mut State) -> T) -> T {
        what(&mut self.state.lock().unwrap())
    }

    pub(crate) fn requests(&self) -> u32 {
        self.with(|state| state.requests)
    }
}

pub(crate) fn tokens(number: u32, life: Duration) -> Refreshed {
    Refreshed {
        access_token: format!("access-{number}").into(),
        bound: true,
        expires_in: life,
        refresh_token: Some(format!("refresh-{number}").into()),
    }
}

pub(crate) fn number(token: &SecretString) -> u32 {
    let (_, number) = token.expose_secret().split_once('-').unwrap();
    number.parse().unwrap()
}

impl State {
    fn refresh(&mut self, presented: u32) -> Result<Refreshed, IssuerError> {
        self.requests += 1;
        let ended = || {
            Err(IssuerError::Ended {
                detail: "invalid_grant".to_owned(),
            })
        };
        if self.ended {
            return ended();
        }
        if presented == self.current {
            self.current += 1;
        } else if self.has_reuse_interval && presented + 1 == self.current {
            self.reuses += 1;
        } else {
            self.ended = true;
            return ended();
        }
        if self.lose > 0 {
            self.lose -= 1;
            return Err(IssuerError::Away {
                detail: "the answer was lost".to_owned(),
            });
        }
        Ok(tokens(self.current, self.life))
    }
}

impl Issuer for Provider {
    fn refresh<'a>(&'a self, grant: &'a Grant) -> Work<'a, Refreshed> {
        let presented = number(grant.refresh_token().unwrap());
        Box::pin(async move {
            let outcome = self.with(|state| state.refresh(presented));
            self.answers.acquire().await.unwrap().forget();
            outcome
        })
    }

    fn revoke<'a>(&'a self, grant: &'a Grant) -> Work<'a, ()> {
        let token = number(grant.refresh_token().unwrap());
        Box::pin(async move {
            self.with(|state| state.revoked.push(token));
            Ok(())
        })
    }
}
