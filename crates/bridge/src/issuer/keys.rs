//! An issuer's keys: fetched once for all who wait, kept while they are good, and asked for again
//! when a token names one that is not known.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jsonwebtoken::jwk::Jwk;
use offhook_proto::Time;
use tracing::{info, warn};
use url::Url;

use super::fetch::{Failed, Http};
use crate::clock::Clock;
use crate::{Error, IssuerConfig};

/// How long nothing is asked on account of a key that is not known. Anyone can name one.
const UNKNOWN_EVERY: Duration = Duration::from_secs(30);
/// How long an issuer that could not be reached is left alone.
const FAILED_EVERY: Duration = Duration::from_secs(5);

/// Why there is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoKey {
    /// The issuer has none of this name.
    Unknown,
    /// Nobody knows: it could never be reached.
    Unreachable,
}

/// The keys of one issuer.
#[derive(Debug)]
pub(super) struct Keys {
    /// None if they never change.
    source: Option<Source>,
    cache: Mutex<Cache>,
    /// Whoever fetches; the others wait for what comes of it.
    fetching: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct Source {
    http: Http,
    issuer: String,
    jwks_uri: Option<Url>,
}

#[derive(Debug, Default)]
struct Cache {
    keys: Option<Vec<Jwk>>,
    /// From then on they are asked for again; they count meanwhile.
    stale_at: Option<Time>,
    /// When they were last asked for in vain, and for a key that was not known.
    failed_at: Option<Time>,
    unknown_at: Option<Time>,
}

impl Keys {
    /// Those of an issuer, which is not asked yet.
    pub(super) fn of(config: &IssuerConfig) -> Result<Self, Error> {
        Ok(Self {
            source: Some(Source {
                http: Http::new()?,
                issuer: config.issuer.clone(),
                jwks_uri: config.jwks_uri.clone(),
            }),
            cache: Mutex::default(),
            fetching: tokio::sync::Mutex::default(),
        })
    }

    /// This one, for ever.
    pub(super) fn fixed(key: Jwk) -> Self {
        Self {
            source: None,
            cache: Mutex::new(Cache {
                keys: Some(vec![key]),
                ..Cache::default()
            }),
            fetching: tokio::sync::Mutex::default(),
        }
    }

    /// The key of this name.
    pub(super) async fn find(&self, clock: Clock, kid: &str) -> Result<Jwk, NoKey> {
        let Some(source) = &self.source else {
            return self.lock().get(kid);
        };
        if let Some(key) = self.lock().fresh(clock.now(), kid) {
            return Ok(key);
        }
        let known = self.lock().named(kid);
        let _single = match (known, self.fetching.try_lock()) {
            (_, Ok(single)) => single,
            // It is old, and good until something else is known: nobody has to wait for that.
            (Some(key), Err(_)) => return Ok(key),
            (None, Err(_)) => self.fetching.lock().await,
        };
        // It may have come while others were waited for.
        if let Some(key) = self.lock().fresh(clock.now(), kid) {
            return Ok(key);
        }
        if !self.lock().may_fetch(clock.now(), kid) {
            return self.lock().get(kid);
        }
        match source.fetch().await {
            Ok((keys, life)) => {
                info!(issuer = %source.issuer, keys = keys.len(), "fetched an issuer's keys");
                let mut cache = self.lock();
                cache.keys = Some(keys);
                cache.stale_at = Some(clock.now() + life);
                cache.failed_at = None;
            }
            Err(error) => {
                warn!(issuer = %source.issuer, %error, "an issuer's keys cannot be had");
                self.lock().failed_at = Some(clock.now());
            }
        }
        self.lock().get(kid)
    }

    fn lock(&self) -> MutexGuard<'_, Cache> {
        // Nothing under this lock panics half-way; a poisoned cache is still whole.
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Source {
    async fn fetch(&self) -> Result<(Vec<Jwk>, Duration), Failed> {
        let discovered = match &self.jwks_uri {
            Some(known) => known.clone(),
            None => self.http.discover(&self.issuer).await?,
        };
        self.http.keys(&discovered).await
    }
}

impl Cache {
    fn named(&self, kid: &str) -> Option<Jwk> {
        let is = |key: &&Jwk| key.common.key_id.as_deref() == Some(kid);
        self.keys.as_ref()?.iter().find(is).cloned()
    }

    fn get(&self, kid: &str) -> Result<Jwk, NoKey> {
        let none = if self.keys.is_some() {
            NoKey::Unknown
        } else {
            NoKey::Unreachable
        };
        self.named(kid).ok_or(none)
    }

    /// The key, if nobody has to be asked.
    fn fresh(&self, now: Time, kid: &str) -> Option<Jwk> {
        let is_fresh = self.stale_at.is_some_and(|at| now < at);
        self.named(kid).filter(|_| is_fresh)
    }

    /// Whether the issuer may be asked now; if that is for a key which is not known, it counts.
    fn may_fetch(&mut self, now: Time, kid: &str) -> bool {
        let within = |at: Option<Time>, time| at.is_some_and(|at| now < at + time);
        if within(self.failed_at, FAILED_EVERY) {
            return false;
        }
        let is_fresh = self.stale_at.is_some_and(|at| now < at);
        if is_fresh && self.named(kid).is_none() {
            if within(self.unknown_at, UNKNOWN_EVERY) {
                return false;
            }
            self.unknown_at = Some(now);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Time {
        Time::from_start(Duration::from_secs(seconds))
    }

    fn key(kid: &str) -> Jwk {
        let key = serde_json::json!({
            "kty": "EC", "crv": "P-256", "kid": kid,
            "x": "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs",
            "y": "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA",
        });
        serde_json::from_value(key).unwrap()
    }

    #[test]
    fn a_key_nobody_knows_is_asked_for_at_most_every_half_minute() {
        let mut cache = Cache {
            keys: Some(vec![key("a")]),
            stale_at: Some(at(300)),
            ..Cache::default()
        };
        assert!(cache.fresh(at(0), "a").is_some());
        assert!(cache.may_fetch(at(0), "b"));
        assert!(!cache.may_fetch(at(29), "c"));
        assert!(cache.may_fetch(at(30), "c"));
        assert_eq!(cache.get("b").unwrap_err(), NoKey::Unknown);
    }

    #[test]
    fn old_keys_count_while_the_issuer_is_away() {
        let mut cache = Cache {
            keys: Some(vec![key("a")]),
            stale_at: Some(at(300)),
            ..Cache::default()
        };
        assert!(cache.fresh(at(300), "a").is_none());
        assert!(cache.may_fetch(at(300), "a"));
        cache.failed_at = Some(at(300));
        assert!(!cache.may_fetch(at(304), "a"));
        assert!(cache.get("a").is_ok());
        assert!(cache.may_fetch(at(305), "a"));
        let mut nothing = Cache::default();
        assert!(nothing.may_fetch(at(0), "a"));
        assert_eq!(nothing.get("a").unwrap_err(), NoKey::Unreachable);
    }
}
