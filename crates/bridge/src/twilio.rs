//! Phone calls that come as Twilio Media Streams.
//!
//! ```text
//! Twilio ── POST /v1/twilio/voice ──▶ webhook.rs ── TwiML with a token for one stream
//!        ── GET /v1/twilio ─────────▶ stream.rs ─── whose start has that token ──┐
//!                                                                                ▼
//!                                     call.rs: telephony::Leg ◀──▶ Upstream, one task a call
//! ```
//!
//! Both requests are signed by Twilio with the account's auth token. Twilio connects a stream once; when
//! it breaks, the call goes on with the TwiML after it, which leads back to the webhook, and that to
//! another stream of the same call.

mod call;
mod stream;
mod webhook;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::routing::{get, post};
use offhook_telephony::Verifier;
use tokio::sync::mpsc;
use url::Url;

use crate::http::State;
use crate::token::random_text;
use crate::{Config, Error, TwilioConfig};
use call::Arrived;

/// How long Twilio has from the webhook's answer to the stream's start, in s.
const TOKEN_LIFE: u64 = 60;
/// How long the end of a call is remembered, in s: Twilio asks what comes next within moments.
const ENDED_FOR: u64 = 300;
/// Streams that may be announced, and ends that are remembered, at a time.
const MOST: usize = 10_000;

/// What all phone calls of a bridge share.
pub(crate) struct Phones {
    verifier: Verifier,
    /// The bridge's address for Twilio, without a slash at its end.
    base: String,
    config: TwilioConfig,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    /// Streams that were announced, by their token.
    announced: HashMap<String, Announced>,
    /// Calls that are up, by their CallSid.
    calls: HashMap<String, mpsc::Sender<Arrived>>,
    /// When calls ended that did so here, in s since the Unix epoch.
    ended: HashMap<String, u64>,
}

struct Announced {
    call_sid: String,
    agent: String,
    until: u64,
}

/// What is to be done with a call that Twilio asks about.
enum Next {
    /// It ended here.
    HangUp,
    /// It gets a stream, whose start has to have this token.
    Stream(String),
}

impl Phones {
    pub(crate) fn new(config: &Config) -> Result<Option<Self>, Error> {
        let (Some(twilio), Some(url)) = (&config.twilio, &config.public_url) else {
            return Ok(None);
        };
        let auth_token = twilio.auth_token();
        let auth_token = auth_token.map_err(|detail| Error::Twilio { detail })?;
        Ok(Some(Self {
            verifier: Verifier::new(&auth_token),
            base: Url::as_str(url).trim_end_matches('/').to_owned(),
            config: twilio.clone(),
            inner: Mutex::default(),
        }))
    }

    /// The address of a path, as Twilio signs it.
    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// The agent that answers at a number; the first one, if none does.
    fn agent<'c>(&'c self, number: &str, first: &'c str) -> &'c str {
        self.config
            .numbers
            .get(number)
            .map_or(first, String::as_str)
    }

    /// What is next for a call, at `now` in s since the Unix epoch.
    fn next(&self, now: u64, call_sid: &str, agent: &str) -> Result<Next, getrandom::Error> {
        let mut inner = self.lock();
        inner.forget(now);
        if inner.ended.contains_key(call_sid) || inner.announced.len() >= MOST {
            return Ok(Next::HangUp);
        }
        let token = random_text()?;
        inner.announced.insert(
            token.clone(),
            Announced {
                call_sid: call_sid.to_owned(),
                agent: agent.to_owned(),
                until: now + TOKEN_LIFE,
            },
        );
        Ok(Next::Stream(token))
    }

    /// The agent for a stream that starts with this token, which is worth nothing from then on.
    fn redeem(&self, now: u64, token: &str, call_sid: &str) -> Option<String> {
        let announced = self.lock().announced.remove(token)?;
        (announced.call_sid == call_sid && announced.until > now).then_some(announced.agent)
    }

    /// The call that is up under this name, or room for one that begins now.
    fn call(&self, call_sid: &str) -> Place {
        let mut inner = self.lock();
        if let Some(call) = inner.calls.get(call_sid).filter(|call| !call.is_closed()) {
            return Place::There(call.clone());
        }
        let (sender, arrived) = mpsc::channel(call::ARRIVED);
        inner.calls.insert(call_sid.to_owned(), sender.clone());
        Place::New(sender, arrived)
    }

