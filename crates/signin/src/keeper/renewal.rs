//! The one refresh: under the machine's lock, noted before it is sent, kept before it is used.

use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use offhook_client::Access;
use secrecy::SecretString;
use tokio::sync::watch;

use super::{Inner, Outcome, State};
use crate::access::AccessError;
use crate::clock::{pause, unix_ms};
use crate::grant::{Grant, GrantError};
use crate::issuer::IssuerError;
use crate::lock::{Lock, LockError};
use crate::standing::{Moment, Standing};

/// The waits between tries to have an answer that may have been lost: most within a reuse interval
/// of a minute.
const RETRIES: [Duration; 6] = [
    Duration::from_millis(250),
    Duration::from_secs(1),
    Duration::from_secs(3),
    Duration::from_secs(10),
    Duration::from_secs(30),
    Duration::from_secs(120),
];

impl Inner {
    /// What is in memory, if that will do. Where little is left of it, another one is asked for in
    /// the background.
    pub(super) fn at_hand(
        self: &Arc<Self>,
        refused: Option<&SecretString>,
    ) -> Result<Option<Access>, AccessError> {
        let now = unix_ms();
        let (access, stale) = {
            let state = self.state();
            let Some(grant) = &state.grant else {
                return Err(AccessError::SignedOut);
            };
            let Some((token, bound)) = grant.access(now, refused) else {
                return Ok(None);
            };
            let access = Access {
                token: token.clone(),
                bound,
                key: grant.key().map_err(|_| GrantError::Unreadable)?,
            };
            (
                access,
                grant.is_stale(now) && grant.refresh_token().is_some(),
            )
        };
        if stale {
            self.renew_in_background();
        }
        Ok(Some(access))
    }

    pub(super) fn renew_in_background(self: &Arc<Self>) {
        let inner = Arc::clone(self);
        tokio::spawn(async move { inner.renew(None).await });
    }

    /// Waits for the refresh that is under way, or for a new one.
    pub(super) async fn renew(self: &Arc<Self>, refused: Option<SecretString>) -> Outcome {
        let mut renewing = {
            let mut state = self.state();
            match &state.renewing {
                Some(renewing) => renewing.clone(),
                None => {
                    let (sender, renewing) = watch::channel(None);
                    state.renewing = Some(renewing.clone());
                    let inner = Arc::clone(self);
                    tokio::spawn(async move {
                        let outcome = inner.renew_here(refused.as_ref()).await;
                        inner.state().renewing = None;
                        if matches!(outcome, Err(AccessError::Issuer(IssuerError::Away { .. }))) {
                            inner.recover();
                        }
                        sender.send_replace(Some(outcome));
                    });
                    renewing
                }
            }
        };
        let outcome = renewing.wait_for(Option::is_some).await;
        let outcome = outcome.map(|outcome| outcome.clone());
        outcome.ok().flatten().unwrap_or_else(|| {
            Err(AccessError::Issuer(IssuerError::Away {
                detail: "the refresh was interrupted".to_owned(),
            }))
        })
    }

    /// The one refresh of this process.
    pub(super) async fn renew_here(self: &Arc<Self>, refused: Option<&SecretString>) -> Outcome {
        let lock = self.lock().await?;
        self.tell(Moment::Locked);
        let mut grant = self.newest().await?;
        // Somebody else has brought it while we waited.
        if !grant.is_in_use()
            && grant.access(unix_ms(), refused).is_some()
            && !grant.is_stale(unix_ms())
        {
            self.set(Some(grant), false);
            return Ok(());
        }
        if grant.refresh_token().is_none() {
            if !grant.is_over() {
                // It was good for as long as its access token.
                grant.end();
                self.keep(&grant).await?;
            }
            self.set(Some(grant), false);
            return Err(AccessError::Ended);
        }
        grant.note_use(unix_ms());
        self.keep(&grant).await?;
        self.set(Some(grant.clone()), false);
        self.tell(Moment::Noted);
        let refreshed = self.config.issuer.refresh(&grant).await;
        self.tell(Moment::Answered);
        let outcome = match refreshed {
            Ok(refreshed) => {
                grant.renew(refreshed, unix_ms());
                Ok(())
            }
            Err(IssuerError::Ended { detail }) => {
                tracing::warn!("the sign-in has ended: {detail}");
                grant.end();
                Err(AccessError::Ended)
            }
            Err(error) => return Err(AccessError::Issuer(error)),
        };
        let kept = self.keep(&grant).await;
        if let Err(error) = &kept {
            tracing::error!("the renewed sign-in is in memory only: {error}");
        }
        self.set(Some(grant), kept.is_err());
        self.tell(Moment::Kept);
        drop(lock);
        outcome
    }

