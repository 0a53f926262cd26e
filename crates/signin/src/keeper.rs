//! Keeps one user signed in: the one place that uses the refresh token.
//!
//! A refresh token is good for one use at most providers, and used twice it ends the sign-in. So
//!
//! - one refresh is under way in this process, and whoever needs its outcome waits for that one;
//! - one is under way on this machine ([`Lock`](crate::lock::Lock)), and whoever waited for it looks first whether the
//!   other has brought what is needed;
//! - before the token is used, that is noted in the vault; its successor is written over it in one
//!   step. Whoever finds the note uses the same token again: within its reuse interval a provider
//!   gives the same answer, and one that has no such interval says `invalid_grant`.
//!
//! Nothing but that ends a sign-in. The access token is used until it expires in any case.

mod renewal;

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use offhook_client::Access;
use offhook_vault::Vault;
use secrecy::SecretString;
use tokio::sync::watch;

use crate::access::AccessError;
use crate::clock::pause;
use crate::grant::Grant;
use crate::issuer::{Issuer, IssuerError};
use crate::standing::{Standing, Watch};

/// How long a provider has to take note of a sign-out.
const FAREWELL: Duration = Duration::from_secs(5);

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
        let keeper = Self::with(config, watch);
        let grant = keeper.0.read().await?;
        let in_use = grant.as_ref().is_some_and(Grant::is_in_use);
        keeper.0.set(grant, false);
        if in_use {
            tracing::info!("the answer to the last refresh did not arrive; asking again");
            keeper.0.renew_in_background();
        }
        Ok(keeper)
    }

    /// Keeps a sign-in that is still to come, without a look at what is in the vault: for where that
    /// cannot be read.
    #[must_use]
    pub fn anew(config: Config) -> Self {
        Self::with(config, None)
    }

    fn with(config: Config, watch: Option<Watch>) -> Self {
        Self(Arc::new(Inner {
            config,
            watch,
            state: Mutex::default(),
            standing: watch::Sender::new(Standing::default()),
        }))
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
    /// Where the vault does not let go of it; the provider is told all the same, and what is kept is
    /// worth nothing. The provider may be out of reach; that is logged.
    pub async fn sign_out(&self) -> Result<(), AccessError> {
        let inner = &self.0;
        let lock = inner.lock().await?;
        let kept = inner.read().await.unwrap_or_default();
        let grant = kept.or_else(|| inner.state().grant.clone());
        // From here on nobody is given an access token; who watches is told once it is done.
        inner.state().grant = None;
        let deleted = inner.config.vault.delete(&inner.entry()).await;
        drop(lock);
        if let Some(grant) = grant.filter(|grant| !grant.is_over()) {
            tokio::select! {
                () = inner.revoke(&grant) => {}
                () = pause(FAREWELL) => tracing::warn!("the sign-in service was not told in time"),
            }
        }
        // Where it is still kept, nobody is told that all is well.
        if deleted.is_ok() {
            inner.set(None, false);
        }
        deleted.map_err(AccessError::Vault)
    }

    /// An access token that is good for a while (30 s, or a quarter of its life), and is not the one that was `refused`.
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

impl fmt::Debug for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keeper")
            .field("name", &self.0.config.name)
            .finish_non_exhaustive()
    }
}
