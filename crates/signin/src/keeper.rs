//! Keeps one user signed in: the one place that uses the refresh token.
//!
//! A refresh token is good for one use at most providers, and used twice it ends the sign-in. So
//!
//! - one refresh is under way in this process, and whoever needs its outcome waits for that one;
//! - one is under way on this machine ([`Lock`]), and whoever waited for it looks first whether the
//!   other has brought what is needed;
//! - before the token is used, that is noted in the vault; its successor is written over it in one
//!   step. Whoever finds the note uses the same token again: within its reuse interval a provider
//!   gives the same answer, and one that has no such interval says `invalid_grant`.
//!
//! Nothing but that ends a sign-in. The access token is used until it expires in any case.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use offhook_client::Access;
use offhook_vault::Vault;
use secrecy::SecretString;
use tokio::sync::watch;

use crate::access::AccessError;
use crate::clock::{pause, unix_ms};
use crate::grant::{Grant, GrantError};
use crate::issuer::{Issuer, IssuerError};
use crate::lock::{Lock, LockError};
use crate::standing::{Moment, Standing, Watch};

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

/// What a keeper needs.
#[derive(Debug, Clone)]
pub struct Config {
    /// The name of the sign-in: of its entry in the vault, and of its lock.
    pub name: String,
    /// Where it is kept.
    pub vault: Vault,
    /// Where lock files are: the same folder for every process of the user's.
    pub locks: PathBuf,
    /// Who gave it.
    pub issuer: Arc<dyn Issuer>,
}

/// Keeps one user signed in. Cheap to clone.
#[derive(Clone)]
pub struct Keeper(Arc<Inner>);

struct Inner {
    config: Config,
    watch: Option<Watch>,
    state: Mutex<State>,
    standing: watch::Sender<Standing>,
}

#[derive(Default)]
struct State {
    /// The last that was read or written.
    grant: Option<Grant>,
    /// Given by the provider, and not in the vault yet.
    unsaved: bool,
    /// The refresh that is under way.
    renewing: Option<Renewing>,
    /// Whether an answer that may have been lost is being asked for again.
    recovering: bool,
}

type Outcome = Result<(), AccessError>;
type Renewing = watch::Receiver<Option<Outcome>>;

impl Keeper {
    /// Keeps what is in the vault under this name. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// Where the vault or what is kept there cannot be used.
    pub async fn open(config: Config) -> Result<Self, AccessError> {
        Self::open_watched(config, None).await
    }

    /// The same, and tells the steps of each refresh.
    ///
    /// # Errors
    /// Those of [`open`](Self::open).
    pub async fn open_watched(config: Config, watch: Option<Watch>) -> Result<Self, AccessError> {
        let keeper = Self(Arc::new(Inner {
            config,
            watch,
            state: Mutex::default(),
            standing: watch::Sender::new(Standing::default()),
        }));
        let grant = keeper.0.read().await?;
        let in_use = grant.as_ref().is_some_and(Grant::is_in_use);
        keeper.0.set(grant, false);
        if in_use {
            tracing::info!("the answer to the last refresh did not arrive; asking again");
            keeper.0.renew_in_background();
        }
        Ok(keeper)
    }

    /// Who is signed in, now and from now on.
    #[must_use]
    pub fn standing(&self) -> watch::Receiver<Standing> {
        self.0.standing.subscribe()
    }

    /// Keeps a new sign-in in place of the last one, which the provider is told about.
    ///
    /// # Errors
    /// Where the vault does not take it; it is used all the same, until this process ends.
    pub async fn adopt(&self, grant: Grant) -> Result<(), AccessError> {
        let inner = &self.0;
        let lock = inner.lock().await?;
        let before = inner.read().await.unwrap_or_else(|error| {
            tracing::warn!("the last sign-in could not be read, and is replaced: {error}");
            None
        });
        let kept = inner.keep(&grant).await;
        inner.set(Some(grant), kept.is_err());
        drop(lock);
        if let Some(before) = before.filter(|before| !before.is_over()) {
            let inner = Arc::clone(inner);
            tokio::spawn(async move { inner.revoke(&before).await });
        }
        kept
    }