    /// The grant as it is kept. One that could not be kept before is kept first.
    pub(super) async fn newest(&self) -> Result<Grant, AccessError> {
        let unsaved = {
            let state = self.state();
            state.grant.clone().filter(|_| state.unsaved)
        };
        if let Some(grant) = unsaved {
            self.keep(&grant).await?;
            self.set(Some(grant.clone()), false);
            return Ok(grant);
        }
        let Some(grant) = self.read().await? else {
            // Signed out by another process.
            self.set(None, false);
            return Err(AccessError::SignedOut);
        };
        Ok(grant)
    }

    /// Asks again in the background for an answer that may have been lost, until there is one.
    pub(super) fn recover(self: &Arc<Self>) {
        if std::mem::replace(&mut self.state().recovering, true) {
            return;
        }
        let inner = Arc::clone(self);
        tokio::spawn(async move {
            for wait in RETRIES {
                pause(wait).await;
                let in_use = inner.state().grant.as_ref().is_some_and(Grant::is_in_use);
                if !in_use {
                    break;
                }
                let outcome = inner.renew(None).await;
                if !matches!(outcome, Err(AccessError::Issuer(IssuerError::Away { .. }))) {
                    break;
                }
            }
            inner.state().recovering = false;
        });
    }

    pub(super) async fn revoke(&self, grant: &Grant) {
        if let Err(error) = self.config.issuer.revoke(grant).await {
            tracing::warn!("the sign-in service was not told of the sign-out: {error}");
        }
    }

    pub(super) async fn lock(&self) -> Result<Lock, AccessError> {
        let path = self.config.locks.join(format!("{}.lock", self.entry()));
        let lock = Lock::take(&path).await;
        lock.map_err(|error: LockError| AccessError::Lock(error.to_string()))
    }

    pub(super) async fn read(&self) -> Result<Option<Grant>, AccessError> {
        let kept = self.config.vault.read(&self.entry()).await;
        let kept = kept.map_err(AccessError::Vault)?;
        Ok(kept.as_ref().map(Grant::read).transpose()?)
    }

    pub(super) async fn keep(&self, grant: &Grant) -> Result<(), AccessError> {
        let bytes = grant.to_bytes();
        let kept = self.config.vault.write(&self.entry(), &bytes).await;
        kept.map_err(AccessError::Vault)
    }

    pub(super) fn entry(&self) -> String {
        format!("grant.{}", self.config.name)
    }

    pub(super) fn set(&self, grant: Option<Grant>, unsaved: bool) {
        let standing = match &grant {
            None => Standing::SignedOut,
            Some(grant) if grant.is_over() => Standing::Ended(grant.user.clone()),
            Some(grant) => Standing::SignedIn(grant.user.clone()),
        };
        {
            let mut state = self.state();
            state.grant = grant;
            state.unsaved = unsaved;
        }
        self.standing.send_if_modified(|before| {
            let changed = *before != standing;
            *before = standing;
            changed
        });
    }

    pub(super) fn tell(&self, moment: Moment) {
        if let Some(watch) = &self.watch {
            watch(moment);
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        // Nothing under this lock panics half-way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