    /// A call is over, and takes no more streams. Twilio hangs up if it asks again and it `ended`
    /// here.
    fn over(&self, now: u64, call_sid: &str, ended: bool) {
        let mut inner = self.lock();
        // Another one may have begun under its name.
        if inner
            .calls
            .get(call_sid)
            .is_some_and(mpsc::Sender::is_closed)
        {
            inner.calls.remove(call_sid);
        }
        if ended && inner.ended.len() < MOST {
            inner.ended.insert(call_sid.to_owned(), now);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing under this lock panics half-way.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn forget(&mut self, now: u64) {
        self.announced.retain(|_, announced| announced.until > now);
        self.ended.retain(|_, at| *at + ENDED_FOR > now);
    }
}

impl fmt::Debug for Phones {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Streams are announced by their tokens.
        f.debug_struct("Phones")
            .field("base", &self.base)
            .finish_non_exhaustive()
    }
}

/// Where a call is, or is to be.
enum Place {
    There(mpsc::Sender<Arrived>),
    New(mpsc::Sender<Arrived>, mpsc::Receiver<Arrived>),
}

/// The paths that Twilio asks for.
pub(crate) fn router() -> axum::Router<std::sync::Arc<State>> {
    axum::Router::new()
        .route(webhook::PATH, post(webhook::voice))
        .route(stream::PATH, get(stream::media))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phones() -> Phones {
        Phones {
            verifier: Verifier::new(&"secret".into()),
            base: String::new(),
            config: TwilioConfig::default(),
            inner: Mutex::default(),
        }
    }

    fn token(phones: &Phones, now: u64, call_sid: &str) -> Option<String> {
        match phones.next(now, call_sid, "test").unwrap() {
            Next::Stream(token) => Some(token),
            Next::HangUp => None,
        }
    }

    #[test]
    fn a_token_is_for_one_stream_of_its_call_and_not_for_long() {
        let phones = phones();
        let first = token(&phones, 0, "CA1").unwrap();
        assert_eq!(phones.redeem(0, &first, "CA2"), None);
        assert_eq!(phones.redeem(0, &first, "CA1"), None, "it was tried");
        let second = token(&phones, 0, "CA1").unwrap();
        assert_eq!(phones.redeem(TOKEN_LIFE, &second, "CA1"), None);
        let third = token(&phones, 0, "CA1").unwrap();
        assert_eq!(phones.redeem(59, &third, "CA1").as_deref(), Some("test"));
        assert_eq!(phones.redeem(59, &third, "CA1"), None);
        assert_eq!(phones.redeem(0, "guessed", "CA1"), None);
    }

    #[test]
    fn a_call_that_ended_here_is_hung_up_and_then_forgotten() {
        let phones = phones();
        phones.over(10, "CA1", true);
        phones.over(10, "CA2", false);
        assert!(token(&phones, 11, "CA1").is_none());
        assert!(token(&phones, 11, "CA2").is_some());
        assert!(token(&phones, 10 + ENDED_FOR, "CA1").is_some());
        assert_eq!(phones.lock().announced.len(), 1, "the older one is stale");
    }

    #[test]
    fn a_call_that_began_anew_is_not_forgotten_with_the_one_before() {
        let phones = phones();
        let begun = || match phones.call("CA1") {
            Place::New(_, arrivals) => Some(arrivals),
            Place::There(_) => None,
        };
        drop(begun());
        let second = begun().unwrap();
        phones.over(10, "CA1", false);
        assert!(begun().is_none(), "it is there");
        drop(second);
        phones.over(10, "CA1", false);
        assert!(phones.lock().calls.is_empty());
    }

    #[test]
    fn a_number_has_its_agent() {
        let mut phones = phones();
        let numbers = &mut phones.config.numbers;
        numbers.insert("+15550100".to_owned(), "sales".to_owned());
        assert_eq!(phones.agent("+15550100", "desk"), "sales");
        assert_eq!(phones.agent("+15550101", "desk"), "desk");
    }
}