    /// Signs out: nothing is kept any more, and the provider is told.
    ///
    /// # Errors
    /// Where the vault does not let go of it. The provider may be out of reach; that is logged.
    pub async fn sign_out(&self) -> Result<(), AccessError> {
        let inner = &self.0;
        let lock = inner.lock().await?;
        let kept = inner.read().await.unwrap_or_default();
        let grant = kept.or_else(|| inner.state().grant.clone());
        inner.set(None, false);
        let deleted = inner.config.vault.delete(&inner.entry()).await;
        drop(lock);
        if let Some(grant) = grant.filter(|grant| !grant.is_over()) {
            inner.revoke(&grant).await;
        }
        deleted.map_err(AccessError::Vault)
    }

    /// An access token that is good for 30 s at least, and is not the one that was `refused`.
    ///
    /// May be dropped at any point: a refresh that has begun goes on by itself.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn access(&self, refused: Option<&SecretString>) -> Result<Access, AccessError> {
        for _ in 0..2 {
            if let Some(access) = self.0.at_hand(refused)? {
                return Ok(access);
            }
            self.0.renew(refused.cloned()).await?;
        }
        // Another process has replaced what was brought for us, or the provider gives tokens that
        // are as good as expired.
        self.0.at_hand(refused)?.ok_or_else(|| {
            AccessError::Issuer(IssuerError::Untrustworthy {
                detail: "its access tokens expire at once".to_owned(),
            })
        })
    }
}

impl Inner {
    /// What is in memory, if that will do. Where little is left of it, another one is asked for in
    /// the background.
    fn at_hand(
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
            (access, grant.is_stale(now) && !grant.is_over())
        };
        if stale {
            self.renew_in_background();
        }
        Ok(Some(access))
    }

    fn renew_in_background(self: &Arc<Self>) {
        let inner = Arc::clone(self);
        tokio::spawn(async move { inner.renew(None).await });
    }

    /// Waits for the refresh that is under way, or for a new one.
    async fn renew(self: &Arc<Self>, refused: Option<SecretString>) -> Outcome {
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
    async fn renew_here(self: &Arc<Self>, refused: Option<&SecretString>) -> Outcome {
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
        if grant.is_over() {
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
    async fn newest(&self) -> Result<Grant, AccessError> {
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
    fn recover(self: &Arc<Self>) {
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

    async fn revoke(&self, grant: &Grant) {
        if let Err(error) = self.config.issuer.revoke(grant).await {
            tracing::warn!("the sign-in service was not told of the sign-out: {error}");
        }
    }

    async fn lock(&self) -> Result<Lock, AccessError> {
        let path = self.config.locks.join(format!("{}.lock", self.entry()));
        let lock = Lock::take(&path).await;
        lock.map_err(|error: LockError| AccessError::Lock(error.to_string()))
    }

    async fn read(&self) -> Result<Option<Grant>, AccessError> {
        let kept = self.config.vault.read(&self.entry()).await;
        let kept = kept.map_err(AccessError::Vault)?;
        Ok(kept.as_ref().map(Grant::read).transpose()?)
    }

    async fn keep(&self, grant: &Grant) -> Result<(), AccessError> {
        let bytes = grant.to_bytes();
        let kept = self.config.vault.write(&self.entry(), &bytes).await;
        kept.map_err(AccessError::Vault)
    }

    fn entry(&self) -> String {
        format!("grant.{}", self.config.name)
    }

    fn set(&self, grant: Option<Grant>, unsaved: bool) {
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

    fn tell(&self, moment: Moment) {
        if let Some(watch) = &self.watch {
            watch(moment);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing under this lock panics half-way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keeper")
            .field("name", &self.0.config.name)
            .finish_non_exhaustive()
    }
}
